//! Fine-tuning: the last blocks of a MobileNetV2 as a learner, with every BatchNorm in inference mode.
//!
//! ```text
//! rows at a tap ──Tail::forward──> pooled features ── head and loss (crate autograd) ──> their gradient
//!       gradients of kernel, gamma, beta <──Tuner::backward── gradient of the pooled features
//! ```
//!
//! What lies below the tap is frozen, so its output, the rows, can be kept like features: an epoch costs the [`Tail`]
//! alone. The tail runs folded, forwards and backwards, with the kernels of prediction; gradients of folded weights are
//! taken back to those of kernel, gamma and beta after the batch, and these are what the optimizer moves. BatchNorm's mean
//! and variance are constants: they are the same bits after training as before.
//!
//! A batch is dealt in groups of up to [`GROUP`] photos. Threads share the work by its outputs and no sum is split among
//! them: the same rows give the same bits for any number of threads. What [`Tail::forward`] gives has the same bits as a
//! plan over the net of [`Tail::tensors`].
#![forbid(unsafe_code)]

mod backward;
mod error;
mod evaluation;
mod forward;
mod gradients;
mod group;
mod layer;
mod profile;
mod scratch;
mod sections;
mod tail;
mod tuner;
mod work;

pub use error::Error;
pub use group::GROUP;
pub use layer::Norms;
pub use profile::{Profile, SectionTime};
pub use tail::Tail;
pub use tuner::Tuner;
pub use work::Compute;
