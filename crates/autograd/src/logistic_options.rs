//! How a dense layer is fitted at once.

use icecap_kernels::Threads;

use crate::Targets;
use crate::optim::lbfgs::Stop;

/// How a layer is fitted.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogisticOptions<'a> {
    /// How often each label counts and how far it is believed.
    pub targets: Targets<'a>,
    /// The strength of the penalty on the kernel.
    pub l2: f32,
    /// When the fit stops.
    pub stop: Stop,
    /// What evaluates J; the caller's thread alone if nothing is named. The result has the same bits.
    pub threads: Option<&'a Threads>,
}
