//! A file's content in memory of its own.
//!
//! Files are read, never mapped: a mapped file that is cut short ends the process with SIGBUS, and one that is written
//! while it is mapped shows other bytes than were checked. What was read stays as it is, so that a hash of it holds for
//! as long as it is used. A file that is written while it is read would be a mixture of two; that is told by its size
//! and times before and after, and where it was written so shortly before that its times may not tell, by a second look.
//!
//! Large files lie in large pages (`slab.rs`), so that a net's packed weights can be used where they were read to.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::ops::{ControlFlow::Continue, Deref, Range};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::{buffer::Buffer, element::Element, error::Error, par::Threads, slab::in_slabs};

/// Files from this size on are worth large pages.
const LARGE: usize = 1 << 20;
/// The coarsest clock by which a file system notes when a file was written.
const COARSE: Duration = Duration::from_secs(2);
/// Bytes that are read at a time: they stay in a processor's own cache until they were looked at. Their buffer starts on a
/// cache line; into memory that does not, the reference machine copies a file at an eighth of the speed.
const PIECE: usize = 256 << 10;
/// Bytes that a thread reads at a stretch: few enough that all threads end at about the same time, and some pieces.
const SHARE: usize = 4 * PIECE;
/// Bytes that are read at a time where they are not kept: a buffer of fewer pages is touched for the first time sooner.
const SCANNED: usize = PIECE / 4;

/// The content of a file, or of a part of it, as it was at one moment. Dereferences to its bytes; a clone shares them.
#[derive(Clone, Debug)]
pub struct FileBytes {
    bytes: Arc<Buffer<u8>>,
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl FileBytes {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be opened or read or is no regular file; [`Error::FileTooLarge`] above `limit` bytes;
    /// [`Error::NoMemory`]; [`Error::FileChanged`] if it was written while it was read.
    pub fn read(path: &Path, limit: u64) -> Result<Self, Error> {
        let file = FileReader::open(path, limit)?;
        file.read(0..file.len()).and_then(|bytes| file.close().map(|()| bytes))
    }

    /// The `len` values in the machine's own byte order from byte `offset` on, in place. `None` if `offset` is not a
    /// multiple of 64, or if the bytes end before the last line of them.
    #[must_use]
    pub fn buffer<T: Element>(&self, offset: usize, len: usize) -> Option<Buffer<T>> {
        Buffer::inside(&self.bytes, offset, len)
    }
}

/// A file that is read in parts, which [`close`](Self::close) says to be of one moment.
#[derive(Debug)]
pub struct FileReader<'a> {
    path: &'a Path,
    file: File,
    before: Metadata,
    /// Whether it was written so shortly before that another write could bear the same time.
    is_fresh: bool,
}

impl<'a> FileReader<'a> {
    /// Opens the file at `path` for reading.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be opened or is no regular file; [`Error::FileTooLarge`] above `limit` bytes.
    pub fn open(path: &'a Path, limit: u64) -> Result<Self, Error> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        // Before opening: a named pipe would block the open until somebody writes to it.
        let about = std::fs::metadata(path).map_err(io)?;
        if !about.is_file() {
            return Err(io(std::io::Error::other("not a regular file; name a file")));
        }
        let file = File::open(path).map_err(io)?;
        let before = file.metadata().map_err(io)?;
        let got = before.len();
        if got > limit {
            return Err(Error::FileTooLarge { path: path.to_owned(), got, limit });
        }
        let age = before.modified().ok().and_then(|written| SystemTime::now().duration_since(written).ok());
        // A time that lies ahead tells nothing.
        let is_fresh = age.is_none_or(|age| age < COARSE);
        Ok(Self { path, file, before, is_fresh })
    }

    /// The file's bytes when it was opened.
    #[expect(clippy::len_without_is_empty, reason = "a file's length, not that of a collection")]
    pub fn len(&self) -> u64 {
        self.before.len()
    }

    /// Reads a part of the file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::NoMemory`]; [`Error::FileChanged`] if the file ends before the part does, or was written.
    pub fn read(&self, part: Range<u64>) -> Result<FileBytes, Error> {
        self.read_on(part, &Threads::serial(), |(), _, _| ()).map(|(bytes, _)| bytes)
    }

    /// Reads a part of the file on all threads, share by share. `see` gets each piece right after it was read, while it is in
    /// the processor's cache, with its place in the part and a state of its share: for a checksum, which is then much cheaper
    /// than later. Returns the states, too, in the order of the shares, which are the same for any number of threads.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn read_on<S: Default + Send>(
        &self,
        part: Range<u64>,
        threads: &Threads,
        see: impl Fn(&mut S, u64, &[u8]) + Sync,
    ) -> Result<(FileBytes, Vec<S>), Error> {
        let bytes = part.end.saturating_sub(part.start);
        let no_memory = || Error::NoMemory { path: self.path.to_owned(), bytes };
        let len = usize::try_from(bytes).map_err(|_| no_memory())?;
        if part.end > self.len() {
            return Err(self.changed());
        }
        let zeros = || Buffer::try_zeros(len).ok_or_else(no_memory);
        let mut bytes = if len < LARGE { zeros() } else { in_slabs(zeros) }?;
        let states = threads.map(bytes.chunks_mut(SHARE).enumerate(), |(share, bytes)| {
            let mut state = S::default();
            for (piece, bytes) in bytes.chunks_mut(PIECE).enumerate() {
                let at = (share * SHARE + piece * PIECE) as u64;
                self.fill(bytes, part.start + at)?;
                see(&mut state, at, bytes);
            }
            Ok(state)
        });
        let states = states.into_iter().collect::<Result<_, Error>>()?;
        if self.is_fresh {
            let mut again = Buffer::zeros(PIECE.min(len));
            for (piece, first) in bytes.chunks(PIECE).enumerate() {
                let again = &mut again[..first.len()];
                self.fill(again, part.start + (piece * PIECE) as u64)?;
                if again != first {
                    return Err(self.changed());
                }
            }
        }
        Ok((FileBytes { bytes: Arc::new(bytes) }, states))
    }

    /// Does what [`read_on`](Self::read_on) does, and keeps none of the bytes.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn scan_on<S: Default + Send>(
        &self,
        part: Range<u64>,
        threads: &Threads,
        see: impl Fn(&mut S, u64, &[u8]) + Sync,
    ) -> Result<Vec<S>, Error> {
        // Only what is kept can be compared with a second look.
        if self.is_fresh {
            return self.read_on(part, threads, see).map(|(_, states)| states);
        }
        let len = part.end.saturating_sub(part.start);
        let shares = len.div_ceil(SHARE as u64);
        let mut buffers = vec![Buffer::<u8>::zeros(SCANNED); threads.count().min(shares as usize).max(1)];
        let states = threads.map_until_with(&|| Continue(()), &mut buffers, 0..shares, |buffer, share| {
            let (mut at, end) = (share * SHARE as u64, len.min((share + 1) * SHARE as u64));
            let mut state = S::default();
            while at < end {
                let piece = &mut buffer[..SCANNED.min((end - at) as usize)];
                self.fill(piece, part.start + at)?;
                see(&mut state, at, piece);
                at += piece.len() as u64;
            }
            Ok(state)
        });
        states.into_iter().flatten().collect()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`Error::FileChanged`] if the file was written since it was opened: what was read may be of several moments.
    pub fn close(self) -> Result<(), Error> {
        let after =
            self.file.metadata().map_err(|source| Error::Io { path: self.path.to_owned(), source })?;
        if times(&self.before) == times(&after) { Ok(()) } else { Err(self.changed()) }
    }

    /// Reads the bytes from `at` on: a place in the file that threads read has no meaning.
    fn fill(&self, bytes: &mut [u8], at: u64) -> Result<(), Error> {
        read_exact_at(&self.file, bytes, at).map_err(|source| match source.kind() {
            ErrorKind::UnexpectedEof => self.changed(),
            _ => Error::Io { path: self.path.to_owned(), source },
        })
    }

    fn changed(&self) -> Error {
        Error::FileChanged { path: self.path.to_owned() }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, at) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => (bytes, at) = (&mut bytes[read..], at + read as u64),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What changes when a file is written.
fn times(about: &Metadata) -> impl PartialEq + use<> {
    #[cfg(unix)]
    let changed = {
        use std::os::unix::fs::MetadataExt;
        (about.ctime(), about.ctime_nsec())
    };
    #[cfg(not(unix))]
    let changed = ();
    (about.len(), about.modified().ok(), changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Bf16;

    fn lies_in_a_file<T: Element>(file: &FileBytes, len: usize) {
        let size = size_of::<T>();
        let (whole, behind) = (file.len() / size, 128 / size);
        let buffer: Buffer<T> = file.buffer(128, len).unwrap();
        let all: Buffer<T> = file.buffer(0, whole).unwrap();
        assert_eq!((buffer.len(), buffer.as_ptr() as usize), (len, file[128..].as_ptr() as usize));
        assert_eq!(buffer[..], all[behind..][..len], "{}", T::NAME);
        assert!(file.buffer::<T>(128, whole).is_none() && file.buffer::<T>(size, 1).is_none(), "{}", T::NAME);
    }

    #[test]
    fn buffers_of_every_element_lie_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        // As f32, bf16 and integers these bytes are numbers that equal themselves.
        let bytes: Vec<u8> = (0..512).map(|at| (at % 60) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let file = FileBytes::read(&path, 1000).unwrap();
        for len in [0, 1, 16, 17, 33, 64] {
            lies_in_a_file::<f32>(&file, len);
            lies_in_a_file::<Bf16>(&file, len);
            lies_in_a_file::<u8>(&file, len);
            lies_in_a_file::<i8>(&file, len);
            lies_in_a_file::<i32>(&file, len);
        }
    }

    #[test]
    fn buffers_lie_in_a_file_and_outlive_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let values: Vec<f32> = (0..48).map(|i| i as f32).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
        std::fs::write(&path, &bytes).unwrap();
        let file = FileBytes::read(&path, 1000).unwrap();
        assert_eq!(*file, *bytes);
        let mut buffer: Buffer = file.buffer(64, 17).unwrap();
        for (offset, len) in [(4, 1), (192, 1), (64, 33), (0, usize::MAX), (usize::MAX - 63, 16)] {
            assert!(file.buffer::<f32>(offset, len).is_none(), "{offset} {len}");
        }
        drop(file);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(&buffer[..], &values[16..33]);
        // What is written goes to a copy.
        let other = buffer.clone();
        buffer[0] = -1.0;
        assert_eq!((buffer[0], buffer[1], other[0]), (-1.0, 17.0, 16.0));
    }

    #[test]
    fn shows_the_bytes_and_keeps_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"icecap").unwrap();
        assert_eq!(*FileBytes::read(&path, 6).unwrap(), *b"icecap");
        let part = |part| FileReader::open(&path, 6).unwrap().read(part);
        assert_eq!(*part(3..6).unwrap(), *b"cap");
        assert_eq!(*part(6..6).unwrap(), *b"");
        for outside in [3..7, 7..7, u64::MAX..u64::MAX, 0..u64::MAX] {
            assert!(part(outside).is_err());
        }
        assert!(matches!(FileBytes::read(&path, 5), Err(Error::FileTooLarge { got: 6, limit: 5, .. })));
        assert!(matches!(FileBytes::read(folder.path(), 9), Err(Error::Io { .. })));
        std::fs::write(&path, b"").unwrap();
        assert!(FileBytes::read(&path, 6).unwrap().is_empty());
    }

    /// Fresh or not, read or scanned, in one share or several, by one thread or more: `see` gets every byte once, those of a
    /// share in their order, and the shares are handed back in theirs.
    #[test]
    fn every_byte_is_seen_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (len, age) in
            [0, 1, PIECE, PIECE + 1, 5 * PIECE + 7].into_iter().flat_map(|len| [(len, 0), (len, 100)])
        {
            let content: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            std::fs::write(&path, &content).unwrap();
            let then = SystemTime::now() - Duration::from_secs(age);
            File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
            let (from, file) = (len / 3, FileReader::open(&path, u64::MAX).unwrap());
            assert_eq!(file.is_fresh, age == 0);
            let part = from as u64..len as u64;
            for threads in [1, 2, 3].map(|count| Threads::new(count).unwrap()) {
                let see = |seen: &mut Vec<u8>, at: u64, piece: &[u8]| {
                    assert!(content[from + at as usize..].starts_with(piece));
                    seen.extend_from_slice(piece);
                };
                let (bytes, read) = file.read_on(part.clone(), &threads, see).unwrap();
                let scanned = file.scan_on(part.clone(), &threads, see).unwrap();
                let all = [bytes.to_vec(), read.concat(), scanned.concat()];
                assert!(all.iter().all(|seen| *seen == content[from..]), "{len} {age} {threads:?}");
                assert_eq!(read.len(), (len - from).div_ceil(SHARE));
                assert_eq!(read.len(), scanned.len());
            }
            file.close().unwrap();
        }
    }

    /// Whatever is done to the file afterwards, what was read stays.
    #[cfg(unix)]
    #[test]
    fn what_was_read_stays_whatever_becomes_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for len in [100, 3 << 20] {
            let content = vec![7; len];
            std::fs::write(&path, &content).unwrap();
            let read = FileBytes::read(&path, 4 << 20).unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, &[9; 50], 10).unwrap();
            file.set_len(20).unwrap();
            assert_eq!(*read, *content);
        }
    }

    /// Of a file that is written from front to back, again and again, each moment shows at most two values: the newer one
    /// first. A reader that looked at two moments would see the older one first.
    #[cfg(unix)]
    #[test]
    fn a_file_that_is_being_written_is_seen_at_one_moment_or_refused() {
        const LEN: usize = 2 << 20;
        let next = |value: u8| value % 250 + 1;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![250; LEN]).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        let (mut seen, mut refused) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let file = File::options().write(true).open(&path).unwrap();
                let mut value = 250;
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    value = next(value);
                    std::os::unix::fs::FileExt::write_all_at(&file, &vec![value; LEN], 0).unwrap();
                    std::thread::sleep(Duration::from_millis(u64::from(value % 8)));
                }
            });
            let until = std::time::Instant::now() + Duration::from_secs(20);
            while (seen < 20 || refused < 20) && std::time::Instant::now() < until {
                match FileBytes::read(&path, LEN as u64) {
                    Ok(read) => {
                        let newer = read.iter().take_while(|value| **value == read[0]).count();
                        let rest = &read[newer..];
                        let is_older = rest.iter().all(|value| *value == rest[0] && next(*value) == read[0]);
                        assert!(is_older, "{} for {newer} bytes, then {}", read[0], rest[0]);
                        seen += 1;
                    }
                    Err(Error::FileChanged { .. }) => refused += 1,
                    Err(other) => panic!("{other}"),
                }
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        assert!(seen > 0 && refused > 0, "{seen} seen, {refused} refused");
    }
}
