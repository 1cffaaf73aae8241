//! Errors as people and programs see them: one line on standard error, and an exit code.

use std::path::Path;
use std::process::ExitCode;

use icecap::{Error, Kind};
use icecap_report::run::files::UNFINISHED;

use crate::terminal::advice::advice;
use crate::terminal::did_you_mean;
use crate::terminal::last_words;
use crate::terminal::stderr;
use crate::terminal::wording::typed_path;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: Code,
}

/// The exit codes, by what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    Arguments = 2,
    Content = 3,
    Limit = 4,
    Path = 5,
    Interrupted = 130,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { message: message.into(), code }
    }

    /// The failure of standard output. A reader that went away, as `head` does, is none, and the caller has told that
    /// apart.
    pub(crate) fn output(error: &std::io::Error) -> Self {
        Self::new(Code::Path, format!("standard output: {error}"))
    }

    /// The failure of a file that could not be written or read.
    pub(crate) fn path(path: &std::path::Path, error: impl std::fmt::Display) -> Self {
        Self::new(Code::Path, format!("{}: {error}", path.display()))
    }

    /// Returns the failure with more said at the end of its line.
    pub(crate) fn and(self, more: &str) -> Self {
        Self { message: self.message + more, ..self }
    }

    /// Returns what went wrong, as part of another line.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Prints the line on standard error and returns the exit code.
    pub(crate) fn report(self) -> ExitCode {
        stderr::failure(&format!("icecap: {}", without_number(&self.message)));
        ExitCode::from(self.code as u8)
    }
}

/// A message without the number that a system gives an error besides its words.
fn without_number(message: &str) -> String {
    let mut out = String::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once(" (os error ") {
        let number = after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len());
        out.push_str(before);
        rest = match after[number..].strip_prefix(')') {
            Some(behind) if number > 0 => behind,
            _ => {
                out.push_str(" (os error ");
                after
            }
        };
    }
    out + rest
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error.kind() {
            Kind::Setting => Code::Arguments,
            Kind::Limit => Code::Limit,
            Kind::Path => Code::Path,
            Kind::Stopped => return Self::new(Code::Interrupted, last_words::get()),
            _ => Code::Content,
        };
        Self::new(code, error.to_string() + &advice(&error) + &did_you_mean::hint(&error))
    }
}

impl From<icecap_report::Error> for Failure {
    fn from(error: icecap_report::Error) -> Self {
        let code = match error.kind() {
            Kind::Limit => Code::Limit,
            Kind::Path => Code::Path,
            _ => Code::Content,
        };
        match error {
            icecap_report::Error::Facade(error) => error.into(),
            icecap_report::Error::NoRun { folder } => Self::new(code, no_run(&folder)),
            other => Self::new(code, other.to_string()),
        }
    }
}

/// Returns what to say of a folder without a finished run.
fn no_run(folder: &Path) -> String {
    let what = if folder.join(UNFINISHED).is_file() {
        let run = typed_path(folder);
        format!("the run is not finished; go on with it first: `icecap train --resume {run}`")
    } else if folder.is_dir() {
        "not the folder of a run, it has no metrics.json; `icecap train PHOTOS --out RUN` makes one"
            .to_owned()
    } else if folder.exists() {
        "not a folder; name the folder of a run, as `icecap train` leaves it".to_owned()
    } else {
        let meant = did_you_mean::hint_of(folder);
        format!("no such folder; name the folder of a run, as `icecap train` leaves it{meant}")
    };
    format!("{}: {what}", folder.display())
}

/// Errors of the crates below become errors of the facade first.
macro_rules! from_below {
    ($($error:ty),+) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Error::from(error).into()
            }
        })+
    };
}
from_below!(
    icecap::advanced::data::Error,
    icecap::advanced::weights::Error,
    icecap::advanced::graph::Error,
    icecap::advanced::kernels::Error,
    icecap::advanced::foundation::atomic_file::WriteError
);

impl From<icecap_records::Error> for Failure {
    fn from(error: icecap_records::Error) -> Self {
        match error {
            icecap_records::Error::Io { path, source } => Self::path(&path, source),
            icecap_records::Error::Refused(error) => error.into(),
            other => Self::new(Code::Content, other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_system_are_left_out() {
        for (message, told) in [
            ("a: No such file or directory (os error 2)", "a: No such file or directory"),
            ("a (os error 2); b (os error 13)!", "a; b!"),
            ("a (os error x)", "a (os error x)"),
            ("a (os error ", "a (os error "),
            ("", ""),
        ] {
            assert_eq!(without_number(message), told);
        }
    }
}
