//! Zip archives: their entries' names, places and bytes, read at offsets from memory or from a file.
//!
//! ```text
//! (local header | data)… | central directory | [zip64 end record | zip64 locator] | end record
//! ```
//!
//! The directory at the end says what there is. A file that two readers understand differently is refused, not guessed
//! at: an entry whose local header disagrees with the directory, entries that overlap, bytes after the end record. Which
//! names are good, and how large an archive may be, is the caller's matter. A reader of our own, because the entries'
//! offsets and their bytes in place are wanted, several threads read one archive at once, and the rest of a general one
//! (writing, extraction, encryption) brings a dozen packages that nothing here needs.
//!
//! # Source
//! APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.

mod directory;
mod unpack;

use crate::read_at::ReadAt;

pub use directory::Directory;
pub use unpack::{Local, first_bytes, local, unpack};

/// The first bytes of an archive that is not empty.
pub const MAGIC: &[u8; 4] = b"PK\x03\x04";
/// An entry's data as it is.
pub const STORED: u16 = 0;
/// An entry's data, compressed by deflate.
pub const DEFLATED: u16 = 8;
/// Flags of an entry that is encrypted, in one of three ways.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// Flag of an entry whose sizes stand behind its data, as who wrote it did not know them before.
const SIZES_BEHIND: u16 = 1 << 3;
/// The part of a mode of Unix that tells what it is of, and what it is for folders and files.
const TYPE: u16 = 0o170_000;
const FOLDER: u16 = 0o040_000;
const FILE: u16 = 0o100_000;
const LOCAL: u32 = 0x0403_4b50;
const LOCAL_LEN: usize = 30;

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// Bytes that are no part of an archive, or that disagree with others.
    #[error("{}", told(entry.as_deref(), reason))]
    Broken {
        /// Where in the file.
        offset: u64,
        /// The entry that it is about.
        entry: Option<String>,
        /// What is wrong.
        reason: &'static str,
    },
    /// What the system said.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

fn told(entry: Option<&str>, reason: &str) -> String {
    match entry {
        Some(name) => format!("zip entry '{}' {reason}", crate::shown::shown(name)),
        None => reason.to_owned(),
    }
}

impl ZipError {
    fn at(offset: u64, reason: &'static str) -> Self {
        Self::Broken { offset, entry: None, reason }
    }

    fn entry(name: &str, offset: u64, reason: &'static str) -> Self {
        Self::Broken { offset, entry: Some(name.to_owned()), reason }
    }
}

/// An entry as the directory lists it.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Its name, folders before it; that of a folder ends in `/`.
    pub name: &'a str,
    /// What else the directory says of it.
    pub record: Record,
}

impl Listed<'_> {
    /// Returns the first place where the entry's data can start, as its local header may hold more than the directory tells.
    #[must_use]
    pub fn least_start(&self) -> u64 {
        self.record.header.saturating_add((LOCAL_LEN + self.name.len()) as u64)
    }
}

/// What the directory says of an entry besides its name.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// Where the directory lists it.
    pub at: u64,
    /// How its data is compressed: [`STORED`], [`DEFLATED`] or another number.
    pub method: u16,
    /// The checksum of its bytes.
    pub crc: u32,
    /// How many bytes of the file it takes.
    pub packed: u64,
    /// How many bytes it has.
    pub length: u64,
    /// Where its local header stands.
    pub header: u64,
    /// Where the next entry stands, or the directory: its data ends there or before.
    pub end: u64,
    /// The type and the permissions of a file of Unix; 0 where another system packed it.
    pub mode: u16,
    /// Whether Windows or DOS packed it.
    pub is_windows: bool,
    flags: u16,
}

impl Record {
    /// Whether it is a link, a device or a pipe, and no file or folder.
    #[must_use]
    pub fn is_special(&self) -> bool {
        ![0, FOLDER, FILE].contains(&(self.mode & TYPE))
    }

    /// Whether the data is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED != 0
    }
}

/// Two bytes of a record that is known to be long enough; zeros where it is not.
fn u16_at(record: &[u8], at: usize) -> u16 {
    record.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(record: &[u8], at: usize) -> u32 {
    record.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(record: &[u8], at: usize) -> u64 {
    record.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// `N` bytes from `at` on; `None` if the file ends before.
fn record<const N: usize>(source: &(impl ReadAt + ?Sized), at: u64) -> std::io::Result<Option<[u8; N]>> {
    if at.checked_add(N as u64).is_none_or(|end| end > source.length()) {
        return Ok(None);
    }
    let mut bytes = [0; N];
    source.read_at(at, &mut bytes)?;
    Ok(Some(bytes))
}
