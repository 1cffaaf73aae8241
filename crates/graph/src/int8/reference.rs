//! The integer net as `docs/int8.md` defines it, layer by layer in plain loops: the page to read before the int8 plan,
//! and what that plan is held against, bit by bit.
//!
//! What it does badly: every intermediate exists as a whole, on one thread, without an instruction set.

use std::collections::BTreeMap;

use icecap_kernels::{ConvGeometry, Rescale, integer_oracle};

use super::integers::{EIGHTHS, IntegerConv, IntegerNet, LEVELS, Outcome, fine_weight};
use crate::{
    error::Error,
    input::Input,
    stage::{self, Node, Stage},
    topology::{ConvLayer, Part},
};

/// Values of an image, [H, W, C].
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerImage<T> {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// The values, one pixel's channels after the other.
    pub values: Vec<T>,
}

/// What leaves a layer.
#[derive(Clone, Debug, PartialEq)]
pub enum Intermediate {
    /// Bytes behind a ReLU6.
    Bytes(IntegerImage<u8>),
    /// Eighths of a block's steps.
    Eighths(IntegerImage<i16>),
    /// Real numbers: the features, or their means.
    Real(IntegerImage<f32>),
}

/// An integer net for one input size.
#[derive(Debug)]
pub struct IntegerReference<'a> {
    net: &'a IntegerNet,
    nodes: Vec<Node>,
    size: [usize; 2],
}

impl<'a> IntegerReference<'a> {
    /// Plans for images of `size` (rows, columns).
    ///
    /// # Errors
    /// [`Error::InputSize`] for a size that the net cannot run.
    pub fn new(net: &'a IntegerNet, size: [usize; 2]) -> Result<Self, Error> {
        let nodes = stage::chain(&net.spec, net.numerics.padding, None, size)?;
        Ok(Self { net, nodes, size })
    }

    /// Computes one image: what leaves each convolution, by the Keras name of the layer where its values exist, and what
    /// leaves the blocks that add, and the mean.
    ///
    /// # Shapes
    /// `image` [H, W, 3], pixels from 0 to 255.
    ///
    /// # Errors
    /// [`Error::InputLength`] if the image is of another size, [`Error::Pixel`] for a pixel that is no number.
    pub fn run(&self, image: Input<'_>) -> Result<BTreeMap<String, Intermediate>, Error> {
        let pixels = self.pixels(image)?;
        let mut trace = BTreeMap::new();
        let mut keep = |name: String, value: &Intermediate| trace.insert(name, value.clone());
        let mut bytes = IntegerImage { height: 0, width: 0, values: Vec::new() };
        let mut eighths = IntegerImage { height: 0, width: 0, values: Vec::new() };
        for node in &self.nodes {
            match &node.stage {
                Stage::Stem(geometry) => {
                    bytes = self.stem(geometry, &pixels);
                    keep(node.section.tap.to_string(), &Intermediate::Bytes(bytes.clone()));
                }
                Stage::Block(block, geometry) => {
                    let layer = |part| ConvLayer { part, block: *block };
                    let before = eighths;
                    if self.net.spec.blocks()[*block].has_expand() {
                        bytes = self.expand(layer(Part::Expand), &before);
                        keep(name(layer(Part::Expand)), &Intermediate::Bytes(bytes.clone()));
                    }
                    let filtered = self.depthwise(*block, geometry, &bytes);
                    keep(name(layer(Part::Depthwise)), &Intermediate::Bytes(filtered.clone()));
                    eighths = self.project(*block, &filtered, &before, &bytes);
                    keep(node.section.tap.layer(&self.net.spec), &Intermediate::Eighths(eighths.clone()));
                }
                Stage::Last => {
                    let features = self.last(&eighths);
                    keep(node.section.tap.to_string(), &Intermediate::Real(features.clone()));
                    let pooled = mean(&features, self.net.spec.feature_channels());
                    keep(crate::tap::Tap::Pooled.to_string(), &Intermediate::Real(pooled));
                }
                Stage::Pool | Stage::Top => {}
            }
        }
        Ok(trace)
    }

    /// Rounds the pixels of an image to bytes; ties go to the even one.
    ///
    /// # Errors
    /// As [`IntegerReference::run`].
    pub fn pixels(&self, image: Input<'_>) -> Result<Vec<u8>, Error> {
        let expected = stage::image_shape(self.size);
        if image.len() != expected.elements() {
            return Err(Error::InputLength { expected, got: image.len() });
        }
        match image {
            Input::U8(pixels) => Ok(pixels.to_vec()),
            Input::F32(pixels) => match pixels.iter().position(|pixel| pixel.is_nan()) {
                Some(index) => Err(Error::Pixel { index }),
                // Values beyond a byte's become 0 or 255.
                None => Ok(pixels.iter().map(|pixel| pixel.round_ties_even() as u8).collect()),
            },
        }
    }

    /// Computes the first convolution of rounded pixels.
    #[must_use]
    pub fn stem(&self, geometry: &ConvGeometry, pixels: &[u8]) -> IntegerImage<u8> {
        let conv = &self.net.stem;
        let sums = integer_oracle::conv3x3(geometry, pixels, &conv.weights, &conv.bias);
        let (height, width) = geometry.output();
        IntegerImage { height, width, values: clamped(conv, &sums) }
    }

    /// Computes an expansion of what left the block before.
    #[must_use]
    pub fn expand(&self, layer: ConvLayer, input: &IntegerImage<i16>) -> IntegerImage<u8> {
        let conv = self.net.conv(layer);
        let values = clamped(conv, &self.bottleneck_sums(layer, input));
        IntegerImage { height: input.height, width: input.width, values }
    }

    /// Computes the depthwise convolution of a block.
    #[must_use]
    pub fn depthwise(
        &self,
        block: usize,
        geometry: &ConvGeometry,
        input: &IntegerImage<u8>,
    ) -> IntegerImage<u8> {
        let conv = &self.net.blocks[block].depthwise;
        let sums = integer_oracle::depthwise(geometry, &input.values, &conv.weights, &conv.bias);
        let (height, width) = geometry.output();
        IntegerImage { height, width, values: clamped(conv, &sums) }
    }

    /// Computes the projection of a block and adds what the block adds: `before`, what left the block before it, or in a
    /// first block `stem`, what the first convolution gave.
    #[must_use]
    pub fn project(
        &self,
        block: usize,
        input: &IntegerImage<u8>,
        before: &IntegerImage<i16>,
        stem: &IntegerImage<u8>,
    ) -> IntegerImage<i16> {
        let (spec, integers) = (&self.net.spec.blocks()[block], &self.net.blocks[block]);
        let conv = &integers.project;
        let sums = integer_oracle::pointwise(&input.values, &conv.weights, &conv.bias);
        let zero = i16::from(integers.output.zero) * EIGHTHS as i16;
        let mut values: Vec<i16> = rescaled(conv, &sums).collect();
        match (spec.is_residual(), block) {
            (false, _) => values.iter_mut().for_each(|value| *value = value.saturating_add(zero)),
            (true, 0) => {
                let shift = integers.output.relu6_shift();
                for (value, &byte) in values.iter_mut().zip(&stem.values) {
                    let added = ((i16::from(byte) * EIGHTHS as i16) >> shift) + zero;
                    *value = value.saturating_add(added);
                }
            }
            (true, _) => {
                values
                    .iter_mut()
                    .zip(&before.values)
                    .for_each(|(value, &one)| *value = value.saturating_add(one));
            }
        }
        IntegerImage { height: input.height, width: input.width, values }
    }

    /// Computes the last convolution, to real numbers.
    #[must_use]
    pub fn last(&self, input: &IntegerImage<i16>) -> IntegerImage<f32> {
        let conv = &self.net.last;
        let Outcome::Real(factors) = &conv.outcome else {
            unreachable!("the last convolution gives real numbers")
        };
        let sums = self.bottleneck_sums(ConvLayer::LAST, input);
        let real = sums
            .iter()
            .zip(factors.iter().cycle())
            // A zero has no sign.
            .map(|(&sum, factor)| (sum as f32 * factor).clamp(0.0, 6.0) + 0.0);
        IntegerImage { height: input.height, width: input.width, values: real.collect() }
    }

    /// Sums of a 1x1 convolution of what left a block.
    fn bottleneck_sums(&self, layer: ConvLayer, input: &IntegerImage<i16>) -> Vec<i32> {
        let conv = self.net.conv(layer);
        let fine = self.net.reads_fine(layer);
        let Planes { upper, lower } = Planes::of(fine, &input.values);
        let mut sums = integer_oracle::pointwise(&upper, &conv.weights, &conv.bias);
        if let Some(lower) = lower {
            let eighths: Vec<i8> = conv.weights.iter().map(|&weight| fine_weight(weight)).collect();
            let rest = integer_oracle::pointwise(&lower, &eighths, &vec![0; conv.bias.len()]);
            sums.iter_mut().zip(rest).for_each(|(sum, rest)| *sum += rest);
        }
        sums
    }
}

/// The name of the layer behind a convolution whose values exist in integers.
fn name(layer: ConvLayer) -> String {
    layer.activation().unwrap_or_else(|| layer.norm())
}

/// The bytes as which a 1x1 convolution reads what left a block.
#[derive(Debug)]
pub(crate) struct Planes {
    /// The values rounded to steps; where all bits are read, the upper eight of them.
    pub(crate) upper: Vec<u8>,
    /// Where all bits are read: the lower three, which meet an eighth of the weights.
    pub(crate) lower: Option<Vec<u8>>,
}

impl Planes {
    /// Those of an image that is read with all of its bits, or not.
    pub(crate) fn of(fine: bool, values: &[i16]) -> Self {
        if !fine {
            return Self { upper: coarse(values), lower: None };
        }
        let all = |value: &i16| (*value).clamp(0, EIGHTHS as i16 * i16::from(LEVELS) + 7);
        let upper = values.iter().map(|value| (all(value) >> 3) as u8).collect();
        Self { upper, lower: Some(values.iter().map(|value| (all(value) & 7) as u8).collect()) }
    }
}

/// Eighths rounded to bytes.
fn coarse(values: &[i16]) -> Vec<u8> {
    values.iter().map(|value| (value.saturating_add(4) >> 3).clamp(0, i16::from(LEVELS)) as u8).collect()
}

fn rescaled(conv: &IntegerConv, sums: &[i32]) -> impl Iterator<Item = i16> {
    let Outcome::Rescaled(rescale) = &conv.outcome else { unreachable!("only the last convolution is real") };
    sums.iter().zip(rescale.iter().cycle()).map(|(&sum, rescale): (_, &Rescale)| rescale.apply(sum))
}

/// The bytes behind a ReLU6.
fn clamped(conv: &IntegerConv, sums: &[i32]) -> Vec<u8> {
    rescaled(conv, sums).map(|value| value.clamp(0, i16::from(LEVELS)) as u8).collect()
}

/// The mean of each channel, pixels in order, as the kernels of f32 take it.
fn mean(image: &IntegerImage<f32>, channels: usize) -> IntegerImage<f32> {
    let mut sums = vec![0.0f32; channels];
    for pixel in image.values.chunks_exact(channels) {
        sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
    }
    let factor = 1.0 / (image.height * image.width) as f32;
    IntegerImage { height: 1, width: 1, values: sums.iter().map(|sum| sum * factor).collect() }
}
