//! What would help most, in the last lines of a training.

use crate::run::Run;
use crate::run::leads::{Lead, leads};

/// More than this is not read.
const MOST: usize = 3;
/// Columns of a line.
const WIDE: usize = 110;
const INDENT: &str = "            ";

/// Returns what would help the run most, with the commands to type; nothing if nothing would.
pub(super) fn text(run: Option<&Run>) -> String {
    let leads = run.map(leads).unwrap_or_default();
    leads.iter().take(MOST).enumerate().map(|(number, lead)| one(number, lead)).collect()
}

fn one(number: usize, lead: &Lead) -> String {
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
        text += &format!("{INDENT}  {command}\n");
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
        let text = one(0, &lead);
        assert!(text.starts_with("better      a sentence") && text.ends_with("\n              icecap x\n"));
        assert!(text.lines().all(|line| line.len() <= WIDE) && text.lines().count() == 4, "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with(INDENT)));
    }
}
