//! The commands, one a file: its options and what it does.

mod bench;
mod bundle;
mod check;
mod classify;
mod compare;
mod completions;
mod demo;
mod evaluate;
mod export;
mod extract;
pub(crate) mod man;
pub(crate) mod predict;
mod report;
mod serve;
mod similar;
mod summary;
mod train;
mod weights;

use clap::Subcommand;

use crate::terminal::failure::Failure;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Draw a sample set, train on it, show the result: start here
    Demo(demo::Options),
    /// Look at photos before training: what cannot be read, what is there twice, what is mislabeled
    Check(check::Options),
    /// Train a classifier on photos in a folder for each class
    Train(Box<train::Options>),
    /// Try a trained model on photos whose classes are known
    Evaluate(evaluate::Options),
    /// Make the page of a run again: report.html
    Report(report::Options),
    /// Hold the runs of several trainings against each other
    Compare(compare::Options),
    /// Say what a trained model sees on photos
    Predict(predict::Options),
    /// Name the ImageNet classes of photos, with weights that have a classification top
    Classify(classify::Options),
    /// Find the photos that look most like an image
    Similar(similar::Options),
    /// Write the features of photos to a file
    Extract(extract::Options),
    /// Answer photos over HTTP with trained models, and show a page to try them
    Serve(serve::Options),
    /// Write a trained model as ONNX or TFLite, or its head for Keras or torchvision
    Export(export::Options),
    /// Write a trained model as a program that classifies photos and needs nothing beside it
    Bundle(bundle::Options),
    /// Print the layers of a net with shapes and parameters
    Summary(summary::Options),
    /// Weights by name: list, fetch, import, look into, check
    #[command(subcommand)]
    Weights(weights::Options),
    /// Measure speed on this machine
    #[command(subcommand)]
    Bench(bench::Options),
    /// Print what a shell needs to complete commands and options
    Completions(completions::Options),
    /// Write the pages of the manual
    Man(man::Options),
}

impl Command {
    /// Returns whether the command hears the signals that ask a process to end by itself, in its own way.
    pub(crate) fn hears_signals(&self) -> bool {
        matches!(self, Self::Serve(_))
    }

    /// Runs the command. `program` makes the whole command line, for those that tell about it.
    pub(crate) fn run(self, program: fn() -> clap::Command) -> Result<(), Failure> {
        match self {
            Self::Demo(options) => demo::run(&options),
            Self::Check(options) => check::run(&options),
            Self::Train(options) => train::run(&train::taking_up(*options)?),
            Self::Evaluate(options) => evaluate::run(&options),
            Self::Report(options) => report::run(&options),
            Self::Compare(options) => compare::run(&options),
            Self::Predict(options) => predict::run(&options),
            Self::Classify(options) => classify::run(&options),
            Self::Similar(options) => similar::run(&options),
            Self::Extract(options) => extract::run(&options),
            Self::Serve(options) => serve::run(&options),
            Self::Export(options) => export::run(&options),
            Self::Bundle(options) => bundle::run(&options),
            Self::Summary(options) => summary::run(&options),
            Self::Weights(options) => weights::run(&options),
            Self::Bench(options) => bench::run(&options),
            Self::Completions(options) => completions::run(&options, program()),
            Self::Man(options) => man::run(&options, program()),
        }
    }
}
