//! Letters of 5 x 7 dots, for the words under the photos of a sheet.

use image::{Rgb, RgbImage};

/// Dots from one letter to the next.
const ADVANCE: u32 = 6;
/// Letters that reach below the line, and by how many dots.
const BELOW: (&str, u32) = ("gpqy", 2);
/// Dots from the top of a line of text to the next.
pub(super) const LINE: u32 = 11;

/// Writes `text` with its upper left corner at (`x`, `y`), each dot `scale` pixels wide. What is outside the sheet is
/// not written, and what is no letter, digit or per cent sign is a gap.
pub(super) fn write(sheet: &mut RgbImage, text: &str, [x, y]: [u32; 2], scale: u32, color: Rgb<u8>) {
    for (place, letter) in text.chars().enumerate() {
        let below = if BELOW.0.contains(letter) { BELOW.1 } else { 0 };
        for (row, dots) in glyph(letter).iter().enumerate() {
            for column in (0..5).filter(|column| dots >> (4 - column) & 1 == 1) {
                let left = x + (place as u32 * ADVANCE + column) * scale;
                let top = y + (row as u32 + below) * scale;
                for (dx, dy) in (0..scale).flat_map(|dx| (0..scale).map(move |dy| (dx, dy))) {
                    if let Some(pixel) = sheet.get_pixel_mut_checked(left + dx, top + dy) {
                        *pixel = color;
                    }
                }
            }
        }
    }
}

/// Returns the rows of a letter, its five dots in the low bits, the leftmost the highest.
fn glyph(letter: char) -> [u8; 7] {
    match letter {
        'a' => [0b00000, 0b00000, 0b01110, 0b00001, 0b01111, 0b10001, 0b01111],
        'b' => [0b10000, 0b10000, 0b11110, 0b10001, 0b10001, 0b10001, 0b11110],
        'c' => [0b00000, 0b00000, 0b01111, 0b10000, 0b10000, 0b10000, 0b01111],
        'd' => [0b00001, 0b00001, 0b01111, 0b10001, 0b10001, 0b10001, 0b01111],
        'e' => [0b00000, 0b00000, 0b01110, 0b10001, 0b11111, 0b10000, 0b01111],
        'f' => [0b00110, 0b01000, 0b11110, 0b01000, 0b01000, 0b01000, 0b01000],
        'g' => [0b01111, 0b10001, 0b10001, 0b10001, 0b01111, 0b00001, 0b01110],
        'h' => [0b10000, 0b10000, 0b11110, 0b10001, 0b10001, 0b10001, 0b10001],
        'i' => [0b00100, 0b00000, 0b01100, 0b00100, 0b00100, 0b00100, 0b01110],
        'j' => [0b00010, 0b00000, 0b00110, 0b00010, 0b00010, 0b00010, 0b11100],
        'k' => [0b10000, 0b10000, 0b10010, 0b10100, 0b11000, 0b10100, 0b10010],
        'l' => [0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        'm' => [0b00000, 0b00000, 0b11110, 0b10101, 0b10101, 0b10101, 0b10101],
        'n' => [0b00000, 0b00000, 0b11110, 0b10001, 0b10001, 0b10001, 0b10001],
        'o' => [0b00000, 0b00000, 0b01110, 0b10001, 0b10001, 0b10001, 0b01110],
        'p' => [0b11110, 0b10001, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000],
        'q' => [0b01111, 0b10001, 0b10001, 0b10001, 0b01111, 0b00001, 0b00001],
        'r' => [0b00000, 0b00000, 0b10110, 0b11000, 0b10000, 0b10000, 0b10000],
        's' => [0b00000, 0b00000, 0b01111, 0b10000, 0b01110, 0b00001, 0b11110],
        't' => [0b01000, 0b01000, 0b11110, 0b01000, 0b01000, 0b01000, 0b00110],
        'u' => [0b00000, 0b00000, 0b10001, 0b10001, 0b10001, 0b10001, 0b01111],
        'v' => [0b00000, 0b00000, 0b10001, 0b10001, 0b10001, 0b01010, 0b00100],
        'w' => [0b00000, 0b00000, 0b10001, 0b10101, 0b10101, 0b10101, 0b01010],
        'x' => [0b00000, 0b00000, 0b10001, 0b01010, 0b00100, 0b01010, 0b10001],
        'y' => [0b10001, 0b10001, 0b10001, 0b10001, 0b01111, 0b00001, 0b01110],
        'z' => [0b00000, 0b00000, 0b11111, 0b00010, 0b00100, 0b01000, 0b11111],
        '0' => [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
        '1' => [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        '2' => [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111],
        '3' => [0b11110, 0b00001, 0b00001, 0b01110, 0b00001, 0b00001, 0b11110],
        '4' => [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
        '5' => [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
        '6' => [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
        '7' => [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
        '8' => [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
        '9' => [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
        '%' => [0b11000, 0b11001, 0b00010, 0b00100, 0b01000, 0b10011, 0b00011],
        _ => [0; 7],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_that_a_sheet_needs_is_there_and_no_two_look_alike() {
        let letters: Vec<char> = ('a'..='z').chain('0'..='9').chain(['%']).collect();
        for (i, &letter) in letters.iter().enumerate() {
            assert_ne!(glyph(letter), [0; 7], "{letter}");
            assert!(letters[..i].iter().all(|&other| glyph(other) != glyph(letter)), "{letter}");
        }
    }

    #[test]
    fn text_beyond_the_edge_is_cut_off() {
        let mut sheet = RgbImage::new(13, 7);
        write(&mut sheet, "lll", [0, 0], 1, Rgb([255; 3]));
        let white = |sheet: &RgbImage| sheet.pixels().filter(|pixel| pixel.0 == [255; 3]).count();
        assert_eq!(white(&sheet), 2 * (2 + 5 + 3));
        write(&mut sheet, "l", [0, 100], 2, Rgb([255; 3]));
    }
}
