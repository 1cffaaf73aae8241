//! Campaigns that try to break what `docs/reliability.md` promises: damaged files, kills, full disks, shared caches, hostile
//! clients.
//!
//! A campaign is a number of cases. Each case is drawn from the campaign's seed and its own number alone, so that a
//! failure is repeated by these two, whatever ran before it. [`Plan`] says which cases, [`Report`] counts what became
//! of them and fails where one broke a promise, or where none ran. Tests run campaigns small; the binary, which
//! `cargo run -p xtask` calls, runs them at any size.
#![forbid(unsafe_code)]

#[cfg(unix)]
pub mod cache_storm;
#[cfg(unix)]
pub mod check_order;
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "the tests of decoding use the rest; what it draws can be drawn"
)]
#[path = "../../../crates/data/tests/photos/claims.rs"]
mod claims;
pub mod determinism;
#[cfg(unix)]
pub mod diskfull;
#[cfg(unix)]
pub mod flips;
#[cfg(unix)]
pub mod http;
pub mod images;
#[cfg(unix)]
pub mod kill;
#[allow(dead_code, clippy::unwrap_used, reason = "as above")]
#[path = "../../../crates/data/tests/photos/make.rs"]
mod make;
mod memory;
#[cfg(unix)]
pub mod paths;
pub mod photos;
mod plan;
pub mod product;
mod report;
#[allow(dead_code, clippy::unwrap_used, reason = "as above, of the tests of weights")]
#[path = "../../../crates/weights/tests/weights/safetensors_draft.rs"]
mod safetensors_draft;
pub mod stage;
#[allow(dead_code, clippy::unwrap_used, reason = "as above")]
#[path = "../../../crates/data/tests/photos/tiff_maker.rs"]
mod tiff_maker;
#[allow(dead_code, clippy::unwrap_used, reason = "as above")]
#[path = "../../../crates/weights/tests/weights/draft.rs"]
mod torch_draft;
#[cfg(unix)]
pub mod underneath;
pub mod weights;
#[allow(dead_code, clippy::unwrap_used, reason = "as above")]
#[path = "../../../crates/weights/tests/weights/net.rs"]
mod weights_net;
#[allow(dead_code, reason = "as above, of the tests of archives")]
#[path = "../../../tests/zip_writer.rs"]
mod zip_writer;

pub use plan::Plan;
pub use report::Report;
