//! A class activation map drawn over its photo.
//!
//! The photo lies below in gray, as displayed upright (or as stored, if the classifier ignores EXIF). Its own darkest and
//! lightest grays become a dim and a light one, so that dark photos and pale ones show as much as others. The map is bilinear between the centers of its cells over the part of the photo that the net saw, the same scale on both
//! sides of 0. Orange speaks for the class and blue against it: a pair that people with any common color blindness
//! tell apart, and of which neither is a gray. What the net did not see is darker and has no color.

use std::io::Write;
use std::ops::ControlFlow;

use icecap_data::{Photo, Region, Turn};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use crate::error::Error;
use crate::explain::heatmap::{Heatmap, Heatmaps};
use crate::model::classifier::Classifier;
use crate::model::source::Source;

/// What speaks for the class.
const FOR: [f32; 3] = [255.0, 130.0, 0.0];
/// What speaks against it.
const AGAINST: [f32; 3] = [40.0, 120.0, 255.0];
/// How much of a pixel is color where the map is at its scale.
const STRONGEST: f32 = 0.85;
/// The gray of the photo: darkest and lightest.
const GRAYS: [f32; 2] = [60.0, 205.0];
/// How much of its light a color keeps where the photo is darkest.
const SHADED: f32 = 0.6;
/// The share of pixels at either end that may be darker or lighter than what is drawn darkest or lightest.
const OUTLIERS: f32 = 0.02;
/// The least distance of the grays that are drawn darkest and lightest: below it noise would be all that is seen.
const LEAST_CONTRAST: f32 = 0.15;
/// How much of that is left where the net did not look.
const UNSEEN: f32 = 0.4;

/// An image of 8-bit RGB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The pixels, `[height, width, 3]`.
    pub rgb: Vec<u8>,
}

/// The map of one class, ready to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassMap {
    /// What each cell says for the class, or below 0 against it; `[h, w]` row by row.
    pub cells: Vec<f32>,
    /// Rows and columns of cells.
    pub size: [usize; 2],
    /// The value, above or below 0, that is drawn in full color.
    pub scale: f32,
}

impl Overlay {
    /// Draws the map of `class` over the photo it was made of, which is read again. Full color is that map's own
    /// [scale](Heatmap::scale_of). The longer side is at most `side` pixels.
    ///
    /// # Errors
    /// If the photo cannot be read.
    ///
    /// # Panics
    /// If the map has no such class.
    pub fn of(
        classifier: &Classifier,
        photo: Source<'_>,
        map: &Heatmap,
        class: usize,
        side: usize,
    ) -> Result<Self, icecap_data::Error> {
        Ok(Self::over(whole(classifier, photo, &Turn::default())?, classifier, map, class, side))
    }

    fn over(photo: Photo, classifier: &Classifier, map: &Heatmap, class: usize, side: usize) -> Self {
        let seen = classifier.preprocessing().resize.seen(photo.width(), photo.height());
        let map = ClassMap { cells: map.of_class(class), size: map.size(), scale: map.scale_of(class) };
        Self::draw(photo, seen, &map, side)
    }

    /// Draws `map` over the part `seen` of `photo`. The longer side is at most `side` pixels, and no longer than the
    /// photo's.
    ///
    /// # Panics
    /// If the map has another number of cells than its size says, or a size is 0.
    #[must_use]
    pub fn draw(photo: Photo, seen: Region, map: &ClassMap, side: usize) -> Self {
        let &ClassMap { ref cells, size, scale } = map;
        assert!(cells.len() == size[0] * size[1] && !cells.is_empty() && side > 0, "a map of {size:?}");
        let from = [photo.height(), photo.width()];
        let [height, width] = bounded(from, side);
        let gray = stretched(reduced(&photo.into_rgb(), from, [height, width]));
        let columns = samples(width, from[1], (seen.left, seen.width), size[1]);
        let rows = samples(height, from[0], (seen.top, seen.height), size[0]);
        let mut rgb = Vec::with_capacity(height * width * 3);
        for (row, gray) in rows.iter().zip(gray.chunks_exact(width)) {
            for (column, &light) in columns.iter().zip(gray) {
                let value = match (row, column) {
                    (Some(row), Some(column)) => Some(between(cells, size[1], row, column) / scale),
                    _ => None,
                };
                rgb.extend(pixel(light, value));
            }
        }
        Self { width, height, rgb }
    }

    /// Writes the overlay as a PNG file, quickly rather than small.
    ///
    /// # Errors
    /// If `out` cannot be written.
    // A writer known only at run time: the encoder is then compiled here, for speed, whatever crate calls it.
    pub fn write_png(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let encoder = PngEncoder::new_with_quality(out, CompressionType::Fast, FilterType::Adaptive);
        let (width, height) = (self.width as u32, self.height as u32);
        let written = encoder.write_image(&self.rgb, width, height, ExtendedColorType::Rgb8);
        written.map_err(std::io::Error::other)
    }
}

impl Heatmaps {
    /// Makes the overlay of one photo, its longer side at most `side` pixels, for `class` or, without one, for the predicted
    /// class.
    ///
    /// # Errors
    /// [`Error::Data`] with the reason if the photo cannot be read; [`Error::Setting`] for a class that the
    /// classifier does not have.
    pub fn overlay(
        &mut self,
        photo: Source<'_>,
        class: Option<usize>,
        side: usize,
    ) -> Result<Overlay, Error> {
        let classes = self.classifier().classes().len();
        if let Some(class) = class.filter(|class| *class >= classes) {
            let reason = format!("there is no class {class}, the last of {classes} is {}", classes - 1);
            return Err(Error::Setting { what: "heatmap class", reason });
        }
        let map = self.of(&[photo], &|_| ControlFlow::Continue(()))?.pop().ok_or(Error::Stopped)??;
        let class = class.unwrap_or_else(|| self.classifier().decide(&map.logits()));
        let photo = whole(self.classifier(), photo, self.turn())?;
        Ok(Overlay::over(photo, self.classifier(), &map, class, side))
    }
}

/// Reads a photo in its full size.
fn whole(classifier: &Classifier, photo: Source<'_>, turn: &Turn) -> Result<Photo, icecap_data::Error> {
    let mut loader = classifier.backbone().loader(classifier.preprocessing().decoding(), turn);
    photo.open(&mut loader)?.photo()
}

/// Rows and columns of the overlay of a photo.
fn bounded([height, width]: [usize; 2], side: usize) -> [usize; 2] {
    let longer = height.max(width);
    if longer <= side {
        return [height, width];
    }
    let of = |length: usize| ((length as f64 * side as f64 / longer as f64).round() as usize).max(1);
    [of(height), of(width)]
}

/// The photo in gray levels from 0 to 1, each pixel the mean of those that it stands for.
fn reduced(rgb: &[u8], from: [usize; 2], to: [usize; 2]) -> Vec<f32> {
    // The weights of ITU-R BT.601, in thousandths.
    let light = |p: &[u8]| 299 * u64::from(p[0]) + 587 * u64::from(p[1]) + 114 * u64::from(p[2]);
    let span = |index: usize, from: usize, to: usize| index * from / to..(index + 1) * from / to;
    let mut gray = Vec::with_capacity(to[0] * to[1]);
    for y in 0..to[0] {
        let rows = span(y, from[0], to[0]);
        for x in 0..to[1] {
            let columns = span(x, from[1], to[1]);
            let row =
                |row: usize| &rgb[(row * from[1] + columns.start) * 3..(row * from[1] + columns.end) * 3];
            let sum: u64 = rows.clone().flat_map(|y| row(y).chunks_exact(3)).map(light).sum();
            gray.push(sum as f32 / (rows.len() * columns.len()) as f32 / 255_000.0);
        }
    }
    gray
}

/// Returns gray levels whose own range goes from 0 to 1; nearly one gray stays one, in the middle.
fn stretched(mut gray: Vec<f32>) -> Vec<f32> {
    let mut sorted = gray.clone();
    sorted.sort_unstable_by(f32::total_cmp);
    let left_out = (sorted.len() as f32 * OUTLIERS) as usize;
    let (low, high) = (sorted[left_out], sorted[sorted.len() - 1 - left_out]);
    let (middle, extent) = ((low + high) / 2.0, (high - low).max(LEAST_CONTRAST));
    gray.iter_mut().for_each(|light| *light = ((*light - middle) / extent + 0.5).clamp(0.0, 1.0));
    gray
}

/// Between which two cells a pixel lies, and how far from the first.
#[derive(Clone, Copy)]
struct Sample {
    first: usize,
    second: usize,
    share: f32,
}

/// Returns for each of `count` pixels where it lies among `cells` cells over the span `(start, length)` of a photo's
/// `side`; `None` for a pixel outside.
fn samples(count: usize, side: usize, (start, length): (f64, f64), cells: usize) -> Vec<Option<Sample>> {
    let sample = |index: usize| {
        let place = ((index as f64 + 0.5) * side as f64 / count as f64 - start) / length;
        if !(0.0..=1.0).contains(&place) {
            return None;
        }
        // A cell's value stands at its center; beyond the last center there is nothing to go towards.
        let place = (place * cells as f64 - 0.5).clamp(0.0, (cells - 1) as f64);
        let first = place as usize;
        Some(Sample { first, second: (first + 1).min(cells - 1), share: (place - first as f64) as f32 })
    };
    (0..count).map(sample).collect()
}

fn between(map: &[f32], width: usize, row: &Sample, column: &Sample) -> f32 {
    let along = |row: usize| {
        let (a, b) = (map[row * width + column.first], map[row * width + column.second]);
        a + (b - a) * column.share
    };
    let (a, b) = (along(row.first), along(row.second));
    a + (b - a) * row.share
}

/// A pixel of the photo that is `light` (0 to 1) under `value`, 1 and -1 being full color; none is outside.
fn pixel(light: f32, value: Option<f32>) -> [u8; 3] {
    let gray = GRAYS[0] + (GRAYS[1] - GRAYS[0]) * light;
    let Some(value) = value else { return [(gray * UNSEEN) as u8; 3] };
    let share = STRONGEST * value.abs().min(1.0);
    let color = if value > 0.0 { FOR } else { AGAINST };
    // The color keeps the photo's light and shade, so that one still sees what is there.
    color
        .map(|level| (gray * (1.0 - share) + level * (SHADED + (1.0 - SHADED) * light) * share).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(width: usize, height: usize) -> Region {
        Region { left: 0.0, top: 0.0, width: width as f64, height: height as f64 }
    }

    /// How much warmer than cold a pixel is.
    fn warmth(overlay: &Overlay, x: usize, y: usize) -> i32 {
        let pixel = &overlay.rgb[(y * overlay.width + x) * 3..][..3];
        i32::from(pixel[0]) - i32::from(pixel[2])
    }

    #[test]
    fn warm_is_for_cool_is_against_and_zero_is_gray() {
        let photo = Photo::from_rgb(60, 20, vec![128; 3600]);
        let map = ClassMap { cells: vec![2.0, 0.0, -2.0], size: [1, 3], scale: 2.0 };
        let overlay = Overlay::draw(photo, all(60, 20), &map, 1024);
        assert_eq!((overlay.width, overlay.height), (60, 20));
        assert!(warmth(&overlay, 0, 9) > 60 && warmth(&overlay, 59, 9) < -60);
        // Halfway between the centers of two cells the map is halfway.
        assert_eq!(warmth(&overlay, 0, 0), warmth(&overlay, 9, 19), "flat up to the first center");
        let [full, half] = [0, 20].map(|x| warmth(&overlay, x, 10) as f32);
        assert!((half / full - 0.5).abs() < 0.05, "{half} of {full}");
        assert!(warmth(&overlay, 30, 10).abs() < full as i32 / 15);
    }

    #[test]
    fn color_lies_only_where_the_net_looked() {
        let photo = Photo::from_rgb(100, 50, vec![200; 15_000]);
        let seen = Region { left: 25.0, top: 0.0, width: 50.0, height: 50.0 };
        let map = ClassMap { cells: vec![1.0], size: [1, 1], scale: 1.0 };
        let overlay = Overlay::draw(photo, seen, &map, 50);
        assert_eq!((overlay.width, overlay.height), (50, 25));
        let colored: Vec<bool> = (0..50).map(|x| warmth(&overlay, x, 12) != 0).collect();
        let expected: Vec<bool> = (0..50).map(|x| (12..38).contains(&x)).collect();
        // The pixels at x = 12 and 37 straddle the edge; their centers are inside and outside of it.
        assert_eq!(colored[13..37], expected[13..37]);
        assert!(!colored[..12].contains(&true) && !colored[38..].contains(&true));
    }

    #[test]
    fn a_photo_of_any_shape_is_bounded_and_never_grown() {
        assert_eq!(bounded([16_384, 1], 1024), [1024, 1]);
        assert_eq!(bounded([3, 2], 1024), [3, 2]);
        assert_eq!(bounded([3000, 4000], 1024), [768, 1024]);
        // A mean over what a pixel stands for: black and white stripes become gray.
        let stripes: Vec<u8> = (0..64).flat_map(|x| [if x % 2 == 0 { 0 } else { 255 }; 3]).collect();
        assert!(reduced(&stripes, [1, 64], [1, 16]).iter().all(|gray| (gray - 0.5).abs() < 1e-6));
    }

    #[test]
    fn a_map_is_seen_on_dark_photos_and_on_light_ones() {
        let map = ClassMap { cells: vec![1.0, -1.0, 0.0], size: [1, 3], scale: 1.0 };
        // Stripes of ten gray levels, from nearly black to nearly white.
        for base in [0_u8, 8, 60, 128, 200, 245] {
            let rgb = (0..90 * 30).flat_map(|at| [base + (at % 90 / 3 % 2) as u8 * 10; 3]).collect();
            let overlay = Overlay::draw(Photo::from_rgb(90, 30, rgb), all(90, 30), &map, 90);
            let [for_it, against, neither] = [5, 45, 87].map(|x| warmth(&overlay, x, 15));
            assert!(
                for_it > 80 && against < -80 && neither.abs() < 20,
                "{base}: {for_it} {against} {neither}"
            );
            // What the photo shows is still to be told from its surroundings.
            let light = |x: usize| i32::from(overlay.rgb[(15 * 90 + x) * 3 + 1]);
            assert!((light(84) - light(87)).abs() >= 8, "{base}: {} {}", light(84), light(87));
        }
    }
}
