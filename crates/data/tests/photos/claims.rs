//! Small files that claim to be large: a header with other sides in front of the data of a small picture.

use crate::make::{Jpeg, Kind, rgb_jpeg, rgb_raster};
use crate::tiff_maker::tiffs;

/// 16x16 pixels in lossy WebP, as libwebp 1.6 writes them: alone, with alpha, and as the first frame of two.
const LOSSY: &str = "524946463c0000005745425056503820300000001002009d012a100010000900ac25b0027401037e8ee1aea40000fed958d11a8b2050727b48ed92237dfbef57ccdd0000";
const LOSSY_ALPHA: &str = "524946467000000057454250565038580a000000100000000f00000f0000414c50481a00000001b98ce87f404d00240c34a07f594eb777c404a443374964f03d56503820300000001002009d012a100010000900ac25b0027401111fb4d52fd46000feda5c76cb0e219ff023165f8db0dc87b46fe5200000";
const ANIMATED: &str = "52494646cc00000057454250565038580a000000020000000f00000f0000414e494d06000000000000000000414e4d464c0000000000000000000f00000f00006400000256503820340000005001009d012a100010000900ac25b00004740000fec7fe17e466f513f5cb60851a4b275f42bee502f5a469b78bc6da1bfb400000414e4d464c0000000000000000000f00000f00006400000056503820340000005401009d012a100010000000ac25b00004740000fec7ffcd75bdfe362dcdf126fa2a090a89f727ebd3ffe604938538f2ca000000";

fn bytes(digits: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    digits.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Lossy WebP files of 16x16 pixels.
pub(crate) fn lossy_webps() -> [(&'static str, Vec<u8>); 3] {
    [("lossy WebP", LOSSY), ("lossy WebP with alpha", LOSSY_ALPHA), ("animated WebP", ANIMATED)]
        .map(|(name, digits)| (name, bytes(digits)))
}

/// The JPEG with other sides in its image header.
pub(crate) fn jpeg_of(mut file: Vec<u8>, width: u16, height: u16) -> Vec<u8> {
    let header = file.windows(2).position(|pair| matches!(pair, [0xFF, 0xC0..=0xC2])).unwrap();
    file[header + 5..header + 7].copy_from_slice(&height.to_be_bytes());
    file[header + 7..header + 9].copy_from_slice(&width.to_be_bytes());
    file
}

pub(crate) fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut file = rgb_raster(Kind::Png, 8, 8);
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc(&file[12..29]);
    file[29..33].copy_from_slice(&sum.to_be_bytes());
    file
}

pub(crate) fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg()))
    })
}

pub(crate) fn bmp_of(width: i32, height: i32) -> Vec<u8> {
    let mut file = rgb_raster(Kind::Bmp, 8, 8);
    file[18..22].copy_from_slice(&width.to_le_bytes());
    file[22..26].copy_from_slice(&height.to_le_bytes());
    file
}

/// A GIF whose canvas is of this size, and its frame, too, if it `fills` it.
pub(crate) fn gif_of(width: u16, height: u16, fills: bool) -> Vec<u8> {
    let mut file = rgb_raster(Kind::Gif, 8, 8);
    file[6..8].copy_from_slice(&width.to_le_bytes());
    file[8..10].copy_from_slice(&height.to_le_bytes());
    if fills {
        let frame = file.windows(9).position(|bytes| bytes == [b',', 0, 0, 0, 0, 8, 0, 8, 0]).unwrap();
        file[frame + 5..frame + 7].copy_from_slice(&width.to_le_bytes());
        file[frame + 7..frame + 9].copy_from_slice(&height.to_le_bytes());
    }
    file
}

/// An extended WebP whose canvas is of this size.
pub(crate) fn webp_of(width: u32, height: u32) -> Vec<u8> {
    let plain = rgb_raster(Kind::WebP, 8, 8);
    let mut body = b"WEBPVP8X\x0A\0\0\0\0\0\0\0".to_vec();
    body.extend(&(width - 1).to_le_bytes()[..3]);
    body.extend(&(height - 1).to_le_bytes()[..3]);
    body.extend(&plain[12..]);
    [b"RIFF".to_vec(), (body.len() as u32).to_le_bytes().to_vec(), body].concat()
}

/// The WebP with other sides wherever it states them: for its canvas, its frames, its lossy and its lossless pictures.
fn webp_everywhere(mut file: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
    let places = |file: &[u8], tag: &[u8]| -> Vec<usize> {
        file.windows(tag.len()).enumerate().filter(|(_, bytes)| *bytes == tag).map(|(at, _)| at).collect()
    };
    let sides = [(width - 1).to_le_bytes(), (height - 1).to_le_bytes()];
    for (tag, behind) in [(b"VP8X", 12), (b"ANMF", 14)] {
        for at in places(&file, tag) {
            file[at + behind..][..3].copy_from_slice(&sides[0][..3]);
            file[at + behind + 3..][..3].copy_from_slice(&sides[1][..3]);
        }
    }
    for at in places(&file, b"\x9D\x01\x2A") {
        file[at + 3..at + 5].copy_from_slice(&(width as u16).to_le_bytes());
        file[at + 5..at + 7].copy_from_slice(&(height as u16).to_le_bytes());
    }
    for at in places(&file, b"VP8L") {
        let alpha = u32::from(file[at + 12]) << 24 & 1 << 28;
        let head = (width - 1) | (height - 1) << 14 | alpha;
        file[at + 9..at + 13].copy_from_slice(&head.to_le_bytes());
    }
    file
}

/// The TIFF, in little-endian order, with other sides, and as many rows in a strip.
fn tiff_of(mut file: Vec<u8>, width: u16, height: u16) -> Vec<u8> {
    let start = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
    let count = usize::from(u16::from_le_bytes([file[start], file[start + 1]]));
    for entry in (0..count).map(|index| start + 2 + index * 12) {
        let side = match u16::from_le_bytes([file[entry], file[entry + 1]]) {
            256 => width,
            257 | 278 => height,
            _ => continue,
        };
        file[entry + 8..entry + 10].copy_from_slice(&side.to_le_bytes());
    }
    file
}

/// A small file of every format and variant that claims these sides.
pub(crate) fn claims(width: u16, height: u16) -> Vec<(String, Vec<u8>)> {
    let (wide, high) = (u32::from(width), u32::from(height));
    let mut files = vec![
        ("PNG".to_owned(), png_of(wide, high)),
        ("BMP".to_owned(), bmp_of(wide as i32, high as i32)),
        ("BMP from the top".to_owned(), bmp_of(wide as i32, -(high as i32))),
        ("GIF".to_owned(), gif_of(width, height, true)),
        ("lossless WebP".to_owned(), webp_everywhere(rgb_raster(Kind::WebP, 8, 8), wide, high)),
        ("extended WebP".to_owned(), webp_everywhere(webp_of(8, 8), wide, high)),
    ];
    for how in [
        Jpeg::PLAIN,
        Jpeg { progressive: true, ..Jpeg::PLAIN },
        Jpeg { apart: true, ..Jpeg::PLAIN },
        Jpeg { restart: 2, ..Jpeg::PLAIN },
    ] {
        files.push((format!("JPEG {how:?}"), jpeg_of(rgb_jpeg(16, 16, how), width, height)));
    }
    for (name, file) in lossy_webps() {
        files.push((name.to_owned(), webp_everywhere(file, wide, high)));
    }
    for (name, file) in tiffs() {
        files.push((name, tiff_of(file, width, height)));
    }
    files
}
