//! `train --config RUN/args.toml`: the arguments of an earlier run as if they had been typed, and what was typed above them.
//!
//! A key of the file is an option of the same name. Those that the words leave open are put among them, and the whole is
//! read once more: what is refused of typed words is refused of the file's, too. Left alone are keys that say what came of a
//! run and not what was asked for, and the folder of the run, which the new one must not take.

use std::collections::BTreeSet;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use icecap::advanced::foundation::did_you_mean::nearest;
use toml::{Table, Value};

use super::axis::Axis;
use super::options::Options;
use super::resume;
use crate::run::arguments::{MOST_BYTES, STEPS};
use crate::run::files::ARGUMENTS;
use crate::run::text_file::toml_file;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::wording::plain_path;

/// Keys that tell of a run, and ask for nothing.
const TOLD: [&str; 5] = ["version", "command", "params_sha256", "isa", "out"];
/// Keys whose options have another name.
const RENAMED: [(&str, &str); 1] = [("class_order", "classes")];

/// Returns `options` with what they leave open taken from the file that `--config` names, or `options` themselves.
pub(super) fn taking_up(options: Options) -> Result<Options, Failure> {
    let Some(named) = &options.config else { return Ok(options) };
    let file = if named.is_dir() { named.join(ARGUMENTS) } else { named.clone() };
    let table: Table = toml_file(&file, MOST_BYTES, "name the args.toml of a run")?;
    let typed = resume::words(&options);
    let train = resume::command();
    let words = Words::new(&file, table, &train, &typed)?.all(typed)?;
    let taken = resume::options_of(&words).map_err(|error| {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        let reason = line.strip_prefix("error: ").unwrap_or(line);
        Failure::new(
            Code::Content,
            format!("{}: {reason}; change it there, or type another", plain_path(&file)),
        )
    })?;
    Ok(Options { words: Some(words), ..taken })
}

/// The file's keys on their way to be words.
struct Words<'a> {
    file: &'a Path,
    table: Table,
    /// `icecap train`, as clap knows it.
    train: &'a Command,
    /// The options that were typed.
    typed: BTreeSet<String>,
    /// Whether either says that the head is solved in one go.
    at_once: bool,
}

impl<'a> Words<'a> {
    fn new(file: &'a Path, table: Table, train: &'a Command, typed: &[String]) -> Result<Self, Failure> {
        let refuse = |reason: String| Failure::new(Code::Content, format!("{}: {reason}", plain_path(file)));
        let own = env!("CARGO_PKG_VERSION");
        match table.get("version").and_then(Value::as_str) {
            Some(version) if version == own => {}
            Some(version) => {
                return Err(refuse(format!(
                    "is of version {version}, and this is {own}, whose options may mean something else; look them over, \
                     and put version = \"{own}\" there"
                )));
            }
            None => return Err(refuse("has no version; name the args.toml of a run".to_owned())),
        }
        let matches = resume::matches(typed);
        let mut typed = typed_options(&matches);
        let tried = matches.try_get_many::<Axis>("tries").ok().flatten();
        typed.extend(tried.into_iter().flatten().map(Axis::id));
        let named = |value: Option<&str>| value == Some("lbfgs");
        let at_once = named(table.get("optimizer").and_then(Value::as_str))
            || (typed.contains("optimizer")
                && named(matches.get_one::<String>("optimizer").map(String::as_str)));
        Ok(Self { file, table, train, typed, at_once })
    }

    /// Returns the words that were typed with those of the file behind the name of the command.
    fn all(&self, typed: Vec<String>) -> Result<Vec<String>, Failure> {
        let mut words = Vec::new();
        for (key, value) in &self.table {
            if TOLD.contains(&key.as_str()) || self.is_passed_over(key) {
                continue;
            }
            match (key.as_str(), value) {
                // Each of several files is given by itself.
                ("features", Value::Array(files)) => {
                    for file in files {
                        words.extend(self.word(key, file)?);
                    }
                }
                _ => words.extend(self.word(key, value)?),
            }
        }
        // Options of icecap itself take no values: the first word without a dash is the command.
        let place = typed.iter().position(|word| !word.starts_with('-')).map_or(typed.len(), |at| at + 1);
        let mut all = typed;
        all.splice(place..place, words);
        Ok(all)
    }

    fn option<'k>(&self, key: &'k str) -> &'k str {
        RENAMED.iter().find(|(name, _)| *name == key).map_or(key, |(_, option)| option)
    }

    /// Whether a key has no say: something was typed in its place or against it, or another key makes it idle.
    fn is_passed_over(&self, key: &str) -> bool {
        let option = self.option(key);
        let typed = self.typed.contains(option)
            || (key == "cache" && self.typed.contains("no_cache"))
            || (key == "tune_norms" && self.typed.contains("freeze_norm"));
        let idle = (self.at_once && STEPS.contains(&key))
            || (key == "views" && !self.table.contains_key("augment") && !self.typed.contains("augment"))
            || (key == "views" && self.table.get(key) == Some(&Value::Integer(1)));
        let against = |option: &str| -> BTreeSet<&str> {
            let arg = self.train.get_arguments().find(|arg| arg.get_id() == option);
            let others = arg.map(|arg| self.train.get_arg_conflicts_with(arg)).unwrap_or_default();
            others.into_iter().map(|other| other.get_id().as_str()).collect()
        };
        let own = against(option);
        let refused = own.iter().any(|other| self.typed.contains(*other) || self.table.contains_key(*other))
            || self.typed.iter().any(|other| against(other).contains(option));
        typed || idle || refused
    }

    /// Returns the word for a key; `None` for one that asks for what is so anyway.
    fn word(&self, key: &str, value: &Value) -> Result<Option<String>, Failure> {
        let wrong = |what: &str| {
            let message = format!("{}: {key} = {value}: {what}", plain_path(self.file));
            Failure::new(Code::Content, message)
        };
        match (key, value) {
            ("cache", Value::Boolean(cache)) => return Ok((!cache).then(|| "--no-cache".to_owned())),
            ("tune_norms", Value::String(norms)) => {
                return Ok((norms == "frozen").then(|| "--freeze-norm".to_owned()));
            }
            ("folder", Value::String(folder)) if folder.starts_with('-') => {
                return Ok(Some(format!("./{folder}")));
            }
            ("folder", Value::String(folder)) => return Ok(Some(folder.clone())),
            _ => {}
        }
        let option = self.option(key);
        let arguments = || self.train.get_arguments().filter_map(clap::Arg::get_long);
        let Some(arg) = self.train.get_arguments().find(|arg| arg.get_id() == option) else {
            let near = nearest(&key.replace('_', "-"), arguments());
            let near =
                near.map_or(String::new(), |near| format!("; did you mean {}?", near.replace('-', "_")));
            return Err(wrong(&format!("no option of a training{near} Take the line out, or mend it")));
        };
        let name = option.replace('_', "-");
        let text = match value {
            Value::Boolean(given) if !arg.get_action().takes_values() => {
                return Ok(given.then(|| format!("--{name}")));
            }
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Array(sides) => {
                let sides: Vec<String> = sides.iter().map(ToString::to_string).collect();
                sides.join("x")
            }
            _ => return Err(wrong("no value of that option; change it")),
        };
        Ok(Some(format!("--{name}={text}")))
    }
}

/// Returns the names of the options that were typed.
fn typed_options(matches: &ArgMatches) -> BTreeSet<String> {
    let ids = matches.ids().filter(|id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine));
    ids.map(|id| id.as_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use icecap::TrainOptions;
    use icecap::learn::{Tuning, Unfreeze};

    use super::*;
    use crate::run::arguments::{PhotoArguments, RunArguments};

    /// Options that have no say in what is learned: what a run goes on from, what is tried and leaves its choice, where the
    /// run stands, and what is shown of it.
    const NOT_KEPT: [&str; 10] = [
        "resume",
        "config",
        "tries",
        "force",
        "no_report",
        "json",
        "quiet",
        "progress_json",
        "help",
        "version",
    ];
    /// Options that are kept under the key of their contrary, or of what they are about.
    const CONTRARY: [(&str, &str); 2] = [("no_cache", "cache"), ("freeze_norm", "tune_norms")];

    fn keys() -> BTreeSet<String> {
        let text = || Some("x".to_owned());
        let photos = PhotoArguments {
            version: "",
            command: Some(String::new()),
            folder: text(),
            features: vec![String::new()],
            val: text(),
            root: text(),
            extension: text(),
            since: text(),
            exclude: text(),
            class_order: text(),
            weights: text(),
            ema: false,
            params_sha256: String::new(),
            scaling: String::new(),
            size: [1, 1],
            resize: String::new(),
            exif: String::new(),
            dct: String::new(),
            max_pixels: 1,
        };
        let run = RunArguments {
            val_split: 0.2,
            folds: Some(2),
            group: text(),
            augment: text(),
            views: 1,
            threshold: text(),
            positive: text(),
            threads: 1,
            isa: "",
            precision: "",
            out: String::new(),
            strict: false,
            cache: true,
            head_only: false,
        };
        let tables = [Table::try_from(photos), Table::try_from(run)];
        let mut keys: BTreeSet<String> = tables
            .into_iter()
            .flat_map(|table| table.unwrap_or_default().into_iter().map(|(key, _)| key))
            .collect();
        let options = TrainOptions { tuning: Some(Tuning::from(Unfreeze::Auto)), ..TrainOptions::default() }
            .with_steps(|steps| steps.hidden = Some(1));
        keys.extend(options.describe().into_iter().map(|(key, _)| {
            match key {
                "learning_rate" => "lr",
                "early_stopping" => "early_stop",
                key => key,
            }
            .to_owned()
        }));
        keys
    }

    #[test]
    fn every_option_that_has_a_say_in_a_run_is_kept_of_it() {
        let (train, keys) = (resume::command(), keys());
        let mut kept = 0;
        for arg in train.get_arguments() {
            let id = arg.get_id().as_str();
            let renamed = RENAMED.iter().find(|(_, option)| *option == id).map(|(key, _)| *key);
            let contrary = CONTRARY.iter().find(|(option, _)| *option == id).map(|(_, key)| *key);
            let key = renamed.or(contrary).unwrap_or(id);
            let is_kept = keys.contains(key);
            assert!(is_kept != NOT_KEPT.contains(&id), "--{id}: kept {is_kept}");
            kept += usize::from(is_kept);
        }
        assert!(kept > 40, "{kept}");
    }
}
