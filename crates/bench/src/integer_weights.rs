//! Drawn weights of a convolution in integers, and what the oracle's sums become.

use icecap_graph::int8::fine_weight;
use icecap_kernels::int8::{IntegerWeights, Reading};
use icecap_kernels::{Rescale, integer_oracle};

use crate::drawn::Draw;
use crate::integer_layout::{both, coarse};

/// Sums spread over this many of their deviations fill the range of what leaves.
const SPREAD: f64 = 4.0;

/// Drawn weights of a convolution, scaled so that what leaves fills its range.
pub(crate) struct Drawn {
    pub(crate) weights: Vec<i8>,
    pub(crate) bias: Vec<i32>,
    pub(crate) rescale: Vec<Rescale>,
    pub(crate) factors: Vec<f32>,
}

impl Drawn {
    /// For `outputs` channels of `inputs` products each, `biases` for each of them, and values up to `range`.
    pub(crate) fn new(inputs: usize, outputs: usize, biases: usize, range: f64) -> Self {
        let mut draw = Draw::new();
        let weights = draw.weights(inputs * outputs);
        // Bytes and weights are drawn evenly: their roots of mean squares are 255 and 127, divided by that of three.
        let deviation = 255.0 * 127.0 / 3.0 * (inputs as f64).sqrt();
        let bias = draw.whole(biases * outputs, deviation as i32);
        let ratio = range / (SPREAD * deviation);
        let shift = (600.0 / ratio).log2() as i32 - 15;
        let shift = shift.clamp(0, i32::from(Rescale::MAX_SHIFT)) as u8;
        let multiplier = (ratio * f64::from(1u32 << (15 + u32::from(shift)))) as i32;
        let multipliers = draw.whole(outputs, multiplier / 2).into_iter().map(|more| multiplier + more);
        let rescale = multipliers.filter_map(|multiplier| Rescale::new(shift, multiplier as i16)).collect();
        let factors = draw.whole(outputs, 100).into_iter();
        let factors = factors.map(|percent| (ratio * (1.0 + f64::from(percent) / 200.0)) as f32).collect();
        Self { weights, bias, rescale, factors }
    }

    pub(crate) fn integers(&self, reading: Reading) -> IntegerWeights<'_> {
        IntegerWeights { weights: &self.weights, bias: &self.bias, reading }
    }

    pub(crate) fn rescaled(&self, sums: &[i32]) -> Vec<i16> {
        sums.iter().zip(self.rescale.iter().cycle()).map(|(&sum, rescale)| rescale.apply(sum)).collect()
    }

    pub(crate) fn clamped(&self, sums: &[i32]) -> Vec<u8> {
        self.rescaled(sums).into_iter().map(|value| value.clamp(0, 255) as u8).collect()
    }

    /// The sums of a 1x1 convolution that reads a bottleneck.
    pub(crate) fn sums(&self, reading: Reading, bottleneck: &[i16]) -> Vec<i32> {
        if reading == Reading::Bytes {
            let bytes: Vec<u8> = bottleneck.iter().map(|&eighth| coarse(eighth)).collect();
            return integer_oracle::pointwise(&bytes, &self.weights, &self.bias);
        }
        let (upper, lower): (Vec<u8>, Vec<u8>) =
            bottleneck.iter().map(|&eighth| both(eighth)).map(|[upper, lower]| (upper, lower)).unzip();
        let eighth: Vec<i8> = self.weights.iter().map(|&weight| fine_weight(weight)).collect();
        let mut sums = integer_oracle::pointwise(&upper, &self.weights, &self.bias);
        let rest = integer_oracle::pointwise(&lower, &eighth, &vec![0; self.bias.len()]);
        sums.iter_mut().zip(rest).for_each(|(sum, rest)| *sum += rest);
        sums
    }
}
