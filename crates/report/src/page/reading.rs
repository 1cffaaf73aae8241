//! How the photos of a page are read.

use std::ops::ControlFlow;

use icecap::advanced::kernels::{Isa, Threads};

/// Who reads the photos of a page, and who may stop that.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The threads that share the photos.
    pub threads: &'a Threads,
    /// The instruction set whose kernels decode them.
    pub isa: Isa,
    /// Asked before each photo whether to go on, by any of the threads.
    pub flow: &'a (dyn Fn() -> ControlFlow<()> + Sync),
}
