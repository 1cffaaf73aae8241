//! The extension module `icecap._icecap` of the Python package: the facade's types as Python objects.
//!
//! What a person calls is written in Python, in `python/icecap`: it makes a path, bytes or pixels of whatever is given as a
//! photo, has the docstrings, and calls this module. Here the interpreter's lock is released around all work, errors become
//! Python's, and what came out is handed on without a copy.
//!
//! Arrays go in as `bytes`, which never change while threads read them, and out by numpy's array interface: neither needs
//! the bindings of numpy's own C interface, which would bring five more crates, nor the buffer protocol, which the stable
//! interface of Python 3.10 does not have.
#![forbid(unsafe_code)]

mod array;
mod backbone;
mod batch;
mod checking;
mod classifier;
mod done;
mod failure;
mod heatmaps;
mod listener;
mod of_process;
mod origin;
mod photo;
mod photo_set;
mod record;
mod row_options;
mod train_options;
mod training;
mod weights_source;
mod work;

/// The functions and types that the Python package calls.
#[pyo3::pymodule]
mod _icecap {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::array::Array;
    #[pymodule_export]
    use crate::backbone::Backbone;
    #[pymodule_export]
    use crate::checking::check_folder;
    #[pymodule_export]
    use crate::classifier::Classifier;
    #[pymodule_export]
    use crate::failure::LimitError;
    #[pymodule_export]
    use crate::training::{Run, train_features, train_folder, train_photos};
    #[pymodule_export]
    use crate::work::{close, forked};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
