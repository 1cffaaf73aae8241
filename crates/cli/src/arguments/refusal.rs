//! The end of a process whose words cannot be understood.

use std::borrow::Cow;
use std::io::Write;

use icecap::advanced::foundation::shown::plain_lines;

/// Ends the process with what is wrong with its words.
pub(super) fn end(error: &clap::Error) -> ! {
    // A word may be the name of somebody else's file.
    match plain_lines(&error.to_string()) {
        Cow::Borrowed(_) => error.exit(),
        Cow::Owned(text) => {
            let _ = write!(std::io::stderr(), "{text}");
            std::process::exit(error.exit_code())
        }
    }
}
