//! Words for people, and the name by which this program was called.

use std::path::Path;

pub(crate) use icecap_report::wording::{
    agreeing, chance, counted, grouped, megabytes, plain, plain_path, sized, some_of, typed, typed_path,
};

/// Returns this program as it was called, for commands that the user may type next.
pub(crate) fn program() -> String {
    std::env::args_os().next().map_or("icecap".to_owned(), |name| typed_path(Path::new(&name)))
}
