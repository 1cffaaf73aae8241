//! Sixteen channels by the `wide` crate: in four registers of four sums each.
//!
//! Bytes are widened to 16 bits, the even ones of four apart from the odd ones, and products of two at a time are added, as
//! on AVX2.

use wide::{i16x8, i32x4};

use super::lanes::Lanes;
use crate::{line::BLOCK, rescale::Rescale};

pub(crate) struct Portable;

/// Eight bytes each, in 16 bits: of every four the first and the third, and the others.
type Widened = [i16x8; 2];

/// Four channels of four bytes each.
type Words = [u32; 4];

#[inline(always)]
fn numbers(words: Words) -> i16x8 {
    // SAFETY: eight numbers of 16 bits are the bits of four of 32, and every pattern of bits is a value.
    i16x8::new(unsafe { std::mem::transmute::<Words, [i16; 8]>(words) })
}

#[inline(always)]
fn unsigned(words: Words) -> Widened {
    let (bytes, low) = (numbers(words), i16x8::splat(0xFF));
    [bytes & low, (bytes >> 8i32) & low]
}

#[inline(always)]
fn signed(words: Words) -> Widened {
    let bytes = numbers(words);
    [(bytes << 8i32) >> 8i32, bytes >> 8i32]
}

#[inline(always)]
fn add_products(sums: i32x4, values: Widened, weights: Widened) -> i32x4 {
    sums + values[0].dot(weights[0]) + values[1].dot(weights[1])
}

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

// What is done once for four pixels is called, not written out in every kernel: it would be most of their size.
//
// SAFETY of the blocks below: plain reads and writes of what the caller promises.
impl Lanes for Portable {
    type Sums = [i32x4; 4];
    type Weights = [Widened; 4];
    type Pixel = Widened;
    type Quad = [Words; 4];
    type Scales = [Rescale; BLOCK];
    type Half = Half;
    type Line = [u8; 64];

    #[inline(always)]
    unsafe fn bias(from: *const i32) -> Self::Sums {
        // SAFETY: by the contract.
        unsafe { from.cast::<[[i32; 4]; 4]>().read_unaligned() }.map(i32x4::new)
    }

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> Self::Weights {
        // SAFETY: by the contract.
        unsafe { from.cast::<[Words; 4]>().read_unaligned() }.map(signed)
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const u8) -> Self::Pixel {
        // SAFETY: by the contract.
        unsigned([unsafe { from.cast::<u32>().read_unaligned() }; 4])
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
    fn dot(sums: Self::Sums, pixel: Widened, weights: Self::Weights) -> Self::Sums {
        std::array::from_fn(|part| add_products(sums[part], pixel, weights[part]))
    }

    #[inline(always)]
    fn dot_quad(sums: Self::Sums, quad: Self::Quad, weights: Self::Weights) -> Self::Sums {
        std::array::from_fn(|part| add_products(sums[part], unsigned(quad[part]), weights[part]))
    }

    #[inline(always)]
    fn shifted(quad: Self::Quad, next: Self::Quad) -> Self::Quad {
        // The first of four bytes is the lowest.
        let of = |word: u32, next: u32| (u32::from_le(word) >> 16 | u32::from_le(next) << 16).to_le();
        std::array::from_fn(|part| std::array::from_fn(|c| of(quad[part][c], next[part][c])))
    }

    #[inline(never)]
    fn rescale(scales: Self::Scales, first: Self::Sums, second: Self::Sums) -> Half {
        let mut half = [0; 2 * BLOCK];
        for (pixel, sums) in [first, second].into_iter().enumerate() {
            for (c, &sum) in sums.map(i32x4::to_array).as_flattened().iter().enumerate() {
                half[at(pixel, c)] = scales[c].apply(sum);
            }
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

    #[inline(never)]
    fn pixels(first: Half, second: Half) -> Self::Line {
        std::array::from_fn(|i| byte(value(&first, &second, i / BLOCK, i % BLOCK)))
    }

    #[inline(never)]
    fn transposed(first: Half, second: Half, keep: u8) -> Self::Line {
        std::array::from_fn(|i| {
            if keep >> (i % 4) & 1 == 1 { byte(value(&first, &second, i % 4, i / 4)) } else { 0 }
        })
    }

    #[inline(never)]
    fn coarse(first: Half, second: Half) -> Self::Line {
        let round = |half: Half| half.map(|value| value.saturating_add(4) >> 3);
        Self::pixels(round(first), round(second))
    }

    #[inline(never)]
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
        for (c, &sum) in sums.map(i32x4::to_array).as_flattened().iter().enumerate() {
            // SAFETY: by the contract.
            unsafe { *to.add(c) = (sum as f32 * *factors.add(c)).clamp(0.0, 6.0) + 0.0 };
        }
    }
}
