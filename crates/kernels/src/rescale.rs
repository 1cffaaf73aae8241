//! From a sum of products of bytes to a value of the next layer, in integers alone.
//!
//! ```text
//! v = the sum >> shift, kept in -32768..=32767          r = (v * multiplier + 2^14) >> 15
//! ```
//!
//! So a sum is worth `multiplier / 2^(15 + shift)` of the next layer's steps. Both shifts round down; whoever makes the
//! bias adds half of `2^shift` to it, so that the first one rounds. No instruction set can do it in another way: an
//! arithmetic shift, a pack that saturates, and a product of which the upper half is kept, rounded.

/// How the sums of one output channel become values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rescale {
    shift: u8,
    multiplier: i16,
}

impl Rescale {
    /// The largest shift. With it a sum can be as large as 2^27 before `v` is cut off.
    pub const MAX_SHIFT: u8 = 13;

    /// A shift from 0 to [`Rescale::MAX_SHIFT`] and a multiplier from 0 on. Returns `None` for others.
    #[must_use]
    pub fn new(shift: u8, multiplier: i16) -> Option<Self> {
        (shift <= Self::MAX_SHIFT && multiplier >= 0).then_some(Self { shift, multiplier })
    }

    /// How many bits a sum is shifted down.
    #[must_use]
    pub fn shift(self) -> u8 {
        self.shift
    }

    /// What the shifted sum is multiplied with, in units of 2^-15.
    #[must_use]
    pub fn multiplier(self) -> i16 {
        self.multiplier
    }

    /// What has to be added to a sum for the shift to round to the nearest.
    #[must_use]
    pub fn half(self) -> i32 {
        (1 << self.shift) >> 1
    }

    /// The steps of the next layer that a sum of one is worth.
    #[must_use]
    pub fn ratio(self) -> f64 {
        f64::from(self.multiplier) / f64::from(1u32 << (15 + u32::from(self.shift)))
    }

    /// The value of a sum.
    #[must_use]
    #[inline(always)]
    pub fn apply(self, sum: i32) -> i16 {
        let v = (sum >> self.shift).clamp(i32::from(i16::MIN), i32::from(i16::MAX));
        // |v * multiplier| is at most 2^15 * 32767.
        ((v * i32::from(self.multiplier) + (1 << 14)) >> 15) as i16
    }
}
