//! The integers of a net as other engines define theirs: `real = scale * (integer - zero)`, one scale and zero for all
//! that leaves a layer, one scale for the weights of each output channel, biases worth the product of both scales.
//!
//! | ours | there |
//! |---|---|
//! | a sum starts at a bias that holds half of what is shifted out, and the zeros of what enters | a bias alone: both are taken out |
//! | a multiplier and a shift for each channel | scale of the input * scale of the weights / scale of the output |
//! | what leaves a block is kept in eighths, and small ones are read with all bits | bytes, rounded once more |
//! | the padding of an image is the pixel that stands for 0.0, 127.5 for Keras | the nearest whole pixel |
//!
//! So weights and biases are ours to the last bit, and what differs is rounding between the layers: see `docs/export.md`
//! for how often the answers agree.

use icecap_graph::int8::{Bottleneck, IntegerConv, IntegerNet, Outcome, RELU6_STEP, fine_weight};
use icecap_graph::{ConvLayer, INPUT_CHANNELS, Part, Scaling};

/// The largest byte.
const LARGEST: f64 = 255.0;

/// The smallest share of a step of what leaves a channel that a sum of one may be worth: with less, nothing comes of the
/// largest sum.
const SMALLEST_SHARE: f64 = 1.0 / (1u32 << 30) as f64;

/// The mean of the lower three bits of a value.
const MEAN_EIGHTHS: f64 = 3.5;

/// What the bytes of a layer's output stand for: `scale * (byte - zero)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Steps {
    pub(crate) scale: f32,
    pub(crate) zero: u8,
}

impl Steps {
    /// Behind a ReLU6: 0 to 6, so that a byte's own limits are those of the ReLU6.
    pub(crate) const RELU6: Self = Self { scale: RELU6_STEP as f32, zero: 0 };

    fn of(bottleneck: Bottleneck) -> Self {
        Self { scale: bottleneck.step as f32, zero: bottleneck.zero }
    }
}

/// What the first convolution reads: each pixel of 0 to 255 less the whole number that is nearest to what the net sees as
/// 0.0, in steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PixelSteps {
    /// That number, for red, green and blue.
    pub(crate) center: [f32; INPUT_CHANNELS],
    pub(crate) steps: Steps,
}

impl PixelSteps {
    /// # Errors
    /// A sentence that says why, for a scaling by which 0.0 is no pixel of 0 to 255.
    pub(crate) fn of(scaling: &Scaling) -> Result<Self, String> {
        // A half goes up, also where f32 left it a little below: Keras' 127.5 becomes 128.
        let center: [f64; INPUT_CHANNELS] = std::array::from_fn(|c| {
            (1e-3 - f64::from(scaling.shift[c]) / f64::from(scaling.scale[c])).round()
        });
        if let Some(zero) = center.iter().find(|center| !(0.0..=LARGEST).contains(*center)) {
            return Err(format!(
                "its pixels are scaled so that 0.0 stands for a value of {zero}; int8 needs one of 0 to 255: export it in \
                 f32"
            ));
        }
        let lowest = center.iter().fold(0.0f64, |most, center| most.max(*center));
        let range = lowest + center.iter().fold(0.0f64, |most, center| most.max(LARGEST - center));
        // At most 255.
        let zero = (lowest / range * LARGEST).round() as u8;
        Ok(Self {
            center: center.map(|center| center as f32),
            steps: Steps { scale: (range / LARGEST) as f32, zero },
        })
    }

    /// Whether a byte is a pixel as it comes, so that nothing has to be computed for it.
    pub(crate) fn are_pixels(&self) -> bool {
        self.steps.scale == 1.0
    }
}

/// A convolution of bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AffineConv {
    /// In the order of our own: output channels last.
    pub(crate) weights: Vec<i8>,
    /// The real value of a weight of one, for each output channel.
    pub(crate) weight_scales: Vec<f32>,
    /// For each output channel.
    pub(crate) bias: Vec<i32>,
    pub(crate) input: Steps,
    pub(crate) output: Steps,
}

impl AffineConv {
    /// The real value of a bias of one, for each output channel.
    pub(crate) fn bias_scales(&self) -> Vec<f32> {
        self.weight_scales.iter().map(|scale| self.input.scale * scale).collect()
    }
}

/// A net in integers, for export.
#[derive(Debug)]
pub(crate) struct AffineNet<'a> {
    net: &'a IntegerNet,
    pub(crate) pixels: PixelSteps,
}

impl<'a> AffineNet<'a> {
    /// # Errors
    /// Those of [`PixelSteps::of`].
    pub(crate) fn new(net: &'a IntegerNet) -> Result<Self, String> {
        Ok(Self { net, pixels: PixelSteps::of(&net.numerics.scaling)? })
    }

    /// What leaves a block.
    pub(crate) fn block(&self, block: usize) -> Steps {
        Steps::of(self.net.blocks[block].output)
    }

    /// A convolution.
    pub(crate) fn conv(&self, layer: ConvLayer) -> AffineConv {
        let conv = self.net.conv(layer);
        let (input, steps) = self.around(layer);
        let worths = self.worths(layer, conv);
        let outputs = worths.len();
        let mut weights = conv.weights.clone();
        let (mut weight_scales, mut bias) = (Vec::with_capacity(outputs), Vec::with_capacity(outputs));
        for (output, &worth) in worths.iter().enumerate() {
            if worth < f64::from(steps.scale) * SMALLEST_SHARE {
                // Engines refuse a scale that is 0 or nearly so.
                weights.iter_mut().skip(output).step_by(outputs).for_each(|weight| *weight = 0);
                weight_scales.push(steps.scale / input.scale);
                bias.push(0);
                continue;
            }
            let own = conv.weights.iter().skip(output).step_by(outputs);
            let start = self.start(layer, f64::from(input.zero), own.copied());
            let half = match &conv.outcome {
                Outcome::Rescaled(rescale) => rescale[output].half(),
                Outcome::Real(_) => 0,
            };
            // Of the first convolution this is the bias inside the image. A cast keeps what is too large at the end.
            let sum = f64::from(conv.bias[output] - half) + start;
            let (step, sum) = match layer.part {
                Part::Stem => (1.0, sum / f64::from(self.pixels.steps.scale)),
                _ => (f64::from(input.scale), sum),
            };
            weight_scales.push((worth / step) as f32);
            bias.push(sum.round() as i32);
        }
        AffineConv { weights, weight_scales, bias, input, output: steps }
    }

    /// What a convolution reads and gives.
    pub(crate) fn around(&self, layer: ConvLayer) -> (Steps, Steps) {
        let last = self.net.blocks.len() - 1;
        match layer.part {
            Part::Stem => (self.pixels.steps, Steps::RELU6),
            Part::Expand => (self.block(layer.block - 1), Steps::RELU6),
            Part::Depthwise => (Steps::RELU6, Steps::RELU6),
            Part::Project => (Steps::RELU6, self.block(layer.block)),
            Part::Last => (self.block(last), Steps::RELU6),
        }
    }

    /// The real value of a sum of one, for each output channel.
    fn worths(&self, layer: ConvLayer, conv: &IntegerConv) -> Vec<f64> {
        let step = match layer.part {
            Part::Project => {
                self.net.blocks[layer.block].output.step / f64::from(icecap_graph::int8::EIGHTHS)
            }
            _ => RELU6_STEP,
        };
        match &conv.outcome {
            Outcome::Rescaled(rescale) => rescale.iter().map(|rescale| rescale.ratio() * step).collect(),
            Outcome::Real(factors) => factors.iter().map(|&factor| f64::from(factor)).collect(),
        }
    }

    /// What has to be added to our bias where the zeros of what enters are taken from it, which our bias has inside.
    fn start(&self, layer: ConvLayer, zero: f64, weights: impl Iterator<Item = i8> + Clone) -> f64 {
        let sum = |of: &dyn Fn(usize, i8) -> f64| -> f64 {
            weights.clone().enumerate().map(|(input, weight)| of(input, weight)).sum()
        };
        match layer.part {
            Part::Stem => sum(&|input, weight| {
                f64::from(weight) * f64::from(self.pixels.center[input % INPUT_CHANNELS])
            }),
            Part::Depthwise | Part::Project => 0.0,
            Part::Expand | Part::Last => {
                let zeros = sum(&|_, weight| f64::from(weight) * zero);
                let fine = self.net.reads_fine(layer);
                // Ours reads the lower bits with rounded weights, or rounds them up from a half on: either shifts the
                // mean of a sum, and what other engines make of real numbers does not.
                let shift = match fine {
                    true => {
                        sum(&|_, weight| f64::from(fine_weight(weight)) - f64::from(weight) / 8.0)
                            * MEAN_EIGHTHS
                    }
                    false => sum(&|_, weight| f64::from(weight)) / 16.0,
                };
                zeros + shift
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use icecap_graph::Numerics;
    use icecap_graph::int8::{EIGHTHS, LEVELS};
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;
    use crate::onnx::tests::{model_of, params, symmetric};

    /// A value of 0 to `largest`.
    fn draw(stream: &mut Stream, largest: i32) -> i32 {
        (stream.range(0.0, 1.0) * (largest as f32 + 0.999)) as i32
    }

    /// What our integers make of one window's values, as a real number: eighths of what left the block `read`, else bytes.
    fn ours(conv: &IntegerConv, output: usize, values: &[i32], read: Option<Bottleneck>) -> f64 {
        let outputs = match &conv.outcome {
            Outcome::Rescaled(rescale) => rescale.len(),
            Outcome::Real(factors) => factors.len(),
        };
        let weights = conv.weights.iter().skip(output).step_by(outputs);
        let term = |(&weight, &value): (&i8, &i32)| match read.map(|read| read.fine) {
            None => i32::from(weight) * value,
            Some(false) => i32::from(weight) * ((value + 4) >> 3).min(255),
            Some(true) => i32::from(weight) * (value >> 3) + i32::from(fine_weight(weight)) * (value & 7),
        };
        let sum = conv.bias[output] + weights.zip(values).map(term).sum::<i32>();
        match &conv.outcome {
            Outcome::Rescaled(rescale) => f64::from(rescale[output].apply(sum)),
            Outcome::Real(factors) => {
                (f64::from(sum) * f64::from(factors[output])).clamp(0.0, 6.0) / RELU6_STEP
            }
        }
    }

    /// What another engine makes of the same values, as bytes before they are cut off.
    fn theirs(conv: &AffineConv, output: usize, bytes: &[i32]) -> f64 {
        let weights = conv.weights.iter().skip(output).step_by(conv.bias.len());
        let term =
            |(&weight, &byte): (&i8, &i32)| i64::from(weight) * i64::from(byte - i32::from(conv.input.zero));
        let sum = i64::from(conv.bias[output]) + weights.zip(bytes).map(term).sum::<i64>();
        let scale = f64::from(conv.bias_scales()[output]) / f64::from(conv.output.scale);
        sum as f64 * scale + f64::from(conv.output.zero)
    }

    /// Both on the same random values: the largest and the mean difference, in steps of the output.
    fn differences(net: &IntegerNet, layer: ConvLayer) -> (f64, f64) {
        let affine = AffineNet::new(net).unwrap();
        let (own, other) = (net.conv(layer), affine.conv(layer));
        let outputs = other.bias.len();
        let (inputs, read) = (own.weights.len() / outputs, net.read_by(layer));
        let eighths = read.is_some();
        let mut stream = Stream::new(7, Purpose::Test, 0, layer.block as u32);
        let (mut largest, mut sum, mut count) = (0.0f64, 0.0, 0.0);
        for round in 0..20 * outputs {
            let output = round % outputs;
            let most = if eighths { EIGHTHS * i32::from(LEVELS) } else { i32::from(LEVELS) };
            let values: Vec<i32> = (0..inputs).map(|_| draw(&mut stream, most)).collect();
            // A half goes to the even one, so that the mean stays.
            let byte = |value: &i32| (f64::from(*value) / f64::from(EIGHTHS)).round_ties_even() as i32;
            let bytes: Vec<i32> =
                values.iter().map(|value| if eighths { byte(value) } else { *value }).collect();
            let (mut own, mut other) = (ours(own, output, &values, read), theirs(&other, output, &bytes));
            if layer.part == Part::Project {
                own = own / f64::from(EIGHTHS) + f64::from(net.blocks[layer.block].output.zero);
            }
            (own, other) = (own.clamp(0.0, 255.0), other.clamp(0.0, 255.0));
            largest = largest.max((own - other).abs());
            sum += own - other;
            count += 1.0;
        }
        (largest, sum / count)
    }

    #[test]
    fn other_engines_get_what_our_integers_give() {
        let model = model_of(3, Numerics::KERAS, [96, 96]);
        let net = IntegerNet::from_weights(params(&model)).unwrap();
        for layer in ConvLayer::all() {
            let (largest, mean) = differences(&net, layer);
            // Ours rounds a sum to 16 bits and its product once more; where it reads eighths, so much is noise.
            let most = if matches!(layer.part, Part::Expand | Part::Last) { 30.0 } else { 1.01 };
            assert!(largest <= most && mean.abs() < 0.1, "{}: {largest} {mean}", layer.name());
        }
    }

    #[test]
    fn a_channel_of_which_nothing_comes_has_a_scale_all_the_same() {
        let model = model_of(3, symmetric(), [96, 96]);
        let mut net = IntegerNet::from_weights(params(&model)).unwrap();
        let project = ConvLayer { part: Part::Project, block: 3 };
        let Outcome::Rescaled(rescale) = &mut net.conv_mut(project).outcome else { panic!("a projection") };
        rescale[1] = icecap_kernels::Rescale::new(5, 0).unwrap();
        let conv = AffineNet::new(&net).unwrap().conv(project);
        assert!(conv.weight_scales[1] > 0.0);
        assert_eq!((conv.bias[1], theirs(&conv, 1, &[255; 1000])), (0, f64::from(conv.output.zero)));
        assert_ne!(theirs(&conv, 2, &[255; 1000]), f64::from(conv.output.zero));
    }

    #[test]
    fn the_zero_of_pixels_is_whole() {
        let zero = |scaling: &Scaling| PixelSteps::of(scaling).unwrap();
        let keras = zero(&Scaling::SIGNED);
        assert_eq!((keras.center, keras.steps), ([128.0; 3], Steps { scale: 1.0, zero: 128 }));
        assert!(keras.are_pixels());
        let plain = zero(&Scaling { scale: [1.0 / 255.0; 3], shift: [0.0; 3] });
        assert_eq!((plain.center, plain.steps), ([0.0; 3], Steps { scale: 1.0, zero: 0 }));
        for shift in [1.0, -256.0, f32::MAX] {
            assert!(PixelSteps::of(&Scaling { scale: [1.0; 3], shift: [shift; 3] }).is_err());
        }
    }
}
