//! Lines on standard error: what a person should know and a program need not.
//!
//! Their first word gets a color on a terminal, and only there: `NO_COLOR` keeps it away, `CLICOLOR_FORCE` brings it
//! elsewhere, too, as is the custom.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use icecap::advanced::foundation::shown::plain;

static QUIET: AtomicBool = AtomicBool::new(false);
static JSON_PROGRESS: AtomicBool = AtomicBool::new(false);

/// The first words that get a color, with its code: bold red, yellow, cyan.
const COLORS: [(&str, &str); 3] = [("icecap:", "1;31"), ("warning:", "33"), ("note:", "36")];

/// What to say on standard error.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Verbosity {
    /// Print the result alone, and failures: no progress, no notes, no warnings; nothing where the result is a file
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Report progress, once a second, and notes on standard error as JSON objects, one a line, for programs
    #[arg(long, global = true)]
    progress_json: bool,
}

/// Sets the verbosity of this process.
pub(crate) fn set(verbosity: Verbosity) {
    QUIET.store(verbosity.quiet, Ordering::Relaxed);
    JSON_PROGRESS.store(verbosity.progress_json, Ordering::Relaxed);
}

/// Returns whether progress and notes are not wanted.
pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Returns whether a program listens to the progress.
pub(crate) fn is_progress_json() -> bool {
    JSON_PROGRESS.load(Ordering::Relaxed)
}

/// Writes a line to standard error, unless it should be quiet. What a terminal would obey, and a file name may hold,
/// is spelt out, and line ends become spaces. If nobody listens any more the line is lost.
pub(crate) fn note(text: &str) {
    match () {
        () if is_quiet() => {}
        () if is_progress_json() => failure(&serde_json::json!({ "note": text }).to_string()),
        () => failure(text),
    }
}

/// Writes one line to standard error even if it should be quiet: why the program did not do what it was asked for.
pub(crate) fn failure(text: &str) {
    let line = text.replace('\n', " ");
    let line = plain(&line);
    let line = if is_colored() { colored(&line) } else { line };
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn colored(line: &str) -> Cow<'_, str> {
    for (word, color) in COLORS {
        if let Some(rest) = line.strip_prefix(word) {
            return format!("\x1b[{color}m{word}\x1b[0m{rest}").into();
        }
    }
    line.into()
}

/// Returns whether standard error is to be colored.
fn is_colored() -> bool {
    static COLORED: OnceLock<bool> = OnceLock::new();
    *COLORED.get_or_init(|| {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        let forced = set("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        set("NO_COLOR").is_none() && (forced || (!dumb && std::io::stderr().is_terminal()))
    })
}

#[cfg(test)]
mod tests {
    use super::colored;

    #[test]
    fn only_the_first_word_is_colored_and_only_a_known_one() {
        assert_eq!(colored("warning: a: b"), "\x1b[33mwarning:\x1b[0m a: b");
        assert_eq!(colored("skipped warning: x"), "skipped warning: x");
    }
}
