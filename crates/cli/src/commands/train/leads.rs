//! What would help most, in the last lines of a training.

use std::path::MAIN_SEPARATOR;

use super::options::Options;
use crate::run::Run;
use crate::run::leads::{Lead, leads};
use crate::terminal::wording::{program, typed_path};

/// More than this is not read.
const MOST: usize = 3;
/// Columns of a line.
const WIDE: usize = 110;
/// The program in a run's command, however it was called.
const NAME: &str = "icecap";
const INDENT: &str = "            ";

/// Returns what would help a run by `options` most, with the commands to type; nothing if nothing would.
pub(super) fn text(run: Option<&Run>, options: &Options) -> String {
    let leads = run.map(leads).unwrap_or_default();
    let program = called(options);
    leads.iter().take(MOST).enumerate().map(|(number, lead)| one(number, lead, &program)).collect()
}

/// Returns what calls this program where the run was begun: of one that was gone on with its paths are relative to that folder.
pub(super) fn called(options: &Options) -> String {
    let program = program();
    let Some(folder) = options.begun.as_ref().map(|begun| &begun.directory) else { return program };
    // A path to the program may be relative, too.
    let own = std::env::current_exe().ok().filter(|_| program.contains(MAIN_SEPARATOR));
    format!("cd {} && {}", typed_path(folder), own.map_or(program, |own| typed_path(&own)))
}

fn one(number: usize, lead: &Lead, program: &str) -> String {
    let (mut text, mut line) = (String::new(), if number == 0 { "better      " } else { INDENT }.to_owned());
    for (place, word) in lead.text.split(' ').enumerate() {
        if line.chars().count() + word.chars().count() >= WIDE {
            text += line.trim_end();
            text.push('\n');
            line = INDENT.to_owned();
        } else if place > 0 {
            line.push(' ');
        }
        line += word;
    }
    text += &line;
    text.push('\n');
    if let Some(command) = &lead.command {
        let words = command.strip_prefix(NAME).unwrap_or(command);
        text += &format!("{INDENT}  {program}{words}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_broken_between_words_and_its_command_stands_alone() {
        let lead =
            Lead { text: "a sentence of many words ".repeat(10), command: Some("icecap x".to_owned()) };
        let text = one(0, &lead, "./icecap");
        assert!(text.starts_with("better      a sentence") && text.ends_with("\n              ./icecap x\n"));
        assert!(text.lines().all(|line| line.len() <= WIDE) && text.lines().count() == 4, "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with(INDENT)));
    }
}
