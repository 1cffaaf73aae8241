//! A photo's row.

use icecap::advanced::foundation::Digest;

use crate::error::Error;

/// Who takes the features of photos, with the number of each one's row.
pub type TakeRow<'t> = dyn FnMut(usize, &[f32]) -> Result<(), Error> + 't;

/// What stands in a file about one photo, as it is written.
#[derive(Clone, Copy, Debug)]
pub struct FeatureRow<'a> {
    /// The photo's path, as it was found.
    pub path: &'a str,
    /// The photo's class, an index into the file's classes; `None` where no folder and no list names one.
    pub class: Option<usize>,
    /// The hash of the photo's file; `None` where it could not be read.
    pub sha256: Option<Digest>,
    /// Columns and rows of the upright photo; `None` where that is not known.
    pub sides: Option<[u32; 2]>,
    /// The photo's features, or why there are none.
    pub features: Result<&'a [f32], &'a str>,
}

/// What stands in a file about one photo beside its features, as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowHead {
    /// The photo's path, as it was found.
    pub path: String,
    /// The name of the photo's class; `None` where it has none.
    pub label: Option<String>,
    /// The hash of the photo's file; `None` where the file does not say.
    pub sha256: Option<Digest>,
    /// Why there are no features of the photo; `None` where there are.
    pub error: Option<String>,
}
