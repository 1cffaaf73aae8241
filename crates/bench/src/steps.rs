//! The net step by step: the time of each step of a plan, and its multiply-adds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use icecap::Error;
use icecap_graph::{Net, Padding, Precision, Spec, Tap, layers};
use icecap_kernels::{Isa, Threads};

use crate::drawn::pixels;
use crate::integer_shape::products;
use crate::pass::{Pass, check_pooled, portable_pooled};
use crate::timing::{Timing, time};

/// One step of a plan, with its time.
#[derive(Clone, Debug, PartialEq)]
pub struct StepTime {
    /// The Keras name of the layer that the step ends with, or `all` for the whole pass.
    pub name: String,
    /// The products that are added in all layers since the step before, of f32 or of bytes.
    pub macs: usize,
    /// The time of the step.
    pub timing: Timing,
}

/// The fewest passes whose steps are timed, however small the budget.
const FEWEST_PASSES: usize = 5;

/// Times each step of the plan of `net` for one image of `size` x `size`. The last entry is the whole pass. The answer is
/// compared with that of the portable kernels first.
///
/// # Errors
/// [`Error::Graph`] for a size that the net does not take.
///
/// # Panics
/// If the answer is wrong.
///
/// # Cost
/// Twice `budget`.
pub fn steps(
    net: &Arc<Net>,
    isa: Isa,
    threads: &Threads,
    size: usize,
    budget: Duration,
) -> Result<Vec<StepTime>, Error> {
    let (image, precision) = (pixels(size * size * 3), net.precision());
    let expected = portable_pooled(net, threads, size, &image)?;
    let mut pass = Pass::new(net, isa, threads, size, &image)?;
    check_pooled(&format!("{isa} at {size}x{size}"), precision, pass.pooled(), &expected);

    let taps: Vec<Tap> = pass.profile()?.into_iter().map(|(tap, _)| tap).collect();
    check_pooled(&format!("{isa} at {size}x{size}, step by step"), precision, pass.pooled(), &expected);
    let mut times = vec![Vec::new(); taps.len()];
    let began = Instant::now();
    while times[0].len() < FEWEST_PASSES || began.elapsed() < budget {
        for (times, (_, took)) in times.iter_mut().zip(pass.profile()?) {
            times.push(took.as_nanos() as f64);
        }
    }
    let all = time(budget, || pass.run());
    let each = macs(net.spec(), precision, size, &taps)?;
    let mut steps: Vec<StepTime> = taps
        .into_iter()
        .zip(each)
        .zip(times)
        .map(|((tap, macs), times)| StepTime { name: tap.layer(net.spec()), macs, timing: Timing::of(times) })
        .collect();
    let macs = steps.iter().map(|step| step.macs).sum();
    steps.push(StepTime { name: "all".to_owned(), macs, timing: all });
    Ok(steps)
}

/// Returns the [`products`] in `precision` of the steps that end at `taps`, each with all layers since the step before.
///
/// # Errors
/// [`Error::Graph`] for a size that the net does not take.
pub fn macs(spec: &Spec, precision: Precision, size: usize, taps: &[Tap]) -> Result<Vec<usize>, Error> {
    let layers = layers(spec, Padding::Same, None, [size, size])?;
    let starts = std::iter::once(&Tap::Image).chain(taps);
    let step = |(&start, &end): (&Tap, &Tap)| {
        let layers = layers.iter().filter(|layer| start < layer.section && layer.section <= end);
        layers.map(|layer| products(layer, precision)).sum()
    };
    Ok(starts.zip(taps).map(step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_multiply_add_falls_to_one_step() {
        let spec = Spec::with_width(1.0).unwrap();
        let all: usize = layers(&spec, Padding::Same, None, [160, 160]).unwrap().iter().map(|l| l.macs).sum();
        let few = [Tap::Block(0), Tap::Block(2), Tap::Features, Tap::Pooled];
        let each = macs(&spec, Precision::F32, 160, &few).unwrap();
        assert_eq!(each.iter().sum::<usize>(), all);
        // The first convolution and the first block: 5.53 + 1.84 + 3.28 million.
        assert_eq!((each[0] / 10_000, each[3]), (1064, 0));
        assert_eq!(macs(&spec, Precision::F32, 160, &[Tap::Pooled]).unwrap(), [all]);
        // In int8 a block reads 16 channels with all bits: 80x80 16-96.
        let more = 80 * 80 * 16 * 96;
        assert_eq!(macs(&spec, Precision::Int8, 160, &[Tap::Pooled]).unwrap(), [all + more]);
        let every: Vec<Tap> = Tap::all().skip(1).take_while(|&tap| tap != Tap::Classes).collect();
        assert_eq!(macs(&spec, Precision::F32, 160, &every).unwrap().iter().sum::<usize>(), all);
    }
}
