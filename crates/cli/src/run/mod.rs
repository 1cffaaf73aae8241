//! The folder of a run while it is filled; what stands in its files, and reads them, is in the crate of the report.

pub(crate) mod basis;
pub(crate) mod begun;
pub(crate) mod folder;
pub(crate) mod learned;
mod mark;
pub(crate) mod text_file;

pub(crate) use icecap_report::run::{
    Run, arguments, confusion, coverage, files, history, labels, leads, left_out, metrics, photo_names,
    seconds, since, tried,
};
