//! What a computation of many small trainings runs on, and how it is stopped.

use std::ops::ControlFlow;

use icecap_kernels::{Isa, Threads};

/// Asked between pieces of work, from any thread, whether to go on.
pub(crate) type Pulse<'a> = &'a (dyn Fn() -> ControlFlow<()> + Sync);

/// What a computation runs on, and how it is stopped.
#[derive(Clone, Copy)]
pub struct Compute<'a> {
    /// The threads that share its pieces.
    pub threads: &'a Threads,
    /// The instruction set.
    pub isa: Isa,
    /// Called between pieces of work, from any thread: the work ends with [`Error::Stopped`](crate::Error::Stopped) as
    /// soon as it breaks.
    pub pulse: &'a (dyn Fn() -> ControlFlow<()> + Sync),
}

impl Compute<'_> {
    /// Whether to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        (self.pulse)().is_break()
    }
}
