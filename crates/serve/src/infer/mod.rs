//! The tensors of the Open Inference Protocol, version 2, as requests bring them and answers carry them: in JSON, or behind it as
//! bytes.

pub(crate) mod data;
pub(crate) mod few;
pub(crate) mod names;
pub(crate) mod output;
pub(crate) mod parameters;
pub(crate) mod request;
