//! Where features and fetched weights are kept between runs: `$ICECAP_CACHE`, else the platform's cache folder.

use std::path::PathBuf;
use std::sync::Arc;

use icecap::advanced::data::Cache;
use icecap::advanced::weights::{PackStore, Store};

use crate::terminal::failure::{Code, Failure};
use crate::terminal::stderr::note;

/// The environment variable that names the folder.
const VARIABLE: &str = "ICECAP_CACHE";

/// Returns the cache of features; `None` if this user has no cache folder, of which a line on standard error tells.
pub(crate) fn open() -> Option<Arc<Cache>> {
    let folder = folder();
    if folder.is_none() {
        note(&format!("note: features are not kept, this user has no cache folder; name one in {VARIABLE}"));
    }
    folder.map(|folder| Arc::new(Cache::new(&folder.join("features"))))
}

/// Returns the store of weights.
pub(crate) fn store() -> Result<Store, Failure> {
    let folder = needed()?;
    // Whoever is told where to put a file may stand in another folder.
    Ok(Store::new(std::path::absolute(&folder).unwrap_or(folder)))
}

/// Tells why features are not kept any more, if something went wrong with the cache.
pub(crate) fn tell(cache: Option<&Arc<Cache>>) {
    if let Some(warning) = cache.and_then(|cache| cache.warning()) {
        note(&format!("warning: {warning}"));
    }
}

/// Returns the store of packed nets; `None` if this user has no cache folder.
pub(crate) fn packed() -> Option<PackStore> {
    folder().map(|folder| PackStore::new(&folder))
}

/// Returns the store of packed nets, for a command that cannot do without it.
pub(crate) fn packed_or_failure() -> Result<PackStore, Failure> {
    Ok(PackStore::new(&needed()?))
}

fn needed() -> Result<PathBuf, Failure> {
    let message = || format!("this user has no cache folder; name one in {VARIABLE}");
    folder().ok_or_else(|| Failure::new(Code::Path, message()))
}

/// Returns the folder, whether or not it exists.
pub(crate) fn path() -> Option<PathBuf> {
    folder()
}

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    named.or_else(|| dirs::cache_dir().map(|platform| platform.join("icecap")))
}
