//! The HDF5 container, as Keras writes it: a tree of groups whose leaves are arrays.
//!
//! ```text
//! superblock -> root's object header -> messages: symbol table (B-tree, local heap) or links, attributes
//!                 group's object header -> …
//!                   dataset's object header -> messages: dataspace, datatype, layout -> address of the values
//! ```
//!
//! HDF5 is a database; Keras writes one dialect of it through h5py, and that is what is read: superblocks 0 to 3, both
//! object headers, symbol tables and links that stand in the header, strings of fixed and of variable length (these in
//! the global heap), arrays in one piece. What else the format has (chunks and filters, links and attributes in a
//! fractal heap, soft links, types kept apart) is refused by its name. Keras wrote none of it in any version tried.
//!
//! The reader is our own because `hdf5-reader` 0.12, which reads Keras' files too, would bring 23 crates more to a crate
//! that stays light, among them ndarray, parking_lot and lz4, for a part of the format that takes 1,300 lines.
//!
//! # Hostile files
//! Every address and length is checked against the file before it is followed; a B-tree node stands one level below
//! its parent and is visited once, a group likewise; names, texts and values are borrowed. What is counted
//! ([`MAX_STEPS`]) bounds the work and the few bytes that each link and message takes. Checksums, which only newer
//! headers have and the values never, are not looked at.
//!
//! # Source
//! The HDF5 File Format Specification, version 3.0; what h5py 3.14 and Keras 3.15 write.

mod bytes;
mod dataset;
mod group;
mod header;
mod read;
mod superblock;
mod text;
mod types;

pub use read::parse;
pub(super) use read::parse_from;

/// The bytes that a superblock starts with, at byte 0, 512, 1024 and so on.
pub const SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";
/// The depth of the deepest group that is read, counted from the root.
pub const MAX_DEPTH: usize = 32;
/// The length of the longest name of a link that is read, in bytes.
pub const MAX_LINK: usize = 1024;
/// The most messages, attributes, links, B-tree nodes, texts of the heap and names in paths that are looked at in one
/// file. Keras' MobileNetV2 takes some thousands.
pub const MAX_STEPS: u64 = 1 << 18;
/// Bytes of text that count as one more step.
const STEP_BYTES: u64 = 1024;

/// Returns the byte at which the superblock starts; `None` if there is none.
#[must_use]
pub fn find(bytes: &[u8]) -> Option<usize> {
    let places = std::iter::successors(Some(512usize), |place| place.checked_mul(2));
    let mut places = std::iter::once(0).chain(places).take_while(|place| *place < bytes.len());
    places.find(|place| bytes[*place..].starts_with(&SIGNATURE))
}
