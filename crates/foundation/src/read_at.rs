//! Bytes at offsets, of memory or of a file, read by several threads at once.

#[cfg(feature = "files")]
use std::fs::{File, Metadata};
use std::io;
#[cfg(feature = "files")]
use std::path::Path;

/// What is read at offsets, by several threads at once.
pub trait ReadAt {
    /// How many bytes there are.
    fn length(&self) -> u64;
    /// Fills `out` with the bytes from `at` on.
    ///
    /// # Errors
    /// What the system says; there are no bytes beyond the length.
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()>;
}

impl ReadAt for [u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(at).ok().and_then(|at| self.get(at..)?.get(..out.len()));
        out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// An open file that is read at offsets, of the length that it had when it was opened.
#[cfg(feature = "files")]
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    length: u64,
    /// Where a file has one place to read from, one thread has it at a time.
    #[cfg(not(unix))]
    place: std::sync::Mutex<()>,
}

#[cfg(feature = "files")]
impl OpenFile {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        File::open(path).and_then(Self::of)
    }

    /// Takes a file that is open for reading.
    ///
    /// # Errors
    /// What the system says when it is asked for the length.
    pub fn of(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self {
            file,
            length,
            #[cfg(not(unix))]
            place: std::sync::Mutex::default(),
        })
    }

    /// What the file system says of it now.
    ///
    /// # Errors
    /// What the system says.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }
}

#[cfg(feature = "files")]
impl ReadAt for OpenFile {
    fn length(&self) -> u64 {
        self.length
    }

    #[cfg(unix)]
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, out, at)
    }

    #[cfg(not(unix))]
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let _place = self.place.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        (&self.file).seek(SeekFrom::Start(at))?;
        (&self.file).read_exact(out)
    }
}
