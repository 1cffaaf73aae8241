//! Weights as they are asked for: an existing file, or a name of the manifest.

use std::path::{Path, PathBuf};

use icecap_kernels::Threads;
use icecap_weights::{Choices, Entry, Manifest, Store, Weights};

use crate::error::Error;
use crate::model::backbone::Backbone;
use crate::model::settings::Settings;

/// The entry whose file is in the library.
const STARTER: &str = "starter";

/// Where weights are that were asked for.
#[derive(Clone, Debug)]
pub enum WeightsSource {
    /// The starter weights, which are in the library.
    Starter,
    /// A file.
    File(PathBuf),
    /// An entry of the manifest, whose file is in a store, or will be fetched into one.
    Entry(Box<Entry>),
}

impl WeightsSource {
    /// Finds what `asked` means: an existing path wins over a name of the manifest, which is read only if there is no such path.
    /// Nothing is opened yet.
    ///
    /// # Errors
    /// What `manifest` returns; [`Error::Weights`] with what may have been meant, for a name that is unknown.
    pub fn find<E: From<Error>>(
        asked: &Path,
        manifest: impl FnOnce() -> Result<Manifest, E>,
    ) -> Result<Self, E> {
        if asked.exists() {
            return Ok(Self::File(asked.to_owned()));
        }
        let (name, manifest) = (asked.to_string_lossy(), manifest()?);
        let unknown = || {
            let (name, near) = (name.clone().into_owned(), manifest.near(&name));
            Error::from(icecap_weights::Error::UnknownName { name, near })
        };
        let entry = manifest.find(&name).ok_or_else(unknown)?;
        let is_starter = entry.file_name().is_none() && entry.name == STARTER;
        Ok(if is_starter { Self::Starter } else { Self::Entry(Box::new(entry.clone())) })
    }

    /// Refuses to choose where there is nothing to choose from.
    fn check(&self, choices: Choices) -> Result<(), Error> {
        match self {
            Self::Starter | Self::Entry(_) if choices.ema => {
                let reason =
                    "weights known by name hold one net; it is for a file with averaged weights beside them";
                Err(Error::Setting { what: "ema", reason: reason.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Opens the backbone, and takes what was chosen of a file. `store` tells where the file of an entry is, which has to be
    /// there by then.
    ///
    /// # Errors
    /// What `store` and [`Backbone::open_with`] return; [`Error::Setting`] where something was chosen of weights that hold one net.
    pub fn backbone<E: From<Error>>(
        &self,
        choices: Choices,
        settings: Settings,
        store: impl FnOnce(&Entry) -> Result<Store, E>,
    ) -> Result<Backbone, E> {
        self.check(choices)?;
        Ok(match self {
            Self::Starter => Backbone::starter(settings)?,
            Self::File(path) => Backbone::open_with(path, choices, settings)?,
            Self::Entry(entry) => Backbone::open_stored(&store(entry)?, entry, settings)?,
        })
    }

    /// Opens the net as it was trained, and its record, otherwise as [`WeightsSource::backbone`] does.
    ///
    /// # Errors
    /// What [`WeightsSource::backbone`] returns.
    pub fn weights<E: From<Error>>(
        &self,
        choices: Choices,
        store: impl FnOnce(&Entry) -> Result<Store, E>,
    ) -> Result<Weights, E> {
        self.check(choices)?;
        let read = match self {
            Self::Starter => icecap_weights::starter(),
            Self::File(path) => icecap_weights::read_with(path, choices, &Threads::serial()),
            Self::Entry(entry) => store(entry)?.read(entry),
        };
        Ok(read.map_err(Error::from)?)
    }
}
