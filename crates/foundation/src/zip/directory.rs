//! The directory of an archive: where it stands and what it lists.

use super::{Listed, Record, ZipError, record, u16_at, u32_at, u64_at};
use crate::read_at::ReadAt;

const CENTRAL: u32 = 0x0201_4b50;
const CENTRAL_LEN: usize = 46;
const END: u32 = 0x0605_4b50;
const END_LEN: usize = 22;
const END64: u32 = 0x0606_4b50;
const LOCATOR: u32 = 0x0706_4b50;
const LOCATOR_LEN: u64 = 20;
/// The extra field that holds what does not fit 32 bits.
const EXTRA_ZIP64: u16 = 1;
/// Systems that packed an entry, by their numbers: DOS, OS/2, NTFS, VFAT; and Unix and macOS.
const WINDOWS: [u8; 4] = [0, 6, 10, 14];
const UNIX: [u8; 2] = [3, 19];

/// Where an archive's directory stands, and how many entries it lists.
#[derive(Clone, Copy, Debug)]
pub struct Directory {
    /// Where it starts.
    pub start: u64,
    /// The first byte behind it.
    pub end: u64,
    /// How many entries it lists.
    pub count: u64,
}

/// What a zip64 end record says.
struct Wide {
    at: u64,
    count: u64,
    size: u64,
    start: u64,
}

impl Directory {
    /// Finds the end record, the last in the file whose comment reaches exactly to the file's end, and the directory that it
    /// or its zip64 form points at.
    ///
    /// # Errors
    /// [`ZipError`].
    pub fn find(source: &(impl ReadAt + ?Sized)) -> Result<Self, ZipError> {
        let length = source.length();
        let tail_start = length.saturating_sub((END_LEN + usize::from(u16::MAX)) as u64);
        let mut tail = vec![0; (length - tail_start) as usize];
        source.read_at(tail_start, &mut tail)?;
        let ends_file = |at: &usize| {
            let record = &tail[*at..];
            u32_at(record, 0) == END && *at + END_LEN + usize::from(u16_at(record, 20)) == tail.len()
        };
        let found = (0..(tail.len() + 1).saturating_sub(END_LEN)).rev().find(ends_file);
        let Some(found) = found else {
            let reason = "no zip directory stands at the end; the file is cut short, or is no zip archive";
            return Err(ZipError::at(length, reason));
        };
        let (record, at) = (&tail[found..], tail_start + found as u64);
        let mut directory =
            Self { start: u32_at(record, 16).into(), end: at, count: u16_at(record, 10).into() };
        let mut size = u64::from(u32_at(record, 12));
        let mut whole =
            [u16_at(record, 4), u16_at(record, 6)] == [0, 0] && u16_at(record, 8) == u16_at(record, 10);
        if let Some(wide) = end64(source, at)? {
            // What fits the narrow record must be the same there.
            let agree = |narrow: u64, wide: u64, most: u64| narrow == wide || narrow == most;
            whole &= agree(directory.count, wide.count, u16::MAX.into())
                && agree(directory.start, wide.start, u32::MAX.into())
                && agree(size, wide.size, u32::MAX.into());
            directory = Self { start: wide.start, end: wide.at, count: wide.count };
            size = wide.size;
        }
        if !whole || directory.start.checked_add(size) != Some(directory.end) {
            let reason = "the zip end record does not describe this file; part of an archive is missing";
            return Err(ZipError::at(at, reason));
        }
        Ok(directory)
    }

    /// Returns what the directory lists; `bytes` are those from its start to its end.
    ///
    /// # Errors
    /// [`ZipError::Broken`].
    pub fn list<'a>(&self, bytes: &'a [u8]) -> Result<Vec<Listed<'a>>, ZipError> {
        let mut entries = Vec::new();
        let mut at = 0;
        for _ in 0..self.count {
            let (entry, next) = self.entry(bytes, at)?;
            entries.push(entry);
            at = next;
        }
        if at != bytes.len() {
            return Err(ZipError::at(
                self.start + at as u64,
                "the zip directory goes on after its last entry",
            ));
        }
        Ok(entries)
    }

    /// The directory's record at `at` of its `bytes`, and where the next one starts.
    fn entry<'a>(&self, bytes: &'a [u8], at: usize) -> Result<(Listed<'a>, usize), ZipError> {
        let place = self.start + at as u64;
        let cut = || ZipError::at(place, "the zip directory is cut short");
        let (record, texts) =
            bytes.get(at..).and_then(|rest| rest.split_at_checked(CENTRAL_LEN)).ok_or_else(cut)?;
        if u32_at(record, 0) != CENTRAL {
            return Err(ZipError::at(place, "no entry of the zip directory stands"));
        }
        let [name, extra, comment] = [28, 30, 32].map(|field| usize::from(u16_at(record, field)));
        let next = at + CENTRAL_LEN + name + extra + comment;
        let (name, rest) = texts.split_at_checked(name).ok_or_else(cut)?;
        let extra = rest.get(..extra).filter(|_| next <= bytes.len()).ok_or_else(cut)?;
        let Ok(name) = std::str::from_utf8(name) else {
            let reason = "a zip entry's name is not UTF-8";
            return Err(ZipError::at(place + CENTRAL_LEN as u64, reason));
        };
        let mut wide = [24, 20, 42].map(|field| u64::from(u32_at(record, field)));
        let fields = wide.iter_mut().filter(|value| **value == u64::from(u32::MAX));
        if !widen(fields, extra) || u16_at(record, 34) != 0 {
            return Err(ZipError::entry(name, place, "has sizes that its zip64 field does not tell"));
        }
        let [length, packed, header] = wide;
        let system = record[5];
        let record = Record {
            at: place,
            method: u16_at(record, 10),
            crc: u32_at(record, 16),
            packed,
            length,
            header,
            end: self.start,
            mode: if UNIX.contains(&system) { u16_at(record, 40) } else { 0 },
            is_windows: WINDOWS.contains(&system),
            flags: u16_at(record, 8),
        };
        Ok((Listed { name, record }, next))
    }

    /// Checks that entries stand apart, before the directory, and fills in where each one ends at the latest. `starts` are
    /// the places of their data, or the first that they can be at.
    ///
    /// # Errors
    /// [`ZipError::Broken`] with the entry.
    pub fn part(&self, entries: &mut [Listed<'_>], starts: &[u64]) -> Result<(), ZipError> {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by_key(|&index| (entries[index].record.header, entries[index].record.at));
        let mut next = self.start;
        for &index in order.iter().rev() {
            entries[index].record.end = next;
            next = entries[index].record.header;
        }
        let mut free = 0;
        for index in order {
            let Listed { name, record } = entries[index];
            let end = starts[index].checked_add(record.packed).filter(|end| *end <= self.start);
            let Some(end) = end else {
                return Err(ZipError::entry(name, starts[index], "is longer than the file"));
            };
            if record.header < free {
                return Err(ZipError::entry(name, record.header, "overlaps another"));
            }
            free = end;
        }
        Ok(())
    }
}

/// The zip64 end record, where a locator stands before the end record at `end`.
fn end64(source: &(impl ReadAt + ?Sized), end: u64) -> Result<Option<Wide>, ZipError> {
    let Some(place) = end.checked_sub(LOCATOR_LEN) else { return Ok(None) };
    let locator = record::<{ LOCATOR_LEN as usize }>(source, place)?;
    let Some(locator) = locator.filter(|record| u32_at(record, 0) == LOCATOR) else { return Ok(None) };
    let at = u64_at(&locator, 8);
    let found = record::<56>(source, at)?.filter(|record| {
        let ends = at.checked_add(12).and_then(|start| start.checked_add(u64_at(record, 4)));
        u32_at(record, 0) == END64
            && ends == Some(place)
            && [u32_at(record, 16), u32_at(record, 20), u32_at(&locator, 4)] == [0; 3]
            && u64_at(record, 24) == u64_at(record, 32)
    });
    let Some(record) = found else {
        return Err(ZipError::at(place, "the zip64 locator leads to no end record"));
    };
    Ok(Some(Wide { at, count: u64_at(&record, 32), size: u64_at(&record, 40), start: u64_at(&record, 48) }))
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
