//! What is known of a photo beside its pixels, in few enough numbers to be kept in the cache.

use crate::Format;

/// What a photo's file holds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct About {
    /// The file's format, told by its content.
    pub format: Format,
    /// Columns of the upright photo.
    pub width: u32,
    /// Rows of the upright photo.
    pub height: u32,
    /// Whether its EXIF orientation turned it.
    pub turned: bool,
    /// Whether it holds more frames than the first, which is the one that is read.
    pub animated: bool,
    /// Whether pixels of it are not opaque; their color is taken as stored.
    pub transparent: bool,
    /// How far apart the darkest and the lightest gray level of a channel are after resizing, in the channel where that
    /// is most: 0 for a photo of a single color.
    pub contrast: f32,
    /// The mean gray level of each cell of 8 rows and 8 columns over the resized photo, row by row.
    pub layout: [u8; Self::CELLS],
}

/// Cells along a side of [`About::layout`].
const SIDE: usize = 8;
const CELLS: usize = About::CELLS;

/// The formats by their number in the cache.
const FORMATS: [Format; 8] = [
    Format::Jpeg,
    Format::Png,
    Format::Gif,
    Format::Bmp,
    Format::WebP,
    Format::Pixels,
    Format::Tiff,
    Format::JpegXl,
];
const TURNED: u8 = 1;
const ANIMATED: u8 = 2;
const TRANSPARENT: u8 = 4;

impl About {
    /// The number of cells in [`About::layout`].
    pub const CELLS: usize = SIDE * SIDE;
    /// How many numbers [`About::to_values`] returns.
    pub const VALUES: usize = 5 + CELLS;

    /// Returns all of this as numbers, which a [`Cache`](crate::Cache) can hold.
    #[must_use]
    pub fn to_values(&self) -> [f32; Self::VALUES] {
        let format = FORMATS.iter().position(|format| *format == self.format).unwrap_or(FORMATS.len());
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags =
            flag(self.turned, TURNED) | flag(self.animated, ANIMATED) | flag(self.transparent, TRANSPARENT);
        // Sides are far below 2^24, up to which an f32 holds every integer.
        let mut values = [0.0; Self::VALUES];
        values[..5].copy_from_slice(&[
            format as f32,
            self.width as f32,
            self.height as f32,
            f32::from(flags),
            self.contrast,
        ]);
        for (value, level) in values[5..].iter_mut().zip(self.layout) {
            *value = f32::from(level);
        }
        values
    }

    /// Reads the numbers that [`About::to_values`] wrote; `None` if they are not such numbers.
    #[must_use]
    pub fn from_values(values: &[f32; Self::VALUES]) -> Option<Self> {
        let [format, width, height, flags, contrast, ref levels @ ..] = *values;
        let flags = flags as u8;
        Some(Self {
            format: *FORMATS.get(format as usize)?,
            width: width as u32,
            height: height as u32,
            turned: flags & TURNED != 0,
            animated: flags & ANIMATED != 0,
            transparent: flags & TRANSPARENT != 0,
            contrast,
            layout: levels.map(|level| level as u8),
        })
    }

    /// Returns the layout, centered and scaled to length 1: the dot product of two is the correlation of their gray
    /// levels, from -1 to 1. Copies of a photo in another size, light or quality are near 1; cropped and mirrored ones
    /// are not. All zero for a layout of a single gray level.
    #[must_use]
    pub fn layout_direction(&self) -> [f32; Self::CELLS] {
        let mean = self.layout.iter().map(|&level| f32::from(level)).sum::<f32>() / Self::CELLS as f32;
        let centered = self.layout.map(|level| f32::from(level) - mean);
        let length = centered.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length == 0.0 { [0.0; Self::CELLS] } else { centered.map(|value| value / length) }
    }
}

/// [`About::layout`] of pixels.
///
/// # Shapes
/// `pixels` `[height, width, 3]`, of 8 or more rows and columns.
pub(crate) fn layout(pixels: &[f32], height: usize, width: usize) -> [u8; CELLS] {
    let (mut sums, mut counts) = ([0.0f32; CELLS], [0.0f32; CELLS]);
    for (y, line) in pixels.chunks_exact(width * 3).enumerate() {
        for (x, pixel) in line.as_chunks::<3>().0.iter().enumerate() {
            let cell = (y * SIDE / height) * SIDE + x * SIDE / width;
            sums[cell] += 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
            counts[cell] += 1.0;
        }
    }
    std::array::from_fn(|cell| (sums[cell] / counts[cell].max(1.0)).round() as u8)
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
                    layout: std::array::from_fn(|cell| cell as u8 * 4),
                };
                assert_eq!(About::from_values(&about.to_values()), Some(about));
            }
        }
        let mut unknown = [0.0; About::VALUES];
        unknown[0] = FORMATS.len() as f32;
        assert_eq!(About::from_values(&unknown), None);
    }

    #[test]
    fn contrast_is_that_of_the_liveliest_channel() {
        assert_eq!(contrast(&[7.0; 30]), 0.0);
        assert_eq!(contrast(&[1.0, 2.0, 3.0, 1.5, 9.0, 3.0]), 7.0);
    }

    #[test]
    fn layouts_are_means_of_cells_and_alike_whatever_their_size_and_light() {
        let drawn = |height: usize, width: usize, scale: f32| -> Vec<f32> {
            let level =
                |at: usize| scale * ((at / width * 16 / height) * 9 + at % width * 8 / width * 5) as f32;
            (0..height * width).flat_map(|at| [level(at); 3]).collect()
        };
        let about = |pixels: &[f32], height, width| {
            let mut values = [0.0; About::VALUES];
            for (value, level) in values[5..].iter_mut().zip(layout(pixels, height, width)) {
                *value = f32::from(level);
            }
            About::from_values(&values).unwrap()
        };
        let likeness = |a: &About, b: &About| -> f32 {
            a.layout_direction().iter().zip(b.layout_direction()).map(|(a, b)| a * b).sum()
        };
        let large = about(&drawn(160, 96, 1.6), 160, 96);
        // The mean of two rows of levels in each cell: 1.6 times 4.5, 9.5 and 14.5.
        assert_eq!(large.layout[..3], [7, 15, 23]);
        assert!(likeness(&large, &about(&drawn(32, 48, 0.7), 32, 48)) > 0.99);
        let mirrored: Vec<f32> =
            drawn(160, 96, 1.6).chunks(96 * 3).flat_map(|line| line.iter().rev().copied()).collect();
        assert!(likeness(&large, &about(&mirrored, 160, 96)) < 0.9);
        let flat = about(&[7.0; 32 * 32 * 3], 32, 32);
        assert_eq!((likeness(&flat, &flat), likeness(&flat, &large)), (0.0, 0.0));
    }
}
