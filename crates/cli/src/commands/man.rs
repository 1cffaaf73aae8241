//! `icecap man`: a page of the manual for each command, made of its help text.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man;
use icecap::advanced::foundation::atomic_file::{make_folder, replace_file};

use crate::options::overwrite::OverwriteOption;
use crate::terminal::failure::Failure;
use crate::terminal::table::narrate;
use crate::terminal::wording::{counted, plain_path, typed_path};

#[derive(Args)]
pub(crate) struct Options {
    /// Folder for the pages, made if it is missing
    #[arg(short, long = "output", alias = "out", value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    overwrite: OverwriteOption,
}

/// Writes the pages of `program`, the whole command line as clap knows it.
pub(crate) fn run(options: &Options, program: Command) -> Result<(), Failure> {
    let folder = &options.output;
    make_folder(folder).map_err(|error| Failure::path(folder, error))?;
    let pages = pages(program);
    pages.iter().try_for_each(|(name, _)| options.overwrite.check(&folder.join(name)))?;
    for (name, page) in &pages {
        replace_file(&folder.join(name), |out| out.write_all(page))?;
    }
    narrate(&format!(
        "{} in {}\nnext        man {}\n",
        counted(pages.len(), "page"),
        plain_path(folder),
        typed_path(&folder.join("icecap.1"))
    ))
}

/// Returns the pages of `program` and of every command below it, by file name.
pub(crate) fn pages(program: Command) -> Vec<(String, Vec<u8>)> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    collect(&program, &mut pages);
    pages
}

/// The page of `command` and those of the commands below it, by file name.
fn collect(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) {
    let examples = command.get_after_long_help().map(ToString::to_string);
    let page = Man::new(command.clone().after_long_help(None::<&str>))
        .source(concat!("icecap ", env!("CARGO_PKG_VERSION")));
    let (name, mut text) = (page.get_filename(), Vec::new());
    if let Err(error) = page.render(&mut text) {
        unreachable!("memory can be written to: {error}");
    }
    let examples = examples.map_or(String::new(), |examples| section(&examples));
    let text = String::from_utf8_lossy(&text) + examples.as_str();
    pages.push((name, in_ascii(&text).into_bytes()));
    command.get_subcommands().filter(|below| !below.is_hide_set()).for_each(|below| collect(below, pages));
}

/// Returns a text with each letter that is not ASCII by its number: so no formatter must be told how the page is encoded.
fn in_ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_ascii() {
            true => plain.push(letter),
            false => plain += &format!("\\[u{:04X}]", u32::from(letter)),
        }
    }
    plain
}

/// Returns the examples as a section of their own, lines as they stand.
fn section(examples: &str) -> String {
    let mut text = ".SH EXAMPLES\n.nf\n".to_owned();
    for line in examples.lines().skip_while(|line| *line == "Examples:") {
        let line = line.replace('\\', r"\e").replace('-', r"\-").replace('\'', r"\(aq");
        // What starts with a dot would be taken for a request.
        text.extend([if line.starts_with('.') { r"\&" } else { "" }, &line, "\n"]);
    }
    text + ".fi\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_no_requests_and_dashes_can_be_copied() {
        assert_eq!(
            section("Examples:\n  a --b 'c'\n.x\\"),
            ".SH EXAMPLES\n.nf\n  a \\-\\-b \\(aqc\\(aq\n\\&.x\\e\n.fi\n"
        );
    }

    #[test]
    fn letters_beyond_ascii_go_by_number() {
        assert_eq!(in_ascii("a … é"), "a \\[u2026] \\[u00E9]");
    }
}
