//! Zip archives: which members they have, and how one of them is unpacked.
//!
//! What an archive holds is known before anything is unpacked, and a member takes no more memory than the directory states.
//! An archive that two programs could read differently is refused as a whole (`icecap_foundation::zip`).

use std::path::Path;

use icecap_foundation::read_at::{OpenFile, ReadAt};
use icecap_foundation::shown::shown;
use icecap_foundation::zip::{self, DEFLATED, Directory, Listed, Record, STORED, ZipError};

use super::member::{Member, Place};
use super::names;
use crate::limits::check;
use crate::{Error, Result};

/// The most bytes of an archive's directory: some 120 for each of its members.
const MAX_DIRECTORY: u64 = 128 << 20;
/// What unpacks an archive that is not read in place.
const UNZIP: &str = "unzip it and name the folder";

/// The members of the archive at `path`, at most `most`.
pub(super) fn members(path: &Path, source: &OpenFile, most: u64) -> Result<Vec<Member>> {
    let refuse = |error: ZipError| match error {
        ZipError::Broken { offset, .. } => Error::Archive {
            path: path.into(),
            offset: Some(offset),
            reason: format!("{error}; get the file again, or {UNZIP}"),
        },
        ZipError::Io(source) => Error::Io { path: path.into(), source },
    };
    let directory = Directory::find(source).map_err(refuse)?;
    let over = |what, got, most| check(what, got, most).map_err(|error| error.of(path));
    let length = directory.end - directory.start;
    over("the number of files in the archive", directory.count, most)?;
    over("the size of the archive's directory in bytes", length, MAX_DIRECTORY)?;
    let mut bytes = vec![0; length as usize];
    source.read_at(directory.start, &mut bytes).map_err(Error::io(path))?;
    let mut listed = directory.list(&bytes).map_err(refuse)?;
    // Where the data begins, only the local header tells. That is read with the member: a million of them would be a
    // million places of the disk.
    let starts: Vec<u64> = listed.iter().map(Listed::least_start).collect();
    directory.part(&mut listed, &starts).map_err(refuse)?;
    let mut members = Vec::with_capacity(listed.len());
    for entry in &listed {
        members.push(member(entry).map_err(|reason| Error::Archive {
            path: path.into(),
            offset: Some(entry.record.at),
            reason: format!("zip entry '{}' {reason}", shown(entry.name)),
        })?);
    }
    Ok(members)
}

/// An entry as a member, or why its archive is refused.
fn member(entry: &Listed<'_>) -> std::result::Result<Member, String> {
    let Listed { name, record } = *entry;
    let turned = record.is_windows && name.contains('\\');
    let own = if turned { name.replace('\\', "/") } else { name.to_owned() };
    names::check(&own).map_err(|what| format!("{what}; {UNZIP}"))?;
    if record.is_encrypted() {
        return Err(format!("is encrypted; {UNZIP}, or zip it without a password"));
    }
    if ![STORED, DEFLATED].contains(&record.method) {
        let method = method_name(record.method);
        return Err(format!("is compressed by {method}, which is not read; {UNZIP}, or zip it by deflate"));
    }
    if record.is_special() {
        return Err(format!("is a link or a device and no file; {UNZIP}"));
    }
    let place = Place::Zip { raw: turned.then(|| name.into()), record };
    Ok(Member { name: own.into(), length: record.length, place, source: 0 })
}

/// What a method of compression is called.
fn method_name(method: u16) -> String {
    let known = [(9, "deflate64"), (12, "bzip2"), (14, "LZMA"), (93, "zstd"), (95, "xz"), (98, "PPMd")];
    match known.iter().find(|(number, _)| *number == method) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("method {method}"),
    }
}

/// Unpacks the entry called `name` into `bytes`, which is empty and has the room.
pub(super) fn unpack(source: &OpenFile, name: &str, record: Record, bytes: &mut Vec<u8>) -> Result<()> {
    let listed = Listed { name, record };
    let start = start_of(source, &listed)?;
    zip::unpack(source, &listed, start, bytes).map_err(Error::of_entry)
}

/// The first bytes of the entry called `name`, as many as `out` has or fewer.
pub(super) fn first_bytes<'o>(
    source: &OpenFile,
    name: &str,
    record: Record,
    out: &'o mut [u8],
) -> Result<&'o [u8]> {
    let listed = Listed { name, record };
    let start = start_of(source, &listed)?;
    zip::first_bytes(source, &listed, start, out).map_err(Error::of_entry)
}

fn start_of(source: &OpenFile, listed: &Listed<'_>) -> Result<u64> {
    let local = zip::local(source, listed).map_err(Error::of_entry)?;
    if !local.agrees {
        let reason = "the sizes before its data are not those of the zip directory".to_owned();
        return Err(Error::Member { reason });
    }
    Ok(local.start)
}

impl Error {
    /// What is wrong with an entry, whose name stands beside it.
    fn of_entry(error: ZipError) -> Self {
        match error {
            ZipError::Broken { reason, .. } => Self::Member { reason: format!("its zip entry {reason}") },
            ZipError::Io(source) => Self::Read(source),
        }
    }
}
