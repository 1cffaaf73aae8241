//! Ctrl-C: the first asks the command to stop at the next photo or epoch, the second ends the process at once.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Code, Failure};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Starts to watch for Ctrl-C and for the signals that ask a process to end.
pub(crate) fn watch() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(Code::Interrupted as u8));
        }
    })
    .map_err(|error| Failure::new(Code::Path, format!("cannot watch for Ctrl-C: {error}")))
}

/// Whether somebody asked to stop, for a callback.
pub(crate) fn flow() -> ControlFlow<()> {
    if INTERRUPTED.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Whether somebody asked to stop, for a loop.
pub(crate) fn check() -> Result<(), Failure> {
    match flow() {
        ControlFlow::Break(()) => Err(icecap::Error::Stopped.into()),
        ControlFlow::Continue(()) => Ok(()),
    }
}
