//! The bytes of a file become a [`Photo`].

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use crate::orient::Orientation;
use crate::{Error, Format, Limits, Result, jpeg, raster};

/// Whether a photo is turned as its EXIF orientation says.
///
/// As text `apply` or `ignore`.
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

/// Something about a photo that does not keep it from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A JPEG without its end marker, but with all its rows.
    NoEndMarker,
    /// A progressive JPEG with an end marker that lacks the last passes of refinement.
    Unrefined,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoEndMarker => "the JPEG has no end marker; all rows are there",
            Self::Unrefined => "the progressive JPEG lacks its last passes; all rows are there, less sharp",
        })
    }
}

/// Buffers that a decoder fills and that are kept from photo to photo.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// The pixels, `[height, width, 3]`, as stored.
    pub(crate) rgb: Vec<u8>,
    /// Samples of another color than RGB.
    pub(crate) raw: Vec<u8>,
    /// The rewritten JPEG.
    pub(crate) stream: Vec<u8>,
    pub(crate) warnings: Vec<Warning>,
}

/// What decoding tells beside the pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// Stored columns.
    pub(crate) width: u32,
    /// Stored rows.
    pub(crate) height: u32,
    pub(crate) orientation: Orientation,
    /// Whether pixels are not opaque.
    pub(crate) transparent: bool,
}

impl Header {
    /// Pixels that it is the header of.
    pub(crate) fn stored<'a>(&self, rgb: &'a [u8]) -> Stored<'a> {
        let (width, height) = (self.width as usize, self.height as usize);
        Stored { rgb, width, height, orientation: self.orientation }
    }
}

/// A decoded photo: RGB of 8 bits, as stored, and how it has to be turned.
#[derive(Clone, Debug)]
pub struct Photo {
    rgb: Vec<u8>,
    width: usize,
    height: usize,
    orientation: Orientation,
    warnings: Vec<Warning>,
}

impl Photo {
    /// A photo of pixels that are at hand.
    ///
    /// # Shapes
    /// `rgb` `[height, width, 3]`.
    ///
    /// # Panics
    /// Where a side is 0 or `rgb` is not of that shape.
    #[must_use]
    pub fn from_rgb(width: usize, height: usize, rgb: Vec<u8>) -> Self {
        assert!(width > 0 && height > 0, "a photo of {width}x{height} pixels");
        assert_eq!(rgb.len(), width * height * 3, "pixels of {width}x{height}");
        Self { rgb, width, height, orientation: Orientation::default(), warnings: Vec::new() }
    }

    /// Columns of the upright photo.
    #[must_use]
    pub fn width(&self) -> usize {
        self.orientation.sides(self.width, self.height).0
    }

    /// Rows of the upright photo.
    #[must_use]
    pub fn height(&self) -> usize {
        self.orientation.sides(self.width, self.height).1
    }

    /// The upright pixels, `[height, width, 3]`.
    #[must_use]
    pub fn to_rgb(&self) -> Vec<u8> {
        let mut upright = vec![0; self.rgb.len()];
        self.orientation.apply(&self.rgb, self.width, self.height, &mut upright);
        upright
    }

    /// The same, without a copy where the pixels are stored upright.
    #[must_use]
    pub fn into_rgb(self) -> Vec<u8> {
        if self.orientation.is_upright() { self.rgb } else { self.to_rgb() }
    }

    /// What is odd about its file.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The pixels as stored.
    pub(crate) fn stored(&self) -> Stored<'_> {
        let Self { rgb, width, height, orientation, .. } = self;
        Stored { rgb, width: *width, height: *height, orientation: *orientation }
    }
}

/// Borrowed pixels as stored, `[height, width, 3]`, and how they have to be turned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) rgb: &'a [u8],
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) orientation: Orientation,
}

/// Decodes the bytes of a photo's file.
///
/// The format is told by the bytes. Every color becomes RGB of 8 bits by the rule written at the head of `color.rs`:
/// 16 bits divided by 257 and rounded, alpha dropped, CMYK and YCCK converted as TensorFlow does. A file that lacks
/// rows is an error; bytes behind the image are passed over. A panic inside a decoder becomes an error, too.
///
/// # Errors
/// [`Error::Empty`], [`Error::UnknownFormat`], [`Error::Unsupported`], [`Error::Truncated`], [`Error::Broken`],
/// [`Error::Limit`]; a limit is checked before memory is taken.
pub fn decode(bytes: &[u8], limits: &Limits, exif: ExifPolicy) -> Result<Photo> {
    let mut buffers = Buffers::default();
    let header = decode_into(bytes, limits, exif, &mut buffers)?;
    Ok(Photo {
        rgb: buffers.rgb,
        width: header.width as usize,
        height: header.height as usize,
        orientation: header.orientation,
        warnings: buffers.warnings,
    })
}

/// Decodes into buffers that are kept.
pub(crate) fn decode_into(
    bytes: &[u8],
    limits: &Limits,
    exif: ExifPolicy,
    buffers: &mut Buffers,
) -> Result<Header> {
    buffers.warnings.clear();
    limits.check_file(bytes.len() as u64)?;
    let format = Format::of(bytes)?;
    let mut header = contained(format, || match format {
        Format::Jpeg => jpeg::decode(bytes, limits, buffers),
        _ => raster::decode(bytes, format, limits, buffers),
    })?;
    if exif == ExifPolicy::Ignore {
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
