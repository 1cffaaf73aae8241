//! What BatchNorm knows of the values that pass it, without a photo: behind it a channel has the mean beta and the
//! deviation |gamma|, and its values are spread like a bell.
//!
//! Everything is computed with sums, products, roots and functions of software, so that it has the same bits on every
//! processor.

use super::source::Source;
use crate::{
    error::Error,
    params::Params,
    spec::BLOCKS,
    topology::{ConvLayer, Part},
};

/// How many deviations to each side of the mean a bottleneck's range reaches.
const REACH: f64 = 6.0;

/// Mean and variance of each channel.
#[derive(Clone, Debug)]
struct Spread {
    mean: Vec<f64>,
    variance: Vec<f64>,
}

/// Mean values of what enters a convolution, and the ranges of what leaves the blocks.
#[derive(Clone, Debug)]
pub(crate) struct Statistics {
    /// Of each block: the mean of each channel that leaves it.
    means: Vec<Vec<f64>>,
    /// Of each block: the smallest and the largest value that leaves it.
    ranges: Vec<[f64; 2]>,
}

impl Statistics {
    /// Reads the statistics of a net's BatchNorm.
    ///
    /// # Errors
    /// [`Error::NoStatistics`] if they say nothing: in nets whose BatchNorm was folded away, or which were never
    /// trained, all means are 0 and all gammas are equal.
    pub(crate) fn new(params: &Params) -> Result<Self, Error> {
        let says_nothing = |layer: ConvLayer| {
            let gamma = params.values(&layer.vector("gamma"));
            let mean = params.values(&layer.vector("moving_mean"));
            mean.iter().all(|&mean| mean == 0.0) && gamma.iter().all(|&one| one == gamma[0])
        };
        if ConvLayer::all().all(says_nothing) {
            return Err(Error::NoStatistics);
        }
        let (mut means, mut ranges) = (Vec::new(), Vec::new());
        let mut before: Option<Spread> = None;
        for block in 0..BLOCKS {
            let mut spread = spread(params, ConvLayer { part: Part::Project, block });
            // What is added is added: means add, and so do variances of values that do not hang together.
            if let Some(before) = before.filter(|_| params.spec().blocks()[block].is_residual()) {
                spread.mean.iter_mut().zip(&before.mean).for_each(|(mean, before)| *mean += before);
                spread.variance.iter_mut().zip(&before.variance).for_each(|(one, before)| *one += before);
            }
            let reach = |sign: f64| {
                let ends = spread.mean.iter().zip(&spread.variance);
                ends.map(move |(mean, variance)| mean + sign * REACH * variance.sqrt())
            };
            let mut range = [reach(-1.0).fold(0.0, f64::min), reach(1.0).fold(0.0, f64::max)];
            if block == 0 && params.spec().blocks()[0].is_residual() {
                // What the first convolution gave is added.
                range[1] += 6.0;
                let stem = clamped_means(params, ConvLayer::STEM);
                spread.mean.iter_mut().zip(stem).for_each(|(mean, stem)| *mean += stem);
            }
            ranges.push(range);
            means.push(spread.mean.clone());
            before = Some(spread);
        }
        Ok(Self { means, ranges })
    }

    /// Returns the range of what leaves each block.
    pub(crate) fn ranges(&self) -> &[[f64; 2]] {
        &self.ranges
    }

    /// Returns the mean of each channel that enters a convolution, as a real number; `None` for the pixels, of which
    /// BatchNorm knows nothing.
    pub(crate) fn means_before(&self, params: &Params, layer: ConvLayer) -> Option<Vec<f64>> {
        match Source::of(layer) {
            Source::Pixels => None,
            Source::Relu6(before) => Some(clamped_means(params, before)),
            Source::Block(block) => Some(self.means[block].clone()),
        }
    }
}

fn spread(params: &Params, layer: ConvLayer) -> Spread {
    let values =
        |variable: &str| params.values(&layer.vector(variable)).iter().map(|&value| f64::from(value));
    Spread { mean: values("beta").collect(), variance: values("gamma").map(|gamma| gamma * gamma).collect() }
}

/// The mean of each channel behind the ReLU6 of a convolution.
fn clamped_means(params: &Params, layer: ConvLayer) -> Vec<f64> {
    let Spread { mean, variance } = spread(params, layer);
    mean.iter().zip(&variance).map(|(&mean, variance)| clamped_mean(mean, variance.sqrt())).collect()
}

/// The mean of a bell of this mean and deviation whose values are kept in 0..=6.
fn clamped_mean(mean: f64, deviation: f64) -> f64 {
    if deviation < 1e-12 {
        return mean.clamp(0.0, 6.0);
    }
    let (low, high) = (-mean / deviation, (6.0 - mean) / deviation);
    let below = |x: f64| 0.5 * (1.0 + libm::erf(x / std::f64::consts::SQRT_2));
    let density = |x: f64| libm::exp(-0.5 * x * x) / (2.0 * std::f64::consts::PI).sqrt();
    let inside = below(high) - below(low);
    mean * inside + deviation * (density(low) - density(high)) + 6.0 * (1.0 - below(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clamped_bell_has_the_mean_that_adding_up_gives() {
        for (mean, deviation) in [(0.0, 1.0), (-3.0, 1.5), (5.0, 2.0), (7.0, 0.5), (2.0, 0.0), (-50.0, 1.0)] {
            let (mut sum, mut weight) = (0.0, 0.0);
            for step in -8000..=8000 {
                let at = f64::from(step) / 1000.0;
                let density = (-0.5 * at * at).exp();
                sum += density * (mean + deviation * at).clamp(0.0, 6.0);
                weight += density;
            }
            let got = clamped_mean(mean, deviation);
            assert!((got - sum / weight).abs() < 1e-6, "{mean} {deviation}: {got} and {}", sum / weight);
        }
    }
}
