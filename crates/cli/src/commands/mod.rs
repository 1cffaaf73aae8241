//! The commands, one a file: its options and what it does.

mod bench;
mod check;
mod classify;
mod demo;
mod evaluate;
mod export;
mod extract;
mod predict;
mod summary;
mod train;
mod weights;

use clap::Subcommand;

use crate::failure::Failure;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Draw a sample set, train on it, show the result: start here
    Demo(demo::Options),
    /// Look at photos before training: what cannot be read, what is there twice, what is mislabelled
    Check(check::Options),
    /// Train a classifier on photos in a folder for each class
    Train(train::Options),
    /// Try a trained model on photos whose classes are known
    Evaluate(evaluate::Options),
    /// Say what a trained model sees on photos
    Predict(predict::Options),
    /// Name the ImageNet classes of photos, with weights that have a classification top
    Classify(classify::Options),
    /// Write the features of photos to a file
    Extract(extract::Options),
    /// Write a trained model as ONNX, or its head for Keras or torchvision
    Export(export::Options),
    /// Print the layers of a net with shapes and parameters
    Summary(summary::Options),
    /// Weights by name: list, fetch, import, look into, check
    #[command(subcommand)]
    Weights(weights::Options),
    /// Measure speed on this machine
    #[command(subcommand)]
    Bench(bench::Options),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Demo(options) => demo::run(&options),
            Self::Check(options) => check::run(&options),
            Self::Train(options) => train::run(&options),
            Self::Evaluate(options) => evaluate::run(&options),
            Self::Predict(options) => predict::run(&options),
            Self::Classify(options) => classify::run(&options),
            Self::Extract(options) => extract::run(&options),
            Self::Export(options) => export::run(&options),
            Self::Summary(options) => summary::run(&options),
            Self::Weights(options) => weights::run(&options),
            Self::Bench(options) => bench::run(&options),
        }
    }
}
