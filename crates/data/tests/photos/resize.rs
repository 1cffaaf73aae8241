//! From photo to the net's pixels: both modes, turned photos, the rule as text.

use icecap_data::{ExifPolicy, Limits, Loader, Photo, ResizeBuffers, ResizeMode, ResizeSpec, decode, pixels};
use icecap_kernels::Isa;
use image::ExtendedColorType as Color;

use crate::difference;
use crate::make::{Kind, Raster, exif_block, picture};

fn resized(photo: &Photo, spec: &ResizeSpec) -> Vec<f32> {
    let mut out = vec![f32::NAN; spec.values()];
    pixels(photo, spec, Isa::best(), &mut ResizeBuffers::default(), &mut out).unwrap();
    out
}

fn crop(height: usize, width: usize, fraction: f32) -> ResizeSpec {
    ResizeSpec { height, width, mode: ResizeMode::CenterCrop { fraction } }
}

/// Antialiased bilinear in f64, as Pillow does it: a triangle as wide as the reduction, normalized at the edges.
fn reduce_oracle(rgb: &[u8], from: (usize, usize), to: (usize, usize)) -> Vec<f64> {
    let taps = |from: usize, to: usize| -> Vec<Vec<(usize, f64)>> {
        let scale = from as f64 / to as f64;
        let support = scale.max(1.0);
        (0..to)
            .map(|at| {
                let center = (at as f64 + 0.5) * scale;
                let weight = |index: usize| (1.0 - ((index as f64 + 0.5 - center) / support).abs()).max(0.0);
                let total: f64 = (0..from).map(weight).sum();
                (0..from).map(|index| (index, weight(index) / total)).filter(|(_, w)| *w > 0.0).collect()
            })
            .collect()
    };
    let (columns, rows) = (taps(from.0, to.0), taps(from.1, to.1));
    let mut out = Vec::new();
    for row in &rows {
        for column in &columns {
            for c in 0..3 {
                let value = |y: usize, x: usize| f64::from(rgb[(y * from.0 + x) * 3 + c]);
                out.push(
                    row.iter()
                        .map(|(y, wy)| column.iter().map(|(x, wx)| value(*y, *x) * wx * wy).sum::<f64>())
                        .sum(),
                );
            }
        }
    }
    out
}

#[test]
fn center_crop_is_reduced_with_antialias_and_cut_from_the_middle() {
    // (photo, size, reduced by torchvision's rule: the short side to size / 0.875, the other one in proportion)
    for ((width, height), side, reduced) in [
        ((90, 60), 28, (48, 32)),
        ((60, 91), 28, (32, 48)),
        ((20, 33), 28, (32, 52)),
        ((64, 64), 56, (64, 64)),
    ] {
        let rgb = picture(width, height);
        let whole = reduce_oracle(&rgb, (width, height), reduced);
        // Half of an odd surplus is rounded to even, as Python rounds.
        let half = |surplus: usize| (surplus as f64 / 2.0).round_ties_even() as usize;
        let (left, top) = (half(reduced.0 - side), half(reduced.1 - side));
        let expected = (0..side * side * 3).map(|at| {
            let (y, x, c) = (at / 3 / side, at / 3 % side, at % 3);
            whole[((y + top) * reduced.0 + x + left) * 3 + c]
        });
        let got = resized(&Photo::from_rgb(width, height, rgb), &crop(side, side, 0.875));
        let (largest, mean) = difference(got.iter().map(|&v| f64::from(v)), expected);
        println!("{width}x{height} -> {side}: largest {largest:.2}, mean {mean:.2}");
        assert!(largest <= 1.6 && mean < 0.6, "{width}x{height} -> {side}: {largest}, {mean}");
    }
}

#[test]
fn any_shape_can_be_cropped_and_squashed() {
    for (width, height) in [(1, 1), (1, 4000), (4000, 1), (3, 2), (640, 31)] {
        let photo = Photo::from_rgb(width, height, picture(width, height));
        for spec in [crop(32, 32, 0.875), crop(32, 48, 1.0), crop(64, 33, 0.5), ResizeSpec::squash(33, 32)] {
            let out = resized(&photo, &spec);
            assert!(out.iter().all(|v| (0.0..=255.0).contains(v)), "{width}x{height} {spec}");
        }
    }
}

/// The whole reduced photo would take 10 GB here; what is cut out of it takes 12 MB.
#[test]
fn nothing_is_made_of_a_long_photo_but_what_is_cut_out() {
    let start = std::time::Instant::now();
    for (width, height) in [(800, 100), (100, 800), (1, 16_384)] {
        let photo = Photo::from_rgb(width, height, [9, 90, 200].repeat(width * height));
        let out = resized(&photo, &crop(2048, 2048, 0.1));
        assert!(out.chunks_exact(3).all(|pixel| pixel == [9.0, 90.0, 200.0]), "{width}x{height}");
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn a_turned_photo_gives_the_pixels_of_the_upright_one() {
    for value in 1..=8u8 {
        for (width, height) in [(45, 30), (31, 52)] {
            let block = exif_block(value, true);
            let size = (width as u32, height as u32);
            let file = Raster { kind: Kind::Png, size, color: Color::Rgb8, exif: Some(block) }
                .file(&picture(width, height));
            let turned = decode(&file, &Limits::default(), ExifPolicy::Apply).unwrap();
            let upright = Photo::from_rgb(turned.width(), turned.height(), turned.to_rgb());
            let framed = ["20x17 crop", "20x17 cut", "24x40 cut", "9x11 crop of 20x17 cut"];
            let framed = framed.map(|text| (text.parse().unwrap(), 1e-3));
            let both = [(ResizeSpec::squash(20, 17), 1e-3), (crop(20, 20, 0.875), 1.01)];
            for (spec, most) in both.into_iter().chain(framed) {
                let (a, b) = (resized(&turned, &spec), resized(&upright, &spec));
                let (largest, _) =
                    difference(a.iter().map(|&v| f64::from(v)), b.iter().map(|&v| f64::from(v)));
                assert!(largest <= most, "{value} {width}x{height} {spec}: {largest}");
            }
        }
    }
}

#[test]
fn files_bytes_and_photos_give_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("named wrongly.jpg");
    let file =
        Raster { kind: Kind::Png, size: (50, 40), color: Color::Rgb8, exif: Some(exif_block(6, false)) }
            .file(&picture(50, 40));
    std::fs::write(&path, &file).unwrap();
    let mut loader = Loader::new(Isa::best(), Limits::default(), ExifPolicy::Apply);
    for spec in [ResizeSpec::squash(32, 40), crop(32, 32, 0.875)] {
        let loaded = loader.load(&path, &spec).unwrap();
        let mut from_bytes = vec![0.0; spec.values()];
        let open = loader.open_bytes(&file).unwrap();
        assert_eq!(open.sha256(), loaded.sha256);
        open.pixels(&spec, &mut from_bytes).unwrap();
        let photo = decode(&file, &Limits::default(), ExifPolicy::Apply).unwrap();
        assert!(loaded.pixels == from_bytes && loaded.pixels == resized(&photo, &spec), "{spec}");
    }
}

#[test]
fn the_rule_is_written_and_read_as_text() {
    for text in [
        "160x160 squash",
        "97x131 squash",
        "224x224 center-crop 0.875",
        "224x224 center-crop 1",
        "160x160 crop",
        "160x96 cut",
        "160x160 cut of 182x190 crop",
        "64x64 squash of 182x190 squash",
    ] {
        assert_eq!(text.parse::<ResizeSpec>().unwrap().to_string(), text);
    }
    assert_eq!("8x9  center-crop".parse::<ResizeSpec>().unwrap(), crop(8, 9, 0.875));
    assert_eq!("squash".parse::<ResizeMode>().unwrap(), ResizeMode::Squash);
    for wrong in [
        "",
        "160 squash",
        "0x5 squash",
        "99999x5 squash",
        "8x8",
        "8x8 zoom",
        "8x8 squash 2",
        "8x8 center-crop 0",
        "8x8 center-crop nan",
        "8x8 center-crop 0.9 x",
        "8x8 crop 0.9",
        "8x8 crop of 9x9",
        "8x8 crop of 9 squash",
        "8x8 center-crop of 9x9 squash",
        "8x8 cut of 9x9 center-crop",
        "8x8 cut of 9x9 squash of 3x3 squash",
    ] {
        assert!(wrong.parse::<ResizeSpec>().is_err(), "{wrong}");
    }
}

#[test]
fn what_a_crop_shows_is_told_in_the_photos_own_pixels() {
    let spec: ResizeSpec = "224x224 center-crop 0.875".parse().unwrap();
    // Reduced to 320x256, of which 224x224 are cut: a 25-pixel rim above and below.
    let seen = spec.seen(500, 400);
    assert_eq!((seen.left, seen.top, seen.width, seen.height), (75.0, 25.0, 350.0, 350.0));
    for (text, wanted) in [
        ("224x224 crop", (50.0, 0.0, 400.0, 400.0)),
        ("200x300 cut", (100.0, 100.0, 300.0, 200.0)),
        ("100x100 cut of 200x200 squash", (125.0, 100.0, 250.0, 200.0)),
        ("100x100 cut of 200x200 crop", (150.0, 100.0, 200.0, 200.0)),
    ] {
        let seen = text.parse::<ResizeSpec>().unwrap().seen(500, 400);
        assert_eq!((seen.left, seen.top, seen.width, seen.height), wanted, "{text}");
    }
    let seen = ResizeSpec::squash(224, 224).seen(500, 400);
    assert_eq!((seen.left, seen.top, seen.width, seen.height), (0.0, 0.0, 500.0, 400.0));
    for (width, height) in [(1, 16_384), (16_384, 1), (1, 1), (333, 500)] {
        let seen = spec.seen(width, height);
        assert!(seen.left >= 0.0 && seen.top >= 0.0 && seen.width > 0.0 && seen.height > 0.0, "{seen:?}");
        assert!(seen.left + seen.width <= width as f64 + 1e-9, "{seen:?}");
        assert!(seen.top + seen.height <= height as f64 + 1e-9, "{seen:?}");
    }
}
