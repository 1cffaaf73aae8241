//! How much memory this process holds above what it held when it was quiet.

use icecap_kernels::memory::keep_at_most;

/// What the allocator may keep of freed memory, in bytes.
const KEPT: u32 = 1 << 20;

/// A measure of this process' memory; says nothing where the system does not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    quiet: Option<u64>,
}

impl Memory {
    /// Measures from what is held now. From here on the allocator gives back what is freed: what it kept for later would be
    /// counted as if somebody held it.
    #[must_use]
    pub(crate) fn quiet() -> Self {
        keep_at_most(KEPT);
        forget();
        Self { quiet: peak() }
    }

    /// Forgets the peak so far, so that the next one is that of what follows.
    pub(crate) fn forget(self) {
        if self.quiet.is_some() {
            forget();
        }
    }

    /// The most that was held since, above what was held when it was quiet.
    #[must_use]
    pub(crate) fn above(self) -> Option<u64> {
        Some(peak()?.saturating_sub(self.quiet?))
    }
}

/// Where the system resets a peak: by a 5 in this file.
fn forget() {
    // Where it does not, the peak only grows, which finds what takes too much as well.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The most memory that this process has held, in bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
