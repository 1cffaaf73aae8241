//! Values of options as they are typed.

use icecap::learn::{Epochs, Rate};

/// An L2 penalty, or the wish to have one chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum L2 {
    Fixed(f32),
    Auto,
}

pub(super) fn epochs(text: &str) -> Result<Epochs, String> {
    if text == "auto" {
        return Ok(Epochs::Auto);
    }
    let epochs = text.parse().ok().filter(|epochs| (1..=1_000_000).contains(epochs)).map(Epochs::Fixed);
    epochs.ok_or_else(|| "use a number from 1 to 1000000, or auto".to_owned())
}

pub(super) fn rate(text: &str) -> Result<Rate, String> {
    if text == "find" {
        return Ok(Rate::Find);
    }
    let rate = single(text).filter(|rate| *rate > 0.0 && rate.is_finite());
    rate.map(Rate::Fixed).ok_or_else(|| "use a number above 0, 1e-3 for a start, or find".to_owned())
}

pub(super) fn l2(text: &str) -> Result<L2, String> {
    if text == "auto" {
        return Ok(L2::Auto);
    }
    let l2 = text.parse().ok().filter(|l2: &f64| *l2 >= 0.0 && (*l2 as f32).is_finite());
    let l2 = l2.map(|l2| l2 as f32);
    l2.map(L2::Fixed).ok_or_else(|| "use a number from 0 up, or auto".to_owned())
}

pub(super) fn share(text: &str) -> Result<f32, String> {
    let share = single(text).filter(|share| (0.0..1.0).contains(share));
    share.ok_or_else(|| "use a share from 0 up to, not including, 1".to_owned())
}

pub(super) fn patience(text: &str) -> Result<u32, String> {
    let patience = text.parse().ok().filter(|patience| (1..=1_000_000).contains(patience));
    patience
        .ok_or_else(|| "use a number of epochs from 1 to 1000000; a path goes before --early-stop".to_owned())
}

/// A number, rounded to the nearest f32.
fn single(text: &str) -> Option<f32> {
    text.parse().ok().map(|number: f64| number as f32)
}
