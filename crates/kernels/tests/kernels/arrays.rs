//! Drawn inputs, guarded outputs, and how a result is compared with the oracle's.

use icecap_kernels::rng::Stream;
use icecap_kernels::{Blocked, BlockedMut, Layout, Pads, Threads};

use crate::fenced::Fenced;

pub(crate) const SEED: u64 = 20_260;
const GUARD: f32 = 12_345.5;
pub(crate) const GUARDS: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Values {
    Integers,
    Reals,
}

pub(crate) fn draw(stream: &mut Stream, values: Values, len: usize) -> Vec<f32> {
    (0..len)
        .map(|_| match values {
            Values::Integers => stream.below(9) as f32 - 4.0,
            Values::Reals => stream.range(-1.0, 1.0),
        })
        .collect()
}

/// What may have left a ReLU6: whole numbers or reals from 0 to 6, both ends among them.
pub(crate) fn clamped(stream: &mut Stream, values: Values, len: usize) -> Vec<f32> {
    (0..len)
        .map(|_| match values {
            Values::Integers => stream.below(7) as f32,
            Values::Reals => stream.range(-2.0, 8.0).clamp(0.0, 6.0),
        })
        .collect()
}

/// Values that a mask of ReLU6 tells apart: both ends, what lies beside them, and what no ReLU6 gives.
pub(crate) fn at_the_kinks(stream: &mut Stream, len: usize) -> Vec<f32> {
    let below_six = f32::from_bits(6f32.to_bits() - 1);
    let kinks = [0.0, -0.0, 6.0, below_six, f32::MIN_POSITIVE, f32::NAN, f32::INFINITY, -1.0, 7.0, 0.5, 3.0];
    (0..len).map(|_| kinks[stream.below(kinks.len() as u32) as usize]).collect()
}

/// `len` NaNs with guards behind them.
pub(crate) fn guarded(len: usize) -> Vec<f32> {
    let mut data = vec![f32::NAN; len];
    data.resize(len + GUARDS, GUARD);
    data
}

pub(crate) fn check_guards(data: &[f32], case: &str) {
    assert!(data[data.len() - GUARDS..].iter().all(|v| *v == GUARD), "{case}: wrote behind its output");
}

/// What is expected of an output: the oracle's values, the sum of |a b| behind each, and how many terms it has.
pub(crate) struct Expected<'a> {
    pub(crate) exact: &'a [f64],
    /// Empty where the values are integers, which are compared bit for bit.
    pub(crate) magnitude: &'a [f64],
    pub(crate) terms: usize,
}

impl Expected<'_> {
    pub(crate) fn compare(&self, got: &[f32], values: Values, case: &str) {
        assert_eq!(got.len(), self.exact.len(), "{case}");
        for (index, (&got, &expected)) in got.iter().zip(self.exact).enumerate() {
            let bound = match values {
                Values::Integers => 0.0,
                Values::Reals => {
                    2.0 * (self.terms as f64 + 1.0) * f64::from(f32::EPSILON) * (self.magnitude[index] + 1e-3)
                }
            };
            let error = (f64::from(got) - expected).abs();
            assert!(error <= bound, "{case}: output {index} is {got}, expected {expected}, seed {SEED}");
        }
    }
}

pub(crate) fn absolute(values: &[f32]) -> Vec<f32> {
    values.iter().map(|v| v.abs()).collect()
}

/// A blocked copy of an `H W C` image whose padding is zero and behind which there is no memory.
pub(crate) fn blocked(layout: Layout, image: &[f32]) -> Fenced<f32> {
    let mut data = vec![f32::NAN; layout.len()];
    BlockedMut::new(layout, &mut data).read_hwc(image);
    Fenced::new(&data)
}

pub(crate) fn hwc(layout: Layout, data: &[f32]) -> Vec<f32> {
    let mut image = vec![f32::NAN; layout.pixels() * layout.channels()];
    Blocked::new(layout, data).write_hwc(&mut image);
    image
}

pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Sizes under, at and over `tile`.
pub(crate) fn around(tile: usize) -> Vec<usize> {
    let mut sizes = vec![1, tile.saturating_sub(1), tile, tile + 1, 2 * tile + 3];
    sizes.retain(|&size| size > 0);
    sizes.dedup();
    sizes
}

/// One thread and three, started once.
pub(crate) fn threads() -> &'static [Threads; 2] {
    static THREADS: std::sync::OnceLock<[Threads; 2]> = std::sync::OnceLock::new();
    THREADS.get_or_init(|| [Threads::serial(), Threads::new(3).unwrap()])
}

pub(crate) fn pads(top: usize, bottom: usize, left: usize, right: usize) -> Pads {
    Pads { top, bottom, left, right }
}
