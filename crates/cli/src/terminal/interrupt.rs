//! Ctrl-C: the first asks the command to stop at the next photo or epoch, the second ends the process at once.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::terminal::failure::{Code, Failure};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Set by a signal that is caught only so that it does not end the process; the failed write says the rest.
#[cfg(unix)]
static FILE_TOO_LARGE: AtomicBool = AtomicBool::new(false);

/// Starts to watch for Ctrl-C and for the signals that ask a process to end.
pub(crate) fn watch() -> Result<(), Failure> {
    // A file above the size that the shell allows should be a failed write with a message, not the end of the process.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, &FILE_TOO_LARGE);
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(Code::Interrupted as u8));
        }
    })
    .map_err(|error| Failure::new(Code::Path, format!("cannot watch for Ctrl-C: {error}")))
}

/// Returns whether to go on, for a callback: breaks once somebody pressed Ctrl-C.
pub(crate) fn flow() -> ControlFlow<()> {
    if INTERRUPTED.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Fails once somebody pressed Ctrl-C, for a loop.
pub(crate) fn check() -> Result<(), Failure> {
    match flow() {
        ControlFlow::Break(()) => Err(icecap::Error::Stopped.into()),
        ControlFlow::Continue(()) => Ok(()),
    }
}
