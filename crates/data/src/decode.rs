//! The bytes of a file become a [`Photo`].

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use icecap_kernels::Isa;
use icecap_kernels::jpeg::Dct;

use crate::buffers::Buffers;
#[cfg(feature = "jxl")]
use crate::jxl;
use crate::orient::Orientation;
use crate::photo::{Header, Photo};
use crate::{Error, Format, Limits, Result, gif, jpeg, raster, tiff};

/// Whether a photo is turned as its EXIF orientation says.
///
/// It parses from and prints as `apply` or `ignore`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ExifPolicy {
    /// Turned upright, as every viewer shows it.
    #[default]
    Apply,
    /// Left as stored, as TensorFlow does.
    Ignore,
}

impl std::fmt::Display for ExifPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Apply => "apply",
            Self::Ignore => "ignore",
        })
    }
}

impl FromStr for ExifPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "apply" => Ok(Self::Apply),
            "ignore" => Ok(Self::Ignore),
            _ => Err(Error::ExifPolicy { text: text.to_owned() }),
        }
    }
}

/// How a photo's file becomes pixels, where its format leaves a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decoding {
    /// Whether a photo is turned as its EXIF orientation says.
    pub exif: ExifPolicy,
    /// How the inverse cosine transform of a JPEG is computed.
    pub dct: Dct,
}

impl From<ExifPolicy> for Decoding {
    /// The policy, and the accurate transform.
    fn from(exif: ExifPolicy) -> Self {
        Self { exif, ..Self::default() }
    }
}

/// Decodes the bytes of a photo's file into pixels.
///
/// The format is told by the bytes. Every color becomes RGB of 8 bits by the rule written at the head of `color.rs`:
/// 16 bits divided by 257 and rounded, alpha dropped, CMYK and YCCK converted as TensorFlow does. A file that lacks
/// rows is an error; bytes behind the image are passed over. A panic inside a decoder becomes an error, too.
///
/// # Errors
/// [`Error::Empty`], [`Error::UnknownFormat`], [`Error::Convertible`], [`Error::Unsupported`], [`Error::Truncated`], [`Error::Broken`],
/// [`Error::Limit`]; a limit is checked before memory is taken.
pub fn decode(bytes: &[u8], limits: &Limits, how: impl Into<Decoding>) -> Result<Photo> {
    let mut buffers = Buffers::default();
    let header = decode_into(bytes, limits, (Isa::best(), how.into()), &mut buffers)?;
    Ok(Photo::new(header, buffers.rgb, buffers.warnings))
}

/// Decodes into buffers that are kept.
pub(crate) fn decode_into(
    bytes: &[u8],
    limits: &Limits,
    (isa, how): (Isa, Decoding),
    buffers: &mut Buffers,
) -> Result<Header> {
    buffers.warnings.clear();
    limits.check_file(bytes.len() as u64)?;
    let format = Format::of(bytes)?;
    let mut header = contained(format, || match format {
        Format::Jpeg => {
            let how = jpeg::Rounding { isa, dct: how.dct };
            let (header, warnings) = jpeg::decode(bytes, limits, how, &mut buffers.jpeg, &mut buffers.rgb)?;
            buffers.warnings = warnings;
            Ok(header)
        }
        Format::Gif => gif::decode(bytes, limits, buffers),
        Format::Tiff => tiff::decode(bytes, limits, buffers),
        #[cfg(feature = "jxl")]
        Format::JpegXl => jxl::decode(bytes, limits, buffers),
        _ => raster::decode(bytes, format, limits, buffers),
    })?;
    if how.exif == ExifPolicy::Ignore {
        header.orientation = Orientation::default();
    }
    Ok(header)
}

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside a decoder, whose panics become errors.
///
/// The standard panic hook prints before it is known that a panic is caught; a program that wants silence about
/// damaged photos installs a hook that asks this.
#[must_use]
pub fn is_decoding() -> bool {
    DECODING.get()
}

/// Runs a decoder; its panic is an error about the file.
fn contained<T>(format: Format, decoder: impl FnOnce() -> Result<T>) -> Result<T> {
    let outer = DECODING.replace(true);
    // A panic leaves the buffers with pixels of two photos at worst, and the next photo overwrites them all.
    let result = catch_unwind(AssertUnwindSafe(decoder));
    DECODING.set(outer);
    result.unwrap_or_else(|_| Err(Error::Broken { format, reason: "the decoder gave up".to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn the_rule_for_exif_is_written_and_read_as_text() {
        for policy in [ExifPolicy::Apply, ExifPolicy::Ignore] {
            assert_eq!(policy.to_string().parse::<ExifPolicy>().unwrap(), policy);
        }
        for wrong in ["", "Apply", "ignore ", "no"] {
            let error = wrong.parse::<ExifPolicy>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Setting);
            assert!(error.to_string().ends_with("use apply or ignore"), "{error}");
        }
    }
}
