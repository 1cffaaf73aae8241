//! The folder of a run: its files by name, what stands in each, and the folder while it is filled.

pub(crate) mod arguments;
pub(crate) mod begun;
pub(crate) mod command_line;
pub(crate) mod confusion;
pub(crate) mod coverage;
pub(crate) mod figure;
pub(crate) mod files;
pub(crate) mod finished;
pub(crate) mod folder;
pub(crate) mod history;
pub(crate) mod labels;
mod lead;
pub(crate) mod leads;
pub(crate) mod learned;
pub(crate) mod left_out;
mod mark;
pub(crate) mod metrics;
pub(crate) mod novelty;
pub(crate) mod operating_point;
pub(crate) mod photo_names;
pub(crate) mod predictions;
pub(crate) mod since;
mod spare;
pub(crate) mod text_file;
pub(crate) mod tried;
pub(crate) mod tuned;

pub(crate) use finished::Run;
