//! `train --resume RUN`: the words that began an interrupted run, taken up again.

use clap::{ArgMatches, CommandFactory, Parser, Subcommand};

use super::options::Options;
use crate::run::begun::{BEGIN_ANEW, Begun};
use crate::run::files::{METRICS, UNFINISHED};
use crate::terminal::failure::{Code, Failure};
use crate::terminal::stderr::Verbosity;
use crate::terminal::wording::plain_path;

/// The words that begin a training.
#[derive(Parser)]
#[command(name = "icecap")]
struct Words {
    #[command(subcommand)]
    command: Training,
    #[command(flatten)]
    _verbosity: Verbosity,
}

/// The one command that leaves a run.
#[derive(Subcommand)]
enum Training {
    Train(Box<Options>),
}

/// Returns the options of the run that `options` name to go on with, or `options` themselves.
pub(super) fn taking_up(options: Options) -> Result<Options, Failure> {
    let Some(run) = &options.resume else { return Ok(options) };
    let run = std::path::absolute(run).map_err(|error| Failure::path(run, error))?;
    let file = run.join(UNFINISHED);
    if !file.is_file() {
        let reason = match run.join(METRICS).is_file() {
            true => "the run is complete; there is nothing to go on with",
            false => "no run was begun here; name the folder of one that was interrupted",
        };
        return Err(Failure::path(&run, reason));
    }
    let begun = Begun::read(&run)?;
    let wrong = || {
        let reason = "has no words of a training";
        Failure::new(Code::Content, format!("{}: {reason}; {BEGIN_ANEW}", file.display()))
    };
    // Relative paths among the words mean what they meant then.
    std::env::set_current_dir(&begun.directory).map_err(|error| Failure::path(&begun.directory, error))?;
    let taken = options_of(&begun.words).map_err(|_| wrong())?;
    if taken.resume.is_some() {
        return Err(wrong());
    }
    Ok(Options { out: Some(run), begun: Some(begun), ..typed(taken, &options) })
}

/// The options that began a run, and those beside `--resume`, on which the model does not depend.
fn typed(mut taken: Options, now: &Options) -> Options {
    taken.json |= now.json;
    taken.no_cache |= now.no_cache;
    taken.no_report |= now.no_report;
    // 0 stands for none typed.
    if now.backbone.runner.threads.threads != 0 {
        taken.backbone.runner.threads = now.backbone.runner.threads;
    }
    taken
}

/// Returns the options that words behind the program's name stand for.
pub(super) fn options_of(words: &[String]) -> Result<Options, clap::Error> {
    let words = std::iter::once("icecap").chain(words.iter().map(String::as_str));
    let Words { command: Training::Train(options), .. } = Words::try_parse_from(words)?;
    Ok(*options)
}

/// Returns what clap found in words that begin a training; nothing if they do not.
pub(super) fn matches(words: &[String]) -> ArgMatches {
    let words = std::iter::once("icecap").chain(words.iter().map(String::as_str));
    let found = Words::command().try_get_matches_from(words).ok();
    found.and_then(|mut found| Some(found.remove_subcommand()?.1)).unwrap_or_default()
}

/// Returns `icecap train`, as clap knows it.
pub(super) fn command() -> clap::Command {
    let mut all = Words::command();
    all.build();
    all.find_subcommand("train").cloned().unwrap_or_default()
}

/// Returns a failure to find the photos, in the words of a run that is gone on with if it is one.
pub(super) fn elsewhere(options: &Options, failure: Failure) -> Failure {
    match &options.begun {
        Some(begun) => failure.and(&format!(
            "; the run was begun in {} with its photos there: put them back, or {BEGIN_ANEW}",
            plain_path(&begun.directory)
        )),
        None => failure,
    }
}

/// Returns the words behind the program's name that began the run: those of this process with what a file added to them, or
/// of the one that is gone on with.
pub(super) fn words(options: &Options) -> Vec<String> {
    match (&options.begun, &options.words) {
        (Some(begun), _) => begun.words.clone(),
        (None, Some(words)) => words.clone(),
        (None, None) => std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect(),
    }
}
