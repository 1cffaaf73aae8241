//! Weights as they are asked for: a file, or a name that the program `icecap` knows, too.

use std::path::{Path, PathBuf};

use icecap::advanced::weights::{Error as WeightsError, Manifest, Store};
use icecap::{Backbone, Error, Settings};

/// The entry whose file is in the library.
pub(crate) const STARTER: &str = "starter";

/// Opens the backbone that `asked` means: an existing path wins over a name. What is known by name is taken from the cache
/// folder of the program and never fetched.
///
/// # Errors
/// What the library returns: of a name that is unknown, and of one whose file is not in the cache folder.
pub(crate) fn open(asked: &Path, settings: Settings) -> Result<Backbone, Error> {
    if asked.exists() {
        return Backbone::open(asked, settings);
    }
    let name = asked.to_string_lossy();
    let manifest = Manifest::built_in()?;
    let unknown = || WeightsError::UnknownName { name: name.to_string(), near: manifest.near(&name) };
    let entry = manifest.find(&name).ok_or_else(unknown)?;
    match cache_folder() {
        _ if entry.file_name().is_none() && entry.name == STARTER => Backbone::starter(settings),
        Some(folder) => Backbone::open_stored(&Store::new(folder), entry, settings),
        None => Err(WeightsError::UnknownName { name: name.to_string(), near: Vec::new() }.into()),
    }
}

/// Returns the folder in which the program keeps what it has fetched and computed: `$ICECAP_CACHE`, else that of the
/// platform.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    let named = std::env::var_os("ICECAP_CACHE").filter(|value| !value.is_empty()).map(PathBuf::from);
    named.or_else(|| dirs::cache_dir().map(|platform| platform.join("icecap")))
}
