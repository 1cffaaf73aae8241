//! How a call that makes something ends: with what it made, or with why not, in the places that the caller gave.

use std::mem::MaybeUninit;

use crate::boundary::caught;
use crate::error::Error;
use crate::status::{Failure, Status};

/// Runs `work` and puts what it makes at `out`, and why it does not at `error`. Whatever is not made is NULL.
pub(crate) fn make<T>(
    out: Option<&mut MaybeUninit<Option<Box<T>>>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Status {
    let made = match out {
        None => Err(Failure::usage("no place for the result; give the address of a pointer")),
        Some(out) => {
            let (made, ended) = match caught(work) {
                Ok(made) => (Some(Box::new(made)), Ok(())),
                Err(failure) => (None, Err(failure)),
            };
            out.write(made);
            ended
        }
    };
    Error::tell(error, made.err())
}
