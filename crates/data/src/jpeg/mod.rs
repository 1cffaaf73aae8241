//! JPEG, by `zune-jpeg`, with our own walk over the markers in front of it.
//!
//! 1. `skeleton.rs` finds the segments, the size and the color model before memory is taken.
//! 2. `stream.rs` writes the file anew in a form in which missing data is an error and not a gray area.
//! 3. The decoder, in its strict mode, turns that into RGB; four-channel images and files that store their channels
//!    apart (`planes.rs`) get their color here.

mod planes;
mod skeleton;
mod stream;

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use self::skeleton::{Frame, RESTART_BYTES, Skeleton, broken, truncated};
use crate::color::{FourChannels, four_to_rgb};
use crate::decode::{Buffers, Header};
use crate::{Limits, Result, Warning};

/// How the channels of a file are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ColorModel {
    Gray,
    Rgb,
    Ycc,
    Four(FourChannels),
}

/// Decodes a JPEG into `buffers.rgb`.
pub(crate) fn decode(bytes: &[u8], limits: &Limits, buffers: &mut Buffers) -> Result<Header> {
    let skeleton = Skeleton::read(bytes, limits)?;
    let frame = &skeleton.frame;
    let model = color_model(&skeleton);
    limits.check_decoded(held_bytes(frame) + skeleton.restarts * RESTART_BYTES)?;
    let pixels = usize::from(frame.width) * usize::from(frame.height);
    let Buffers { rgb, raw, stream, warnings } = buffers;
    rgb.resize(pixels * 3, 0);
    let in_one_scan = skeleton.scans[0].members.len() == frame.components.len();
    if !frame.progressive && !in_one_scan {
        planes::decode(bytes, &skeleton, model, limits, rgb)?;
    } else {
        stream::rewrite(bytes, &skeleton, stream);
        match model {
            ColorModel::Gray | ColorModel::Ycc => decode_stream(stream, ColorSpace::RGB, limits, rgb)?,
            ColorModel::Rgb => decode_stream(stream, raw_color(frame), limits, rgb)?,
            ColorModel::Four(order) => {
                raw.resize(pixels * 4, 0);
                decode_stream(stream, ColorSpace::CMYK, limits, raw)?;
                four_to_rgb(order, raw, rgb);
            }
        }
    }
    if !skeleton.ended {
        warnings.push(Warning::NoEndMarker);
    }
    if !skeleton.is_refined() {
        warnings.push(Warning::Unrefined);
    }
    let (width, height) = (frame.width.into(), frame.height.into());
    Ok(Header { width, height, orientation: skeleton.orientation, transparent: false })
}

/// The bytes that decoding holds: the output, and for a progressive file all coefficients in 16 bits.
fn held_bytes(frame: &Frame) -> u64 {
    let (across, down) = frame.largest_sampling();
    let units = |side: u16, most: u8| u64::from(side).div_ceil(u64::from(most) * 8);
    let pixels = u64::from(frame.width) * u64::from(frame.height);
    let samples: u64 = frame
        .components
        .iter()
        .map(|c| {
            units(frame.width, across)
                * units(frame.height, down)
                * u64::from(c.across)
                * u64::from(c.down)
                * 64
        })
        .sum();
    let four = if frame.components.len() == 4 { pixels * 4 } else { 0 };
    pixels * 3 + four + if frame.progressive { samples * 2 } else { 0 }
}

/// The color model by libjpeg's rules: JFIF means YCbCr, Adobe's marker says what it is, otherwise the channels'
/// names tell.
fn color_model(skeleton: &Skeleton) -> ColorModel {
    let ids: Vec<u8> = skeleton.frame.components.iter().map(|c| c.id).collect();
    match (ids.len(), skeleton.hints.adobe) {
        (1, _) => ColorModel::Gray,
        (4, Some(0)) => ColorModel::Four(FourChannels::InvertedCmyk),
        (4, Some(_)) => ColorModel::Four(FourChannels::Ycck),
        (4, None) => ColorModel::Four(FourChannels::Cmyk),
        (_, Some(0)) if !skeleton.hints.jfif => ColorModel::Rgb,
        _ if ids == *b"RGB" => ColorModel::Rgb,
        _ => ColorModel::Ycc,
    }
}

/// The color to ask for in order to get three channels as they are: the one that the decoder believes them to be.
fn raw_color(frame: &Frame) -> ColorSpace {
    let named = frame.components.iter().map(|c| c.id).eq(*b"RGB");
    if named { ColorSpace::RGB } else { ColorSpace::YCbCr }
}

/// Decodes a rewritten stream into `out`, `[height, width, channels of color]`.
fn decode_stream(stream: &[u8], color: ColorSpace, limits: &Limits, out: &mut [u8]) -> Result<()> {
    let side = limits.side as usize;
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(side)
        .set_max_height(side)
        .jpeg_set_max_scans(limits.scans + 1)
        .jpeg_set_out_colorspace(color);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(stream), options);
    decoder.decode_headers().map_err(|error| broken(reason(&error)))?;
    if decoder.output_buffer_size() != Some(out.len()) {
        return Err(broken("the image header and its data disagree"));
    }
    decoder.decode_into(out).map_err(|error| {
        // The two errors that the ones behind the data lead to.
        let reason = reason(&error);
        let ran_out =
            ["Bad Huffman Code", "more than bits left", "No more bytes left", "Exhausted", "Premature"];
        if ran_out.iter().any(|text| reason.contains(text)) {
            truncated("rows are missing, or their data is damaged")
        } else {
            broken(reason)
        }
    })
}

fn reason(error: &DecodeErrors) -> String {
    let text = error.to_string();
    text.trim_matches('"').to_owned()
}
