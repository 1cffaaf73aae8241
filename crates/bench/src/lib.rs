//! Measurements of this machine: how fast it runs the kernels and the net, and what it could do at most. `icecap bench`
//! shows them and the criterion benches record them.
//!
//! Nets, images and weights are drawn, since speed does not depend on values. Every answer is compared before anything
//! is timed: a kernel's with the oracle, a net's with the portable kernels. In f32 they agree to within rounding, in int8 in
//! every bit.
//!
//! ```
//! use icecap_bench::{Pass, drawn_net, pixels, time};
//! use icecap_graph::Precision;
//! use icecap_kernels::{Isa, Threads};
//! use std::time::Duration;
//!
//! let (net, threads) = (drawn_net(0.35, Precision::F32)?, Threads::serial());
//! let image = pixels(32 * 32 * 3);
//! let mut pass = Pass::new(&net, Isa::best(), &threads, 32, &image)?;
//! let timing = time(Duration::from_millis(1), || pass.run());
//! assert!(timing.best_ns <= timing.median_ns);
//! # Ok::<(), icecap::Error>(())
//! ```
#![forbid(unsafe_code)]

mod case;
mod drawn;
mod gradient_job;
mod gradient_shape;
mod integer_job;
mod integer_layout;
mod integer_shape;
mod integer_weights;
mod jpeg_job;
mod layer_shape;
mod pass;
mod peak;
mod prepared;
mod real_job;
mod shape;
mod steps;
mod timing;
mod tune;

pub use case::{Case, cases};
pub use drawn::{drawn_net, drawn_params, pixels, values};
pub use integer_shape::products;
pub use pass::{Pass, check_pooled, portable_pooled};
pub use peak::{isas, isas_of, isas_to_name, with_peak, with_peaks_of_their_own};
pub use prepared::Prepared;
pub use steps::{StepTime, macs, steps};
pub use timing::{Timing, time};
pub use tune::{TuneCase, TuneTime, Work, tune_times};
