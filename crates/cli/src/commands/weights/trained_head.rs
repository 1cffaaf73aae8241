//! The head of a model that was trained or imported: what it takes, what it tells apart, how it came to be.

use std::path::Path;

use icecap::advanced::weights::{DenseHead, DenseLayer, HeadOutput, Model, Preprocessing};
use serde::Serialize;

use crate::terminal::wording::{counted, grouped, plain};
use icecap::advanced::foundation::date::day_of;

/// What a model file says of its head.
#[derive(Serialize)]
pub(super) struct TrainedHead {
    /// Pooled features that the first layer takes.
    features: usize,
    /// Numbers in its layers.
    parameters: u64,
    /// How a photo becomes the net's input.
    input: String,
    /// What was made as small as could be.
    loss: &'static str,
    /// Share of the features that was set to zero in training.
    dropout: Option<String>,
    optimizer: Option<String>,
    epochs: Option<String>,
    /// What logits are divided by before they are probabilities.
    temperature: f32,
    /// The probability from which the second of two classes is told; null of more.
    threshold: Option<f32>,
    /// Directions of features by which photos unlike those of the training are told; 0 where the model keeps none.
    novelty_centers: usize,
    #[serde(skip)]
    second: Option<String>,
    /// The version of the program that wrote the model.
    tool_version: String,
    /// The day on which the file was written; a model itself says nothing of time, so that the same training gives the same
    /// bytes.
    written: Option<String>,
}

impl TrainedHead {
    pub(super) fn of(model: &Model, file: &Path) -> Self {
        let training = |key: &str| model.training.get(key).cloned();
        let values = |layer: &DenseLayer| layer.kernel.data().len() + layer.bias.len();
        let by_steps = training("optimizer").is_some_and(|optimizer| optimizer != "lbfgs");
        Self {
            features: model.layers.first().map_or(0, |layer| layer.kernel.shape().dims()[0]),
            parameters: model.layers.iter().map(|layer| values(layer) as u64).sum(),
            input: input(&model.preprocessing),
            loss: match (model.multi_label, model.classes.len()) {
                (true, _) => "binary cross-entropy of each label",
                (false, 2) => "binary cross-entropy",
                (false, _) => "categorical cross-entropy",
            },
            dropout: training("dropout").filter(|_| by_steps),
            optimizer: training("optimizer"),
            epochs: training("epochs"),
            temperature: model.temperature,
            threshold: (model.classes.len() == 2 && !model.multi_label).then_some(model.threshold),
            novelty_centers: model.novelty.as_ref().map_or(0, |novelty| novelty.centers.len()),
            second: model.classes.get(1).cloned(),
            tool_version: model.tool_version.clone(),
            written: written(file),
        }
    }

    /// Returns what is told of it to people, line by line.
    pub(super) fn lines(&self) -> [(&'static str, String); 4] {
        let learned = match (&self.optimizer, &self.epochs) {
            (Some(optimizer), Some(epochs)) => {
                let told = epochs.parse().map_or_else(|_| epochs.clone(), |epochs| counted(epochs, "epoch"));
                let dropout =
                    self.dropout.as_ref().map_or(String::new(), |share| format!(", dropout {share}"));
                format!("{} by {optimizer}, {}{dropout}", self.loss, told)
            }
            _ => format!("not here: imported; its outputs are those of {}", self.loss),
        };
        let day = self.written.as_ref().map_or(String::new(), |day| format!(", file of {day}"));
        [
            (
                "head takes",
                format!(
                    "{} of a photo at {}; {}, temperature {}",
                    counted(self.features, "pooled feature"),
                    self.input,
                    grouped(self.parameters) + " trained values",
                    self.temperature
                ),
            ),
            ("head tells", self.told()),
            ("head learned", learned),
            ("made by", format!("icecap {}{day}", self.tool_version)),
        ]
    }
}

impl TrainedHead {
    /// Returns from where on a class is told, and whether photos of something else are.
    fn told(&self) -> String {
        let from = match (self.threshold, &self.second) {
            (Some(threshold), Some(second)) => {
                format!("{} from a probability of {threshold} on", plain(second))
            }
            _ => "the most probable class".to_owned(),
        };
        match self.novelty_centers {
            0 => format!("{from}; nothing of photos unlike those of the training"),
            centers => {
                format!("{from}; photos unlike those of the training by {}", counted(centers, "center"))
            }
        }
    }
}

/// How a photo becomes the input, in the words of `icecap train`.
fn input(preprocessing: &Preprocessing) -> String {
    let Preprocessing { size: [rows, columns], resize, exif, dct } = preprocessing;
    format!("{rows}x{columns} {resize}, exif {exif}, {dct} DCT")
}

/// The day on which a file was last written, in UTC.
fn written(file: &Path) -> Option<String> {
    day_of(std::fs::metadata(file).ok()?.modified().ok()?)
}

/// The head of a model, in the words of a weight file's.
pub(super) fn head_of(model: &Model) -> Option<String> {
    let output = match (model.multi_label, model.classes.len()) {
        (true, _) => HeadOutput::Sigmoids,
        (false, 2) => HeadOutput::Sigmoid,
        (false, _) => HeadOutput::Softmax,
    };
    Some(DenseHead::new(model.layers.clone(), output).ok()?.to_string())
}
