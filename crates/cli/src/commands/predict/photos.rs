//! The photos to predict: files and folders named, the bytes of one on standard input, and a list that is read as it comes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use icecap::Source;
use icecap::advanced::data::{is_file, is_folder, scan_photos};

use crate::options::shard::Shard;
use crate::photos::skipped;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::wording::plain_path;
use icecap::advanced::data::dataset_roots;

/// What stands for standard input.
const STANDARD_INPUT: &str = "-";
/// The most bytes of a photo, as for files.
const MOST_BYTES: u64 = 240_000_000;
/// The most bytes at the beginning of standard input that are looked at, to tell a list from a photo.
const LOOKED_AT: usize = 4096;
/// The longest line of it in bytes, sixteen times what a system takes for a path.
const LONGEST_LINE: usize = 64 << 10;

/// Photos in the order of their naming.
pub(super) struct Photos {
    /// What was named and is yet to come.
    parts: VecDeque<Named>,
    /// The share of the photos that is taken; `None` for all.
    shard: Option<Shard>,
    /// The first file or folder that could not be looked into.
    unreadable: Option<Failure>,
}

enum Named {
    Photos(std::vec::IntoIter<PathBuf>),
    Bytes(Vec<u8>),
    List(BufReader<Box<dyn Read>>),
}

/// A photo that is to be predicted.
pub(super) enum Photo {
    File(PathBuf),
    /// What came on standard input.
    Bytes(Vec<u8>),
}

impl Photo {
    /// Returns the path by which it is told.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Bytes(_) => Path::new(STANDARD_INPUT),
        }
    }

    pub(super) fn source(&self) -> Source<'_> {
        match self {
            Self::File(path) => Source::Path(path),
            Self::Bytes(bytes) => Source::Bytes(bytes),
        }
    }
}

/// Refuses a list that is named as if it were a photo.
fn refuse_list(path: &Path) -> Result<(), Failure> {
    if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv")) && is_file(path) {
        let message = "a list and no photo; `icecap evaluate MODEL LIST.csv` takes one with classes, and `icecap predict MODEL \
                       --files-from LIST` one of paths alone, one a line";
        return Err(Failure::new(Code::Content, format!("{}: {message}", plain_path(path))));
    }
    Ok(())
}

/// Reads the photo on standard input.
fn standard_input() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::path(Path::new("standard input"), error))?;
    if bytes.is_empty() {
        let message = "standard input: empty; - takes the bytes of a photo, as in `cat photo.jpg | icecap predict MODEL -`";
        return Err(Failure::new(Code::Content, message));
    }
    if bytes.len() as u64 > MOST_BYTES {
        let message = format!("standard input: more than {MOST_BYTES} bytes; give one photo");
        return Err(Failure::new(Code::Limit, message));
    }
    if is_list(&bytes) {
        let message = "standard input: a list and no photo; --files-from - takes a list of paths there, and - the bytes of a \
                       photo";
        return Err(Failure::new(Code::Content, message));
    }
    Ok(bytes)
}

/// Whether bytes begin with a line of text, which no photo does. A byte that is cut in two at the end is no matter.
fn is_list(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(LOOKED_AT)];
    let valid = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let is_of_text = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    !valid.is_empty() && valid.chars().all(is_of_text)
}

/// Opens a list of paths, - for that on standard input.
fn list(file: &Path) -> Result<Named, Failure> {
    let source: Box<dyn Read> = if file.as_os_str() == STANDARD_INPUT {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(file).map_err(|error| Failure::path(file, error))?)
    };
    Ok(Named::List(BufReader::with_capacity(LONGEST_LINE, source)))
}

impl Photos {
    /// Looks into every folder of `paths`, and opens the list of paths if one is named; what is not there is an error now rather
    /// than after an hour.
    pub(super) fn new(
        paths: &[PathBuf],
        files_from: Option<&Path>,
        shard: Option<Shard>,
    ) -> Result<Self, Failure> {
        let parts = VecDeque::with_capacity(paths.len() + 1);
        let mut photos = Self { parts, shard, unreadable: None };
        for path in paths {
            let part = if path.as_os_str() == STANDARD_INPUT {
                if shard.is_some() {
                    let message =
                        "--shard: the bytes of a photo on standard input have no path that tells their share";
                    return Err(Failure::new(Code::Arguments, message));
                }
                Named::Bytes(standard_input()?)
            } else {
                refuse_list(path)?;
                Named::Photos(photos.below(path)?.into_iter())
            };
            photos.parts.push_back(part);
        }
        photos.parts.extend(files_from.map(list).transpose()?);
        Ok(photos)
    }

    /// Returns how many photos there are; `None` while a list is yet to be read.
    pub(super) fn known(&self) -> Option<usize> {
        self.parts.iter().try_fold(0, |sum, part| match part {
            Named::Photos(photos) => Some(sum + photos.len()),
            Named::Bytes(_) => Some(sum + 1),
            Named::List(_) => None,
        })
    }

    /// Takes the failure that `--strict` makes of what has been scanned so far.
    pub(super) fn unreadable(&mut self) -> Option<Failure> {
        self.unreadable.take()
    }

    /// Returns the next photos: at most `most`, and no more than can be told without waiting for a list. Empty at the end.
    pub(super) fn window(&mut self, most: usize) -> Result<Vec<Photo>, Failure> {
        let mut window = Vec::with_capacity(most);
        while window.len() < most {
            interrupt::check()?;
            match self.parts.front_mut() {
                None => break,
                Some(Named::Photos(photos)) => match photos.next() {
                    Some(photo) => window.push(Photo::File(photo)),
                    None => drop(self.parts.pop_front()),
                },
                Some(Named::Bytes(bytes)) => {
                    window.push(Photo::Bytes(std::mem::take(bytes)));
                    self.parts.pop_front();
                }
                // Who writes the list may wait for the rows of what is on it so far.
                Some(Named::List(list)) if !window.is_empty() && !list.buffer().contains(&b'\n') => {
                    break;
                }
                Some(Named::List(list)) => match next_line(list)? {
                    Some(path) if is_folder(&path) => {
                        let photos = self.below(&path)?;
                        self.parts.push_front(Named::Photos(photos.into_iter()));
                    }
                    Some(path) if self.shard.is_some_and(|shard| !shard.holds(&path, &[])) => {}
                    // One that is missing gets a row with its error, as any other that cannot be read.
                    Some(path) => window.push(Photo::File(path)),
                    None => drop(self.parts.pop_front()),
                },
            }
        }
        Ok(window)
    }

    /// Returns the photos of the share in and below a folder, or the file itself.
    fn below(&mut self, path: &Path) -> Result<Vec<PathBuf>, Failure> {
        let (mut photos, passed_over) = scan_photos(path)?;
        if let Some(shard) = self.shard {
            let roots = dataset_roots(path, None);
            photos.retain(|photo| shard.holds(photo, &roots));
        }
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
        if read.map_err(|error| Failure::path(Path::new("the list of photos"), error))? == 0 {
            return Ok(None);
        }
        while line.last().is_some_and(|end| matches!(end, b'\n' | b'\r')) {
            line.pop();
        }
        if line.len() > LONGEST_LINE {
            let message =
                format!("the list of photos: a line of more than {LONGEST_LINE} bytes; give one path a line");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_told_from_a_photo() {
        for text in ["photos/a.jpg\n", "ä/ö.png\r\nb", "a"] {
            assert!(is_list(text.as_bytes()), "{text}");
        }
        // The last letter of what is looked at is cut in two.
        assert!(is_list("ä".repeat(LOOKED_AT).as_bytes()[1..].strip_prefix(&[0xa4]).unwrap()));
        for bytes in [
            &b"\x89PNG\r\n"[..],
            b"\xff\xd8\xff\xe0",
            b"GIF89a\x01\0",
            b"RIFF\0\0\0\0WEBP",
            b"BM\0\x10",
            b"II*\0",
            b"",
        ] {
            assert!(!is_list(bytes), "{bytes:?}");
        }
    }
}
