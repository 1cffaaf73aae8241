//! The net of a backbone packed in a file, so that nobody need read, fold and pack it again.

use std::path::PathBuf;

use icecap_weights::{PackStore, PackedName};

use crate::error::Error;
use crate::model::backbone::Backbone;

impl Backbone {
    /// Keeps the net packed in `store`, so that
    /// [`ClassifierBuilder::pack_store`](crate::model::ClassifierBuilder::pack_store) finds it there, unless it is kept
    /// already, whole. Returns the file's path.
    ///
    /// # Errors
    /// [`Error::Weights`] if it cannot be written.
    pub fn keep_packed(&self, store: &PackStore) -> Result<PathBuf, Error> {
        let path = store.path(self.packed_name());
        if store.find(self.packed_name()).is_some() {
            return Ok(path);
        }
        self.repack(store)
    }

    /// Keeps the net packed in `store`, in place of what may be there, and returns the file's path.
    ///
    /// # Errors
    /// What [`Backbone::keep_packed`] returns.
    pub fn repack(&self, store: &PackStore) -> Result<PathBuf, Error> {
        Ok(store.keep(self.net_sha256(), self.net())?)
    }

    /// Returns the bytes of the packed net as a file of it holds them, for
    /// [`ClassifierBuilder::packed_net`](crate::model::ClassifierBuilder::packed_net).
    #[must_use]
    pub fn to_packed_bytes(&self) -> Vec<u8> {
        match icecap_weights::packed_bytes(self.net_sha256(), self.net()) {
            Ok(bytes) => bytes,
            Err(error) => unreachable!("memory can be written to: {error}"),
        }
    }

    /// The name of the net among packed ones.
    fn packed_name(&self) -> PackedName {
        PackedName { precision: self.precision(), sha256: self.net_sha256() }
    }
}
