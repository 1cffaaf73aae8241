//! A photo as a caller names it, and as the facade reads it.

use std::borrow::Cow;
use std::ffi::{c_char, c_void};
use std::path::{Path, PathBuf};

use icecap::Source;
use icecap::advanced::data::Limits;

use crate::boundary::{array, path, string};
use crate::status::{Failure, Status};

/// A photo: a file, the bytes of one, or pixels. It owns nothing: what it was made of must live until the call that takes it has
/// returned. Make it by `icecap_photo_file`, `icecap_photo_bytes` or `icecap_photo_rgb`; its fields are not for callers.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Photo {
    /// Which of the three it is.
    pub kind: u32,
    /// The path, the bytes or the pixels.
    pub data: *const c_void,
    /// Bytes of a file.
    pub size: usize,
    /// Columns of pixels.
    pub width: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Bytes from a row to the next.
    pub stride: usize,
}

const FILE: u32 = 1;
const BYTES: u32 = 2;
const RGB: u32 = 3;

impl Photo {
    fn new(kind: u32, data: *const c_void) -> Self {
        Self { kind, data, size: 0, width: 0, height: 0, stride: 0 }
    }
}

/// Returns the photo in the file at `path`: JPEG, PNG, GIF, BMP, WebP or TIFF. The file is read by the call that takes the photo.
/// On Unix a path is bytes; elsewhere, UTF-8.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_photo_file(path: *const c_char) -> Photo {
    Photo::new(FILE, path.cast())
}

/// Returns the photo in the `size` bytes at `data`, the content of such a file.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_photo_bytes(data: *const u8, size: usize) -> Photo {
    Photo { size, ..Photo::new(BYTES, data.cast()) }
}

/// Returns the photo of `height` rows of `width` pixels, upright, each pixel a byte of red, of green and of blue. Row y begins at
/// `pixels + y * stride`, so `stride` is at least `3 * width`; behind the last pixel nothing is read. Rows that lie close
/// together are taken as they are, others are copied.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_photo_rgb(pixels: *const u8, width: usize, height: usize, stride: usize) -> Photo {
    Photo { width, height, stride, ..Photo::new(RGB, pixels.cast()) }
}

/// A photo that can be read, and whatever had to be copied of it.
pub(crate) enum Readable<'a> {
    Path(PathBuf),
    Bytes(&'a [u8]),
    Rgb { pixels: Cow<'a, [u8]>, width: usize, height: usize },
}

impl<'a> Readable<'a> {
    /// Looks at a photo as the caller gave it. Pixels above `limits` are not touched: what reads the photo refuses their size.
    ///
    /// # Errors
    /// No address, a stride smaller than a row, no room for a copy.
    ///
    /// # Safety
    /// What the photo was made of is as the functions that make one say, and stays so for `'a`.
    pub(crate) unsafe fn of(photo: &Photo, limits: &Limits) -> Result<Self, Failure> {
        match photo.kind {
            FILE => {
                // SAFETY: the caller's promise.
                let name = unsafe { string(photo.data.cast()) };
                let name =
                    name.ok_or_else(|| Failure::usage("the path of the photo is NULL; name a file"))?;
                Ok(Self::Path(path(name)?))
            }
            // SAFETY: the caller's promise.
            BYTES => Ok(Self::Bytes(unsafe { array(photo.data.cast(), photo.size, "data") }?)),
            RGB => {
                let Photo { width, height, .. } = *photo;
                let Some(rows) = Rows::of(photo, limits)? else {
                    // No limit is above 32 bits, and no number beyond them is looked at against one.
                    let [width, height] = [width, height].map(|side| side.min(u32::MAX as usize));
                    return Ok(Self::Rgb { pixels: Cow::Borrowed(&[]), width, height });
                };
                // SAFETY: the caller's promise, for the bytes up to the last row's last pixel.
                let bytes = unsafe { array(photo.data.cast(), rows.bytes, "pixels") }?;
                Ok(Self::Rgb { pixels: rows.close(bytes)?, width, height })
            }
            _ => Err(Failure::usage(
                "this is no photo; make one by icecap_photo_file, icecap_photo_bytes or icecap_photo_rgb",
            )),
        }
    }

    /// Returns the photo for the facade.
    pub(crate) fn source(&self) -> Source<'_> {
        match self {
            Self::Path(path) => Source::Path(path),
            Self::Bytes(bytes) => Source::Bytes(bytes),
            Self::Rgb { pixels, width, height } => Source::Rgb { pixels, width: *width, height: *height },
        }
    }

    /// Returns the path by which the photo is told, `-` for one in memory.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Path(path) => path,
            _ => Path::new("-"),
        }
    }

    /// Returns how many bytes were copied of it.
    pub(crate) fn copied(&self) -> usize {
        match self {
            Self::Rgb { pixels: Cow::Owned(pixels), .. } => pixels.len(),
            _ => 0,
        }
    }
}

/// Rows of pixels with gaps between them.
struct Rows {
    /// Bytes of a row's pixels.
    row: usize,
    stride: usize,
    height: usize,
    /// Bytes from the first pixel to the last.
    bytes: usize,
}

impl Rows {
    /// Returns the rows of a photo; `None` for a size that is refused by whoever reads it.
    fn of(photo: &Photo, limits: &Limits) -> Result<Option<Self>, Failure> {
        let Photo { width, height, stride, .. } = *photo;
        if width == 0 || height == 0 {
            let reason = format!("pixels of {width}x{height}: there is no photo without rows and columns");
            return Err(Failure::usage(reason));
        }
        let is_within = |side: usize| u32::try_from(side).is_ok_and(|side| side <= limits.side);
        if !is_within(width) || !is_within(height) || (width as u64) * (height as u64) > limits.pixels {
            return Ok(None);
        }
        let row = 3 * width;
        if stride < row {
            let reason = format!(
                "a stride of {stride} bytes is less than a row, {width} pixels of 3; give {row} or more"
            );
            return Err(Failure::usage(reason));
        }
        let bytes = stride.checked_mul(height - 1).and_then(|bytes| bytes.checked_add(row));
        let bytes = bytes.ok_or_else(|| {
            Failure::usage(format!(
                "{height} rows at a stride of {stride} bytes are more than memory can hold"
            ))
        })?;
        Ok(Some(Self { row, stride, height, bytes }))
    }

    /// Returns the pixels without the gaps.
    fn close<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, Failure> {
        if self.stride == self.row || self.height == 1 {
            return Ok(bytes.into());
        }
        let mut pixels = Vec::new();
        let len = self.row * self.height;
        let reason =
            || format!("there is not enough memory for a copy of the pixels, {len} bytes; free some");
        pixels.try_reserve_exact(len).map_err(|_| Failure::new(Status::Limit, reason()))?;
        for row in bytes.chunks(self.stride) {
            pixels.extend_from_slice(&row[..self.row]);
        }
        Ok(pixels.into())
    }
}
