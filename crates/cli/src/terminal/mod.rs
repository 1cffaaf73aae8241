//! What a person at a terminal reads and types: lines on standard error, tables, progress, failures, Ctrl-C.

pub(crate) mod advice;
pub(crate) mod crash;
pub(crate) mod did_you_mean;
pub(crate) mod failure;
pub(crate) mod interrupt;
pub(crate) mod last_words;
pub(crate) mod lines;
pub(crate) mod lock;
pub(crate) mod pixels;
pub(crate) mod progress;
pub(crate) mod quantized;
pub(crate) mod stderr;
pub(crate) mod table;
pub(crate) mod wording;
