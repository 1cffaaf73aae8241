//! Zip archives in memory, which several weight files are: their entries' names, places and bytes.
//!
//! ```text
//! (local header | data)… | central directory | [zip64 end record | zip64 locator] | end record
//! ```
//!
//! The directory at the end says what there is. A file that two readers understand differently is refused, not guessed
//! at: a name twice, an entry whose local header disagrees with the directory, entries that overlap, bytes after the end
//! record. Stored data is borrowed from the file; deflated data is unpacked into memory whose size was bounded before.
//! A reader of our own, because the entries' offsets and their bytes in place are wanted, duplicate names are to be seen,
//! and the rest of a general one (writing, extraction, encryption) brings a dozen packages that nothing here needs.
//!
//! # Source
//! APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.

use std::borrow::Cow;
use std::path::Path;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::{ContainerKind, MAX_TENSORS, limit};
use crate::Error;
use crate::shown::shown;

/// The first bytes of an archive that is not empty.
pub(crate) const MAGIC: &[u8; 4] = b"PK\x03\x04";
/// The most entries in an archive.
pub(crate) const MAX_ENTRIES: u64 = 2 * MAX_TENSORS;
/// The most bytes that an archive's deflated entries unpack to, together: four times the largest published net.
pub(crate) const MAX_UNPACKED: u64 = 96 << 20;

const LOCAL: u32 = 0x0403_4b50;
const LOCAL_LEN: u64 = 30;
const CENTRAL: u32 = 0x0201_4b50;
const CENTRAL_LEN: u64 = 46;
const END: u32 = 0x0605_4b50;
const END_LEN: usize = 22;
const END64: u32 = 0x0606_4b50;
const END64_LEN: u64 = 56;
const LOCATOR: u32 = 0x0706_4b50;
const LOCATOR_LEN: u64 = 20;
/// The extra field that holds what does not fit 32 bits.
const EXTRA_ZIP64: u16 = 1;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Flags of an entry that is encrypted, in one of three ways.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// Deflate's best: a match of 258 bytes for two bits.
const MAX_RATIO: u64 = 1032;

/// An entry that was asked for.
#[derive(Debug)]
pub(crate) struct ZipEntry<'a> {
    /// Its name, folders before it.
    pub(crate) name: &'a str,
    /// Where its data starts, as it is stored, from the start of the file.
    pub(crate) offset: u64,
    /// Its bytes, in the file where they are not compressed. Their CRC was checked.
    pub(crate) bytes: Cow<'a, [u8]>,
}

/// The `wanted` entries of an archive that is read as a file of this kind, in the order of its directory.
///
/// # Errors
/// [`Error::Limit`], and [`Error::Container`] with the place and the entry's name.
pub(crate) fn entries<'a>(
    bytes: &'a [u8],
    path: &Path,
    kind: ContainerKind,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<ZipEntry<'a>>, Error> {
    let archive = Archive { bytes, path, kind };
    let directory = archive.directory()?;
    let listed = archive.listed(&directory)?;
    archive.check_names(&listed)?;
    let places = archive.places(&listed, directory.start)?;
    let chosen = || listed.iter().zip(&places).filter(|(entry, _)| wanted(entry.name));
    let unpacked = chosen().filter(|(entry, _)| entry.method != STORED);
    let unpacked = unpacked.fold(0, |sum: u64, (entry, _)| sum.saturating_add(entry.length));
    limit(path, "bytes in compressed entries", unpacked, MAX_UNPACKED)?;
    chosen().map(|(entry, data)| archive.read(entry, *data)).collect()
}

/// Where the directory stands and how many entries it lists.
struct Directory {
    start: u64,
    end: u64,
    count: u64,
}

/// An entry as the directory lists it.
struct Listed<'a> {
    name: &'a str,
    /// Where the directory lists it.
    at: u64,
    method: u16,
    crc: u32,
    packed: u64,
    length: u64,
    /// Where its local header stands.
    header: u64,
}

struct Archive<'a, 'p> {
    bytes: &'a [u8],
    path: &'p Path,
    kind: ContainerKind,
}

impl<'a> Archive<'a, '_> {
    fn refuse(&self, offset: u64, reason: impl Into<String>) -> Error {
        Error::Container { path: self.path.into(), kind: self.kind, offset, reason: reason.into() }
    }

    fn refuse_entry(&self, name: &str, offset: u64, reason: &str) -> Error {
        self.refuse(offset, format!("zip entry '{}' {reason}", shown(name)))
    }

    fn slice(&self, at: u64, length: u64) -> Option<&'a [u8]> {
        let end = at.checked_add(length)?;
        self.bytes.get(usize::try_from(at).ok()?..usize::try_from(end).ok()?)
    }

    /// The end record, the last in the file whose comment reaches exactly to the file's end, and the directory that it
    /// or its zip64 form points at.
    fn directory(&self) -> Result<Directory, Error> {
        let length = self.bytes.len();
        let first = length.saturating_sub(END_LEN + usize::from(u16::MAX));
        let ends_file = |at: &usize| {
            let record = &self.bytes[*at..];
            u32_at(record, 0) == END && *at + END_LEN + usize::from(u16_at(record, 20)) == length
        };
        let found =
            (first..=length.saturating_sub(END_LEN)).rev().filter(|_| length >= END_LEN).find(ends_file);
        let Some(at) = found else {
            return Err(
                self.refuse(length as u64, "no zip directory stands at the end; the file is cut short")
            );
        };
        let (record, at) = (&self.bytes[at..], at as u64);
        let mut directory =
            Directory { start: u32_at(record, 16).into(), end: at, count: u16_at(record, 10).into() };
        let mut size = u64::from(u32_at(record, 12));
        let mut whole =
            [u16_at(record, 4), u16_at(record, 6)] == [0, 0] && u16_at(record, 8) == u16_at(record, 10);
        if let Some(wide) = self.end64(at)? {
            // What fits the narrow record must be the same there.
            let agree = |narrow: u64, wide: u64, most: u64| narrow == wide || narrow == most;
            whole &= agree(directory.count, wide.count, u16::MAX.into())
                && agree(directory.start, wide.start, u32::MAX.into())
                && agree(size, wide.size, u32::MAX.into());
            directory = Directory { start: wide.start, end: wide.at, count: wide.count };
            size = wide.size;
        }
        if !whole || directory.start.checked_add(size) != Some(directory.end) {
            return Err(self.refuse(at, "the zip end record does not describe this file"));
        }
        limit(self.path, "zip entries", directory.count, MAX_ENTRIES)?;
        Ok(directory)
    }

    /// The zip64 end record, where a locator stands before the end record at `end`.
    fn end64(&self, end: u64) -> Result<Option<Wide>, Error> {
        let locator = end.checked_sub(LOCATOR_LEN).and_then(|at| self.slice(at, LOCATOR_LEN));
        let Some(locator) = locator.filter(|record| u32_at(record, 0) == LOCATOR) else { return Ok(None) };
        let at = u64_at(locator, 8);
        let record = self.slice(at, END64_LEN).filter(|record| {
            let ends = at.checked_add(12).and_then(|start| start.checked_add(u64_at(record, 4)));
            u32_at(record, 0) == END64
                && ends == Some(end - LOCATOR_LEN)
                && [u32_at(record, 16), u32_at(record, 20), u32_at(locator, 4)] == [0; 3]
                && u64_at(record, 24) == u64_at(record, 32)
        });
        let Some(record) = record else {
            return Err(self.refuse(end - LOCATOR_LEN, "the zip64 locator leads to no end record"));
        };
        Ok(Some(Wide { at, count: u64_at(record, 32), size: u64_at(record, 40), start: u64_at(record, 48) }))
    }

    fn listed(&self, directory: &Directory) -> Result<Vec<Listed<'a>>, Error> {
        let mut entries = Vec::new();
        let mut at = directory.start;
        for _ in 0..directory.count {
            let (entry, next) = self.list(at, directory.end)?;
            entries.push(entry);
            at = next;
        }
        if at != directory.end {
            return Err(self.refuse(at, "the zip directory goes on after its last entry"));
        }
        Ok(entries)
    }

    /// The directory's record at `at`, and where the next one starts.
    fn list(&self, at: u64, end: u64) -> Result<(Listed<'a>, u64), Error> {
        let cut = || self.refuse(at, "the zip directory is cut short");
        let record = self.slice(at, CENTRAL_LEN).filter(|_| at + CENTRAL_LEN <= end).ok_or_else(cut)?;
        if u32_at(record, 0) != CENTRAL {
            return Err(self.refuse(at, "no entry of the zip directory stands"));
        }
        let [name, extra, comment] = [28, 30, 32].map(|field| u64::from(u16_at(record, field)));
        let texts = at + CENTRAL_LEN;
        let next = texts + name + extra + comment;
        let (Some(name), Some(extra), true) =
            (self.slice(texts, name), self.slice(texts + name, extra), next <= end)
        else {
            return Err(cut());
        };
        let Ok(name) = std::str::from_utf8(name) else {
            return Err(self.refuse(texts, "a zip entry's name is not UTF-8"));
        };
        if u16_at(record, 8) & ENCRYPTED != 0 {
            return Err(self.refuse_entry(name, at, "is encrypted; save the file without a password"));
        }
        let mut wide = [24, 20, 42].map(|field| u64::from(u32_at(record, field)));
        let fields = wide.iter_mut().filter(|value| **value == u64::from(u32::MAX));
        if !widen(fields, extra) || u16_at(record, 34) != 0 {
            return Err(self.refuse_entry(name, at, "has sizes that its zip64 field does not tell"));
        }
        let [length, packed, header] = wide;
        let (method, crc) = (u16_at(record, 10), u32_at(record, 16));
        Ok((Listed { name, at, method, crc, packed, length, header }, next))
    }

    fn check_names(&self, listed: &[Listed<'_>]) -> Result<(), Error> {
        let mut sorted: Vec<&Listed<'_>> = listed.iter().collect();
        sorted.sort_by_key(|entry| (entry.name, entry.at));
        match sorted.array_windows().find(|[a, b]| a.name == b.name) {
            Some([_, entry]) => Err(self.refuse_entry(entry.name, entry.at, "stands twice")),
            None => Ok(()),
        }
    }

    /// Where each entry's data starts. They must stand apart, before the directory.
    fn places(&self, listed: &[Listed<'_>], directory: u64) -> Result<Vec<u64>, Error> {
        let starts: Result<Vec<u64>, Error> = listed.iter().map(|entry| self.place(entry)).collect();
        let starts = starts?;
        let mut order: Vec<(&Listed<'_>, u64)> = listed.iter().zip(starts.iter().copied()).collect();
        order.sort_by_key(|(entry, _)| (entry.header, entry.at));
        let mut next = 0;
        for (entry, start) in order {
            let end = start.checked_add(entry.packed).filter(|end| *end <= directory);
            let Some(end) = end else {
                return Err(self.refuse_entry(entry.name, start, "is longer than the file"));
            };
            if entry.header < next {
                return Err(self.refuse_entry(entry.name, entry.header, "overlaps another"));
            }
            next = end;
        }
        Ok(starts)
    }

    /// Where an entry's data starts: behind its local header, which must be of the same entry.
    fn place(&self, entry: &Listed<'_>) -> Result<u64, Error> {
        let record = self.slice(entry.header, LOCAL_LEN).filter(|record| u32_at(record, 0) == LOCAL);
        let Some(record) = record else {
            return Err(self.refuse_entry(entry.name, entry.header, "has no local header"));
        };
        let (name, extra) = (u64::from(u16_at(record, 26)), u64::from(u16_at(record, 28)));
        let texts = entry.header + LOCAL_LEN;
        if self.slice(texts, name) != Some(entry.name.as_bytes()) || u16_at(record, 8) != entry.method {
            return Err(self.refuse_entry(entry.name, entry.header, "has a local header of another entry"));
        }
        Ok(texts + name + extra)
    }

    fn read(&self, entry: &Listed<'a>, offset: u64) -> Result<ZipEntry<'a>, Error> {
        let refuse = |reason: &str| self.refuse_entry(entry.name, offset, reason);
        let packed = self.slice(offset, entry.packed).ok_or_else(|| refuse("is cut short"))?;
        let bytes = match entry.method {
            STORED if entry.packed == entry.length => Cow::Borrowed(packed),
            STORED => return Err(refuse("is stored in more or fewer bytes than it has")),
            DEFLATED => Cow::Owned(inflate(packed, entry.length).map_err(refuse)?),
            method => {
                return Err(refuse(&format!("is compressed by method {method}; store or deflate it")));
            }
        };
        if crc32fast::hash(&bytes) != entry.crc {
            return Err(refuse("does not have the checksum that is stated"));
        }
        Ok(ZipEntry { name: entry.name, offset, bytes })
    }
}

/// What a zip64 end record says.
struct Wide {
    at: u64,
    count: u64,
    size: u64,
    start: u64,
}

/// Fills `fields` from the zip64 extra field, in order. Whether it has them all.
fn widen<'v>(fields: impl Iterator<Item = &'v mut u64>, mut extra: &[u8]) -> bool {
    let mut values: &[u8] = &[];
    while let Some((head, rest)) = extra.split_first_chunk::<4>() {
        let Some((body, rest)) = rest.split_at_checked(u16_at(head, 2).into()) else { break };
        if u16_at(head, 0) == EXTRA_ZIP64 {
            values = body;
        }
        extra = rest;
    }
    for field in fields {
        let Some((value, rest)) = values.split_first_chunk() else { return false };
        (*field, values) = (u64::from_le_bytes(*value), rest);
    }
    true
}

/// What a deflate stream holds, which must be `length` bytes, no more and no fewer. The caller bounds it.
fn inflate(packed: &[u8], length: u64) -> Result<Vec<u8>, &'static str> {
    const WRONG: &str = "does not unpack to the length that is stated";
    if length / MAX_RATIO > packed.len() as u64 {
        return Err(WRONG);
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| WRONG)?];
    let mut state = Box::<DecompressorOxide>::default();
    let (status, read, written) =
        decompress(&mut state, packed, &mut bytes, 0, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF);
    match status {
        TINFLStatus::Done if read == packed.len() && written == bytes.len() => Ok(bytes),
        TINFLStatus::Done | TINFLStatus::HasMoreOutput => Err(WRONG),
        _ => Err("is damaged: its compressed data breaks off or makes no sense"),
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

#[cfg(test)]
mod tests;
