//! What the rows of predictions are to tell, as a caller says it.

use icecap::Classifier;
use icecap::model::Columns;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::failure::exception;

/// The options of `predict` that are about its rows.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct RowOptions {
    top: i64,
    all: bool,
    reject_below: Option<f32>,
    reject_novel: Option<f32>,
}

impl RowOptions {
    /// Returns the columns for rows of `classifier`.
    ///
    /// # Errors
    /// `ValueError` for what the command refuses, too.
    pub(crate) fn columns(&self, classifier: &Classifier) -> PyResult<Columns> {
        let Ok(top) = u16::try_from(self.top) else {
            return Err(PyValueError::new_err("top: use a number from 1 to 65535"));
        };
        let columns = Columns {
            top: usize::from(top),
            reject_below: self.reject_below,
            all: self.all,
            reject_novel: self.reject_novel,
            ..Columns::of(classifier)
        };
        columns.check(classifier).map_err(|error| exception(&error, None))?;
        Ok(columns.within(classifier.classes().len()))
    }
}
