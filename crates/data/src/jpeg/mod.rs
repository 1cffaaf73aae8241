//! JPEG, decoded to libjpeg's bits.
//!
//! 1. `skeleton.rs` finds the segments, the size and the color model before memory is taken.
//! 2. `coefficients.rs`, on `bits.rs` and `tables.rs`, decodes the scans: sequential or progressive, of all channels or
//!    of some. Data that is missing is an error, not a gray area.
//! 3. `rows.rs` makes rows of samples of them, `upsample.rs` one for each pixel; both call kernels.
//! 4. Here rows get their color, by `color_model.rs`.
//!
//! No decoder in Rust gives libjpeg's pixels to the bit, none has TensorFlow's transform, and the quickest one reads
//! some valid sampling factors wrong without a word: that is why this is our own.

mod bits;
mod coefficients;
mod color_model;
mod rows;
mod skeleton;
mod tables;
mod upsample;

use icecap_kernels::Isa;
use icecap_kernels::jpeg::{Dct, ycc_to_rgb};

use self::color_model::ColorModel;
pub(crate) use self::rows::Rounding;
use self::rows::{RowBuffers, rows};
use self::skeleton::{RESTART_BYTES, Skeleton};
use crate::color::four_to_rgb;
use crate::photo::Header;
use crate::room::set_len;
use crate::{Limits, Result, Warning};

/// What decoding keeps from photo to photo.
#[derive(Debug, Default)]
pub(crate) struct JpegBuffers {
    rows: RowBuffers,
    /// A row whose channels are side by side.
    joined: Vec<u8>,
}

/// Decodes a JPEG into `rgb`. Returns what is odd about it beside its header.
pub(crate) fn decode(
    bytes: &[u8],
    limits: &Limits,
    how: Rounding,
    buffers: &mut JpegBuffers,
    rgb: &mut Vec<u8>,
) -> Result<(Header, Vec<Warning>)> {
    let skeleton = Skeleton::read(bytes, limits)?;
    let frame = &skeleton.frame;
    let (width, height) = (usize::from(frame.width), usize::from(frame.height));
    limits.check_decoded((width * height * 3) as u64 + held_bytes(&skeleton))?;
    set_len(rgb, width * height * 3, (width, height))?;
    let model = ColorModel::of(&skeleton);
    let mut left = rgb.chunks_exact_mut(width * 3);
    let JpegBuffers { rows: kept, joined } = buffers;
    rows(bytes, &skeleton, how, kept, &mut |row| {
        let Some(out) = left.next() else { return };
        match (model, row) {
            (ColorModel::Gray, [gray, ..]) => {
                out.chunks_exact_mut(3).zip(*gray).for_each(|(to, &gray)| to.fill(gray));
            }
            (ColorModel::Ycc, &[y, cb, cr]) => ycc_to_rgb(how.isa, [y, cb, cr], out),
            (ColorModel::Four(order), _) => {
                joined.resize(width * row.len(), 0);
                join(row, joined);
                four_to_rgb(order, joined, out);
            }
            _ => join(row, out),
        }
    })?;
    let mut warnings = Vec::new();
    if !skeleton.ended {
        warnings.push(Warning::NoEndMarker);
    }
    if !skeleton.is_refined() {
        warnings.push(Warning::Unrefined);
    }
    let (width, height) = (frame.width.into(), frame.height.into());
    let header = Header { width, height, orientation: skeleton.orientation, transparent: false };
    Ok((header, warnings))
}

/// Puts the channels of a row side by side.
///
/// # Shapes
/// `row` `[channels][width]`, `out` `[width, channels]`.
fn join(row: &[&[u8]], out: &mut [u8]) {
    for (channel, samples) in row.iter().enumerate() {
        for (to, &sample) in out[channel..].iter_mut().step_by(row.len()).zip(*samples) {
            *to = sample;
        }
    }
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
    let all = width * height * channels;
    limits.check_decoded(all as u64 + held_bytes(&skeleton))?;
    let mut values = Vec::new();
    set_len(&mut values, all, (width, height))?;
    let mut left = values.chunks_exact_mut(width * channels);
    let how = Rounding { isa: Isa::best(), dct: Dct::Accurate };
    rows(bytes, &skeleton, how, &mut RowBuffers::default(), &mut |row| {
        let Some(out) = left.next() else { return };
        match (turned, row) {
            (true, &[y, cb, cr]) => ycc_to_rgb(how.isa, [y, cb, cr], out),
            _ => join(row, out),
        }
    })?;
    Ok(Samples { values, width, height, channels })
}

/// The bytes that decoding holds beside the image: the places of restart markers, and all coefficients in 16 bits where
/// they come in several scans.
fn held_bytes(skeleton: &Skeleton) -> u64 {
    let frame = &skeleton.frame;
    let (across, down) = frame.units();
    let units = (across * down) as u64;
    let blocks: u64 = frame.components.iter().map(|c| units * u64::from(c.across) * u64::from(c.down)).sum();
    skeleton.restarts * RESTART_BYTES + if skeleton.is_in_one_scan() { 0 } else { blocks * 64 * 2 }
}
