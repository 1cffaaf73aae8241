//! Biases of a net in integers, corrected by photos: the means of a convolution's sums are made those of f32.
//!
//! ```text
//! bias -= (mean of the sums in integers * what a sum of one is worth  -  mean of the sums in f32) / that worth
//! ```
//!
//! for each output channel, layer by layer: each sees what the corrected layers before it give. Rounding the weights moves
//! sums of positive inputs, all in one direction; that is most of what int8 loses, and a constant.
//!
//! Means of sums in integers are exact: sums of whole numbers over all photos, divided once. So the result has the same
//! bits for any number of threads and on every processor.
//!
//! # Source
//! Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", appendix; here with photos.

use icecap_kernels::{ConvGeometry, Threads, integer_oracle};

use super::{
    convolution::LARGEST_BIAS,
    integers::{EIGHTHS, IntegerConv, IntegerNet, Outcome, RELU6_STEP, fine_weight},
    observe::Observed,
    reference::{IntegerImage, IntegerReference, Planes},
};
use crate::{
    error::Error,
    input::Input,
    stage::{self, Stage},
    topology::{ConvLayer, Part},
};

/// A photo on its way through the net.
#[derive(Debug)]
struct Photo {
    /// What left the last ReLU6 before the depthwise convolution that is next, or was last.
    bytes: IntegerImage<u8>,
    /// What left the last depthwise convolution.
    filtered: IntegerImage<u8>,
    /// What left the last block.
    eighths: IntegerImage<i16>,
}

/// Corrects the biases of all convolutions of a net by photos of this size; `observed` is what f32 gave for them.
///
/// # Errors
/// [`Error::InputSize`], [`Error::InputLength`] and [`Error::Pixel`] for photos that the net cannot read.
pub(crate) fn correct(
    net: &mut IntegerNet,
    observed: &Observed,
    size: [usize; 2],
    photos: &[Input<'_>],
    threads: &Threads,
) -> Result<(), Error> {
    let mut walk = Walk { net, observed, size, threads };
    let mut photos = walk.pixels(photos)?;
    for node in stage::chain(&walk.net.spec, walk.net.numerics.padding, None, size)? {
        match node.stage {
            Stage::Stem(geometry) => walk.stem(&mut photos, &geometry)?,
            Stage::Block(block, geometry) => walk.block(&mut photos, block, &geometry)?,
            Stage::Last => walk.last(&mut photos),
            Stage::Pool | Stage::Top => {}
        }
    }
    Ok(())
}

/// All photos together on their way through the net.
struct Walk<'a> {
    net: &'a mut IntegerNet,
    observed: &'a Observed,
    size: [usize; 2],
    threads: &'a Threads,
}

impl Walk<'_> {
    /// The photos as bytes.
    fn pixels(&self, photos: &[Input<'_>]) -> Result<Vec<Photo>, Error> {
        let reference = IntegerReference::new(self.net, self.size)?;
        let [height, width] = self.size;
        let rounded = photos.iter().map(|&photo| {
            let bytes = IntegerImage { height, width, values: reference.pixels(photo)? };
            Ok(Photo { bytes, filtered: empty(), eighths: empty() })
        });
        rounded.collect()
    }

    fn stem(&mut self, photos: &mut [Photo], geometry: &ConvGeometry) -> Result<(), Error> {
        let conv = &self.net.stem;
        let sums = self.totals(photos, |photo| {
            let sums = integer_oracle::conv3x3(geometry, &photo.bytes.values, &conv.weights, &conv.bias);
            by_channel(&sums, conv.outputs())
        });
        self.correct(ConvLayer::STEM, &sums);
        self.each(photos, |reference, photo| {
            photo.bytes = reference.stem(geometry, &photo.bytes.values);
        })
    }

    fn block(&mut self, photos: &mut [Photo], block: usize, geometry: &ConvGeometry) -> Result<(), Error> {
        let layer = |part| ConvLayer { part, block };
        if self.net.blocks[block].expand.is_some() {
            let expand = layer(Part::Expand);
            let sums = self.totals_of_bottleneck(photos, expand);
            self.correct(expand, &sums);
            self.each(photos, |reference, photo| photo.bytes = reference.expand(expand, &photo.eighths))?;
        }
        let conv = &self.net.blocks[block].depthwise;
        let sums = self.totals(photos, |photo| {
            let sums = integer_oracle::depthwise(geometry, &photo.bytes.values, &conv.weights, &conv.bias);
            by_channel(&sums, conv.outputs())
        });
        self.correct(layer(Part::Depthwise), &sums);
        self.each(photos, |reference, photo| {
            photo.filtered = reference.depthwise(block, geometry, &photo.bytes);
            if block > 0 {
                photo.bytes = empty();
            }
        })?;
        let conv = &self.net.blocks[block].project;
        let sums = self.totals(photos, |photo| {
            let read = by_channel(&photo.filtered.values, conv.weights.len() / conv.outputs());
            pointwise_totals(conv, &read, &[], photo.filtered.height * photo.filtered.width)
        });
        self.correct(layer(Part::Project), &sums);
        self.each(photos, |reference, photo| {
            photo.eighths = reference.project(block, &photo.filtered, &photo.eighths, &photo.bytes);
        })
    }

    fn last(&mut self, photos: &mut [Photo]) {
        let sums = self.totals_of_bottleneck(photos, ConvLayer::LAST);
        self.correct(ConvLayer::LAST, &sums);
    }

    /// Runs a corrected layer over all photos.
    fn each(
        &self,
        photos: &mut [Photo],
        run: impl Fn(&IntegerReference<'_>, &mut Photo) + Sync,
    ) -> Result<(), Error> {
        let reference = IntegerReference::new(self.net, self.size)?;
        self.threads.map(photos, |photo| run(&reference, photo));
        Ok(())
    }

    /// Sums of all photos.
    fn totals(&self, photos: &[Photo], of: impl Fn(&Photo) -> Totals + Sync) -> Totals {
        let mut all = self.threads.map(photos, of).into_iter();
        let mut sum = all.next().unwrap_or_default();
        for one in all {
            sum.pixels += one.pixels;
            sum.sums.iter_mut().zip(one.sums).for_each(|(sum, one)| *sum += one);
        }
        sum
    }

    /// Sums of a convolution of what left the block before.
    fn totals_of_bottleneck(&self, photos: &[Photo], layer: ConvLayer) -> Totals {
        let conv = self.net.conv(layer);
        let channels = conv.weights.len() / conv.outputs();
        self.totals(photos, |photo| {
            let planes = Planes::of(channels, &photo.eighths.values);
            let upper = by_channel(&planes.upper, channels);
            let lower = planes.lower.map(|lower| by_channel(&lower, channels).sums).unwrap_or_default();
            pointwise_totals(conv, &upper, &lower, upper.pixels)
        })
    }

    /// Moves the biases of a convolution of which this are the sums.
    fn correct(&mut self, layer: ConvLayer, sums: &Totals) {
        let out = match layer.part {
            Part::Project => self.net.blocks[layer.block].output.step / f64::from(EIGHTHS),
            _ => RELU6_STEP,
        };
        let expected = self.observed.means(layer);
        let conv = self.net.conv_mut(layer);
        let outputs = conv.outputs();
        for output in 0..outputs {
            // Half a unit of the shift is part of each bias, for rounding, and of no value.
            let (worth, half) = match &conv.outcome {
                Outcome::Rescaled(rescale) => (rescale[output].ratio() * out, rescale[output].half()),
                Outcome::Real(factors) => (f64::from(factors[output]), 0),
            };
            let mean = sums.sums[output] as f64 / sums.pixels as f64 - f64::from(half);
            let off = (mean - expected[output] / worth).round();
            for bias in conv.bias.iter_mut().skip(output).step_by(outputs) {
                *bias = (f64::from(*bias) - off).clamp(-LARGEST_BIAS, LARGEST_BIAS) as i32;
            }
        }
    }
}

/// Sums of whole numbers over the pixels of photos, one for each channel.
#[derive(Debug, Default)]
struct Totals {
    pixels: usize,
    // At most 2^28 for each of 64 * 2^20 pixels.
    sums: Vec<i64>,
}

/// Sums of values [P, C].
fn by_channel<T: Copy + Into<i64>>(values: &[T], channels: usize) -> Totals {
    let mut sums = vec![0i64; channels];
    for pixel in values.chunks_exact(channels) {
        sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += value.into());
    }
    Totals { pixels: values.len() / channels, sums }
}

/// Sums of a 1x1 convolution, from those of what it reads: no product is computed twice. `lower` are those of the lower
/// three bits where they are read too.
fn pointwise_totals(conv: &IntegerConv, upper: &Totals, lower: &[i64], pixels: usize) -> Totals {
    let outputs = conv.outputs();
    let mut sums: Vec<i64> = conv.bias.iter().map(|&bias| i64::from(bias) * pixels as i64).collect();
    for (input, weights) in conv.weights.chunks_exact(outputs).enumerate() {
        let lower = lower.get(input).copied().unwrap_or(0);
        for (sum, &weight) in sums.iter_mut().zip(weights) {
            *sum += upper.sums[input] * i64::from(weight) + lower * i64::from(fine_weight(weight));
        }
    }
    Totals { pixels, sums }
}

fn empty<T>() -> IntegerImage<T> {
    IntegerImage { height: 0, width: 0, values: Vec::new() }
}
