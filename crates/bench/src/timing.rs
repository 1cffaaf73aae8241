//! The time of one call: the quickest of many repeats, and the one in the middle.

use std::time::{Duration, Instant};

/// The time that a kernel, a step or a pass took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Nanoseconds of the quickest repeat.
    pub best_ns: f64,
    /// Nanoseconds of the repeat in the middle.
    pub median_ns: f64,
    /// The number of repeats.
    pub repeats: usize,
}

impl Timing {
    /// Returns the quickest and the median of `repeats`, each in nanoseconds.
    ///
    /// # Panics
    /// If `repeats` is empty.
    #[must_use]
    pub fn of(mut repeats: Vec<f64>) -> Self {
        assert!(!repeats.is_empty(), "no repeat to take the time of");
        repeats.sort_by(f64::total_cmp);
        Self { best_ns: repeats[0], median_ns: repeats[repeats.len() / 2], repeats: repeats.len() }
    }

    /// Returns the rate of the quickest repeat in GFLOP/s, if a repeat makes `macs` multiply-adds. Each counts as two
    /// operations.
    #[must_use]
    pub fn gflops(&self, macs: usize) -> f64 {
        2.0 * macs as f64 / self.best_ns.max(1e-3)
    }
}

/// The shortest repeat: long enough that reading the clock does not show in it.
const REPEAT: Duration = Duration::from_micros(50);
/// The fewest repeats that a median is taken of.
const FEWEST: usize = 5;

/// Times `run` for about `budget`.
///
/// A first call, not counted, fills the caches and trains the branch predictors. A call shorter than 50 microseconds is
/// repeated until it lasts that long, and the time is divided by the number of calls. At least five repeats are made,
/// however small the budget.
pub fn time(budget: Duration, mut run: impl FnMut()) -> Timing {
    run();
    let started = Instant::now();
    run();
    let once = started.elapsed().as_nanos().max(1);
    let calls = REPEAT.as_nanos().div_ceil(once).max(1) as usize;
    let mut repeats = Vec::new();
    let began = Instant::now();
    while repeats.len() < FEWEST || began.elapsed() < budget {
        let started = Instant::now();
        for _ in 0..calls {
            run();
        }
        repeats.push(started.elapsed().as_nanos() as f64 / calls as f64);
    }
    Timing::of(repeats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_and_the_median_are_those_of_the_sorted_repeats() {
        for count in 1..20_u32 {
            // Every value from 1 to `count` once, in an order that is not sorted.
            let prime = 23;
            let repeats: Vec<f64> =
                (1..prime).map(|i| i * 7 % prime).filter(|&i| i <= count).map(f64::from).collect();
            assert_eq!(repeats.len(), count as usize);
            let timing = Timing::of(repeats);
            assert_eq!(timing.best_ns, 1.0);
            assert_eq!(timing.median_ns, f64::from(count / 2 + 1));
            assert_eq!(timing.gflops(500), 1000.0);
        }
    }
}
