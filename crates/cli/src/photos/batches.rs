//! Many photos in bounded memory: features are made of a window of photos, handed on, and forgotten.

use std::path::PathBuf;

use icecap::Source;
use icecap::advanced::data;
use icecap::model::{Extracted, Extractor};

use crate::terminal::failure::Failure;
use crate::terminal::interrupt;
use crate::terminal::progress::Progress;

/// Bytes of features in a window, where one photo does not have more.
const WINDOW_BYTES: usize = 32 << 20;
/// The most photos in a window. At its end the threads wait for the last one, so it is not small.
const WINDOW_PHOTOS: usize = 256;

/// What became of one photo: its features, or why it cannot be read.
pub(crate) type Outcome<'a> = Result<(&'a [f32], Extracted), data::Error>;

/// Hands the features of `photos` to `each`, with the photo's index, in order.
pub(crate) fn for_each_photo(
    extractor: &mut Extractor,
    threads: usize,
    photos: &[PathBuf],
    mut each: impl FnMut(usize, Outcome<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let len = extractor.row_len();
    let window = (WINDOW_BYTES / (len * size_of::<f32>())).clamp(1, WINDOW_PHOTOS).max(threads);
    let mut rows = vec![0.0; len * window.min(photos.len())];
    let progress = Progress::new("features", photos.len());
    for (number, paths) in photos.chunks(window).enumerate() {
        let first = number * window;
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
