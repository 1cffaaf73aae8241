//! One process at a time fetches into a folder.
//!
//! The lock is the system's own, on a file that stays: it goes with the process that holds it, however that ends, so a
//! lock is never left behind, and nobody can hold one on a file that was deleted meanwhile.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::Path;

use icecap_foundation::regular_file;

use super::event::{Event, TICK, Tell};
use crate::Error;

/// Held until it is dropped.
pub(super) struct Lock {
    _file: Option<File>,
}

impl Lock {
    /// Takes the lock of a folder, and waits for whoever has it.
    pub(super) fn take(folder: &Path, tell: Tell<'_>) -> Result<Self, Error> {
        let path = folder.join(".lock");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let file = regular_file::open_with(&path, &options).map_err(|source| Error::io(&path, source))?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: Some(file) }),
                Err(TryLockError::WouldBlock) => {
                    let event = if told { Event::Bytes { done: 0, total: None } } else { Event::Waiting };
                    told = true;
                    if tell(event) == ControlFlow::Break(()) {
                        return Err(Error::Stopped);
                    }
                    std::thread::sleep(TICK);
                }
                // Some network file systems have no locks; the hash still tells whether what comes is right.
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                    return Ok(Self { _file: None });
                }
                Err(TryLockError::Error(source)) => return Err(Error::io(&path, source)),
            }
        }
    }
}
