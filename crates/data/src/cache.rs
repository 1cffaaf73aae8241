//! Features kept on disk: they do not change while the backbone is frozen.
//!
//! An entry is a file named by a SHA-256 over everything that its values depend on. It is written to a temporary file
//! in a folder of the cache and renamed, and it carries a hash of its content. So an entry is never changed, two processes may
//! use one folder at once, and a torn, cut, poisoned or exchanged entry is found out by its hash and counts as missing.
//! Nothing is synced: what a power cut tears is recomputed. There are only sixteen folders in the folder: to make one
//! takes a file system longer than all else that an entry costs, and with 256 of them a new cache of a few hundred photos
//! spent 4 % of its extraction on that.
//!
//! ```text
//! FOLDER/3/3f9c…: magic "icecapF1" | key 32 | count u64 | count x f32 | SHA-256 of all before   (little-endian)
//! ```
//!
//! Beside them lies a table of photos that have been hashed, see `stamps.rs`: a photo that has not changed since need not
//! be read again for its features.
//!
//! A folder that cannot be written, or is full, is one warning; the work goes on without it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use icecap_foundation::atomic_file::place_cache_entry;
use icecap_foundation::regular_file;

use crate::stamps::Stamps;
use crate::tree::stamp_of;
use crate::{Digest, Stamp};

const MAGIC: &[u8; 8] = b"icecapF1";
const HEADER_BYTES: usize = MAGIC.len() + 32 + 8;
const HASH_BYTES: usize = 32;
/// The folder in which entries are written before they are put in place.
const PARTS: &str = "parts";

/// Everything that a feature's values depend on.
#[derive(Clone, Copy, Debug)]
pub struct CacheKeyParts<'a> {
    /// The hash of the photo's file.
    pub photo: Digest,
    /// The hash of the net's parameters.
    pub params: Digest,
    /// How the photo becomes the net's input: resize rule, EXIF policy, pixel scaling.
    pub preprocessing: &'a str,
    /// The layer whose output the feature is.
    pub tap: &'a str,
    /// The version of the arithmetic, with the instruction set where results depend on it.
    pub numerics: &'a str,
}

/// The name of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey(Digest);

impl CacheKey {
    /// Returns the key of these parts. Two keys are equal only if all parts are.
    #[must_use]
    pub fn new(parts: &CacheKeyParts<'_>) -> Self {
        let CacheKeyParts { photo, params, preprocessing, tap, numerics } = parts;
        let mut text = Vec::with_capacity(256);
        text.extend(photo.0);
        text.extend(params.0);
        // Lengths in front, so that no text can run into the next.
        for part in [preprocessing, tap, numerics] {
            text.extend((part.len() as u64).to_le_bytes());
            text.extend(part.as_bytes());
        }
        Self(Digest::of(&text))
    }
}

/// A folder that keeps features of photos, and the hashes of photos whose files have not changed. The hashes are
/// written when the cache is dropped.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    stamps: Stamps,
    /// Why nothing is written any more.
    failed: OnceLock<String>,
}

impl Cache {
    /// Returns the cache in `folder`, which is made when the first entry is written.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let stamps = Stamps::new(folder.join("stamps"));
        Self { folder: folder.to_owned(), stamps, failed: OnceLock::new() }
    }

    /// Returns the hash of the photo at `path` without reading the file; `None` if the hash was not remembered, or if
    /// the file system says that the file has changed since.
    #[must_use]
    pub fn known(&self, path: &Path) -> Option<Digest> {
        self.stamps.known(|| stamp_of(path))
    }

    /// Remembers the hash of a photo by its stamp (see [`OpenPhoto::stamp`](crate::OpenPhoto::stamp)).
    pub fn remember(&self, stamp: Stamp, sha256: Digest) {
        if self.failed.get().is_none() {
            self.stamps.remember(stamp, sha256);
        }
    }

    /// The folder of the cache.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads the entry of `key` into `values`. Returns `false` and leaves `values` as they are if there is no entry, if
    /// it holds another number of values, or if it is damaged.
    pub fn get(&self, key: &CacheKey, values: &mut [f32]) -> bool {
        let expected = HEADER_BYTES + values.len() * 4 + HASH_BYTES;
        let Some(entry) = read(&self.path(key), expected) else { return false };
        let (content, hash) = entry.split_at(expected - HASH_BYTES);
        if content[..HEADER_BYTES] != header(key, values.len()) || Digest::of(content).0 != hash {
            return false;
        }
        for (value, bytes) in values.iter_mut().zip(content[HEADER_BYTES..].as_chunks::<4>().0) {
            *value = f32::from_le_bytes(*bytes);
        }
        true
    }

    /// Writes the entry of `key`. If that fails, [`Cache::warning`] says why, and nothing more is written.
    pub fn put(&self, key: &CacheKey, values: &[f32]) {
        if self.failed.get().is_some() {
            return;
        }
        let mut entry = Vec::with_capacity(HEADER_BYTES + values.len() * 4 + HASH_BYTES);
        entry.extend(header(key, values.len()));
        entry.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        entry.extend(Digest::of(&entry).0);
        if let Err(error) = place_cache_entry(&self.path(key), &self.parts(), &entry) {
            // The first failure is the one that is told.
            let _ = self.failed.set(format!(
                "{}: features are not kept: {error}; name another folder or make room",
                self.folder.display()
            ));
        }
    }

    /// Why entries are no longer written; `None` while they are.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        self.failed.get().map(String::as_str)
    }

    fn parts(&self) -> PathBuf {
        self.folder.join(PARTS)
    }

    fn path(&self, key: &CacheKey) -> PathBuf {
        let name = key.0.to_string();
        self.folder.join(&name[..1]).join(name)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if self.failed.get().is_some() {
            return;
        }
        if let Some((file, table)) = self.stamps.changed() {
            // Nobody hears of a failure any more; the photos are then hashed once more.
            let _ = place_cache_entry(file, &self.folder.join(PARTS), &table);
        }
    }
}

/// A file of `expected` bytes, as a rule in one read: with room for one more byte it shows that there is none.
fn read(path: &Path, expected: usize) -> Option<Vec<u8>> {
    let mut file = regular_file::open(path).ok()?;
    let mut bytes = vec![0; expected + 1];
    let mut filled = 0;
    while filled < expected {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => return None,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    bytes.truncate(filled);
    (filled == expected).then_some(bytes)
}

fn header(key: &CacheKey, values: usize) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..40].copy_from_slice(&key.0.0);
    header[40..].copy_from_slice(&(values as u64).to_le_bytes());
    header
}
