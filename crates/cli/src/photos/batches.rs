//! Many photos in bounded memory: features are made of a batch of photos, handed on, and forgotten.

use std::path::PathBuf;

use icecap::Source;
use icecap::advanced::data;
use icecap::model::{Extracted, Extractor};

use crate::terminal::failure::Failure;
use crate::terminal::interrupt;
use crate::terminal::progress::Progress;

/// The most bytes of features in a batch, unless one photo has more.
const BATCH_BYTES: usize = 32 << 20;
/// The most photos in a batch. At its end the threads wait for the last one, so it is not small.
const BATCH_PHOTOS: usize = 256;

/// The features of one photo and how they were made, or why it cannot be read.
pub(crate) type Outcome<'a> = Result<(&'a [f32], Extracted), data::Error>;

/// Hands the features of each photo to `each`, with its index, in the order of `photos`. A bar shows how far it is.
///
/// # Errors
/// If `each` fails, or somebody pressed Ctrl-C. A photo that cannot be read is no error here: `each` gets the reason.
pub(crate) fn for_each_photo(
    extractor: &mut Extractor,
    threads: usize,
    photos: &[PathBuf],
    mut each: impl FnMut(usize, Outcome<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let len = extractor.row_len();
    let batch = (BATCH_BYTES / (len * size_of::<f32>())).clamp(1, BATCH_PHOTOS).max(threads);
    let mut rows = vec![0.0; len * batch.min(photos.len())];
    let progress = Progress::new("features", photos.len());
    for (number, paths) in photos.chunks(batch).enumerate() {
        let first = number * batch;
        let sources: Vec<Source<'_>> = paths.iter().map(|path| Source::Path(path)).collect();
        let rows = &mut rows[..len * paths.len()];
        let outcomes = extractor.extract(&sources, rows, &|now| {
            progress.set(first + now.done);
            interrupt::flow()
        })?;
        for (index, (outcome, row)) in outcomes.into_iter().zip(rows.chunks_exact(len)).enumerate() {
            each(first + index, outcome.map(|photo| (row, photo)))?;
        }
    }
    Ok(())
}
