//! From a JPEG's skeleton to the rows of its image, one behind the other: entropy decoding, the inverse cosine
//! transform, and samples for each pixel; a row of units at a time where the file allows it.
//!
//! For what an encoder makes of 8-bit samples the bits are libjpeg's (`libjpeg-turbo`), for either transform. But a progressive
//! file that lacks passes is shown as it stands, where libjpeg smooths over the edges of blocks.

use icecap_kernels::Isa;
use icecap_kernels::jpeg::{Dct, Dequantize, inverse_dct};

use super::coefficients::{Channel, Scans};
use super::skeleton::{Frame, Skeleton, broken, unsupported};
use super::upsample::Plane;
use crate::Result;

/// The most channels that a JPEG has here.
const CHANNELS: usize = 4;

/// Coefficients that a channel keeps for the next photo: those of some four megapixels.
const KEPT: usize = 4 << 20;

/// What is kept from photo to photo.
#[derive(Debug, Default)]
pub(super) struct RowBuffers {
    channels: [Channel; CHANNELS],
    planes: [Plane; CHANNELS],
}

/// How pixels are made of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounding {
    pub(crate) isa: Isa,
    pub(crate) dct: Dct,
}

/// Decodes a file and calls `each` with every row of the image: the samples of each channel, as stored.
pub(super) fn rows(
    bytes: &[u8],
    skeleton: &Skeleton,
    how: Rounding,
    buffers: &mut RowBuffers,
    each: &mut dyn FnMut(&[&[u8]]),
) -> Result<()> {
    let frame = &skeleton.frame;
    check_factors(frame)?;
    let count = frame.components.len();
    let (channels, planes) = (&mut buffers.channels[..count], &mut buffers.planes[..count]);
    let mut scans = Scans::new(bytes, skeleton);
    let mut image = Image { frame, how, planes, dequantize: Vec::with_capacity(count), next: 0, each };
    if skeleton.is_in_one_scan() {
        return scans.row_by_row(channels, &mut |row, channels| image.unit_row(row, 0, channels));
    }
    let made = scans.all(channels);
    let made =
        made.and_then(|()| (0..frame.units().1).try_for_each(|row| image.unit_row(row, row, channels)));
    channels.iter_mut().for_each(|channel| channel.shrink_to(KEPT));
    made
}

/// The image as far as it is made.
struct Image<'a> {
    frame: &'a Frame,
    how: Rounding,
    planes: &'a mut [Plane],
    /// The divisors of each channel, prepared with its first row.
    dequantize: Vec<Dequantize>,
    /// The next of its rows.
    next: usize,
    each: &'a mut dyn FnMut(&[&[u8]]),
}

impl Image<'_> {
    /// Makes what can be made once the coefficients of a row of units are there. In the channels it is row `held`.
    fn unit_row(&mut self, row: usize, held: usize, channels: &[Channel]) -> Result<()> {
        let Rounding { isa, dct } = self.how;
        for (index, (channel, component)) in channels.iter().zip(&self.frame.components).enumerate() {
            let plane = &mut self.planes[index];
            if row == 0 {
                plane.prepare(self.frame, component, channel.across);
                let divisors = channel.divisors.as_ref().ok_or_else(|| broken("a channel without data"))?;
                self.dequantize.push(Dequantize::new(dct, divisors));
            }
            let down = usize::from(component.down);
            for y in 0..down {
                let blocks =
                    &channel.blocks[(held * down + y) * channel.across * 64..][..channel.across * 64];
                let stride = plane.stride;
                inverse_dct(isa, &self.dequantize[index], blocks, plane.block_row(row * down + y), stride);
            }
        }
        let (width, height) = (usize::from(self.frame.width), usize::from(self.frame.height));
        let made = (row + 1) * usize::from(self.frame.largest_sampling().1) * 8;
        // The last row waits for its neighbor in the row of units below.
        let end = if made >= height { height } else { made - 1 };
        for y in self.next..end {
            let mut samples: [&[u8]; CHANNELS] = [&[]; CHANNELS];
            for (to, plane) in samples.iter_mut().zip(&mut *self.planes) {
                *to = &plane.image_row(isa, y)[..width];
            }
            (self.each)(&samples[..channels.len()]);
        }
        self.next = end;
        Ok(())
    }
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
