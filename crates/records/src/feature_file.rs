//! A file of features that is read back: what it says of itself and of each photo at once, the features as they are asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::format::Format;
use crate::row::{RowHead, TakeRow};
#[cfg(feature = "parquet")]
use crate::table::StoredTable;
use crate::tensors::StoredTensors;

/// The number of the layout of feature files, as their metadata states it under `features_format`.
pub const FEATURES_FORMAT: &str = "1";

/// A file of features, opened.
pub struct FeatureFile {
    path: PathBuf,
    stored: Stored,
}

enum Stored {
    Tensors(StoredTensors),
    #[cfg(feature = "parquet")]
    Table(StoredTable),
}

impl FeatureFile {
    /// Opens the file at `path`, whose name says its format, and reads all of it but for the features.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Content`] for a file of another format or that is damaged.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let stored = match Format::of(path) {
            Ok(Format::Safetensors) => Stored::Tensors(StoredTensors::open(path, classes)?),
            #[cfg(feature = "parquet")]
            Ok(Format::Parquet) => Stored::Table(StoredTable::open(path)?),
            _ => {
                return Err(Error::content(
                    path,
                    "is read as .parquet or .safetensors alone; name such files",
                ));
            }
        };
        let file = Self { path: path.to_owned(), stored };
        match file.metadata().get("features_format") {
            Some(format) if format != FEATURES_FORMAT => {
                let reason = format!(
                    "is of the format {format} of features, and {FEATURES_FORMAT} is read; extract the photos again"
                );
                Err(Error::content(path, reason))
            }
            _ => Ok(file),
        }
    }

    /// Returns where the file lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what the file says of itself, by its keys.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        match &self.stored {
            Stored::Tensors(tensors) => &tensors.metadata,
            #[cfg(feature = "parquet")]
            Stored::Table(table) => &table.metadata,
        }
    }

    /// Returns the names of the classes by its metadata; `None` if that does not say.
    #[must_use]
    pub fn classes(&self) -> Option<Vec<String>> {
        classes(self.metadata())
    }

    /// Returns what it says of each photo, in the order of its rows.
    #[must_use]
    pub fn heads(&self) -> &[RowHead] {
        match &self.stored {
            Stored::Tensors(tensors) => &tensors.heads,
            #[cfg(feature = "parquet")]
            Stored::Table(table) => &table.heads,
        }
    }

    /// Returns how many values the features of a photo have; `None` if there are features of none.
    #[must_use]
    pub fn row_len(&self) -> Option<usize> {
        match &self.stored {
            Stored::Tensors(tensors) => Some(tensors.len),
            #[cfg(feature = "parquet")]
            Stored::Table(table) => table.len,
        }
    }

    /// Hands over the features of every photo that has some, with the number of its row, in the order of the rows. Some MiB of
    /// them are in memory at a time.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Content`], and what `take` returns.
    pub fn each(&self, take: &mut TakeRow<'_>) -> Result<(), Error> {
        match &self.stored {
            Stored::Tensors(tensors) => tensors.each(take),
            #[cfg(feature = "parquet")]
            Stored::Table(table) => table.each(take),
        }
    }
}

/// The names of the classes that metadata lists.
fn classes(metadata: &BTreeMap<String, String>) -> Option<Vec<String>> {
    serde_json::from_str(metadata.get("classes")?).ok()
}
