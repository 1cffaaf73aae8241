//! Tables that line up, without frames, and the writing of standard output.

use std::io::{ErrorKind, IsTerminal, Write};

use comfy_table::{CellAlignment, Table, presets};
use icecap::advanced::foundation::shown::plain_lines;
use serde::Serialize;

use crate::terminal::failure::{Code, Failure};
use crate::terminal::stderr::is_quiet;

/// Returns a table with a header. The columns with an index in `right` hold numbers and are aligned to the right.
pub(crate) fn table(header: &[&str], right: &[usize], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec()).add_rows(rows);
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// Writes a value to standard output as one line of JSON. As text at once: by way of a `serde_json::Value` an f32 of 0.35
/// would come out as 0.3499999940395355.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text =
        serde_json::to_string(value).map_err(|error| Failure::new(Code::Content, error.to_string()))?;
    print(&format!("{text}\n"))
}

/// Writes what a command has to say of its work, whose result is in files, to standard output, unless it should be quiet.
pub(crate) fn narrate(text: &str) -> Result<(), Failure> {
    if is_quiet() { Ok(()) } else { print(text) }
}

/// Writes `text`, a command's result, to standard output, with what a terminal would obey spelt out: names of photos and
/// classes are somebody else's. JSON stays JSON. A reader that went away, as `head` does, is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_as_it_is(&plain_lines(text))
}

/// Writes records of CSV to standard output. A program gets names as they are, since CSV has no way to spell them out; a
/// terminal does not.
pub(crate) fn print_csv(text: &str) -> Result<(), Failure> {
    if std::io::stdout().is_terminal() { print(text) } else { print_as_it_is(text) }
}

fn print_as_it_is(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::output(&error)),
        _ => Ok(()),
    }
}
