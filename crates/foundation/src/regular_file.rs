//! Opening what may stand in the place of a file of ours: a named pipe there must not be waited for.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Opens the regular file at `path` for reading, or the one that a link there leads to.
///
/// # Errors
/// What the system says; [`ErrorKind::Other`] for anything else than a file, which is not opened.
pub fn open(path: &Path) -> Result<File> {
    only(path)?;
    File::open(path)
}

/// Opens the regular file at `path` with `options`, which may make it.
///
/// # Errors
/// Those of [`open`].
pub fn open_with(path: &Path, options: &OpenOptions) -> Result<File> {
    match only(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => options.open(path),
    }
}

/// Reads at most `most` bytes of the regular file at `path`.
///
/// # Errors
/// Those of [`open`].
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn only(path: &Path) -> Result<()> {
    match std::fs::metadata(path)?.is_file() {
        true => Ok(()),
        false => Err(Error::other("not a regular file; remove it")),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        std::os::unix::fs::symlink(at("pipe"), at("link")).unwrap();
        std::fs::write(at("file"), "content").unwrap();
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        for name in ["pipe", "link", "."] {
            assert_eq!(open(&at(name)).unwrap_err().kind(), ErrorKind::Other, "{name}");
            assert_eq!(open_with(&at(name), &options).unwrap_err().kind(), ErrorKind::Other, "{name}");
            read(&at(name), 10).unwrap_err();
        }
        assert_eq!(read(&at("file"), 4).unwrap(), b"cont");
        assert_eq!(open(&at("missing")).unwrap_err().kind(), ErrorKind::NotFound);
        open_with(&at("missing"), &options).unwrap();
    }
}
