//! Pictures drawn from a seed, and files of every format made from them.

use icecap_kernels::rng::{Purpose, Stream};
use image::codecs::{bmp::BmpEncoder, gif::GifEncoder, png::PngEncoder, webp::WebPEncoder};
use image::{ExtendedColorType, ImageEncoder};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// A picture with smooth colors, an edge, and a little noise.
pub(crate) fn picture(width: usize, height: usize) -> Vec<u8> {
    let mut noise = Stream::new(width as u64, Purpose::Test, height as u32, 0);
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let edge = if x * height > y * width { 60 } else { 0 };
            for level in
                [x * 180 / width + edge, y * 180 / height + 20, (x + y) * 90 / (width + height) + edge]
            {
                rgb.push((level as u32 + noise.below(16)) as u8);
            }
        }
    }
    rgb
}

/// How a JPEG is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jpeg {
    pub(crate) sampling: SamplingFactor,
    pub(crate) progressive: bool,
    /// One scan for each channel.
    pub(crate) apart: bool,
    pub(crate) restart: u16,
}

impl Jpeg {
    pub(crate) const PLAIN: Self =
        Self { sampling: SamplingFactor::F_1_1, progressive: false, apart: false, restart: 0 };
}

pub(crate) fn jpeg(samples: &[u8], width: usize, height: usize, color: ColorType, how: Jpeg) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 90);
    encoder.set_sampling_factor(how.sampling);
    encoder.set_progressive(how.progressive);
    encoder.set_optimized_huffman_tables(how.apart);
    encoder.set_restart_interval(how.restart);
    encoder.encode(samples, width as u16, height as u16, color).unwrap();
    out
}

pub(crate) fn rgb_jpeg(width: usize, height: usize, how: Jpeg) -> Vec<u8> {
    jpeg(&picture(width, height), width, height, ColorType::Rgb, how)
}

/// The formats that the `image` crate writes, with an EXIF block where one is given and the format has a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Png,
    Gif,
    Bmp,
    WebP,
}

/// What a file says beside its samples.
pub(crate) struct Raster {
    pub(crate) kind: Kind,
    /// Columns and rows.
    pub(crate) size: (u32, u32),
    pub(crate) color: ExtendedColorType,
    pub(crate) exif: Option<Vec<u8>>,
}

impl Raster {
    pub(crate) fn file(self, samples: &[u8]) -> Vec<u8> {
        let Self { kind, size: (width, height), color, exif } = self;
        let mut out = Vec::new();
        match kind {
            Kind::Png => {
                let mut encoder = PngEncoder::new(&mut out);
                if let Some(block) = exif {
                    encoder.set_exif_metadata(block).unwrap();
                }
                encoder.write_image(samples, width, height, color).unwrap();
            }
            Kind::WebP => {
                let mut encoder = WebPEncoder::new_lossless(&mut out);
                if let Some(block) = exif {
                    encoder.set_exif_metadata(block).unwrap();
                }
                encoder.write_image(samples, width, height, color).unwrap();
            }
            Kind::Bmp => BmpEncoder::new(&mut out).write_image(samples, width, height, color).unwrap(),
            Kind::Gif => GifEncoder::new(&mut out).encode(samples, width, height, color).unwrap(),
        }
        out
    }
}

/// A file without an EXIF block.
pub(crate) fn raster(kind: Kind, samples: &[u8], size: (u32, u32), color: ExtendedColorType) -> Vec<u8> {
    Raster { kind, size, color, exif: None }.file(samples)
}

pub(crate) fn rgb_raster(kind: Kind, width: usize, height: usize) -> Vec<u8> {
    raster(kind, &picture(width, height), (width as u32, height as u32), ExtendedColorType::Rgb8)
}

/// A TIFF block that holds nothing but the orientation.
pub(crate) fn exif_block(orientation: u8, big_endian: bool) -> Vec<u8> {
    if big_endian {
        let mut block = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        block.extend([orientation, 0, 0, 0, 0, 0, 0]);
        block
    } else {
        let mut block = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        block.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        block
    }
}

/// A segment put behind a JPEG's start marker.
pub(crate) fn with_segment(jpeg: &[u8], code: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = jpeg[..2].to_vec();
    out.extend([0xFF, code]);
    out.extend((payload.len() as u16 + 2).to_be_bytes());
    out.extend(payload);
    out.extend(&jpeg[2..]);
    out
}

/// The JPEG with an EXIF segment.
pub(crate) fn with_exif(jpeg: &[u8], orientation: u8, big_endian: bool) -> Vec<u8> {
    let payload = [b"Exif\0\0".to_vec(), exif_block(orientation, big_endian)].concat();
    with_segment(jpeg, 0xE1, &payload)
}
