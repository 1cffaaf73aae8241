//! Weights as they are asked for: a file, or a name that the program `icecap` knows, too.

use std::path::{Path, PathBuf};

use icecap::advanced::graph::Scaling;
use icecap::advanced::weights::{Choices, Entry, Error as WeightsError, Manifest, Store};
use icecap::model::WeightsSource;
use icecap::{Backbone, Error, Settings};

/// The entry whose file is in the library.
pub(crate) const STARTER: &str = "starter";

/// What is taken of weights, beside what they state.
#[derive(Clone, Copy, Default)]
pub(crate) struct Taken {
    /// Another scaling of the pixels.
    pub(crate) scaling: Option<Scaling>,
    /// The averaged net of a training's checkpoint, and not the trained one.
    pub(crate) ema: bool,
}

/// Opens the backbone that `asked` means: an existing path wins over a name. What is known by name is taken from the cache
/// folder of the program and never fetched.
///
/// # Errors
/// What the library returns: of a name that is unknown, and of one whose file is not in the cache folder.
pub(crate) fn open(asked: &Path, taken: Taken, settings: Settings) -> Result<Backbone, Error> {
    let source = WeightsSource::find(asked, || Ok::<_, Error>(Manifest::built_in()?))?;
    let choices = Choices { ema: taken.ema, activation: None };
    match taken.scaling {
        None => source.backbone(choices, settings, store),
        Some(scaling) => Backbone::new(source.weights(choices, store)?.with_scaling(scaling)?, settings),
    }
}

/// Returns the store of what the program has fetched.
fn store(entry: &Entry) -> Result<Store, Error> {
    let unknown = || WeightsError::UnknownName { name: entry.name.clone(), near: Vec::new() };
    Ok(Store::new(cache_folder().ok_or_else(unknown)?))
}

/// Returns the folder in which the program keeps what it has fetched and computed: `$ICECAP_CACHE`, else that of the
/// platform.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    let named = std::env::var_os("ICECAP_CACHE").filter(|value| !value.is_empty()).map(PathBuf::from);
    named.or_else(|| dirs::cache_dir().map(|platform| platform.join("icecap")))
}
