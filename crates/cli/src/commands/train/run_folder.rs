//! The folder of a run: found or made before the work begins, filled file by file at its end.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use icecap::kernels::replace_file;

use crate::failure::{Code, Failure};

/// Name of a run's folder where none is asked for; later runs get a number behind it.
const NAME: &str = "icecap-run";
/// Folders of that name are tried up to this number.
const MOST: usize = 10_000;

/// A folder that can be written to. Removed when dropped, if it was made here and nothing was put into it.
pub(crate) struct RunFolder {
    path: PathBuf,
    made: bool,
}

impl RunFolder {
    /// The folder `asked`, made where it is missing; else the first of `icecap-run`, `icecap-run-2`, … that is missing
    /// or empty.
    pub(crate) fn create(asked: Option<&Path>) -> Result<Self, Failure> {
        let run = match asked {
            Some(path) => Self::asked(path)?,
            None => Self::next()?,
        };
        run.probe()?;
        Ok(run)
    }

    fn asked(path: &Path) -> Result<Self, Failure> {
        let made = !path.exists();
        match fs::create_dir_all(path) {
            Ok(()) => Ok(Self { path: path.to_owned(), made }),
            Err(_) if path.exists() && !path.is_dir() => Err(Failure::path(
                path,
                "a file stands where the run's folder should be; name another with --out",
            )),
            Err(error) => {
                Err(Failure::path(path, format!("cannot be made: {error}; name another folder with --out")))
            }
        }
    }

    fn next() -> Result<Self, Failure> {
        for number in 1..=MOST {
            let path = match number {
                1 => PathBuf::from(NAME),
                _ => PathBuf::from(format!("{NAME}-{number}")),
            };
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, made: true }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    let empty = fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_none());
                    if empty {
                        return Ok(Self { path, made: false });
                    }
                }
                Err(error) => {
                    let reason = format!("cannot be made: {error}; name a folder with --out");
                    return Err(Failure::path(&path, reason));
                }
            }
        }
        Err(Failure::new(Code::Path, format!("{NAME}: {MOST} runs stand here; name a folder with --out")))
    }

    /// Fails now rather than after the work, where nothing can be written.
    fn probe(&self) -> Result<(), Failure> {
        let probe = self.path.join(format!(".icecap-{}.part", std::process::id()));
        let written = OpenOptions::new().write(true).create_new(true).open(&probe);
        let written = written.and_then(|_| fs::remove_file(&probe));
        written.map_err(|error| {
            Failure::path(&self.path, format!("cannot be written: {error}; name another folder with --out"))
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of one of its files.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Puts a file in place in one step.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        Ok(replace_file(&self.file(name), |out| std::io::Write::write_all(out, text.as_bytes()))?)
    }

    /// Removes a file that an earlier run may have left.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Failure> {
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::path(&self.file(name), error)),
            _ => Ok(()),
        }
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if self.made {
            // Refused where something is in it, which is what we want.
            let _ = fs::remove_dir(&self.path);
        }
    }
}
