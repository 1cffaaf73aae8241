//! A channel of fewer samples brought to the image's size, as libjpeg does it: by a triangle filter where a side is
//! half, else by repeating samples.

/// The samples of a channel.
#[derive(Debug)]
pub(super) struct Plane {
    /// `[rows, stride]`, of which the image needs `down` rows of `across` samples.
    pub(super) samples: Vec<u8>,
    pub(super) stride: usize,
    pub(super) across: usize,
    pub(super) down: usize,
    /// How often a sample stands in a row, and in a column, of the image.
    pub(super) factors: (usize, usize),
}

impl Plane {
    fn row(&self, y: usize) -> &[u8] {
        &self.samples[y * self.stride..][..self.across]
    }

    /// Writes the image's row `y` into `out`, up to its length.
    pub(super) fn spread(&self, y: usize, out: &mut [u8]) {
        let (factor_x, factor_y) = self.factors;
        let own = self.row((y / factor_y).min(self.down - 1));
        // The row on the other side of this row of the image; at the edge it is the same row.
        let near = match y % 2 {
            0 => (y / 2).saturating_sub(1),
            _ => (y / 2 + 1).min(self.down - 1),
        };
        // A row of one or two samples is too short for the filter.
        let filtered = self.across > 2;
        match (factor_x, factor_y) {
            (1, 1) => out.copy_from_slice(&own[..out.len()]),
            (1, 2) => {
                let bias = 1 + (y % 2) as u16;
                for (to, (&own, &near)) in out.iter_mut().zip(own.iter().zip(self.row(near))) {
                    *to = ((u16::from(own) * 3 + u16::from(near) + bias) >> 2) as u8;
                }
            }
            (2, 1) if filtered => triangle(out, self.across, &ONE_WAY, |x| u16::from(own[x])),
            (2, 2) if filtered => {
                let near = self.row(near);
                triangle(out, self.across, &BOTH_WAYS, |x| u16::from(own[x]) * 3 + u16::from(near[x]));
            }
            _ => {
                for (x, to) in out.iter_mut().enumerate() {
                    *to = own[(x / factor_x).min(self.across - 1)];
                }
            }
        }
    }
}

/// How sums become samples: what is added to the left and to the right one, and the bits that are taken off.
struct Rounding {
    left: u16,
    right: u16,
    bits: u32,
}

const ONE_WAY: Rounding = Rounding { left: 1, right: 2, bits: 2 };
const BOTH_WAYS: Rounding = Rounding { left: 8, right: 7, bits: 4 };

/// Two values for each of `count` sums: three quarters of it, and a quarter of the one on that side.
fn triangle(out: &mut [u8], count: usize, rounding: &Rounding, sum: impl Fn(usize) -> u16) {
    for (x, to) in out.iter_mut().enumerate() {
        let own = x / 2;
        let (near, bias) = match x % 2 {
            0 => (own.saturating_sub(1), rounding.left),
            _ => ((own + 1).min(count - 1), rounding.right),
        };
        *to = ((sum(own) * 3 + sum(near) + bias) >> rounding.bits) as u8;
    }
}
