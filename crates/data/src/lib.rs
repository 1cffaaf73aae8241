//! Folders and zip archives of photos: scan, decode, orient, resize, split, feature cache.
//!
//! ```text
//! folder --scan--> samples --split--> parts
//! file   --Loader::open--> content hash --(not in the Cache)--> pixels f32 [height, width, 3]
//! ```
//!
//! A photo becomes pixels in one way only, whatever door it comes in by: [`Loader`] for files and bytes with buffers
//! that are kept, [`decode`] and [`pixels`] for a single photo. Threads are the caller's matter; a loader belongs to
//! one of them. No user's file makes this crate panic, hang or take more memory than [`Limits`] allow.
#![forbid(unsafe_code)]

mod about;
mod archive;
mod augment;
mod buffers;
mod cache;
mod class;
mod class_order;
mod color;
mod csv;
mod decode;
mod directory;
mod error;
mod exclude;
mod exif;
mod format;
mod frames;
mod framing;
mod gif;
mod grid;
mod group;
mod inventory;
mod jpeg;
#[cfg(feature = "jxl")]
mod jxl;
mod labeled;
mod limits;
mod listed;
mod listed_files;
mod loader;
mod natural;
mod orient;
mod parts;
mod paths_alone;
mod photo;
mod raster;
mod resize;
mod room;
mod scan;
mod shards;
mod signature;
mod split;
mod split_file;
mod stamps;
mod survey;
mod text_file;
mod thumbnail;
mod tiff;
mod too_high;
mod tree;
mod turn;
mod views;
mod walk;
mod webp;

pub use about::About;
pub use augment::{Augment, View};
pub use cache::{Cache, CacheKey, CacheKeyParts};
pub use class::class_of;
pub use class_order::read_classes;
pub use csv::{CsvRecords, OpenQuote, csv_record};
pub use decode::{Decoding, ExifPolicy, decode, is_decoding};
pub use error::{Error, ErrorKind, Result};
pub use exclude::Exclusions;
pub use format::Format;
pub use framing::{Frame, Framing};
pub use group::{GroupRule, Groups};
pub use icecap_foundation::Digest;
pub use inventory::{Inventory, MissingClass, Part, Sample, SkipReason, Skipped};
pub use labeled::{Labeled, scan_labeled, scan_labeled_listed};
pub use limits::Limits;
pub use listed_files::ListedFiles;
pub use loader::{Loaded, Loader, OpenPhoto};
pub use orient::Orientation;
pub use photo::{Photo, Warning};
pub use resize::{Region, ResizeBuffers, ResizeMode, ResizeSpec, pixels};
pub use scan::{scan, scan_known, scan_known_listed, scan_listed, scan_photos};
pub use split::{folds, split, split_groups};
pub use split_file::{SplitRow, read_split, write_split};
pub use stamps::Stamp;
pub use survey::{Problem, Survey, survey, survey_listed};
pub use thumbnail::{encode_jpeg, thumbnail};
pub use too_high::{dataset_folder, dataset_roots};
pub use tree::{
    TablePlace, file_digest, file_length, file_on_disk, is_file, is_folder, is_there, names_in, real_path,
    table_place,
};
pub use turn::Turn;
pub use views::{MAX_VIEWS, Views};
