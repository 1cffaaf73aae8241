//! Files made to break a decoder: claims of huge sizes, endless scans, random damage.

use std::time::{Duration, Instant};

use icecap_data::{Error, ErrorKind, ExifPolicy, Limits, Loader, decode, is_decoding};
use icecap_kernels::Isa;
use icecap_kernels::rng::{Purpose, Stream};
use proptest::prelude::*;

use crate::claims::{bmp_of, claims, crc, gif_of, jpeg_of, png_of, webp_of};
use crate::golden_folder;
use crate::make::{Jpeg, Kind, rgb_jpeg, rgb_raster, with_exif, with_segment};
use crate::tiff_maker::tiffs;

/// Keeps the log free of the panics that are caught and become errors.
fn hush() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !is_decoding() {
                usual(info);
            }
        }));
    });
}

/// A sequential JPEG of 16x16 pixels that claims other sides.
fn jpeg_with(width: u16, height: u16) -> Vec<u8> {
    jpeg_of(rgb_jpeg(16, 16, Jpeg::PLAIN), width, height)
}

/// Why a file is refused, which takes no time in one of a few tries: whatever else the machine does makes one slower,
/// never quicker.
fn refused_at_once(file: &[u8], name: &str) -> Error {
    const TRIES: usize = 5;
    let mut took = Vec::new();
    while took.len() < TRIES {
        let start = Instant::now();
        let error = decode(file, &Limits::default(), ExifPolicy::Apply).unwrap_err();
        if start.elapsed() < Duration::from_millis(500) {
            return error;
        }
        took.push(start.elapsed());
    }
    panic!("{name}: {took:?}")
}

#[test]
fn huge_sizes_are_refused_by_the_header_alone() {
    hush();
    let bombs = [
        ("jpeg", jpeg_with(65_535, 65_535)),
        ("large jpeg", jpeg_with(16_384, 16_384)),
        ("long png", png_of(65_536, 1)),
        ("png", png_of(0x7FFF_FFFF, 0x7FFF_FFFF)),
        ("large png", png_of(16_000, 16_000)),
        ("gif", gif_of(65_535, 65_535, false)),
        ("large gif", gif_of(12_000, 12_000, false)),
        ("bmp", bmp_of(i32::MAX, i32::MAX)),
        ("large bmp", bmp_of(16_000, 16_000)),
        ("webp", webp_of(1 << 24, 100)),
        ("large webp", webp_of(16_000, 16_000)),
    ];
    for (name, file) in bombs {
        let error = refused_at_once(&file, name);
        // A BMP of 2^31 pixels a side is refused by its decoder, as broken.
        let refused =
            error.kind() == ErrorKind::Limit || (name == "bmp" && matches!(error, Error::Broken { .. }));
        println!("{name}: {error}");
        assert!(refused, "{name}: {error}");
    }
}

#[test]
fn a_stated_size_without_its_data_is_an_error_and_not_gray() {
    hush();
    for (name, file) in claims(200, 180) {
        decode(&file, &Limits::default(), ExifPolicy::Apply).expect_err(&name);
    }
    for file in [jpeg_with(16, 24), jpeg_with(200, 16), png_of(8, 9), bmp_of(8, 9), webp_of(8, 9)] {
        assert!(decode(&file, &Limits::default(), ExifPolicy::Apply).is_err());
    }
}

#[test]
fn each_limit_is_kept() {
    let file = rgb_jpeg(40, 30, Jpeg { progressive: true, ..Jpeg::PLAIN });
    let check = |change: fn(&mut Limits), fits: bool| {
        let mut limits = Limits::default();
        change(&mut limits);
        let result = decode(&file, &limits, ExifPolicy::Apply);
        assert_eq!(result.is_ok(), fits, "{limits:?}");
        if let Err(error) = result {
            assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
        }
    };
    check(|l| l.side = 40, true);
    check(|l| l.side = 39, false);
    check(|l| l.pixels = 1200, true);
    check(|l| l.pixels = 1199, false);
    // 1,200 pixels of 3 bytes, and 40 x 32 coefficients of 2 bytes in each of 3 channels.
    check(|l| l.decoded_bytes = 3600 + 7680, true);
    check(|l| l.decoded_bytes = 3600 + 7679, false);
    check(|l| l.scans = 3, false);
    check(|l| l.file_bytes = 100, false);
}

#[test]
fn endless_scans_and_tables_are_refused() {
    let file = rgb_jpeg(40, 30, Jpeg { progressive: true, ..Jpeg::PLAIN });
    let scan = file.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    let next = (scan + 2..).find(|&at| file[at] == 0xFF && file[at + 1] != 0).unwrap();
    let scans = [&file[..scan], &file[scan..next].repeat(10_000), &file[next..]].concat();
    let table = file.windows(2).position(|pair| pair == [0xFF, 0xC4]).unwrap();
    let length = usize::from(u16::from_be_bytes([file[table + 2], file[table + 3]])) + 2;
    let tables = [&file[..table], &file[table..table + length].repeat(40_000), &file[table..]].concat();
    let plain = rgb_jpeg(40, 30, Jpeg { restart: 2, ..Jpeg::PLAIN });
    let restart = plain.windows(2).position(|pair| pair == [0xFF, 0xD0]).unwrap();
    let restarts = [&plain[..restart], &[0xFF, 0xD0].repeat(20 << 20), &plain[restart..]].concat();
    for (name, bomb) in [("scans", scans), ("tables", tables), ("restarts", restarts)] {
        let error = refused_at_once(&bomb, name);
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    }
}

#[test]
fn restart_markers_count_towards_the_decoded_bytes() {
    // A marker behind each of the 5 x 4 blocks but the last.
    let file = rgb_jpeg(40, 30, Jpeg { restart: 1, ..Jpeg::PLAIN });
    let error = |bytes| {
        let mut limits = Limits::default();
        limits.decoded_bytes = bytes;
        decode(&file, &limits, ExifPolicy::Apply).err().map(|error| error.kind())
    };
    let markers = 19 * 2 * size_of::<usize>() as u64;
    assert_eq!(error(3600 + markers), None);
    assert_eq!(error(3600 + markers - 1), Some(ErrorKind::Limit));
}

/// A limit for damaged files, so that a flipped bit in a size does not make the test slow.
fn small() -> Limits {
    let mut limits = Limits::default();
    limits.pixels = 1 << 16;
    limits.decoded_bytes = 1 << 21;
    limits
}

#[test]
fn random_damage_never_panics() {
    hush();
    let mut seeds: Vec<(String, Vec<u8>)> = Vec::new();
    for how in [
        Jpeg::PLAIN,
        Jpeg { progressive: true, ..Jpeg::PLAIN },
        Jpeg { apart: true, ..Jpeg::PLAIN },
        Jpeg { restart: 2, ..Jpeg::PLAIN },
    ] {
        seeds.push((format!("{how:?}"), with_exif(&rgb_jpeg(24, 20, how), 6, true)));
    }
    for kind in [Kind::Png, Kind::Gif, Kind::Bmp, Kind::WebP] {
        seeds.push((format!("{kind:?}"), rgb_raster(kind, 12, 10)));
    }
    for (name, file) in tiffs() {
        seeds.push((name, file));
    }
    for entry in std::fs::read_dir(golden_folder().join("tf_decode")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension != "safetensors") {
            seeds.push((path.display().to_string(), std::fs::read(path).unwrap()));
        }
    }
    for (index, (name, seed)) in seeds.iter().enumerate() {
        // 2,000 for each format; there are several seeds of some.
        let rounds = if index < 8 || name.starts_with("TIFF") { 2000 } else { 200 };
        let mut errors = 0;
        for round in 0..rounds {
            let mut stream = Stream::new(index as u64, Purpose::Test, 7, round);
            let damaged = damage(seed, &mut stream);
            match decode(&damaged, &small(), ExifPolicy::Apply) {
                Ok(photo) => assert_eq!(photo.to_rgb().len(), photo.width() * photo.height() * 3),
                Err(error) => {
                    let text = error.to_string();
                    assert!(!text.contains(char::is_control) && !text.is_empty(), "{name}: {text:?}");
                    errors += 1;
                }
            }
        }
        println!("{name}: {errors} of {rounds} damaged files are errors");
        assert!(errors > 0, "{name}");
    }
}

/// A few bytes changed, removed, doubled or exchanged; in half of the PNGs the checksums are put right again.
fn damage(file: &[u8], stream: &mut Stream) -> Vec<u8> {
    let mut out = file.to_vec();
    for _ in 0..=stream.below(4) {
        let at = stream.below(out.len() as u32) as usize;
        let length = (stream.below(8) as usize + 1).min(out.len() - at);
        match stream.below(6) {
            0 => out[at] ^= 1 << stream.below(8),
            1 => out[at] = [0, 0xFF, 0x7F, 0x80, 1][stream.below(5) as usize],
            2 => drop(out.drain(at..at + length)),
            3 => out.splice(at..at, file[..length].to_vec()).for_each(drop),
            4 => out.truncate(at.max(4)),
            _ => out[at..at + length].reverse(),
        }
        if out.is_empty() {
            break;
        }
    }
    if out.starts_with(b"\x89PNG") && stream.below(2) == 0 {
        mend_checksums(&mut out);
    }
    out
}

fn mend_checksums(png: &mut [u8]) {
    let mut at = 8;
    while at + 12 <= png.len() {
        let length = u32::from_be_bytes([png[at], png[at + 1], png[at + 2], png[at + 3]]) as usize;
        let Some(end) = length.checked_add(at + 12).filter(|&end| end <= png.len()) else { break };
        let sum = crc(&png[at + 4..end - 4]).to_be_bytes();
        png[end - 4..end].copy_from_slice(&sum);
        at = end;
    }
}

proptest! {
    #[test]
    fn any_bytes_behind_a_magic_number_are_an_error_or_a_photo(which in 0usize..6, tail: Vec<u8>) {
        hush();
        let magic: [&[u8]; 6] = [b"\xFF\xD8\xFF", b"\x89PNG\r\n\x1A\n", b"GIF89a", b"BM", b"RIFF\x20\0\0\0WEBP", b"II*\0\x08\0\0\0"];
        let _ = decode(&[magic[which], &tail].concat(), &small(), ExifPolicy::Apply);
    }
}

#[test]
fn profiles_and_odd_segments_are_passed_over() {
    let plain = rgb_jpeg(24, 20, Jpeg::PLAIN);
    let read = |bytes: &[u8]| decode(bytes, &Limits::default(), ExifPolicy::Apply).unwrap().to_rgb();
    let expected = read(&plain);
    for (code, payload) in [
        (0xE2, &b"ICC_PROFILE\0\x01"[..]),
        (0xED, b"Photoshop 3.0\0x"),
        (0xE1, b"Exif\0\0"),
        (0xFE, b""),
        (0xEE, b"Adobe"),
    ] {
        assert!(read(&with_segment(&plain, code, payload)) == expected, "{code:x}");
    }
    // Garbage between segments, and fill bytes in front of a marker.
    let second = 2 + 2 + 16;
    assert_eq!(plain[second], 0xFF);
    let garbage = [&plain[..second], b"garbage\xFF\xFF\xFF", &plain[second..]].concat();
    assert!(read(&garbage) == expected);
}

#[test]
fn a_loader_names_the_file_and_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    let mut loader = Loader::new(Isa::best(), Limits::default(), ExifPolicy::Apply);
    let spec = "32x32 squash".parse().unwrap();
    let mut said = |bytes: Option<&[u8]>| {
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        let error = loader.load(&path, &spec).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("a.jpg"), "{text}");
        (text, error.kind())
    };
    assert_eq!(said(None).1, ErrorKind::Path);
    assert!(said(Some(b"")).0.contains("empty"));
    assert!(said(Some(b"<html>")).0.contains("web page"));
    let jpeg = rgb_jpeg(24, 20, Jpeg::PLAIN);
    assert!(said(Some(&jpeg[..jpeg.len() / 2])).0.contains("ends before the whole image"));
    assert_eq!(said(Some(&jpeg_with(20_000, 20_000))).1, ErrorKind::Limit);
    std::fs::write(&path, &jpeg).unwrap();
    assert!(loader.load(&path, &spec).is_ok(), "a loader goes on after errors");
    assert!(matches!(loader.load(folder.path(), &spec), Err(Error::Photo { .. })));
}
