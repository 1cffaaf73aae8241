//! A program with a model behind it, as one file.

pub(crate) mod payload;
