//! Sequential JPEGs that store one channel after the other, each in a scan of its own.
//!
//! Such files are rare (some scanners, some optimizing encoders) and general decoders are little tested on them. Each
//! channel is decoded as the gray JPEG that it is, with the same certainty that no row is missing, brought to the
//! image's size, and the channels are joined.

use icecap_kernels::Size;

use super::color_model::ColorModel;
use super::skeleton::{EOI, SOI, Skeleton, truncated};
use super::stream::{copy_data, copy_tables};
use super::strict::decode_stream;
use crate::color::{four_to_rgb, ycc_to_rgb};
use crate::{Error, Format, Limits, Result};

/// Decodes every channel and joins them to RGB.
///
/// # Shapes
/// `rgb` `[height, width, 3]`.
pub(super) fn decode(
    bytes: &[u8],
    skeleton: &Skeleton,
    model: ColorModel,
    limits: &Limits,
    rgb: &mut [u8],
) -> Result<()> {
    let frame = &skeleton.frame;
    let (width, height) = (usize::from(frame.width), usize::from(frame.height));
    let channels = frame.components.len();
    limits.check_decoded((width * height * (3 + 2 * channels)) as u64)?;
    let mut joined = vec![0; width * height * channels];
    let (most_across, most_down) = frame.largest_sampling();
    for (index, component) in frame.components.iter().enumerate() {
        let across = (width * usize::from(component.across)).div_ceil(usize::from(most_across));
        let down = (height * usize::from(component.down)).div_ceil(usize::from(most_down));
        let stream = gray_stream(bytes, skeleton, index, across, down)?;
        let mut samples = vec![0; across * down];
        decode_stream(&stream, zune_core::colorspace::ColorSpace::Luma, limits, &mut samples)?;
        let plane = Plane { samples, across, down };
        plane.spread(&mut joined[index..], channels, Size { height, width });
    }
    match model {
        ColorModel::Gray => rgb.chunks_exact_mut(3).zip(&joined).for_each(|(to, &gray)| to.fill(gray)),
        ColorModel::Rgb => rgb.copy_from_slice(&joined),
        ColorModel::Ycc => {
            for (from, to) in joined.chunks_exact(3).zip(rgb.chunks_exact_mut(3)) {
                to.copy_from_slice(&ycc_to_rgb(from[0], from[1], from[2]));
            }
        }
        ColorModel::Four(order) => four_to_rgb(order, &joined, rgb),
    }
    Ok(())
}

/// The gray JPEG of one channel of `across` x `down` samples.
fn gray_stream(
    bytes: &[u8],
    skeleton: &Skeleton,
    index: usize,
    across: usize,
    down: usize,
) -> Result<Vec<u8>> {
    let component = skeleton.frame.components[index];
    let mut out = vec![0xFF, SOI];
    for scan in &skeleton.scans {
        // Tables hold until they are defined anew, so those of the scans before count, too.
        copy_tables(bytes, &scan.tables, &mut out);
        let Some(&(_, selectors)) = scan.members.iter().find(|(member, _)| *member == index) else {
            continue;
        };
        if scan.members.len() > 1 {
            return Err(Error::Unsupported {
                format: Format::Jpeg,
                feature: "scans of some of the color channels".to_owned(),
            });
        }
        let [h1, h0] = (down as u16).to_be_bytes();
        let [w1, w0] = (across as u16).to_be_bytes();
        out.extend([0xFF, 0xC0, 0, 11, 8, h1, h0, w1, w0, 1, component.id, 0x11, component.table]);
        out.extend([0xFF, 0xDA, 0, 8, 1, component.id, selectors, 0, 63, 0]);
        copy_data(bytes, scan, &mut out);
        out.extend([0xFF, EOI]);
        return Ok(out);
    }
    Err(truncated("a color channel has no data"))
}

/// The decoded samples of one channel, `[down, across]`.
struct Plane {
    samples: Vec<u8>,
    across: usize,
    down: usize,
}

impl Plane {
    /// Brings the plane to the image's size and writes it as every `step`th value of `out`.
    ///
    /// Bilinear between sample centers, which for factors of two is the filter that JPEG decoders use (3/4 and 1/4).
    fn spread(&self, out: &mut [u8], step: usize, size: Size) {
        let Self { samples, across, down } = self;
        let (across, down) = (*across, *down);
        let Size { height, width } = size;
        if (across, down) == (width, height) {
            out.iter_mut().step_by(step).zip(samples).for_each(|(to, &from)| *to = from);
            return;
        }
        let tap = |at: usize, factor: f32, last: usize| {
            let position = ((at as f32 + 0.5) * factor - 0.5).clamp(0.0, last as f32);
            let low = position as usize;
            (low, (low + 1).min(last), position - low as f32)
        };
        // The sampling ratio, not the ratio of the rounded sizes.
        let factor = |from: usize, to: usize| 1.0 / (to as f32 / from as f32).round().max(1.0);
        let (factor_x, factor_y) = (factor(across, width), factor(down, height));
        let columns: Vec<_> = (0..width).map(|x| tap(x, factor_x, across - 1)).collect();
        let mut pixels = out.iter_mut().step_by(step);
        for y in 0..height {
            let (y0, y1, ty) = tap(y, factor_y, down - 1);
            for (&(x0, x1, tx), to) in columns.iter().zip(&mut pixels) {
                let at = |y: usize, x: usize| f32::from(samples[y * across + x]);
                let top = at(y0, x0) + (at(y0, x1) - at(y0, x0)) * tx;
                let bottom = at(y1, x0) + (at(y1, x1) - at(y1, x0)) * tx;
                *to = (top + (bottom - top) * ty).round() as u8;
            }
        }
    }
}
