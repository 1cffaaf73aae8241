//! Packed integers as buffers one after the other, for a file from which a later run takes them up in place.
//!
//! Of each convolution: weights, bias, then the shifts and multipliers of its scales, or its factors.

use super::packed::{GROUP, Outcome, PackedIntegers, Reading, Scales, panels_len};
use crate::{buffer::Buffer, element::Element, line::BLOCK};

/// The version of the layout of packed integers. Whoever changes it, what lies where or how much of it there is, counts it
/// up: packed nets that were kept are then made anew.
pub const INTEGER_PACK_VERSION: u32 = 2;

/// The values of a packed buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PackedValues<'a> {
    /// Weights.
    I8(&'a [i8]),
    /// Multipliers.
    I16(&'a [i16]),
    /// Biases and shifts.
    I32(&'a [i32]),
    /// Factors.
    F32(&'a [f32]),
}

/// Hands out the buffers of a packed net in their order.
pub trait PackedBuffers {
    /// The next buffer, of `len` values; `None` if there is none.
    fn next<T: Element>(&mut self, len: usize) -> Option<Buffer<T>>;
}

impl Scales {
    pub(super) fn values(&self) -> [PackedValues<'_>; 2] {
        [PackedValues::I32(&self.shifts), PackedValues::I16(&self.multipliers)]
    }

    pub(super) fn unpack(outputs: usize, buffers: &mut impl PackedBuffers) -> Option<Self> {
        let len = outputs.next_multiple_of(BLOCK);
        Some(Self { shifts: buffers.next(len)?, multipliers: buffers.next(len)? })
    }
}

impl PackedIntegers {
    /// The buffers in the order of the file.
    #[must_use]
    pub fn values(&self) -> Vec<PackedValues<'_>> {
        let mut values = vec![PackedValues::I8(&self.weights), PackedValues::I32(&self.bias)];
        match &self.outcome {
            Outcome::Rescaled(scales) => values.extend(scales.values()),
            Outcome::Real(factors) => values.push(PackedValues::F32(factors)),
        }
        values
    }

    /// Takes up a convolution of so many inputs and outputs from the buffers that [`PackedIntegers::values`] gave; its
    /// sums become real numbers or are rescaled. `None` if there are too few buffers.
    #[must_use]
    pub fn unpack(
        [inputs, outputs]: [usize; 2],
        reading: Reading,
        is_real: bool,
        buffers: &mut impl PackedBuffers,
    ) -> Option<Self> {
        Some(Self {
            reading,
            inputs,
            outputs,
            weights: buffers.next(panels_len(outputs, reading.groups(inputs) * GROUP))?,
            bias: buffers.next(outputs.next_multiple_of(BLOCK))?,
            outcome: match is_real {
                true => Outcome::Real(buffers.next(outputs.next_multiple_of(BLOCK))?),
                false => Outcome::Rescaled(Scales::unpack(outputs, buffers)?),
            },
        })
    }
}
