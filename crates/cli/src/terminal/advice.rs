//! What to type after an error of the library, which knows no options of this program.

use icecap::Error;

/// Returns the end of a message about `error`, as "; give those with --weights", or nothing.
pub(crate) fn advice(error: &Error) -> String {
    match error {
        Error::OtherBackbone { .. } => "; give those with --weights".to_owned(),
        _ => String::new(),
    }
}
