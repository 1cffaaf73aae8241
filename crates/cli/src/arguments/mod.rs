//! The arguments of icecap, from words to a command.

pub(crate) mod bundled;
mod help;
mod refusal;
mod version;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser};

use icecap::advanced::foundation::did_you_mean::nearest;

use crate::commands::Command;
use crate::terminal::failure::Failure;
use crate::terminal::stderr::Verbosity;
use crate::terminal::table::print;

/// Transfer learning on CPUs: a small trainable cap on a frozen MobileNetV2.
#[derive(Parser)]
#[command(
    name = "icecap",
    version,
    about,
    after_help = "Start with `icecap demo`, then `icecap train PHOTOS`, where PHOTOS has one folder per class."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) verbosity: Verbosity,
}

/// Returns the whole command line as clap knows it, help texts included.
pub(crate) fn command() -> clap::Command {
    help::taught(Arguments::command()).mut_subcommand("train", resume_alone)
}

/// What may stand beside `--resume`, since the model does not depend on it.
const BESIDE_RESUME: [&str; 7] =
    ["resume", "quiet", "progress_json", "json", "threads", "no_cache", "no_report"];

/// Refuses every other option and argument beside `--resume`, by its name: what began the run has them already.
fn resume_alone(train: clap::Command) -> clap::Command {
    let others: Vec<clap::Id> = train.get_arguments().map(|arg| arg.get_id().clone()).collect();
    let others = others.into_iter().filter(|id| !BESIDE_RESUME.contains(&id.as_str()));
    train.mut_arg("resume", |resume| resume.conflicts_with_all(others))
}

/// Reads the words of this process. Returns `None` if they asked for the version or for help, which is then printed. Ends
/// the process with code 2 if they cannot be understood.
pub(crate) fn read() -> Result<Option<Arguments>, Failure> {
    let long_version = || std::env::args_os().any(|word| word == "--version");
    match command().try_get_matches() {
        Ok(matches) => Ok(Some(Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()))),
        Err(asked) if asked.kind() == ErrorKind::DisplayVersion && long_version() => {
            print(&version::text()).map(|()| None)
        }
        // Asked for, so that it must arrive.
        Err(asked) if !asked.use_stderr() => match asked.print() {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::output(&error)),
            _ => Ok(None),
        },
        // With code 2 and a message on standard error where the arguments are off.
        Err(error) => refusal::end(&with_tip(error)),
    }
}

/// Adds the command that was meant to an error of `icecap help`, to which clap adds none.
fn with_tip(mut error: clap::Error) -> clap::Error {
    if let (ErrorKind::InvalidSubcommand, Some(ContextValue::String(wrong)), None) =
        (error.kind(), error.get(ContextKind::InvalidSubcommand), error.get(ContextKind::SuggestedSubcommand))
    {
        let command = command();
        let names = command.get_subcommands().map(clap::Command::get_name);
        if let Some(meant) = nearest(wrong, names) {
            let meant = ContextValue::Strings(vec![meant.to_owned()]);
            error.insert(ContextKind::SuggestedSubcommand, meant);
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::command;
    use crate::commands::man;

    /// Every command with its path, and its long help as it is printed.
    fn helps(command: &mut Command, path: &str, found: &mut Vec<(String, String, bool)>) {
        let text = command.render_long_help().to_string();
        found.push((path.to_owned(), text, command.has_subcommands()));
        for below in command.get_subcommands_mut().filter(|below| below.get_name() != "help") {
            let path = format!("{path} {}", below.get_name());
            helps(below, &path, found);
        }
    }

    fn all() -> Vec<(String, String, bool)> {
        let mut found = Vec::new();
        let mut command = command().term_width(10_000);
        command.build();
        helps(&mut command, "icecap", &mut found);
        found
    }

    /// Returns the commands among the lines of a text: what stands behind `icecap` up to a pipe or a redirection.
    fn commands(text: &str) -> Vec<Vec<String>> {
        let typed = text.lines().filter_map(|line| line.strip_prefix("  "));
        let pieces = typed.flat_map(|line| line.split(" | ")).filter(|piece| piece.starts_with("icecap "));
        pieces.map(|piece| words(piece.split([';', '>', '&']).next().unwrap_or_default())).collect()
    }

    /// Words as a shell reads them, single quotes included.
    fn words(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (index, part) in line.split('\'').enumerate() {
            match index % 2 {
                0 => words.extend(part.split_whitespace().map(str::to_owned)),
                _ => words.push(part.to_owned()),
            }
        }
        words
    }

    #[test]
    fn every_example_can_be_typed_as_it_stands() {
        let mut tried = 0;
        for (path, text, _) in all() {
            for words in commands(&text) {
                tried += 1;
                if let Err(error) = command().try_get_matches_from(&words) {
                    panic!("{path}: {}\n{error}", words.join(" "));
                }
            }
        }
        assert!(tried >= 30, "{tried} examples");
    }

    #[test]
    fn every_command_shows_examples_of_itself() {
        for (path, text, has_commands) in all() {
            assert!(text.contains("Examples:"), "{path} has no examples");
            let own = commands(&text).iter().filter(|words| words.join(" ").starts_with(&path)).count();
            // A command below another may do but one thing.
            let least = if has_commands || path.split(' ').count() == 3 { 1 } else { 2 };
            assert!(own >= least, "{path}: {own} of its own");
        }
    }

    #[test]
    fn every_option_says_what_it_does_in_the_style_of_the_house() {
        fn check(command: &Command, path: &str) {
            for arg in command.get_arguments() {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                let id = arg.get_id();
                assert!(
                    help.chars().next().is_some_and(|first| !first.is_lowercase()),
                    "{path} {id}: '{help}'"
                );
                assert!(!help.ends_with('.'), "{path} {id}: '{help}'");
            }
            command.get_subcommands().for_each(|below| check(below, &format!("{path} {}", below.get_name())));
        }
        check(&command(), "icecap");
    }

    #[test]
    fn every_command_has_a_page_of_its_own() {
        let pages = man::pages(command());
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["icecap.1", "icecap-train.1", "icecap-weights-import.1"] {
            assert!(names.contains(&name), "{names:?}");
        }
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
    }
}
