//! Weight files in the public layouts, their records, and the model file.
//!
//! A file goes through four steps, each with its own errors: the container ([`Container`]) gives named tensors,
//! the layout ([`Layout`]) gives them Keras' names and tells the width, [`icecap_graph::Params`] checks every name,
//! shape and value, and the record ([`Record`]) says how the net wants to be used. [`Model`] is the other
//! direction: what training leaves behind, in one file that needs nothing beside it.
#![forbid(unsafe_code)]

mod bundle;
mod container;
mod digest;
mod error;
mod layout;
mod manifest;
mod open;
mod record;
mod vocabulary;

pub use bundle::{BackbonePart, FORMAT, Model, Preprocessing};
pub use container::{Container, ContainerKind, MAX_FILE, MAX_NAME, MAX_TENSORS, hdf5, safetensors};
pub use digest::{Digest, NotADigest};
pub use error::{Error, Kind};
pub use layout::Layout;
pub use manifest::{Entry, Manifest};
#[cfg(feature = "starter")]
pub use open::starter;
pub use open::{Weights, from_bytes, from_bytes_while, parse_scaling};
#[cfg(feature = "files")]
pub use open::{open, open_while};
pub use record::Record;
