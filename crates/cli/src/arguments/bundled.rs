//! This program with a model behind it: a classifier that takes photos as arguments and needs nothing beside it.
//!
//! It is `icecap predict` with its own file as the model, so its answers are the same to the byte.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Args, Command, FromArgMatches};
use icecap::{Classifier, Settings};

use super::refusal;
use crate::bundle::payload::{self, Payload};
use crate::commands::predict;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::stderr;
use crate::terminal::stderr::Verbosity;
use crate::terminal::wording::{counted, plain};

/// The most classes that a help text names one by one.
const NAMED: usize = 100;

/// Runs as a classifier if this very file has a model behind it. Returns `None` if it is icecap itself.
pub(crate) fn run() -> Option<Result<(), Failure>> {
    let program = std::env::current_exe().ok()?;
    match payload::find(&program) {
        Ok(None) => None,
        Ok(Some(payload)) => Some(classify(&program, payload)),
        Err(failure) => Some(Err(failure)),
    }
}

fn classify(program: &Path, payload: Payload) -> Result<(), Failure> {
    let mut given = std::env::args_os();
    let called = given.next().map_or_else(|| program.to_owned(), PathBuf::from);
    let name = called
        .file_name()
        .map_or_else(|| "classifier".to_owned(), |name| plain(&name.to_string_lossy()).into());
    // The model is predict's first argument.
    let words: Vec<OsString> =
        [called.into_os_string(), program.as_os_str().to_owned()].into_iter().chain(given).collect();
    let matches = match command(&name).try_get_matches_from(&words) {
        Ok(matches) => matches,
        // Only a help text needs the model before the photos are known.
        Err(asked) if matches!(asked.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            let classifier = payload.with(program, |model| {
                let opening = Classifier::builder().settings(Settings::threads(1));
                opening.bytes(model, &program.to_string_lossy())
            })??;
            described(command(&name), &name, &classifier, payload).get_matches_from(&words)
        }
        Err(error) => refusal::end(&error),
    };
    let read = |error: clap::Error| Failure::new(Code::Arguments, error.to_string());
    stderr::set(Verbosity::from_arg_matches(&matches).map_err(read)?);
    let options = predict::Options::from_arg_matches(&matches).map_err(read)?;
    interrupt::watch()?;
    predict::run(&options)
}

/// Returns the arguments of `predict`, without those that say which model, and with a short word for JSON lines.
fn command(name: &str) -> Command {
    let jsonl =
        Arg::new("jsonl").long("jsonl").help("A JSON object for each photo, one a line: --format jsonl");
    let jsonl = jsonl.action(ArgAction::SetTrue).conflicts_with_all(["format", "csv", "json"]);
    let command = predict::Options::augment_args(Command::new(name.to_owned())).mut_args(|arg| {
        match arg.get_id().as_str() {
            "model" | "weights" | "precision" | "ema" => arg.hide(true),
            "paths" => arg.value_name("PHOTO"),
            "format" => arg.default_value_if("jsonl", "true", "jsonl"),
            _ => arg,
        }
    });
    Verbosity::augment_args(command)
        .override_usage(format!("{name} [OPTIONS] <PHOTO>..."))
        .arg(jsonl)
        .version(env!("CARGO_PKG_VERSION"))
}

/// Adds to `command` what `--help` and `--version` say about the model.
fn described(command: Command, name: &str, classifier: &Classifier, payload: Payload) -> Command {
    let classes = classifier.classes();
    let mut names: Vec<String> = classes.iter().take(NAMED).map(|class| plain(class).into_owned()).collect();
    if classes.len() > NAMED {
        names.push(format!("and {} more", classes.len() - NAMED));
    }
    let record = classifier.backbone().record();
    let width = record.width.map_or(String::new(), |width| format!(" {width:?}"));
    let weights = record.name.as_deref().map_or(String::new(), |name| format!(", weights {}", plain(name)));
    let training: Vec<String> =
        classifier.training().iter().map(|(key, value)| format!("{} {}", plain(key), plain(value))).collect();
    let training = if training.is_empty() { "not said".to_owned() } else { training.join(", ") };
    let more = format!(
        "Classes:\n  {}\n\nModel:\n  MobileNetV2{width}{weights}\n  photos become {}\n  training: {training}\n  sha256 {}\n\n\
         Examples:\n  {name} photo.jpg\n  {name} photos/ --csv > seen.csv\n  find photos -name '*.jpg' | {name} --files-from - --jsonl --top 2\n\n\
         Exit codes: 0 done, 2 arguments, 3 unusable content, 4 over a limit, 5 missing path, 130 interrupted.",
        names.join(", "),
        classifier.preprocessing(),
        payload.sha256(),
    );
    command
        .about(format!("Says which of {} a photo shows", counted(classes.len(), "class")))
        .after_help(more)
        .version(format!("(icecap {}), model sha256 {}", env!("CARGO_PKG_VERSION"), payload.sha256()))
}
