//! The encoding of what is drawn.

use std::io::Write;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageError};

/// Writes pixels as a PNG file, quickly rather than small: noise does not compress.
///
/// # Shapes
/// `rgb` [height, width, 3].
///
/// # Errors
/// If `out` cannot be written.
// A writer known only at run time: the encoder is then compiled here, for speed, whatever crate calls it.
pub fn write_png(out: &mut dyn Write, rgb: &[u8], width: usize, height: usize) -> Result<(), ImageError> {
    PngEncoder::new_with_quality(out, CompressionType::Fast, FilterType::Sub).write_image(
        rgb,
        width as u32,
        height as u32,
        ExtendedColorType::Rgb8,
    )
}
