//! The option that names a manifest of weights.

use std::path::PathBuf;

use clap::Args;
use icecap::advanced::weights::Manifest;

use crate::store::weights_source;
use crate::terminal::failure::Failure;

/// Which weights are known by name.
#[derive(Args, Clone, Debug)]
pub(crate) struct ManifestOptions {
    /// Manifest of your own, whose names come before the built-in ones [default: $ICECAP_MANIFEST]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

impl ManifestOptions {
    /// Reads the manifest that is named, over the built-in one.
    pub(crate) fn read(&self) -> Result<Manifest, Failure> {
        weights_source::manifest(self.manifest.as_deref())
    }
}
