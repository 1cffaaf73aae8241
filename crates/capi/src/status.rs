//! How a call ended, as a number, and as a sentence on this side of the boundary.

use std::any::Any;

use icecap::advanced::foundation::shown::plain;
use icecap::{Error, Kind};

/// How a call ended. The numbers are the exit codes of the program `icecap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Status {
    /// All was done.
    Ok = 0,
    /// A bug of icecap: please report it, with the message. Handles can still be used and freed.
    Bug = 1,
    /// An argument that cannot be used; of a batch, perhaps one photo. Another value helps.
    Usage = 2,
    /// A photo, model or weight file whose content cannot be used.
    BadInput = 3,
    /// Something larger than icecap reads, or than there is memory for.
    Limit = 4,
    /// A file that is missing or cannot be read.
    Io = 5,
    /// The caller's `progress` ended the work.
    Stopped = 130,
}

/// Why a call did not do what it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    pub(crate) message: String,
}

impl Failure {
    /// A failure with a message on one line, in which what a terminal would obey is spelt out.
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: plain(&message.into()).into_owned() }
    }

    /// A failure that is the caller's to mend.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Status::Usage, message)
    }

    /// A failure whose reason is what a panic left.
    pub(crate) fn panicked(left: &(dyn Any + Send)) -> Self {
        let said = left.downcast_ref::<&str>().copied().or_else(|| left.downcast_ref().map(String::as_str));
        Self::bug(&said.unwrap_or("no reason is known"))
    }

    /// A failure that should not be.
    pub(crate) fn bug(reason: &dyn std::fmt::Display) -> Self {
        Self::new(Status::Bug, format!("a bug of icecap, please report it: {reason}"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            Kind::Setting => Status::Usage,
            Kind::Content => Status::BadInput,
            Kind::Limit => Status::Limit,
            Kind::Path => Status::Io,
            Kind::Stopped => Status::Stopped,
            _ => Status::Bug,
        };
        Self::new(status, error.to_string())
    }
}

impl From<icecap::advanced::data::Error> for Failure {
    fn from(error: icecap::advanced::data::Error) -> Self {
        Error::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_the_exit_code_of_the_program() {
        let setting = Error::Setting { what: "head", reason: "\0 no\nline".into() };
        let of = |error: Error| Failure::from(error).status as i32;
        let missing = icecap::Classifier::open("no such model").unwrap_err();
        let limit = icecap::advanced::data::Error::Limit { what: "side", got: 2, limit: 1 };
        assert_eq!(Failure::from(setting).message, "head: \\u0000 no\\nline");
        assert_eq!(of(Error::Setting { what: "head", reason: String::new() }), 2);
        assert_eq!(of(icecap::advanced::data::Error::Empty.into()), 3);
        assert_eq!((of(limit.into()), of(missing), of(Error::Stopped)), (4, 5, 130));
    }
}
