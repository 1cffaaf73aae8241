//! Files that are replaced in one step: a reader finds the old file or the whole new one, never a part, even after a
//! power cut. The new content goes to a temporary file beside the old one; that is synced to the disk and renamed, and
//! then the folder is synced, in which the rename lives.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::shown::escaped;
use crate::temporary::Temporary;
pub use crate::temporary::{give_up, stands_at};

/// A file that could not be written. What stood in its place is untouched.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", escaped(path))]
pub struct WriteError {
    /// The file that was to be written.
    pub path: PathBuf,
    /// What the system said.
    pub source: std::io::Error,
}

/// Replaces the file at `path` by what `write` writes, in one step, and returns what `write` returns. The writer can
/// seek, to fill in what is known only at the end.
///
/// Two processes that write one path at once both succeed; the later rename stands.
///
/// # Errors
/// [`WriteError`] with `path` if any step fails, or if something stands there that is no regular file: a device or a
/// pipe must not be replaced. What stood at `path` is then untouched. A link is followed: its target is replaced.
pub fn replace_file<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> std::io::Result<T>,
) -> Result<T, WriteError> {
    replace(path, How { sync: true, mode: DATA }, write)
}

/// Replaces a program as [`replace_file`] replaces a file: whoever may read the new one may also run it.
///
/// # Errors
/// Those of [`replace_file`].
pub fn replace_program<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> std::io::Result<T>,
) -> Result<T, WriteError> {
    replace(path, How { sync: true, mode: PROGRAM }, write)
}

/// Replaces a file as [`replace_file`] does, without waiting for the disk: for files in a cache whose readers check
/// them whole, since after a power cut there may be a torn one.
///
/// # Errors
/// Those of [`replace_file`].
pub fn replace_cache_file<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> std::io::Result<T>,
) -> Result<T, WriteError> {
    replace(path, How { sync: false, mode: DATA }, write)
}

/// Permissions, of which the user's umask takes some away.
const DATA: u32 = 0o666;
const PROGRAM: u32 = 0o777;

struct How {
    sync: bool,
    mode: u32,
}

fn replace<T>(
    path: &Path,
    how: How,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> std::io::Result<T>,
) -> Result<T, WriteError> {
    put_in_place(path, how, write).map_err(|source| WriteError { path: path.to_owned(), source })
}

fn put_in_place<T>(
    path: &Path,
    how: How,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> std::io::Result<T>,
) -> std::io::Result<T> {
    let target = target_of(path)?;
    let path = target.as_path();
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(std::io::Error::new(ErrorKind::NotFound, "no such folder; make it or name another"));
    }
    let mut temporary = Temporary::create(folder, how.mode)?;
    let mut writer = BufWriter::new(temporary.file());
    let written = write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    if how.sync {
        temporary.file().sync_all()?;
    }
    temporary.put(path)?;
    if how.sync {
        sync_entry(path);
    }
    Ok(written)
}

/// Replaces a file of a cache by `content`, without waiting for the disk. The temporary file is made in `parts`, a folder
/// on the same disk: one of few files, so that what killed processes have left there is soon found. Missing folders are
/// made.
///
/// # Errors
/// What the system says. What stood at `path` is then untouched.
pub fn place_cache_entry(path: &Path, parts: &Path, content: &[u8]) -> std::io::Result<()> {
    let place = || {
        let mut temporary = Temporary::create(parts, DATA)?;
        temporary.file().write_all(content)?;
        temporary.put(path)
    };
    match place() {
        // Made when they are missed, since as a rule they are there.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            std::fs::create_dir_all(parts)?;
            std::fs::create_dir_all(folder_of(path))?;
            place()
        }
        placed => placed,
    }
}

/// Puts a whole and synced file in the place of another on the same disk, in one step, and syncs the folder.
///
/// # Errors
/// What the system says.
pub fn put_in_place_of(file: &Path, target: &Path) -> std::io::Result<()> {
    std::fs::rename(file, target)?;
    sync_entry(target);
    Ok(())
}

/// Makes a folder, and those above it that are missing, so that it is still there after a power cut.
///
/// # Errors
/// What the system says.
pub fn make_folder(path: &Path) -> std::io::Result<()> {
    let missing: Vec<&Path> =
        path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    std::fs::create_dir_all(path)?;
    missing.into_iter().rev().for_each(sync_entry);
    Ok(())
}

/// Writes to the disk that what was made at `path`, or renamed to it, stands there: that lives in the folder. Some file
/// systems refuse to open or sync one; its files are whole then all the same.
pub fn sync_entry(path: &Path) {
    #[cfg(unix)]
    if let Ok(folder) = File::open(folder_of(path)) {
        let _ = folder.sync_all();
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// The folder in which `path` stands.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Where the file really lies: behind links, and not in the place of a device.
fn target_of(path: &Path) -> std::io::Result<PathBuf> {
    match std::fs::metadata(path) {
        Ok(there) if !there.is_file() => {
            Err(std::io::Error::other("not a regular file, and not to be replaced by one; name another"))
        }
        Ok(_) => std::fs::canonicalize(path),
        Err(_) => Ok(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_temporary_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        replace_file(&path, |w| w.write_all(b"old")).unwrap();
        let failed = replace_file(&path, |w| {
            w.write_all(b"half")?;
            Err::<(), _>(std::io::Error::other("disk full"))
        });
        assert_eq!(failed.unwrap_err().path, path);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        replace_file(&path, |w| w.write_all(b"new")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_cache_entry_makes_its_folders_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (parts, path) = (folder.path().join("parts"), folder.path().join("3/3f"));
        for content in [b"one", b"two"] {
            place_cache_entry(&path, &parts, content).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), content);
        }
        assert_eq!(std::fs::read_dir(&parts).unwrap().count(), 0);
        // A folder stands in its place.
        std::fs::create_dir(folder.path().join("3/4")).unwrap();
        place_cache_entry(&folder.path().join("3/4"), &parts, b"x").unwrap_err();
        assert_eq!(std::fs::read_dir(&parts).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_stays_and_a_link_is_followed() {
        use std::os::unix::fs::FileTypeExt;
        assert!(replace_file(Path::new("/dev/null"), |w| w.write_all(b"no")).is_err());
        assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());

        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        std::fs::write(&target, b"old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        replace_file(&link, |w| w.write_all(b"new")).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(replace_file(folder.path(), |_| Ok(())).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_program_can_be_run_by_whoever_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode =
            |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        replace_file(&folder.path().join("data"), |w| w.write_all(b"x")).unwrap();
        replace_program(&folder.path().join("program"), |w| w.write_all(b"x")).unwrap();
        let (data, program) = (mode("data"), mode("program"));
        assert_eq!(data & 0o111, 0);
        assert_eq!(program, data | ((data & 0o444) >> 2));
    }

    #[test]
    fn a_missing_folder_is_an_error_with_the_path() {
        let error = replace_file(Path::new("/nonexistent/folder/file"), |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/folder/file"), "{error}");
    }
}
