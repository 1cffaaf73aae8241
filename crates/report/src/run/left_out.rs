//! `skipped.csv`: the photos that could not be read, with the reason, as `--exclude` takes it.

use icecap::advanced::data::csv_record;
use icecap::learn::SkippedPhoto;

use super::photo_names::PhotoNames;

/// Returns why a photo is left out, without its path, which stands beside it.
#[must_use]
pub fn bare(photo: &SkippedPhoto) -> &str {
    let path = photo.path.to_string_lossy();
    let bare = photo.reason.strip_prefix(path.as_ref()).and_then(|rest| rest.strip_prefix(": "));
    bare.unwrap_or(&photo.reason)
}

/// Returns the text of the file. A photo of a list that lies in no folder of the dataset keeps its path, by which it can be
/// excluded.
pub fn csv(skipped: &[SkippedPhoto], names: &PhotoNames) -> String {
    let path = |photo: &SkippedPhoto| {
        names.below(&photo.path).unwrap_or_else(|| photo.path.to_string_lossy().into_owned())
    };
    let mut text = csv_record(["path", "reason"]);
    for photo in skipped {
        text += &csv_record([path(photo), bare(photo).to_owned()]);
    }
    text
}
