//! Weights whose classification top somebody trained on classes of their own become a classifier.

use std::collections::BTreeMap;

use icecap_graph::{Params, TOP_BIAS, TOP_KERNEL};
use icecap_kernels::{Shape, Tensor};
use icecap_weights::{FileHead, Weights, check_classes};

use crate::error::Error;
use crate::model::backbone::Backbone;
use crate::model::classifier::{Classifier, Provenance};
use crate::model::head::Head;
use crate::model::preprocessing::Preprocessing;
use crate::model::settings::Settings;

impl Classifier {
    /// Makes a classifier from weights that have a classification top: pooling and one dense layer, as a user of Keras or
    /// torchvision trains them. `classes` are the names of its outputs in their order.
    ///
    /// A top of one logit (Keras' sigmoid) tells two classes apart, above 0 the second. A top of two logits becomes one,
    /// their difference, computed in f64 and rounded once: the softmax of two is the sigmoid of that.
    ///
    /// A photo becomes the input as the record says, with the size for a classification top, turned as its EXIF says.
    /// If the net was trained on another size, set `weights.record.size` first.
    ///
    /// # Errors
    /// [`Error::Graph`] for weights without a top; [`Error::Setting`] if the names do not fit its outputs;
    /// [`Error::Data`] for a resize rule that is not known; otherwise what [`Backbone::new`] returns.
    pub fn from_weights(weights: Weights, classes: Vec<String>, settings: Settings) -> Result<Self, Error> {
        let head = match &weights.head {
            FileHead::Unreadable { reason } => return Err(Error::UnreadableHead { reason: reason.clone() }),
            FileHead::Layers(layers) => {
                return Err(Error::UnreadableHead {
                    reason: format!("it has {} dense layers", layers.layers().len()),
                });
            }
            FileHead::None | FileHead::Top => head(&weights.params, &classes)?,
        };
        let Weights { params, record, .. } = weights;
        let provenance = Provenance {
            classes,
            data_fingerprint: format!("weights {}", record.file_sha256),
            training: BTreeMap::from([("head".to_owned(), "the weights' own top".to_owned())]),
        };
        let backbone = Backbone::new(Weights::new(params.without_top(), record), settings)?;
        let preprocessing = Preprocessing::for_classification(&backbone)?;
        Self::from_head(&backbone, preprocessing, head, provenance)
    }
}

/// The top as a head for `classes`.
fn head(params: &Params, classes: &[String]) -> Result<Head, Error> {
    let refused = |what, reason| Error::Setting { what, reason };
    let tensor = |name| params.tensors().find(|(other, _)| *other == name).map(|(_, tensor)| tensor);
    let (Some(kernel), Some(bias)) = (tensor(TOP_KERNEL), tensor(TOP_BIAS)) else {
        return Err(icecap_graph::Error::NoTop.into());
    };
    check_classes(classes).map_err(|reason| refused("classes", reason))?;
    let logits = bias.data().len();
    let expected = logits.max(2);
    if classes.len() != expected {
        let reason = format!(
            "{} names for weights whose top tells {expected} classes apart; name each of them once, in the order of \
             its outputs",
            classes.len()
        );
        return Err(refused("classes", reason));
    }
    if logits != 2 {
        return Ok(Head::from_parts(kernel.clone(), bias.clone(), classes.len()));
    }
    let difference = |pair: &[f32]| (f64::from(pair[1]) - f64::from(pair[0])) as f32;
    let columns: Vec<f32> = kernel.data().chunks_exact(2).map(difference).collect();
    let bias = difference(bias.data());
    if !columns.iter().chain([&bias]).all(|value| value.is_finite()) {
        let reason = format!("the two outputs of '{TOP_KERNEL}' differ by more than f32 holds");
        return Err(refused("head", reason));
    }
    let kernel = Tensor::from_slice(Shape::of([columns.len(), 1]), &columns)?;
    Ok(Head::from_parts(kernel, Tensor::from_slice(Shape::of([1]), &[bias])?, 2))
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use icecap_kernels::rng::{Purpose, Stream};
    use icecap_weights::{params_digest, starter};

    use super::*;
    use crate::judge::metrics::probabilities;
    use crate::model::classifier::SaveBackbone;
    use crate::model::source::Source;

    /// The starter with a random top.
    fn with_top(logits: usize) -> Weights {
        let Weights { params, mut record, .. } = starter().unwrap();
        let mut tensors: BTreeMap<String, Tensor> =
            params.tensors().map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect();
        let mut stream = Stream::new(5, Purpose::Test, 0, logits as u32);
        for (name, shape) in [(TOP_KERNEL, Shape::of([1280, logits])), (TOP_BIAS, Shape::of([logits]))] {
            let values: Vec<f32> = (0..shape.elements()).map(|_| stream.range(-0.2, 0.2)).collect();
            tensors.insert(name.to_owned(), Tensor::from_slice(shape, &values).unwrap());
        }
        record.size = Some([96, 128]);
        let params = Params::new(params.spec().clone(), *params.numerics(), tensors).unwrap();
        Weights::new(params, record)
    }

    fn names(classes: usize) -> Vec<String> {
        (0..classes).map(|class| format!("class {class}")).collect()
    }

    /// Logits of the top on one row of features, in f64.
    fn of_top(weights: &Weights, row: &[f32]) -> Vec<f32> {
        let tensor = |name| weights.params.tensors().find(|(other, _)| *other == name).unwrap().1.data();
        let (kernel, bias) = (tensor(TOP_KERNEL), tensor(TOP_BIAS));
        let sum = |logit: usize| {
            let terms = row.iter().enumerate();
            let sum: f64 = terms
                .map(|(feature, &x)| f64::from(x) * f64::from(kernel[feature * bias.len() + logit]))
                .sum();
            (sum + f64::from(bias[logit])) as f32
        };
        (0..bias.len()).map(sum).collect()
    }

    #[test]
    fn a_trained_top_says_the_same_as_a_classifier() {
        let mut stream = Stream::new(6, Purpose::Test, 0, 0);
        let row: Vec<f32> = (0..1280).map(|_| stream.range(0.0, 3.0)).collect();
        for (logits, classes) in [(1, 2), (2, 2), (3, 3), (10, 10)] {
            let weights = with_top(logits);
            let expected = probabilities(&of_top(&weights, &row));
            let classifier = Classifier::from_weights(weights, names(classes), Settings::threads(1)).unwrap();
            assert_eq!(classifier.preprocessing().size(), [96, 128]);
            assert_eq!(classifier.head().logits(), if classes == 2 { 1 } else { classes });
            let got = classifier.of_features(&row);
            for (got, expected) in got.probabilities.iter().zip(&expected) {
                assert!((got - expected).abs() < 1e-5, "{logits}: {got} {expected}");
            }
            assert_eq!(got.label, format!("class {}", got.class));
        }
    }

    #[test]
    fn it_is_a_model_like_any_other() {
        let weights = with_top(2);
        let hash = params_digest(&weights.params);
        let classifier = Classifier::from_weights(weights, names(2), Settings::threads(1)).unwrap();
        assert_eq!(classifier.backbone().record().params_sha256, hash);
        let bytes = classifier.to_bytes(SaveBackbone::Embedded).unwrap();
        let again = Classifier::builder().settings(Settings::threads(1)).bytes(&bytes, "saved").unwrap();
        assert_eq!(
            (again.classes(), again.preprocessing()),
            (classifier.classes(), classifier.preprocessing())
        );
        let mut photo = std::io::Cursor::new(Vec::new());
        let pixels = image::RgbImage::from_fn(50, 40, |x, y| image::Rgb([x as u8 * 5, y as u8 * 6, 99]));
        pixels.write_to(&mut photo, image::ImageFormat::Png).unwrap();
        let photo = photo.into_inner();
        let predict = |classifier: &Classifier| {
            let mut predictor = classifier.predictor().unwrap();
            let all = predictor.predict(&[Source::Bytes(&photo)], &|_| ControlFlow::Continue(()));
            all.unwrap().pop().unwrap().unwrap()
        };
        assert_eq!(predict(&again), predict(&classifier));
    }

    #[test]
    fn names_that_do_not_fit_are_refused() {
        let refused = |weights: Weights, classes: Vec<String>, word: &str| {
            let error = Classifier::from_weights(weights, classes, Settings::threads(1)).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            error
        };
        refused(with_top(1), names(3), "2 classes");
        refused(with_top(2), names(1), "at least two");
        refused(with_top(3), names(2), "3 classes");
        refused(with_top(2), vec!["same".to_owned(); 2], "twice");
        let error = refused(starter().unwrap(), names(2), "top");
        assert!(matches!(error, Error::Graph(icecap_graph::Error::NoTop)));
    }

    #[test]
    fn outputs_too_far_apart_are_refused() {
        let weights = with_top(2);
        let mut tensors: BTreeMap<String, Tensor> =
            weights.params.tensors().map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect();
        tensors.insert(TOP_BIAS.to_owned(), Tensor::from_slice(Shape::of([2]), &[-3e38, 3e38]).unwrap());
        let params = Params::new(weights.params.spec().clone(), *weights.params.numerics(), tensors).unwrap();
        assert!(matches!(head(&params, &names(2)), Err(Error::Setting { what: "head", .. })));
    }
}
