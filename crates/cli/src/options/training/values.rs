//! Values of options as they are typed.

use icecap::learn::Epochs;

/// A number with all digits that were typed, or the word that leaves it to the photos.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Typed {
    Number(f64),
    Open,
}

impl Typed {
    /// Returns the number that was typed, if it was one.
    pub(super) fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Open => None,
        }
    }
}

pub(super) fn epochs(text: &str) -> Result<Epochs, String> {
    if text == "auto" {
        return Ok(Epochs::Auto);
    }
    let epochs = text.parse().ok().filter(|epochs| (1..=1_000_000).contains(epochs)).map(Epochs::Fixed);
    epochs.ok_or_else(|| "use a number from 1 to 1000000, or auto".to_owned())
}

pub(super) fn rate(text: &str) -> Result<Typed, String> {
    if text == "find" {
        return Ok(Typed::Open);
    }
    let rate = text.parse().ok().filter(|rate: &f64| (*rate as f32) > 0.0 && (*rate as f32).is_finite());
    rate.map(Typed::Number).ok_or_else(|| "use a number above 0, 1e-3 for a start, or find".to_owned())
}

pub(super) fn l2(text: &str) -> Result<Typed, String> {
    if text == "auto" {
        return Ok(Typed::Open);
    }
    let l2 = text.parse().ok().filter(|l2: &f64| *l2 >= 0.0 && (*l2 as f32).is_finite());
    l2.map(Typed::Number).ok_or_else(|| "use a number from 0 up, or auto".to_owned())
}

pub(super) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share: &f64| (0.0..1.0).contains(&(*share as f32)));
    share.ok_or_else(|| "use a share from 0 up to, not including, 1".to_owned())
}

pub(super) fn patience(text: &str) -> Result<u32, String> {
    let patience = text.parse().ok().filter(|patience| (1..=1_000_000).contains(patience));
    patience
        .ok_or_else(|| "use a number of epochs from 1 to 1000000; a path goes before --early-stop".to_owned())
}

pub(super) fn tuned_epochs(text: &str) -> Result<u32, String> {
    let epochs = text.parse().ok().filter(|epochs| (1..=10_000).contains(epochs));
    epochs.ok_or_else(|| "use a number of epochs from 1 to 10000, 5 for a start".to_owned())
}

pub(super) fn tuned_rate(text: &str) -> Result<Typed, String> {
    let rate = text.parse().ok().filter(|rate: &f64| (*rate as f32) > 0.0 && (*rate as f32).is_finite());
    rate.map(Typed::Number).ok_or_else(|| "use a number above 0, 1e-4 for a start".to_owned())
}

pub(super) fn warmup(text: &str) -> Result<f64, String> {
    let epochs = text.parse().ok().filter(|epochs| (0.0..=10_000.0).contains(epochs));
    epochs.ok_or_else(|| "use a number of epochs from 0 up, 0.5 for a start".to_owned())
}
