//! What is kept between runs: the cache folder, and in it the weights that have a name.

pub(crate) mod cache_folder;
pub(crate) mod entry_size;
pub(crate) mod fetch;
pub(crate) mod weights_source;
