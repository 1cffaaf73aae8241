//! A program's allocator that ends it with a sentence and an exit code of its own where the system has no more memory.
//!
//! Rust's collections cannot say that they got none: the standard library aborts, which looks like a crash and leaves no time to
//! write out what is done. What asks for memory by [`memory`](crate::memory) hears of the shortage as an error and goes on;
//! everything else ends here. It never makes an allocation slower that succeeds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

thread_local! {
    /// Whether this thread hears of a shortage as an error.
    static ASKING: Cell<bool> = const { Cell::new(false) };
    /// Whether this thread is ending the process.
    static ENDING: Cell<bool> = const { Cell::new(false) };
}

/// Whether some thread is ending the process.
static OVER: AtomicBool = AtomicBool::new(false);

/// The system's allocator, for a `#[global_allocator]`.
#[derive(Debug)]
pub struct Allocator {
    /// What the sentence begins with, such as the program's name.
    pub before: &'static str,
    /// What it ends with, such as what helps.
    pub after: &'static str,
    /// The code that the process ends with.
    pub code: i32,
}

// SAFETY: every call is the system's own allocator's, with the same arguments and result; what is done beside it where there
// is none neither unwinds nor asks for memory.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the one asked for.
        self.got(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        self.got(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        self.got(unsafe { System.realloc(start, layout, size) }, size)
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(start, layout) }
    }
}

impl Allocator {
    #[inline]
    fn got(&self, start: *mut u8, bytes: usize) -> *mut u8 {
        if start.is_null() {
            self.missing(bytes);
        }
        start
    }

    /// Returns where somebody hears of the shortage; else ends the process.
    #[cold]
    fn missing(&self, bytes: usize) {
        if ASKING.get() || ENDING.replace(true) {
            return;
        }
        while OVER.swap(true, Ordering::Relaxed) {
            // Another thread ends the process already.
            std::thread::sleep(Duration::from_secs(1));
        }
        let mut line = [0u8; 400];
        let mut rest = &mut line[..];
        // What does not fit is left out.
        let _ = writeln!(
            rest,
            "{}there is not enough memory: {bytes} more bytes were asked for{}",
            self.before, self.after
        );
        let left = rest.len();
        let _ = say(&line[..line.len() - left]);
        std::process::exit(self.code);
    }
}

/// Writes to standard error past the lock, which this thread may hold.
#[cfg(unix)]
fn say(line: &[u8]) -> std::io::Result<()> {
    use std::mem::ManuallyDrop;
    use std::os::fd::FromRawFd;
    // SAFETY: the descriptor of standard error is never closed by this file, which is not dropped; where the process was
    // started without one, the write fails.
    let mut error = ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(2) });
    error.write_all(line)
}

#[cfg(not(unix))]
fn say(_: &[u8]) -> std::io::Result<()> {
    Ok(())
}

/// Calls `ask`, which hears of a shortage as a null pointer, or as an error made of one.
pub(crate) fn asking<R>(ask: impl FnOnce() -> R) -> R {
    let outer = ASKING.replace(true);
    let answer = ask();
    ASKING.set(outer);
    answer
}
