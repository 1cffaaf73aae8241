//! The element types of the tensors that are written, and that are read beside f32.
//!
//! Floats of other widths become f32 as `torch.Tensor.float` makes them: f16 and bf16 exactly, f64 to the nearest value, of
//! two as near to the even one. What is beyond f32's range becomes an infinity, which no net is let in with.

use std::borrow::Cow;

/// An element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit floating point.
    F32,
    /// 64-bit floating point.
    F64,
    /// 16-bit floating point of IEEE 754: 5 bits of exponent, 10 of mantissa.
    F16,
    /// The upper 16 bits of f32.
    Bf16,
    /// 64-bit signed integer.
    I64,
    /// 32-bit signed integer.
    I32,
    /// 16-bit signed integer.
    I16,
    /// 8-bit signed integer.
    I8,
    /// 8-bit unsigned integer.
    U8,
}

impl Element {
    /// All of them.
    pub(crate) const ALL: [Self; 9] =
        [Self::F32, Self::F64, Self::F16, Self::Bf16, Self::I64, Self::I32, Self::I16, Self::I8, Self::U8];

    /// What safetensors calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F64 => "F64",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::I64 => "I64",
            Self::I32 => "I32",
            Self::I16 => "I16",
            Self::I8 => "I8",
            Self::U8 => "U8",
        }
    }

    /// Bytes of a value.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::I8 | Self::U8 => 1,
        }
    }

    /// Returns whether values of this type become f32 when a net is read.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::F16 | Self::Bf16)
    }

    /// Returns little-endian floats of this type as little-endian f32; nothing for integers.
    pub(crate) fn singles(self, bytes: &[u8]) -> Cow<'_, [[u8; 4]]> {
        match self {
            Self::F32 => Cow::Borrowed(bytes.as_chunks().0),
            Self::F64 => each(bytes, |value| f64::from_le_bytes(value) as f32),
            Self::F16 => each(bytes, |value| half(u16::from_le_bytes(value))),
            Self::Bf16 => each(bytes, |value| f32::from_bits(u32::from(u16::from_le_bytes(value)) << 16)),
            Self::I64 | Self::I32 | Self::I16 | Self::I8 | Self::U8 => Cow::Borrowed(&[]),
        }
    }
}

fn each<const N: usize>(bytes: &[u8], single: impl Fn([u8; N]) -> f32) -> Cow<'_, [[u8; 4]]> {
    Cow::Owned(bytes.as_chunks().0.iter().map(|value| single(*value).to_le_bytes()).collect())
}

/// The value of IEEE's 16-bit float.
fn half(bits: u16) -> f32 {
    const MANTISSA: u32 = 10;
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> MANTISSA) & 0x1f;
    let mantissa = u32::from(bits) & ((1 << MANTISSA) - 1);
    let value = match exponent {
        // Multiples of 2^-24, which f32 holds exactly.
        0 => f32::from_bits(0x3380_0000) * mantissa as f32,
        0x1f => f32::from_bits(0xff << 23 | mantissa << (23 - MANTISSA)),
        _ => f32::from_bits((exponent + 127 - 15) << 23 | mantissa << (23 - MANTISSA)),
    };
    f32::from_bits(value.to_bits() | sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(element: Element, bytes: &[u8]) -> f32 {
        f32::from_le_bytes(element.singles(bytes)[0])
    }

    /// Every value of 16 bits against the formula of its format, computed in f64.
    #[test]
    fn narrow_floats_are_widened_exactly() {
        for (element, mantissa_bits, bias) in [(Element::F16, 10, 15), (Element::Bf16, 7, 127)] {
            for bits in 0..=u16::MAX {
                let exponent = i32::from(bits >> mantissa_bits) & ((1 << (15 - mantissa_bits)) - 1);
                let fraction =
                    f64::from(bits & ((1 << mantissa_bits) - 1)) / f64::from(1u32 << mantissa_bits);
                let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
                let got = single(element, &bits.to_le_bytes());
                if exponent == (1 << (15 - mantissa_bits)) - 1 {
                    assert_eq!(got.is_nan(), fraction != 0.0, "{bits:#06x}");
                    assert!(got.is_nan() || f64::from(got) == sign * f64::INFINITY, "{bits:#06x}");
                    continue;
                }
                let (lead, power) = if exponent == 0 { (0.0, 1 - bias) } else { (1.0, exponent - bias) };
                let expected = sign * (lead + fraction) * 2f64.powi(power);
                assert_eq!(f64::from(got).to_bits(), expected.to_bits(), "{bits:#06x}");
            }
        }
    }

    #[test]
    fn wide_floats_are_rounded_to_the_nearest_even() {
        let ulp = f64::from(f32::EPSILON);
        for (wide, expected) in [
            (1.0 + ulp / 2.0, 1.0),
            (1.0 + ulp * 1.5, 1.0 + 2.0 * f32::EPSILON),
            (1.0 + ulp * 0.500_001, 1.0 + f32::EPSILON),
            (-0.1, -0.1f32),
            (1e300, f32::INFINITY),
            (1e-60, 0.0),
        ] {
            assert_eq!(single(Element::F64, &wide.to_le_bytes()), expected, "{wide}");
        }
    }
}
