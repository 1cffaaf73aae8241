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
        "{:>5}  {:>6}  {:>8.4}  {:>8}  {:>6}  {:>8}{rate}\n",
        epoch.epoch,
        figure(running.loss),
        running.accuracy,
        figure(train.accuracy),
        figure(validation.loss),
        figure(validation.accuracy)
    )
}

/// Returns a number with four digits, or a dash if it is not known; a huge one, as a loss is at a rate that is too high, with
/// its power of ten.
pub(super) fn figure(value: f32) -> String {
    match value {
        _ if value.is_nan() => "-".to_owned(),
        _ if value.abs() >= 1e5 => format!("{value:.1e}"),
        _ => format!("{value:.4}"),
    }
}

/// Every how many epochs of `all` a line is shown: a round number that makes 25 to 60 lines.
pub(super) fn stride(all: u32) -> u32 {
    let mut ten = 1;
    loop {
        if let Some(round) = [1, 2, 5].map(|digit| digit * ten).into_iter().find(|round| all / round <= 50) {
            return round;
        }
        ten *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_fit_into_their_columns() {
        let figures = [f32::NAN, 0.0, 0.12345, 99_999.0, 1e5, f32::MAX, f32::INFINITY].map(figure);
        assert_eq!(figures, ["-", "0.0000", "0.1235", "99999.0000", "1.0e5", "3.4e38", "inf"]);
    }
}
