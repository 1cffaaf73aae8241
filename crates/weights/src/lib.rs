//! Weight files in the public layouts, their records, and the model file.
//!
//! A file goes through four steps, each with its own errors: the container ([`Container`]) gives named tensors,
//! the layout ([`Layout`]) gives them Keras' names and tells the width, [`icecap_graph::Params`] checks every name,
//! shape and value, and the record ([`Record`]) says how the net wants to be used. What comes out is [`Weights`].
//! [`Model`] is the other direction: what training leaves behind, in one file that needs nothing beside it.
//!
//! There are two ways to open a file. `read`, [`from_bytes`] and `starter` give the weights, for callers that inspect,
//! convert or save them. `open`, [`open_bytes`] and `open_starter` give [`Opened`]: the weights and their net packed
//! for inference, which is done while the file is hashed. [`Model`] and `Store` have both ways as well.
//!
//! The [`Manifest`] knows published weights by name, a `Store` keeps their files, and with the feature `download` the
//! module `download` fetches them.
//!
//! | feature | |
//! |---|---|
//! | `files` (default) | opening and saving by path; without it the crate works on bytes alone |
//! | `starter` (default) | the starter backbone in the program: 1.6 MiB |
//! | `download` | fetching; brings a network stack |
#![forbid(unsafe_code)]

mod affine;
mod bundle;
mod choices;
mod container;
#[cfg(feature = "files")]
mod crc;
mod dense_head;
mod derived;
#[cfg(feature = "download")]
pub mod download;
mod error;
mod error_text;
mod exported_metadata;
mod exported_net;
mod hash_remedy;
mod heads;
mod inside;
mod integers;
mod kind;
mod labels;
mod layout;
mod manifest;
mod onnx;
mod open;
mod opened;
mod other_form;
mod params_digest;
#[cfg(feature = "files")]
mod prepacked;
mod reading;
mod record;
mod save;
mod shard;
#[cfg(feature = "files")]
mod store;
mod tflite;
mod traced;
mod vocabulary;

pub use bundle::{
    BackbonePart, DCT_FORMAT, DEFAULT_THRESHOLD, FORMAT, INTEGER_FORMAT, LAYERED_FORMAT, MAX_CENTERS, Model,
    OpenedModel, Preprocessing, StoredCenter, StoredNovelty, THRESHOLD_FORMAT, check_classes,
};
pub use choices::{
    Choices, NOTE_OF_ACTIVATION, NOTE_OF_AVERAGES, NOTE_OF_CHOICE, NOTES_OF_SCALING, NOTES_OF_SIZE,
};
pub use container::{Container, ContainerKind, MAX_FILE, MAX_NAME, MAX_TENSORS, hdf5, safetensors};
pub use dense_head::{
    Activation, BatchNormValues, DenseHead, DenseLayer, FileHead, HeadBuilder, HeadOutput, MAX_HEAD_LAYERS,
    MAX_HEAD_VALUES,
};
pub use error::Error;
pub use hash_remedy::HashRemedy;
pub use heads::HeadLayout;
use icecap_foundation::shown;
pub use icecap_foundation::{Digest, NotADigest};
pub use inside::Inside;
pub use integers::{IntegerBackbone, Quantization, integers_digest};
pub use kind::Kind;
pub use labels::label_lines;
pub use layout::{Layout, Stated};
pub use manifest::{Checked, Entry, Manifest};
pub use onnx::OnnxPixels;
#[cfg(feature = "starter")]
pub use open::{STARTER, open_starter, starter};
pub use open::{format_scaling, from_bytes, open_bytes, parse_scaling};
#[cfg(feature = "files")]
pub use open::{open, open_with, read, read_on, read_with};
pub use opened::{Opened, Weights};
pub use other_form::OtherForm;
pub use params_digest::params_digest;
#[cfg(feature = "files")]
pub use prepacked::{PackStore, PackedName, packed_bytes, packed_in};
pub use record::{Record, Tuned};
#[cfg(feature = "files")]
pub use store::Store;
