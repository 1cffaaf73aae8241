//! Writing a file so that a reader sees the old one or the whole new one, never a part, even after a power cut:
//! a temporary file beside it, fsync, rename, fsync of the folder.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::Error;

/// Writes the file at `path` through `write` and puts it in place in one step; gives what
/// `write` gives. The writer can go back, to fill in what is known only at the end.
///
/// Two processes that write one path at once both succeed; the later rename stands.
///
/// # Errors
/// [`Error::Io`] with `path` where any step fails; what stood at `path` is then untouched.
pub fn replace_file<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> std::io::Result<T>,
) -> Result<T, Error> {
    replace(path, write).map_err(|source| Error::Io { path: path.to_owned(), source })
}

fn replace<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> std::io::Result<T>,
) -> std::io::Result<T> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".icecap-").suffix(".part");
    // A temporary file is private by default; what we write is as public as the user's umask says.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder.tempfile_in(folder)?;
    let mut writer = BufWriter::new(temporary.as_file_mut());
    let written = write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    // The rename itself lives in the folder. Some file systems refuse to open or sync one; the file is whole then
    // all the same.
    #[cfg(unix)]
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(written)
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
        assert!(matches!(failed, Err(Error::Io { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        replace_file(&path, |w| w.write_all(b"new")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_missing_folder_is_an_error_with_the_path() {
        let error = replace_file(Path::new("/nonexistent/folder/file"), |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/folder/file"), "{error}");
    }
}
