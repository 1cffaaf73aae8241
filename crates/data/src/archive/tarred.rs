//! Tar archives: which members they have. Their bytes stand in the archive as they are, so they are read in place.
//!
//! The headers are walked once, from each to the next, by the `tar` crate, which reads all of ustar, GNU and pax. Here is what
//! makes an archive whole and safe: it ends as one does, nothing follows, every entry lies inside, every name is good and there
//! once. A hard link is the file that it names.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use icecap_foundation::read_at::{OpenFile, ReadAt};
use icecap_foundation::shown::shown;
use tar::{Archive, Entry, EntryType};

use super::member::{Member, Place};
use super::names;
use super::webdataset::{self, Sidecars};
use crate::limits::check;
use crate::{Error, Result};

/// What an archive is made of.
const BLOCK: u64 = 512;
/// The most bytes of a header with what belongs to it, such as a long name.
const MAX_HEADER: u64 = 1 << 20;
/// What unpacks an archive that is not read in place.
const UNTAR: &str = "unpack it and name the folder";

/// A reader that gives out no more than some bytes between two calls of whoever has the budget: what a header asks for is
/// read before anybody can look at it.
struct Bounded<'a> {
    file: &'a File,
    left: &'a Cell<u64>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = out.len().min(self.left.get() as usize);
        if most == 0 && !out.is_empty() {
            return Err(io::Error::other("a header of more than 1 MiB"));
        }
        let read = (&mut &*self.file).read(&mut out[..most])?;
        self.left.set(self.left.get() - read as u64);
        Ok(read)
    }
}

impl Seek for Bounded<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&mut &*self.file).seek(to)
    }
}

/// What an archive is refused for: where, and what.
type Refused = (u64, String);

/// What is read of an archive.
struct Walk<'a> {
    source: &'a OpenFile,
    most: u64,
    members: Vec<Member>,
    /// Which member has a name, for hard links.
    places: HashMap<Box<str>, usize>,
    sidecars: Sidecars,
    /// Behind the last entry.
    end: u64,
}

/// The members of the archive at `path`, at most `most`. Where photos have labels beside them, as in shards of WebDataset,
/// they lie in folders of their labels.
pub(super) fn members(path: &Path, source: &OpenFile, most: u64) -> Result<Vec<Member>> {
    let mut walk = Walk {
        source,
        most,
        members: Vec::new(),
        places: HashMap::new(),
        sidecars: Sidecars::default(),
        end: 0,
    };
    let refuse =
        |(offset, reason): Refused| Error::Archive { path: path.into(), offset: Some(offset), reason };
    walk.read(path)?.map_err(refuse)?;
    walk.check_end().map_err(Error::io(path))?.map_err(refuse)?;
    let Walk { members, sidecars, .. } = walk;
    webdataset::into_folders(members, sidecars).map_err(refuse)
}

impl Walk<'_> {
    fn read(&mut self, path: &Path) -> Result<std::result::Result<(), Refused>> {
        let budget = Cell::new(MAX_HEADER);
        // Another place to read from than that of the labels.
        let file = File::open(path).map_err(Error::io(path))?;
        let mut archive = Archive::new(Bounded { file: &file, left: &budget });
        let entries = match archive.entries_with_seek() {
            Ok(entries) => entries,
            Err(error) => return Ok(Err((0, format!("{error}; {UNTAR}")))),
        };
        for entry in entries {
            let mut entry = match entry {
                Ok(entry) => entry,
                Err(error) if error.raw_os_error().is_some() => return Err(Error::io(path)(error)),
                Err(_) => return Ok(Err((self.end, self.no_entry(budget.get())))),
            };
            check("the number of files in the archive", self.members.len() as u64 + 1, self.most)
                .map_err(|error| error.of(path))?;
            if let Err(refused) = self.entry(&mut entry) {
                return Ok(Err(refused));
            }
            budget.set(MAX_HEADER);
        }
        Ok(Ok(()))
    }

    /// Why no entry follows, where `left` bytes of a header could still have been read.
    fn no_entry(&self, left: u64) -> String {
        let whole = self.members.len();
        match self.source.length().saturating_sub(self.end) {
            _ if left == 0 => format!("a header of more than 1 MiB; {UNTAR}"),
            rest if rest < BLOCK => {
                format!(
                    "the archive ends in a header: it is cut ({whole} whole entries before); get the file again"
                )
            }
            _ => format!(
                "no tar header that can be read ({whole} whole entries before); get the file again, or {UNTAR}"
            ),
        }
    }

    /// Takes one entry.
    fn entry<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> std::result::Result<(), Refused> {
        let at = entry.raw_header_position();
        let bytes = entry.path_bytes().into_owned();
        let refuse = |what: String| {
            Err((at, format!("tar entry '{}' {what}", shown(&String::from_utf8_lossy(&bytes)))))
        };
        let (start, length) = (entry.raw_file_position(), entry.size());
        let kind = entry.header().entry_type();
        // Before its size, which is that with the holes.
        if kind == EntryType::GNUSparse || has_holes(entry) {
            return refuse(format!("is written with holes; {UNTAR}"));
        }
        // A link's size is that of the file it names, whose bytes stand elsewhere.
        let stored = if matches!(kind, EntryType::Link | EntryType::Symlink) { 0 } else { length };
        let end = start.checked_add(stored).filter(|end| *end <= self.source.length());
        let Some(end) = end else {
            let whole = self.members.len();
            return refuse(format!(
                "has {stored} bytes, and the archive ends before: it is cut ({whole} whole ones before it); get the file again"
            ));
        };
        self.end = end.next_multiple_of(BLOCK);
        let name = match named(kind, &bytes) {
            Ok(Some(name)) => name,
            Ok(None) => return Ok(()),
            Err(what) => return refuse(what),
        };
        let (start, length) = match kind {
            EntryType::Link => match self.linked(entry) {
                Some(place) => place,
                None => return refuse(format!("is a link to no file before it; {UNTAR}")),
            },
            _ => (start, length),
        };
        if !name.ends_with('/') {
            let read = || {
                let mut bytes = vec![0; length as usize];
                self.source.read_at(start, &mut bytes).map(|()| bytes)
            };
            self.sidecars
                .take(&name, length, read)
                .map_err(|what| (at, format!("tar entry '{}' {what}", shown(&name))))?;
        }
        // The last folder of a name counts, as any before it: they are all the same.
        if !name.ends_with('/') || !self.places.contains_key(&name) {
            self.places.insert(name.clone(), self.members.len());
            self.members.push(Member { name, length, place: Place::Tar { start }, source: 0 });
        }
        Ok(())
    }

    /// The place of the file that a hard link names.
    fn linked<R: Read>(&self, entry: &Entry<'_, R>) -> Option<(u64, u64)> {
        let bytes = entry.link_name_bytes()?;
        let name = std::str::from_utf8(&bytes).ok()?.trim_start_matches("./");
        let member = &self.members[*self.places.get(name)?];
        Some((member.place.offset(), member.length))
    }

    /// Behind the last entry there is a block of zeros, and nothing else to the end of the file.
    fn check_end(&self) -> io::Result<std::result::Result<(), Refused>> {
        let length = self.source.length();
        let whole = self.members.len();
        if length < self.end.saturating_add(BLOCK) {
            let reason = format!(
                "an archive ends with blocks of zeros, and this one without: it is cut ({whole} whole entries before); get the \
                 file again"
            );
            return Ok(Err((self.end.min(length), reason)));
        }
        let mut at = self.end;
        let mut piece = vec![0; 1 << 16];
        while at < length {
            let count = (length - at).min(piece.len() as u64) as usize;
            self.source.read_at(at, &mut piece[..count])?;
            if let Some(place) = piece[..count].iter().position(|byte| *byte != 0) {
                let reason = format!("something follows the archive's end, such as another archive; {UNTAR}");
                return Ok(Err((at + place as u64, reason)));
            }
            at += count as u64;
        }
        Ok(Ok(()))
    }
}

/// Whether an entry is a file with holes as GNU tar writes one in the format of pax: its data is a map of what is between them.
fn has_holes<R: Read>(entry: &mut Entry<'_, R>) -> bool {
    let Ok(Some(extensions)) = entry.pax_extensions() else { return false };
    extensions.flatten().any(|extension| extension.key_bytes().starts_with(b"GNU.sparse."))
}

/// What an entry is called here, a folder with a slash at its end; `None` for what is no file and no folder, or for the folder that
/// everything is in; else why its archive is refused.
fn named(kind: EntryType, bytes: &[u8]) -> std::result::Result<Option<Box<str>>, String> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(format!("has a name that is not valid UTF-8; {UNTAR}, and rename it"));
    };
    // As `tar cf photos.tar .` writes them.
    let mut own = text;
    while let Some(below) = own.strip_prefix("./") {
        own = below.trim_start_matches('/');
    }
    match kind {
        EntryType::XGlobalHeader => return Ok(None),
        EntryType::Directory if matches!(own, "" | ".") => return Ok(None),
        EntryType::Regular | EntryType::Continuous | EntryType::Directory | EntryType::Link => {}
        _ => return Err(format!("is a link, a device or a part of a file; {UNTAR}")),
    }
    names::check(own).map_err(|what| format!("{what}; {UNTAR}"))?;
    Ok(Some(match kind.is_dir() && !own.ends_with('/') {
        true => format!("{own}/").into(),
        false => own.into(),
    }))
}
