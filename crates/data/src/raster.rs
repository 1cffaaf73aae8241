//! PNG, BMP and WebP, by the `image` crate under our limits.

use std::io::Cursor;

use image::codecs::{bmp::BmpDecoder, png::PngDecoder, webp::WebPDecoder};
use image::error::{ImageError, UnsupportedErrorKind};
use image::{ColorType, ImageDecoder};

use icecap_foundation::shown::plain;

use crate::buffers::Buffers;
use crate::color::{is_transparent, to_rgb};
use crate::orient::Orientation;
use crate::photo::Header;
use crate::room::{probe, set_len};
use crate::webp::Chunks;
use crate::{Error, Format, Limits, Result, exif};

/// What a PNG's compressed metadata and its row buffers may take. A color profile has a few megabytes at most; without
/// this bound a profile of 1 MB unpacks to all memory that the pixels may have.
const PNG_METADATA_BYTES: u64 = 8 << 20;

/// Decodes a file of one of these formats into `buffers.rgb`.
pub(crate) fn decode(bytes: &[u8], format: Format, limits: &Limits, buffers: &mut Buffers) -> Result<Header> {
    let input = Cursor::new(bytes);
    let failed = |error| explain(format, error);
    match format {
        Format::Png => {
            let decoder =
                PngDecoder::with_limits(input, bounds(limits, PNG_METADATA_BYTES)).map_err(failed)?;
            let header = read(decoder, format, 0, limits, buffers)?;
            // Its last chunk but one may say which way up it is.
            if !exif::png_is_whole(bytes) {
                return Err(Error::Truncated { format, reason: "its last chunk is missing".to_owned() });
            }
            Ok(Header { orientation: exif::of_png(bytes), ..header })
        }
        Format::Bmp if pixels_are_behind_the_palette(bytes)? => {
            let decoder = BmpDecoder::new_without_file_header(Cursor::new(&bytes[BMP_FILE_HEADER..]));
            read(decoder.map_err(failed)?, format, 0, limits, buffers)
        }
        Format::Bmp => read(BmpDecoder::new(input).map_err(failed)?, format, 0, limits, buffers),
        Format::WebP => {
            let chunks = Chunks::read(bytes)?;
            let decoder = WebPDecoder::new(input).map_err(failed)?;
            let (width, height) = decoder.dimensions();
            let held = u64::from(width).saturating_mul(height.into()).saturating_mul(chunks.held);
            let header = read(decoder, format, held, limits, buffers)?;
            Ok(Header {
                orientation: chunks.exif.map_or_else(Orientation::default, exif::orientation),
                ..header
            })
        }
        Format::Jpeg | Format::Gif | Format::Tiff | Format::JpegXl | Format::Pixels => {
            Err(Error::Broken { format, reason: "not a raster format".to_owned() })
        }
    }
}

/// What a decoder of the `image` crate may take.
fn bounds(limits: &Limits, bytes: u64) -> image::Limits {
    let mut bounds = image::Limits::no_limits();
    bounds.max_alloc = Some(bytes);
    bounds.max_image_width = Some(limits.side);
    bounds.max_image_height = Some(limits.side);
    bounds
}

/// Reads the pixels of a decoder that holds so many bytes beside them.
fn read(
    mut decoder: impl ImageDecoder,
    format: Format,
    held: u64,
    limits: &Limits,
    buffers: &mut Buffers,
) -> Result<Header> {
    let failed = |error| explain(format, error);
    let (width, height) = decoder.dimensions();
    limits.check_size(width, height)?;
    let color = decoder.color_type();
    let pixels = u64::from(width) * u64::from(height);
    let converted = if color == ColorType::Rgb8 { 0 } else { pixels * 3 };
    let ours = decoder.total_bytes().saturating_add(converted);
    limits.check_decoded(ours.saturating_add(held))?;
    decoder.set_limits(bounds(limits, limits.decoded_bytes - ours)).map_err(failed)?;
    let sides = (width as usize, height as usize);
    let mut transparent = false;
    let Buffers { rgb, raw, .. } = buffers;
    // A decoder may pass over pixels; what another photo left there must not show.
    rgb.clear();
    raw.clear();
    set_len(rgb, pixels as usize * 3, sides)?;
    if color == ColorType::Rgb8 {
        probe(held, sides)?;
        decoder.read_image(rgb).map_err(failed)?;
    } else {
        set_len(raw, decoder.total_bytes() as usize, sides)?;
        probe(held, sides)?;
        decoder.read_image(raw).map_err(failed)?;
        transparent = is_transparent(color, raw);
        if !to_rgb(color, raw, rgb) {
            return Err(Error::Unsupported { format, feature: format!("pixels of type {color:?}") });
        }
    }
    if width == 0 || height == 0 {
        return Err(Error::Broken { format, reason: format!("an image of {width}x{height} pixels") });
    }
    Ok(Header { width, height, orientation: Orientation::default(), transparent })
}

/// The bytes in front of a BMP's own header.
const BMP_FILE_HEADER: usize = 14;

/// Whether a BMP says that its pixels begin inside its palette, as some programs do that count the palette to the pixels
/// (54 is behind the header), and has room for them behind it.
///
/// # Errors
/// [`Error::Truncated`] if it says so, lacks that room, and is shorter than it says.
fn pixels_are_behind_the_palette(bytes: &[u8]) -> Result<bool> {
    let number = |at: usize, count: usize| {
        let digits = bytes.get(at..at + count)?.iter().rev();
        Some(digits.fold(0u64, |sum, &byte| sum << 8 | u64::from(byte)))
    };
    let (Some(start), Some(header)) = (number(10, 4), number(14, 4)) else { return Ok(false) };
    // The oldest header has sides of 16 bits and colors of three bytes.
    let old = header == 12;
    let (side, bits_at, color) = if old { (2, 24, 3) } else { (4, 28, 4) };
    let sides = (number(18, side), number(18 + side, side), number(bits_at, 2));
    let (Some(width), Some(height), Some(bits @ 1..=8)) = sides else { return Ok(false) };
    let stated = if old { Some(0) } else { number(46, 4) };
    let compression = if old { Some(0) } else { number(30, 4) };
    let colors = stated.filter(|&count| count != 0).unwrap_or(1 << bits);
    let palette = (BMP_FILE_HEADER as u64).saturating_add(header);
    let behind = palette.saturating_add(colors.saturating_mul(color));
    // A negative height lists rows from the top.
    let rows = if old { height } else { u64::from((height as u32 as i32).unsigned_abs()) };
    let line = width.saturating_mul(bits).div_ceil(32).saturating_mul(4);
    let packed = compression != Some(0);
    let pixels = if packed { 1 } else { line.saturating_mul(rows) };
    if !(palette..behind).contains(&start) {
        return Ok(false);
    }
    let length = bytes.len() as u64;
    let has_room = behind.saturating_add(pixels) <= length;
    if !has_room && number(2, 4).is_some_and(|whole| whole > length) {
        // Cut, it would be shown with its palette for pixels.
        return Err(Error::Truncated { format: Format::Bmp, reason: "the file is cut off".to_owned() });
    }
    Ok(has_room)
}

/// What the decoder said, as an error of ours. Decoders quote the file's bytes in their messages; one of ours is one line of
/// printable text.
fn explain(format: Format, error: ImageError) -> Error {
    match error {
        ImageError::IoError(cause) if cause.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::Truncated { format, reason: "the file is cut off".to_owned() }
        }
        ImageError::Unsupported(cause) => Error::Unsupported {
            format,
            feature: match cause.kind() {
                UnsupportedErrorKind::GenericFeature(feature) => feature,
                UnsupportedErrorKind::Color(color) => format!("pixels of type {color:?}"),
                _ => "an unknown feature".to_owned(),
            },
        },
        ImageError::Limits(cause) => {
            Error::OverLimit { format, reason: plain(&cause.to_string()).into_owned() }
        }
        other => Error::Broken { format, reason: plain(&other.to_string()).into_owned() },
    }
}
