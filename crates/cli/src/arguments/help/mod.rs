//! What `--help` adds to the names of options: their groups, and examples that can be typed as they stand.
//!
//! `-h` stays short: it has the options, and no examples.

mod examples;

use clap::{Arg, Command};

/// Completes the help texts of `command` and of all commands below it.
pub(crate) fn taught(command: Command) -> Command {
    at(command, "")
}

/// Completes the command at `path`, as `weights import`, and those below it.
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

/// Puts an option under the heading that it belongs to.
fn grouped(arg: Arg, command: &str) -> Arg {
    if arg.is_positional() {
        return arg;
    }
    let heading = match arg.get_id().as_str() {
        "quiet" | "progress_json" => return arg,
        "weights" | "scaling" | "size" | "resize" | "exif" | "dct" | "max_pixels" | "manifest" => {
            "Weights and input"
        }
        "threads" | "no_cache" | "cache" | "strict" => "How it runs",
        "out" | "output" | "write_exclude" | "format" | "top" | "json" | "jsonl" | "csv" | "record"
        | "force" | "head_only" | "maps" => "Output",
        "val" | "val_split" | "seed" | "since" | "group" | "exclude" | "classes" | "root" | "extension"
            if command == "train" =>
        {
            "Photos"
        }
        _ if command == "train" => "Training",
        _ if command.starts_with("bench") => "Measurement",
        _ if command == "weights pull" => "Network",
        _ => return arg,
    };
    arg.help_heading(heading)
}
