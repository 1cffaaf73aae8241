//! Weights as they are asked for: an existing file, or a name of the manifest, whose file is fetched if it is not in
//! the cache yet.

use std::path::{Path, PathBuf};

use icecap::advanced::kernels::FileBytes;
use icecap::advanced::weights::download::{Network, Wish};
use icecap::advanced::weights::{Choices, Entry, Error, Manifest, Store, Weights};
use icecap::model::WeightsSource;
use icecap::{Backbone, Settings};

use crate::store::cache_folder;
use crate::store::fetch;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::wording::plain;

/// The environment variable that names a manifest of the user's own.
const MANIFEST_VARIABLE: &str = "ICECAP_MANIFEST";
/// The longest manifest that is read, in bytes.
const MAX_MANIFEST: u64 = 1 << 20;

/// Finds what `asked` means: an existing path wins over a name. Nothing is opened or fetched yet.
pub(crate) fn find(asked: &Path) -> Result<WeightsSource, Failure> {
    WeightsSource::find(asked, || manifest(None))
}

/// Opens the backbone, after fetching it if need be.
pub(crate) fn backbone(
    source: &WeightsSource,
    choices: Choices,
    settings: Settings,
) -> Result<Backbone, Failure> {
    check(source, choices)?;
    source.backbone(choices, settings, provided)
}

/// Opens the net and its record, after fetching them if need be.
pub(crate) fn weights(source: &WeightsSource, choices: Choices) -> Result<Weights, Failure> {
    check(source, choices)?;
    source.weights(choices, provided)
}

/// Refuses to choose where there is nothing to choose from, in the words of the command line.
fn check(source: &WeightsSource, choices: Choices) -> Result<(), Failure> {
    match source {
        WeightsSource::Starter | WeightsSource::Entry(_) if choices.ema => Err(Failure::new(
            Code::Arguments,
            "--ema: weights known by name hold one net; it is for a file with averaged weights beside them",
        )),
        _ => Ok(()),
    }
}

/// Returns the store that has the file of an entry, after fetching it if need be.
pub(crate) fn provided(entry: &Entry) -> Result<Store, Failure> {
    let store = cache_folder::store()?;
    provide(entry, &store)?;
    Ok(store)
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
