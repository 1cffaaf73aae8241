//! Engines of others, where a Python has them, and what they are asked: models, pixels and our own answers in files.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use icecap::advanced::data::{Limits, Loader, ResizeMode, scan_photos};
use icecap::advanced::graph::{Input, Numerics, Tap};
use icecap::advanced::kernels::{Shape, Tensor};
use icecap::advanced::weights::{
    DenseHead, DenseLayer, FileHead, HeadOutput, Weights, params_digest, starter,
};
use icecap::learn::{FeatureSet, Rate, Steps};
use icecap::model::{Head, HeadLayer, Preprocessing, Provenance};
use icecap::{Backbone, Classifier, Settings, TrainOptions};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

use crate::place::Place;
use crate::skipped::skipped;

/// The interpreter that has the packages of others. Without it, says in one line that the test is skipped.
pub(crate) fn python() -> Option<String> {
    let name = std::env::var("ICECAP_TEST_PYTHON").ok().filter(|name| !name.is_empty());
    if name.is_none() {
        skipped("ICECAP_TEST_PYTHON is not set");
    }
    name
}

/// Runs a script of `tools/reference`; none where a package is missing.
pub(crate) fn check(script: &str, arguments: &[&str]) -> Option<Value> {
    const MISSING: i32 = 77;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/reference").join(script);
    let output = Command::new(python()?).arg("-B").arg(script).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(MISSING) {
        skipped(said.trim());
        return None;
    }
    assert!(output.status.success(), "{arguments:?}: {said}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// A safetensors file of f32 tensors, `pixels` as u8 where they are given so.
pub(crate) fn write_case(path: &Path, floats: &[(&str, &[usize], &[f32])], bytes: Option<(&[usize], &[u8])>) {
    let raw: Vec<Vec<u8>> =
        floats.iter().map(|(.., v)| v.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let mut tensors = BTreeMap::new();
    for ((name, shape, _), raw) in floats.iter().zip(&raw) {
        tensors.insert((*name).to_owned(), TensorView::new(Dtype::F32, shape.to_vec(), raw).unwrap());
    }
    if let Some((shape, values)) = bytes {
        tensors.insert("pixels".to_owned(), TensorView::new(Dtype::U8, shape.to_vec(), values).unwrap());
    }
    safetensors::serialize_to_file(tensors, None, path).unwrap();
}

/// Probabilities and logits of pooled features, row by row.
pub(crate) fn scores(classifier: &Classifier, pooled: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let rows = pooled.chunks_exact(classifier.backbone().features());
    let all: Vec<_> = rows.map(|row| classifier.of_features(row)).collect();
    let probabilities = all.iter().flat_map(|one| one.probabilities.clone()).collect();
    (probabilities, all.iter().flat_map(|one| one.logits.clone()).collect())
}

/// Resized pixels of photos, as the classifier's own loader makes them.
pub(crate) fn load(classifier: &Classifier, photos: &[PathBuf]) -> Vec<f32> {
    let preprocessing = classifier.preprocessing();
    let mut loader = Loader::new(classifier.backbone().isa(), Limits::default(), preprocessing.decoding());
    photos.iter().flat_map(|photo| loader.load(photo, &preprocessing.resize).unwrap().pixels).collect()
}

/// A head for `classes`, trained a little on `rows` of features, so that its biases are not zero. That for three classes has a
/// hidden layer.
pub(crate) fn head(backbone: &Backbone, pooled: &[f32], classes: usize) -> Head {
    let rows = pooled.len() / backbone.features();
    let features = Tensor::from_slice(Shape::of([rows, backbone.features()]), pooled).unwrap();
    let set = FeatureSet::new(features, (0..rows as u32).map(|row| row % classes as u32).collect()).unwrap();
    let hidden = (classes == 3).then_some(24);
    let steps = Steps { epochs: 20.into(), rate: Rate::Fixed(1e-2), hidden, ..Default::default() };
    let options = TrainOptions { seed: 1, ..steps.into() };
    let mut head = Head::for_training(backbone.features(), classes, &options).unwrap();
    head.train(backbone.isa(), &set, &set, &options, |_| ControlFlow::Continue(())).unwrap();
    head
}

/// A classifier on the starter's tensors under other numbers, and the pixels of drawn photos.
pub(crate) fn on_starter(
    place: &Place,
    numerics: Numerics,
    size: [usize; 2],
    classes: usize,
) -> (Classifier, Vec<f32>) {
    let Weights { params, mut record, .. } = starter().unwrap();
    let params = params.with_numerics(numerics).unwrap();
    (record.numerics, record.params_sha256, record.size) = (numerics, params_digest(&params), Some(size));
    let backbone = Backbone::new(Weights::new(params, record), Settings::default()).unwrap();
    let preprocessing = Preprocessing::for_training(&backbone).unwrap();
    assert_eq!(preprocessing.resize.mode, ResizeMode::Squash);
    let of = |head| {
        let names = (0..classes).map(|class| format!("Klasse '{class}' ä")).collect();
        let provenance = Provenance {
            classes: names,
            data_fingerprint: "drawn".to_owned(),
            training: TrainOptions::default().metadata(),
        };
        let of = Classifier::from_head(&backbone, preprocessing, head, provenance);
        of.unwrap().with_temperature(0.6).unwrap()
    };
    let photos = scan_photos(&place.path("photos")).unwrap().0;
    let pixels = load(&of(Head::untrained(1280, classes, 0).unwrap()), &photos);
    let mut pooled = vec![0.0; photos.len() * 1280];
    let mut session = backbone.session(preprocessing.size(), Tap::Pooled).unwrap();
    session.run(Input::F32(&pixels), &mut pooled).unwrap();
    (of(head(&backbone, &pooled, classes)), pixels)
}

/// A classifier on the starter with three labels, any of which a photo may have, behind a hidden layer; and the pixels of
/// drawn photos.
pub(crate) fn labels_on_starter(place: &Place) -> (Classifier, Vec<f32>) {
    let size = [96, 96];
    let (trained, pixels) = on_starter(place, Numerics::KERAS, size, 3);
    let layer = |layer: HeadLayer<'_>| DenseLayer {
        kernel: layer.kernel.clone(),
        bias: layer.bias.data().to_vec(),
        activation: layer.activation,
    };
    let mut weights = starter().unwrap();
    weights.record.size = Some(size);
    let layers = trained.head().layers().map(layer).collect();
    weights.head = FileHead::Layers(DenseHead::new(layers, HeadOutput::Sigmoids).unwrap());
    let names = trained.classes().to_vec();
    (Classifier::from_weights(weights, names, Settings::default()).unwrap(), pixels)
}
