//! Packed integer weights: panels of 16 output channels, `[N/16][K/4][16][4]`, four inputs of a channel side by side, with
//! what becomes of the sums beside them. The same for every instruction set.

use super::tile::ScaleTable;
use crate::{buffer::Buffer, element::Element, line::BLOCK, rescale::Rescale};

/// Inputs that are multiplied at once.
pub(crate) const TOGETHER: usize = 4;

/// Inputs of one group: what lies side by side of one pixel.
pub(crate) const GROUP: usize = 16;

/// Bytes behind the last panel that tiles read along: what they meet is 0.
const BEHIND: usize = 3 * GROUP * BLOCK;

/// Weights of a channel as they come.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// Row-major [inputs, outputs].
    pub(crate) weights: &'a [i8],
    pub(crate) outputs: usize,
}

/// Panels whose inputs are in another order than the weights that were given, with gaps perhaps.
///
/// `input(k)` names the input at place `k`, or none for a gap, whose weights are 0; `change` changes a weight at a place.
pub(crate) fn panels(
    source: Source<'_>,
    places: usize,
    input: impl Fn(usize) -> Option<usize>,
    change: impl Fn(usize, i8) -> i8,
) -> Buffer<i8> {
    let Source { weights, outputs } = source;
    let steps = places.div_ceil(TOGETHER);
    let mut packed: Buffer<i8> = Buffer::zeros(panels_len(outputs, places));
    for step in 0..steps {
        for k in 0..TOGETHER {
            let place = step * TOGETHER + k;
            let Some(input) = input(place).filter(|_| place < places) else { continue };
            // One row of weights goes to a line of each panel, to every fourth byte of it.
            let lines = packed.chunks_exact_mut(TOGETHER * BLOCK).skip(step).step_by(steps);
            for (line, weights) in lines.zip(weights[input * outputs..][..outputs].chunks(BLOCK)) {
                for (four, &weight) in line.as_chunks_mut::<TOGETHER>().0.iter_mut().zip(weights) {
                    four[k] = change(place, weight);
                }
            }
        }
    }
    packed
}

/// Values of panels of so many outputs and places for inputs.
pub(super) fn panels_len(outputs: usize, places: usize) -> usize {
    outputs.div_ceil(BLOCK) * places.div_ceil(TOGETHER) * TOGETHER * BLOCK + BEHIND
}

/// A value for each output channel, zeros up to a whole block.
pub(crate) fn padded<T: Element>(values: impl ExactSizeIterator<Item = T>) -> Buffer<T> {
    let mut buffer = Buffer::zeros(values.len().next_multiple_of(BLOCK));
    buffer.iter_mut().zip(values).for_each(|(to, value)| *to = value);
    buffer
}

/// How the sums of all output channels become values.
#[derive(Clone, Debug)]
pub(crate) struct Scales {
    pub(crate) shifts: Buffer<i32>,
    pub(crate) multipliers: Buffer<i16>,
}

impl Scales {
    pub(crate) fn pack(rescale: &[Rescale]) -> Self {
        Self {
            shifts: padded(rescale.iter().map(|rescale| i32::from(rescale.shift()))),
            multipliers: padded(rescale.iter().map(|rescale| rescale.multiplier())),
        }
    }

    /// The scales from a block on.
    pub(crate) fn from(&self, block: usize) -> ScaleTable {
        ScaleTable {
            shifts: self.shifts[block * BLOCK..].as_ptr(),
            multipliers: self.multipliers[block * BLOCK..].as_ptr(),
        }
    }
}

/// What becomes of the sums of a 1x1 convolution.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Rescaled(Scales),
    /// Real numbers, by these factors.
    Real(Buffer),
}

/// How the channels that enter a 1x1 convolution lie in groups of 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A byte a channel.
    Bytes,
    /// Two bytes a channel: of eight channels the upper eight bits of each, then the lower three bits of the same.
    Fine,
}

impl Reading {
    /// The groups of 16 bytes that so many channels take up.
    #[must_use]
    pub fn groups(self, channels: usize) -> usize {
        match self {
            Self::Bytes => channels.div_ceil(GROUP),
            Self::Fine => channels.div_ceil(GROUP / 2),
        }
    }
}

/// Weights of a 1x1 convolution in integers, packed.
#[derive(Clone, Debug)]
pub struct PackedIntegers {
    pub(crate) reading: Reading,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) weights: Buffer<i8>,
    pub(crate) bias: Buffer<i32>,
    pub(crate) outcome: Outcome,
}

/// A 1x1 convolution in integers before it is packed.
#[derive(Clone, Copy, Debug)]
pub struct IntegerWeights<'a> {
    /// The weights [inputs, outputs], row-major, from -127 to 127.
    pub weights: &'a [i8],
    /// Where the sums start, `[outputs]`.
    pub bias: &'a [i32],
    /// How the channels that enter lie.
    pub reading: Reading,
}

impl PackedIntegers {
    /// Packs a convolution whose sums are rescaled, by one [`Rescale`] for each output.
    ///
    /// # Panics
    /// If the lengths do not fit.
    #[must_use]
    pub fn rescaled(integers: IntegerWeights<'_>, rescale: &[Rescale]) -> Self {
        assert_eq!(rescale.len(), integers.bias.len(), "a scale for each output");
        Self::pack(integers, Outcome::Rescaled(Scales::pack(rescale)))
    }

    /// Packs a convolution whose sums become real numbers, by one factor for each output.
    ///
    /// # Panics
    /// If the lengths do not fit.
    #[must_use]
    pub fn real(integers: IntegerWeights<'_>, factors: &[f32]) -> Self {
        assert_eq!(factors.len(), integers.bias.len(), "a factor for each output");
        Self::pack(integers, Outcome::Real(padded(factors.iter().copied())))
    }

    fn pack(IntegerWeights { weights, bias, reading }: IntegerWeights<'_>, outcome: Outcome) -> Self {
        let outputs = bias.len();
        let inputs = weights.len() / outputs.max(1);
        assert_eq!(weights.len(), inputs * outputs, "weights of {inputs} inputs and {outputs} outputs");
        let source = Source { weights, outputs };
        let exists = |input: usize| (input < inputs).then_some(input);
        let places = reading.groups(inputs) * GROUP;
        let weights = match reading {
            Reading::Bytes => panels(source, places, exists, |_, weight| weight),
            Reading::Fine => panels(
                source,
                places,
                |place| exists(place / GROUP * (GROUP / 2) + place % (GROUP / 2)),
                // The lower bits count an eighth.
                |place, weight| {
                    if place % GROUP < GROUP / 2 { weight } else { ((i32::from(weight) + 4) >> 3) as i8 }
                },
            ),
        };
        Self { reading, inputs, outputs, weights, bias: padded(bias.iter().copied()), outcome }
    }

    /// The number of input channels.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number of output channels.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The number of blocks of 16 output channels.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.outputs.div_ceil(BLOCK)
    }

    /// The groups of 16 bytes of each pixel that are read.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.reading.groups(self.inputs)
    }

    /// The halves of groups that have inputs: of the last group perhaps only the first.
    pub(crate) fn pieces(&self) -> usize {
        match self.reading {
            Reading::Bytes => self.inputs.div_ceil(GROUP / 2),
            Reading::Fine => self.groups() * 2,
        }
    }

    /// Bytes of a panel.
    pub(crate) fn panel_len(&self) -> usize {
        self.groups() * GROUP * BLOCK
    }
}
