//! A panic is a bug of ours: said in a line, with exit code 1, and never the end of a photo's decoder.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::catch_unwind;
use std::process::ExitCode;

use crate::terminal::stderr;

/// The exit code of a bug of ours.
const CODE: u8 = 1;

/// Runs the program; a panic in it, on whichever thread, becomes a message and an exit code.
pub(crate) fn contained(run: fn() -> ExitCode) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        // One inside a decoder becomes an error about that photo, and one inside a table's reader about that table.
        if icecap::advanced::data::is_decoding() || icecap_records::is_reading() {
            return;
        }
        stderr::failure(&format!(
            "icecap: a bug of ours: {panic}; please report it, with the command and the file that brought it about"
        ));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            trace.to_string().lines().for_each(stderr::failure);
        }
    }));
    catch_unwind(run).unwrap_or(ExitCode::from(CODE))
}
