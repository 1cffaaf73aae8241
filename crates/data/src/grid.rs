//! A photo as the mean gray levels of a square grid of cells: small enough to be held against others by the thousand.
//!
//! Each cell is the mean over the area that it covers, pixels at its edges counted by the share of them that lies in it.
//! So a photo and its copy of half the size have the same grid, up to the rounding of the copy's pixels.

use crate::photo::Stored;

/// Writes the mean gray level of each of `side` x `side` cells over the upright photo, row by row.
///
/// # Shapes
/// `out` is `[side, side]`.
pub(crate) fn gray_grid(stored: Stored<'_>, side: usize, out: &mut [u8]) {
    let Stored { rgb, width, height, orientation } = stored;
    assert_eq!(out.len(), side * side, "a grid of {side}x{side} cells");
    let mut sums = vec![0.0f64; side * side];
    // The sum of gray levels, times 256, of the pixels left of each: at most 65,280 x 65,535, which 32 bits hold.
    let mut before = vec![0u32; width + 1];
    let mut cells = vec![0.0f64; side];
    for (y, line) in rgb.chunks_exact(width * 3).enumerate() {
        let mut sum = 0;
        for (pixel, to) in line.as_chunks::<3>().0.iter().zip(&mut before[1..]) {
            let [red, green, blue] = pixel.map(u32::from);
            sum += 77 * red + 150 * green + 29 * blue;
            *to = sum;
        }
        let up_to = |column: usize| {
            let (whole, part) = (column * width / side, column * width % side);
            let next = if part == 0 { 0 } else { before[whole + 1] - before[whole] };
            f64::from(before[whole]) + f64::from(next) * part as f64 / side as f64
        };
        let mut left = 0.0;
        for (column, cell) in cells.iter_mut().enumerate() {
            let right = up_to(column + 1);
            *cell = right - left;
            left = right;
        }
        // In units of 1 / side of a row: row y reaches from y * side to (y + 1) * side, cell r from r * height on.
        for row in y * side / height..((y + 1) * side).div_ceil(height) {
            let overlap = ((row + 1) * height).min((y + 1) * side) - (row * height).max(y * side);
            for (sum, cell) in sums[row * side..][..side].iter_mut().zip(&cells) {
                *sum += cell * overlap as f64 / side as f64;
            }
        }
    }
    let area = width as f64 * height as f64 / (side * side) as f64;
    for y in 0..side {
        for x in 0..side {
            let (from_x, from_y) = orientation.stored(x, y, side, side);
            out[y * side + x] = (sums[from_y * side + from_x] / area / 256.0).round().min(255.0) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orient::Orientation;

    fn grid(rgb: &[u8], [width, height]: [usize; 2], exif: u8, side: usize) -> Vec<u8> {
        let stored = Stored { rgb, width, height, orientation: Orientation::from_exif(exif) };
        let mut out = vec![0; side * side];
        gray_grid(stored, side, &mut out);
        out
    }

    /// Gray pixels that rise to the right and downwards.
    fn slope(width: usize, height: usize) -> Vec<u8> {
        let level = |at: usize| (at % width * 120 / width + at / width * 130 / height) as u8;
        (0..width * height).flat_map(|at| [level(at); 3]).collect()
    }

    #[test]
    fn cells_are_means_of_the_area_that_they_cover() {
        // Two columns to three cells: the middle one has half of each.
        let rgb: Vec<u8> = [0u8, 120, 0, 120].into_iter().flat_map(|level| [level; 3]).collect();
        assert_eq!(grid(&rgb, [2, 2], 1, 3), [0, 60, 120].repeat(3));
        assert_eq!(grid(&rgb, [4, 1], 1, 2), [60; 4]);
        assert_eq!(grid(&[255; 30 * 7 * 3], [30, 7], 1, 16), [255; 256]);
    }

    #[test]
    fn a_grid_does_not_depend_on_the_size_of_the_photo() {
        let large = grid(&slope(640, 420), [640, 420], 1, 16);
        for [width, height] in [[320, 210], [97, 201], [50, 33]] {
            let small = grid(&slope(width, height), [width, height], 1, 16);
            let off = large.iter().zip(&small).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(off <= 4, "{width}x{height}: {off}");
        }
    }

    #[test]
    fn a_turned_photo_has_the_grid_of_the_upright_one() {
        let rgb = slope(40, 24);
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif);
            let mut upright = vec![0; rgb.len()];
            orientation.apply(&rgb, 40, 24, &mut upright);
            let (width, height) = orientation.sides(40, 24);
            assert_eq!(grid(&rgb, [40, 24], exif, 8), grid(&upright, [width, height], 1, 8), "{exif}");
        }
    }
}
