//! Learning rates over the course of a run: pure functions of the step, so a resumed run continues them exactly.

/// How the learning rate changes over a run: the factor on the base rate at each step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// The factor is 1 at every step.
    #[default]
    Constant,
    /// `(1 + cos(pi t / steps)) / 2`: from 1 at step 0 down to 0 at step `steps`, and 0 after it.
    Cosine {
        /// Steps of the whole run; 0 counts as 1.
        steps: u64,
    },
    /// `factor^floor(t / every)`: a multiplication every so many steps.
    Step {
        /// Steps between two multiplications, that is epochs times steps per epoch; 0 counts as 1.
        every: u64,
        /// The factor, usually below 1.
        factor: f64,
    },
}

impl Schedule {
    /// Returns the learning rate at a step, counted from 0 over the whole run.
    #[must_use]
    pub fn learning_rate(&self, base: f32, step: u64) -> f32 {
        let factor = match *self {
            Self::Constant => return base,
            Self::Cosine { steps } => {
                let steps = steps.max(1);
                let done = step.min(steps) as f64 / steps as f64;
                0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            }
            Self::Step { every, factor } => factor.powf((step / every.max(1)) as f64),
        };
        (f64::from(base) * factor) as f32
    }
}
