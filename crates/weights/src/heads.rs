//! A trained head as a file for the framework that trained the backbone, or trains on.
//!
//! | | Keras | torchvision |
//! |---|---|---|
//! | names | `dense/kernel`, `dense/bias` | `classifier.1.weight`, `classifier.1.bias` |
//! | kernel | [features, logits] | [logits, features] |
//! | two classes | one logit, sigmoid: `BinaryCrossentropy` | two logits, softmax: `CrossEntropyLoss` |
//!
//! Of our one logit z, torchvision's two are 0 and z: a row of zeros and the head's own. Their softmax is
//! (1, e^z) / (1 + e^z), which is what the sigmoid of z and 1 minus it are, so nothing is lost or approximated; and the
//! larger logit is the second class' wherever z is above 0.
//!
//! A head of several layers has `dense`, `dense_1`, … in Keras, and in torchvision the places that a `Sequential` of dropout,
//! linear, activation, linear, … gives them: `classifier.1`, `classifier.3`, …. The metadata say what each layer's outputs go
//! through.
//!
//! A head fits the features that it was trained on. The file states the hash of the net that makes them.

use std::collections::BTreeMap;
use std::path::Path;

use icecap_kernels::Shape;

use crate::bundle::Model;
use crate::params_digest::for_each_le_chunk;
use crate::{DenseLayer, Error, safetensors};

/// Keys of a model file that are not true of a head alone.
const NOT_TOLD: [&str; 5] = ["format", "backbone", "layout", "size", "resize"];

/// A framework whose names and shapes the file of a head has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeadLayout {
    /// The layer `Dense` of Keras.
    Keras,
    /// The classifier of torchvision's `mobilenet_v2`.
    Torchvision,
}

/// One tensor of a head's file.
struct Part {
    name: String,
    shape: Shape,
    values: Vec<f32>,
}

impl Part {
    fn new(name: String, dims: &[usize], values: Vec<f32>) -> Result<Self, Error> {
        let refuse =
            |error: icecap_kernels::Error| Error::Model { path: THE_HEAD.into(), reason: error.to_string() };
        Ok(Self { name, shape: Shape::new(dims).map_err(refuse)?, values })
    }
}

/// What errors call the file.
const THE_HEAD: &str = "the head";

impl HeadLayout {
    /// Returns the name of the layout in metadata.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keras => "keras",
            Self::Torchvision => "torchvision",
        }
    }

    /// Kernel and bias of each layer of a model's head.
    fn parts(self, model: &Model) -> Result<Vec<Part>, Error> {
        let mut parts = Vec::new();
        for (index, layer) in model.layers.iter().enumerate() {
            // Only of the last layer of a head that tells two classes apart.
            let adds_zeros = index + 1 == model.layers.len() && layer.outputs() < model.classes.len();
            parts.extend(match self {
                Self::Keras => keras(layer, index)?,
                Self::Torchvision => torchvision(layer, index, adds_zeros)?,
            });
        }
        Ok(parts)
    }
}

/// A layer as Keras has it.
fn keras(layer: &DenseLayer, index: usize) -> Result<[Part; 2], Error> {
    let name = if index == 0 { "dense".to_owned() } else { format!("dense_{index}") };
    let (inputs, outputs) = (layer.inputs(), layer.outputs());
    Ok([
        Part::new(format!("{name}/kernel"), &[inputs, outputs], layer.kernel.data().to_vec())?,
        Part::new(format!("{name}/bias"), &[outputs], layer.bias.clone())?,
    ])
}

/// A layer as torchvision has it, with an output of zeros before its own if `adds_zeros`.
fn torchvision(layer: &DenseLayer, index: usize, adds_zeros: bool) -> Result<[Part; 2], Error> {
    let (inputs, own) = (layer.inputs(), layer.outputs());
    let zeros = usize::from(adds_zeros);
    let (mut rows, mut biases) = (vec![0.0; zeros * inputs], vec![0.0; zeros]);
    for output in 0..own {
        rows.extend(layer.kernel.data().iter().skip(output).step_by(own));
    }
    biases.extend(&layer.bias);
    let module = format!("classifier.{}", 2 * index + 1);
    Ok([
        Part::new(format!("{module}.weight"), &[biases.len(), inputs], rows)?,
        Part::new(format!("{module}.bias"), &[biases.len()], biases)?,
    ])
}

impl Model {
    /// Returns the bytes of a safetensors file with the head alone, its tensors named and shaped as `layout` has them.
    /// The metadata holds the classes, how a photo becomes the input of the net, and the hash of the net that makes the
    /// features.
    ///
    /// # Errors
    /// [`Error::Model`] if the parts of the model do not fit each other; [`Error::Limit`] if the class names do not fit
    /// the header.
    pub fn head_to_bytes(&self, layout: HeadLayout) -> Result<Vec<u8>, Error> {
        let path = Path::new(THE_HEAD);
        self.check().map_err(|reason| Error::Model { path: path.into(), reason })?;
        let parts = layout.parts(self)?;
        let tensors: Vec<_> =
            parts.iter().map(|part| (part.name.as_str(), safetensors::Element::F32, part.shape)).collect();
        let mut bytes = safetensors::header(&self.head_metadata(layout), &tensors);
        safetensors::check_header_length(path, bytes.len())?;
        for part in &parts {
            for_each_le_chunk(&part.values, |chunk| bytes.extend_from_slice(chunk));
        }
        Ok(bytes)
    }

    fn head_metadata(&self, layout: HeadLayout) -> BTreeMap<String, String> {
        let mut metadata = self.metadata();
        metadata.retain(|key, _| !NOT_TOLD.contains(&key.as_str()));
        let activation = match layout {
            _ if self.multi_label => "sigmoid",
            HeadLayout::Keras if self.logits() == 1 => "sigmoid",
            _ => "softmax",
        };
        for (key, value) in [("head_layout", layout.name()), ("head_activation", activation)] {
            metadata.insert(key.to_owned(), value.to_owned());
        }
        metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::safetensors::parse;
    use crate::onnx::tests::model;

    fn tensors(model: &Model, layout: HeadLayout) -> Vec<(String, Shape, Vec<f32>)> {
        let bytes = model.head_to_bytes(layout).unwrap();
        assert_eq!(bytes, model.clone().head_to_bytes(layout).unwrap());
        let file = parse(&bytes, Path::new("head")).unwrap();
        assert_eq!(file.metadata()["classes"], serde_json::json!(model.classes).to_string());
        assert_eq!(file.metadata()["params_sha256"], model.record.params_sha256.to_string());
        let activation =
            if layout == HeadLayout::Keras && model.logits() == 1 { "sigmoid" } else { "softmax" };
        assert_eq!(file.metadata()["head_activation"], activation);
        let tensor = |name: &str| file.tensor(name).unwrap();
        let names: Vec<&str> = file.names().collect();
        names
            .iter()
            .map(|name| (name.to_string(), tensor(name).shape(), tensor(name).data().to_vec()))
            .collect()
    }

    #[test]
    fn keras_takes_the_head_as_it_is() {
        for classes in [2, 5] {
            let model = model(classes);
            let logits = model.logits();
            let expected = [
                ("dense/bias".to_owned(), Shape::of([logits]), model.layers[0].bias.clone()),
                (
                    "dense/kernel".to_owned(),
                    Shape::of([1280, logits]),
                    model.layers[0].kernel.data().to_vec(),
                ),
            ];
            let mut got = tensors(&model, HeadLayout::Keras);
            got.sort_by(|a, b| a.0.cmp(&b.0));
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn torchvision_has_a_row_for_each_class() {
        for classes in [2, 5] {
            let model = model(classes);
            let logits = model.logits();
            let mut got = tensors(&model, HeadLayout::Torchvision);
            got.sort_by(|a, b| a.0.cmp(&b.0));
            let [(bias_name, bias_shape, bias), (name, shape, rows)] = &got[..] else { panic!("{got:?}") };
            assert_eq!((bias_name.as_str(), name.as_str()), ("classifier.1.bias", "classifier.1.weight"));
            assert_eq!((*bias_shape, *shape), (Shape::of([classes]), Shape::of([classes, 1280])));
            // Two classes: a row of zeros before the head's own.
            let zeros = classes - logits;
            for class in 0..classes {
                let row = &rows[class * 1280..][..1280];
                let Some(logit) = class.checked_sub(zeros) else {
                    assert!(bias[class] == 0.0 && row.iter().all(|value| *value == 0.0));
                    continue;
                };
                assert_eq!(bias[class], model.layers[0].bias[logit]);
                assert!(
                    (0..1280).all(
                        |feature| row[feature] == model.layers[0].kernel.data()[feature * logits + logit]
                    )
                );
            }
        }
    }

    #[test]
    fn a_head_that_is_no_numbers_is_refused() {
        let mut model = model(2);
        model.layers[0].bias[0] = f32::NAN;
        for layout in [HeadLayout::Keras, HeadLayout::Torchvision] {
            assert!(matches!(model.head_to_bytes(layout), Err(Error::Model { .. })));
        }
    }
}
