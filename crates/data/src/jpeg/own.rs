//! JPEGs that the decoder does not read as libjpeg does, decoded here, to the same bits as there: scans of one channel
//! or of some, sampling that is no power of two, brightness sampled less than color.
//!
//! Such files are rare (scanners, old cameras, optimizing encoders), so this is written to be read and not to be fast:
//! all coefficients first, then all samples, then the color of one row after the other.

use super::coefficients::channels;
use super::color_model::ColorModel;
use super::inverse::samples;
use super::skeleton::{Component, Frame, Skeleton, unsupported};
use super::tables::{Tables, lacks_codes, standard_codes};
use super::upsample::Plane;
use crate::Result;
use crate::color::{four_to_rgb, ycc_to_rgb_fixed};

/// Whether the frame's sampling is one that the usual decoder reads right.
pub(super) fn is_usual(frame: &Frame) -> bool {
    let (across, down) = frame.largest_sampling();
    let power = |own: u8, most: u8| most.is_multiple_of(own) && (most / own).is_power_of_two();
    let leads = frame.components[0].across == across && frame.components[0].down == down;
    leads && frame.components.iter().all(|c| power(c.across, across) && power(c.down, down))
}

/// The bytes that decoding here holds beside the image: all coefficients in 16 bits, and all samples.
pub(super) const BYTES_PER_SAMPLE: u64 = 3;

/// Decodes a file into `rgb`.
///
/// # Shapes
/// `rgb` `[height, width, 3]`.
pub(super) fn decode(bytes: &[u8], skeleton: &Skeleton, model: ColorModel, rgb: &mut [u8]) -> Result<()> {
    let mut rows = rgb.chunks_exact_mut(usize::from(skeleton.frame.width) * 3);
    joined(bytes, skeleton, &mut |row| {
        let Some(out) = rows.next() else { return };
        match model {
            ColorModel::Gray => out.chunks_exact_mut(3).zip(row).for_each(|(to, &gray)| to.fill(gray)),
            ColorModel::Rgb => out.copy_from_slice(row),
            ColorModel::Ycc => {
                for (from, to) in row.chunks_exact(3).zip(out.chunks_exact_mut(3)) {
                    to.copy_from_slice(&ycc_to_rgb_fixed(from[0], from[1], from[2]));
                }
            }
            ColorModel::Four(order) => four_to_rgb(order, row, out),
        }
    })
}

/// Decodes a file and calls `each` with every row of the image, `[width, channels]`, its channels as stored.
pub(super) fn joined(bytes: &[u8], skeleton: &Skeleton, each: &mut dyn FnMut(&[u8])) -> Result<()> {
    let frame = &skeleton.frame;
    check_factors(frame)?;
    let mut tables = Tables::default();
    if lacks_codes(bytes, skeleton) {
        tables.read_codes(&standard_codes())?;
    }
    let channels = channels(bytes, skeleton, tables)?;
    let planes: Vec<Plane> = channels
        .into_iter()
        .zip(&frame.components)
        .map(|(channel, component)| plane(frame, component, samples(&channel), channel.across * 8))
        .collect();
    let width = usize::from(frame.width);
    let mut own = vec![0; width];
    let mut row = vec![0; planes.len() * width];
    for y in 0..usize::from(frame.height) {
        for (channel, plane) in planes.iter().enumerate() {
            plane.spread(y, &mut own);
            for (to, &sample) in row[channel..].iter_mut().step_by(planes.len()).zip(&own) {
                *to = sample;
            }
        }
        each(&row);
    }
    Ok(())
}

/// Samples have to stand a whole number of times in the image.
fn check_factors(frame: &Frame) -> Result<()> {
    let (across, down) = frame.largest_sampling();
    match frame.components.iter().find(|c| !across.is_multiple_of(c.across) || !down.is_multiple_of(c.down)) {
        None => Ok(()),
        Some(c) => {
            Err(unsupported(format!("channels sampled {}x{} beside {across}x{down}", c.across, c.down)))
        }
    }
}

fn plane(frame: &Frame, component: &Component, samples: Vec<u8>, stride: usize) -> Plane {
    let (most_across, most_down) = frame.largest_sampling();
    let sides =
        |side: u16, own: u8, most: u8| (usize::from(side) * usize::from(own)).div_ceil(usize::from(most));
    Plane {
        samples,
        stride,
        across: sides(frame.width, component.across, most_across),
        down: sides(frame.height, component.down, most_down),
        factors: (usize::from(most_across / component.across), usize::from(most_down / component.down)),
    }
}
