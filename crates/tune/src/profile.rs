//! The time that each section of a tail takes in a step, forwards and backwards.

use std::time::{Duration, Instant};

use icecap_graph::Tap;
use icecap_kernels::Tensor;

use crate::{error::Error, tail::Tail, tuner::Tuner, work::Compute};

/// The time of one section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionTime {
    /// The tap behind the section.
    pub tap: Tap,
    /// The time that all photos of the batch took together.
    pub took: Duration,
}

/// The times of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The sections of the forward pass, in its order. That the rows are put where the first one reads them is in its time.
    pub forward: Vec<SectionTime>,
    /// The sections of the way back, in its order, the last one first. The gradient of the first convolution is in the time
    /// of the net's first block.
    pub backward: Vec<SectionTime>,
    /// How long it took to take the gradients of the folded weights back to those that are trained.
    pub unfold: Duration,
}

/// Takes down how long it was from one tap to the next.
struct Clock {
    since: Instant,
    times: Vec<SectionTime>,
}

impl Clock {
    fn start() -> Self {
        Self { since: Instant::now(), times: Vec::new() }
    }

    fn passed(&mut self, tap: Tap) {
        let now = Instant::now();
        self.times.push(SectionTime { tap, took: now - self.since });
        self.since = now;
    }
}

impl Tuner {
    /// Runs a batch forwards and backwards, as [`forward`](Self::forward) and [`backward`](Self::backward) do, and returns how
    /// long each section took.
    ///
    /// # Errors
    /// Those of the two.
    pub fn profile(
        &mut self,
        tail: &Tail,
        compute: Compute<'_>,
        rows: &[f32],
        d_pooled: &Tensor,
    ) -> Result<Profile, Error> {
        let mut clock = Clock::start();
        self.forward_told(tail, compute, rows, &mut |tap| clock.passed(tap))?;
        let forward = clock.times;
        let mut clock = Clock::start();
        self.backward_told(tail, compute, d_pooled, &mut |tap| clock.passed(tap))?;
        Ok(Profile { forward, backward: clock.times, unfold: clock.since.elapsed() })
    }
}
