//! Campaigns that try to break what `docs/reliability.md` promises: damaged files, kills, full disks, shared caches.
//!
//! A campaign is a number of cases. Each case is drawn from the campaign's seed and its own number alone, so that a
//! failure is repeated by these two, whatever ran before it. [`Plan`] says which cases, [`Report`] counts what became
//! of them and fails where one broke a promise, or where none ran. Tests run campaigns small; the binary, which
//! `cargo run -p xtask` calls, runs them at any size.
#![forbid(unsafe_code)]

pub mod determinism;
pub mod photos;
mod plan;
pub mod product;
mod report;
#[cfg(unix)]
pub mod underneath;

pub use plan::Plan;
pub use report::Report;
