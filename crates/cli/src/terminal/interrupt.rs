//! Ctrl-C, and the signals that ask a process to end.
//!
//! The first asks the command to stop at the next photo or epoch, which leaves the most and says the most. A command that
//! cannot hear it, because it waits for a pipe or is deep in arithmetic, is ended after [`GRACE`]: then, too, every file is
//! the old one or the new one, no temporary file stays, and the last words of the command are said. The second ends the
//! process at once.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use icecap::advanced::foundation::atomic_file;

use crate::terminal::failure::{Code, Failure};
use crate::terminal::{last_words, progress};

/// How long a command may take to stop by itself.
const GRACE: Duration = Duration::from_millis(1500);
/// How long the end of a process may take: a disk or a terminal that does not answer does not keep it.
const END: Duration = Duration::from_millis(300);

// Two seconds are what is promised.
const _: () = assert!(GRACE.as_millis() + END.as_millis() < 2000);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// Whether the process is ending: either its command has, or this file sees to it.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Set by a signal that is caught only so that it does not end the process; the failed write says the rest.
#[cfg(unix)]
static FILE_TOO_LARGE: AtomicBool = AtomicBool::new(false);

/// Starts to watch for Ctrl-C and for the signals that ask a process to end.
pub(crate) fn watch() -> Result<(), Failure> {
    // A file above the size that the shell allows should be a failed write with a message, not the end of the process.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, &FILE_TOO_LARGE);
    listen().map_err(|error| Failure::new(Code::Path, format!("cannot watch for Ctrl-C: {error}")))
}

#[cfg(unix)]
fn listen() -> Result<(), std::io::Error> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    // `nohup` has the end of a session ignored.
    let end_of_session = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    let mut signals =
        signal_hook::iterator::Signals::new([SIGINT, SIGTERM].into_iter().chain(end_of_session))?;
    thread::Builder::new().name("signals".into()).spawn(move || signals.forever().for_each(|_| hear()))?;
    Ok(())
}

/// Whether the process was started with this signal ignored; where the system does not tell, no.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let bits = ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    bits.is_some_and(|bits| bits >> (signal - 1) & 1 == 1)
}

#[cfg(not(unix))]
fn listen() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(hear)
}

/// A signal has come.
fn hear() {
    if INTERRUPTED.swap(true, Ordering::SeqCst) {
        end();
    }
    let watcher = thread::Builder::new().spawn(|| {
        thread::sleep(GRACE);
        end();
    });
    // No thread is to be had: then the command is not waited for.
    if watcher.is_err() {
        end();
    }
}

/// Ends the process: with what the command is about to end with, if it has come to its end, else as interrupted.
fn end() -> ! {
    let is_ours = !ENDING.swap(true, Ordering::SeqCst);
    let (tell, told) = channel();
    let last = thread::Builder::new().spawn(move || {
        if is_ours {
            atomic_file::give_up();
            progress::clear();
            let _ = Failure::new(Code::Interrupted, last_words::get()).report();
            let _ = tell.send(());
        } else {
            thread::sleep(END);
        }
    });
    if last.is_ok() {
        let _ = told.recv_timeout(END);
    }
    leave()
}

/// Leaves without anything that could wait: other threads go on until they are gone.
fn leave() -> ! {
    #[cfg(unix)]
    signal_hook::low_level::exit(i32::from(Code::Interrupted as u8));
    #[cfg(not(unix))]
    std::process::exit(i32::from(Code::Interrupted as u8));
}

/// The command has come to its end, and is not to be ended any more. Does not return where it is being ended already.
pub(crate) fn through() {
    if ENDING.swap(true, Ordering::SeqCst) {
        loop {
            thread::park();
        }
    }
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
