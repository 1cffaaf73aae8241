//! The folder of a run: its files by name, and what stands in each.

pub mod arguments;
pub mod command_line;
pub mod confusion;
pub mod coverage;
pub mod figure;
pub mod files;
pub mod finished;
pub mod history;
pub mod labels;
mod lead;
pub mod leads;
pub mod left_out;
pub mod metrics;
pub mod novelty;
pub mod operating_point;
pub mod photo_names;
pub mod predictions;
pub mod seconds;
pub mod since;
mod spare;
mod text_file;
pub mod tried;
pub mod tuned;

pub use finished::Run;
