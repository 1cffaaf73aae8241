//! The pages that were read last, of all tables: photos that follow each other stand in one.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use icecap_columns::{Error, Page};

/// The most bytes of pages that are kept beside the last one; a page may be larger than that.
const MOST: u64 = 128 << 20;

/// The latest last. A page is read by one thread at a time, so that no two read the same.
static RECENT: Mutex<VecDeque<(u64, Arc<Page>)>> = Mutex::new(VecDeque::new());
static IDS: AtomicU64 = AtomicU64::new(0);

/// A number for a column that no other one has.
pub(super) fn next_id() -> u64 {
    IDS.fetch_add(1, Ordering::Relaxed)
}

/// The page of a column that has a row; `read` reads it, where it is not at hand.
pub(super) fn page(
    column: u64,
    row: u64,
    read: impl FnOnce() -> Result<Page, Error>,
) -> Result<Arc<Page>, Error> {
    // A panic leaves whole pages behind.
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    let found = recent.iter().position(|(of, page)| *of == column && page.rows().contains(&row));
    if let Some(entry) = found.and_then(|at| recent.remove(at)) {
        let page = entry.1.clone();
        recent.push_back(entry);
        return Ok(page);
    }
    let page = Arc::new(read()?);
    let mut kept: u64 = recent.iter().map(|(_, page)| page.bytes()).sum();
    while kept > MOST {
        kept -= recent.pop_front().map_or(kept, |(_, page)| page.bytes());
    }
    recent.push_back((column, page.clone()));
    Ok(page)
}
