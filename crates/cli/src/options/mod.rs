//! Groups of options that several commands share, and what they stand for once they are read.

pub(crate) mod count;
pub(crate) mod dataset;
pub(crate) mod input;
pub(crate) mod manifest;
pub(crate) mod measuring_time;
pub(crate) mod model;
pub(crate) mod photo;
pub(crate) mod row_format;
pub(crate) mod runner;
pub(crate) mod training;
