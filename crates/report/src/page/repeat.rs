//! What one needs to do the run again.

use super::escape::escape;
use crate::run::Run;
use crate::run::command_line::CommandLine;
use crate::run::finished::plain_value;
use crate::wording::portable;

/// Arguments that are shown first, with what they are; the others follow by their names.
const FIRST: [(&str, &str); 5] = [
    ("weights", "weights"),
    ("params_sha256", "hash of the weights"),
    ("folder", "photos"),
    ("val", "validation photos"),
    ("seed", "seed"),
];

/// Returns the command line of the run, for a shell.
pub(super) fn command(run: &Run) -> Option<String> {
    Some(words(&run.argument("command")?))
}

/// Returns a command line, for a shell.
pub(super) fn words(command: &str) -> String {
    // A line breaks between words, not behind the hyphen of an option.
    let command = CommandLine::of(command).portable().to_string();
    let words: Vec<_> = command.split(' ').map(|word| format!("<span>{}</span>", escape(word))).collect();
    format!("<pre class=\"command\"><code>{}</code></pre>", words.join(" "))
}

/// Returns the section's content.
pub(super) fn repeat(run: &Run) -> String {
    let row = |what: &str, value: &str| format!("<dt>{}</dt><dd>{}</dd>", escape(what), escape(value));
    let mut rows = row("icecap", &run.metrics.version);
    for (key, what) in FIRST {
        if let Some(value) = run.argument(key) {
            rows += &row(what, portable(&value));
        }
    }
    let skipped =
        |key: &str| key == "command" || key == "version" || FIRST.iter().any(|(first, _)| *first == key);
    for (key, value) in run.arguments.iter().filter(|(key, _)| !skipped(key)) {
        let value = plain_value(value);
        rows += &row(key, if key == "group" { &value } else { portable(&value) });
    }
    format!(
        "{}<div class=\"card\"><dl class=\"facts columns\">{rows}</dl></div><p class=\"note\">The same photos, weights, \
         options and seed give the same model, bit for bit, for any number of threads, on one machine.{}</p>",
        command(run).unwrap_or_default(),
        if run.argument("command").is_some() { FOLDER } else { "" }
    )
}

/// What stands beside the page where a command has made it.
const FOLDER: &str = " The folder that the command leaves has all of this in its <code>args.toml</code>, and where photos and \
                      weights lie, which this page leaves out: <code>icecap train --config args.toml</code> repeats the run. \
                      <code>split.csv</code> there says which photo was in which part, <code>predictions.csv</code> what the model \
                      says of each.";
