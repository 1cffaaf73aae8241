//! The part of a file that has come so far, and of which version of the file it is part.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use icecap_foundation::{Digest, Hasher, regular_file};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::container::MAX_FILE;
use crate::store::beside;

/// Which version of a file a part belongs to, in its server's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// A strong `ETag`, else the `Last-Modified`: what `If-Range` takes.
    pub(super) validator: Option<String>,
    /// Bytes of the whole file.
    pub(super) total: Option<u64>,
}

/// The `.part` of a file: open, and hashed as far as it goes.
pub(super) struct Part {
    path: PathBuf,
    origin_path: PathBuf,
    file: File,
    len: u64,
    hash: Hasher,
    origin: Origin,
    /// Whether more than one answer is in it.
    mixed: bool,
}

impl Part {
    /// Opens what there is of `file`, and hashes it.
    pub(super) fn open(target: &Path) -> Result<Self, Error> {
        let (path, origin_path) = (beside(target, ".part"), beside(target, ".from"));
        let failed = |source| Error::io(&path, source);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = regular_file::open_with(&path, &options).map_err(failed)?;
        // Read in pieces: a part is as large as the network made it.
        let (mut hash, mut len, mut piece) = (Hasher::new(), 0, vec![0; 1 << 16]);
        loop {
            match file.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => {
                    hash.update(&piece[..read]);
                    len += read as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
            if len > MAX_FILE {
                break;
            }
        }
        // What cannot be read is as good as not known.
        let origin = regular_file::read(&origin_path, 1 << 16).ok();
        let mut origin: Origin =
            origin.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        // It goes back to the server in a header.
        origin.validator =
            origin.validator.filter(|text| text.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        let mut part = Self { path, origin_path, file, len, hash, origin, mixed: len > 0 };
        if len > MAX_FILE {
            part.restart()?;
        }
        Ok(part)
    }

    /// Whether what is there can be gone on with: its server can tell, or else a hash in the end.
    pub(super) fn may_go_on(&self, has_hash: bool) -> bool {
        self.len > 0 && (has_hash || self.origin.validator.is_some())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are there.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Whether it was put together from several answers, which may be those of two versions of a file.
    pub(super) fn is_mixed(&self) -> bool {
        self.mixed
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The hash of what is there.
    pub(super) fn sha256(&self) -> Digest {
        self.hash.digest()
    }

    /// Forgets what is there.
    pub(super) fn restart(&mut self) -> Result<(), Error> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .map_err(|e| Error::io(&self.path, e))?;
        (self.len, self.hash, self.origin, self.mixed) = (0, Hasher::new(), Origin::default(), false);
        let _ = fs::remove_file(&self.origin_path);
        Ok(())
    }

    /// Notes what the bytes to come are part of, before they come.
    pub(super) fn come_from(&mut self, origin: Origin) -> Result<(), Error> {
        self.mixed |= self.len > 0;
        if origin != self.origin {
            icecap_foundation::atomic_file::replace_file(&self.origin_path, |out| {
                Ok(serde_json::to_writer(out, &origin)?)
            })?;
            self.origin = origin;
        }
        Ok(())
    }

    /// Adds bytes.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|source| Error::io(&self.path, source))?;
        self.hash.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Leaves it for a later run, if there is anything in it and it is `wanted`; else deletes it.
    pub(super) fn leave(self, wanted: bool) {
        let Self { path, origin_path, file, len, .. } = self;
        drop(file);
        if wanted && len > 0 {
            return;
        }
        let _ = fs::remove_file(path);
        let _ = fs::remove_file(origin_path);
    }

    /// Puts it in the place of the whole file, and on the disk; gives its size.
    pub(super) fn put(self, target: &Path) -> Result<u64, Error> {
        let Self { path, origin_path, file, len, .. } = self;
        let failed = |source| Error::io(target, source);
        file.sync_all().map_err(failed)?;
        drop(file);
        icecap_foundation::atomic_file::put_in_place_of(&path, target).map_err(failed)?;
        let _ = fs::remove_file(origin_path);
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_gone_on_with_where_it_ended_and_what_is_not_known_is_not_made_up() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        let mut part = Part::open(&target).unwrap();
        assert!(!part.may_go_on(true));
        let origin = Origin { validator: Some("\"x\"".to_owned()), total: Some(5) };
        part.come_from(origin.clone()).unwrap();
        part.add(b"ab").unwrap();
        part.leave(true);

        let mut part = Part::open(&target).unwrap();
        assert_eq!((part.len(), part.origin(), part.is_mixed()), (2, &origin, true));
        assert!(part.may_go_on(false));
        part.add(b"c").unwrap();
        assert_eq!(part.sha256(), Digest::of(b"abc"));
        part.leave(true);

        for bad in ["", "{", "[1]", "{\"validator\": \"a\\nb\"}", &" ".repeat(1 << 17)] {
            fs::write(beside(&target, ".from"), bad).unwrap();
            let part = Part::open(&target).unwrap();
            assert_eq!((part.len(), part.origin()), (3, &Origin::default()), "{bad:.20}");
            assert!(part.may_go_on(true) && !part.may_go_on(false));
        }
        let part = Part::open(&target).unwrap();
        assert_eq!(part.put(&target).unwrap(), 3);
        assert_eq!(fs::read(&target).unwrap(), b"abc");
        Part::open(&target).unwrap().leave(true);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
