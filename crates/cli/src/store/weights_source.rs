//! Weights as they are asked for: an existing file, or a name of the manifest, whose file is fetched if it is not in
//! the cache yet.

use std::path::{Path, PathBuf};

use icecap::advanced::kernels::{FileBytes, Threads};
use icecap::advanced::weights::download::{Network, Wish};
use icecap::advanced::weights::{Choices, Entry, Error, Manifest, Store, Weights, read_with};
use icecap::{Backbone, Settings};

use crate::store::cache_folder;
use crate::store::fetch;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::wording::plain;

/// The environment variable that names a manifest of the user's own.
const MANIFEST_VARIABLE: &str = "ICECAP_MANIFEST";
/// The entry whose file is in the program.
const STARTER: &str = "starter";
/// The longest manifest that is read, in bytes.
const MAX_MANIFEST: u64 = 1 << 20;

/// Where weights are.
#[derive(Clone, Debug)]
pub(crate) enum WeightsSource {
    /// The starter weights, which are in the program.
    Starter,
    /// A file of the user.
    File(PathBuf),
    /// An entry of the manifest, whose file is in the store, or will be fetched into it.
    Entry(Box<Entry>, Store),
}

impl WeightsSource {
    /// Finds what `asked` means: an existing path wins over a name. Nothing is opened or fetched yet.
    pub(crate) fn find(asked: &Path) -> Result<Self, Failure> {
        Self::find_in(asked, || manifest(None))
    }

    /// Finds what `asked` means with another manifest, which is read only if a name was given.
    pub(crate) fn find_in(
        asked: &Path,
        manifest: impl FnOnce() -> Result<Manifest, Failure>,
    ) -> Result<Self, Failure> {
        if asked.exists() {
            return Ok(Self::File(asked.to_owned()));
        }
        Ok(match entry(&asked.to_string_lossy(), &manifest()?)? {
            entry if entry.file_name().is_none() && entry.name == STARTER => Self::Starter,
            entry => Self::Entry(Box::new(entry), cache_folder::store()?),
        })
    }

    /// Refuses to choose where there is nothing to choose from.
    fn check(&self, choices: Choices) -> Result<(), Failure> {
        match self {
            Self::Starter | Self::Entry(..) if choices.ema => Err(Failure::new(
                Code::Arguments,
                "--ema: weights known by name hold one net; it is for a file with averaged weights beside them",
            )),
            _ => Ok(()),
        }
    }

    /// Opens the backbone, after fetching it if need be.
    pub(crate) fn backbone(&self, choices: Choices, settings: Settings) -> Result<Backbone, Failure> {
        self.check(choices)?;
        Ok(match self {
            Self::Starter => Backbone::starter(settings)?,
            Self::File(path) => Backbone::open_with(path, choices, settings)?,
            Self::Entry(entry, store) => {
                provide(entry, store)?;
                Backbone::open_stored(store, entry, settings)?
            }
        })
    }

    /// Opens the net and its record, after fetching them if need be.
    pub(crate) fn weights(&self, choices: Choices) -> Result<Weights, Failure> {
        self.check(choices)?;
        Ok(match self {
            Self::Starter => icecap::advanced::weights::starter()?,
            Self::File(path) => read_with(path, choices, &Threads::serial())?,
            Self::Entry(entry, store) => {
                provide(entry, store)?;
                store.read(entry)?
            }
        })
    }
}

/// Fetches the file of an entry unless it is in the store.
pub(crate) fn provide(entry: &Entry, store: &Store) -> Result<(), Failure> {
    if !store.has(entry) {
        fetch::fetch(store, entry, &Network::from_env(), Wish::default())?;
    }
    Ok(())
}

/// Returns the entry that is called `name`, or the failure that suggests others.
pub(crate) fn entry(name: &str, manifest: &Manifest) -> Result<Entry, Failure> {
    let unknown = || Error::UnknownName { name: plain(name).into_owned(), near: manifest.near(name) };
    Ok(manifest.find(name).cloned().ok_or_else(unknown)?)
}

/// Reads the manifest: the built-in one under that in the file `own`, or else under the one that the environment names.
pub(crate) fn manifest(own: Option<&Path>) -> Result<Manifest, Failure> {
    let variable =
        || std::env::var_os(MANIFEST_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let built_in = Manifest::built_in()?;
    let Some(path) = own.map(Path::to_owned).or_else(variable) else { return Ok(built_in) };
    let bytes = FileBytes::read(&path, MAX_MANIFEST)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| content(&path, "is no text"))?;
    let own = Manifest::parse_own(text).map_err(|error| content(&path, error))?;
    Ok(built_in.under(own))
}

fn content(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Content, format!("{}: {error}", path.display()))
}
