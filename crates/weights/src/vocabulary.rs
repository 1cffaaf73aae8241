//! The texts that stand for a record's values in a file's metadata and in the manifest.
//!
//! | value | texts |
//! |---|---|
//! | epsilon | a positive number: `0.001` |
//! | padding | `same` (TensorFlow), `symmetric` (PyTorch), `trailing` (Keras' net that was built for no size) |
//! | scaling | `-1..1`; `0..1`, read and written as its numbers; `mean 0.485,0.456,0.406 std 0.229,0.224,0.225`; `scale R,G,B shift R,G,B` |
//! | size | `160`, or rows x columns: `96x128`; sides that a net can run, 32 to 2048 |
//! | resize | `squash`; `center-crop FRACTION`, the fraction from 0.1 to 1, or 0.875 where it is left out; `crop`, `cut`, and \
//!   each of `squash`, `crop` and `cut` behind another as in `cut of 256x256 crop` |
//! | exif | `apply`, `ignore` |
//! | dct | `accurate`, `fast` |
//! | tuned norms | `trained`, `frozen` |
//!
//! Every value has one text that is written, and reading that text gives back the same bits.

use std::ops::RangeInclusive;

use icecap_graph::{MAX_SIDE, MIN_SIDE, Padding, Scaling, Spec};
use icecap_kernels::jpeg::Dct;

use crate::{Digest, NotADigest};

/// The share of the shorter side that a center crop may keep.
const FRACTIONS: RangeInclusive<f32> = 0.1..=1.0;

/// The longest free text: a name, a license.
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
        "trailing" => Ok(Padding::Trailing),
        _ => Err("expected 'same', 'symmetric' or 'trailing'".to_owned()),
    }
}

pub(crate) fn padding_text(padding: Padding) -> &'static str {
    match padding {
        Padding::Same => "same",
        Padding::Symmetric => "symmetric",
        Padding::Trailing => "trailing",
    }
}

pub(crate) fn scaling(text: &str) -> Result<Scaling, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let scaling = match words[..] {
        ["-1..1"] => Some(Scaling::SIGNED),
        ["0..1"] => Some(Scaling { scale: [1.0 / 255.0; 3], shift: [0.0; 3] }),
        ["mean", mean, "std", std] => triple(mean).zip(triple(std)).map(|(m, s)| Scaling::mean_std(m, s)),
        ["scale", scale, "shift", shift] => {
            triple(scale).zip(triple(shift)).map(|(scale, shift)| Scaling { scale, shift })
        }
        _ => None,
    };
    let usable = |s: &Scaling| s.scale.iter().all(|v| v.is_normal()) && s.shift.iter().all(|v| v.is_finite());
    scaling.filter(usable).ok_or_else(|| {
        "expected '-1..1', '0..1', 'mean R,G,B std R,G,B' or 'scale R,G,B shift R,G,B' in finite numbers"
            .to_owned()
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

/// A resize rule. It stays a text: who resizes photos reads it, and knows the rules that are let through here.
pub(crate) fn resize(text: &str) -> Result<String, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let known = match words[..] {
        ["squash" | "crop" | "cut" | "center-crop"] => true,
        ["squash" | "crop" | "cut", "of", first, "squash" | "crop" | "cut"] => {
            first.contains('x') && size(first).is_ok()
        }
        ["center-crop", fraction] => fraction.parse().is_ok_and(|fraction| FRACTIONS.contains(&fraction)),
        _ => false,
    };
    let (least, most) = (FRACTIONS.start(), FRACTIONS.end());
    known.then(|| text.to_owned()).ok_or_else(|| {
        format!(
            "expected 'squash', 'crop', 'cut', 'cut of 256x256 crop', or 'center-crop FRACTION' with a fraction from \
             {least} to {most}"
        )
    })
}

/// What becomes of an EXIF orientation.
pub(crate) fn exif(text: &str) -> Result<String, String> {
    match text {
        "apply" | "ignore" => Ok(text.to_owned()),
        _ => Err("expected 'apply' or 'ignore'".to_owned()),
    }
}

pub(crate) fn dct(text: &str) -> Result<Dct, String> {
    text.parse().map_err(|_| "expected 'accurate' or 'fast'".to_owned())
}

/// Whether BatchNorm's scale and shift stayed as they were in a fine-tuning.
pub(crate) fn norms_frozen(text: &str) -> Result<bool, String> {
    match text {
        "frozen" => Ok(true),
        "trained" => Ok(false),
        _ => Err("expected 'trained' or 'frozen'".to_owned()),
    }
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
        let byte = scaling("0..1").unwrap();
        assert_eq!((byte.scale, byte.shift), ([1.0 / 255.0; 3], [0.0; 3]));
        assert_eq!(scaling(&scaling_text(&byte)), Ok(byte));
        assert_eq!((size("160"), size("96x128")), (Ok([160; 2]), Ok([96, 128])));
        assert_eq!((epsilon("0.001"), width("0.35")), (Ok(1e-3), Ok(0.35)));
        assert_eq!(padding("symmetric"), Ok(Padding::Symmetric));
        assert_eq!(padding(padding_text(Padding::Trailing)), Ok(Padding::Trailing));
        for rule in [
            "squash",
            "crop",
            "cut",
            "cut of 256x300 squash",
            "center-crop",
            "center-crop 0.875",
            "center-crop 0.1",
            "center-crop 1",
        ] {
            assert_eq!(resize(rule).as_deref(), Ok(rule));
        }
        assert!(exif("apply").is_ok() && exif("ignore").is_ok());
    }

    #[test]
    fn other_texts_are_not() {
        for bad in ["", "0..2", "mean 1,2 std 1,2,3", "mean 0,0,0 std 0,1,1", "scale nan,1,1 shift 0,0,0"] {
            assert!(scaling(bad).is_err(), "{bad}");
        }
        for bad in ["", "31", "2049", "160x2049", "160x", "160 x 160", "-160", "1e3", "99999999999999999999"]
        {
            assert!(size(bad).is_err(), "{bad}");
        }
        for bad in ["", "0", "-1", "inf", "NaN", "1e-60", "one"] {
            assert!(epsilon(bad).is_err() && width(bad).is_err(), "{bad}");
        }
        for bad in [
            "",
            "crop of 256 squash",
            "cut of 256x256",
            "squash 1",
            "Squash",
            "center-crop 0",
            "center-crop 0.09",
            "center-crop 1.01",
        ] {
            assert!(resize(bad).is_err(), "{bad}");
        }
        for bad in
            ["center-crop NaN", "center-crop half", "center-crop -1", "center-crop 0.5 0.5", "squash\0"]
        {
            assert!(resize(bad).is_err() && exif(bad).is_err(), "{bad}");
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
