//! A MobileNetV2 as it was trained: convolutions and BatchNorm apart, by Keras layer name.

use std::collections::BTreeMap;

use icecap_kernels::{Shape, Tensor};

use crate::{Error, Spec, spec::INPUT_CHANNELS};

/// How a 3x3 convolution of stride 2 pads its input. Belongs to the weights, not to the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// TensorFlow's `same`: as little as gives `ceil(n / stride)` outputs, the odd pixel at the bottom and right.
    Same,
    /// PyTorch's `padding=1`: one pixel on every side.
    Symmetric,
}

impl Padding {
    /// Padding before and after a side of `n` pixels under a 3-wide window.
    #[must_use]
    pub fn amounts(self, n: usize, stride: usize) -> (usize, usize) {
        match self {
            Self::Same => {
                let total = ((n.div_ceil(stride) - 1) * stride + 3).saturating_sub(n);
                (total / 2, total - total / 2)
            }
            Self::Symmetric => (1, 1),
        }
    }
}

/// What the net expects of a pixel value `v` in 0 to 255: `v * scale + shift`, for red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// Factors.
    pub scale: [f32; 3],
    /// Summands.
    pub shift: [f32; 3],
}

impl Scaling {
    /// To [-1, 1], as Keras' `mobilenet_v2.preprocess_input` does.
    pub const SIGNED: Self = Self { scale: [1.0 / 127.5; 3], shift: [-1.0; 3] };

    /// To `(v / 255 - mean) / std`, as torchvision and timm do.
    #[must_use]
    pub fn mean_std(mean: [f32; 3], std: [f32; 3]) -> Self {
        Self {
            scale: std::array::from_fn(|c| (1.0 / (255.0 * f64::from(std[c]))) as f32),
            shift: std::array::from_fn(|c| (-f64::from(mean[c]) / f64::from(std[c])) as f32),
        }
    }
}

/// The numbers that belong to trained weights beside their tensors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numerics {
    /// Added to BatchNorm's variance: 1e-3 in Keras, 1e-5 in PyTorch.
    pub epsilon: f32,
    /// How stride-2 convolutions pad.
    pub padding: Padding,
    /// What the first convolution expects of a pixel.
    pub scaling: Scaling,
}

impl Numerics {
    /// Keras' own: epsilon 1e-3, `same`, [-1, 1].
    pub const KERAS: Self = Self { epsilon: 1e-3, padding: Padding::Same, scaling: Scaling::SIGNED };
}

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
    /// The classification top is there where `predictions/kernel` is.
    ///
    /// # Shapes
    /// Convolutions [height, width, in, out], depthwise [3, 3, channels, 1], BatchNorm vectors `[channels]`,
    /// `predictions/kernel` [features, classes].
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::ExtraTensor`], [`Error::TensorShape`], [`Error::TensorValue`] with the
    /// tensor's name; [`Error::Numerics`].
    pub fn new(spec: Spec, numerics: Numerics, tensors: BTreeMap<String, Tensor>) -> Result<Self, Error> {
        check_numerics(&numerics)?;
        let classes =
            tensors.get(TOP_KERNEL).map(|kernel| kernel.shape().dims().last().copied().unwrap_or(0));
        let expected = tensor_shapes(&spec, classes);
        for (name, shape) in &expected {
            let tensor = tensors
                .get(name)
                .ok_or_else(|| Error::MissingTensor { name: name.clone(), expected: *shape })?;
            if tensor.shape() != *shape {
                return Err(Error::TensorShape { name: name.clone(), expected: *shape, got: tensor.shape() });
            }
            check_values(name, tensor.data())?;
        }
        match tensors.keys().find(|name| !expected.contains_key(*name)) {
            Some(name) => Err(Error::ExtraTensor { name: name.clone() }),
            None => Ok(Self { spec, classes, numerics, tensors }),
        }
    }

    /// The channel counts.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Epsilon, padding and pixel scaling.
    #[must_use]
    pub fn numerics(&self) -> &Numerics {
        &self.numerics
    }

    /// Classes of the classification top, where there is one.
    #[must_use]
    pub fn classes(&self) -> Option<usize> {
        self.classes
    }

    /// All tensors in the order of their names.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The tensors of the net up to its features, without the classification top, in the order of their names.
    pub fn backbone_tensors(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors().filter(|(name, _)| !is_top(name))
    }

    /// The same tensors under other numbers.
    ///
    /// # Errors
    /// [`Error::Numerics`] for one that cannot be used.
    pub fn with_numerics(mut self, numerics: Numerics) -> Result<Self, Error> {
        check_numerics(&numerics)?;
        self.numerics = numerics;
        Ok(self)
    }

    /// Leaves the classification top out.
    #[must_use]
    pub fn without_top(mut self) -> Self {
        self.tensors.retain(|name, _| !is_top(name));
        self.classes = None;
        self
    }

    /// The values of a tensor of this net.
    ///
    /// # Panics
    /// Where the net has no tensor of that name: every name of [`tensor_shapes`] was checked by [`Params::new`].
    pub(crate) fn values(&self, layer: &str, variable: &str) -> &[f32] {
        match self.tensors.get(&format!("{layer}/{variable}")) {
            Some(tensor) => tensor.data(),
            None => panic!("checked params lack '{layer}/{variable}'"),
        }
    }
}

const TOP_KERNEL: &str = "predictions/kernel";
const TOP_BIAS: &str = "predictions/bias";

fn is_top(name: &str) -> bool {
    name == TOP_KERNEL || name == TOP_BIAS
}

/// BatchNorm's four vectors, by Keras' names.
pub const BATCH_NORM: [&str; 4] = ["gamma", "beta", "moving_mean", "moving_variance"];

/// The name and shape of every tensor of a net, with a classification top of `classes` where given.
#[must_use]
pub fn tensor_shapes(spec: &Spec, classes: Option<usize>) -> BTreeMap<String, Shape> {
    let mut shapes = BTreeMap::new();
    let mut conv = |layer: &str, norm: &str, kernel: [usize; 4]| {
        let channels = if kernel[3] == 1 && kernel[0] == 3 { kernel[2] } else { kernel[3] };
        shapes.insert(format!("{layer}/kernel"), Shape::of(kernel));
        for variable in BATCH_NORM {
            shapes.insert(format!("{norm}/{variable}"), Shape::of([channels]));
        }
    };
    conv("Conv1", "bn_Conv1", [3, 3, INPUT_CHANNELS, spec.stem_channels()]);
    let mut last = spec.stem_channels();
    for block in spec.blocks() {
        let prefix = &block.prefix;
        let mut part =
            |part: &str, kernel| conv(&format!("{prefix}_{part}"), &format!("{prefix}_{part}_BN"), kernel);
        if block.has_expand() {
            part("expand", [1, 1, block.input, block.expanded]);
        }
        part("depthwise", [3, 3, block.expanded, 1]);
        part("project", [1, 1, block.expanded, block.output]);
        last = block.output;
    }
    conv("Conv_1", "Conv_1_bn", [1, 1, last, spec.feature_channels()]);
    if let Some(classes) = classes {
        shapes.insert(TOP_KERNEL.to_owned(), Shape::of([spec.feature_channels(), classes]));
        shapes.insert(TOP_BIAS.to_owned(), Shape::of([classes]));
    }
    shapes
}

fn check_numerics(numerics: &Numerics) -> Result<(), Error> {
    let Numerics { epsilon, scaling, .. } = numerics;
    let usable = |what, value: f32, ok: bool| if ok { Ok(()) } else { Err(Error::Numerics { what, value }) };
    usable("BatchNorm's epsilon", *epsilon, epsilon.is_finite() && *epsilon > 0.0)?;
    for c in 0..INPUT_CHANNELS {
        usable("the pixel scale", scaling.scale[c], scaling.scale[c].is_normal())?;
        usable("the pixel shift", scaling.shift[c], scaling.shift[c].is_finite())?;
    }
    Ok(())
}

fn check_values(name: &str, values: &[f32]) -> Result<(), Error> {
    let variance = name.ends_with("/moving_variance");
    match values.iter().position(|v| !v.is_finite() || (variance && *v < 0.0)) {
        Some(index) => Err(Error::TensorValue { name: name.to_owned(), index, value: values[index] }),
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
    fn tensorflow_same_padding_puts_the_odd_pixel_last() {
        assert_eq!(Padding::Same.amounts(160, 2), (0, 1));
        assert_eq!(Padding::Same.amounts(97, 2), (1, 1));
        assert_eq!(Padding::Same.amounts(1, 2), (1, 1));
        assert_eq!(Padding::Same.amounts(5, 1), (1, 1));
        assert_eq!(Padding::Symmetric.amounts(160, 2), (1, 1));
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
}
