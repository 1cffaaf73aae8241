//! A look at a dataset before it is trained on: what cannot be read, what is odd, what is there twice, what is mislabeled.
//!
//! ```no_run
//! use icecap::check::Checker;
//! use icecap::{Backbone, Settings};
//! use icecap::advanced::data;
//! use std::ops::ControlFlow;
//!
//! let backbone = Backbone::starter(Settings::default())?;
//! let survey = data::survey("photos".as_ref(), None)?;
//! let checkup = Checker::new(&backbone)?.check(survey, &|_step| ControlFlow::Continue(()))?;
//! for finding in checkup.findings() {
//!     println!("{}: {}", finding.level, finding.message);
//! }
//! # Ok::<(), icecap::Error>(())
//! ```
//!
//! Each photo is read once and becomes features, as in a training, which finds them in the cache afterwards. Photos are
//! identical where their files are, and near duplicates where their features are near and their pixels the same
//! (`duplicates.rs`). Labels are judged by heads that have not learned from them (`labels.rs`). Nothing is written but the
//! cache.

pub(crate) mod checker;
pub(crate) mod checkup;
pub(crate) mod cliques;
pub(crate) mod components;
mod copy_groups;
pub(crate) mod duplicates;
pub(crate) mod findings;
pub(crate) mod labels;
pub(crate) mod level;
pub(crate) mod likeness;
pub(crate) mod looked;
pub(crate) mod near;
pub(crate) mod oddity;
pub(crate) mod seen;
pub(crate) mod superfluous;

pub use checker::{COMPARED, Checker, Step};
pub use checkup::{Checkup, Group};
pub use copy_groups::CopyGroups;
pub use duplicates::SIMILAR;
pub use findings::Finding;
pub use level::Level;
pub use oddity::Oddity;
pub use seen::Seen;
pub use superfluous::{Superfluous, Why};
