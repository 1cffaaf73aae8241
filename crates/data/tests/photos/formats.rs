//! Colors, orientations and formats made here, against what was drawn.

use icecap_data::{ExifPolicy, Format, Limits, Photo, decode};
use icecap_kernels::rng::{Purpose, Stream};
use image::ExtendedColorType as Color;
use jpeg_encoder::{ColorType, SamplingFactor};

use crate::bytes_difference;
use crate::make::{
    Jpeg, Kind, Raster, exif_block, jpeg, picture, raster, rgb_jpeg, rgb_raster, with_exif, with_segment,
};

fn read(bytes: &[u8]) -> Photo {
    decode(bytes, &Limits::default(), ExifPolicy::Apply).unwrap()
}

/// Opens: photos | PNG, BMP, GIF, lossless WebP | by content, whatever the name
#[test]
fn lossless_formats_give_back_what_was_drawn_whatever_their_name() {
    let drawn = picture(23, 17);
    for kind in [Kind::Png, Kind::Bmp, Kind::WebP] {
        let file = rgb_raster(kind, 23, 17);
        assert!(read(&file).to_rgb() == drawn, "{kind:?}");
        assert_eq!(Format::of(&file).unwrap().to_string().to_lowercase(), format!("{kind:?}").to_lowercase());
    }
    let (_, mean) = bytes_difference(&read(&rgb_raster(Kind::Gif, 23, 17)).to_rgb(), &drawn);
    assert!(mean < 8.0, "a palette of 256 colors: {mean}");
}

#[test]
fn gray_alpha_and_depth_follow_the_table() {
    let drawn = picture(23, 17);
    let size = (23, 17);
    let gray: Vec<u8> = drawn.chunks(3).map(|p| p[0]).collect();
    let gray_rgb: Vec<u8> = gray.iter().flat_map(|&v| [v; 3]).collect();
    let gray_alpha: Vec<u8> = gray.iter().enumerate().flat_map(|(at, &v)| [v, at as u8]).collect();
    let alpha: Vec<u8> =
        drawn.chunks(3).enumerate().flat_map(|(at, p)| [p[0], p[1], p[2], at as u8]).collect();
    let wide = |values: &[u8]| {
        values
            .iter()
            .flat_map(|&v| (u16::from(v) * 257).saturating_add(128).to_ne_bytes())
            .collect::<Vec<_>>()
    };
    for (kind, samples, color, expected) in [
        (Kind::Png, &gray, Color::L8, &gray_rgb),
        (Kind::Bmp, &gray, Color::L8, &gray_rgb),
        (Kind::Png, &gray_alpha, Color::La8, &gray_rgb),
        (Kind::Png, &alpha, Color::Rgba8, &drawn),
        (Kind::WebP, &alpha, Color::Rgba8, &drawn),
        (Kind::Bmp, &alpha, Color::Rgba8, &drawn),
        // v * 257 + 128 is nearest to v.
        (Kind::Png, &wide(&gray), Color::L16, &gray_rgb),
        (Kind::Png, &wide(&drawn), Color::Rgb16, &drawn),
        (Kind::Png, &wide(&alpha), Color::Rgba16, &drawn),
    ] {
        assert!(read(&raster(kind, samples, size, color)).to_rgb() == *expected, "{kind:?} {color:?}");
    }
}

/// Opens: photos | JPEG, baseline and progressive, of any sampling | 8 bits, up to `--max-pixels`
#[test]
fn jpegs_of_every_structure_show_the_same_picture() {
    for (width, height) in [(1, 1), (8, 8), (9, 23), (45, 37), (70, 33)] {
        let drawn = picture(width, height);
        for sampling in
            [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2]
        {
            let make = |progressive, apart| {
                let how = Jpeg { sampling, progressive, apart, restart: 0 };
                read(&rgb_jpeg(width, height, how)).to_rgb()
            };
            let plain = make(false, false);
            let (_, mean) = bytes_difference(&plain, &drawn);
            let most = if width.min(height) < 16 { 16.0 } else { 6.0 };
            assert!(mean < most, "{width}x{height} {sampling:?}: {mean}");
            assert!(make(true, false) == plain, "{width}x{height} {sampling:?} progressive");
            // Channels in scans of their own: by our own decoder, in other rounding.
            let (largest, mean) = bytes_difference(&make(false, true), &plain);
            assert!(largest <= 24.0 && mean < 1.5, "{width}x{height} {sampling:?} apart: {largest}, {mean}");
        }
    }
}

/// A JPEG whose three channels have other names, in its header and in its only scan.
fn renamed(mut file: Vec<u8>, names: [u8; 3]) -> Vec<u8> {
    let at = |file: &[u8], marker: u8| file.windows(2).position(|pair| pair == [0xFF, marker]).unwrap();
    let (frame, scan) = (at(&file, 0xC0), at(&file, 0xDA));
    for (index, name) in names.into_iter().enumerate() {
        file[frame + 10 + index * 3] = name;
        file[scan + 5 + index * 2] = name;
    }
    file
}

#[test]
fn names_of_channels_tell_the_color_only_where_no_marker_does_and_may_stand_twice() {
    let file = rgb_jpeg(40, 30, Jpeg::PLAIN);
    assert!(file.windows(5).any(|text| text == b"JFIF\0"));
    let shown = read(&file).into_rgb();
    for names in [*b"RGB", [1, 1, 1], [0, 1, 1], [7, 9, 7]] {
        assert_eq!(read(&renamed(file.clone(), names)).into_rgb(), shown, "{names:?}");
    }
}

#[test]
fn fill_bytes_in_front_of_a_stuffed_zero_are_passed_over() {
    let file = rgb_jpeg(120, 90, Jpeg::PLAIN);
    let scan = file.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    let mut filled = file[..scan].to_vec();
    let mut stuffed = 0;
    for (at, &byte) in file.iter().enumerate().skip(scan) {
        if byte == 0xFF && file.get(at + 1) == Some(&0) {
            filled.extend([0xFF; 2]);
            stuffed += 1;
        }
        filled.push(byte);
    }
    assert!(stuffed > 0);
    assert_eq!(read(&filled).into_rgb(), read(&file).into_rgb());
}

/// Opens: photos | JPEG of four channels (CMYK, YCCK) | as TensorFlow converts it
#[test]
fn four_channels_follow_the_table() {
    let (width, height) = (40, 24);
    let ink: Vec<u8> = picture(width * 4 / 3 + 1, height)[..width * height * 4].to_vec();
    let expected = |inverted: bool| -> Vec<u8> {
        let level = |a: u8, k: u8| (u16::from(a) * u16::from(k) / 255) as u8;
        let flip = |v: u8| if inverted { v } else { 255 - v };
        ink.chunks(4).flat_map(|p| [0, 1, 2].map(|c| level(flip(p[c]), flip(p[3])))).collect()
    };
    // The encoder takes ink amounts, stores them inverted and puts Adobe's marker in front.
    for (color, name) in [(ColorType::Cmyk, "cmyk"), (ColorType::CmykAsYcck, "ycck")] {
        for progressive in [false, true] {
            let file = jpeg(&ink, width, height, color, Jpeg { progressive, ..Jpeg::PLAIN });
            let (largest, mean) = bytes_difference(&read(&file).to_rgb(), &expected(false));
            println!("{name}: largest {largest}, mean {mean:.2}");
            assert!(mean < 5.0, "{name}: {mean}");
        }
    }
    // Without Adobe's marker the stored values are ink amounts.
    let mut file = jpeg(&ink, width, height, ColorType::Cmyk, Jpeg::PLAIN);
    let marker = file.windows(2).position(|pair| pair == [0xFF, 0xEE]).unwrap();
    file.drain(marker..marker + 16);
    let (_, mean) = bytes_difference(&read(&file).to_rgb(), &expected(true));
    assert!(mean < 4.0, "{mean}");
}

#[test]
fn a_jpeg_that_stores_rgb_is_not_converted() {
    let (width, height) = (24, 16);
    // The same samples read as RGB and as YCbCr.
    let file = rgb_jpeg(width, height, Jpeg::PLAIN);
    let jfif = file.windows(4).position(|bytes| bytes == b"JFIF").unwrap();
    let without = [&file[..jfif - 4], &file[jfif + 14..]].concat();
    let stored = read(&with_segment(&without, 0xEE, b"Adobe\0\x64\0\0\0\0\0")).to_rgb();
    let converted = read(&with_segment(&without, 0xEE, b"Adobe\0\x64\0\0\0\0\x01")).to_rgb();
    assert!(converted == read(&file).to_rgb());
    for (ycc, rgb) in stored.chunks(3).zip(converted.chunks(3)) {
        let luma = 0.299 * f64::from(rgb[0]) + 0.587 * f64::from(rgb[1]) + 0.114 * f64::from(rgb[2]);
        assert!((luma - f64::from(ycc[0])).abs() < 3.0, "{ycc:?} {rgb:?}");
    }
}

/// Turns an upright picture into what a camera stores for this EXIF value.
fn stored(upright: &[u8], width: usize, height: usize, value: u8) -> (Vec<u8>, usize, usize) {
    // Where the stored pixel (x, y) is taken from, by the standard's description of rows and columns.
    let (across, down) = if value >= 5 { (height, width) } else { (width, height) };
    let mut out = Vec::new();
    for y in 0..down {
        for x in 0..across {
            let (from_x, from_y) = match value {
                1 => (x, y),
                2 => (width - 1 - x, y),
                3 => (width - 1 - x, height - 1 - y),
                4 => (x, height - 1 - y),
                5 => (y, x),
                6 => (width - 1 - y, x),
                7 => (width - 1 - y, height - 1 - x),
                _ => (y, height - 1 - x),
            };
            out.extend(&upright[(from_y * width + from_x) * 3..][..3]);
        }
    }
    (out, across, down)
}

/// Opens: photos | an EXIF orientation | turned upright; `--exif ignore` leaves it
#[test]
fn each_exif_orientation_is_turned_upright_in_every_format_that_has_one() {
    let (width, height) = (24, 16);
    let upright = picture(width, height);
    for value in 1..=8u8 {
        let (lying, across, down) = stored(&upright, width, height, value);
        let size = (across as u32, down as u32);
        for kind in [Kind::Png, Kind::WebP] {
            let file =
                Raster { kind, size, color: Color::Rgb8, exif: Some(exif_block(value, false)) }.file(&lying);
            let photo = read(&file);
            assert_eq!((photo.width(), photo.height()), (width, height), "{kind:?} {value}");
            assert!(photo.to_rgb() == upright, "{kind:?} {value}");
            let ignored = decode(&file, &Limits::default(), ExifPolicy::Ignore).unwrap();
            assert!(ignored.to_rgb() == lying, "{kind:?} {value} ignored");
        }
        for big_endian in [false, true] {
            let file = with_exif(&jpeg(&lying, across, down, ColorType::Rgb, Jpeg::PLAIN), value, big_endian);
            let (_, mean) = bytes_difference(&read(&file).to_rgb(), &upright);
            assert!(mean < 5.0, "JPEG {value}: {mean}");
        }
    }
}

/// A frame of any size and place, interlaced or not, with more indices than colors, against the `image` crate's reading.
#[test]
fn every_frame_of_a_gif_lies_where_it_says() {
    for round in 0..400 {
        let mut stream = Stream::new(3, Purpose::Test, 11, round);
        let mut below = |most: u32| stream.below(most) as u16;
        let (width, height) = (1 + below(9), 1 + below(9));
        let (across, down) = (1 + below(12), 1 + below(12));
        let fills = below(3) == 0;
        let (across, down) = if fills { (width, height) } else { (across, down) };
        let (left, top) = if fills { (0, 0) } else { (below(10), below(10)) };
        let palette: Vec<u8> = (0..3 * (2 + below(14))).map(|_| below(256) as u8).collect();
        let buffer: Vec<u8> = (0..across * down).map(|_| below(16) as u8).collect();
        let transparent = (below(2) == 0).then(|| below(16) as u8);
        let interlaced = below(2) == 0;
        let (global, local) = match below(2) {
            0 => (palette, None),
            _ => (vec![1, 2, 3, 4, 5, 6], Some(palette)),
        };
        let frame = gif::Frame {
            left,
            top,
            width: across,
            height: down,
            interlaced,
            transparent,
            palette: local,
            buffer: buffer.into(),
            ..gif::Frame::default()
        };
        let mut file = Vec::new();
        gif::Encoder::new(&mut file, width, height, &global).unwrap().write_frame(&frame).unwrap();
        let other = image::load_from_memory_with_format(&file, image::ImageFormat::Gif).unwrap().to_rgb8();
        assert!(
            read(&file).to_rgb() == other.into_raw(),
            "round {round}: {across}x{down} in {width}x{height}"
        );
    }
}
