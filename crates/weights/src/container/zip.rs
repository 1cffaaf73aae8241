//! Zip archives in memory, which several weight files are: their entries' names, places and bytes.
//!
//! Stored data is borrowed from the file; deflated data is unpacked into memory whose size was bounded before. A name may
//! not stand twice.

use std::borrow::Cow;
use std::path::Path;

use icecap_foundation::zip::{DEFLATED, Directory, Listed, STORED, ZipError, local, unpack};

use super::{ContainerKind, MAX_TENSORS, limit};
use crate::Error;
use crate::shown::shown;

pub(crate) use icecap_foundation::zip::MAGIC;

/// The most entries in an archive.
pub(crate) const MAX_ENTRIES: u64 = 2 * MAX_TENSORS;
/// The most bytes that an archive's deflated entries unpack to, together: four times the largest published net.
pub(crate) const MAX_UNPACKED: u64 = 96 << 20;

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
    let mut listed = archive.listed(&directory)?;
    let starts: Result<Vec<u64>, ZipError> =
        listed.iter().map(|entry| Ok(local(bytes, entry)?.start)).collect();
    let parted = starts.and_then(|starts| directory.part(&mut listed, &starts).map(|()| starts));
    let starts = parted.map_err(|error| archive.refuse(error))?;
    let chosen = || listed.iter().zip(&starts).filter(|(entry, _)| wanted(entry.name));
    let unpacked = chosen().filter(|(entry, _)| entry.record.method != STORED);
    let unpacked = unpacked.fold(0, |sum: u64, (entry, _)| sum.saturating_add(entry.record.length));
    limit(path, "bytes in compressed entries", unpacked, MAX_UNPACKED)?;
    chosen().map(|(entry, start)| archive.read(entry, *start)).collect()
}

struct Archive<'a, 'p> {
    bytes: &'a [u8],
    path: &'p Path,
    kind: ContainerKind,
}

impl<'a> Archive<'a, '_> {
    fn refuse(&self, error: ZipError) -> Error {
        let offset = if let ZipError::Broken { offset, .. } = &error { *offset } else { 0 };
        Error::Container { path: self.path.into(), kind: self.kind, offset, reason: error.to_string() }
    }

    fn refuse_entry(&self, name: &str, offset: u64, reason: &str) -> Error {
        let reason = format!("zip entry '{}' {reason}", shown(name));
        Error::Container { path: self.path.into(), kind: self.kind, offset, reason }
    }

    fn directory(&self) -> Result<Directory, Error> {
        let directory = Directory::find(self.bytes).map_err(|error| self.refuse(error))?;
        limit(self.path, "zip entries", directory.count, MAX_ENTRIES)?;
        Ok(directory)
    }

    /// What the directory lists: entries that can be read, each name once.
    fn listed(&self, directory: &Directory) -> Result<Vec<Listed<'a>>, Error> {
        // It lies within the file: that was checked.
        let text = &self.bytes[directory.start as usize..directory.end as usize];
        let listed = directory.list(text).map_err(|error| self.refuse(error))?;
        if let Some(entry) = listed.iter().find(|entry| entry.record.is_encrypted()) {
            let reason = "is encrypted; save the file without a password";
            return Err(self.refuse_entry(entry.name, entry.record.at, reason));
        }
        let mut sorted: Vec<&Listed<'_>> = listed.iter().collect();
        sorted.sort_by_key(|entry| (entry.name, entry.record.at));
        match sorted.array_windows().find(|[a, b]| a.name == b.name) {
            Some([_, entry]) => Err(self.refuse_entry(entry.name, entry.record.at, "stands twice")),
            None => Ok(listed),
        }
    }

    fn read(&self, entry: &Listed<'a>, offset: u64) -> Result<ZipEntry<'a>, Error> {
        let record = &entry.record;
        let refuse = |reason: &str| self.refuse_entry(entry.name, offset, reason);
        let bytes = match record.method {
            STORED if record.packed != record.length => {
                return Err(refuse("is stored in more or fewer bytes than it has"));
            }
            STORED => {
                // Entries lie within the file, as their places were checked.
                let bytes = &self.bytes[offset as usize..][..record.length as usize];
                if crc32fast::hash(bytes) != record.crc {
                    return Err(refuse("does not have the checksum that is stated"));
                }
                Cow::Borrowed(bytes)
            }
            DEFLATED => {
                let mut bytes = Vec::new();
                unpack(self.bytes, entry, offset, &mut bytes).map_err(|error| self.refuse(error))?;
                Cow::Owned(bytes)
            }
            method => {
                return Err(refuse(&format!("is compressed by method {method}; store or deflate it")));
            }
        };
        Ok(ZipEntry { name: entry.name, offset, bytes })
    }
}

#[cfg(test)]
mod tests;
