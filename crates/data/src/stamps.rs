//! Which content a file has, known without reading it again.
//!
//! A cached feature is found by the hash of its photo's content, and to hash twenty thousand photos of half a megabyte
//! is to read ten gigabytes. So the hashes are kept, each under what the file system says of the file:
//!
//! ```text
//! stamp = device, inode, bytes, time of the last change of content (mtime), of anything (ctime), to the nanosecond
//! FOLDER/stamps: magic "icecapS1" | count u64 | count x (stamp 7 x u64, SHA-256 of the content) | SHA-256 of all before
//! ```
//!
//! A photo in a zip archive has the stamp of the archive, with the place of its entry instead of the number of bytes.
//!
//! This is what Git's index does to see whether a file has changed, and a little stricter. The kernel sets ctime at
//! every write, rename over, chmod or restored mtime, and no call sets it to another value; so a file with the stamp
//! that it had has the content that it had, but for one case: written twice within one tick of the clock, and hashed in
//! between. Therefore a stamp is kept only where both times lay two seconds back when the file was read and were the same
//! after it as before. Where a file system keeps whole or round times (FAT, some network drives), where there is no
//! ctime at all, or where a clock runs ahead, nothing is kept and the photo is read. What remains is a clock that was
//! set back by hand, to the nanosecond, and somebody who writes into a mapped file without ever syncing it.
//!
//! The file is a table of hashes, not of features: a wrong or torn one is found out by its own hash and counts as none.
//! It is written when the cache is dropped, in one step; of two processes the later stands, and what the earlier knew
//! is hashed once more.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use icecap_foundation::regular_file;

use crate::Digest;

const MAGIC: &[u8; 8] = b"icecapS1";
const STAMP_WORDS: usize = 7;
/// Which word of a stamp is the length.
const LENGTH: usize = 2;
const RECORD_BYTES: usize = STAMP_WORDS * 8 + 32;
/// The most files that are remembered: 23 MB of file.
const MOST: usize = 1 << 18;
/// How far back a file's last change lies before it is trusted to show the next one.
const SETTLED: Duration = Duration::from_secs(2);

/// What the file system says of a file, by which an unchanged file is recognized without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp([u64; STAMP_WORDS]);

impl Stamp {
    /// The stamp of a regular file; `None` if the system does not tell enough.
    #[cfg(unix)]
    pub(crate) fn of(about: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let words = [about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec()];
        // A round fraction of a second is that of a file system which keeps no more.
        let fine = about.ctime_nsec() % 1_000_000 != 0;
        let [mtime, mtime_nsec, ctime, ctime_nsec] = words.map(|word| u64::try_from(word).ok());
        let stamp = [about.dev(), about.ino(), about.len(), mtime?, mtime_nsec?, ctime?, ctime_nsec?];
        (fine && about.is_file()).then_some(Self(stamp))
    }

    #[cfg(not(unix))]
    pub(crate) fn of(_about: &Metadata) -> Option<Self> {
        None
    }

    /// The stamp of a file in the archive that has this one, whose entry starts at `offset`. No file is of such a length, so it
    /// is that of no other.
    pub(crate) fn of_member(self, offset: u64) -> Self {
        let mut words = self.0;
        words[LENGTH] = offset | 1 << 63;
        Self(words)
    }

    /// Whether the file's last change lies so far back that another would show.
    pub(crate) fn is_settled(&self) -> bool {
        let [_, _, _, mtime, mtime_nsec, ctime, ctime_nsec] = self.0;
        let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) else { return false };
        let before = |seconds, nanos| {
            let time = Duration::from_secs(seconds).checked_add(Duration::from_nanos(nanos));
            time.and_then(|time| now.checked_sub(time)).is_some_and(|since| since > SETTLED)
        };
        before(mtime, mtime_nsec) && before(ctime, ctime_nsec)
    }
}

/// Hashes by stamp, read from a file when the first is asked for.
#[derive(Debug)]
pub(crate) struct Stamps {
    file: PathBuf,
    table: OnceLock<RwLock<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    known: HashMap<Stamp, Known>,
    changed: bool,
    /// Everything in it was asked for in this process: there is no room for more.
    full: bool,
}

#[derive(Debug)]
struct Known {
    sha256: Digest,
    used: AtomicBool,
}

impl Stamps {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { file, table: OnceLock::new() }
    }

    /// The hash of the file that has this stamp, which is asked for where any are known.
    pub(crate) fn known(&self, stamp: impl FnOnce() -> Option<Stamp>) -> Option<Digest> {
        let table = self.table().read().ok()?;
        if table.known.is_empty() {
            return None;
        }
        let known = table.known.get(&stamp()?)?;
        known.used.store(true, Ordering::Relaxed);
        Some(known.sha256)
    }

    pub(crate) fn remember(&self, stamp: Stamp, sha256: Digest) {
        let Ok(mut table) = self.table().write() else { return };
        if table.known.len() >= MOST && !table.full {
            table.known.retain(|_, known| known.used.load(Ordering::Relaxed));
            table.full = table.known.len() >= MOST;
        }
        if !table.full {
            table.known.insert(stamp, Known { sha256, used: AtomicBool::new(true) });
            table.changed = true;
        }
    }

    /// The file and what should stand in it, where that is something new.
    pub(crate) fn changed(&mut self) -> Option<(&Path, Vec<u8>)> {
        let table = self.table.get_mut()?.get_mut().ok()?;
        if !std::mem::take(&mut table.changed) {
            return None;
        }
        let mut bytes = Vec::with_capacity(16 + table.known.len() * RECORD_BYTES + 32);
        bytes.extend(MAGIC);
        bytes.extend((table.known.len() as u64).to_le_bytes());
        for (stamp, known) in &table.known {
            bytes.extend(stamp.0.iter().flat_map(|word| word.to_le_bytes()));
            bytes.extend(known.sha256.0);
        }
        bytes.extend(Digest::of(&bytes).0);
        Some((&self.file, bytes))
    }

    fn table(&self) -> &RwLock<Table> {
        self.table.get_or_init(|| {
            let known = read(&self.file).unwrap_or_default();
            RwLock::new(Table { known, ..Table::default() })
        })
    }
}

/// The table in a file; `None` if it is not whole.
fn read(path: &Path) -> Option<HashMap<Stamp, Known>> {
    let most = 16 + MOST * RECORD_BYTES + 32;
    let bytes = regular_file::read(path, most as u64 + 1).ok()?;
    let (content, hash) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
    let (head, records) = content.split_at_checked(16)?;
    let count = u64::from_le_bytes(head[8..].try_into().ok()?);
    let whole = head[..8] == *MAGIC && count.checked_mul(RECORD_BYTES as u64) == Some(records.len() as u64);
    if !whole || bytes.len() > most || Digest::of(content).0 != hash {
        return None;
    }
    let record = |record: &[u8]| {
        let (words, sha256) = record.split_at(STAMP_WORDS * 8);
        let mut stamp = [0; STAMP_WORDS];
        for (word, bytes) in stamp.iter_mut().zip(words.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let sha256 = Digest(sha256.try_into().ok()?);
        Some((Stamp(stamp), Known { sha256, used: AtomicBool::new(false) }))
    };
    records.chunks_exact(RECORD_BYTES).map(record).collect()
}
