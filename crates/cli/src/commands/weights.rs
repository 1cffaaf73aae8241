//! `icecap weights`: what is known by name, and what is in a file.

mod import;
mod inspect;
mod integers;
mod list;
mod prepack;
mod pull;
mod trained_head;
mod verify;

use clap::Subcommand;

use crate::terminal::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Options {
    /// Show the weights that are known by name, and which of them are in the cache
    List(list::Options),
    /// Fetch weights into the cache
    Pull(pull::Options),
    /// Write weights of any kind as safetensors with Keras' names and the whole record, or as a model
    Import(import::Options),
    /// Show what is in a file: container, layout, record, tensors
    Inspect(inspect::Options),
    /// Keep a net packed in the cache, so that the first prediction of a model on it comes sooner
    Prepack(prepack::Options),
    /// Compare weights with what is stated of them
    Verify(verify::Options),
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    match options {
        Options::List(options) => list::run(options),
        Options::Pull(options) => pull::run(options),
        Options::Import(options) => import::run(options),
        Options::Inspect(options) => inspect::run(options),
        Options::Prepack(options) => prepack::run(options),
        Options::Verify(options) => verify::run(options),
    }
}
