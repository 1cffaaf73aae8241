//! Photos as they could have been taken: mirrored, from nearer, turned a little, in other light.
//!
//! ```text
//! source position of an output pixel at (u, v), shares of a side from the middle:
//!     turn * share * (u * columns, v * rows) + shift + middle             u -> -u where mirrored
//! value = saturation(contrast(brightness(bilinear(source, position))))    cut off at 0 and 255
//! ```
//!
//! What lies outside the photo is its own mirror image, so that no view has black corners to learn from. How a view is
//! seen is a function of (seed, number of the view, content of the photo): neither the order of the photos nor what else
//! is asked for changes it, and a view can be kept in a cache.
//!
//! # Source
//! Brightness, contrast and saturation are defined as in torchvision's `ColorJitter`; luma by the weights of BT.601.

use std::str::FromStr;

use icecap_kernels::Size;
use icecap_kernels::rng::{Purpose, Stream};

use crate::{Digest, Error, ResizeSpec, Result};

/// What may differ from view to view.
///
/// It parses from and prints as a list of `flip`, `crop:SHARE`, `rotate:DEGREES` and `color:STRENGTH`; `crop`, `rotate`
/// and `color` without a number mean `crop:0.8`, `rotate:10` and `color:0.2`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Augment {
    /// Half of the views are mirrored left to right.
    pub flip: bool,
    /// The smallest share of each side that is seen, in [0.2, 1).
    pub crop: Option<f32>,
    /// Views are turned by up to so many degrees either way, in (0, 180].
    pub rotate: Option<f32>,
    /// Brightness, contrast and saturation change by up to this share, in (0, 1).
    pub color: Option<f32>,
}

const CROP: f32 = 0.8;
const ROTATE: f32 = 10.0;
const COLOR: f32 = 0.2;
/// A photo that is cropped or turned is taken from one this much larger on each side, so that a crop of [`CROP`] is not
/// blown up.
const CANVAS: f32 = 1.0 / CROP;

impl Augment {
    /// Returns the size at which a photo is read for views with a crop or a turn.
    #[must_use]
    pub fn canvas(spec: &ResizeSpec) -> ResizeSpec {
        let larger = |side: usize| (side as f32 * CANVAS).ceil() as usize;
        ResizeSpec { height: larger(spec.height), width: larger(spec.width), mode: spec.mode }
    }

    /// Returns view `number` of the photo whose content has the hash `photo`: a function of these and of `seed`.
    #[must_use]
    pub fn view(&self, seed: u64, number: u32, photo: &Digest) -> View {
        let [a, b, c, d, ..] = photo.0;
        let mut stream = Stream::new(seed, Purpose::Augment, number, u32::from_le_bytes([a, b, c, d]));
        // Every number is drawn, wanted or not: what is switched on beside it changes nothing about the others.
        let mirrored = stream.uniform() < 0.5;
        let [turn, near, right, down] = std::array::from_fn(|_| stream.uniform());
        let light: [f32; 3] = std::array::from_fn(|_| stream.range(-1.0, 1.0));
        let share = 1.0 - near * (1.0 - self.crop.unwrap_or(1.0));
        let room = |place: f32| (place - 0.5) * (1.0 - share);
        View {
            mirrored: self.flip && mirrored,
            turn: (2.0 * turn - 1.0) * self.rotate.unwrap_or(0.0).to_radians(),
            share,
            shift: [room(right), room(down)],
            light: light.map(|step| 1.0 + step * self.color.unwrap_or(0.0)),
        }
    }
}

impl FromStr for Augment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::Augment { text: text.to_owned() };
        let mut augment = Self::default();
        for word in text.split(',').map(str::trim) {
            let (name, number) = match word.split_once(':') {
                Some((name, number)) => (name, Some(number.parse::<f32>().map_err(|_| wrong())?)),
                None => (word, None),
            };
            let slot = match name {
                "flip" if number.is_none() && !augment.flip => {
                    augment.flip = true;
                    continue;
                }
                "crop" => (&mut augment.crop, CROP, 0.2..1.0),
                "rotate" => (&mut augment.rotate, ROTATE, f32::MIN_POSITIVE..180.1),
                "color" => (&mut augment.color, COLOR, f32::MIN_POSITIVE..1.0),
                _ => return Err(wrong()),
            };
            let (place, usual, allowed) = slot;
            let number = number.unwrap_or(usual);
            if !allowed.contains(&number) || place.replace(number).is_some() {
                return Err(wrong());
            }
        }
        Ok(augment)
    }
}

impl std::fmt::Display for Augment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut words = Vec::new();
        if self.flip {
            words.push("flip".to_owned());
        }
        for (name, number) in [("crop", self.crop), ("rotate", self.rotate), ("color", self.color)] {
            words.extend(number.map(|number| format!("{name}:{number}")));
        }
        f.write_str(&words.join(","))
    }
}

/// One way to see a photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    mirrored: bool,
    /// The turn, in radians.
    turn: f32,
    /// The share of each side that is seen.
    share: f32,
    /// How far its middle lies from the photo's: to the right and down, in shares of a side.
    shift: [f32; 2],
    /// Factors of brightness, contrast, saturation.
    light: [f32; 3],
}

impl View {
    /// The photo as it is.
    pub const PLAIN: Self = Self { mirrored: false, turn: 0.0, share: 1.0, shift: [0.0; 2], light: [1.0; 3] };
    /// The photo mirrored left to right.
    pub const MIRRORED: Self = Self { mirrored: true, ..Self::PLAIN };

    /// Whether the view is a crop or turned, and so taken from the [canvas](Augment::canvas).
    #[must_use]
    pub fn needs_canvas(&self) -> bool {
        self.turn != 0.0 || self.share != 1.0
    }

    /// Writes the view of `source` to `out`.
    ///
    /// # Shapes
    /// `source` is `[source_size.height, source_size.width, 3]`, the photo at `size` if the view needs no canvas; `out`
    /// is `[size.height, size.width, 3]`.
    ///
    /// # Units
    /// Gray levels from 0 to 255, not rounded.
    ///
    /// # Panics
    /// If lengths and sizes do not fit.
    pub fn apply(&self, source: &[f32], source_size: Size, out: &mut [f32], size: Size) {
        assert_eq!(source.len(), source_size.height * source_size.width * CHANNELS, "the source of a view");
        assert_eq!(out.len(), size.height * size.width * CHANNELS, "the pixels of a view");
        if self.needs_canvas() {
            self.sample(source, source_size, out, size);
        } else {
            assert_eq!(source_size, size, "a view that is neither cropped nor turned");
            out.copy_from_slice(source);
            if self.mirrored {
                mirror(out, size.width);
            }
        }
        if self.light != [1.0; 3] {
            self.relight(out);
        }
    }

    fn sample(&self, source: &[f32], source_size: Size, out: &mut [f32], size: Size) {
        let Size { height: rows, width: columns } = source_size;
        let (sine, cosine) = self.turn.sin_cos();
        let (height, width) = (size.height as f32, size.width as f32);
        let (tall, wide) = (rows as f32, columns as f32);
        let middle = [(0.5 + self.shift[0]) * wide - 0.5, (0.5 + self.shift[1]) * tall - 0.5];
        let across = self.share * wide * if self.mirrored { -1.0 } else { 1.0 };
        for (row, line) in out.chunks_exact_mut(size.width * CHANNELS).enumerate() {
            let y = ((row as f32 + 0.5) / height - 0.5) * self.share * tall;
            for (column, pixel) in line.as_chunks_mut::<CHANNELS>().0.iter_mut().enumerate() {
                let x = ((column as f32 + 0.5) / width - 0.5) * across;
                let (left, right, to_right) = neighbors(cosine * x - sine * y + middle[0], columns);
                let (above, below, down) = neighbors(sine * x + cosine * y + middle[1], rows);
                for (channel, value) in pixel.iter_mut().enumerate() {
                    let at =
                        |row: usize, column: usize| source[(row * columns + column) * CHANNELS + channel];
                    let upper = at(above, left) + (at(above, right) - at(above, left)) * to_right;
                    let lower = at(below, left) + (at(below, right) - at(below, left)) * to_right;
                    *value = upper + (lower - upper) * down;
                }
            }
        }
    }

    fn relight(&self, pixels: &mut [f32]) {
        let [brightness, contrast, saturation] = self.light;
        let pixels = pixels.as_chunks_mut::<CHANNELS>().0;
        // In f64, row by row in one order: the same on every machine.
        let sum: f64 = pixels.iter().map(|pixel| f64::from(luma(pixel))).sum();
        let mean = (sum / pixels.len().max(1) as f64) as f32 * brightness;
        for pixel in pixels {
            for value in pixel.iter_mut() {
                *value = mean + (*value * brightness - mean) * contrast;
            }
            let gray = luma(pixel);
            for value in pixel.iter_mut() {
                *value = (gray + (*value - gray) * saturation).clamp(0.0, 255.0);
            }
        }
    }
}

const CHANNELS: usize = 3;

fn luma([red, green, blue]: &[f32; CHANNELS]) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}

fn mirror(pixels: &mut [f32], width: usize) {
    for line in pixels.chunks_exact_mut(width * CHANNELS) {
        line.as_chunks_mut::<CHANNELS>().0.reverse();
    }
}

/// The two pixels around a position along a side of `count` pixels, and how far it lies to the second. Beyond an end
/// the photo is its own mirror image.
fn neighbors(position: f32, count: usize) -> (usize, usize, f32) {
    let first = position.floor();
    let inside = |index: f32| {
        let period = 2 * count as i64;
        let at = (index as i64).rem_euclid(period);
        at.min(period - 1 - at) as usize
    };
    (inside(first), inside(first + 1.0), position - first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn photo(rows: usize, columns: usize) -> Vec<f32> {
        let mut stream = Stream::new(3, Purpose::Test, 0, 0);
        (0..rows * columns * CHANNELS).map(|_| stream.range(0.0, 255.0)).collect()
    }

    fn seen(view: View, source: &[f32], from: [usize; 2], to: [usize; 2]) -> Vec<f32> {
        let size = |[height, width]: [usize; 2]| Size { height, width };
        let mut out = vec![f32::NAN; to[0] * to[1] * CHANNELS];
        view.apply(source, size(from), &mut out, size(to));
        out
    }

    #[test]
    fn a_plain_view_is_the_photo_and_a_mirror_image_of_a_mirror_image_is_it_too() {
        let source = photo(5, 7);
        assert_eq!(seen(View::PLAIN, &source, [5, 7], [5, 7]), source);
        let once = seen(View::MIRRORED, &source, [5, 7], [5, 7]);
        assert_ne!(once, source);
        assert_eq!(once[..3], source[6 * 3..7 * 3]);
        assert_eq!(seen(View::MIRRORED, &once, [5, 7], [5, 7]), source);
    }

    #[test]
    fn half_a_turn_is_the_photo_upside_down_and_mirrored() {
        let source = photo(8, 6);
        let turned = View { turn: std::f32::consts::PI, ..View::PLAIN };
        let out = seen(turned, &source, [8, 6], [8, 6]);
        let pixels = source.as_chunks::<3>().0;
        for (got, expected) in out.as_chunks::<3>().0.iter().zip(pixels.iter().rev()) {
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() < 0.01, "{got} {expected}");
            }
        }
    }

    #[test]
    fn a_crop_shows_the_part_that_it_says() {
        // A ramp to the right: its value tells the column.
        let ramp: Vec<f32> = (0..10 * 20).flat_map(|at| [(at % 20) as f32; 3]).collect();
        let view = View { share: 0.5, shift: [0.25, 0.0], ..View::PLAIN };
        let out = seen(view, &ramp, [10, 20], [5, 10]);
        for (column, pixel) in out.as_chunks::<3>().0[..10].iter().enumerate() {
            assert!((pixel[0] - (10 + column) as f32).abs() < 1e-4, "{column}: {pixel:?}");
        }
    }

    #[test]
    fn light_changes_what_it_is_named_for() {
        let gray = vec![100.0; 12];
        let brighter = View { light: [1.2, 1.0, 1.0], ..View::PLAIN };
        assert!(seen(brighter, &gray, [2, 2], [2, 2]).iter().all(|v| (v - 120.0).abs() < 1e-3));
        // Contrast and saturation leave an even gray as it is.
        let other = View { light: [1.0, 1.7, 0.3], ..View::PLAIN };
        assert!(seen(other, &gray, [2, 2], [2, 2]).iter().all(|v| (v - 100.0).abs() < 1e-3));
        // No saturation is a gray photo.
        let none = View { light: [1.0, 1.0, 0.0], ..View::PLAIN };
        for [r, g, b] in seen(none, &photo(3, 3), [3, 3], [3, 3]).as_chunks::<3>().0 {
            assert!((r - g).abs() < 1e-3 && (g - b).abs() < 1e-3);
        }
    }

    proptest! {
        #[test]
        fn every_view_is_within_what_is_asked_for_and_within_the_gray_levels(
            seed: u64, number in 0u32..50, content: [u8; 32],
        ) {
            let augment = Augment { flip: true, crop: Some(0.7), rotate: Some(20.0), color: Some(0.3) };
            let view = augment.view(seed, number, &Digest(content));
            prop_assert_eq!(view, augment.view(seed, number, &Digest(content)));
            prop_assert!((0.7..=1.0).contains(&view.share) && view.turn.abs() <= 20f32.to_radians());
            prop_assert!(view.shift.iter().all(|shift| shift.abs() <= (1.0 - view.share) / 2.0 + 1e-6));
            prop_assert!(view.light.iter().all(|light| (light - 1.0).abs() <= 0.3 + 1e-6));
            // What is switched on beside it changes nothing.
            let alone = Augment { crop: Some(0.7), ..Augment::default() }.view(seed, number, &Digest(content));
            prop_assert_eq!((alone.share, alone.shift), (view.share, view.shift));
            let out = seen(view, &photo(10, 12), [10, 12], [8, 9]);
            prop_assert!(out.iter().all(|value| (0.0..=255.0).contains(value)));
        }
    }

    #[test]
    fn a_list_is_read_as_it_is_written() {
        for text in ["flip", "crop:0.5", "flip,crop:0.8,rotate:10,color:0.2", "rotate:180"] {
            assert_eq!(text.parse::<Augment>().unwrap().to_string(), text);
        }
        assert_eq!("color, flip".parse::<Augment>().unwrap().to_string(), "flip,color:0.2");
        for wrong in [
            "",
            "none",
            "flip,flip",
            "flip:1",
            "crop:1",
            "crop:0.1",
            "rotate:0",
            "rotate:nan",
            "color:1",
            "crop:0.5,crop",
        ] {
            let error = wrong.parse::<Augment>().unwrap_err().to_string();
            assert!(error.contains("crop:SHARE"), "{wrong}: {error}");
        }
    }
}
