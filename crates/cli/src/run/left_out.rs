//! `skipped.csv`: the photos that could not be read, with the reason, as `--exclude` takes it.

use icecap::advanced::data::csv_record;
use icecap::learn::SkippedPhoto;

use crate::photos::skipped::bare;

/// Returns the text of the file.
pub(crate) fn csv(skipped: &[SkippedPhoto]) -> String {
    let mut text = csv_record(["path", "reason"]);
    for photo in skipped {
        text += &csv_record([photo.path.to_string_lossy().as_ref(), bare(photo)]);
    }
    text
}
