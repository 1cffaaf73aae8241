//! Photos as Keras' layers `Resizing` and `CenterCrop` frame them.
//!
//! | rule | layer | what is shown |
//! |---|---|---|
//! | `squash` | `Resizing` | the whole photo |
//! | `crop` | `Resizing` with `crop_to_aspect_ratio` | the middle, in the proportions of the result, resized |
//! | `cut` | `CenterCrop` | the middle as it is, in the size of the result; of a photo that is smaller, as `crop` |
//!
//! All resize bilinearly without antialias, as TensorFlow does, and do not round. The middle is cut out in whole pixels
//! before it is resized. A model may resize what it has resized: `cut of 256x256 squash` first makes the photo 256x256, as the
//! input of the model says, and then cuts out the middle.

use std::fmt;
use std::str::FromStr;

use crate::Result;
use crate::photo::Stored;
use crate::room::make_room;

/// What part of a photo is shown, and how it gets the size of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// The whole photo, each side scaled for itself.
    Squash,
    /// The middle in the proportions of the result, scaled.
    Crop,
    /// The middle in the size of the result; if the photo is smaller than that, as [`Framing::Crop`].
    Cut,
}

impl Framing {
    const ALL: [Self; 3] = [Self::Squash, Self::Crop, Self::Cut];

    fn name(self) -> &'static str {
        match self {
            Self::Squash => "squash",
            Self::Crop => "crop",
            Self::Cut => "cut",
        }
    }

    /// The part of an image of `from` that an image of `to` shows.
    pub(crate) fn part(self, from: Sides, to: Sides) -> Part {
        let middle = |rows: usize, columns: usize| Part {
            top: (from.rows - rows) / 2,
            left: (from.columns - columns) / 2,
            sides: Sides { rows, columns },
        };
        match self {
            Self::Squash => middle(from.rows, from.columns),
            Self::Cut if from.rows >= to.rows && from.columns >= to.columns => middle(to.rows, to.columns),
            Self::Crop | Self::Cut => {
                // In f32, as TensorFlow computes it.
                let follow =
                    |side: usize, own: usize, other: usize| ((side * own) as f32 / other as f32) as usize;
                let rows = follow(from.columns, to.rows, to.columns).clamp(1, from.rows);
                let columns = follow(from.rows, to.columns, to.rows).clamp(1, from.columns);
                middle(rows, columns)
            }
        }
    }
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Framing {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        Self::ALL.into_iter().find(|framing| framing.name() == text).ok_or(())
    }
}

/// A framing to a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What part of the photo is shown.
    pub framing: Framing,
    /// Rows of the result.
    pub rows: usize,
    /// Columns of the result.
    pub columns: usize,
}

/// Rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sides {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

/// A part of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) top: usize,
    pub(crate) left: usize,
    pub(crate) sides: Sides,
}

/// Puts what a part of a photo shows, turned upright, into `out`.
pub(crate) fn cut_out(photo: Stored<'_>, part: Part, out: &mut Vec<u8>) -> Result<()> {
    let Stored { rgb, width, height, orientation } = photo;
    let Part { top, left, sides } = part;
    out.clear();
    make_room(out, sides.rows * sides.columns * 3, (width, height))?;
    for y in top..top + sides.rows {
        for x in left..left + sides.columns {
            let (from_x, from_y) = orientation.stored(x, y, width, height);
            let start = (from_y * width + from_x) * 3;
            out.extend_from_slice(&rgb[start..start + 3]);
        }
    }
    Ok(())
}

/// Writes the part of `image`, RGB of `from`, that `framing` shows at the size `to`.
///
/// # Shapes
/// `image` is [from.rows, from.columns, 3], `out` [to.rows, to.columns, 3].
pub(crate) fn frame(image: &[f32], from: Sides, framing: Framing, to: Sides, out: &mut [f32]) {
    let part = framing.part(from, to);
    let columns = taps(part.sides.columns, to.columns);
    let rows = taps(part.sides.rows, to.rows);
    let at = |row: usize, column: usize, channel: usize| {
        image[((part.top + row) * from.columns + part.left + column) * 3 + channel]
    };
    for (row, line) in rows.iter().zip(out.chunks_exact_mut(to.columns * 3)) {
        for (column, pixel) in columns.iter().zip(line.chunks_exact_mut(3)) {
            for (channel, value) in pixel.iter_mut().enumerate() {
                let along = |row: usize| {
                    let (first, second) = (at(row, column.first, channel), at(row, column.second, channel));
                    first + (second - first) * column.share
                };
                let (top, bottom) = (along(row.first), along(row.second));
                *value = top + (bottom - top) * row.share;
            }
        }
    }
}

/// The two values of a line between which a value of the result lies, and the second one's share.
struct Taps {
    first: usize,
    second: usize,
    share: f32,
}

/// TensorFlow's bilinear rule: pixels are their centers.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f32 / to as f32;
    (0..to)
        .map(|index| {
            let place = (index as f32 + 0.5) * scale - 0.5;
            let floor = place.floor();
            let first = floor.max(0.0) as usize;
            let second = (place.ceil().max(0.0) as usize).min(from - 1);
            Taps { first: first.min(from - 1), second, share: place - floor }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(rows: usize, columns: usize) -> Sides {
        Sides { rows, columns }
    }

    #[test]
    fn the_middle_is_where_keras_takes_it() {
        let part = |framing: Framing, from, to| {
            let Part { top, left, sides } = framing.part(from, to);
            [top, left, sides.rows, sides.columns]
        };
        // 333 x 500 for a square: the middle 333 columns, of which 83 are left at the left.
        assert_eq!(part(Framing::Crop, sides(333, 500), sides(160, 160)), [0, 83, 333, 333]);
        assert_eq!(part(Framing::Crop, sides(401, 239), sides(160, 160)), [81, 0, 239, 239]);
        assert_eq!(part(Framing::Crop, sides(100, 300), sides(96, 128)), [0, 83, 100, 133]);
        assert_eq!(part(Framing::Cut, sides(333, 500), sides(160, 160)), [86, 170, 160, 160]);
        assert_eq!(part(Framing::Cut, sides(100, 300), sides(96, 128)), [2, 86, 96, 128]);
        assert_eq!(part(Framing::Cut, sides(90, 300), sides(96, 128)), [0, 90, 90, 120]);
        assert_eq!(part(Framing::Squash, sides(90, 300), sides(96, 128)), [0, 0, 90, 300]);
        assert_eq!(part(Framing::Crop, sides(1, 9000), sides(160, 320)), [0, 4499, 1, 2]);
    }

    #[test]
    fn a_frame_of_the_same_size_is_the_image() {
        let image: Vec<f32> = (0..5 * 7 * 3).map(|value| value as f32 * 1.7).collect();
        let mut out = vec![f32::NAN; image.len()];
        frame(&image, sides(5, 7), Framing::Squash, sides(5, 7), &mut out);
        assert_eq!(out, image);
        let mut cut = vec![f32::NAN; 3 * 3 * 3];
        frame(&image, sides(5, 7), Framing::Cut, sides(3, 3), &mut cut);
        let start = (7 + 2) * 3;
        assert_eq!(cut[..9], image[start..start + 9]);
    }
}
