//! The table of epochs that a training prints as it goes.

use icecap::learn::Epoch;

/// Returns the head of the table; with the learning rate if it changes.
pub(super) fn header(rate: bool) -> String {
    let (above, below) = if rate { ("  learning", "      rate") } else { ("", "") };
    format!(
        "       {:>16}  {:>8}  {:>16}{above}\nepoch  {:>6}  {:>8}  {:>8}  {:>6}  {:>8}{below}\n",
        "running", "training", "validation", "loss", "accuracy", "accuracy", "loss", "accuracy"
    )
}

/// Returns the line of an epoch.
pub(super) fn line(epoch: &Epoch, rate: bool) -> String {
    let Epoch { running, train, validation, .. } = epoch;
    let rate = if rate { format!("  {:>8.2e}", epoch.learning_rate) } else { String::new() };
    format!(
        "{:>5}  {:>6.4}  {:>8.4}  {:>8}  {:>6}  {:>8}{rate}\n",
        epoch.epoch,
        running.loss,
        running.accuracy,
        figure(train.accuracy),
        figure(validation.loss),
        figure(validation.accuracy)
    )
}

/// Returns a number with four digits, or a dash if it is not known.
fn figure(value: f32) -> String {
    if value.is_nan() { "-".to_owned() } else { format!("{value:.4}") }
}
