//! One convolution from real numbers to integers.

use icecap_kernels::Rescale;

use super::{
    integers::{BORDERS, Bottleneck, IntegerConv, LEVELS, Outcome, RELU6_STEP, fine_weight},
    rounding::round,
};
use crate::{
    error::Error,
    fold::Folded,
    numerics::Scaling,
    topology::{Convolution, Part},
};

/// The largest weight in integers. Weights are symmetric: -128 is not used.
pub(crate) const LARGEST_WEIGHT: f64 = 127.0;

/// The largest size of a bias: with the largest shift a sum beyond it is cut off whatever is added to it.
pub(crate) const LARGEST_BIAS: f64 = (1 << 28) as f64;

/// The mean of the lower three bits of a value.
const MEAN_EIGHTHS: f64 = 3.5;

/// What enters a convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry {
    /// Pixels, of which the net expects this.
    Pixels(Scaling),
    /// What a ReLU6 left.
    Relu6,
    /// What left a block.
    Bottleneck(Bottleneck),
}

impl Entry {
    /// The real value of a step.
    fn step(self) -> f64 {
        match self {
            // The scale of a pixel is part of the weights.
            Self::Pixels(_) => 1.0,
            Self::Relu6 => RELU6_STEP,
            Self::Bottleneck(bottleneck) => bottleneck.step,
        }
    }
}

/// What leaves a convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Exit {
    /// Integers whose step is worth this, of which those of up to `limit` are useful.
    Steps { step: f64, limit: i32 },
    /// Real numbers.
    Real,
}

/// The sums of one output channel: what one is worth as a real number, and how it becomes a value.
struct Unit {
    /// The real value of a sum of one.
    worth: f64,
    rescale: Rescale,
}

/// Quantizes a convolution. `means` are those of the channels that enter, as real numbers: what rounding the weights
/// adds to the sums of such inputs is taken from the bias.
///
/// # Errors
/// [`Error::Int8Channel`] if the weights of a channel are so large beside what leaves it that a sum of one would be more
/// than a step.
pub(crate) fn quantize(
    convolution: &Convolution,
    folded: &Folded,
    entry: Entry,
    exit: Exit,
    means: Option<&[f64]>,
) -> Result<IntegerConv, Error> {
    let outputs = convolution.outputs;
    let inputs = folded.weights.len() / outputs;
    let mut conv = IntegerConv {
        weights: vec![0; folded.weights.len()],
        bias: Vec::with_capacity(outputs),
        outcome: Outcome::Real(Vec::new()),
    };
    let mut units = Vec::with_capacity(outputs);
    // Of each border a bias for each output.
    let mut biases =
        vec![Vec::with_capacity(outputs); if matches!(entry, Entry::Pixels(_)) { BORDERS } else { 1 }];
    // What is known of inputs that move together: a window's values are alike, also where no mean is known.
    let ones = vec![1.0; inputs];
    let alike = means.filter(|_| !matches!(convolution.layer.part, Part::Stem | Part::Depthwise));
    for output in 0..outputs {
        let real: Vec<f64> =
            (0..inputs).map(|k| real_weight(folded, entry, k, k * outputs + output)).collect();
        let unit = unit(&real, f64::from(folded.bias[output]), entry.step(), exit).ok_or_else(|| {
            let largest = real.iter().fold(0.0f64, |most, weight| most.max(weight.abs()));
            Error::Int8Channel { layer: convolution.layer.name(), channel: output, largest }
        })?;
        let step = unit.worth / entry.step();
        let steps: Vec<f64> = real.iter().map(|weight| weight / step).collect();
        let whole = round(&steps, alike.unwrap_or(&ones), LARGEST_WEIGHT);
        let sums = Sums { convolution, entry, real: &real, whole: &whole, step };
        let start = (f64::from(folded.bias[output]) - sums.rounding(means, output)) / unit.worth;
        for (border, biases) in biases.iter_mut().enumerate() {
            let bias = (start - sums.zero(border)).round().clamp(-LARGEST_BIAS, LARGEST_BIAS);
            biases.push(bias as i32 + unit.rescale.half());
        }
        whole.iter().enumerate().for_each(|(k, &weight)| conv.weights[k * outputs + output] = weight);
        units.push(unit);
    }
    conv.bias = biases.concat();
    conv.outcome = match exit {
        Exit::Steps { .. } => Outcome::Rescaled(units.iter().map(|unit| unit.rescale).collect()),
        Exit::Real => Outcome::Real(units.iter().map(|unit| unit.worth as f32).collect()),
    };
    Ok(conv)
}

/// A weight as it meets the integers that enter: that of a pixel has the pixel's scale in it.
fn real_weight(folded: &Folded, entry: Entry, input: usize, at: usize) -> f64 {
    let weight = f64::from(folded.weights[at]);
    match entry {
        Entry::Pixels(scaling) => weight * f64::from(scaling.scale[input % 3]),
        _ => weight,
    }
}

/// How the sums of a channel of these weights become values. `None` if a sum of one would be more than a step.
fn unit(weights: &[f64], bias: f64, step: f64, exit: Exit) -> Option<Unit> {
    let largest = weights.iter().fold(0.0f64, |most, weight| most.max(weight.abs()));
    match exit {
        Exit::Real => {
            // A channel without weights still has a bias, to be met within a millionth.
            let worth = (step * largest / LARGEST_WEIGHT).max(bias.abs() / f64::from(1 << 22)).max(1e-12);
            // As it is stored; never smaller, or the largest weight would be cut off.
            let stored = (worth as f32).next_up();
            Some(Unit { worth: f64::from(stored), rescale: Rescale::default() })
        }
        Exit::Steps { step: out, limit } => {
            // A useful sum is to come near what 16 bits hold, but not beyond: so the multiplier has its ten bits or more.
            let fewest = f64::from(2 * limit);
            let needed = (step * largest / LARGEST_WEIGHT / out)
                .max(fewest / f64::from(1u32 << (15 + u32::from(Rescale::MAX_SHIFT))));
            let mut shift = Rescale::MAX_SHIFT;
            let scaled = |shift: u8| (needed * f64::from(1u32 << (15 + u32::from(shift)))).ceil();
            while shift > 0 && scaled(shift) > 2.0 * fewest {
                shift -= 1;
            }
            let multiplier = scaled(shift);
            if multiplier.is_nan() || multiplier > f64::from(i16::MAX) {
                return None;
            }
            let rescale = Rescale::new(shift, multiplier as i16)?;
            Some(Unit { worth: rescale.ratio() * out, rescale })
        }
    }
}

/// What the integers of one output channel add to its sums beside the products that are meant.
struct Sums<'a> {
    convolution: &'a Convolution,
    entry: Entry,
    real: &'a [f64],
    whole: &'a [i8],
    /// The real value of a weight of one.
    step: f64,
}

impl Sums<'_> {
    /// Sums of what stands for zero: the pixels' or the bottleneck's zero is no byte of 0.
    fn zero(&self, border: usize) -> f64 {
        match self.entry {
            Entry::Relu6 => 0.0,
            Entry::Bottleneck(bottleneck) => {
                f64::from(bottleneck.zero) * self.whole.iter().map(|&weight| f64::from(weight)).sum::<f64>()
            }
            Entry::Pixels(scaling) => {
                let zero = |c: usize| -f64::from(scaling.shift[c]) / f64::from(scaling.scale[c]);
                let inside = |input: &usize| !outside(border, input / 3);
                let taps = (0..self.whole.len()).filter(inside);
                taps.map(|input| zero(input % 3) * f64::from(self.whole[input])).sum()
            }
        }
    }

    /// The real value of what rounding the weights adds to the mean of a sum.
    fn rounding(&self, means: Option<&[f64]>, output: usize) -> f64 {
        let Some(means) = means else { return 0.0 };
        let off = |input: usize| f64::from(self.whole[input]) * self.step - self.real[input];
        let weights: f64 = match self.convolution.layer.part {
            Part::Depthwise => (0..self.whole.len()).map(|tap| off(tap) * means[output]).sum(),
            _ => (0..self.whole.len()).map(|input| off(input) * means[input]).sum(),
        };
        match self.entry {
            Entry::Bottleneck(bottleneck) if bottleneck.fine => {
                let eighth = |&weight: &i8| f64::from(fine_weight(weight)) - f64::from(weight) / 8.0;
                let eighths: f64 = self.whole.iter().map(eighth).sum();
                weights + eighths * MEAN_EIGHTHS * self.step * bottleneck.step
            }
            _ => weights,
        }
    }
}

/// Whether the tap of a 3x3 window lies outside the image at this border: a border is three times its row, then its
/// column, each 0 inside, 1 before the image's first and 2 behind its last.
pub(crate) fn outside(border: usize, tap: usize) -> bool {
    let misses = |side: usize, at: usize| side == 1 && at == 0 || side == 2 && at == 2;
    misses(border / 3, tap / 3) || misses(border % 3, tap % 3)
}

/// The steps of what leaves a block of this range: the zero is a whole step, so that 0.0 stays 0.0.
///
/// A range without width, of a block that gives nothing but zeros, has steps of 1.
pub(crate) fn bottleneck([low, high]: [f64; 2]) -> Bottleneck {
    let step = (high - low) / f64::from(LEVELS);
    if !(step > 0.0 && step.is_finite()) {
        return Bottleneck { step: 1.0, zero: 0, fine: false };
    }
    Bottleneck { step, zero: (-low / step).round() as u8, fine: false }
}

/// The steps of what leaves a first block that adds what the first convolution gave: those of a ReLU6, doubled as often as
/// the range asks for.
pub(crate) fn bottleneck_of_relu6([low, high]: [f64; 2]) -> Bottleneck {
    let needed = Bottleneck { step: (high - low) / f64::from(LEVELS), zero: 0, fine: false };
    let step = RELU6_STEP * f64::from(1 << needed.relu6_shift());
    Bottleneck { step, zero: (-low / step).round().min(f64::from(LEVELS)) as u8, fine: false }
}
