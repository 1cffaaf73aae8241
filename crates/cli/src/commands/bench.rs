//! `icecap bench`: how fast kernels and net run on this machine, and what it could do at most.

mod kernels;
mod layers;
mod machine;
mod model;
mod record;
mod roofline;
mod tune;

use clap::Subcommand;

use crate::terminal::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Options {
    /// Time one forward pass of a batch, from u8 pixels to pooled features
    Model(model::Options),
    /// Measure what the processor can do at most: multiply-adds of f32 and of bytes, and reading from each level of its
    /// memory
    Roofline(roofline::Options),
    /// Time every kernel of f32 or int8 on every geometry of MobileNetV2 1.0, on one thread
    Kernels(kernels::Options),
    /// Time one forward pass of MobileNetV2 1.0 step by step, against what the multiply-adds allow, in f32 or int8
    Layers(layers::Options),
    /// Time a step of fine-tuning block by block, forwards and backwards, against what the multiply-adds allow
    Tune(tune::Options),
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    match options {
        Options::Model(options) => model::run(options),
        Options::Roofline(options) => roofline::run(options),
        Options::Kernels(options) => kernels::run(options),
        Options::Layers(options) => layers::run(options),
        Options::Tune(options) => tune::run(options),
    }
}
