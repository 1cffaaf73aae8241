//! The model file: what training leaves behind, in one safetensors file that needs nothing beside it.
//!
//! Head, backbone (or the hash of the one it needs), class names, preprocessing and provenance. The formats are
//! specified in `docs/model-file.md`: 1 for a backbone in f32, 2 for one in int8, 3 for a head of several layers or of
//! several labels on either, 4 for a classifier that has JPEGs decoded otherwise than accurately, 5 for one of two classes
//! that has a threshold of its own. All are read forever.

mod head;
mod integers;
mod novelty;
mod read;
mod seal;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use icecap_graph::{Net, Params, Precision, Spec};
use icecap_kernels::jpeg::Dct;

pub(crate) use novelty::NOVELTY;
pub use novelty::{MAX_CENTERS, StoredCenter, StoredNovelty};

use crate::{
    Activation, DenseHead, DenseLayer, Digest, HeadOutput, IntegerBackbone, MAX_HEAD_LAYERS, Quantization,
    Record,
};

/// The number of the model format that is written for a backbone in f32.
pub const FORMAT: u64 = 1;

/// The number of the model format that is written for a backbone in int8.
pub const INTEGER_FORMAT: u64 = 2;

/// The number of the model format that is written for a head of several layers or of several labels.
pub const LAYERED_FORMAT: u64 = 3;

/// The number of the model format that is written where JPEGs are to be decoded by another transform than the accurate one.
/// Its head may be as in [`LAYERED_FORMAT`].
pub const DCT_FORMAT: u64 = 4;

/// The number of the model format that is written where the second of two classes is told from another probability on than
/// a half, and of the latest that is read. Its head and its way to decode may be as in the formats before.
pub const THRESHOLD_FORMAT: u64 = 5;

/// The metadata keys of a model file beside its record's.
mod key {
    pub(super) const FORMAT: &str = "format";
    pub(super) const CLASSES: &str = "classes";
    pub(super) const BACKBONE: &str = "backbone";
    pub(super) const INPUT_SIZE: &str = "input_size";
    pub(super) const INPUT_RESIZE: &str = "input_resize";
    pub(super) const INPUT_EXIF: &str = "input_exif";
    pub(super) const INPUT_DCT: &str = "input_dct";
    pub(super) const WEIGHTS_FILE_SHA256: &str = "weights_file_sha256";
    pub(super) const TEMPERATURE: &str = "temperature";
    pub(super) const THRESHOLD: &str = "threshold";
    pub(super) const TOOL_VERSION: &str = "tool_version";
    pub(super) const DATA_FINGERPRINT: &str = "data_fingerprint";
    pub(super) const TRAINING_PREFIX: &str = "training.";
}

const EMBEDDED: &str = "embedded";
const PINNED: &str = "pinned";

/// A trained classifier, as a model file holds it.
#[derive(Clone, Debug)]
pub struct Model {
    /// The names of the classes, at least two, in the order of their indices.
    pub classes: Vec<String>,
    /// The dense layers of the head, the one on the pooled features first. What leaves the last one are the logits: one for
    /// two classes (above 0 is the second), else one per class.
    pub layers: Vec<DenseLayer>,
    /// Whether each class is a label of its own, which any photo may have or not: its logit then goes through a sigmoid, and
    /// two classes have two logits.
    pub multi_label: bool,
    /// The net below the head, or the hash of the one to bring.
    pub backbone: BackbonePart,
    /// The record of the backbone's weights. Its `file_sha256` is the hash of the file that they came in.
    pub record: Record,
    /// How a photo becomes the input of the backbone.
    pub preprocessing: Preprocessing,
    /// The number that logits are divided by before they become probabilities; 1 leaves them as they are.
    pub temperature: f32,
    /// The probability from which the second of two classes is told; [`DEFAULT_THRESHOLD`] where nobody chose another.
    pub threshold: f32,
    /// What tells photos that are unlike those of the training, if the model keeps that.
    pub novelty: Option<StoredNovelty>,
    /// The version of the program that wrote the model.
    pub tool_version: String,
    /// A text that tells the photos of the training from others, a hash of them for instance.
    pub data_fingerprint: String,
    /// Other facts of the training that are worth keeping, by name.
    pub training: BTreeMap<String, String>,
}

/// A model, and the net of its backbone ready to run.
#[derive(Debug)]
pub struct OpenedModel {
    /// The model that was read.
    pub model: Model,
    /// The net of the embedded backbone, packed for inference in its own precision; `None` if the model was saved
    /// without its backbone.
    pub net: Option<Net>,
}

/// Where a model's backbone is.
#[derive(Clone, Debug)]
pub enum BackbonePart {
    /// The net is in the file, without a classification top.
    Embedded(Arc<Params>),
    /// The net is in the file, in integers.
    Integers(IntegerBackbone),
    /// The net is elsewhere: it is the one with this `params_sha256`, and no other.
    Pinned(Digest),
    /// The net is elsewhere, in integers of this hash, which came to be so. No file is saved like that.
    PinnedIntegers(Digest, Quantization),
}

impl BackbonePart {
    /// Returns the channel counts of the net; `None` if it is elsewhere.
    #[must_use]
    pub fn spec(&self) -> Option<&Spec> {
        match self {
            Self::Embedded(params) => Some(params.spec()),
            Self::Integers(backbone) => Some(&backbone.net.spec),
            Self::Pinned(_) | Self::PinnedIntegers(..) => None,
        }
    }

    /// Returns the precision of the features that the head was trained on.
    #[must_use]
    pub fn precision(&self) -> Precision {
        match self {
            Self::Embedded(_) | Self::Pinned(_) => Precision::F32,
            Self::Integers(_) | Self::PinnedIntegers(..) => Precision::Int8,
        }
    }
}

/// How a photo becomes the input of the backbone, in plain values. Pixel scaling belongs to the [`Record`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preprocessing {
    /// Rows and columns of the input, in pixels.
    pub size: [usize; 2],
    /// The resize rule: `squash`, or `center-crop` and the share of the shorter side that is kept.
    pub resize: String,
    /// What is done with an EXIF orientation: `apply` or `ignore`.
    pub exif: String,
    /// How JPEGs are decoded.
    pub dct: Dct,
}

impl Model {
    /// Returns the number of logits of the head: one for two classes of which one is true, else one per class.
    #[must_use]
    pub fn logits(&self) -> usize {
        match self.classes.len() {
            2 if !self.multi_label => 1,
            classes => classes,
        }
    }

    /// Returns how many pooled features the head reads.
    #[must_use]
    pub fn features(&self) -> usize {
        self.layers.first().map_or(0, DenseLayer::inputs)
    }

    /// Returns the head as a chain of layers that was checked.
    ///
    /// # Errors
    /// A sentence that says what does not fit.
    pub fn head(&self) -> Result<DenseHead, String> {
        let output = match (self.multi_label, self.logits()) {
            (true, _) => HeadOutput::Sigmoids,
            (false, 1) => HeadOutput::Sigmoid,
            (false, _) => HeadOutput::Softmax,
        };
        DenseHead::new(self.layers.clone(), output)
    }

    /// The name of the tensor of a layer, which is counted from 0.
    fn tensor_name(&self, layer: usize, part: &str) -> String {
        let layered = head::is_layered(&self.layers, self.multi_label);
        head::tensor_name(layered.then_some(layer + 1), part)
    }

    /// Says what does not fit among classes, head and backbone, and what to do about it.
    pub(crate) fn check(&self) -> Result<(), String> {
        check_classes(&self.classes)?;
        self.check_shapes()?;
        for (index, layer) in self.layers.iter().enumerate() {
            for (part, values) in [("kernel", layer.kernel.data()), ("bias", &layer.bias)] {
                if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                    return Err(format!(
                        "'{}' holds {} at index {at}; training diverged, use a smaller learning rate",
                        self.tensor_name(index, part),
                        values[at]
                    ));
                }
            }
        }
        check_temperature(self.temperature)?;
        check_threshold(self.threshold)?;
        if self.threshold != DEFAULT_THRESHOLD && (self.multi_label || self.logits() != 1) {
            return Err(format!(
                "a threshold for {} classes; only two of which one is true have one",
                self.classes.len()
            ));
        }
        if let Some(novelty) = &self.novelty {
            novelty.check(self.features())?;
        }
        if let Some(spec) = self.backbone.spec() {
            let (features, channels) = (self.features(), spec.feature_channels());
            if features != channels {
                return Err(format!("a head for {features} features on a backbone with {channels}"));
            }
        }
        Ok(())
    }

    /// Says which layer does not fit the one before it or the classes.
    fn check_shapes(&self) -> Result<(), String> {
        if self.layers.is_empty() || self.layers.len() > MAX_HEAD_LAYERS {
            return Err(format!("a head of {} layers; expected 1 to {MAX_HEAD_LAYERS}", self.layers.len()));
        }
        let (last, mut inputs) = (self.layers.len() - 1, self.features());
        for (index, layer) in self.layers.iter().enumerate() {
            let outputs = if index == last { self.logits() } else { layer.outputs() };
            let (shape, biases) = (layer.kernel.shape(), layer.bias.len());
            if inputs == 0 || outputs == 0 || shape.dims() != [inputs, outputs] || biases != outputs {
                return Err(format!(
                    "a head whose '{}' has shape {shape} with {biases} biases, for {} classes; expected [{}, {outputs}] \
                     and {outputs}",
                    self.tensor_name(index, "kernel"),
                    self.classes.len(),
                    if index == 0 { "features".to_owned() } else { inputs.to_string() },
                ));
            }
            if index == last && layer.activation != Activation::None {
                return Err(format!("logits that go through {}; expected none", layer.activation));
            }
            inputs = outputs;
        }
        Ok(())
    }
}

/// The range in which a temperature makes sense, and in which no logit that f32 holds becomes infinite or NaN by it.
const TEMPERATURES: std::ops::RangeInclusive<f32> = 1e-3..=1e3;

fn check_temperature(temperature: f32) -> Result<(), String> {
    if TEMPERATURES.contains(&temperature) {
        return Ok(());
    }
    Err(format!(
        "a temperature of {temperature}; expected a number from 0.001 to 1000, 1 to leave confidence as it is"
    ))
}

/// The probability from which the second of two classes is told where nobody chose another.
pub const DEFAULT_THRESHOLD: f32 = 0.5;

fn check_threshold(threshold: f32) -> Result<(), String> {
    if threshold > 0.0 && threshold < 1.0 {
        return Ok(());
    }
    Err(format!("a threshold of {threshold}; expected a probability between 0 and 1"))
}

/// Checks the names of a classifier's classes: at least two, none empty, none twice.
///
/// # Errors
/// A sentence that says which name is wrong, and how.
pub fn check_classes(classes: &[String]) -> Result<(), String> {
    if classes.len() < 2 {
        return Err("a classifier has at least two classes".to_owned());
    }
    let mut seen = BTreeSet::new();
    for name in classes {
        if name.is_empty() || !seen.insert(name) {
            return Err(format!("class name {:?} is empty or stands twice", crate::shown::shown(name)));
        }
    }
    Ok(())
}
