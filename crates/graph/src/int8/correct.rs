//! Biases of a net in integers, corrected by photos, layer by layer: each layer sees what the corrected ones before it
//! give.
//!
//! Rounding weights and values moves the sums of a convolution, mostly by the same amount for all pixels. Two steps take
//! that from the bias of each output channel:
//!
//! ```text
//! 1.  bias -= mean of the sums in integers  -  mean of the sums in f32
//! 2.  bias += (mean behind the ReLU6 in f32  -  mean behind it in integers) / share of the values inside 0..6, 0.2 or more
//! ```
//!
//! all over all pixels of all photos, in units of the sums. The first is all that a linear projection needs. Elsewhere most
//! sums are negative and become 0: what counts is the mean of what is left, and a change of the bias moves only the values
//! inside. With the first step alone the error of the ImageNet weights' features is larger than without any (0.078 and
//! 0.066), with both it is 0.057.
//!
//! What is summed are whole numbers, which is exact, or f64 in the order of the photos: the same bits for any number of
//! threads and on every processor, given what f32 showed.
//!
//! # Source
//! Step 1: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", appendix; here with
//! photos.

use icecap_kernels::int8::{PackedIntegerDepthwise, PackedIntegerStem, Reading};
use icecap_kernels::{ConvGeometry, Layout, WINDOW};

use super::{
    convolution::LARGEST_BIAS,
    integers::{BORDERS, EIGHTHS, IntegerConv, IntegerNet, LEVELS, Outcome, RELU6_STEP, fine_weight},
    net::{pack, reading},
    observe::{Observed, Team},
    photo::{Added, Photo},
    tally::{Bytes, Read},
};
use crate::{
    error::Error,
    input::Input,
    spec::BLOCKS,
    stage::{self, Stage},
    topology::{ConvLayer, Part},
};

/// A channel of which fewer values lie inside 0..6 is moved no further than one of which so many do: they are too few
/// to tell.
const LEAST_INSIDE: f64 = 0.2;

/// Corrects the biases of all convolutions of a net by photos of this size; `observed` is what f32 gave for them.
/// `team.progress` hears how many of [`STAGES`] were begun.
///
/// # Errors
/// [`Error::InputSize`], [`Error::InputLength`] and [`Error::Pixel`] for photos that the net cannot read,
/// [`Error::Stopped`] if the progress breaks.
pub(crate) fn correct(
    net: &mut IntegerNet,
    observed: &Observed,
    size: [usize; 2],
    photos: &[Input<'_>],
    team: Team<'_>,
) -> Result<(), Error> {
    let nodes = stage::chain(&net.spec, net.numerics.padding, None, size)?;
    let mut walk = Walk { net, observed, team, photos: Vec::new() };
    for (at, node) in nodes.iter().enumerate() {
        if (team.progress)(at).is_break() {
            return Err(Error::Stopped);
        }
        match (&node.stage, nodes.get(at + 1).map(|next| &next.stage)) {
            (Stage::Stem(geometry), Some(Stage::Block(_, next))) => {
                walk.begin(size, geometry, photos)?;
                walk.stem(geometry, next);
            }
            (Stage::Block(block, geometry), _) => walk.block(*block, geometry),
            (Stage::Last, _) => walk.last(node.output),
            _ => {}
        }
    }
    Ok(())
}

/// Stages that [`correct`] goes through: the first convolution, the blocks, the last one and the mean.
pub(crate) const STAGES: usize = BLOCKS + 3;

/// What leaves a ReLU6, over the pixels of photos.
#[derive(Clone, Debug, Default)]
struct Clamped {
    pixels: usize,
    /// Of each channel: the sum of its real values.
    sums: Vec<f64>,
    /// Of each channel: how many of its values lie inside 0..6.
    inside: Vec<usize>,
}

/// All photos together on their way through the net.
struct Walk<'a> {
    net: &'a mut IntegerNet,
    observed: &'a Observed,
    team: Team<'a>,
    photos: Vec<Photo>,
}

impl Walk<'_> {
    /// Takes the photos in.
    fn begin(
        &mut self,
        size: [usize; 2],
        geometry: &ConvGeometry,
        photos: &[Input<'_>],
    ) -> Result<(), Error> {
        let (isa, expected) = (self.team.isa, stage::image_shape(size));
        let photo = |&pixels: &Input<'_>| match pixels.len() == expected.elements() {
            true => Photo::new(isa, geometry, pixels),
            false => Err(Error::InputLength { expected, got: pixels.len() }),
        };
        self.photos = photos.iter().map(photo).collect::<Result<_, Error>>()?;
        Ok(())
    }

    fn stem(&mut self, geometry: &ConvGeometry, next: &ConvGeometry) {
        self.correct_sums(ConvLayer::STEM, pixels(next.input()), |conv, photo| {
            let read = Read { upper: photo.taps_of_image(geometry), lower: Vec::new() };
            totals(conv, bordered(conv, geometry), &read)
        });
        // Once for what the ReLU6 leaves of sums whose mean is right, once with what was corrected by that.
        for is_done in [false, true] {
            let conv = &self.net.stem;
            let stem = PackedIntegerStem::pack(&conv.weights, &conv.bias, conv.rescale());
            self.each(|photo| photo.stem(&stem, geometry, next));
            if !is_done {
                self.correct_bytes(ConvLayer::STEM, pixels(next.input()), |photo, channels| {
                    photo.behind_expand(next, channels)
                });
            }
        }
    }

    fn block(&mut self, block: usize, geometry: &ConvGeometry) {
        let layer = |part| ConvLayer { part, block };
        if self.net.blocks[block].expand.is_some() {
            self.expand(layer(Part::Expand), geometry);
        }
        self.depthwise(layer(Part::Depthwise), geometry);
        let project = layer(Part::Project);
        let leaving = pixels(geometry.output());
        self.correct_sums(project, leaving, |conv, photo| {
            totals(conv, started(conv, leaving), &photo.read_by_project(conv.inputs()))
        });
        let packed = pack(self.net.conv(project), Reading::Bytes);
        let output = self.net.blocks[block].output;
        let added =
            Added { output, is_first: block == 0, is_residual: self.net.spec.blocks()[block].is_residual() };
        self.each(|photo| photo.project(&packed, geometry, added));
    }

    fn expand(&mut self, layer: ConvLayer, next: &ConvGeometry) {
        let entering = pixels(next.input());
        self.correct_sums(layer, entering, |conv, photo| {
            totals(conv, started(conv, entering), &photo.behind_block(conv.inputs()))
        });
        for is_done in [false, true] {
            let conv = self.net.conv(layer);
            let packed = pack(conv, reading(self.net.read_by(layer)));
            self.each(|photo| photo.expand(&packed, next));
            if !is_done {
                self.correct_bytes(layer, entering, |photo, channels| photo.behind_expand(next, channels));
            }
        }
    }

    fn depthwise(&mut self, layer: ConvLayer, geometry: &ConvGeometry) {
        let leaving = pixels(geometry.output());
        self.correct_sums(layer, leaving, |conv, photo| {
            let mut sums = started(conv, leaving);
            let taps = photo.taps(geometry, conv.outputs());
            for (at, (tap, &weight)) in taps.iter().zip(&conv.weights).enumerate() {
                sums[at % conv.outputs()] += tap * i64::from(weight);
            }
            sums
        });
        for is_done in [false, true] {
            let conv = self.net.conv(layer);
            let packed = PackedIntegerDepthwise::pack(&conv.weights, &conv.bias, conv.rescale());
            self.each(|photo| photo.depthwise(&packed, geometry));
            if !is_done {
                self.correct_bytes(layer, leaving, Photo::behind_depthwise);
            }
        }
    }

    fn last(&mut self, layout: Layout) {
        let channels = layout.channels();
        self.correct_sums(ConvLayer::LAST, layout.pixels(), |conv, photo| {
            totals(conv, started(conv, layout.pixels()), &photo.behind_block(conv.inputs()))
        });
        let packed = pack(&self.net.last, reading(self.net.read_by(ConvLayer::LAST)));
        self.correct_clamped(ConvLayer::LAST, |photo| Clamped::of(&photo.last(&packed, layout), channels));
    }

    /// Runs a layer over all photos.
    fn each(&mut self, run: impl Fn(&mut Photo) + Sync) {
        self.team.threads.map(&mut self.photos, run);
    }

    /// The first step: the mean of the sums. `of` gives the totals of a photo over so many pixels.
    fn correct_sums(
        &mut self,
        layer: ConvLayer,
        pixels: usize,
        of: impl Fn(&IntegerConv, &Photo) -> Vec<i64> + Sync,
    ) {
        let conv = self.net.conv(layer);
        let mut all = vec![0; conv.outputs()];
        for one in self.team.threads.map(&self.photos, |photo| of(conv, photo)) {
            all.iter_mut().zip(one).for_each(|(sum, one)| *sum += one);
        }
        let expected = self.observed.sums(layer);
        let pixels = (pixels * self.photos.len()) as f64;
        self.move_biases(layer, |output, worth, half| {
            // Half a unit of the shift is part of each bias, for rounding, and of no value.
            let mean = all[output] as f64 / pixels - half;
            expected[output] / worth - mean
        });
    }

    /// The second step where bytes are left: `of` gives those of a photo of so many channels, of so many pixels.
    fn correct_bytes(&mut self, layer: ConvLayer, pixels: usize, of: impl Fn(&Photo, usize) -> Bytes + Sync) {
        let channels = self.net.conv(layer).outputs();
        self.correct_clamped(layer, |photo| Clamped::of_bytes(pixels, of(photo, channels)));
    }

    /// The second step: the mean of what the ReLU6 leaves of the sums. `of` gives that of a photo.
    fn correct_clamped(&mut self, layer: ConvLayer, of: impl Fn(&Photo) -> Clamped + Sync) {
        let Some(expected) = self.observed.clamped(layer) else { return };
        let channels = self.net.conv(layer).outputs();
        let mut all = Clamped { pixels: 0, sums: vec![0.0; channels], inside: vec![0; channels] };
        for one in self.team.threads.map(&self.photos, of) {
            all.pixels += one.pixels;
            all.sums.iter_mut().zip(one.sums).for_each(|(sum, one)| *sum += one);
            all.inside.iter_mut().zip(one.inside).for_each(|(sum, one)| *sum += one);
        }
        let pixels = all.pixels as f64;
        self.move_biases(layer, |output, worth, _| {
            let inside = (all.inside[output] as f64 / pixels).max(LEAST_INSIDE);
            (expected[output] - all.sums[output] / pixels) / inside / worth
        });
    }

    /// Moves the biases of each output channel by a number of whole sums, which is had from what a sum of one is worth and
    /// from the half that is part of its bias.
    fn move_biases(&mut self, layer: ConvLayer, by: impl Fn(usize, f64, f64) -> f64) {
        let out = match layer.part {
            Part::Project => self.net.blocks[layer.block].output.step / f64::from(EIGHTHS),
            _ => RELU6_STEP,
        };
        let conv = self.net.conv_mut(layer);
        let outputs = conv.outputs();
        for output in 0..outputs {
            let (worth, half) = match &conv.outcome {
                Outcome::Rescaled(rescale) => {
                    (rescale[output].ratio() * out, f64::from(rescale[output].half()))
                }
                Outcome::Real(factors) => (f64::from(factors[output]), 0.0),
            };
            let moved = by(output, worth, half).round();
            // Of the first convolution all borders.
            for bias in conv.bias.iter_mut().skip(output).step_by(outputs) {
                *bias = (f64::from(*bias) + moved).clamp(-LARGEST_BIAS, LARGEST_BIAS) as i32;
            }
        }
    }
}

impl Clamped {
    /// Of values [P, C] from 0 to 6.
    fn of(values: &[f32], channels: usize) -> Self {
        let pixels = values.len() / channels;
        let mut all = Self { pixels, sums: vec![0.0; channels], inside: vec![0; channels] };
        for pixel in values.chunks_exact(channels) {
            for ((sum, inside), &value) in all.sums.iter_mut().zip(&mut all.inside).zip(pixel) {
                *sum += f64::from(value);
                *inside += usize::from(value > 0.0 && value < 6.0);
            }
        }
        all
    }

    /// Of bytes of so many pixels.
    fn of_bytes(pixels: usize, bytes: Bytes) -> Self {
        let worth = 6.0 / f64::from(LEVELS);
        let sums = bytes.sums.iter().map(|&sum| sum as f64 * worth).collect();
        Self { pixels, sums, inside: bytes.inside }
    }
}

fn pixels((height, width): (usize, usize)) -> usize {
    height * width
}

/// Where sums over so many pixels start.
fn started(conv: &IntegerConv, pixels: usize) -> Vec<i64> {
    conv.bias.iter().map(|&bias| i64::from(bias) * pixels as i64).collect()
}

/// Where sums of the first convolution over all pixels start: each has the bias of its border.
fn bordered(conv: &IntegerConv, geometry: &ConvGeometry) -> Vec<i64> {
    let ((height, width), (rows, columns), pads) = (geometry.input(), geometry.output(), geometry.pads());
    let side = |at: usize, before: usize, len: usize| {
        let first = at * geometry.stride();
        if first < before { 1 } else { usize::from(first + WINDOW > before + len) * 2 }
    };
    let mut counts = [0i64; BORDERS];
    for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
        counts[side(y, pads.top, height) * 3 + side(x, pads.left, width)] += 1;
    }
    let mut sums = vec![0; conv.outputs()];
    for (count, biases) in counts.iter().zip(conv.bias.chunks_exact(sums.len())) {
        sums.iter_mut().zip(biases).for_each(|(sum, &bias)| *sum += count * i64::from(bias));
    }
    sums
}

/// Sums of a convolution over all pixels, from where they start and the sums of what each row of weights meets.
fn totals(conv: &IntegerConv, mut sums: Vec<i64>, read: &Read) -> Vec<i64> {
    for (input, weights) in conv.weights.chunks_exact(conv.outputs()).enumerate() {
        let (upper, lower) = (read.upper[input], read.lower.get(input).copied().unwrap_or(0));
        for (sum, &weight) in sums.iter_mut().zip(weights) {
            *sum += upper * i64::from(weight) + lower * i64::from(fine_weight(weight));
        }
    }
    sums
}
