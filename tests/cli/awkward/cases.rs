//! The table: a name, bytes, and what has to become of them.

use std::ffi::OsString;

use image::ExtendedColorType as Color;
use image::codecs::gif::GifEncoder;
use image::{Delay, Frame, RgbaImage};
use jpeg_encoder::{ColorType, SamplingFactor};

use super::make::{Jpeg, Kind, Raster, exif_block, jpeg, picture, raster, with_exif};
use super::png::Png;

/// A file.
pub(crate) struct Case {
    pub(crate) name: OsString,
    pub(crate) bytes: Vec<u8>,
    pub(crate) outcome: Outcome,
}

/// What has to become of a file.
#[derive(Debug)]
pub(crate) enum Outcome {
    Photo {
        width: usize,
        height: usize,
        format: &'static str,
        pixels: Pixels,
        /// What `check` finds suspicious, and nothing else.
        said: &'static [&'static str],
    },
    /// A part of the reason.
    Unusable(&'static str),
}

/// The pixels, upright.
#[derive(Debug)]
pub(crate) enum Pixels {
    Exactly(Vec<u8>),
    /// With the largest mean difference.
    Nearly(Vec<u8>, f64),
}

const WIDTH: usize = 48;
const HEIGHT: usize = 40;
const SIZE: (u32, u32) = (WIDTH as u32, HEIGHT as u32);

/// Gray levels that a JPEG of quality 90 is off, in the mean; with its colors at half the size; with four inks.
const JPEG: f64 = 6.0;
const SUBSAMPLED: f64 = 8.0;

const TRANSPARENT: &[&str] = &["transparent"];
const NO_END: &[&str] = &["no end marker"];

fn drawn() -> Vec<u8> {
    picture(WIDTH, HEIGHT)
}

fn gray() -> Vec<u8> {
    drawn().chunks(3).map(|pixel| pixel[1]).collect()
}

fn three_times(gray: &[u8]) -> Vec<u8> {
    gray.iter().flat_map(|&level| [level; 3]).collect()
}

/// Few colors: what a palette of 16 and a GIF hold exactly.
fn poster() -> Vec<u8> {
    drawn().iter().map(|level| level / 128 * 255).collect()
}

/// The picture in black and white.
fn ink() -> Vec<u8> {
    gray().iter().map(|level| level / 128 * 255).collect()
}

fn at(pixels: &[u8], channels: usize, x: u32, y: u32) -> &[u8] {
    &pixels[(y as usize * WIDTH + x as usize) * channels..][..channels]
}

fn photo(format: &'static str, pixels: Pixels, said: &'static [&'static str]) -> Outcome {
    Outcome::Photo { width: WIDTH, height: HEIGHT, format, pixels, said }
}

fn exactly(format: &'static str, pixels: Vec<u8>) -> Outcome {
    photo(format, Pixels::Exactly(pixels), &[])
}

fn rgb_jpeg(how: Jpeg) -> Vec<u8> {
    jpeg(&drawn(), WIDTH, HEIGHT, ColorType::Rgb, how)
}

/// All files.
pub(crate) fn cases() -> Vec<Case> {
    let mut all: Vec<(OsString, Vec<u8>, Outcome)> = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>, outcome: Outcome| all.push((name.into(), bytes, outcome));
    pngs(&mut add);
    alpha_and_depth(&mut add);
    jpegs(&mut add);
    inks(&mut add);
    turned(&mut add);
    animations(&mut add);
    names_that_lie(&mut add);
    cut(&mut add);
    no_images(&mut add);
    huge(&mut add);
    awkward_names(&mut add);
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        let name = OsString::from_vec(b"no \xFF utf8.png".to_vec());
        all.push((name, plain_png(), exactly("PNG", drawn())));
    }
    all.into_iter().map(|(name, bytes, outcome)| Case { name, bytes, outcome }).collect()
}

/// Takes a name, bytes and an outcome.
type Add<'a> = dyn FnMut(&str, Vec<u8>, Outcome) + 'a;

fn plain_png() -> Vec<u8> {
    raster(Kind::Png, &drawn(), SIZE, Color::Rgb8)
}

/// Palettes, few bits, interlacing: the same pixels, differently packed.
fn pngs(add: &mut Add<'_>) {
    let (full, poster, ink) = (drawn(), poster(), ink());
    let rgb = |x, y| at(&full, 3, x, y).iter().map(|&level| u16::from(level)).collect::<Vec<_>>();
    add("plain.png", plain_png(), exactly("PNG", full.clone()));
    add(
        "interlaced.png",
        Png::new(SIZE.0, SIZE.1, 8, 2).interlaced().file(rgb),
        exactly("PNG", full.clone()),
    );
    // The eight corners of the color cube; the index is what the channels are.
    let palette: Vec<u8> =
        (0..8u8).flat_map(|entry| [4, 2, 1].map(|bit| if entry & bit != 0 { 255 } else { 0 })).collect();
    let index = |x, y| {
        let pixel = at(&poster, 3, x, y);
        vec![pixel.iter().fold(0, |index, &level| 2 * index + u16::from(level == 255))]
    };
    for bits in [4, 8] {
        let png = Png::new(SIZE.0, SIZE.1, bits, 3).chunk(b"PLTE", palette.clone());
        add(&format!("palette{bits}.png"), png.file(index), exactly("PNG", poster.clone()));
    }
    let png = Png::new(SIZE.0, SIZE.1, 4, 3).interlaced().chunk(b"PLTE", palette.clone());
    add("palette interlaced.png", png.file(index), exactly("PNG", poster.clone()));
    // Some entries of the palette are transparent; their color is used as stored.
    let png = Png::new(SIZE.0, SIZE.1, 8, 3).chunk(b"PLTE", palette).chunk(b"tRNS", vec![0, 128]);
    add("palette transparent.png", png.file(index), photo("PNG", Pixels::Exactly(poster), TRANSPARENT));
    let black_or_white = |x, y| vec![u16::from(at(&ink, 1, x, y)[0] == 255)];
    add("1bit.png", Png::new(SIZE.0, SIZE.1, 1, 0).file(black_or_white), exactly("PNG", three_times(&ink)));
    // Two bits: levels of 0, 85, 170 and 255.
    let levels = gray();
    let quarter = |x, y| vec![u16::from(at(&levels, 1, x, y)[0] / 64)];
    let expected: Vec<u8> = levels.iter().map(|level| level / 64 * 85).collect();
    add("2bit.png", Png::new(SIZE.0, SIZE.1, 2, 0).file(quarter), exactly("PNG", three_times(&expected)));
}

/// Alpha is dropped, 16 bits are divided by 257 and rounded.
fn alpha_and_depth(add: &mut Add<'_>) {
    let (full, gray) = (drawn(), gray());
    let with_alpha = |samples: &[u8], channels: usize| -> Vec<u8> {
        let pixels = samples.chunks(channels).enumerate();
        pixels.flat_map(|(index, pixel)| [pixel, &[index as u8]].concat()).collect()
    };
    let wide = |samples: &[u8]| -> Vec<u8> {
        samples.iter().flat_map(|&level| (u16::from(level) * 257).saturating_add(128).to_ne_bytes()).collect()
    };
    let (rgba, gray_alpha) = (with_alpha(&full, 3), with_alpha(&gray, 1));
    let opaque: Vec<u8> = full.chunks(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect();
    let gray_rgb = three_times(&gray);
    for (name, samples, color, pixels, said) in [
        ("gray.png", gray.clone(), Color::L8, &gray_rgb, &[][..]),
        ("gray alpha.png", gray_alpha.clone(), Color::La8, &gray_rgb, TRANSPARENT),
        ("alpha.png", rgba.clone(), Color::Rgba8, &full, TRANSPARENT),
        ("opaque alpha.png", opaque, Color::Rgba8, &full, &[]),
        ("gray 16.png", wide(&gray), Color::L16, &gray_rgb, &[]),
        ("rgb 16.png", wide(&full), Color::Rgb16, &full, &[]),
        ("alpha 16.png", wide(&rgba), Color::Rgba16, &full, TRANSPARENT),
        ("gray alpha 16.png", wide(&gray_alpha), Color::La16, &gray_rgb, TRANSPARENT),
    ] {
        let file = raster(Kind::Png, &samples, SIZE, color);
        add(name, file, photo("PNG", Pixels::Exactly(pixels.clone()), said));
    }
    for (kind, format) in [(Kind::Bmp, "BMP"), (Kind::WebP, "WebP")] {
        let name = format.to_lowercase();
        let file = raster(kind, &full, SIZE, Color::Rgb8);
        add(&format!("plain.{name}"), file, exactly(format, full.clone()));
        let file = raster(kind, &rgba, SIZE, Color::Rgba8);
        add(&format!("alpha.{name}"), file, photo(format, Pixels::Exactly(full.clone()), TRANSPARENT));
    }
}

/// Every structure of JPEG that encoders write.
fn jpegs(add: &mut Add<'_>) {
    let near = |most| photo("JPEG", Pixels::Nearly(drawn(), most), &[]);
    add("plain.jpg", rgb_jpeg(Jpeg::PLAIN), near(JPEG));
    let samplings = [
        ("4-2-0", SamplingFactor::F_2_2),
        ("4-2-2", SamplingFactor::F_2_1),
        ("4-4-0", SamplingFactor::F_1_2),
        ("4-1-1", SamplingFactor::F_4_1),
    ];
    for (name, sampling) in samplings {
        add(&format!("{name}.jpg"), rgb_jpeg(Jpeg { sampling, ..Jpeg::PLAIN }), near(SUBSAMPLED));
    }
    add("progressive.jpg", rgb_jpeg(Jpeg { progressive: true, ..Jpeg::PLAIN }), near(JPEG));
    let small = Jpeg { progressive: true, sampling: SamplingFactor::F_2_2, ..Jpeg::PLAIN };
    add("progressive 4-2-0.jpg", rgb_jpeg(small), near(SUBSAMPLED));
    add("restart.jpg", rgb_jpeg(Jpeg { restart: 3, ..Jpeg::PLAIN }), near(JPEG));
    add("apart.jpg", rgb_jpeg(Jpeg { apart: true, ..Jpeg::PLAIN }), near(JPEG));
    let gray = jpeg(&gray(), WIDTH, HEIGHT, ColorType::Luma, Jpeg::PLAIN);
    add("gray.jpg", gray, photo("JPEG", Pixels::Nearly(three_times(&self::gray()), JPEG), &[]));
    let plain = rgb_jpeg(Jpeg::PLAIN);
    add("trailing.jpg", [&plain[..], b"what a camera appends".repeat(50).as_slice()].concat(), near(JPEG));
    let no_end = photo("JPEG", Pixels::Nearly(drawn(), JPEG), NO_END);
    add("no end.jpg", plain[..plain.len() - 2].to_vec(), no_end);
}

/// Four inks, as printers' files have them.
fn inks(add: &mut Add<'_>) {
    let inks = picture(WIDTH * 4 / 3 + 1, HEIGHT)[..WIDTH * HEIGHT * 4].to_vec();
    let white = |ink: u8, black: u8| (u16::from(255 - ink) * u16::from(255 - black) / 255) as u8;
    let expected: Vec<u8> =
        inks.chunks(4).flat_map(|pixel| [0, 1, 2].map(|channel| white(pixel[channel], pixel[3]))).collect();
    for (name, color) in [("cmyk", ColorType::Cmyk), ("ycck", ColorType::CmykAsYcck)] {
        for progressive in [false, true] {
            let file = jpeg(&inks, WIDTH, HEIGHT, color, Jpeg { progressive, ..Jpeg::PLAIN });
            let name = format!("{name}{}.jpg", if progressive { " progressive" } else { "" });
            add(&name, file, photo("JPEG", Pixels::Nearly(expected.clone(), JPEG), &[]));
        }
    }
}

/// What a camera that was held so stores of the upright picture.
fn lying(upright: &[u8], value: u8) -> (Vec<u8>, usize, usize) {
    let (across, down) = if value >= 5 { (HEIGHT, WIDTH) } else { (WIDTH, HEIGHT) };
    let mut out = Vec::with_capacity(upright.len());
    for y in 0..down {
        for x in 0..across {
            let (x, y) = match value {
                1 => (x, y),
                2 => (WIDTH - 1 - x, y),
                3 => (WIDTH - 1 - x, HEIGHT - 1 - y),
                4 => (x, HEIGHT - 1 - y),
                5 => (y, x),
                6 => (WIDTH - 1 - y, x),
                7 => (WIDTH - 1 - y, HEIGHT - 1 - x),
                _ => (y, HEIGHT - 1 - x),
            };
            out.extend(&upright[(y * WIDTH + x) * 3..][..3]);
        }
    }
    (out, across, down)
}

/// EXIF orientations: the same upright pixels.
fn turned(add: &mut Add<'_>) {
    for value in 1..=8u8 {
        let (stored, across, down) = lying(&drawn(), value);
        let file = jpeg(&stored, across, down, ColorType::Rgb, Jpeg::PLAIN);
        let near = photo("JPEG", Pixels::Nearly(drawn(), JPEG), &[]);
        add(&format!("exif{value}.jpg"), with_exif(&file, value, value % 2 == 0), near);
        let size = (across as u32, down as u32);
        let file = Raster { kind: Kind::Png, size, color: Color::Rgb8, exif: Some(exif_block(value, false)) }
            .file(&stored);
        add(&format!("exif{value}.png"), file, exactly("PNG", drawn()));
    }
}

/// GIFs, of which the first frame is read.
fn animations(add: &mut Add<'_>) {
    let poster = poster();
    let frame = |pixels: &[u8], alpha: &dyn Fn(usize) -> u8| {
        let rgba: Vec<u8> = pixels
            .chunks(3)
            .enumerate()
            .flat_map(|(index, pixel)| match alpha(index) {
                0 => [0; 4],
                alpha => [pixel[0], pixel[1], pixel[2], alpha],
            })
            .collect();
        let image = RgbaImage::from_raw(SIZE.0, SIZE.1, rgba).unwrap();
        Frame::from_parts(image, 0, 0, Delay::from_numer_denom_ms(100, 1))
    };
    let gif = |frames: Vec<Frame>| {
        let mut out = Vec::new();
        GifEncoder::new(&mut out).encode_frames(frames).unwrap();
        out
    };
    let solid: &dyn Fn(usize) -> u8 = &|_| 255;
    let other: Vec<u8> = poster.iter().map(|level| 255 - level).collect();
    add("static.gif", gif(vec![frame(&poster, solid)]), exactly("GIF", poster.clone()));
    let animated = gif(vec![frame(&poster, solid), frame(&other, solid), frame(&poster, solid)]);
    add("animated.gif", animated, photo("GIF", Pixels::Exactly(poster.clone()), &["animated"]));
    // The left half is transparent, where a canvas is black.
    let half: &dyn Fn(usize) -> u8 = &|index| if index % WIDTH < WIDTH / 2 { 0 } else { 255 };
    let expected: Vec<u8> = poster
        .chunks(3)
        .enumerate()
        .flat_map(|(index, pixel)| if half(index) == 0 { [0; 3] } else { [pixel[0], pixel[1], pixel[2]] })
        .collect();
    add(
        "transparent.gif",
        gif(vec![frame(&poster, half)]),
        photo("GIF", Pixels::Exactly(expected), TRANSPARENT),
    );
}

/// Content decides, whatever the name.
fn names_that_lie(add: &mut Add<'_>) {
    let jpeg = || photo("JPEG", Pixels::Nearly(drawn(), JPEG), &[]);
    add("a jpeg.png", rgb_jpeg(Jpeg::PLAIN), jpeg());
    add("a jpeg.gif", rgb_jpeg(Jpeg::PLAIN), jpeg());
    add("a jpeg.txt", rgb_jpeg(Jpeg::PLAIN), jpeg());
    add("a png.jpg", plain_png(), exactly("PNG", drawn()));
    add("a png.bmp", plain_png(), exactly("PNG", drawn()));
    add("a webp.jpeg", raster(Kind::WebP, &drawn(), SIZE, Color::Rgb8), exactly("WebP", drawn()));
    add("a bmp.jpg", raster(Kind::Bmp, &drawn(), SIZE, Color::Rgb8), exactly("BMP", drawn()));
    add("no extension", plain_png(), exactly("PNG", drawn()));
}

/// Files that end early are errors, and no gray areas.
fn cut(add: &mut Add<'_>) {
    let whole = [
        ("jpg", rgb_jpeg(Jpeg::PLAIN), 14),
        ("progressive.jpg", rgb_jpeg(Jpeg { progressive: true, ..Jpeg::PLAIN }), 14),
        ("png", plain_png(), 0),
        ("bmp", raster(Kind::Bmp, &drawn(), SIZE, Color::Rgb8), 0),
        ("webp", raster(Kind::WebP, &drawn(), SIZE, Color::Rgb8), 0),
    ];
    for (name, file, _) in &whole {
        for percent in [10, 50, 90] {
            let end = file.len() * percent / 100;
            add(&format!("cut at {percent}.{name}"), file[..end].to_vec(), Outcome::Unusable(""));
        }
    }
}

/// What is no image at all.
fn no_images(add: &mut Add<'_>) {
    add("empty.jpg", Vec::new(), Outcome::Unusable("the file is empty"));
    add("zeros.png", vec![0; 4096], Outcome::Unusable("nothing but zeros"));
    add("text.jpg", b"this is a text".to_vec(), Outcome::Unusable("no image that is known"));
    add("page.jpg", b"<!DOCTYPE html><html></html>".to_vec(), Outcome::Unusable("a web page"));
    add("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0".to_vec(), Outcome::Unusable("HEIC"));
    add("only a start.jpg", b"\xFF\xD8\xFF\xD9".to_vec(), Outcome::Unusable("JPEG"));
}

/// Claims of a size that are refused before memory is taken.
fn huge(add: &mut Add<'_>) {
    let mut file = rgb_jpeg(Jpeg::PLAIN);
    let header = file.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    file[header + 5..header + 9].fill(0xFF);
    add("65535x65535.jpg", file, Outcome::Unusable("limit"));
    let side = (1 << 31) - 1;
    let file = Png::new(side, side, 8, 2).around(&[]);
    add("2147483647x2147483647.png", file, Outcome::Unusable("limit"));
    // 768 MB of pixels in 0.75 MB.
    let line = vec![0; 1 + 3 * 16_000];
    let lines = miniz_oxide::deflate::compress_to_vec_zlib(&line.repeat(200), 9);
    let file = Png::new(16_000, 16_000, 8, 2).around(&lines);
    add("bomb.png", file, Outcome::Unusable("limit"));
    // A profile that unpacks to 64 MB.
    let profile = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 64 << 20], 6);
    let chunk = [b"icc\0\0".as_slice(), &profile].concat();
    let full = drawn();
    let rgb = move |x, y| at(&full, 3, x, y).iter().map(|&level| u16::from(level)).collect::<Vec<_>>();
    let file = Png::new(SIZE.0, SIZE.1, 8, 2).chunk(b"iCCP", chunk).file(rgb);
    add("profile.png", file, exactly("PNG", drawn()));
}

/// Names that break lines, tables and shells.
fn awkward_names(add: &mut Add<'_>) {
    let names = [
        "with space.png",
        "two\nlines.png",
        "quote\"and'.png",
        "comma, semicolon;.png",
        "ünï Ⓒ 猫.png",
        "-v.png",
    ];
    for name in names {
        add(name, plain_png(), exactly("PNG", drawn()));
    }
}
