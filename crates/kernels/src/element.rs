//! What a buffer, a blocked image or a panel of weights may hold.
//!
//! | element | bytes | in a line | for |
//! |---|---|---|---|
//! | `f32` | 4 | 16 | everything that is computed today |
//! | [`Bf16`] | 2 | 32 | weights and activations of half the size: an f32 without its lower 16 bits |
//! | `u8` | 1 | 64 | pixels, quantized activations |
//! | `i8` | 1 | 64 | quantized weights |
//! | `i16` | 2 | 32 | multipliers of sums |
//! | `i32` | 4 | 16 | sums of products of bytes |
//!
//! Lengths are counted in values everywhere; only [`Element::lines`] turns them into memory.

use crate::{line::LINE_BYTES, simd::TINY};

/// A type of values that buffers, blocked images and panels hold. It is sealed: the list above is the whole of it.
pub trait Element:
    sealed::Sealed + Copy + Default + PartialEq + std::fmt::Debug + Send + Sync + 'static
{
    /// The name of the type in the names of kernels, such as `f32`.
    const NAME: &'static str;

    /// Values in a line of 64 bytes.
    const IN_LINE: usize = LINE_BYTES / size_of::<Self>();

    /// The lines that `len` values take up, the last of them padded.
    #[must_use]
    fn lines(len: usize) -> usize {
        len.div_ceil(Self::IN_LINE)
    }

    /// The value as it is packed: zero if its size is below 2^-80, since products with it could be denormal, which some
    /// processors compute a hundred times slower. Integers stay as they are.
    #[must_use]
    fn flush(self) -> Self;
}

/// The bytes of the largest element: a size that fits the address space in it does so in every other.
pub(crate) const LARGEST: usize = size_of::<f32>();

mod sealed {
    /// # Safety
    /// The size divides a line, there is no padding, every pattern of bits is a value, and that of zeros is the default.
    pub unsafe trait Sealed {}
}

macro_rules! elements {
    ($($type:ty, $name:literal, |$value:ident| $flushed:expr;)+) => {
        $(
            // SAFETY: a number of 1, 2 or 4 bytes; all bits together are its value, and zeros are 0.
            unsafe impl sealed::Sealed for $type {}

            impl Element for $type {
                const NAME: &'static str = $name;

                #[inline(always)]
                fn flush(self) -> Self {
                    let $value = self;
                    $flushed
                }
            }

            const _: () = assert!(LINE_BYTES % size_of::<$type>() == 0 && size_of::<$type>() <= LARGEST);
        )+
    };
}

elements! {
    f32, "f32", |value| if value.abs() < TINY { 0.0 } else { value };
    Bf16, "bf16", |value| if value.to_f32().abs() < TINY { Self::default() } else { value };
    u8, "u8", |value| value;
    i8, "i8", |value| value;
    i16, "i16", |value| value;
    i32, "i32", |value| value;
}

/// The upper half of an f32: its sign, its eight bits of exponent, and seven bits of fraction. Two are equal if their
/// bits are.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Bf16(u16);

impl Bf16 {
    /// The value of these bits.
    #[must_use]
    pub fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The bits of the value.
    #[must_use]
    pub fn to_bits(self) -> u16 {
        self.0
    }

    /// The nearest value; of two that are equally near, the one with an even last bit. What is larger than all becomes
    /// infinite, and a NaN stays one.
    #[must_use]
    pub fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        if value.is_nan() {
            // The fraction must not become zero: that would be infinity.
            return Self((bits >> 16) as u16 | 1 << 6);
        }
        let odd = (bits >> 16) & 1;
        Self(((bits + 0x7FFF + odd) >> 16) as u16)
    }

    /// The value as an f32, which is exact.
    #[must_use]
    pub fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
}

impl std::fmt::Debug for Bf16 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_f32().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Of all 65,536 values none is nearer than the one that is chosen.
        #[test]
        fn bf16_is_the_nearest_value_and_ties_go_to_even(bits in any::<u32>()) {
            let value = f32::from_bits(bits);
            let rounded = Bf16::from_f32(value);
            if value.is_nan() {
                prop_assert!(rounded.to_f32().is_nan());
                return Ok(());
            }
            if rounded.to_f32().is_infinite() {
                let largest = f32::from_bits(0x7F7F_0000);
                prop_assert!(f64::from(value.abs()) >= f64::from(largest) * (1.0 + 1.0 / 510.0));
                return Ok(());
            }
            let off = |bits: u16| (f64::from(Bf16::from_bits(bits).to_f32()) - f64::from(value)).abs();
            let own = off(rounded.to_bits());
            for other in [rounded.to_bits().wrapping_add(1), rounded.to_bits().wrapping_sub(1)] {
                let other_off = off(other);
                prop_assert!(other_off.is_nan() || own < other_off || own == other_off && rounded.to_bits().is_multiple_of(2));
            }
        }

        #[test]
        fn bf16_survives_the_way_to_f32_and_back(bits in any::<u16>()) {
            let value = Bf16::from_bits(bits);
            let back = Bf16::from_f32(value.to_f32());
            prop_assert!(back == value || value.to_f32().is_nan() && back.to_f32().is_nan());
        }
    }

    #[test]
    fn what_is_tiny_is_flushed_where_it_is_a_real_number() {
        assert_eq!((1e-25f32.flush(), (-1e-25f32).flush(), 1e-23f32.flush()), (0.0, 0.0, 1e-23));
        assert_eq!(Bf16::from_f32(1e-25).flush(), Bf16::default());
        assert_eq!(Bf16::from_f32(1e-23).flush(), Bf16::from_f32(1e-23));
        assert_eq!((1u8.flush(), (-1i8).flush(), 1i32.flush()), (1, -1, 1));
    }

    #[test]
    fn lines_are_those_of_the_elements_own_size() {
        fn check<T: Element>(in_line: usize) {
            assert_eq!(T::IN_LINE, in_line, "{}", T::NAME);
            let lines = [0, 1, in_line, in_line + 1].map(T::lines);
            assert_eq!(lines, [0, 1, 1, 2], "{}", T::NAME);
        }
        check::<f32>(16);
        check::<Bf16>(32);
        check::<u8>(64);
        check::<i8>(64);
        check::<i32>(16);
    }
}
