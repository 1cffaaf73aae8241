//! Files that end too early. A decoder that has no data left goes on with zeros, which decode to plain gray; every
//! test here compares with the whole file, so that a single gray block would show.

use icecap_data::{Error, ExifPolicy, Limits, Photo, Warning, decode};
use jpeg_encoder::{ColorType, SamplingFactor};

use crate::claims::{crc, lossy_webps};
use crate::make::{Jpeg, Kind, Raster, exif_block, jpeg, picture, rgb_jpeg, rgb_raster, with_exif};
use crate::{assets, bytes_difference, golden_folder};

fn read(bytes: &[u8]) -> Result<Photo, Error> {
    decode(bytes, &Limits::default(), ExifPolicy::Ignore)
}

/// JPEGs of every structure, small enough to be cut at every byte.
fn jpegs() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for sampling in [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_2_2] {
        for (progressive, apart) in [(false, false), (true, false), (false, true)] {
            // The encoder cannot write restart intervals into scans of their own.
            for restart in if apart { vec![0] } else { vec![0, 2] } {
                let how = Jpeg { sampling, progressive, apart, restart };
                files.push((format!("{how:?}"), rgb_jpeg(45, 37, how)));
            }
        }
    }
    let gray: Vec<u8> = picture(45, 37).chunks(3).map(|p| p[1]).collect();
    files.push(("gray".to_owned(), jpeg(&gray, 45, 37, ColorType::Luma, Jpeg::PLAIN)));
    let ink = picture(60, 37);
    files.push(("ink".to_owned(), jpeg(&ink, 45, 37, ColorType::Cmyk, Jpeg::PLAIN)));
    files
}

#[test]
fn a_jpeg_cut_at_any_byte_is_whole_or_an_error() {
    for (name, file) in jpegs() {
        let whole = read(&file).unwrap();
        assert!(whole.warnings().is_empty(), "{name}");
        let mut whole_cuts = 0;
        for end in 0..file.len() {
            match read(&file[..end]) {
                Ok(photo) => {
                    assert_eq!(photo.warnings(), [Warning::NoEndMarker], "{name}: {end} of {}", file.len());
                    assert!(
                        photo.to_rgb() == whole.to_rgb(),
                        "{name}: {end} of {}: rows are lost",
                        file.len()
                    );
                    whole_cuts += 1;
                }
                Err(error) => {
                    let expected = matches!(
                        error,
                        Error::Truncated { .. }
                            | Error::Broken { .. }
                            | Error::Empty
                            | Error::UnknownFormat { .. }
                    );
                    assert!(expected, "{name}: {end}: {error}");
                }
            }
        }
        // The end marker's two bytes, and at most a byte or two of padding in front of it.
        assert!((2..=4).contains(&whole_cuts), "{name}: read {whole_cuts} times without an end marker");
    }
}

#[test]
fn a_cut_jpeg_with_an_end_marker_put_behind_is_whole_or_an_error() {
    for (name, file) in jpegs() {
        let whole = read(&file).unwrap();
        for end in 0..file.len() - 2 {
            let mut mended = file[..end].to_vec();
            mended.extend([0xFF, 0xD9]);
            let Ok(photo) = read(&mended) else { continue };
            // A progressive file that ends between two passes has all rows, and says what it lacks.
            if photo.warnings() != [Warning::Unrefined] {
                assert!(photo.to_rgb() == whole.to_rgb(), "{name}: {end} of {}: rows are lost", file.len());
            }
        }
    }
}

#[test]
fn data_lost_inside_a_restart_interval_is_an_error() {
    let how = Jpeg { restart: 3, ..Jpeg::PLAIN };
    let file = rgb_jpeg(45, 37, how);
    let restarts: Vec<usize> =
        (0..file.len() - 1).filter(|&at| file[at] == 0xFF && (0xD0..=0xD7).contains(&file[at + 1])).collect();
    assert!(restarts.len() > 4);
    for &restart in &restarts {
        let lossy = [&file[..restart - 12], &file[restart..]].concat();
        assert!(read(&lossy).is_err(), "12 bytes lost in front of byte {restart}");
    }
}

/// Correction bits carry no symbols, so some of a refinement's last bits may be missed; no pixel shows it.
#[test]
fn a_refined_progressive_jpeg_loses_nothing_that_one_sees() {
    let file = std::fs::read(golden_folder().join("tf_decode/rgb_progressive.jpg")).unwrap();
    let whole = read(&file).unwrap().to_rgb();
    let mut read_without_end = 0;
    for end in 0..file.len() {
        let Ok(photo) = read(&file[..end]) else { continue };
        let (largest, mean) = bytes_difference(&photo.to_rgb(), &whole);
        assert!(mean < 0.1, "{end} of {}: {largest}, {mean}", file.len());
        read_without_end += 1;
    }
    assert!((1..=8).contains(&read_without_end), "{read_without_end}");
}

#[test]
fn bytes_behind_the_end_are_passed_over() {
    for (name, file) in jpegs() {
        let whole = read(&file).unwrap().to_rgb();
        for tail in [&b"\0\0\0"[..], b"\xFF\xD8\xFF\xE1 another image", &[0xFF; 40]] {
            let photo = read(&[&file[..], tail].concat()).unwrap();
            assert!(photo.to_rgb() == whole && photo.warnings().is_empty(), "{name}");
        }
    }
}

#[test]
fn other_formats_cut_at_any_byte_are_whole_or_an_error() {
    let lossy = golden_folder().join("tf_decode/rgb_lossless.webp");
    let mut files: Vec<(String, Vec<u8>)> = [Kind::Png, Kind::Gif, Kind::Bmp, Kind::WebP]
        .into_iter()
        .map(|kind| (format!("{kind:?}"), rgb_raster(kind, 23, 17)))
        .collect();
    files.push(("golden webp".to_owned(), std::fs::read(lossy).unwrap()));
    for (name, file) in files {
        let whole = read(&file).unwrap().to_rgb();
        let mut survived = 0;
        for end in 0..file.len() {
            let Ok(photo) = read(&file[..end]) else { continue };
            assert!(photo.to_rgb() == whole, "{name}: {end} of {}: rows are lost", file.len());
            survived += 1;
        }
        println!("{name}: {survived} of {} cuts leave all rows", file.len());
        assert!(survived * 4 < file.len(), "{name}: {survived} of {}", file.len());
    }
}

/// What stands behind the pixels changes the photo, too: the block that says which way up it is.
#[test]
fn a_photo_that_is_turned_is_cut_at_any_byte_turned_or_an_error() {
    let rgb = picture(23, 17);
    let raster = |kind| {
        let (size, color) = ((23, 17), image::ExtendedColorType::Rgb8);
        Raster { kind, size, color, exif: Some(exif_block(6, false)) }.file(&rgb)
    };
    let chunk = |kind: &[u8], body: &[u8]| {
        let sum = crc(&[kind, body].concat()).to_be_bytes();
        [&(body.len() as u32).to_be_bytes(), kind, body, &sum].concat()
    };
    // The encoder writes the block in front of the pixels.
    let plain = rgb_raster(Kind::Png, 23, 17);
    let end = plain.len() - 12;
    let behind = [&plain[..end], &chunk(b"eXIf", &exif_block(6, true)), &plain[end..]].concat();
    let text = [b"Raw profile type exif\0\nexif\n26\n".to_vec(), hex(&exif_block(6, false))].concat();
    let old = [&plain[..end], &chunk(b"tEXt", &text), &plain[end..]].concat();
    let mut files = vec![
        ("PNG", raster(Kind::Png)),
        ("PNG, behind the pixels", behind),
        ("PNG, as text", old),
        ("WebP", raster(Kind::WebP)),
        ("JPEG", with_exif(&rgb_jpeg(23, 17, Jpeg::PLAIN), 6, true)),
    ];
    for (name, file) in lossy_webps() {
        files.push((name, turned(&file)));
    }
    for (name, file) in files {
        let apply = |bytes: &[u8]| decode(bytes, &Limits::default(), ExifPolicy::Apply);
        let whole = apply(&file).unwrap();
        assert!(whole.to_rgb() != read(&file).unwrap().to_rgb(), "{name} is not turned");
        for end in 0..file.len() {
            let Ok(photo) = apply(&file[..end]) else { continue };
            assert!(photo.to_rgb() == whole.to_rgb(), "{name}: {end} of {}: another photo", file.len());
        }
    }
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()
}

/// A WebP with a chunk behind its pixels that turns it.
fn turned(file: &[u8]) -> Vec<u8> {
    let block = exif_block(6, false);
    let chunk = [&b"EXIF"[..], &(block.len() as u32).to_le_bytes(), &block].concat();
    let body = match &file[12..16] {
        b"VP8X" => [&file[8..20], &[file[20] | 8], &file[21..], &chunk].concat(),
        // 16x16 pixels.
        _ => [b"WEBPVP8X\x0A\0\0\0\x08\0\0\0\x0F\0\0\x0F\0\0", &file[12..], &chunk].concat(),
    };
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

#[test]
fn real_photos_cut_anywhere_are_errors() {
    let Some(assets) = assets() else { return };
    let found = icecap_data::scan(&assets.join("datasets/hymenoptera"), None).unwrap();
    let progressive = |bytes: &[u8]| bytes.windows(2).take(2000).any(|pair| pair == [0xFF, 0xC2]);
    let (mut plain, mut passes) = (0, 0);
    for sample in &found.train {
        let file = std::fs::read(&sample.path).unwrap();
        let cuts = if progressive(&file) { 40 } else { 12 };
        if !file.starts_with(&[0xFF, 0xD8]) || file.len() > 150_000 || (cuts == 12 && plain >= 6) {
            continue;
        }
        *(if cuts == 40 { &mut passes } else { &mut plain }) += 1;
        for cut in 0..cuts {
            // Denser towards the end, where little is missing.
            let end = file.len() - 3 - (file.len() - 700) * cut * cut / (cuts * cuts);
            let result = read(&file[..end]);
            assert!(matches!(result, Err(Error::Truncated { .. })), "{}: {end}", sample.path.display());
        }
        let photo = read(&file[..file.len() - 2]).unwrap();
        assert_eq!(photo.warnings(), [Warning::NoEndMarker]);
    }
    assert!(plain > 0, "no photo was cut");
    println!("cut {plain} sequential and {passes} progressive photos");
}
