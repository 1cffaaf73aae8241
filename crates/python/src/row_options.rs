//! What the rows of predictions are to tell, as a caller says it.

use icecap::Classifier;
use icecap::model::Columns;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

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
        let refuse = |reason: &'static str| Err(PyValueError::new_err(reason));
        let Ok(top) = u16::try_from(self.top) else { return refuse("top: use a number from 1 to 65535") };
        if top == 0 {
            return refuse("top: use a number from 1 to 65535");
        }
        if self.reject_below.is_some_and(|least| !(0.0..=1.0).contains(&least)) {
            return refuse("reject_below: use a probability from 0 to 1, as 0.6");
        }
        if self.reject_novel.is_some_and(|limit| !(limit > 0.0 && limit.is_finite())) {
            return refuse("reject_novel: use a number above 0, as 1.2");
        }
        if self.reject_novel.is_some() && classifier.novelty().is_none() {
            return refuse(
                "reject_novel: the model keeps nothing that tells new photos, as those of older builds, of an import and of \
                 very few photos; train it anew, or leave the argument out",
            );
        }
        let columns = Columns {
            top: usize::from(top),
            reject_below: self.reject_below,
            all: self.all,
            reject_novel: self.reject_novel,
            ..Columns::of(classifier)
        };
        Ok(columns.within(classifier.classes().len()))
    }
}
