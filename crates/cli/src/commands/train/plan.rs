//! `train --try`: which combinations of settings are to be tried.
//!
//! A value is put among the words that were typed, as the option of its name, and the whole is read once more: what is refused
//! of the option is refused of the value. Settings that have no say in a combination are left out of it, typed ones too: those
//! of steps beside a solver that takes none, and views where there is no change to see by; combinations that are then the same are one.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use icecap::TrainOptions;

use super::augment::AugmentOptions;
use super::axis::{Axis, word};
use super::options::Options;
use super::resume;
use crate::options::input::InputOptions;
use crate::options::training::TrainingOptions;
use crate::run::arguments::STEPS;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::wording::plain;

/// The most combinations: of more, the best is the luckiest.
const MOST: usize = 200;

/// Settings by name, as they were typed.
pub(super) type Settings = Vec<(&'static str, String)>;

/// The combinations that are to be tried.
pub(super) struct Plan {
    /// The names of the settings that vary, in the order in which they were typed.
    pub(super) names: Vec<&'static str>,
    /// The combinations; the last setting changes first.
    pub(super) combinations: Vec<Combination>,
}

/// A combination of settings, and the options that it makes.
pub(super) struct Combination {
    pub(super) settings: Settings,
    pub(super) head: TrainOptions,
    training: TrainingOptions,
    augment: AugmentOptions,
    input: InputOptions,
}

impl Plan {
    /// Returns the combinations that `options` ask for; `None` if nothing is to be tried.
    pub(super) fn of(options: &Options) -> Result<Option<Self>, Failure> {
        let axes = &options.tries;
        if axes.is_empty() {
            return Ok(None);
        }
        let words = resume::words(options);
        check_names(axes, &words)?;
        check_values(axes, &words)?;
        let count = axes.iter().try_fold(1, |all: usize, axis| all.checked_mul(axis.values.len()));
        let Some(count) = count.filter(|count| *count <= MOST) else {
            let count = count.map_or("too many".to_owned(), |count| count.to_string());
            return refuse(&format!(
                "{count} combinations, and {MOST} are the most; try fewer values at once"
            ));
        };
        let mut combinations: Vec<Combination> = Vec::new();
        for number in 0..count {
            let next = Combination::read(options, settings(axes, number), &words)?;
            if !combinations.iter().any(|known| known.is_same(&next)) {
                combinations.push(next);
            }
        }
        if let [only] = &combinations[..] {
            let what = told(&only.settings);
            return refuse(&format!(
                "{what} is one combination alone; name another value, or give it as an option"
            ));
        }
        Ok(Some(Self { names: axes.iter().map(|axis| axis.name).collect(), combinations }))
    }
}

impl Combination {
    /// Reads `settings` among the `words` that were typed.
    fn read(options: &Options, settings: Settings, words: &[String]) -> Result<Self, Failure> {
        let wrong = |reason: &str| refuse(&format!("{}: {reason}", told(&settings)));
        let mut read = match options_with(&settings, words) {
            Ok(read) => read,
            Err(error) => return wrong(&reason(&error)),
        };
        // Options of steps that were typed, or are of the file that --config names, are meant for those that take steps.
        read.training.beside_steps =
            options.tries.iter().any(|axis| axis.name == "optimizer" && is_mixed(axis));
        let head = match read.training.options() {
            Ok(head) => head,
            Err(failure) => return wrong(failure.message()),
        };
        let mut input = options.input.clone();
        for (name, _) in &settings {
            match *name {
                "size" => input.size = read.input.size,
                "resize" => input.resize = read.input.resize,
                _ => {}
            }
        }
        Ok(Self { settings, head, training: read.training, augment: read.augment, input })
    }

    /// Returns the options of a run with these settings, which otherwise is as `options` say.
    pub(super) fn over(&self, options: &Options) -> Options {
        Options {
            training: self.training.clone(),
            augment: self.augment.clone(),
            input: self.input.clone(),
            ..options.clone()
        }
    }

    /// Whether photos become the same features.
    pub(super) fn is_read_as(&self, other: &Self) -> bool {
        let changes = |of: &Self| of.augment.augment.map(|augment| (augment, of.augment.count()));
        self.input.size == other.input.size
            && self.input.resize == other.input.resize
            && changes(self) == changes(other)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.head == other.head && self.is_read_as(other)
    }

    /// Returns the value of a setting; `None` if it has no say here.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }
}

/// Returns settings as part of a sentence.
pub(super) fn told(settings: &Settings) -> String {
    let each: Vec<String> = settings.iter().map(|(name, value)| format!("{name} {}", plain(value))).collect();
    each.join(", ")
}

fn refuse<T>(reason: &str) -> Result<T, Failure> {
    Err(Failure::new(Code::Arguments, format!("--try: {reason}")))
}

/// The settings of a combination by its number, without those that have no say in it.
fn settings(axes: &[Axis], number: usize) -> Settings {
    let mut rest = number;
    let mut all = Settings::new();
    for axis in axes.iter().rev() {
        all.insert(0, (axis.name, axis.values[rest % axis.values.len()].clone()));
        rest /= axis.values.len();
    }
    let is = |name: &str, value: &str| all.iter().any(|(own, given)| *own == name && given == value);
    let (at_once, plain) = (is("optimizer", "lbfgs"), is("augment", "none"));
    let idle = |name: &str| {
        (at_once && STEPS.contains(&name.replace('-', "_").as_str())) || (plain && name == "views")
    };
    all.retain(|(name, _)| !idle(name));
    all
}

/// Whether some of the optimizers take steps, and others do not.
fn is_mixed(optimizers: &Axis) -> bool {
    let at_once = optimizers.values.iter().filter(|value| *value == "lbfgs").count();
    (1..optimizers.values.len()).contains(&at_once)
}

/// Each name once, and none that was typed as an option, too.
fn check_names(axes: &[Axis], words: &[String]) -> Result<(), Failure> {
    let typed = resume::matches(words);
    for (index, axis) in axes.iter().enumerate() {
        let name = axis.name;
        if axes[..index].iter().any(|earlier| earlier.name == name) {
            return refuse(&format!("{name} is named twice; put its values into one list"));
        }
        if typed.value_source(&axis.id()) == Some(ValueSource::CommandLine) {
            return refuse(&format!("{name} is tried, and --{name} is given, too; leave one of them out"));
        }
    }
    Ok(())
}

/// What is wrong with a value by itself is told of it alone.
fn check_values(axes: &[Axis], words: &[String]) -> Result<(), Failure> {
    for axis in axes {
        for value in &axis.values {
            match options_with(&vec![(axis.name, value.clone())], words) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) =>
                {
                    return refuse(&reason(&error));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn options_with(settings: &Settings, words: &[String]) -> Result<Options, clap::Error> {
    let given = settings.iter().filter_map(|(name, value)| word(name, value));
    // Options of icecap itself take no values: the first word without a dash is the command.
    let place = words.iter().position(|word| !word.starts_with('-')).map_or(words.len(), |at| at + 1);
    let mut all = words.to_vec();
    all.splice(place..place, given);
    resume::options_of(&all)
}

/// Returns what the command line's parser has against some words, on one line.
fn reason(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let line = lines.join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}
