//! The mark of a folder that a run is filling: a file that the run's process holds locked.
//!
//! The lock tells whether the run is still there: it goes with its process, however that ends. So the mark that a killed run
//! has left is taken over, and that of a run under way is not. The mark's text is the number of the process, for people.
//! Where a file system knows no locks, the mark is made all the same, and two runs may then mix.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use icecap::advanced::foundation::atomic_file::stands_at;

/// The name of a mark. It also keeps the folder from being empty, so that no other run takes it.
pub(super) const MARK: &str = ".icecap-run.lock";
/// Marks that vanish while they are taken are tried so often.
const TRIES: usize = 100;

/// A mark that is held. When dropped, it goes.
pub(super) struct Mark {
    path: PathBuf,
    _held: File,
}

/// Why a mark is not held.
#[derive(Debug)]
pub(super) enum Refused {
    /// Another run holds it, of the process that it tells.
    Held {
        process: Option<u32>,
    },
    /// Something stands there that no run has made: a link, a folder, a device.
    NoMark(PathBuf),
    Io(std::io::Error),
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl Mark {
    /// Holds the mark of `folder`, also one whose run was killed.
    pub(super) fn take(folder: &Path) -> Result<Self, Refused> {
        let path = folder.join(MARK);
        for _ in 0..TRIES {
            // A new file is never made behind a link, and what is there is opened without changing it.
            let opened = match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => match fs::symlink_metadata(&path) {
                    Ok(there) if there.is_file() => OpenOptions::new().read(true).write(true).open(&path),
                    Ok(_) => return Err(Refused::NoMark(path)),
                    Err(error) => Err(error),
                },
                opened => opened,
            };
            match opened.map_err(Refused::Io).and_then(|file| Self::hold(&path, file)) {
                // A run has ended, and taken its mark along, since we looked.
                Ok(None) => {}
                Err(Refused::Io(error)) if error.kind() == ErrorKind::NotFound && folder.is_dir() => {}
                Ok(Some(mark)) => return Ok(mark),
                Err(refused) => return Err(refused),
            }
        }
        Err(Refused::Held { process: None })
    }

    /// Makes the mark of `folder`, in which there must be none.
    pub(super) fn make(folder: &Path) -> Result<Self, Refused> {
        let path = folder.join(MARK);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        Self::hold(&path, file)?.ok_or_else(|| std::io::Error::from(ErrorKind::NotFound).into())
    }

    /// Locks a mark and writes our number into it; `None` if it is not what stands at `path` any more.
    fn hold(path: &Path, mut file: File) -> Result<Option<Self>, Refused> {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = (&file).take(20).read_to_string(&mut text);
                return Err(Refused::Held { process: text.trim().parse().ok() });
            }
            // An error of the other kind: no locks here.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        if !stands_at(path, &file)? {
            return Ok(None);
        }
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(std::process::id().to_string().as_bytes())?;
        Ok(Some(Self { path: path.to_owned(), _held: file }))
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // While it is locked: whoever opens it in between finds that it does not stand there any more.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(folder: &Path) -> Mark {
        Mark::take(folder).unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    #[test]
    fn one_holds_it_at_a_time_and_it_goes_with_its_holder() {
        let place = tempfile::tempdir().unwrap();
        let first = held(place.path());
        let own = std::process::id();
        assert_eq!(fs::read_to_string(place.path().join(MARK)).unwrap(), own.to_string());
        let refused = Mark::take(place.path()).err();
        assert!(
            matches!(refused, Some(Refused::Held { process: Some(process) }) if process == own),
            "{refused:?}"
        );
        assert!(Mark::make(place.path()).is_err());
        drop(first);
        assert!(!place.path().join(MARK).exists());
        // A killed run's: nobody holds it.
        fs::write(place.path().join(MARK), "123456789").unwrap();
        drop(held(place.path()));
        assert!(!place.path().join(MARK).exists());
        assert!(matches!(Mark::take(&place.path().join("none")), Err(Refused::Io(_))));
    }

    #[test]
    fn of_many_that_take_it_at_once_there_is_one_at_a_time() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let place = tempfile::tempdir().unwrap();
        let (inside, rounds) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        if let Ok(mark) = Mark::take(place.path()) {
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                            rounds.fetch_add(1, Ordering::SeqCst);
                            inside.fetch_sub(1, Ordering::SeqCst);
                            drop(mark);
                        }
                    }
                });
            }
        });
        assert!(rounds.load(Ordering::SeqCst) > 0);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_mark_keeps_its_content() {
        use std::os::unix::fs::symlink;
        let place = tempfile::tempdir().unwrap();
        let (thesis, mark) = (place.path().join("thesis"), place.path().join(MARK));
        fs::write(&thesis, "years").unwrap();
        for target in ["thesis", "missing", "."] {
            symlink(place.path().join(target), &mark).unwrap();
            assert!(
                matches!(Mark::take(place.path()), Err(Refused::NoMark(path)) if path == mark),
                "{target}"
            );
            assert!(Mark::make(place.path()).is_err());
            fs::remove_file(&mark).unwrap();
        }
        assert_eq!(fs::read_to_string(&thesis).unwrap(), "years");
        assert!(!place.path().join("missing").exists());
        fs::create_dir(&mark).unwrap();
        assert!(matches!(Mark::take(place.path()), Err(Refused::NoMark(_))));
    }
}
