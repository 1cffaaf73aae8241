//! Errors as a caller holds them: a status and a message, no state that threads would share.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;

use crate::boundary::{free, read};
use crate::handle::{Content, Handle, held};
use crate::status::{Failure, Status};

/// Why a call failed, or why one photo of a batch has no answer. Belongs to the caller, who frees it.
#[derive(Debug)]
pub struct Error(Handle<Told>);

/// What an error tells.
#[derive(Debug)]
pub(crate) struct Told {
    status: Status,
    message: CString,
}

impl Content for Told {
    const NAME: &'static str = "error";
    const MAGIC: u32 = 0x1ce0_e44e;
}

impl Error {
    fn new(failure: Failure) -> Self {
        // Messages are made of what was spelt out: one with a zero byte would be a bug, and is told up to there.
        let mut bytes = failure.message.into_bytes();
        bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
        let message = CString::new(bytes).unwrap_or_default();
        Self(Handle::new(Told { status: failure.status, message }))
    }

    /// Puts a failure at the place that the caller gave for it, or NULL if there is none, and returns the status.
    pub(crate) fn tell(
        place: Option<&mut MaybeUninit<Option<Box<Self>>>>,
        failure: Option<Failure>,
    ) -> Status {
        let status = failure.as_ref().map_or(Status::Ok, |failure| failure.status);
        if let Some(place) = place {
            place.write(failure.map(|failure| Box::new(Self::new(failure))));
        }
        status
    }
}

/// Returns the status of an error: of a call, the one that it returned; of a photo in a batch, its own. `ICECAP_STATUS_USAGE` for
/// NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_error_status(error: Option<&Error>) -> Status {
    read(Status::Usage, || Ok(held(error.map(|error| &error.0))?.status))
}

/// Returns the message of an error: one line of UTF-8 that says what is wrong, where, and what to do next. It lives as long as
/// the error. Returns NULL for NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_error_message(error: Option<&Error>) -> *const c_char {
    read(std::ptr::null(), || Ok(held(error.map(|error| &error.0))?.message.as_ptr()))
}

/// Frees an error. NULL is allowed.
///
/// Threads: any, while no other call uses the error.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_error_free(error: Option<Box<Error>>) {
    free(error, |error| error.0.end());
}
