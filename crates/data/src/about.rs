//! What is known of a photo beside its pixels, in few enough numbers to be kept in the cache.

use crate::Format;

/// What a photo's file holds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct About {
    /// Its format, told by its content.
    pub format: Format,
    /// Columns of the upright photo.
    pub width: u32,
    /// Rows of the upright photo.
    pub height: u32,
    /// Whether its EXIF orientation turned it.
    pub turned: bool,
    /// Whether it holds more frames than the first, which is the one that is read.
    pub animated: bool,
    /// Whether pixels of it are not opaque; their colour is taken as stored.
    pub transparent: bool,
    /// Grey levels between the darkest and the lightest value of a channel after resizing, of the channel where this is
    /// most: 0 for a photo of a single colour.
    pub contrast: f32,
}

/// The formats by their number in the cache.
const FORMATS: [Format; 5] = [Format::Jpeg, Format::Png, Format::Gif, Format::Bmp, Format::WebP];
const TURNED: u8 = 1;
const ANIMATED: u8 = 2;
const TRANSPARENT: u8 = 4;

impl About {
    /// Numbers in [`About::to_values`].
    pub const VALUES: usize = 5;

    /// As numbers for a [`Cache`](crate::Cache).
    #[must_use]
    pub fn to_values(&self) -> [f32; Self::VALUES] {
        let format = FORMATS.iter().position(|format| *format == self.format).unwrap_or(FORMATS.len());
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags =
            flag(self.turned, TURNED) | flag(self.animated, ANIMATED) | flag(self.transparent, TRANSPARENT);
        // Sides are far below 2^24, up to which an f32 holds every integer.
        [format as f32, self.width as f32, self.height as f32, f32::from(flags), self.contrast]
    }

    /// From the numbers of [`About::to_values`]; none where they are no such.
    #[must_use]
    pub fn from_values(values: &[f32; Self::VALUES]) -> Option<Self> {
        let [format, width, height, flags, contrast] = *values;
        let flags = flags as u8;
        Some(Self {
            format: *FORMATS.get(format as usize)?,
            width: width as u32,
            height: height as u32,
            turned: flags & TURNED != 0,
            animated: flags & ANIMATED != 0,
            transparent: flags & TRANSPARENT != 0,
            contrast,
        })
    }
}

/// [`About::contrast`] of pixels.
///
/// # Shapes
/// `pixels` `[pixels, 3]`.
pub(crate) fn contrast(pixels: &[f32]) -> f32 {
    let (mut least, mut most) = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
    for pixel in pixels.as_chunks::<3>().0 {
        for channel in 0..3 {
            least[channel] = least[channel].min(pixel[channel]);
            most[channel] = most[channel].max(pixel[channel]);
        }
    }
    (0..3).map(|channel| most[channel] - least[channel]).fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        for (index, format) in FORMATS.into_iter().enumerate() {
            for flags in 0..8u8 {
                let about = About {
                    format,
                    width: 16_384,
                    height: 1 + index as u32,
                    turned: flags & 1 != 0,
                    animated: flags & 2 != 0,
                    transparent: flags & 4 != 0,
                    contrast: 12.5,
                };
                assert_eq!(About::from_values(&about.to_values()), Some(about));
            }
        }
        assert_eq!(About::from_values(&[5.0, 1.0, 1.0, 0.0, 0.0]), None);
    }

    #[test]
    fn contrast_is_that_of_the_liveliest_channel() {
        assert_eq!(contrast(&[7.0; 30]), 0.0);
        assert_eq!(contrast(&[1.0, 2.0, 3.0, 1.5, 9.0, 3.0]), 7.0);
    }
}
