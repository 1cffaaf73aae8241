//! The manifest: the weights that are known by name, with the facts of their record. Compiled in from
//! `weights/manifest.toml`; a user's own manifest, for nets and mirrors of his own, stands before that.

mod entry;
mod nearest;
mod raw;

use crate::shown::shown;
use crate::{Digest, Error, Record};
pub use entry::{Checked, Entry};
use nearest::nearest;
use raw::{Addresses, RawManifest};

pub(crate) const BUILT_IN: &str = include_str!("../../../weights/manifest.toml");

/// The weights that are known by name, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    entries: Vec<Entry>,
}

impl Manifest {
    /// Returns the manifest that is compiled in.
    ///
    /// # Errors
    /// None, as long as this crate's tests pass.
    pub fn built_in() -> Result<Self, Error> {
        Self::parse(BUILT_IN)
    }

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// [`Error::Manifest`] with the entry and the key that cannot be used.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_with(text, Addresses::Public)
    }

    /// Reads and checks a user's own manifest: addresses may be `http://`, and every entry needs one.
    ///
    /// # Errors
    /// Those of [`Manifest::parse`].
    pub fn parse_own(text: &str) -> Result<Self, Error> {
        Self::parse_with(text, Addresses::Own)
    }

    fn parse_with(text: &str, addresses: Addresses) -> Result<Self, Error> {
        let raw: RawManifest = toml::from_str(text).map_err(|error| {
            let line = text[..error.span().map_or(0, |span| span.start)].lines().count().max(1);
            refuse(&format!("line {line}"), error.message().to_owned())
        })?;
        let mut entries: Vec<Entry> = Vec::with_capacity(raw.weights.len());
        for raw in raw.weights {
            let name = raw.name.clone();
            let here = format!("'{}'", shown(&name));
            let entry = raw.check(addresses).map_err(|reason| refuse(&here, reason))?;
            let taken = |(place, name): &(usize, &str)| {
                entry.names().take(*place).any(|own| own == *name)
                    || entries.iter().any(|other| other.is_called(name))
            };
            if let Some((_, twice)) = entry.names().enumerate().find(taken) {
                return Err(refuse(&here, format!("the name '{twice}' stands twice")));
            }
            entries.push(entry);
        }
        Ok(Self { entries })
    }

    /// Returns all entries, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns this manifest with the entries of `own` put before it: of two entries with one name, that of `own`
    /// stays.
    #[must_use]
    pub fn under(mut self, own: Self) -> Self {
        self.entries.retain(|entry| own.find(&entry.name).is_none());
        self.entries.splice(..0, own.entries);
        self
    }

    /// Returns the entry that has `name` for its name or one of its aliases.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.is_called(name))
    }

    /// Returns up to three names for which `text` may be a slip of the pen, the most likely first. An entry whose file
    /// is called `text` counts as well.
    #[must_use]
    pub fn near(&self, text: &str) -> Vec<String> {
        nearest(&self.entries, text)
    }

    /// Returns the entry whose file has this hash.
    #[must_use]
    pub fn find_file(&self, sha256: Digest) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.sha256 == Some(sha256))
    }

    /// Gives a record what its file does not state and the file's entry does: name, license, size, resize rule.
    pub(crate) fn complete(&self, record: &mut Record) {
        let Some(entry) = self.find_file(record.file_sha256) else { return };
        record.name.get_or_insert_with(|| entry.name.clone());
        record.licence.get_or_insert_with(|| entry.licence.clone());
        record.size.get_or_insert(entry.size);
        record.resize.get_or_insert_with(|| entry.resize.clone());
    }
}

fn refuse(entry: &str, reason: String) -> Error {
    Error::Manifest { entry: entry.to_owned(), reason }
}

#[cfg(test)]
mod tests;
