//! What lies where: folders and files on the disk, and those inside archives, by the same paths.
//!
//! ```text
//! photos/ants/1.jpg                   on the disk
//! photos.zip/ants/1.jpg               in the archive photos.zip; the archive itself is a folder
//! a/*.tar/ants/7.tar/1.jpg            in one of all archives that lie in a folder, a/7.tar: they are one
//! ```

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::archive::{folder_of, inside, is_table, open, open_anew};
use crate::inventory::SkipReason;
use crate::limits::check;
use crate::room::for_file;
use crate::{Digest, Error, Format, Limits, Result, Stamp};

/// What lies in a folder.
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    /// Whether it is a folder; otherwise it is a file, or something to pass over.
    pub(crate) is_folder: std::result::Result<bool, SkipReason>,
}

/// Returns whether `path` is a folder, on the disk or in an archive, or is such an archive.
#[must_use]
pub fn is_folder(path: &Path) -> bool {
    match inside(path) {
        // A photo may have any name. A pattern has no first bytes, and a tar archive begins with the name of a file, as "BM…".
        Some((archive, name)) if name.is_empty() => {
            starts_as_tar(&archive).unwrap_or(false) || !starts_as_photo(&archive).unwrap_or(false)
        }
        Some((archive, name)) => open(&archive).is_ok_and(|archive| archive.is_folder(&name)),
        None => path.is_dir(),
    }
}

/// Returns whether `path` is a file, on the disk or in an archive.
#[must_use]
pub fn is_file(path: &Path) -> bool {
    match inside(path) {
        Some((archive, name)) if !name.is_empty() => {
            open(&archive).is_ok_and(|archive| archive.is_file(&name))
        }
        _ => path.is_file(),
    }
}

/// Returns whether `path` is there, on the disk or in an archive.
#[must_use]
pub fn is_there(path: &Path) -> bool {
    match inside(path) {
        Some((archive, name)) if !name.is_empty() => {
            open(&archive).is_ok_and(|archive| archive.is_file(&name) || archive.is_folder(&name))
        }
        Some((archive, _)) => archive.exists() || open(&archive).is_ok(),
        None => path.exists(),
    }
}

/// Returns the size of a file in bytes; `None` if it is none.
#[must_use]
pub fn file_length(path: &Path) -> Option<u64> {
    match inside(path) {
        Some((archive, name)) if !name.is_empty() => open(&archive).ok()?.length(&name),
        _ => std::fs::metadata(path).ok().filter(|about| about.is_file()).map(|about| about.len()),
    }
}

/// Returns the hash of a file's content; `None` if it cannot be read, or is larger than a photo may be.
#[must_use]
pub fn file_digest(path: &Path, limits: &Limits) -> Option<Digest> {
    let mut bytes = Vec::new();
    match inside(path) {
        Some((archive, name)) if !name.is_empty() => {
            open(&archive).ok()?.file_into(&name, limits, &mut bytes).ok()?;
        }
        _ => {
            file_length(path).filter(|length| *length <= limits.file_bytes)?;
            File::open(path).ok()?.take(limits.file_bytes).read_to_end(&mut bytes).ok()?;
        }
    }
    Some(Digest::of(&bytes))
}

/// Returns `path` without links and dots, which is the same for every way to a file; `None` if there is no such file or
/// folder.
#[must_use]
pub fn real_path(path: &Path) -> Option<PathBuf> {
    match inside(path) {
        Some((archive, name)) if !name.is_empty() => {
            is_there(path).then(|| real_archive(&archive))?.map(|archive| archive.join(name))
        }
        Some((archive, _)) => real_archive(&archive),
        None => path.canonicalize().ok(),
    }
}

/// The path of an archive without links and dots. A pattern is no file, but its folder is there.
fn real_archive(archive: &Path) -> Option<PathBuf> {
    let in_folder = || Some(folder_of(archive).canonicalize().ok()?.join(archive.file_name()?));
    archive.canonicalize().ok().or_else(in_folder)
}

/// Returns the names of what lies in a folder, and whether each is a folder; nothing if it cannot be looked into.
#[must_use]
pub fn names_in(folder: &Path) -> Vec<(String, bool)> {
    let name = |entry: Entry| {
        let name = entry.path.file_name()?.to_str()?.to_owned();
        Some((name, entry.is_folder == Ok(true)))
    };
    entries(folder).into_iter().flatten().filter_map(name).collect()
}

/// What lies in a folder, in no order.
pub(crate) fn entries(folder: &Path) -> Result<Vec<Entry>> {
    let missing = || Error::MissingFolder { path: folder.to_owned() };
    let not_a_folder = || Error::NotAFolder { path: folder.to_owned() };
    if let Some((archive, name)) = inside(folder) {
        if name.is_empty() && !is_folder(folder) {
            return Err(not_a_folder());
        }
        let archive = if name.is_empty() { open_anew(&archive) } else { open(&archive) }?;
        return match archive.is_folder(&name) {
            true => {
                let entry = |child: crate::archive::Child<'_>| Entry {
                    path: folder.join(child.name),
                    is_folder: Ok(child.is_folder),
                };
                Ok(archive.children(&name).into_iter().map(entry).collect())
            }
            false if archive.is_file(&name) => Err(not_a_folder()),
            false => Err(missing()),
        };
    }
    let listed = std::fs::read_dir(folder).map_err(|source| match source.kind() {
        ErrorKind::NotFound => missing(),
        ErrorKind::NotADirectory => not_a_folder(),
        _ => Error::Io { path: folder.to_owned(), source },
    })?;
    let entry = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.map_err(Error::io(folder))?;
        Ok(Entry { path: entry.path(), is_folder: kind(&entry) })
    };
    listed.map(entry).collect()
}

/// Whether an entry of a folder on the disk is a folder, or why it is passed over.
fn kind(entry: &std::fs::DirEntry) -> std::result::Result<bool, SkipReason> {
    let unreadable = |error: std::io::Error| SkipReason::Unreadable(error.to_string());
    let mut kind = entry.file_type().map_err(unreadable)?;
    if kind.is_symlink() {
        kind = match std::fs::metadata(entry.path()) {
            Ok(target) => target.file_type(),
            // A link to nothing, or to itself.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(unreadable(error)),
            Err(_) => return Err(SkipReason::Link),
        };
    }
    match kind.is_dir() || kind.is_file() {
        true => Ok(kind.is_dir()),
        false => Err(SkipReason::NotAFile),
    }
}

/// Whether a file has the mark of a tar archive where that stands.
fn starts_as_tar(path: &Path) -> Result<bool> {
    let mut start = [0; 262];
    Ok(first_bytes(path, &mut start)?.get(257..) == Some(b"ustar"))
}

/// Whether the first bytes of a regular file are those of a format that is read.
pub(crate) fn starts_as_photo(path: &Path) -> Result<bool> {
    let mut start = [0; 16];
    Ok(Format::of(&first_bytes(path, &mut start)?).is_ok())
}

/// The first bytes of a file, as many as `out` has or fewer.
pub(crate) fn first_bytes(path: &Path, out: &mut [u8]) -> Result<Vec<u8>> {
    if let Some((archive, name)) = inside(path)
        && !name.is_empty()
    {
        return open(&archive).and_then(|archive| archive.first_bytes(&name, out));
    }
    let mut start = Vec::with_capacity(out.len());
    let read = File::open(path).and_then(|file| file.take(out.len() as u64).read_to_end(&mut start));
    read.map(|_| start).map_err(Error::io(path))
}

/// A file whole, at most `most` bytes of it; more are an error about `what`.
pub(crate) fn read_up_to(path: &Path, most: u64, what: &'static str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some((archive, name)) = inside(path)
        && !name.is_empty()
    {
        let archive = open(&archive)?;
        check(what, archive.length(&name).unwrap_or_default(), most).map_err(|error| error.of(path))?;
        let limits = Limits { file_bytes: most, ..Limits::default() };
        return match archive.file_into(&name, &limits, &mut bytes) {
            Ok(_) | Err(Error::Empty) => Ok(bytes),
            Err(error) => Err(error.of(path)),
        };
    }
    let opened = File::open(path).map_err(Error::io(path))?;
    // What a file's length says is not asked: a pipe has none, and may never end.
    let read = opened.take(most + 1).read_to_end(&mut bytes).map_err(Error::io(path))?;
    check(what, read as u64, most).map_err(|error| error.of(path))?;
    Ok(bytes)
}

/// Checks that something is there, or says why not.
pub(crate) fn look_at(path: &Path) -> Result<()> {
    let missing = || Error::MissingFolder { path: path.to_owned() };
    if let Some((archive, name)) = inside(path)
        && !name.is_empty()
    {
        let archive = open(&archive)?;
        return if archive.is_file(&name) || archive.is_folder(&name) { Ok(()) } else { Err(missing()) };
    }
    match std::fs::metadata(path) {
        Err(_) if inside(path).is_some_and(|(archive, _)| open(&archive).is_ok()) => Ok(()),
        Ok(_) => Ok(()),
        Err(source) if source.kind() == ErrorKind::NotFound => Err(missing()),
        Err(source) => Err(Error::Io { path: path.to_owned(), source }),
    }
}

/// What a loader keeps of its buffer for files.
const KEPT_BYTES: usize = 64 << 20;

/// Reads a regular file, or one in an archive, of at most the limit's size into `bytes`; gives its stamp, where that had
/// settled before and is the same afterwards.
pub(crate) fn read_file(path: &Path, limits: &Limits, bytes: &mut Vec<u8>) -> Result<Option<Stamp>> {
    if let Some((archive, name)) = inside(path)
        && !name.is_empty()
    {
        bytes.shrink_to(KEPT_BYTES);
        return open(&archive)?.file_into(&name, limits, bytes);
    }
    // Before opening: a named pipe would block the open until somebody writes to it.
    let about = std::fs::metadata(path).map_err(Error::Read)?;
    if !about.is_file() {
        return Err(Error::NotAFile);
    }
    limits.check_file(about.len())?;
    bytes.clear();
    // What a large file took is not kept for small ones.
    bytes.shrink_to(KEPT_BYTES.max(about.len() as usize));
    for_file(bytes, about.len())?;
    let stamp = Stamp::of(&about).filter(Stamp::is_settled);
    let mut file = File::open(path).map_err(Error::Read)?;
    // One byte more than the limit, in case the file grows under our hands.
    let read = (&mut file).take(limits.file_bytes + 1).read_to_end(bytes);
    let read = read.map_err(Error::Read)?;
    limits.check_file(read as u64)?;
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    Ok(stamp.filter(|before| file.metadata().ok().and_then(|after| Stamp::of(&after)) == Some(*before)))
}

/// Returns the file on the disk that a photo is, or in which it lies.
#[must_use]
pub fn file_on_disk(path: &Path) -> PathBuf {
    match inside(path) {
        Some((archive, name)) if !name.is_empty() => {
            let part = open(&archive).ok().and_then(|open| open.part_of(&name).map(Path::to_owned));
            part.unwrap_or(archive)
        }
        _ => path.to_owned(),
    }
}

/// Where a photo in a table lies: the table or the pattern that names several, which of them, and the row.
pub type TablePlace = (PathBuf, u32, u64);

/// Returns where a photo in a table lies. Photos that follow each other there are unpacked together, so many of them are read in
/// this order. `None` for a photo that lies elsewhere.
#[must_use]
pub fn table_place(path: &Path) -> Option<TablePlace> {
    let (archive, name) = inside(path).filter(|(archive, _)| is_table(archive))?;
    let (file, row) = open(&archive).ok()?.row(&name)?;
    Some((archive, file, row))
}

/// What the file system says of a file, or of the archive that it is in.
pub(crate) fn stamp_of(path: &Path) -> Option<Stamp> {
    match inside(path) {
        Some((archive, name)) if !name.is_empty() => open(&archive).ok()?.stamp(&name),
        _ => Stamp::of(&std::fs::metadata(path).ok()?),
    }
}
