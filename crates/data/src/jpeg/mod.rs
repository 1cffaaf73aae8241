//! JPEG, by `zune-jpeg`, with our own walk over the markers in front of it.
//!
//! 1. `skeleton.rs` finds the segments, the size and the color model before memory is taken.
//! 2. `stream.rs` writes the file anew in a form in which missing data is an error and not a gray area.
//! 3. The decoder, in its strict mode, turns that into RGB; four-channel images get their color here.
//!
//! What it does not read, or not as libjpeg does, is decoded by `own.rs` from the skeleton: channels in scans of their
//! own, unusual sampling, Huffman tables left out.

mod bits;
mod coefficients;
mod color_model;
mod filler;
mod inverse;
mod own;
mod skeleton;
mod stream;
mod strict;
mod tables;
mod upsample;

use zune_core::colorspace::ColorSpace;

use self::color_model::ColorModel;
use self::skeleton::{Frame, RESTART_BYTES, Skeleton};
use self::strict::decode_stream;
use crate::color::{four_to_rgb, ycc_to_rgb_fixed};
use crate::photo::{Buffers, Header};
use crate::{Limits, Result, Warning};

/// Decodes a JPEG into `buffers.rgb`.
pub(crate) fn decode(bytes: &[u8], limits: &Limits, buffers: &mut Buffers) -> Result<Header> {
    let skeleton = Skeleton::read(bytes, limits)?;
    let frame = &skeleton.frame;
    let model = ColorModel::of(&skeleton);
    let in_one_scan = skeleton.scans[0].members.len() == frame.components.len();
    let usual =
        (frame.progressive || in_one_scan) && own::is_usual(frame) && !tables::lacks_codes(bytes, &skeleton);
    limits.check_decoded(held_bytes(frame, usual) + skeleton.restarts * RESTART_BYTES)?;
    let pixels = usize::from(frame.width) * usize::from(frame.height);
    let Buffers { rgb, raw, stream, warnings } = buffers;
    rgb.resize(pixels * 3, 0);
    if usual {
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
    } else {
        own::decode(bytes, &skeleton, model, rgb)?;
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

/// The channels of a JPEG, as another format holds it.
pub(crate) struct Samples {
    /// `[height, width, channels]`.
    pub(crate) values: Vec<u8>,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) channels: usize,
}

/// Decodes a JPEG inside of another file: its channels as stored, or those of YCbCr turned into RGB.
pub(crate) fn decode_samples(bytes: &[u8], limits: &Limits, turned: bool) -> Result<Samples> {
    if bytes.get(..2) != Some(&[0xFF, skeleton::SOI]) {
        return Err(skeleton::broken("it does not start as one"));
    }
    let skeleton = Skeleton::read(bytes, limits)?;
    let frame = &skeleton.frame;
    let (width, height, channels) = (frame.width.into(), frame.height.into(), frame.components.len());
    let all = (width * height * channels) as u64;
    limits.check_decoded(held_bytes(frame, false) + all + skeleton.restarts * RESTART_BYTES)?;
    let mut values = Vec::with_capacity(width * height * channels);
    own::joined(bytes, &skeleton, &mut |row| match (turned, channels) {
        (true, 3) => {
            values
                .extend(row.chunks_exact(3).flat_map(|pixel| ycc_to_rgb_fixed(pixel[0], pixel[1], pixel[2])));
        }
        _ => values.extend_from_slice(row),
    })?;
    Ok(Samples { values, width, height, channels })
}

/// The bytes that decoding holds: the output, and for a progressive file all coefficients in 16 bits, for an unusual one
/// the samples, too.
fn held_bytes(frame: &Frame, usual: bool) -> u64 {
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
    match usual {
        true => {
            let four = if frame.components.len() == 4 { pixels * 4 } else { 0 };
            pixels * 3 + four + if frame.progressive { samples * 2 } else { 0 }
        }
        false => pixels * 3 + samples * own::BYTES_PER_SAMPLE,
    }
}

/// The color to ask for in order to get three channels as they are: the one that the decoder believes them to be.
fn raw_color(frame: &Frame) -> ColorSpace {
    let named = frame.components.iter().map(|c| c.id).eq(*b"RGB");
    if named { ColorSpace::RGB } else { ColorSpace::YCbCr }
}
