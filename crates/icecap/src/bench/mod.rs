//! How fast this machine runs the kernels and the net, and what it could do at most: what `icecap bench` shows and the
//! criterion benches record. Nets, images and weights are drawn, since speed does not depend on values; an answer is
//! held against the oracle, or against the portable kernels, before anything is timed.

mod cases;
mod net;
mod steps;

use std::time::{Duration, Instant};

use icecap_kernels::roofline::Roofline;
use icecap_kernels::{ISA_VARIABLE, Isa};

use crate::Error;
use crate::rng::{Purpose, Stream};

pub use cases::{Case, Prepared, cases, row_names};
pub use net::{Pass, check_pooled, drawn_net, drawn_params, portable_pooled};
pub use steps::{StepTime, macs, steps};

/// What a kernel, a step or a pass took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Nanoseconds of the quickest repeat.
    pub best_ns: f64,
    /// Nanoseconds of the repeat in the middle.
    pub median_ns: f64,
    /// Repeats.
    pub repeats: usize,
}

impl Timing {
    /// The quickest and the one in the middle of some repeats, in nanoseconds.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn of(mut repeats: Vec<f64>) -> Self {
        assert!(!repeats.is_empty(), "no repeat to take the time of");
        repeats.sort_by(f64::total_cmp);
        Self { best_ns: repeats[0], median_ns: repeats[repeats.len() / 2], repeats: repeats.len() }
    }

    /// GFLOP/s of `macs` multiply-adds in the quickest repeat, each two operations.
    #[must_use]
    pub fn gflops(&self, macs: usize) -> f64 {
        2.0 * macs as f64 / self.best_ns.max(1e-3)
    }
}

/// What a repeat lasts at least: reading the clock must not be seen in it.
const REPEAT: Duration = Duration::from_micros(50);
/// The fewest repeats that a median is taken of.
const FEWEST: usize = 5;

/// Times `run` for `budget`, after a first call that settles caches and branch predictors. Short calls are put together
/// to repeats of 50 microseconds.
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

/// The instruction sets to measure: the one that `ICECAP_ISA` names, else all that this processor runs.
///
/// # Errors
/// [`Error::Kernel`] for a name that is none, or an instruction set that the processor lacks.
pub fn isas() -> Result<Vec<Isa>, Error> {
    match std::env::var(ISA_VARIABLE) {
        Ok(name) if !name.is_empty() => Ok(vec![Isa::from_env()?]),
        _ => Ok(Isa::available()),
    }
}

/// The peak rate of multiply-adds in GFLOP/s, the larger of what is measured before and after `work`: a machine that
/// slows down, or is shared, must not make the work look good.
///
/// # Errors
/// [`Error::Kernel`] for threads that the system does not give; otherwise those of `work`.
pub fn with_peak<T, E: From<Error>>(
    isa: Isa,
    threads: usize,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<(f64, T), E> {
    let roofline = Roofline::new(isa, threads).map_err(Error::from)?;
    let before = roofline.peak().best;
    let result = work()?;
    Ok((before.max(roofline.peak().best), result))
}

/// `len` values between -1 and 1, the same each time.
#[must_use]
pub fn values(len: usize) -> Vec<f32> {
    let mut stream = Stream::new(1, Purpose::Test, 0, 0);
    (0..len).map(|_| stream.range(-1.0, 1.0)).collect()
}

/// `len` bytes of noise, the same each time.
#[must_use]
pub fn pixels(len: usize) -> Vec<u8> {
    let mut stream = Stream::new(2, Purpose::Test, 0, 0);
    (0..len).map(|_| stream.next_u32() as u8).collect()
}
