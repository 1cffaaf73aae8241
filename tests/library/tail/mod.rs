//! Fine-tuning: a tail under a dense layer against what Keras computed, and the same bits however the work is shared.

mod bits;
mod flow;
mod gradients;
mod steps;
