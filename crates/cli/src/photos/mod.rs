//! Many photos at a time: read in batches, left out in few lines, named by the folder of their class.

pub(crate) mod batches;
pub(crate) mod class_folder;
pub(crate) mod looking;
pub(crate) mod skipped;
