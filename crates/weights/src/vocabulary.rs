//! The texts that stand for a record's values in a file's metadata and in the manifest.
//!
//! | value | texts |
//! |---|---|
//! | epsilon | a positive number: `0.001` |
//! | padding | `same` (TensorFlow), `symmetric` (PyTorch) |
//! | scaling | `-1..1`; `mean 0.485,0.456,0.406 std 0.229,0.224,0.225`; `scale R,G,B shift R,G,B` |
//! | size | `160`, or rows x columns: `96x128` |
//!
//! Every value has one text that is written, and reading that text gives back the same bits.

use icecap_graph::{MIN_SIDE, Padding, Scaling, Spec};

use crate::{Digest, NotADigest};

/// The largest side that a record may state, in pixels. What a net can run is the plan's affair.
const MAX_SIDE: usize = 16_384;

/// The longest free text: a name, a licence, a rule.
const MAX_TEXT: usize = 4096;

pub(crate) fn epsilon(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("expected a positive number such as 0.001".to_owned()),
    }
}

pub(crate) fn padding(text: &str) -> Result<Padding, String> {
    match text {
        "same" => Ok(Padding::Same),
        "symmetric" => Ok(Padding::Symmetric),
        _ => Err("expected 'same' or 'symmetric'".to_owned()),
    }
}

pub(crate) fn padding_text(padding: Padding) -> &'static str {
    match padding {
        Padding::Same => "same",
        Padding::Symmetric => "symmetric",
    }
}

pub(crate) fn scaling(text: &str) -> Result<Scaling, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let scaling = match words[..] {
        ["-1..1"] => Some(Scaling::SIGNED),
        ["mean", mean, "std", std] => triple(mean).zip(triple(std)).map(|(m, s)| Scaling::mean_std(m, s)),
        ["scale", scale, "shift", shift] => {
            triple(scale).zip(triple(shift)).map(|(scale, shift)| Scaling { scale, shift })
        }
        _ => None,
    };
    let usable = |s: &Scaling| s.scale.iter().all(|v| v.is_normal()) && s.shift.iter().all(|v| v.is_finite());
    scaling.filter(usable).ok_or_else(|| {
        "expected '-1..1', 'mean R,G,B std R,G,B' or 'scale R,G,B shift R,G,B' in finite numbers".to_owned()
    })
}

pub(crate) fn scaling_text(scaling: &Scaling) -> String {
    if *scaling == Scaling::SIGNED {
        return "-1..1".to_owned();
    }
    // A float prints as the shortest decimal that reads back as itself.
    let list = |values: [f32; 3]| values.map(|value| value.to_string()).join(",");
    format!("scale {} shift {}", list(scaling.scale), list(scaling.shift))
}

fn triple(text: &str) -> Option<[f32; 3]> {
    let values: Result<Vec<f32>, _> = text.split(',').map(str::parse).collect();
    values.ok()?.try_into().ok()
}

pub(crate) fn size(text: &str) -> Result<[usize; 2], String> {
    let side = |text: &str| text.parse().ok().filter(|side| (MIN_SIDE..=MAX_SIDE).contains(side));
    let sides = match text.split_once('x') {
        Some((rows, columns)) => side(rows).zip(side(columns)),
        None => side(text).map(|side| (side, side)),
    };
    sides
        .map(<[usize; 2]>::from)
        .ok_or_else(|| format!("expected pixels, '160' or '96x128', from {MIN_SIDE} to {MAX_SIDE}"))
}

pub(crate) fn size_text([rows, columns]: [usize; 2]) -> String {
    if rows == columns { rows.to_string() } else { format!("{rows}x{columns}") }
}

pub(crate) fn width(text: &str) -> Result<f32, String> {
    let width = text.parse().ok().filter(|width| Spec::with_width(*width).is_ok());
    width.ok_or_else(|| "expected a width multiplier such as 0.35".to_owned())
}

pub(crate) fn digest(text: &str) -> Result<Digest, String> {
    text.parse().map_err(|error: NotADigest| error.to_string())
}

/// A free text of one line.
pub(crate) fn line(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(format!("expected one line of text, 1 to {MAX_TEXT} bytes"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_texts_are_read() {
        assert_eq!(scaling("-1..1"), Ok(Scaling::SIGNED));
        let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
        let text = "mean 0.485,0.456,0.406 std 0.229,0.224,0.225";
        assert_eq!(scaling(text), Ok(Scaling::mean_std(mean, std)));
        assert_eq!((size("160"), size("96x128")), (Ok([160; 2]), Ok([96, 128])));
        assert_eq!((epsilon("0.001"), width("0.35")), (Ok(1e-3), Ok(0.35)));
        assert_eq!(padding("symmetric"), Ok(Padding::Symmetric));
    }

    #[test]
    fn other_texts_are_not() {
        for bad in ["", "0..1", "mean 1,2 std 1,2,3", "mean 0,0,0 std 0,1,1", "scale nan,1,1 shift 0,0,0"] {
            assert!(scaling(bad).is_err(), "{bad}");
        }
        for bad in ["", "31", "16385", "160x", "160 x 160", "-160", "1e3", "99999999999999999999"] {
            assert!(size(bad).is_err(), "{bad}");
        }
        for bad in ["", "0", "-1", "inf", "NaN", "1e-60", "one"] {
            assert!(epsilon(bad).is_err() && width(bad).is_err(), "{bad}");
        }
        assert!(padding("valid").is_err() && line("a\nb").is_err() && line(" ").is_err());
    }

    proptest! {
        #[test]
        fn a_scaling_reads_back_with_its_bits(
            scale in prop::array::uniform3(prop::num::f32::NORMAL),
            shift in prop::array::uniform3(prop::num::f32::NORMAL | prop::num::f32::ZERO),
        ) {
            let written = Scaling { scale, shift };
            let read = scaling(&scaling_text(&written)).unwrap();
            let bits = |s: &Scaling| (s.scale.map(f32::to_bits), s.shift.map(f32::to_bits));
            prop_assert_eq!(bits(&read), bits(&written));
        }

        #[test]
        fn a_size_reads_back(rows in MIN_SIDE..=MAX_SIDE, columns in MIN_SIDE..=MAX_SIDE) {
            prop_assert_eq!(size(&size_text([rows, columns])), Ok([rows, columns]));
        }
    }
}
