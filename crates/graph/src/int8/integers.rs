//! A net in integers: what the int8 plan computes, number by number. `docs/int8.md` says what each of them means.

use icecap_kernels::Rescale;

use crate::{numerics::Numerics, spec::Spec, topology::ConvLayer, topology::Part};

/// The largest value of a byte: what 6.0 is after a ReLU6, and the upper end of a bottleneck's range.
pub const LEVELS: u8 = 255;

/// What one step is worth after a ReLU6, whose values go from 0 to 6.
pub const RELU6_STEP: f64 = 6.0 / LEVELS as f64;

/// Steps of a bottleneck's eighths: they are kept as integers of 16 bits, in eighths of a step of a byte.
pub const EIGHTHS: i32 = 8;

/// Quantizing has bottlenecks of up to so many channels read with all of their bits, as two bytes a value. At width 1.0 the
/// one with 16 takes 5 % of the time for it and lessens the error of features by a twelfth; those with 24 would take 6 % more
/// and lessen it by a tenth.
pub const FINE_CHANNELS: usize = 16;

/// Files that do not say it have bottlenecks of up to so many channels read with all of their bits.
pub const FINE_UNSTATED: usize = 24;

/// At most so many channels can be read with all of their bits: as two bytes they fill what tiles read of a pixel.
pub const FINE_MOST: usize = 32;

/// The ways in which the window of the first convolution can lie over the border of the image: above or below it, or
/// not, times left or right of it, or not.
pub const BORDERS: usize = 9;

/// What becomes of the sums of a convolution.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// They become steps of what follows, one [`Rescale`] for each output channel.
    Rescaled(Vec<Rescale>),
    /// They become real numbers, by one factor for each output channel: in the last convolution.
    Real(Vec<f32>),
}

/// A convolution with its BatchNorm, in integers.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerConv {
    /// The weights, -127 to 127, in the order and shape of the convolution's kernel: output channels last.
    pub weights: Vec<i8>,
    /// Where the sums start: a value for each output channel; in the first convolution that for each of [`BORDERS`],
    /// one border after the other.
    pub bias: Vec<i32>,
    /// What becomes of the sums.
    pub outcome: Outcome,
}

impl IntegerConv {
    /// Returns the number of output channels.
    #[must_use]
    pub fn outputs(&self) -> usize {
        match &self.outcome {
            Outcome::Rescaled(rescale) => rescale.len(),
            Outcome::Real(factors) => factors.len(),
        }
    }
}

impl IntegerConv {
    /// Returns how sums become steps, one for each output channel; none in the last convolution.
    #[must_use]
    pub fn rescale(&self) -> &[Rescale] {
        match &self.outcome {
            Outcome::Rescaled(rescale) => rescale,
            Outcome::Real(_) => &[],
        }
    }

    /// Returns the number of weights of each output channel: input channels, or 9 of a depthwise convolution.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.weights.len() / self.outputs().max(1)
    }
}

/// What leaves a block: real values in steps, from a whole number of steps below zero on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bottleneck {
    /// The real value of a step of a byte.
    pub step: f64,
    /// The byte that stands for 0.0.
    pub zero: u8,
    /// Whether the convolution behind the block reads it with all bits, as two bytes a value; otherwise rounded to one.
    pub fine: bool,
}

impl Bottleneck {
    /// Returns how often a ReLU6's step is doubled to give this one, in a first block that adds what the first convolution
    /// gave.
    #[must_use]
    pub fn relu6_shift(&self) -> u32 {
        (0..Self::MOST_DOUBLINGS)
            .find(|&shift| RELU6_STEP * f64::from(1 << shift) >= self.step)
            .unwrap_or(Self::MOST_DOUBLINGS)
    }

    /// A ReLU6's step is doubled at most so often: eighths of it are then whole eighths of the doubled step.
    pub const MOST_DOUBLINGS: u32 = 3;
}

/// An inverted residual block in integers.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerBlock {
    /// `None` in the first block, which has no expansion.
    pub expand: Option<IntegerConv>,
    /// The 3x3 of each channel.
    pub depthwise: IntegerConv,
    /// The 1x1 back to few channels.
    pub project: IntegerConv,
    /// What leaves the block. Blocks that add their input to their output have what the block before them has.
    pub output: Bottleneck,
}

/// A MobileNetV2 in integers, without a classification top.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerNet {
    /// The channel counts.
    pub spec: Spec,
    /// What belongs to the trained weights. Padding is followed; the scaling of pixels is part of the first convolution.
    pub numerics: Numerics,
    /// The first convolution.
    pub stem: IntegerConv,
    /// The blocks.
    pub blocks: Vec<IntegerBlock>,
    /// The last convolution.
    pub last: IntegerConv,
}

impl IntegerNet {
    /// Returns a convolution of the net.
    ///
    /// # Panics
    /// If the net has no such convolution; it has all of [`ConvLayer::all`].
    #[must_use]
    pub fn conv(&self, layer: ConvLayer) -> &IntegerConv {
        let block = &self.blocks[layer.block];
        match layer.part {
            Part::Stem => &self.stem,
            Part::Expand => match &block.expand {
                Some(expand) => expand,
                None => panic!("block {} has no expansion", layer.block),
            },
            Part::Depthwise => &block.depthwise,
            Part::Project => &block.project,
            Part::Last => &self.last,
        }
    }

    /// Returns the bottleneck that an expansion or the last convolution reads; `None` for other convolutions.
    #[must_use]
    pub fn read_by(&self, layer: ConvLayer) -> Option<Bottleneck> {
        match layer.part {
            Part::Expand => self.blocks[..layer.block].last().map(|block| block.output),
            Part::Last => self.blocks.last().map(|block| block.output),
            _ => None,
        }
    }

    /// Returns whether a convolution reads the lower bits of a bottleneck, too; `false` for one that reads no bottleneck.
    #[must_use]
    pub fn reads_fine(&self, layer: ConvLayer) -> bool {
        self.read_by(layer).is_some_and(|read| read.fine)
    }

    /// Returns a convolution of the net, for changing it.
    ///
    /// # Panics
    /// As [`IntegerNet::conv`].
    pub fn conv_mut(&mut self, layer: ConvLayer) -> &mut IntegerConv {
        let block = &mut self.blocks[layer.block];
        match layer.part {
            Part::Stem => &mut self.stem,
            Part::Expand => match &mut block.expand {
                Some(expand) => expand,
                None => panic!("block {} has no expansion", layer.block),
            },
            Part::Depthwise => &mut block.depthwise,
            Part::Project => &mut block.project,
            Part::Last => &mut self.last,
        }
    }
}

/// Returns whether quantizing has a bottleneck of so many channels read with all of its bits.
#[must_use]
pub fn is_fine(channels: usize) -> bool {
    channels <= FINE_CHANNELS
}

/// Returns the weight of the lower three bits of a value that is read with all of its bits: an eighth of the weight of
/// the upper eight.
#[must_use]
#[inline]
pub fn fine_weight(weight: i8) -> i8 {
    // At most (127 + 4) / 8.
    ((i32::from(weight) + 4) >> 3) as i8
}
