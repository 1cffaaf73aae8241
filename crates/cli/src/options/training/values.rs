//! Values of options as they are typed.

use icecap::Epochs;

/// A learning rate, or the wish to have one found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rate {
    Fixed(f64),
    Find,
}

/// An L2 penalty, or the wish to have one chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum L2 {
    Fixed(f64),
    Auto,
}

pub(crate) fn epochs(text: &str) -> Result<Epochs, String> {
    if text == "auto" {
        return Ok(Epochs::Auto);
    }
    let epochs = text.parse().ok().filter(|epochs| (1..=1_000_000).contains(epochs)).map(Epochs::Fixed);
    epochs.ok_or_else(|| "use a number from 1 to 1000000, or auto".to_owned())
}

pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    if text == "find" {
        return Ok(Rate::Find);
    }
    let rate = text.parse().ok().filter(|rate: &f64| (*rate as f32) > 0.0 && (*rate as f32).is_finite());
    rate.map(Rate::Fixed).ok_or_else(|| "use a number above 0, 1e-3 for a start, or find".to_owned())
}

pub(crate) fn l2(text: &str) -> Result<L2, String> {
    if text == "auto" {
        return Ok(L2::Auto);
    }
    let l2 = text.parse().ok().filter(|l2: &f64| *l2 >= 0.0 && (*l2 as f32).is_finite());
    l2.map(L2::Fixed).ok_or_else(|| "use a number from 0 up, or auto".to_owned())
}

pub(crate) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share: &f64| (0.0..1.0).contains(&(*share as f32)));
    share.ok_or_else(|| "use a share from 0 up to, not including, 1".to_owned())
}

pub(crate) fn patience(text: &str) -> Result<u32, String> {
    let patience = text.parse().ok().filter(|patience| (1..=1_000_000).contains(patience));
    patience
        .ok_or_else(|| "use a number of epochs from 1 to 1000000; a path goes before --early-stop".to_owned())
}
