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
//! A head fits the features that it was trained on. The file states the hash of the net that makes them.

use std::collections::BTreeMap;
use std::path::Path;

use icecap_kernels::Shape;

use crate::bundle::Model;
use crate::params_digest::for_each_le_chunk;
use crate::{Error, safetensors};

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
type Part = (&'static str, Shape, Vec<f32>);

impl HeadLayout {
    /// Returns the name of the layout in metadata.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keras => "keras",
            Self::Torchvision => "torchvision",
        }
    }

    /// Kernel and bias of a model's head.
    fn parts(self, model: &Model) -> Result<[Part; 2], Error> {
        let (kernel, bias) = (model.head_kernel.data(), &model.head_bias);
        let (features, logits) = (kernel.len() / bias.len(), bias.len());
        let shape = |dims: &[usize]| {
            Shape::new(dims)
                .map_err(|error| Error::Model { path: "the head".into(), reason: error.to_string() })
        };
        Ok(match self {
            Self::Keras => [
                ("dense/kernel", shape(&[features, logits])?, kernel.to_vec()),
                ("dense/bias", shape(&[logits])?, bias.clone()),
            ],
            Self::Torchvision => {
                let mut rows = Vec::with_capacity(features * model.classes.len());
                let mut biases = Vec::with_capacity(model.classes.len());
                if logits < model.classes.len() {
                    rows.resize(features, 0.0);
                    biases.push(0.0);
                }
                for logit in 0..logits {
                    rows.extend(kernel.iter().skip(logit).step_by(logits));
                }
                biases.extend(bias);
                let outputs = biases.len();
                [
                    ("classifier.1.weight", shape(&[outputs, features])?, rows),
                    ("classifier.1.bias", shape(&[outputs])?, biases),
                ]
            }
        })
    }
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
        let path = Path::new("the head");
        self.check().map_err(|reason| Error::Model { path: path.into(), reason })?;
        let parts = layout.parts(self)?;
        let tensors = parts.each_ref().map(|(name, shape, _)| (*name, safetensors::Element::F32, *shape));
        let mut bytes = safetensors::header(&self.head_metadata(layout), &tensors);
        safetensors::check_header_length(path, bytes.len())?;
        for (.., values) in &parts {
            for_each_le_chunk(values, |chunk| bytes.extend_from_slice(chunk));
        }
        Ok(bytes)
    }

    fn head_metadata(&self, layout: HeadLayout) -> BTreeMap<String, String> {
        let mut metadata = self.metadata();
        metadata.retain(|key, _| !NOT_TOLD.contains(&key.as_str()));
        let activation = match layout {
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
                ("dense/bias".to_owned(), Shape::of([logits]), model.head_bias.clone()),
                ("dense/kernel".to_owned(), Shape::of([1280, logits]), model.head_kernel.data().to_vec()),
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
                assert_eq!(bias[class], model.head_bias[logit]);
                assert!(
                    (0..1280)
                        .all(|feature| row[feature] == model.head_kernel.data()[feature * logits + logit])
                );
            }
        }
    }

    #[test]
    fn a_head_that_is_no_numbers_is_refused() {
        let mut model = model(2);
        model.head_bias[0] = f32::NAN;
        for layout in [HeadLayout::Keras, HeadLayout::Torchvision] {
            assert!(matches!(model.head_to_bytes(layout), Err(Error::Model { .. })));
        }
    }
}
