//! Where features are kept between runs: `$ICECAP_CACHE`, else the platform's cache folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use icecap::data::Cache;

use crate::note::note;

/// The environment variable that names the folder.
const VARIABLE: &str = "ICECAP_CACHE";

/// The cache of features; none where the platform has no such folder.
pub(crate) fn open() -> Option<Arc<Cache>> {
    let folder = folder();
    if folder.is_none() {
        note(&format!("note: features are not kept, this user has no cache folder; name one in {VARIABLE}"));
    }
    folder.map(|folder| Arc::new(Cache::new(&folder)))
}

/// Tells why features are not kept any more, where that is so.
pub(crate) fn tell(cache: Option<&Arc<Cache>>) {
    if let Some(warning) = cache.and_then(|cache| cache.warning()) {
        note(&format!("warning: {warning}"));
    }
}

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    named.or_else(|| dirs::cache_dir().map(|platform| platform.join("icecap"))).map(features)
}

fn features(folder: impl AsRef<Path>) -> PathBuf {
    folder.as_ref().join("features")
}
