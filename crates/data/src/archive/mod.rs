//! Zip archives of photos, read in place: nothing is unpacked to the disk.
//!
//! The directory is read once and kept; a member is read and unpacked alone, by as many threads at once as like. What an
//! archive holds is known before anything is unpacked, and a member takes no more memory than the directory states, which
//! the [`Limits`] bound. An archive that two programs could read differently is refused as a whole (`names.rs` and
//! `icecap_foundation::zip`); a member whose content is damaged is that photo's error alone.

mod names;
mod open;
mod source;

use std::cmp::Ordering;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use icecap_foundation::zip::{self, DEFLATED, Directory, Listed, Record, STORED, ZipError};

pub(crate) use open::{inside, open};

use crate::limits::check;
use crate::room::for_file;
use crate::{Error, Limits, Result, Stamp};
use source::{Seen, Source};

/// The most files and folders in an archive.
const MAX_MEMBERS: u64 = 1 << 20;
/// The most bytes of an archive's directory: some 120 for each of them.
const MAX_DIRECTORY: u64 = 128 << 20;
/// What unpacks an archive that is not read in place.
const UNZIP: &str = "unzip it and name the folder";

/// An open archive and what it holds.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    source: Source,
    seen: Seen,
    stamp: Option<Stamp>,
    /// In the order of [`names::order`].
    members: Vec<Member>,
}

/// A file or a folder in an archive.
#[derive(Debug)]
struct Member {
    /// With folders before it; that of a folder ends in `/`.
    name: Box<str>,
    /// As it stands in the archive, where it is written with backslashes.
    raw: Option<Box<str>>,
    record: Record,
}

impl Member {
    fn listed(&self) -> Listed<'_> {
        Listed { name: self.raw.as_deref().unwrap_or(&self.name), record: self.record }
    }
}

/// A file or folder that lies in a folder of an archive.
pub(crate) struct Child<'a> {
    pub(crate) name: &'a str,
    pub(crate) is_folder: bool,
}

impl Archive {
    /// Opens an archive, of which the file system says `about`, and reads its directory.
    fn read(path: &Path, about: &Metadata) -> Result<Self> {
        let refuse = |error: ZipError| match error {
            ZipError::Broken { offset, .. } => Error::Archive {
                path: path.into(),
                offset,
                reason: format!("{error}; get the file again, or {UNZIP}"),
            },
            ZipError::Io(source) => Error::Io { path: path.into(), source },
        };
        let (seen, stamp) = (Seen::of(about), Stamp::of(about));
        let source = Source::open(path).map_err(Error::io(path))?;
        let directory = Directory::find(&source).map_err(refuse)?;
        let over = |what, got, most| check(what, got, most).map_err(|error| error.of(path));
        let length = directory.end - directory.start;
        over("the number of files in the archive", directory.count, MAX_MEMBERS)?;
        over("the size of the archive's directory in bytes", length, MAX_DIRECTORY)?;
        let mut bytes = vec![0; length as usize];
        zip::ReadAt::read_at(&source, directory.start, &mut bytes).map_err(Error::io(path))?;
        let mut listed = directory.list(&bytes).map_err(refuse)?;
        // Where the data begins, only the local header tells. That is read with the member: a million of them would be a
        // million places of the disk.
        let starts: Vec<u64> = listed.iter().map(Listed::least_start).collect();
        directory.part(&mut listed, &starts).map_err(refuse)?;
        let mut members = Vec::with_capacity(listed.len());
        for entry in &listed {
            members.push(member(entry).map_err(|reason| Error::Archive {
                path: path.into(),
                offset: entry.record.at,
                reason: format!("zip entry '{}' {reason}", icecap_foundation::shown::shown(entry.name)),
            })?);
        }
        members.sort_by(|a, b| names::order(&a.name, &b.name).then(a.record.at.cmp(&b.record.at)));
        if let Some([_, again]) = members.array_windows().find(|[a, b]| names::clash(&a.name, &b.name)) {
            let reason = format!(
                "zip entry '{}' stands twice, or is a file and a folder at once; {UNZIP}",
                icecap_foundation::shown::shown(&again.name)
            );
            return Err(Error::Archive { path: path.into(), offset: again.record.at, reason });
        }
        Ok(Self { path: path.to_owned(), source, seen, stamp, members })
    }

    /// Whether a folder is called `name`; the archive itself is the folder of no name.
    pub(crate) fn is_folder(&self, name: &str) -> bool {
        name.is_empty() || self.below(&format!("{name}/")).next().is_some()
    }

    /// The file called `name`.
    fn file(&self, name: &str) -> Option<&Member> {
        let at = self.members.binary_search_by(|member| names::order(&member.name, name)).ok()?;
        Some(&self.members[at])
    }

    pub(crate) fn is_file(&self, name: &str) -> bool {
        !name.ends_with('/') && self.file(name).is_some()
    }

    /// The size of the file called `name`, in bytes.
    pub(crate) fn length(&self, name: &str) -> Option<u64> {
        self.file(name).map(|member| member.record.length)
    }

    /// The members whose names begin with `folder`, which is empty or ends in `/`.
    fn below<'a, 'f>(&'a self, folder: &'f str) -> impl Iterator<Item = &'a Member> + use<'a, 'f> {
        let first =
            self.members.partition_point(|member| names::order(&member.name, folder) == Ordering::Less);
        self.members[first..].iter().take_while(move |member| member.name.starts_with(folder))
    }

    /// What lies in a folder, of which [`Archive::is_folder`] holds.
    pub(crate) fn children(&self, name: &str) -> Vec<Child<'_>> {
        let folder = if name.is_empty() { String::new() } else { format!("{name}/") };
        let mut children: Vec<Child<'_>> = Vec::new();
        for member in self.below(&folder) {
            let below = &member.name[folder.len()..];
            let (name, is_folder) = match below.split_once('/') {
                Some((name, _)) => (name, true),
                None => (below, false),
            };
            // What lies in one folder stands together.
            if !name.is_empty() && children.last().is_none_or(|last| last.name != name) {
                children.push(Child { name, is_folder });
            }
        }
        children
    }

    /// Reads the file called `name` of at most the limit's size into `bytes`; gives its stamp, where the archive's has settled and
    /// is the same afterwards.
    pub(crate) fn file_into(
        &self,
        name: &str,
        limits: &Limits,
        bytes: &mut Vec<u8>,
    ) -> Result<Option<Stamp>> {
        let member = self.file(name).ok_or_else(|| Error::Read(std::io::ErrorKind::NotFound.into()))?;
        limits.check_file(member.record.length)?;
        bytes.clear();
        for_file(bytes, member.record.length)?;
        let unpacked = self.start_of(member).and_then(|start| {
            zip::unpack(&self.source, &member.listed(), start, bytes).map_err(Error::of_member)
        });
        if Seen::of(&self.source.about().map_err(Error::Read)?) != self.seen {
            return Err(Error::Member {
                reason: "the archive was changed while it was read; start again".to_owned(),
            });
        }
        unpacked?;
        if bytes.is_empty() {
            return Err(Error::Empty);
        }
        Ok(self.stamp.filter(Stamp::is_settled).map(|stamp| stamp.of_member(member.record.header)))
    }

    /// Reads the first bytes of the file called `name` into `out`; gives those that there are.
    pub(crate) fn first_bytes<'o>(&self, name: &str, out: &'o mut [u8]) -> Result<&'o [u8]> {
        let member = self.file(name).ok_or_else(|| Error::Read(std::io::ErrorKind::NotFound.into()))?;
        let start = self.start_of(member)?;
        zip::first_bytes(&self.source, &member.listed(), start, out).map_err(Error::of_member)
    }

    /// The stamp of the file called `name`, by which it is recognized without being read.
    pub(crate) fn stamp(&self, name: &str) -> Option<Stamp> {
        Some(self.stamp?.of_member(self.file(name)?.record.header))
    }

    fn start_of(&self, member: &Member) -> Result<u64> {
        let local = zip::local(&self.source, &member.listed()).map_err(Error::of_member)?;
        if !local.agrees {
            let reason = "the sizes before its data are not those of the zip directory".to_owned();
            return Err(Error::Member { reason });
        }
        Ok(local.start)
    }
}

impl Error {
    /// What is wrong with a member, whose name stands beside it.
    fn of_member(error: ZipError) -> Self {
        match error {
            ZipError::Broken { reason, .. } => Self::Member { reason: format!("its zip entry {reason}") },
            ZipError::Io(source) => Self::Read(source),
        }
    }
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
    Ok(Member { name: own.into(), raw: turned.then(|| name.into()), record })
}

/// What a method of compression is called.
fn method_name(method: u16) -> String {
    let known = [(9, "deflate64"), (12, "bzip2"), (14, "LZMA"), (93, "zstd"), (95, "xz"), (98, "PPMd")];
    match known.iter().find(|(number, _)| *number == method) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("method {method}"),
    }
}
