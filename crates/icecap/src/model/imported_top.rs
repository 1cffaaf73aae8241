//! Weights whose classification top somebody trained on classes of their own become a classifier.

use std::collections::BTreeMap;

use icecap_graph::{Params, TOP_BIAS, TOP_KERNEL};
use icecap_kernels::{Shape, Tensor};
use icecap_weights::{Activation, DenseHead, DenseLayer, FileHead, HeadOutput, Weights, check_classes};

use crate::error::Error;
use crate::model::backbone::Backbone;
use crate::model::classifier::{Classifier, Provenance};
use crate::model::head::Head;
use crate::model::preprocessing::Preprocessing;
use crate::model::settings::Settings;

impl Classifier {
    /// Makes a classifier from weights with a head on pooled features: one dense layer, or several, as a user of Keras or
    /// torchvision trains them. `classes` are the names of its outputs in their order.
    ///
    /// A head of one logit (Keras' sigmoid) tells two classes apart, above 0 the second. Two logits become one, their
    /// difference, computed in f64 and rounded once: the softmax of two is the sigmoid of that. A head with a sigmoid for
    /// each of several outputs gives labels (multi-label).
    ///
    /// A photo becomes the input as the record says, with the size for a classification top, turned as its EXIF says.
    /// If the net was trained on another size, set `weights.record.size` first.
    ///
    /// # Errors
    /// [`Error::Graph`] for weights without a head, [`Error::UnreadableHead`] if it cannot be read; [`Error::Setting`] if the names do not fit its outputs;
    /// [`Error::Data`] for a resize rule that is not known; otherwise what [`Backbone::new`] returns.
    pub fn from_weights(weights: Weights, classes: Vec<String>, settings: Settings) -> Result<Self, Error> {
        let head = head(&weights, &classes)?;
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

/// What the file has on the net's features, as a head for `classes`.
fn head(weights: &Weights, classes: &[String]) -> Result<Head, Error> {
    let refused = |what, reason| Error::Setting { what, reason };
    let found = match &weights.head {
        FileHead::None => return Err(icecap_graph::Error::NoTop.into()),
        FileHead::Unreadable { reason } => return Err(Error::UnreadableHead { reason: reason.clone() }),
        FileHead::Top => top(&weights.params)?,
        FileHead::Layers(found) => found.clone(),
    };
    check_classes(classes).map_err(|reason| refused("classes", reason))?;
    let (outputs, multi_label) = (found.outputs(), found.output() == HeadOutput::Sigmoids);
    let (expected, tells) = match multi_label {
        true => (outputs, "gives"),
        false => (outputs.max(2), "tells apart"),
    };
    if classes.len() != expected {
        let what = if multi_label { "labels" } else { "classes" };
        let reason = format!(
            "{} names for weights whose top {tells} {expected} {what}; name each of them once, in the order of its outputs",
            classes.len()
        );
        return Err(refused("classes", reason));
    }
    let mut layers = found.into_layers();
    if outputs == 2
        && !multi_label
        && let Some(last) = layers.pop()
    {
        layers.push(one_logit(&last)?);
    }
    Head::from_layers(layers, classes.len(), multi_label)
}

/// The classification top of a net.
fn top(params: &Params) -> Result<DenseHead, Error> {
    let tensor = |name| params.tensors().find(|(other, _)| *other == name).map(|(_, tensor)| tensor);
    let (Some(kernel), Some(bias)) = (tensor(TOP_KERNEL), tensor(TOP_BIAS)) else {
        return Err(icecap_graph::Error::NoTop.into());
    };
    let (kernel, bias) = (kernel.clone(), bias.data().to_vec());
    let layer = DenseLayer { kernel, bias, activation: Activation::None };
    DenseHead::new(vec![layer], HeadOutput::Logits).map_err(|reason| Error::UnreadableHead { reason })
}

/// The layer whose one logit is the difference of the two of `layer`.
fn one_logit(layer: &DenseLayer) -> Result<DenseLayer, Error> {
    let difference = |pair: &[f32]| (f64::from(pair[1]) - f64::from(pair[0])) as f32;
    let columns: Vec<f32> = layer.kernel.data().chunks_exact(2).map(difference).collect();
    let bias = difference(&layer.bias);
    if !columns.iter().chain([&bias]).all(|value| value.is_finite()) {
        let reason = "its two outputs differ by more than f32 holds".to_owned();
        return Err(Error::Setting { what: "head", reason });
    }
    let kernel = Tensor::from_slice(Shape::new(&[columns.len(), 1])?, &columns)?;
    Ok(DenseLayer { kernel, bias: vec![bias], activation: Activation::None })
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

    /// The starter with a head of layers of these sizes, relu between them.
    fn with_layers(sizes: &[usize], output: HeadOutput) -> Weights {
        let mut weights = starter().unwrap();
        let mut stream = Stream::new(7, Purpose::Test, 0, sizes.len() as u32);
        let last = sizes.len() - 2;
        let layer = |(index, pair): (usize, &[usize])| {
            let limit = 2.0 / (pair[0] as f32).sqrt();
            let mut values =
                |count: usize| -> Vec<f32> { (0..count).map(|_| stream.range(-limit, limit)).collect() };
            let kernel =
                Tensor::from_slice(Shape::of([pair[0], pair[1]]), &values(pair[0] * pair[1])).unwrap();
            let activation = if index == last { Activation::None } else { Activation::Relu };
            DenseLayer { kernel, bias: values(pair[1]), activation }
        };
        let layers = sizes.windows(2).enumerate().map(layer).collect();
        weights.head = FileHead::Layers(DenseHead::new(layers, output).unwrap());
        weights
    }

    /// Logits of a head of layers on one row of features, in f64.
    fn of_layers(weights: &Weights, row: &[f32]) -> Vec<f32> {
        let FileHead::Layers(head) = &weights.head else { panic!("{:?}", weights.head) };
        let mut x: Vec<f64> = row.iter().map(|&x| x.into()).collect();
        for layer in head.layers() {
            let mut y: Vec<f64> = layer.bias.iter().map(|&b| b.into()).collect();
            for (x, weights) in x.iter().zip(layer.kernel.data().chunks(y.len())) {
                y.iter_mut().zip(weights).for_each(|(y, &w)| *y += x * f64::from(w));
            }
            let open = |y: f64| if layer.activation == Activation::Relu { y.max(0.0) } else { y };
            x = y.into_iter().map(open).collect();
        }
        x.into_iter().map(|x| x as f32).collect()
    }

    #[test]
    fn a_head_of_layers_says_the_same_as_a_classifier_and_comes_back_from_its_file() {
        let mut stream = Stream::new(8, Purpose::Test, 0, 0);
        let row: Vec<f32> = (0..1280).map(|_| stream.range(0.0, 3.0)).collect();
        let sigmoid = |logit: &f32| 1.0 / (1.0 + (-logit).exp());
        for (sizes, output, classes) in [
            (&[1280, 50, 4][..], HeadOutput::Softmax, 4),
            (&[1280, 50, 30, 2], HeadOutput::Softmax, 2),
            (&[1280, 20, 1], HeadOutput::Sigmoid, 2),
            (&[1280, 20, 2], HeadOutput::Sigmoids, 2),
            (&[1280, 3], HeadOutput::Sigmoids, 3),
            (&[1280, 9, 3], HeadOutput::Logits, 3),
        ] {
            let weights = with_layers(sizes, output);
            let expected = match output {
                HeadOutput::Sigmoids => of_layers(&weights, &row).iter().map(sigmoid).collect(),
                _ => probabilities(&of_layers(&weights, &row)),
            };
            let classifier = Classifier::from_weights(weights, names(classes), Settings::threads(1)).unwrap();
            let got = classifier.of_features(&row);
            for (got, expected) in got.probabilities.iter().zip(&expected) {
                assert!((got - expected).abs() < 1e-5, "{sizes:?}: {got} {expected}");
            }
            assert_eq!(got.probabilities.len(), classes);
            assert_eq!(got.label, format!("class {}", got.class));
            let labels: Vec<usize> = (0..classes).filter(|&class| expected[class] >= 0.5).collect();
            let mut told = got.labels.clone();
            told.iter_mut().for_each(|labels| labels.sort_unstable());
            assert_eq!(told, (output == HeadOutput::Sigmoids).then_some(labels));
            // Many rows at once are each what it says alone.
            let rows = row.repeat(300);
            let mut logits = vec![0.0; 300 * classifier.head().logits()];
            classifier.head().packed().run(classifier.backbone().isa(), &rows, &mut logits);
            assert!(logits.chunks(got.logits.len()).all(|one| one == got.logits));
            for backbone in [SaveBackbone::Embedded, SaveBackbone::Pinned] {
                let bytes = classifier.to_bytes(backbone).unwrap();
                let opening = Classifier::builder().backbone(classifier.backbone());
                assert_eq!(opening.bytes(&bytes, "saved").unwrap().of_features(&row), got);
            }
        }
    }

    #[test]
    fn a_head_that_cannot_be_read_is_refused_by_its_reason() {
        let mut weights = starter().unwrap();
        weights.head = FileHead::Unreadable { reason: "'lstm': no such layer".to_owned() };
        let error = Classifier::from_weights(weights, names(2), Settings::threads(1)).unwrap_err();
        assert!(error.to_string().contains("'lstm': no such layer"), "{error}");
        let error = Classifier::from_weights(
            with_layers(&[1280, 3], HeadOutput::Sigmoids),
            names(2),
            Settings::threads(1),
        );
        assert!(error.unwrap_err().to_string().contains("gives 3 labels"));
        let error = Classifier::from_weights(
            with_layers(&[100, 3], HeadOutput::Softmax),
            names(3),
            Settings::threads(1),
        );
        assert!(error.unwrap_err().to_string().contains("100 features"));
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
        let weights = Weights::new(params, weights.record);
        assert!(matches!(head(&weights, &names(2)), Err(Error::Setting { what: "head", .. })));
    }
}
