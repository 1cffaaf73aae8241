//! EXIF orientation: how a camera held the sensor when it stored the pixels.
//!
//! A transform is applied as late as possible. Turning a photo of 12 million pixels costs as much as decoding half of
//! it; turning its 160x160 thumbnail costs nothing, and resampling commutes with turning.

use crate::directory::Directory;

/// The tag.
const ORIENTATION: u16 = 0x0112;

/// How stored pixels have to be turned to stand upright: one of the eight values of EXIF tag 0x0112.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orientation {
    /// The upright x runs along the stored y.
    transpose: bool,
    /// Stored columns run the other way.
    flip_x: bool,
    /// Stored rows run the other way.
    flip_y: bool,
}

impl Orientation {
    /// Returns the orientation of an EXIF value, 1 to 8. Any other value means upright, as it does to viewers.
    #[must_use]
    pub fn from_exif(value: u8) -> Self {
        let (transpose, flip_x, flip_y) = match value {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, false, true),
            7 => (true, true, true),
            8 => (true, true, false),
            _ => (false, false, false),
        };
        Self { transpose, flip_x, flip_y }
    }

    /// The orientation in a TIFF block, which is what an EXIF segment or chunk holds. Upright where there is none.
    #[must_use]
    pub(crate) fn from_tiff(block: &[u8]) -> Self {
        let value = Directory::first(block).and_then(|directory| directory.number(ORIENTATION));
        value.and_then(|value| u8::try_from(value).ok()).map_or_else(Self::default, Self::from_exif)
    }

    /// Whether the stored pixels stand upright as they are.
    #[must_use]
    pub fn is_upright(self) -> bool {
        self == Self::default()
    }

    /// Whether the width of the upright photo is the height of the stored pixels.
    #[must_use]
    pub fn swaps_sides(self) -> bool {
        self.transpose
    }

    /// `(first, second)`, exchanged where the sides are.
    #[must_use]
    pub(crate) fn sides<T>(self, first: T, second: T) -> (T, T) {
        if self.transpose { (second, first) } else { (first, second) }
    }

    /// The stored `(x, y)` of the upright pixel `(x, y)`, for stored pixels of `width` x `height`.
    #[must_use]
    pub(crate) fn stored(self, x: usize, y: usize, width: usize, height: usize) -> (usize, usize) {
        let (x, y) = self.sides(x, y);
        (if self.flip_x { width - 1 - x } else { x }, if self.flip_y { height - 1 - y } else { y })
    }

    /// Turns stored pixels of `width` x `height` upright.
    ///
    /// # Shapes
    /// `stored` `[height, width, 3]`; `upright` the same or, where the sides are exchanged, `[width, height, 3]`.
    pub(crate) fn apply<T: Copy>(self, stored: &[T], width: usize, height: usize, upright: &mut [T]) {
        let (across, _) = self.sides(width, height);
        for (y, row) in upright.chunks_exact_mut(across * 3).enumerate() {
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let (from_x, from_y) = self.stored(x, y, width, height);
                let start = (from_y * width + from_x) * 3;
                pixel.copy_from_slice(&stored[start..start + 3]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The EXIF standard's own wording: what the stored 0th row and 0th column are in the upright picture.
    #[test]
    fn the_stored_first_row_and_column_lie_where_the_standard_says() {
        // (value, where row 0 lies, where column 0 lies)
        let standard = [
            (1, "top", "left"),
            (2, "top", "right"),
            (3, "bottom", "right"),
            (4, "bottom", "left"),
            (5, "left", "top"),
            (6, "right", "top"),
            (7, "right", "bottom"),
            (8, "left", "bottom"),
        ];
        let (width, height) = (3, 2);
        for (value, row, column) in standard {
            let orientation = Orientation::from_exif(value);
            let (across, down) = orientation.sides(width, height);
            let edge = |name: &str, x: usize, y: usize| match name {
                "top" => y == 0,
                "bottom" => y == down - 1,
                "left" => x == 0,
                _ => x == across - 1,
            };
            for y in 0..down {
                for x in 0..across {
                    let (from_x, from_y) = orientation.stored(x, y, width, height);
                    assert_eq!(from_y == 0, edge(row, x, y), "row 0 of {value}");
                    assert_eq!(from_x == 0, edge(column, x, y), "column 0 of {value}");
                }
            }
        }
    }

    #[test]
    fn values_that_exif_does_not_know_are_upright() {
        assert!(Orientation::from_exif(0).is_upright() && Orientation::from_exif(9).is_upright());
        assert!(Orientation::from_tiff(b"II*\0garbage").is_upright());
    }
}
