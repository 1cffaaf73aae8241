//! Sixteen channels in plain arrays, which the compiler may put into whatever registers there are.

use super::lanes::Lanes;
use crate::{line::BLOCK, rescale::Rescale};

pub(crate) struct Portable;

/// Two pixels by sixteen channels.
type Half = [i16; 2 * BLOCK];

/// Where the value of a channel of one of two pixels lies in a half.
#[inline(always)]
fn at(pixel: usize, channel: usize) -> usize {
    channel / 4 * 8 + pixel * 4 + channel % 4
}

/// The value of a channel of one of four pixels.
#[inline(always)]
fn value(first: &Half, second: &Half, pixel: usize, channel: usize) -> i16 {
    let half = if pixel < 2 { first } else { second };
    half[at(pixel % 2, channel)]
}

#[inline(always)]
fn byte(value: i16) -> u8 {
    value.clamp(0, 255) as u8
}

// SAFETY of the blocks below: plain reads and writes of what the caller promises.
impl Lanes for Portable {
    type Sums = [i32; BLOCK];
    type Weights = [[i8; 4]; BLOCK];
    type Pixel = [u8; 4];
    type Quad = [[u8; 4]; BLOCK];
    type Scales = [Rescale; BLOCK];
    type Half = Half;
    type Line = [u8; 64];

    #[inline(always)]
    unsafe fn bias(from: *const i32) -> Self::Sums {
        // SAFETY: by the contract.
        unsafe { from.cast::<Self::Sums>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> Self::Weights {
        // SAFETY: by the contract.
        unsafe { from.cast::<Self::Weights>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const u8) -> Self::Pixel {
        // SAFETY: by the contract.
        unsafe { from.cast::<Self::Pixel>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn quad(from: *const u8) -> Self::Quad {
        // SAFETY: by the contract.
        unsafe { from.cast::<Self::Quad>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn scales(shifts: *const i32, multipliers: *const i16) -> Self::Scales {
        // SAFETY: by the contract.
        let (shifts, multipliers) = unsafe {
            (
                shifts.cast::<[i32; BLOCK]>().read_unaligned(),
                multipliers.cast::<[i16; BLOCK]>().read_unaligned(),
            )
        };
        // Channels behind the last have 0 and 0.
        std::array::from_fn(|c| Rescale::new(shifts[c] as u8, multipliers[c]).unwrap_or_default())
    }

    #[inline(always)]
    fn dot(mut sums: Self::Sums, pixel: Self::Pixel, weights: Self::Weights) -> Self::Sums {
        for c in 0..BLOCK {
            for k in 0..4 {
                sums[c] += i32::from(pixel[k]) * i32::from(weights[c][k]);
            }
        }
        sums
    }

    #[inline(always)]
    fn dot_quad(mut sums: Self::Sums, quad: Self::Quad, weights: Self::Weights) -> Self::Sums {
        for c in 0..BLOCK {
            for k in 0..4 {
                sums[c] += i32::from(quad[c][k]) * i32::from(weights[c][k]);
            }
        }
        sums
    }

    #[inline(always)]
    fn shifted(quad: Self::Quad, next: Self::Quad) -> Self::Quad {
        std::array::from_fn(|c| [quad[c][2], quad[c][3], next[c][0], next[c][1]])
    }

    #[inline(always)]
    fn rescale(scales: Self::Scales, first: Self::Sums, second: Self::Sums) -> Half {
        let mut half = [0; 2 * BLOCK];
        for c in 0..BLOCK {
            half[at(0, c)] = scales[c].apply(first[c]);
            half[at(1, c)] = scales[c].apply(second[c]);
        }
        half
    }

    #[inline(always)]
    unsafe fn load_half(from: *const u8) -> Half {
        // SAFETY: by the contract.
        unsafe { from.cast::<Half>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn splat_half(value: i16) -> Half {
        [value; 2 * BLOCK]
    }

    #[inline(always)]
    unsafe fn store_half(half: Half, to: *mut u8) {
        // SAFETY: by the contract.
        unsafe { to.cast::<Half>().write_unaligned(half) }
    }

    #[inline(always)]
    fn add(half: Half, other: Half) -> Half {
        std::array::from_fn(|i| half[i].saturating_add(other[i]))
    }

    #[inline(always)]
    fn pixels(first: Half, second: Half) -> Self::Line {
        std::array::from_fn(|i| byte(value(&first, &second, i / BLOCK, i % BLOCK)))
    }

    #[inline(always)]
    fn transposed(first: Half, second: Half, keep: u8) -> Self::Line {
        std::array::from_fn(|i| {
            if keep >> (i % 4) & 1 == 1 { byte(value(&first, &second, i % 4, i / 4)) } else { 0 }
        })
    }

    #[inline(always)]
    fn coarse(first: Half, second: Half) -> Self::Line {
        let round = |half: Half| half.map(|value| value.saturating_add(4) >> 3);
        Self::pixels(round(first), round(second))
    }

    #[inline(always)]
    fn fine(first: Half, second: Half) -> [Self::Line; 2] {
        std::array::from_fn(|eight| {
            std::array::from_fn(|i| {
                let (pixel, channel) = (i / BLOCK, eight * 8 + i % 8);
                let all = value(&first, &second, pixel, channel).clamp(0, 2047);
                (if i % BLOCK < 8 { all >> 3 } else { all & 7 }) as u8
            })
        })
    }

    #[inline(always)]
    unsafe fn store(line: Self::Line, to: *mut u8) {
        // SAFETY: by the contract.
        unsafe { to.cast::<Self::Line>().write_unaligned(line) }
    }

    #[inline(always)]
    unsafe fn store_quarters(line: Self::Line, to: *mut u8, count: usize) {
        // SAFETY: by the contract; a line has four quarters.
        unsafe { to.copy_from_nonoverlapping(line.as_ptr(), count.min(4) * 16) }
    }

    #[inline(always)]
    unsafe fn store_real(sums: Self::Sums, factors: *const f32, to: *mut f32) {
        for (c, &sum) in sums.iter().enumerate() {
            // SAFETY: by the contract.
            unsafe { *to.add(c) = (sum as f32 * *factors.add(c)).clamp(0.0, 6.0) };
        }
    }
}
