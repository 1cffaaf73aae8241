//! The epochs of a run, in `metrics.json` and as the lines of `metrics.csv`.

use icecap::advanced::data::csv_record;
use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::spare::spare;

/// What is known of an epoch. Running numbers are means over it, with dropout on; the others are taken at its end, with
/// dropout off.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EpochRow {
    /// The number of the epoch, from 1 on.
    pub epoch: u32,
    /// The learning rate at its end.
    #[serde(deserialize_with = "spare")]
    pub learning_rate: Option<Figure>,
    /// The mean loss over the epoch.
    pub running_loss: Option<Figure>,
    /// The accuracy over the epoch.
    pub running_accuracy: Option<Figure>,
    /// The loss on the training photos.
    pub train_loss: Option<Figure>,
    /// The accuracy on the training photos.
    pub train_accuracy: Option<Figure>,
    /// The loss on the validation photos.
    pub val_loss: Option<Figure>,
    /// The accuracy on the validation photos.
    pub val_accuracy: Option<Figure>,
}

/// The columns of `metrics.csv`.
const COLUMNS: [&str; 8] = [
    "epoch",
    "learning_rate",
    "running_loss",
    "running_accuracy",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
];

/// Returns the text of `metrics.csv`: a line for each epoch. A number that is not known, as a validation loss without
/// validation photos, is left empty.
pub fn csv(history: &[EpochRow]) -> String {
    let mut text = csv_record(COLUMNS);
    for row in history {
        let numbers = [
            row.learning_rate,
            row.running_loss,
            row.running_accuracy,
            row.train_loss,
            row.train_accuracy,
            row.val_loss,
            row.val_accuracy,
        ];
        let cell = |number: Option<Figure>| match number {
            Some(number) if !f64::from(number).is_nan() => number.to_string(),
            _ => String::new(),
        };
        text += &csv_record(std::iter::once(row.epoch.to_string()).chain(numbers.map(cell)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_none_is_an_empty_cell() {
        let row = EpochRow {
            epoch: 7,
            learning_rate: Some(1e-3.into()),
            running_loss: Some(0.1.into()),
            val_loss: Some(f32::NAN.into()),
            ..EpochRow::default()
        };
        let text = csv(&[row]);
        assert_eq!(text.lines().nth(1), Some("7,0.001,0.1,,,,,"));
        assert_eq!(text.lines().next().unwrap().split(',').count(), COLUMNS.len());
    }
}
