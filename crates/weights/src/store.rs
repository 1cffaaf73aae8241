//! The store: where the files of known weights are kept, and which hashes they must have.
//!
//! ```text
//! FOLDER/weights/keras-1.0-160/
//!     mobilenet_v2_…_1.0_160_no_top.h5           the file, under its publisher's name
//!     mobilenet_v2_…_1.0_160_no_top.h5.sha256    its hash, as `sha256sum` writes it
//! ```
//!
//! The second file is what stands between a user and a file that changed where no hash is published: the hash seen
//! first is written there, and from then on expected.

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use icecap_foundation::regular_file;
use icecap_graph::{Net, Precision};
use icecap_kernels::{FileBytes, Threads};

use crate::container::MAX_FILE;
use crate::derived::Packing;
use crate::hash_remedy::HashRemedy;
use crate::reading::{Known, Reading};
use crate::{Checked, Choices, Digest, Entry, Error, Opened, Weights};

/// The folder in which the files of known weights are kept.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Returns the store in the folder `cache`, which need not exist.
    #[must_use]
    pub fn new(cache: impl AsRef<Path>) -> Self {
        Self { folder: cache.as_ref().join("weights") }
    }

    /// Returns the path of an entry's file, whether it exists or not; `None` for weights that are published nowhere.
    #[must_use]
    pub fn file(&self, entry: &Entry) -> Option<PathBuf> {
        Some(self.folder.join(&entry.name).join(entry.file_name()?))
    }

    /// Returns whether the file of an entry is there.
    #[must_use]
    pub fn has(&self, entry: &Entry) -> bool {
        self.file(entry).is_some_and(|file| file.is_file())
    }

    /// Returns the path of the file that keeps the hash of an entry's file; `None` for weights that are published
    /// nowhere.
    #[must_use]
    pub fn hash_file(&self, entry: &Entry) -> Option<PathBuf> {
        Some(beside(&self.file(entry)?, ".sha256"))
    }

    /// Returns the hash that the file of an entry had when it was first seen; `None` if it was never seen.
    ///
    /// # Errors
    /// [`Error::File`] if the hash is kept and cannot be read; [`Error::OtherHash`] if the file that should hold it
    /// holds none.
    pub fn recorded(&self, entry: &Entry) -> Result<Option<Digest>, Error> {
        let Some(path) = self.hash_file(entry) else { return Ok(None) };
        let text = match regular_file::read(&path, 1024) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::io(&path, source)),
        };
        let word = text.split_whitespace().next().unwrap_or("");
        word.parse().map(Some).map_err(|_| Error::OtherHash {
            place: path.display().to_string(),
            by: "its name",
            expected: "a hash of 64 hexadecimal digits in it".to_owned(),
            got: "missing".to_owned(),
            remedy: HashRemedy::Delete,
        })
    }

    /// Writes down the hash of an entry's file, which is expected from then on.
    ///
    /// # Errors
    /// [`Error::Write`], or [`Error::File`] for its folder.
    pub fn record(&self, entry: &Entry, sha256: Digest) -> Result<(), Error> {
        if let (Some(path), Some(name)) = (self.hash_file(entry), entry.file_name()) {
            icecap_foundation::atomic_file::replace_file(&path, |out| writeln!(out, "{sha256}  {name}"))?;
        }
        Ok(())
    }

    /// Checks that a file with this hash can be that of an entry. The hash must be the one that the manifest states, or
    /// start so; if the manifest does not state all of it, it must be the one that was seen first.
    ///
    /// # Errors
    /// [`Error::OtherHash`] if it is another, which calls the file `place`; those of [`Store::recorded`].
    pub fn check(&self, entry: &Entry, sha256: Digest, place: &str) -> Result<Checked, Error> {
        let stated = entry.check_hash(sha256, place)?;
        if stated == Checked::Pinned {
            return Ok(stated);
        }
        match self.recorded(entry)? {
            Some(seen) if seen != sha256 => Err(Error::OtherHash {
                place: place.to_owned(),
                by: "the hash seen first",
                expected: seen.to_string(),
                got: sha256.to_string(),
                remedy: HashRemedy::Accept(entry.name.clone()),
            }),
            Some(_) if stated == Checked::Nothing => Ok(Checked::Recorded),
            _ => Ok(stated),
        }
    }

    /// Opens the file of an entry and packs its net for inference in `precision`, as [`crate::open`] does. What the file does not state, the record
    /// takes from the entry; its name is the entry's in any case.
    ///
    /// # Errors
    /// [`Error::NotCached`] if the file is not there; [`Error::OtherHash`] or [`Error::OtherNet`] if it is not what the
    /// entry says; else those of [`crate::open`].
    pub fn open(&self, entry: &Entry, precision: Precision, threads: &Threads) -> Result<Opened, Error> {
        let (weights, net) = self.read_checked(entry, threads, Packing::Packed(precision))?;
        let path = self.file(entry).unwrap_or_default();
        Opened::new(weights, net, precision).map_err(|source| Error::Pack { path, source: source.into() })
    }

    /// Reads and checks the file of an entry, on the caller's thread. The net is not packed.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub fn read(&self, entry: &Entry) -> Result<Weights, Error> {
        Ok(self.read_checked(entry, &Threads::serial(), Packing::Skipped)?.0)
    }

    fn read_checked(
        &self,
        entry: &Entry,
        threads: &Threads,
        packing: Packing,
    ) -> Result<(Weights, Option<Net>), Error> {
        let path = self.file(entry).unwrap_or_else(|| self.folder.clone());
        let check = |sha256| {
            self.check(entry, sha256, &path.display().to_string()).map_err(|mut error| {
                if let Error::OtherHash { remedy, .. } = &mut error {
                    *remedy = HashRemedy::Fetch(entry.name.clone());
                }
                error
            })
        };
        if !path.is_file() {
            return Err(Error::NotCached { name: entry.name.clone(), path });
        }
        let choices = Choices::default();
        let reading = Reading { path: &path, known: Known::Entry(entry), threads, choices };
        let bytes = FileBytes::read(&path, MAX_FILE)?;
        check_size(entry, bytes.len() as u64, &path.display().to_string())?;
        // Of a file that is another than it should be, that is the first thing to know.
        let (weights, net) = reading.read(&bytes, packing).or_else(|error| {
            check(Digest::of(&bytes))?;
            Err(error)
        })?;
        check(weights.record.file_sha256)?;
        entry.check(&weights, &path)?;
        Ok((weights, net))
    }
}

/// Compares a file's size with the one that its entry states.
pub(crate) fn check_size(entry: &Entry, bytes: u64, place: &str) -> Result<(), Error> {
    match entry.bytes {
        Some(stated) if stated != bytes => Err(Error::Fetched {
            url: place.to_owned(),
            reason: format!("has {bytes} bytes, and the manifest says {stated}; it is another file"),
        }),
        _ => Ok(()),
    }
}

/// The path of a file beside `file`, with `ending` after its name.
pub(crate) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().map_or_else(OsString::new, OsString::from);
    name.push(ending);
    file.with_file_name(name)
}
