//! What a training leaves for people: the files of a run's folder, and the page that shows them.
//!
//! [`run`] has the files, each as a type that is written and read alike; [`kept`] makes their content of a training;
//! [`page`] makes one HTML page of a run. The command line writes all of it into a folder; other programs make the page of a
//! training that they have just done, without a folder:
//!
//! ```no_run
//! use icecap_report::page::{Material, of_trained};
//! use icecap_report::run::Run;
//! # fn of(run: &Run, classifier: &icecap::Classifier) -> Result<(), icecap_report::Error> {
//! let page = of_trained(run, &Material::beside(run)?, classifier, &|| std::ops::ControlFlow::Continue(()))?;
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod error;
pub mod kept;
pub mod page;
pub mod run;
pub mod wording;

pub use error::Error;
