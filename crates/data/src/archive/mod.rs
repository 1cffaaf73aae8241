//! Archives of photos, zip or tar, and tables of them, read in place: nothing is unpacked to the disk. Many tar archives or tables
//! that a pattern names (`shards-*.tar`, `train-*.parquet`) are one.
//!
//! What is in an archive is read once and kept; a member is read alone, by as many threads at once as like. It takes no more
//! memory than the archive states, which the [`Limits`] bound. An archive that two programs could read differently is refused
//! as a whole (`names.rs`, `zipped.rs`, `tarred.rs`); a member whose content is damaged is that photo's error alone.

mod member;
mod names;
mod open;
mod part;
mod pattern;
#[cfg(feature = "parquet")]
mod table;
mod tarred;
mod webdataset;
mod zipped;

use std::cmp;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use icecap_foundation::read_at::{OpenFile, ReadAt};
use icecap_foundation::shown::shown;

pub(crate) use open::{inside, open, open_anew};
pub(crate) use pattern::{folder_of, is_pattern, is_shard, is_shard_of};

use crate::room::for_file;
use crate::{Error, Limits, Result, Stamp};
use member::{Member, Place};
use part::{Part, Reading};

/// The most files and folders in an archive, and in all that a pattern names.
const MAX_MEMBERS: u64 = 1 << 20;
const MAX_SHARDED: u64 = 1 << 24;

/// What is in an archive, or in several.
#[derive(Debug)]
pub(crate) struct Archive {
    /// The files that it is: one, or those that a pattern names.
    parts: Vec<Part>,
    /// In the order of [`names::order`].
    members: Vec<Member>,
    /// Whether a file was found to be another than it was.
    stale: AtomicBool,
}

/// A file or folder that lies in a folder of an archive.
pub(crate) struct Child<'a> {
    pub(crate) name: &'a str,
    pub(crate) is_folder: bool,
}

/// Whether a file's name ends so.
fn ends_in(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case(ending))
}

/// Whether a path is called as a table, or as a pattern of such.
pub(crate) fn is_table(path: &Path) -> bool {
    cfg!(feature = "parquet") && ends_in(path, "parquet")
}

/// Whether a file's name is that of what comes in many files.
fn is_sharded(path: &Path) -> bool {
    ends_in(path, "tar") || is_table(path)
}

/// The members of one file, at most `most`.
fn members(path: &Path, most: u64) -> Result<(Part, Vec<Member>)> {
    let about = std::fs::metadata(path).map_err(Error::io(path))?;
    #[cfg_attr(not(feature = "parquet"), expect(unused_mut))]
    let mut part = Part::of(path, &about);
    #[cfg(feature = "parquet")]
    if is_table(path) {
        let (photos, members) = table::members(path, most)?;
        part.photos = Some(photos);
        return Ok((part, members));
    }
    let source = OpenFile::open(path).map_err(Error::io(path))?;
    let members = match ends_in(path, "tar") {
        true => tarred::members(path, &source, most)?,
        false => zipped::members(path, &source, most)?,
    };
    Ok((part, members))
}

impl Archive {
    /// Reads what is in the archive at `path`.
    fn read(path: &Path) -> Result<Self> {
        let (part, members) = members(path, MAX_MEMBERS)?;
        Self::of(vec![part], members)
    }

    /// Reads what is in the archives at `paths`. A member lies in its folder in one that is called as its file, as two of them
    /// may have a file of one name.
    fn read_shards(paths: &[PathBuf]) -> Result<Self> {
        let (mut parts, mut all) = (Vec::new(), Vec::new());
        for (source, path) in paths.iter().enumerate() {
            let (part, members) = members(path, MAX_SHARDED - all.len() as u64)?;
            let shard = path.file_name().unwrap_or_default().to_string_lossy();
            // Folders are known from what lies in them.
            let files = members.into_iter().filter(|member| !member.name.ends_with('/'));
            all.extend(files.map(|member| {
                let name = match member.name.rsplit_once('/') {
                    Some((folder, base)) => format!("{folder}/{shard}/{base}"),
                    // No folder, which would be a class.
                    None => format!("{shard}~{}", member.name),
                };
                Member { name: name.into(), source: source as u32, ..member }
            }));
            parts.push(part);
        }
        Self::of(parts, all)
    }

    fn of(parts: Vec<Part>, mut members: Vec<Member>) -> Result<Self> {
        members.sort_by(|a, b| {
            names::order(&a.name, &b.name).then_with(|| a.place.offset().cmp(&b.place.offset()))
        });
        if let Some([_, again]) = members.array_windows().find(|[a, b]| names::clash(&a.name, &b.name)) {
            let reason = format!(
                "'{}' stands twice, or is a file and a folder at once; unpack it and name the folder",
                shown(&again.name)
            );
            let path = parts[again.source as usize].path.clone();
            return Err(Error::Archive { path, offset: again.place.byte(), reason });
        }
        Ok(Self { parts, members, stale: AtomicBool::new(false) })
    }

    /// Whether the file system says of its one file what it said.
    fn is(&self, about: &Metadata) -> bool {
        matches!(&self.parts[..], [part] if part.is(about))
    }

    /// Whether it is of these files, and the file system says of each what it said.
    fn is_of(&self, paths: &[PathBuf]) -> bool {
        let is = |(part, path): (&Part, &PathBuf)| {
            part.path == *path && std::fs::metadata(path).is_ok_and(|about| part.is(&about))
        };
        !self.is_stale() && self.parts.len() == paths.len() && self.parts.iter().zip(paths).all(is)
    }

    /// The file on the disk that has the file called `name`.
    pub(crate) fn part_of(&self, name: &str) -> Option<&Path> {
        Some(&self.parts[self.file(name)?.source as usize].path)
    }

    /// Which file on the disk has the one called `name`, and in which row, if that is a table.
    pub(crate) fn row(&self, name: &str) -> Option<(u32, u64)> {
        let member = self.file(name)?;
        match member.place {
            #[cfg(feature = "parquet")]
            Place::Table { row } => Some((member.source, row)),
            _ => None,
        }
    }

    /// Whether one of its files was found changed.
    fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Relaxed)
    }

    /// Takes something out of a member's file.
    fn reading<R>(
        &self,
        member: &Member,
        read: impl FnOnce(&Part, &Arc<OpenFile>) -> Result<R>,
    ) -> Result<R> {
        let part = &self.parts[member.source as usize];
        match part.reading(|source| read(part, source)) {
            Reading::Same(result) => result,
            Reading::Changed => {
                self.stale.store(true, Ordering::Relaxed);
                let reason = "the archive was changed while it was read; start again".to_owned();
                Err(Error::Member { reason })
            }
        }
    }

    /// How many files and folders there are.
    fn len(&self) -> usize {
        self.members.len()
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
        let member = self.file(name)?;
        match &member.place {
            #[cfg(feature = "parquet")]
            Place::Table { row } => {
                self.reading(member, |part, source| part.photos()?.length(source, *row)).ok()
            }
            _ => Some(member.length),
        }
    }

    /// The members whose names begin with `folder`, which is empty or ends in `/`.
    fn below<'a, 'f>(&'a self, folder: &'f str) -> impl Iterator<Item = &'a Member> + use<'a, 'f> {
        let first =
            self.members.partition_point(|member| names::order(&member.name, folder) == cmp::Ordering::Less);
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
        limits.check_file(member.length)?;
        bytes.clear();
        for_file(bytes, member.length)?;
        self.reading(member, |_part, source| match &member.place {
            Place::Zip { raw, record } => {
                zipped::unpack(source, raw.as_deref().unwrap_or(&member.name), *record, bytes)
            }
            Place::Tar { start } => {
                bytes.resize(member.length as usize, 0);
                source.read_at(*start, bytes).map_err(Error::Read)
            }
            #[cfg(feature = "parquet")]
            Place::Table { row } => _part.photos()?.read(source, *row, limits, bytes),
        })?;
        if bytes.is_empty() {
            return Err(Error::Empty);
        }
        let stamp = self.parts[member.source as usize].stamp;
        Ok(stamp.filter(Stamp::is_settled).map(|stamp| stamp.of_member(member.place.offset())))
    }

    /// Reads the first bytes of the file called `name` into `out`; gives those that there are.
    pub(crate) fn first_bytes(&self, name: &str, out: &mut [u8]) -> Result<Vec<u8>> {
        let member = self.file(name).ok_or_else(|| Error::Read(std::io::ErrorKind::NotFound.into()))?;
        self.reading(member, |_part, source| match &member.place {
            Place::Zip { raw, record } => {
                let name = raw.as_deref().unwrap_or(&member.name);
                Ok(zipped::first_bytes(source, name, *record, out)?.to_vec())
            }
            Place::Tar { start } => {
                let count = member.length.min(out.len() as u64) as usize;
                source.read_at(*start, &mut out[..count]).map_err(Error::Read)?;
                Ok(out[..count].to_vec())
            }
            #[cfg(feature = "parquet")]
            Place::Table { row } => _part.photos()?.first_bytes(source, *row, out.len()),
        })
    }

    /// The stamp of the file called `name`, by which it is recognized without being read.
    pub(crate) fn stamp(&self, name: &str) -> Option<Stamp> {
        let member = self.file(name)?;
        let part = &self.parts[member.source as usize];
        if !std::fs::metadata(&part.path).is_ok_and(|about| part.is(&about)) {
            self.stale.store(true, Ordering::Relaxed);
            return None;
        }
        Some(part.stamp?.of_member(member.place.offset()))
    }
}
