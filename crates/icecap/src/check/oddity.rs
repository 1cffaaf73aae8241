//! What is suspicious about a photo that can be read.

use std::path::Path;

use icecap_data::{About, Format, Warning};

use crate::check::level::Level;
use crate::check::seen::Seen;

/// Below so many pixels of the shorter side a photo is a thumbnail or an icon.
const SMALL: u32 = 32;
/// A side more than so many times the other is a banner or a stitched panorama, which squashing leaves nothing of.
const LONG: u32 = 4;
/// Fewer gray levels than this in every channel are a lens cap, a blank page or a placeholder.
const FLAT: f32 = 8.0;

/// Something suspicious about a photo.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Oddity {
    /// Few pixels.
    Small {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// One side far longer than the other.
    Long {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// A single color, or nearly so.
    OneColor {
        /// Gray levels between its darkest and lightest value.
        levels: f32,
    },
    /// More frames than the one that is read.
    Animated,
    /// Pixels that are not opaque.
    Transparent,
    /// A file that its decoder forgives.
    File(Warning),
}

impl Oddity {
    /// Returns how much the oddity matters.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Self::Small { .. } | Self::Long { .. } | Self::OneColor { .. } => Level::Warning,
            _ => Level::Note,
        }
    }
}

impl std::fmt::Display for Oddity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Small { width, height } => write!(f, "very small, {width}x{height} pixels"),
            Self::Long { width, height } => {
                write!(f, "{width}x{height} pixels, more than {LONG} times as long as wide")
            }
            Self::OneColor { levels } => {
                write!(f, "all of one color, {levels:.0} gray levels apart at most")
            }
            Self::Animated => f.write_str("animated, or of several pages; only the first is used"),
            Self::Transparent => f.write_str("has transparent pixels; their color is used as stored"),
            Self::File(warning) => warning.fmt(f),
        }
    }
}

pub(super) fn is_one_color(about: &About) -> bool {
    about.contrast < FLAT
}

/// What is suspicious about a photo.
pub(super) fn of(seen: &Seen) -> Vec<Oddity> {
    let Seen { about, warnings, .. } = seen;
    let &About { width, height, .. } = about;
    let (shorter, longer) = (width.min(height), width.max(height));
    let found = [
        (shorter < SMALL, Oddity::Small { width, height }),
        (longer > LONG * shorter, Oddity::Long { width, height }),
        (is_one_color(about), Oddity::OneColor { levels: about.contrast }),
        (about.animated, Oddity::Animated),
        (about.transparent, Oddity::Transparent),
    ];
    let found = found.into_iter().filter(|(is, _)| *is).map(|(_, oddity)| oddity);
    found.chain(warnings.iter().map(|warning| Oddity::File(*warning))).collect()
}

/// The extension of a file that holds another format than it says; `None` if the two agree or there is no extension.
pub(super) fn wrong_extension(path: &Path, format: Format) -> Option<String> {
    let extension = path.extension()?.to_string_lossy().to_ascii_lowercase();
    let said = match extension.as_str() {
        "jpg" | "jpeg" | "jpe" | "jfif" => Some(Format::Jpeg),
        "png" | "apng" => Some(Format::Png),
        "gif" => Some(Format::Gif),
        "bmp" | "dib" => Some(Format::Bmp),
        "webp" => Some(Format::WebP),
        "tif" | "tiff" => Some(Format::Tiff),
        "jxl" => Some(Format::JpegXl),
        _ => None,
    };
    (said != Some(format)).then_some(extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_is_held_against_the_content() {
        for (name, format, said) in [
            ("a.jpg", Format::Jpeg, None),
            ("a.JPEG", Format::Jpeg, None),
            ("a.jpg", Format::Png, Some("jpg")),
            ("a.png", Format::Gif, Some("png")),
            ("a.tiff", Format::Jpeg, Some("tiff")),
            ("a.tiff", Format::Tiff, None),
            ("a.TIF", Format::Tiff, None),
            ("a", Format::Jpeg, None),
        ] {
            assert_eq!(wrong_extension(Path::new(name), format).as_deref(), said, "{name}");
        }
    }
}
