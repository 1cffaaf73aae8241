//! A MobileNetV2 as it was trained: convolutions and BatchNorm apart, by Keras layer name.

use std::collections::BTreeMap;

use icecap_kernels::{Shape, Tensor};

use crate::{
    error::Error,
    numerics::Numerics,
    spec::Spec,
    topology::{BATCH_NORM, TOP_BIAS, TOP_KERNEL, sections},
};

/// A trained net: its channel counts, its numbers, and its tensors by Keras name. Every tensor was checked.
#[derive(Clone, Debug)]
pub struct Params {
    spec: Spec,
    classes: Option<usize>,
    numerics: Numerics,
    tensors: BTreeMap<String, Tensor>,
}

impl Params {
    /// Checks that `tensors` holds each tensor of the net, in its shape, with usable values, and no other.
    ///
    /// The net has a classification top if `predictions/kernel` is among them.
    ///
    /// # Shapes
    /// Convolutions [height, width, in, out], depthwise [3, 3, channels, 1], BatchNorm vectors `[channels]`,
    /// `predictions/kernel` [features, classes].
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::ExtraTensor`], [`Error::TensorShape`] and [`Error::TensorValue`] with the
    /// name of the tensor in question; [`Error::Numerics`] for numbers that cannot be used.
    pub fn new(spec: Spec, numerics: Numerics, tensors: BTreeMap<String, Tensor>) -> Result<Self, Error> {
        numerics.check()?;
        let classes =
            tensors.get(TOP_KERNEL).map(|kernel| kernel.shape().dims().last().copied().unwrap_or(0));
        let expected = tensor_shapes(&spec, classes);
        for (name, &expected) in &expected {
            let missing = || Error::MissingTensor { name: name.clone(), expected };
            check_tensor(name, tensors.get(name).ok_or_else(missing)?, expected)?;
        }
        match tensors.keys().find(|name| !expected.contains_key(*name)) {
            Some(name) => Err(Error::ExtraTensor { name: name.clone() }),
            None => Ok(Self { spec, classes, numerics, tensors }),
        }
    }

    /// Returns the channel counts.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Returns epsilon, padding and pixel scaling.
    #[must_use]
    pub fn numerics(&self) -> &Numerics {
        &self.numerics
    }

    /// Returns the number of classes of the classification top; `None` for a net without one.
    #[must_use]
    pub fn classes(&self) -> Option<usize> {
        self.classes
    }

    /// Iterates over all tensors in the order of their names.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Returns the tensor of this name; `None` if the net has none.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// Iterates over the tensors of the net up to its features, without the classification top, in the order of their
    /// names.
    pub fn backbone_tensors(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors().filter(|(name, _)| !is_top(name))
    }

    /// Replaces the tensors of these names, as training does with the ones that it moves; the others stay.
    ///
    /// # Errors
    /// [`Error::ExtraTensor`] for a name that the net does not have, [`Error::TensorShape`] and [`Error::TensorValue`]
    /// for a tensor that does not fit.
    pub fn with_tensors(
        mut self,
        tensors: impl IntoIterator<Item = (String, Tensor)>,
    ) -> Result<Self, Error> {
        for (name, tensor) in tensors {
            let Some(place) = self.tensors.get_mut(&name) else { return Err(Error::ExtraTensor { name }) };
            check_tensor(&name, &tensor, place.shape())?;
            *place = tensor;
        }
        Ok(self)
    }

    /// Replaces epsilon, padding and pixel scaling; the tensors stay.
    ///
    /// # Errors
    /// [`Error::Numerics`] for numbers that cannot be used.
    pub fn with_numerics(mut self, numerics: Numerics) -> Result<Self, Error> {
        numerics.check()?;
        self.numerics = numerics;
        Ok(self)
    }

    /// Returns these params without the classification top.
    #[must_use]
    pub fn without_top(mut self) -> Self {
        self.tensors.retain(|name, _| !is_top(name));
        self.classes = None;
        self
    }

    /// Returns the values of the tensor `name`.
    ///
    /// # Panics
    /// If the net has no tensor of that name; those of [`tensor_shapes`] are there.
    pub(crate) fn values(&self, name: &str) -> &[f32] {
        match self.tensors.get(name) {
            Some(tensor) => tensor.data(),
            None => panic!("checked params lack '{name}'"),
        }
    }
}

fn is_top(name: &str) -> bool {
    name == TOP_KERNEL || name == TOP_BIAS
}

/// Returns the name and shape of every tensor of a net; with those of a classification top if `classes` are given.
#[must_use]
pub fn tensor_shapes(spec: &Spec, classes: Option<usize>) -> BTreeMap<String, Shape> {
    let mut shapes = BTreeMap::new();
    for convolution in sections(spec, classes).flat_map(|section| section.convolutions) {
        let layer = convolution.layer;
        shapes.insert(layer.kernel(), convolution.kernel_shape());
        for variable in BATCH_NORM {
            shapes.insert(layer.vector(variable), Shape::of([convolution.outputs]));
        }
    }
    if let Some(classes) = classes {
        shapes.insert(TOP_KERNEL.to_owned(), Shape::of([spec.feature_channels(), classes]));
        shapes.insert(TOP_BIAS.to_owned(), Shape::of([classes]));
    }
    shapes
}

/// Refuses a tensor of another shape than its layer's, and one with values that no trained net has.
fn check_tensor(name: &str, tensor: &Tensor, expected: Shape) -> Result<(), Error> {
    if tensor.shape() != expected {
        return Err(Error::TensorShape { name: name.to_owned(), expected, got: tensor.shape() });
    }
    let variance = name.ends_with("/moving_variance");
    match tensor.data().iter().position(|v| !v.is_finite() || (variance && *v < 0.0)) {
        Some(index) => Err(Error::TensorValue { name: name.to_owned(), index, value: tensor.data()[index] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zeros(spec: &Spec) -> BTreeMap<String, Tensor> {
        tensor_shapes(spec, Some(10)).into_iter().map(|(name, shape)| (name, Tensor::zeros(shape))).collect()
    }

    #[test]
    fn a_width_one_net_has_keras_parameter_count() {
        let spec = Spec::with_width(1.0).unwrap();
        let count = |classes| tensor_shapes(&spec, classes).values().map(Shape::elements).sum::<usize>();
        assert_eq!(count(None), 2_257_984);
        assert_eq!(count(Some(1000)), 3_538_984);
    }

    #[test]
    fn a_missing_extra_misshapen_or_unusable_tensor_is_named() {
        let spec = Spec::with_width(0.35).unwrap();
        let keras = Numerics::KERAS;
        assert_eq!(Params::new(spec.clone(), keras, zeros(&spec)).unwrap().classes(), Some(10));
        for name in zeros(&spec).into_keys() {
            let mut tensors = zeros(&spec);
            tensors.remove(&name);
            let error = Params::new(spec.clone(), keras, tensors).unwrap_err();
            assert!(error.to_string().contains(&name) || name == TOP_KERNEL, "{error}");

            let mut tensors = zeros(&spec);
            tensors.insert(name.clone(), Tensor::zeros(Shape::of([1, 2])));
            assert!(matches!(Params::new(spec.clone(), keras, tensors), Err(Error::TensorShape { .. })));

            let mut tensors = zeros(&spec);
            if let Some(tensor) = tensors.get_mut(&name) {
                *tensor.data_mut().last_mut().unwrap() = f32::NAN;
            }
            let error = Params::new(spec.clone(), keras, tensors).unwrap_err();
            assert!(matches!(&error, Error::TensorValue { name: got, .. } if *got == name), "{error}");
        }
        let mut tensors = zeros(&spec);
        tensors.insert("block_17_expand/kernel".to_owned(), Tensor::zeros(Shape::of([1])));
        assert!(matches!(Params::new(spec.clone(), keras, tensors), Err(Error::ExtraTensor { .. })));
        let mut tensors = zeros(&spec);
        tensors.get_mut("bn_Conv1/moving_variance").unwrap().data_mut()[3] = -1.0;
        assert!(matches!(Params::new(spec, keras, tensors), Err(Error::TensorValue { index: 3, .. })));
    }

    #[test]
    fn tensors_are_replaced_by_such_as_fit_and_by_no_others() {
        let spec = Spec::with_width(0.35).unwrap();
        let params = Params::new(spec.clone(), Numerics::KERAS, zeros(&spec)).unwrap();
        for (name, shape) in tensor_shapes(&spec, Some(10)) {
            let filled = |shape, value| {
                let mut tensor = Tensor::zeros(shape);
                tensor.data_mut().fill(value);
                [(name.clone(), tensor)]
            };
            let replaced = params.clone().with_tensors(filled(shape, 0.5)).unwrap();
            for (other, tensor) in replaced.tensors() {
                let expected = if other == name { 0.5 } else { 0.0 };
                assert!(tensor.data().iter().all(|value| *value == expected), "{other} after {name}");
            }
            let unusable = params.clone().with_tensors(filled(shape, f32::INFINITY)).unwrap_err();
            assert!(matches!(&unusable, Error::TensorValue { name: got, .. } if *got == name), "{unusable}");
            let larger = Shape::of([shape.elements() + 1]);
            let misshapen = params.clone().with_tensors(filled(larger, 0.5)).unwrap_err();
            assert!(
                matches!(&misshapen, Error::TensorShape { name: got, .. } if *got == name),
                "{misshapen}"
            );
        }
        let unknown = [("block_17_expand/kernel".to_owned(), Tensor::zeros(Shape::of([1])))];
        assert!(matches!(params.with_tensors(unknown), Err(Error::ExtraTensor { .. })));
    }
}
