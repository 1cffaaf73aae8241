//! Constants of a graph: values of a file as they stand there, and what they stand for.

use std::borrow::Cow;

use super::refusal::{Budget, Refusal};

/// The most integers that are looked at one by one: axes, sizes, zero points.
const MAX_INTEGERS: usize = 1 << 16;

/// How values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    F16,
    Bf16,
    F32,
    F64,
    I8,
    U8,
    I16,
    U16,
    I32,
    I64,
}

impl Stored {
    /// Bytes of a value.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }

    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::Bf16 | Self::F32 | Self::F64)
    }

    /// The smallest and the largest value of an integer of so many bytes at most.
    pub(crate) fn range(self) -> Option<[i64; 2]> {
        match self {
            Self::I8 => Some([i8::MIN.into(), i8::MAX.into()]),
            Self::U8 => Some([0, u8::MAX.into()]),
            Self::I16 => Some([i16::MIN.into(), i16::MAX.into()]),
            Self::U16 => Some([0, u16::MAX.into()]),
            _ => None,
        }
    }
}

/// What integers stand for: `scale * (integer - zero)`, of one scale or of one for each index of an axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Steps {
    /// One, or as many as the axis is long.
    pub(crate) scales: Vec<f32>,
    /// One, or as many as there are scales.
    pub(crate) zeros: Vec<i64>,
    pub(crate) axis: usize,
}

/// A constant: a shape, and as many values, last axis fastest.
#[derive(Clone, Debug)]
pub(crate) struct Constant<'a> {
    /// Where its values start in the file.
    pub(crate) offset: u64,
    pub(crate) shape: Vec<usize>,
    pub(crate) stored: Stored,
    /// Little-endian, as many as the shape says.
    pub(crate) bytes: Cow<'a, [u8]>,
    /// `None` for values that stand for themselves.
    pub(crate) steps: Option<Steps>,
}

impl<'a> Constant<'a> {
    /// A constant of these bytes.
    ///
    /// # Errors
    /// A sentence if they are not as many as the shape says.
    pub(crate) fn new(
        shape: Vec<usize>,
        stored: Stored,
        bytes: Cow<'a, [u8]>,
        offset: u64,
    ) -> Result<Self, String> {
        // Sides beside one of 0 must fit, too: places are counted by them.
        let sides = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side.max(1)));
        let count = sides.map(|_| shape.iter().product::<usize>());
        match count.and_then(|count| count.checked_mul(stored.size())) {
            Some(wanted) if wanted == bytes.len() => Ok(Self { offset, shape, stored, bytes, steps: None }),
            Some(wanted) => Err(format!("{} bytes, where its shape {shape:?} takes {wanted}", bytes.len())),
            None => Err(format!("its shape {shape:?} does not fit memory")),
        }
    }

    /// A constant of real numbers that were computed from others.
    pub(crate) fn of_floats(shape: Vec<usize>, values: &[f32], offset: u64) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { offset, shape, stored: Stored::F32, bytes: Cow::Owned(bytes), steps: None }
    }

    /// A constant of whole numbers that were computed from others.
    pub(crate) fn of_integers(shape: Vec<usize>, values: &[i64]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { offset: 0, shape, stored: Stored::I64, bytes: Cow::Owned(bytes), steps: None }
    }

    /// How many values it has.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() / self.stored.size()
    }

    /// Whether its values are whole numbers that stand for themselves.
    pub(crate) fn is_integer(&self) -> bool {
        !self.stored.is_float() && self.steps.is_none()
    }

    /// The values that it stands for, as f32: halves are widened, doubles rounded, integers multiplied by their scale.
    pub(crate) fn floats(&self, budget: &mut Budget) -> Result<Vec<f32>, Refusal> {
        budget.take(self.len())?;
        let Some(steps) = &self.steps else {
            return Ok(match self.stored {
                Stored::F32 => self.bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
                _ => self.reals().map(|value| value as f32).collect(),
            });
        };
        // As the engines do: the difference is whole, and one product is rounded.
        let inner: usize = self.shape.iter().skip(steps.axis + 1).product();
        let real = |(index, value): (usize, i64)| {
            let channel = index / inner.max(1) % steps.scales.len().max(1);
            let of = |list: &[i64]| list.get(channel).or(list.first()).copied().unwrap_or(0);
            let scale = steps.scales.get(channel).copied().unwrap_or(1.0);
            value.wrapping_sub(of(&steps.zeros)) as f32 * scale
        };
        Ok(self.wholes().enumerate().map(real).collect())
    }

    /// The integers of a short list.
    ///
    /// # Errors
    /// [`Refusal::Graph`] for a constant of other values, or a long one.
    pub(crate) fn integers(&self) -> Result<Vec<i64>, Refusal> {
        if self.stored.is_float() || self.len() > MAX_INTEGERS {
            return Err(Refusal::graph("a list of whole numbers was expected, and another constant stands"));
        }
        Ok(self.wholes().collect())
    }

    /// The value of a constant that has one only.
    pub(crate) fn scalar(&self) -> Option<f64> {
        if self.len() != 1 || self.steps.is_some() {
            return None;
        }
        if self.stored.is_float() { self.reals().next() } else { self.wholes().next().map(|v| v as f64) }
    }

    fn reals(&self) -> Box<dyn Iterator<Item = f64> + '_> {
        let bytes = &*self.bytes;
        match self.stored {
            Stored::F16 => {
                Box::new(bytes.as_chunks().0.iter().map(|b| f64::from(half(u16::from_le_bytes(*b)))))
            }
            Stored::Bf16 => Box::new(
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|b| f64::from(f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16))),
            ),
            Stored::F32 => Box::new(bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b)))),
            Stored::F64 => Box::new(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b))),
            _ => Box::new(self.wholes().map(|value| value as f64)),
        }
    }

    fn wholes(&self) -> Box<dyn Iterator<Item = i64> + '_> {
        let bytes = &*self.bytes;
        match self.stored {
            Stored::I8 => Box::new(bytes.iter().map(|b| i64::from(b.cast_signed()))),
            Stored::U8 => Box::new(bytes.iter().map(|b| i64::from(*b))),
            Stored::I16 => Box::new(bytes.as_chunks().0.iter().map(|b| i64::from(i16::from_le_bytes(*b)))),
            Stored::U16 => Box::new(bytes.as_chunks().0.iter().map(|b| i64::from(u16::from_le_bytes(*b)))),
            Stored::I32 => Box::new(bytes.as_chunks().0.iter().map(|b| i64::from(i32::from_le_bytes(*b)))),
            Stored::I64 => Box::new(bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b))),
            _ => Box::new(self.reals().map(|value| value as i64)),
        }
    }
}

/// The f32 of a half: sign, 5 bits of exponent, 10 of mantissa. Every half is an f32 exactly.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        0 => sign * mantissa * 2.0f32.powi(-24),
        31 if mantissa == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1.0 + mantissa / 1024.0) * 2.0f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(shape: &[usize], stored: Stored, bytes: Vec<u8>) -> Constant<'static> {
        Constant::new(shape.to_vec(), stored, Cow::Owned(bytes), 0).unwrap()
    }

    #[test]
    fn halves_are_widened_exactly() {
        // From the standard's own table: 1, the smallest, the largest, a subnormal, minus two.
        for (bits, value) in [
            (0x3c00, 1.0),
            (0x0001, 2.0f32.powi(-24)),
            (0x7bff, 65504.0),
            (0x03ff, 1023.0 * 2.0f32.powi(-24)),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x8000, -0.0),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(half(bits).to_bits(), value.to_bits(), "{bits:x}");
        }
        assert!(half(0x7e00).is_nan());
        let brain = constant(&[2], Stored::Bf16, vec![0x80, 0x3f, 0x49, 0xc0]);
        assert_eq!(brain.floats(&mut Budget::of_file(1 << 20)).unwrap(), [1.0, -3.140_625]);
    }

    #[test]
    fn integers_stand_for_their_distance_from_zero_times_the_scale_of_their_channel() {
        let mut kernel = constant(&[2, 2, 2], Stored::I8, vec![1, 2, 3, 4, 255, 254, 253, 252]);
        kernel.steps = Some(Steps { scales: vec![0.5, 2.0], zeros: vec![0, 1], axis: 1 });
        let expected = [0.5, 1.0, 4.0, 6.0, -0.5, -1.0, -8.0, -10.0];
        assert_eq!(kernel.floats(&mut Budget::of_file(1 << 20)).unwrap(), expected);
        kernel.steps = Some(Steps { scales: vec![0.25], zeros: vec![-1], axis: 0 });
        assert_eq!(kernel.floats(&mut Budget::of_file(1 << 20)).unwrap()[..3], [0.5, 0.75, 1.0]);
    }

    #[test]
    fn a_shape_of_other_bytes_or_too_many_values_is_refused() {
        for shape in [vec![3], vec![usize::MAX, 2], vec![1 << 40, 1 << 40], vec![0]] {
            assert!(Constant::new(shape, Stored::F32, Cow::Owned(vec![0; 8]), 0).is_err());
        }
        let none = |shape: &[usize]| Constant::new(shape.to_vec(), Stored::F32, Cow::Owned(Vec::new()), 0);
        assert!(none(&[0, 1 << 40, 1 << 40]).is_err() && none(&[1 << 40, 0]).is_ok());
        let mut budget = Budget::of_file(1 << 20);
        assert!(budget.take(5 << 20).is_ok() && budget.take(1).is_err() && budget.take(usize::MAX).is_err());
    }
}
