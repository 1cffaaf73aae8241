//! The samples of a channel, and the channel brought to the image's size as libjpeg does it: by a triangle filter where
//! a side is half, else by repeating samples.

use icecap_kernels::Isa;
use icecap_kernels::jpeg::{double_across, double_both_ways, double_down};

use super::skeleton::{Component, Frame};

/// Rows of units whose samples are held: the one that is written, and the one above it, whose last row still waits for
/// its neighbor.
const HELD: usize = 2;

/// The samples of a channel, some rows at a time; kept from photo to photo.
#[derive(Debug, Default)]
pub(super) struct Plane {
    /// `[HELD, rows, stride]`: rows of units take turns.
    samples: Vec<u8>,
    /// Rows of samples in a row of units.
    rows: usize,
    pub(super) stride: usize,
    /// Samples that the image needs.
    across: usize,
    down: usize,
    /// How often a sample stands in a row, and in a column, of the image.
    factors: (usize, usize),
    /// A row at the image's size.
    spread: Vec<u8>,
}

impl Plane {
    /// Makes room for the samples of `component`, `blocks` of them across.
    pub(super) fn prepare(&mut self, frame: &Frame, component: &Component, blocks: usize) {
        let (most_across, most_down) = frame.largest_sampling();
        let sides =
            |side: u16, own: u8, most: u8| (usize::from(side) * usize::from(own)).div_ceil(usize::from(most));
        self.rows = usize::from(component.down) * 8;
        self.stride = blocks * 8;
        self.across = sides(frame.width, component.across, most_across);
        self.down = sides(frame.height, component.down, most_down);
        self.factors = (usize::from(most_across / component.across), usize::from(most_down / component.down));
        self.samples.resize(HELD * self.rows * self.stride, 0);
        self.spread.resize(self.across * self.factors.0, 0);
    }

    /// Where the eight rows of samples of a row of blocks go.
    pub(super) fn block_row(&mut self, row: usize) -> &mut [u8] {
        let start = row * 8 % (HELD * self.rows) * self.stride;
        &mut self.samples[start..start + 8 * self.stride]
    }

    /// The image's row `y`, at least as long as the image is wide.
    pub(super) fn image_row(&mut self, isa: Isa, y: usize) -> &[u8] {
        let (factor_x, factor_y) = self.factors;
        let held = HELD * self.rows;
        let row = |y: usize| &self.samples[y % held * self.stride..][..self.across];
        let own = row((y / factor_y).min(self.down - 1));
        // The row on the other side of this row of the image; at the edge it is the same row.
        let near = || match y % 2 {
            0 => row((y / 2).saturating_sub(1)),
            _ => row((y / 2 + 1).min(self.down - 1)),
        };
        // A row of one or two samples is too short for the filter.
        let filtered = self.across > 2;
        match (factor_x, factor_y) {
            (1, 1) => return own,
            (1, 2) => double_down(isa, own, near(), y % 2 == 1, &mut self.spread),
            (2, 1) if filtered => double_across(isa, own, &mut self.spread),
            (2, 2) if filtered => double_both_ways(isa, own, near(), &mut self.spread),
            _ => {
                for (to, &sample) in self.spread.chunks_exact_mut(factor_x).zip(own) {
                    to.fill(sample);
                }
            }
        }
        &self.spread
    }
}
