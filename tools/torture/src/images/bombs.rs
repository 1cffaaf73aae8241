//! Small files that ask for much: large sides without data, endless parts, what unpacks to all memory.

use fastrand::Rng;
use miniz_oxide::deflate::compress_to_vec_zlib;

use super::reader::Reader;
use crate::claims::{claims, crc, jpeg_of};
use crate::make::{Jpeg, Kind, rgb_jpeg, rgb_raster};
use crate::report::of_file;
use crate::{Plan, Report};

/// Sides inside the limits and outside of them, as wide as high and as narrow as they come.
const SIDES: [(u16, u16); 10] = [
    (12_000, 9_000),
    (16_000, 7_400),
    (65_535, 65_535),
    (65_535, 1_800),
    (1_800, 65_535),
    (65_535, 1),
    (1, 65_535),
    (16_383, 16_383),
    (10_900, 10_900),
    (30_000, 30_000),
];

/// Holds every bomb against what is promised: it is refused, soon and for little memory.
///
/// # Errors
/// The report, where a case broke a promise or none ran.
pub fn run(plan: &Plan) -> Result<String, String> {
    let (bombs, mut report) = (bombs(), Report::new("torture bombs", plan));
    let mut reader = Reader::new();
    let cases = plan.cases(u64::MAX);
    for (case, (name, bytes)) in (0..).zip(&bombs).filter(|(case, _)| cases.contains(case)) {
        // Whole, or cut somewhere behind its first half.
        let mut random: Rng = plan.random(case);
        let end = if random.bool() { bytes.len() } else { random.usize(bytes.len() / 2..bytes.len()) };
        let outcome = reader.read(&bytes[..end]).and_then(|outcome| match outcome.as_str() {
            "a photo" => Err("a photo, of what there are no data for".to_owned()),
            _ => Ok(outcome),
        });
        report.hear(case, of_file(name, outcome));
    }
    report.finish()
}

/// Every bomb with its name.
pub(crate) fn bombs() -> Vec<(String, Vec<u8>)> {
    let mut bombs = Vec::new();
    for (width, height) in SIDES {
        let named = claims(width, height).into_iter();
        bombs.extend(named.map(|(name, bytes)| (format!("{name} of {width}x{height}"), bytes)));
    }
    bombs.extend(unpacking());
    bombs.extend(endless());
    bombs
}

fn png_chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let sum = crc(&[&kind[..], body].concat()).to_be_bytes();
    [&(body.len() as u32).to_be_bytes(), &kind[..], body, &sum].concat()
}

/// A PNG of 8x8 pixels with a chunk in front of its pixels, which are cut: a photo that is whole would be none of these.
fn png_with(chunk: &[u8]) -> Vec<u8> {
    let plain = rgb_raster(Kind::Png, 8, 8);
    let end = plain.len() - 20;
    [&plain[..33], chunk, &plain[33..end]].concat()
}

/// What unpacks to much: profiles, texts, pixels that are more than there is room for.
fn unpacking() -> Vec<(String, Vec<u8>)> {
    let zeros = compress_to_vec_zlib(&vec![0; 256 << 20], 9);
    let profile = png_chunk(b"iCCP", &[b"name\0\0".as_slice(), &zeros].concat());
    let text = png_chunk(b"zTXt", &[b"Raw profile type exif\0\0".as_slice(), &zeros].concat());
    let international =
        png_chunk(b"iTXt", &[b"Raw profile type exif\0\x01\0\0\0".as_slice(), &zeros].concat());
    let animation = png_chunk(b"acTL", &[0xFF; 8]);
    let mut exif = rgb_raster(Kind::WebP, 8, 8);
    exif.extend(b"EXIF\xF0\xFF\xFF\xFF");
    let mut length = exif.clone();
    length[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    exif[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
    vec![
        ("PNG, a profile of 256 MiB".to_owned(), png_with(&profile)),
        ("PNG, a text of 256 MiB".to_owned(), png_with(&text)),
        ("PNG, another text of 256 MiB".to_owned(), png_with(&international)),
        ("PNG, endless frames".to_owned(), png_with(&animation)),
        ("WebP, a picture of 4 GiB".to_owned(), exif),
        ("WebP of 4 GiB".to_owned(), length),
    ]
}

/// Parts that stand there again and again.
fn endless() -> Vec<(String, Vec<u8>)> {
    let progressive = rgb_jpeg(40, 30, Jpeg { progressive: true, ..Jpeg::PLAIN });
    let place = |file: &[u8], code: u8| file.windows(2).position(|pair| pair == [0xFF, code]).unwrap_or(2);
    let scan = place(&progressive, 0xDA);
    let next = |from: usize| {
        (from + 2..progressive.len() - 1)
            .find(|&at| progressive[at] == 0xFF && progressive[at + 1] != 0)
            .unwrap_or(progressive.len())
    };
    let again = |from: usize, to: usize, times: usize| {
        [&progressive[..from], &progressive[from..to].repeat(times), &progressive[to..]].concat()
    };
    let table = place(&progressive, 0xC4);
    let scans = again(scan, next(scan), 10_000);
    let restarting = rgb_jpeg(40, 30, Jpeg { restart: 2, ..Jpeg::PLAIN });
    let restart = place(&restarting, 0xD0);
    let restarts = [&restarting[..restart], &[0xFF, 0xD0].repeat(4 << 20), &restarting[restart..]].concat();
    let comments = png_with(&png_chunk(b"tEXt", b"a\0b").repeat(200_000));
    let gif = rgb_raster(Kind::Gif, 8, 8);
    let frame = gif.iter().position(|&byte| byte == b'!').unwrap_or(13);
    let extensions = [&gif[..frame], &b"!\xFE\x01a\0".repeat(200_000)[..]].concat();
    vec![
        ("JPEG of 10,000 scans".to_owned(), scans.clone()),
        ("JPEG of 10,000 scans and 100 megapixels".to_owned(), jpeg_of(scans, 10_000, 10_000)),
        ("JPEG of 40,000 tables".to_owned(), again(table, next(table), 40_000)),
        ("JPEG of restart markers".to_owned(), restarts),
        ("PNG of 200,000 texts".to_owned(), comments),
        ("GIF of 200,000 texts".to_owned(), extensions),
        ("TIFF of entries".to_owned(), [&b"II*\0\x08\0\0\0\xFF\xFF"[..], &[7; 12].repeat(65_535)].concat()),
        ("BMP of nothing".to_owned(), b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec()),
    ]
}
