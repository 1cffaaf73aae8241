//! icecap for C and C++: a thin layer over the facade, behind the header `include/icecap.h`, which is made of this crate's source.
//!
//! - A handle is a pointer to something that the caller frees ([`handle`]); a photo, a batch and options are plain structs.
//! - A call that can fail returns a [`Status`], and puts an [`Error`] with the message where the caller wants it: there is no
//!   "last error" that threads would share, nor any other global state.
//! - No panic leaves a call: it becomes `ICECAP_STATUS_BUG` ([`boundary`]).
//! - A handle may be used by any number of threads at once: what a call needs alone comes from a pool ([`Pool`](icecap::model::Pool)).
//!
//! Beside the kernels this is the only room with unsafe code: strings and arrays of the caller's, whose lengths no type
//! tells, become slices in [`boundary`], and functions are exported under their names. Everything else is safe Rust.
#![allow(clippy::missing_safety_doc, reason = "docs are the header's, and speak to those who write C")]
#![allow(rustdoc::private_intra_doc_links, reason = "the head of this file is for those who work on it")]

mod backbone;
mod batch;
mod boundary;
mod classifier;
mod error;
mod handle;
mod options;
mod outcome;
mod photo;
mod prediction;
mod status;
mod version;

pub use backbone::*;
pub use batch::Batch;
pub use classifier::*;
pub use error::*;
pub use options::Options;
pub use photo::*;
pub use prediction::*;
pub use status::Status;
pub use version::*;

/// What the header says of each call, "Threads: any", held by the compiler.
const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<backbone::Backbone>();
    is_shared::<classifier::Classifier>();
    is_shared::<error::Error>();
    is_shared::<prediction::Prediction>();
};
