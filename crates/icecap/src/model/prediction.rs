//! What a classifier says of one photo.

use icecap_data::Warning;

/// What a classifier says of one photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The index of the predicted class.
    pub class: usize,
    /// Its name.
    pub label: String,
    /// Its probability.
    pub probability: f32,
    /// The probability of each class, in the order of the classes.
    pub probabilities: Vec<f32>,
    /// The head's logits as they are, before the temperature: one for two classes, else one per class.
    pub logits: Vec<f32>,
    /// What is odd about the photo's file.
    pub warnings: Vec<Warning>,
}
