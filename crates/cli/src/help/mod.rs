//! What `--help` adds to the names of options: their groups, and examples that can be typed as they stand.
//!
//! `-h` stays short: it has the options, and no examples.

mod examples;

use clap::{Arg, Command};

/// `command` with all commands below it, its help texts completed.
pub(crate) fn taught(command: Command) -> Command {
    at(command, "")
}

/// The command at `path`, as `weights import`.
fn at(command: Command, path: &str) -> Command {
    let mut command = command.mut_args(|arg| grouped(arg, path));
    if let Some(examples) = examples::of(path) {
        command = command.after_long_help(examples);
    }
    let names: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    for name in names {
        let path = format!("{path} {name}").trim_start().to_owned();
        command = command.mut_subcommand(&name, |command| at(command, &path));
    }
    command
}

/// An option under the heading that it belongs to.
fn grouped(arg: Arg, command: &str) -> Arg {
    if arg.is_positional() {
        return arg;
    }
    let heading = match arg.get_id().as_str() {
        "quiet" | "progress_json" => return arg,
        "weights" | "scaling" | "size" | "resize" | "exif" | "manifest" => "Weights and input",
        "threads" | "no_cache" | "cache" | "strict" => "How it runs",
        "out" | "output" | "format" | "top" | "json" | "jsonl" | "csv" | "record" | "head_only" | "maps" => {
            "Output"
        }
        "val" | "val_split" | "seed" | "since" | "group" | "exclude" if command == "train" => "Photos",
        _ if command == "train" => "Training",
        _ if command.starts_with("bench") => "Measurement",
        _ if command == "weights pull" => "Network",
        _ => return arg,
    };
    arg.help_heading(heading)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments;

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
        let mut command = arguments::command().term_width(10_000);
        command.build();
        helps(&mut command, "icecap", &mut found);
        found
    }

    /// The commands among the lines of a text: what stands behind `icecap` up to a pipe or a redirection.
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
                if let Err(error) = arguments::command().try_get_matches_from(&words) {
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
        check(&arguments::command(), "icecap");
    }
}
