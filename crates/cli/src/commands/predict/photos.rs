//! The photos to predict: files and folders named, and a list on standard input, read as it comes.

use std::collections::VecDeque;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use icecap::data::scan_photos;

use crate::failure::Failure;
use crate::{interrupt, skipped};

/// What stands for standard input.
const STANDARD_INPUT: &str = "-";

/// Photos in the order of their naming.
pub(super) struct Photos {
    /// What was named and is yet to come.
    parts: VecDeque<Named>,
}

enum Named {
    Photos(std::vec::IntoIter<PathBuf>),
    StandardInput,
}

impl Photos {
    /// Looks into every folder of `paths`; what is not there is an error now rather than after an hour.
    pub(super) fn new(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut parts = VecDeque::with_capacity(paths.len());
        for path in paths {
            parts.push_back(if path.as_os_str() == STANDARD_INPUT {
                Named::StandardInput
            } else {
                Named::Photos(below(path)?.into_iter())
            });
        }
        Ok(Self { parts })
    }

    /// How many there are, where no list is yet to be read.
    pub(super) fn known(&self) -> Option<usize> {
        self.parts.iter().try_fold(0, |sum, part| match part {
            Named::Photos(photos) => Some(sum + photos.len()),
            Named::StandardInput => None,
        })
    }

    /// The next photos, at most `most`; none at the end.
    pub(super) fn window(&mut self, most: usize) -> Result<Vec<PathBuf>, Failure> {
        let mut window = Vec::with_capacity(most);
        while window.len() < most {
            interrupt::check()?;
            match self.parts.front_mut() {
                None => break,
                Some(Named::Photos(photos)) => match photos.next() {
                    Some(photo) => window.push(photo),
                    None => drop(self.parts.pop_front()),
                },
                Some(Named::StandardInput) => match next_line()? {
                    Some(path) if path.is_dir() => {
                        self.parts.push_front(Named::Photos(below(&path)?.into_iter()));
                    }
                    // One that is missing gets a row with its error, as any other that cannot be read.
                    Some(path) => window.push(path),
                    None => drop(self.parts.pop_front()),
                },
            }
        }
        Ok(window)
    }
}

/// The photos in and below a folder, or the file itself.
fn below(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let (photos, passed_over) = scan_photos(path)?;
    skipped::clutter(&passed_over);
    Ok(photos)
}

/// The next line of standard input that is not empty.
fn next_line() -> Result<Option<PathBuf>, Failure> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = std::io::stdin().lock().read_until(b'\n', &mut line);
        if read.map_err(|error| Failure::path(Path::new("standard input"), error))? == 0 {
            return Ok(None);
        }
        while line.last().is_some_and(|end| matches!(end, b'\n' | b'\r')) {
            line.pop();
        }
        if !line.is_empty() {
            return Ok(Some(path(line)));
        }
    }
}

#[cfg(unix)]
fn path(bytes: Vec<u8>) -> PathBuf {
    std::ffi::OsString::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&bytes)).into()
}

#[cfg(not(unix))]
fn path(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}
