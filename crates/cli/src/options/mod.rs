//! Groups of options that several commands share, and what they stand for once they are read.

pub(crate) mod class_names;
pub(crate) mod count;
pub(crate) mod dataset;
pub(crate) mod input;
pub(crate) mod input_size;
pub(crate) mod manifest;
pub(crate) mod measuring_time;
pub(crate) mod model;
pub(crate) mod no_model;
pub(crate) mod overridden;
pub(crate) mod overwrite;
pub(crate) mod photo;
pub(crate) mod row_format;
pub(crate) mod runner;
pub(crate) mod shard;
pub(crate) mod training;
