//! The file in hand, and the errors that name a place in it.

use std::path::Path;

use super::pickle::{MAX_OPERATIONS, Refusal};
use crate::Error;
use crate::container::{ContainerKind, MAX_TENSORS, limit};
use crate::shown::shown;

/// The file that is read, for errors.
pub(super) struct Reader<'p> {
    pub(super) path: &'p Path,
    pub(super) kind: ContainerKind,
    /// The file's length in bytes.
    pub(super) length: u64,
}

impl Reader<'_> {
    pub(super) fn damaged(&self, offset: u64, reason: String) -> Error {
        Error::Container { path: self.path.into(), kind: self.kind, offset, reason }
    }

    pub(super) fn refused(&self, offset: u64, reason: String) -> Error {
        Error::Pickle { path: self.path.into(), offset, reason }
    }

    pub(super) fn tensor(&self, name: &str, offset: u64, reason: String) -> Error {
        Error::Tensor { path: self.path.into(), tensor: shown(name), offset, reason }
    }

    /// The error for a pickle that was not read; `place` makes its places the file's.
    pub(super) fn refusal(&self, why: Refusal, place: &dyn Fn(usize) -> u64) -> Error {
        match why {
            Refusal::Damaged { at, reason } => self.damaged(place(at), reason),
            Refusal::Refused { at, reason } => self.refused(place(at), reason),
            Refusal::Long => {
                let (got, limit) = (MAX_OPERATIONS + 1, MAX_OPERATIONS);
                Error::Limit { path: self.path.into(), what: "pickle operations or more", got, limit }
            }
        }
    }

    pub(super) fn check_count(&self, tensors: usize) -> Result<(), Error> {
        limit(self.path, "tensors", tensors as u64, MAX_TENSORS)
    }
}
