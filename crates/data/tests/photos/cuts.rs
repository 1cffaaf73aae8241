//! Files that end too early. A decoder that has no data left goes on with zeros, which decode to plain gray; every
//! test here compares with the whole file, so that a single gray block would show.

use icecap_data::{Error, ExifPolicy, Limits, Photo, Warning, decode};
use jpeg_encoder::{ColorType, SamplingFactor};

use crate::make::{Jpeg, Kind, jpeg, picture, rgb_jpeg, rgb_raster};
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
