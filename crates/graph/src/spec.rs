//! The table of MobileNetV2 and the channel counts that a width multiplier makes of it.
//!
//! # Source
//! Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 2; channel rounding as in
//! Keras, which truncates `filters * width` before it rounds to a multiple of eight.

use crate::error::Error;

/// Channels of a photo: red, green, blue.
pub const INPUT_CHANNELS: usize = 3;

/// Pixels of input for one pixel of features, in each direction.
pub const FEATURE_STRIDE: usize = 32;

/// The smallest input side: one feature pixel.
pub const MIN_SIDE: usize = 32;

/// The largest input side. Above it the first convolution alone would hold more than 128 MiB.
pub const MAX_SIDE: usize = 2048;

/// Rows of the paper's table: expansion t, output channels c, repeats n, stride s of the first repeat.
const TABLE: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// The largest width multiplier: four times the paper's net is far beyond any that was published, and what a file of
/// more channels would need in memory is out of proportion to its size.
const MAX_WIDTH: f32 = 4.0;

/// Inverted residual blocks in the table.
pub const BLOCKS: usize = 17;

/// Channels of the first convolution and of the last one, before the width multiplier.
const STEM_CHANNELS: usize = 32;
const HEAD_CHANNELS: usize = 1280;

/// The usual width multipliers: those for which weights were published, and some between them.
const NAMED_WIDTHS: [f32; 12] = [0.1, 0.25, 0.35, 0.5, 0.75, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 2.0];

/// One inverted residual block: expand 1x1, depthwise 3x3, project 1x1, and the input is added if shapes allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSpec {
    /// Channels that enter.
    pub input: usize,
    /// Channels inside; equal to `input` in the first block, which has no expansion.
    pub expanded: usize,
    /// Channels that leave.
    pub output: usize,
    /// Stride of the depthwise convolution: 1 or 2.
    pub stride: usize,
}

impl BlockSpec {
    /// Returns whether the block starts with a 1x1 expansion.
    #[must_use]
    pub fn has_expand(&self) -> bool {
        self.expanded != self.input
    }

    /// Returns whether the block adds its input to its output.
    #[must_use]
    pub fn is_residual(&self) -> bool {
        self.stride == 1 && self.input == self.output
    }
}

/// The channel counts of one MobileNetV2, whatever its input size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    stem: usize,
    blocks: Vec<BlockSpec>,
    head: usize,
}

impl Spec {
    /// Returns the channel counts of the net of a width multiplier, rounded as Keras does.
    ///
    /// # Errors
    /// [`Error::Width`] for a width outside (0, 4].
    pub fn with_width(width: f32) -> Result<Self, Error> {
        if !(width > 0.0 && width <= MAX_WIDTH) {
            return Err(Error::Width { got: width });
        }
        // In f64 as Python computes it: 0.35 as f32 would round 32 * 0.35 differently.
        let width = (f64::from(width) * 1e4).round() / 1e4;
        let mut outputs = Vec::with_capacity(BLOCKS);
        for (_, channels, repeats, _) in TABLE {
            let rounded = make_divisible((channels as f64 * width).floor());
            outputs.extend(std::iter::repeat_n(rounded, repeats));
        }
        let head = if width > 1.0 { make_divisible(HEAD_CHANNELS as f64 * width) } else { HEAD_CHANNELS };
        Self::from_channels(make_divisible(STEM_CHANNELS as f64 * width), &outputs, head)
    }

    /// Returns the channel counts of the net whose convolutions have these output channels: the first one, the
    /// projection of each block, the last one. This is how a weight file without a stated width is understood.
    ///
    /// # Errors
    /// [`Error::Channels`] if a count is 0 or above that of the largest width, or if there are not [`BLOCKS`] blocks.
    pub fn from_channels(stem: usize, outputs: &[usize], head: usize) -> Result<Self, Error> {
        let fits = |channels: usize, table: usize| (1..=MAX_WIDTH as usize * table).contains(&channels);
        let table =
            TABLE.iter().flat_map(|&(_, channels, repeats, _)| std::iter::repeat_n(channels, repeats));
        let blocks_fit =
            outputs.len() == BLOCKS && outputs.iter().zip(table).all(|(&c, table)| fits(c, table));
        if !blocks_fit || !fits(stem, STEM_CHANNELS) || !fits(head, HEAD_CHANNELS) {
            return Err(Error::Channels { stem, outputs: outputs.to_vec(), head });
        }
        let rows = TABLE.iter().flat_map(|&(expansion, _, repeats, stride)| {
            (0..repeats).map(move |repeat| (expansion, if repeat == 0 { stride } else { 1 }))
        });
        let mut input = stem;
        let blocks = rows
            .zip(outputs)
            .map(|((expansion, stride), &output)| {
                let block = BlockSpec { input, expanded: input * expansion, output, stride };
                input = output;
                block
            })
            .collect();
        Ok(Self { stem, blocks, head })
    }

    /// Returns the channels of the first convolution.
    #[must_use]
    pub fn stem_channels(&self) -> usize {
        self.stem
    }

    /// Returns the inverted residual blocks in order.
    #[must_use]
    pub fn blocks(&self) -> &[BlockSpec] {
        &self.blocks
    }

    /// Returns the channels that enter the last convolution.
    pub(crate) fn last_channels(&self) -> usize {
        self.blocks.last().map_or(self.stem, |block| block.output)
    }

    /// Returns the channels of the last convolution: the length of the pooled features.
    #[must_use]
    pub fn feature_channels(&self) -> usize {
        self.head
    }

    /// Returns the width multiplier that gives these channels; `None` if none of the usual ones does.
    #[must_use]
    pub fn width(&self) -> Option<f32> {
        // The smallest of those that round to the same channels.
        NAMED_WIDTHS.into_iter().find(|&width| Self::with_width(width).as_ref() == Ok(self))
    }
}

/// `value` rounded to a multiple of 8, at least 8, and never down by more than a tenth.
fn make_divisible(value: f64) -> usize {
    const DIVISOR: f64 = 8.0;
    let rounded = ((value + DIVISOR / 2.0) / DIVISOR).floor().max(1.0) * DIVISOR;
    (if rounded < 0.9 * value { rounded + DIVISOR } else { rounded }) as usize
}

/// Returns the side of the features of an image whose side is `n` pixels: five halvings, each rounded up.
#[must_use]
pub fn feature_side(n: usize) -> usize {
    n.div_ceil(FEATURE_STRIDE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_one_is_the_table_of_the_paper() {
        let spec = Spec::with_width(1.0).unwrap();
        assert_eq!((spec.stem_channels(), spec.feature_channels()), (32, 1280));
        let outputs: Vec<usize> = spec.blocks().iter().map(|b| b.output).collect();
        assert_eq!(outputs, [16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320]);
        let strides: Vec<usize> = (0..17).filter(|&i| spec.blocks()[i].stride == 2).collect();
        assert_eq!(strides, [1, 3, 6, 13]);
        let residual: Vec<usize> = (0..17).filter(|&i| spec.blocks()[i].is_residual()).collect();
        assert_eq!(residual, [2, 4, 5, 7, 8, 9, 11, 12, 14, 15]);
        assert!(!spec.blocks()[0].has_expand() && spec.blocks()[1].has_expand());
    }

    #[test]
    fn widths_round_as_in_keras() {
        let outputs = |width| {
            let spec = Spec::with_width(width).unwrap();
            let mut all: Vec<usize> = spec.blocks().iter().map(|b| b.output).collect();
            all.dedup();
            (spec.stem_channels(), all, spec.feature_channels())
        };
        assert_eq!(outputs(0.35), (16, vec![8, 16, 24, 32, 56, 112], 1280));
        assert_eq!(outputs(0.5), (16, vec![8, 16, 32, 48, 80, 160], 1280));
        assert_eq!(outputs(1.4), (48, vec![24, 32, 48, 88, 136, 224, 448], 1792));
        for width in NAMED_WIDTHS {
            let spec = Spec::with_width(width).unwrap();
            assert_eq!(Spec::with_width(spec.width().unwrap()).unwrap(), spec);
        }
        assert_eq!(Spec::with_width(0.35).unwrap().width(), Some(0.35));
        assert!(Spec::with_width(0.0).is_err() && Spec::with_width(f32::NAN).is_err());
        assert!(Spec::with_width(4.0).is_ok());
        assert!(Spec::from_channels(65_536, &[8; 17], 1280).is_err());
    }
}
