//! A contact sheet: photos in a grid, each in a frame that says whether its prediction is right, words below.

use std::path::PathBuf;

use image::{ImageError, Rgb, RgbImage, imageops};

use super::letters;

/// One photo of a sheet, with its prediction.
pub struct Tile {
    /// The path of the photo.
    pub path: PathBuf,
    /// Whether the prediction is right: the frame is then green, else red.
    pub right: bool,
    /// The lines of text below the photo, of lower-case letters, digits and per cent signs.
    pub lines: Vec<String>,
}

/// Pixels to a dot of the letters.
const SCALE: u32 = 2;
/// Pixels of a photo's frame.
const FRAME: u32 = 4;
/// Pixels between two photos.
const GAP: u32 = 12;

const PAPER: Rgb<u8> = Rgb([250, 250, 248]);
const INK: Rgb<u8> = Rgb([40, 40, 40]);
const GREEN: Rgb<u8> = Rgb([46, 160, 67]);
const RED: Rgb<u8> = Rgb([218, 54, 51]);

/// Returns a picture of `tiles`, `columns` of them in a row. Of each photo it shows the upper left `side` by `side` pixels.
///
/// # Errors
/// If a photo cannot be read.
pub fn sheet(tiles: &[Tile], columns: usize, side: usize) -> Result<RgbImage, ImageError> {
    let (columns, side) = (columns.max(1) as u32, side as u32);
    let rows = (tiles.len() as u32).div_ceil(columns);
    let framed = side + 2 * FRAME;
    let lines = tiles.iter().map(|tile| tile.lines.len() as u32).max().unwrap_or(0);
    let words = lines * letters::LINE * SCALE;
    let step = [framed + GAP, framed + FRAME + words + GAP];
    let mut sheet = RgbImage::from_pixel(GAP + columns * step[0], GAP + rows * step[1], PAPER);
    for (place, tile) in tiles.iter().enumerate() {
        let (column, row) = (place as u32 % columns, place as u32 / columns);
        let [x, y] = [GAP + column * step[0], GAP + row * step[1]];
        let color = if tile.right { GREEN } else { RED };
        let frame = RgbImage::from_pixel(framed, framed, color);
        imageops::replace(&mut sheet, &frame, i64::from(x), i64::from(y));
        let photo = image::open(&tile.path)?.into_rgb8();
        let photo = imageops::crop_imm(&photo, 0, 0, side, side).to_image();
        imageops::replace(&mut sheet, &photo, i64::from(x + FRAME), i64::from(y + FRAME));
        for (line, text) in tile.lines.iter().enumerate() {
            let top = y + framed + FRAME + line as u32 * letters::LINE * SCALE;
            letters::write(&mut sheet, text, [x, top], SCALE, if tile.right { INK } else { RED });
        }
    }
    Ok(sheet)
}
