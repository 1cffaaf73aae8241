//! The photos to predict: files and folders named, and a list on standard input, read as it comes.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Stdin};
use std::path::{Path, PathBuf};

use icecap::advanced::data::scan_photos;

use crate::photos::skipped;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::wording::plain_path;

/// What stands for standard input.
const STANDARD_INPUT: &str = "-";
/// The longest line of it in bytes, sixteen times what a system takes for a path.
const LONGEST_LINE: usize = 64 << 10;

/// Photos in the order of their naming.
pub(super) struct Photos {
    /// What was named and is yet to come.
    parts: VecDeque<Named>,
    /// The first file or folder that could not be looked into.
    unreadable: Option<Failure>,
}

enum Named {
    Photos(std::vec::IntoIter<PathBuf>),
    StandardInput(BufReader<Stdin>),
}

/// Refuses a list that is named as if it were a photo.
fn refuse_list(path: &Path) -> Result<(), Failure> {
    if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv")) && path.is_file() {
        let message = "a list and no photo; `icecap evaluate MODEL LIST.csv` takes one with classes, and on standard input \
                       paths alone come, one a line: `icecap predict MODEL - < LIST`";
        return Err(Failure::new(Code::Content, format!("{}: {message}", plain_path(path))));
    }
    Ok(())
}

impl Photos {
    /// Looks into every folder of `paths`; what is not there is an error now rather than after an hour.
    pub(super) fn new(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut photos = Self { parts: VecDeque::with_capacity(paths.len()), unreadable: None };
        for path in paths {
            let part = if path.as_os_str() == STANDARD_INPUT {
                Named::StandardInput(BufReader::with_capacity(LONGEST_LINE, std::io::stdin()))
            } else {
                refuse_list(path)?;
                Named::Photos(photos.below(path)?.into_iter())
            };
            photos.parts.push_back(part);
        }
        Ok(photos)
    }

    /// Returns how many photos there are; `None` while a list on standard input is yet to be read.
    pub(super) fn known(&self) -> Option<usize> {
        self.parts.iter().try_fold(0, |sum, part| match part {
            Named::Photos(photos) => Some(sum + photos.len()),
            Named::StandardInput(_) => None,
        })
    }

    /// Takes the failure that `--strict` makes of what has been scanned so far.
    pub(super) fn unreadable(&mut self) -> Option<Failure> {
        self.unreadable.take()
    }

    /// Returns the next photos: at most `most`, and no more than can be told without waiting for a list. Empty at the end.
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
                // Who writes the list may wait for the rows of what is on it so far.
                Some(Named::StandardInput(list)) if !window.is_empty() && !list.buffer().contains(&b'\n') => {
                    break;
                }
                Some(Named::StandardInput(list)) => match next_line(list)? {
                    Some(path) if path.is_dir() => {
                        let photos = self.below(&path)?;
                        self.parts.push_front(Named::Photos(photos.into_iter()));
                    }
                    // One that is missing gets a row with its error, as any other that cannot be read.
                    Some(path) => window.push(path),
                    None => drop(self.parts.pop_front()),
                },
            }
        }
        Ok(window)
    }

    /// Returns the photos in and below a folder, or the file itself.
    fn below(&mut self, path: &Path) -> Result<Vec<PathBuf>, Failure> {
        let (photos, passed_over) = scan_photos(path)?;
        skipped::clutter(&passed_over);
        self.unreadable = self.unreadable.take().or_else(|| skipped::unreadable(&passed_over));
        Ok(photos)
    }
}

/// Reads the next line that is not empty; `None` at the end.
fn next_line(list: &mut impl BufRead) -> Result<Option<PathBuf>, Failure> {
    let mut line = Vec::new();
    loop {
        line.clear();
        // Room for the line's end.
        let read = list.take(LONGEST_LINE as u64 + 2).read_until(b'\n', &mut line);
        if read.map_err(|error| Failure::path(Path::new("standard input"), error))? == 0 {
            return Ok(None);
        }
        while line.last().is_some_and(|end| matches!(end, b'\n' | b'\r')) {
            line.pop();
        }
        if line.len() > LONGEST_LINE {
            let message =
                format!("standard input: a line of more than {LONGEST_LINE} bytes; give one path a line");
            return Err(Failure::new(Code::Limit, message));
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
