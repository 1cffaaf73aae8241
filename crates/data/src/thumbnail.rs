//! Photos made small for people to look at, and their way into a file. A net's input is made by [`crate::pixels`].

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage, imageops};

use crate::photo::Photo;

/// Returns a photo whose longer side has at most `side` pixels, upright and with its proportions. Each pixel is the mean
/// of those that it covers. A photo that is small enough keeps its pixels.
///
/// # Panics
/// If `side` is 0.
#[must_use]
pub fn thumbnail(photo: Photo, side: u32) -> Photo {
    assert!(side > 0, "a photo of no pixels");
    let (width, height) = (photo.width(), photo.height());
    let longer = width.max(height) as u64;
    if longer <= u64::from(side) {
        return Photo::from_rgb(width, height, photo.into_rgb());
    }
    let Some(pixels) = RgbImage::from_raw(width as u32, height as u32, photo.into_rgb()) else {
        unreachable!("a photo has the pixels of its sides");
    };
    let scaled = |length: usize| ((length as u64 * u64::from(side) / longer) as u32).max(1);
    let small = imageops::thumbnail(&pixels, scaled(width), scaled(height));
    let (width, height) = (small.width() as usize, small.height() as usize);
    Photo::from_rgb(width, height, small.into_raw())
}

/// Returns the bytes of a JPEG file of `rgb`, whose size is `[width, height]`; `None` if a side is 0 or above 65,535.
/// `quality` is from 1 to 100.
///
/// # Shapes
/// `rgb` is `[height, width, 3]`.
///
/// # Panics
/// If `rgb` is not of that shape.
#[must_use]
pub fn encode_jpeg(rgb: &[u8], size: [usize; 2], quality: u8) -> Option<Vec<u8>> {
    let [width, height] = [u32::try_from(size[0]).ok()?, u32::try_from(size[1]).ok()?];
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(rgb, width, height, ExtendedColorType::Rgb8)
        .ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{ExifPolicy, decode};
    use crate::limits::Limits;

    #[test]
    fn a_thumbnail_keeps_proportions_and_means_and_a_small_photo_its_pixels() {
        let rgb: Vec<u8> = (0..64 * 32 * 3).map(|at| (at * 7 % 251) as u8).collect();
        let photo = Photo::from_rgb(64, 32, rgb.clone());
        assert_eq!(thumbnail(photo.clone(), 64).into_rgb(), rgb);
        let small = thumbnail(photo, 16);
        assert_eq!((small.width(), small.height()), (16, 8));
        for (at, value) in small.into_rgb().into_iter().enumerate() {
            let (row, column, channel) = (at / 48, at / 3 % 16, at % 3);
            let covered =
                (0..16).map(|i| f32::from(rgb[((row * 4 + i / 4) * 64 + column * 4 + i % 4) * 3 + channel]));
            let mean = covered.sum::<f32>() / 16.0;
            assert!((f32::from(value) - mean).abs() <= 1.0, "{value} at {at}, the mean is {mean}");
        }
        let thin = thumbnail(Photo::from_rgb(1, 900, vec![9; 2700]), 160);
        assert_eq!((thin.width(), thin.height()), (1, 160));
    }

    #[test]
    fn a_jpeg_is_read_again_nearly_as_it_was_and_none_is_made_of_impossible_sides() {
        let rgb: Vec<u8> =
            (0..40 * 24).flat_map(|at| [at % 40 * 5, at / 40 * 9, 90]).map(|v| v as u8).collect();
        let bytes = encode_jpeg(&rgb, [40, 24], 95).unwrap();
        let read = decode(&bytes, &Limits::default(), ExifPolicy::Apply).unwrap();
        assert_eq!((read.width(), read.height()), (40, 24));
        assert!(read.into_rgb().iter().zip(&rgb).all(|(a, b)| a.abs_diff(*b) < 24));
        assert!(encode_jpeg(&[], [0, 5], 80).is_none());
        assert!(encode_jpeg(&[0; 70_000 * 3], [70_000, 1], 80).is_none());
    }
}
