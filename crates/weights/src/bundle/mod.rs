//! The model file: what training leaves behind, in one safetensors file that needs nothing beside it.
//!
//! Head, backbone (or the hash of the one it needs), class names, preprocessing and provenance. The formats are
//! specified in `docs/model-file.md`: 1 for a backbone in f32, 2 for one in int8. Both are read forever.

mod integers;
mod read;
mod seal;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use icecap_graph::{Net, Params, Precision, Spec};
use icecap_kernels::Tensor;

use crate::{Digest, IntegerBackbone, Quantization, Record};

/// The number of the model format that is written for a backbone in f32.
pub const FORMAT: u64 = 1;

/// The number of the model format that is written for a backbone in int8, and of the latest that is read.
pub const INTEGER_FORMAT: u64 = 2;

/// The metadata keys of a model file beside its record's.
mod key {
    pub(super) const FORMAT: &str = "format";
    pub(super) const CLASSES: &str = "classes";
    pub(super) const BACKBONE: &str = "backbone";
    pub(super) const INPUT_SIZE: &str = "input_size";
    pub(super) const INPUT_RESIZE: &str = "input_resize";
    pub(super) const INPUT_EXIF: &str = "input_exif";
    pub(super) const WEIGHTS_FILE_SHA256: &str = "weights_file_sha256";
    pub(super) const TEMPERATURE: &str = "temperature";
    pub(super) const TOOL_VERSION: &str = "tool_version";
    pub(super) const DATA_FINGERPRINT: &str = "data_fingerprint";
    pub(super) const TRAINING_PREFIX: &str = "training.";
}

const EMBEDDED: &str = "embedded";
const PINNED: &str = "pinned";
const HEAD_KERNEL: &str = "head/kernel";
const HEAD_BIAS: &str = "head/bias";

/// A trained classifier, as a model file holds it.
#[derive(Clone, Debug)]
pub struct Model {
    /// The names of the classes, at least two, in the order of their indices.
    pub classes: Vec<String>,
    /// The weights of the head, of shape [features, logits]: one logit for two classes (above 0 is the second), else
    /// one per class.
    pub head_kernel: Tensor,
    /// The bias of the head, one value per logit.
    pub head_bias: Vec<f32>,
    /// The net below the head, or the hash of the one to bring.
    pub backbone: BackbonePart,
    /// The record of the backbone's weights. Its `file_sha256` is the hash of the file that they came in.
    pub record: Record,
    /// How a photo becomes the input of the backbone.
    pub preprocessing: Preprocessing,
    /// The number that logits are divided by before they become probabilities; 1 leaves them as they are.
    pub temperature: f32,
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
}

impl Model {
    /// Returns the number of logits of the head: one for two classes, else one per class.
    #[must_use]
    pub fn logits(&self) -> usize {
        logits(self.classes.len())
    }

    /// Says what does not fit among classes, head and backbone, and what to do about it.
    pub(crate) fn check(&self) -> Result<(), String> {
        check_classes(&self.classes)?;
        let (shape, logits) = (self.head_kernel.shape(), self.logits());
        let features = shape.dims().first().copied().unwrap_or(0);
        if shape.dims() != [features, logits] || features == 0 || self.head_bias.len() != logits {
            return Err(format!(
                "a head of shape {shape} with {} biases for {} classes; expected [features, {logits}] and {logits}",
                self.head_bias.len(),
                self.classes.len()
            ));
        }
        for (name, values) in [(HEAD_KERNEL, self.head_kernel.data()), (HEAD_BIAS, &self.head_bias)] {
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                let value = values[index];
                return Err(format!(
                    "'{name}' holds {value} at index {index}; training diverged, use a smaller learning rate"
                ));
            }
        }
        check_temperature(self.temperature)?;
        if let Some(spec) = self.backbone.spec() {
            let channels = spec.feature_channels();
            if features != channels {
                return Err(format!("a head for {features} features on a backbone with {channels}"));
            }
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

fn logits(classes: usize) -> usize {
    if classes == 2 { 1 } else { classes }
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
