//! Whether a share of the photos was extracted before: then there is nothing to do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use icecap_records::{FeatureFile, Format};

use super::options::Options;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::wording::{counted, plain_path};

/// The key that another build of the same arithmetic writes otherwise.
const VERSION: &str = "tool_version";

/// Returns what to tell of the file that `options` name, if it is the one that would be written: of these photos, by this net,
/// and none of the photos was changed since. `None` if no file is there, or it is to be replaced.
///
/// # Errors
/// If there is another file, which is left as it is.
pub(super) fn finished(
    options: &Options,
    format: Format,
    metadata: &BTreeMap<String, String>,
    photos: &[PathBuf],
) -> Result<Option<String>, Failure> {
    let output = &options.output;
    if options.overwrite.is_given() || !output.is_file() {
        return Ok(None);
    }
    if !format.is_read() {
        // It does not say what it is of.
        options.overwrite.check(output)?;
        return Ok(None);
    }
    let other = |reason: String| {
        let message = format!(
            "{}: is there already and {reason}; it is left as it is: name another file, or replace it with --force",
            plain_path(output)
        );
        Failure::new(Code::Path, message)
    };
    let file = FeatureFile::open(output).map_err(|error| other(format!("cannot be gone by ({error})")))?;
    let keys = metadata.keys().chain(file.metadata().keys()).filter(|key| *key != VERSION);
    if let Some(key) = keys.into_iter().find(|key| metadata.get(*key) != file.metadata().get(*key)) {
        let of =
            |texts: &BTreeMap<String, String>| texts.get(key).cloned().unwrap_or_else(|| "none".to_owned());
        return Err(other(format!(
            "is of another {key}, {}, where this is {}",
            of(file.metadata()),
            of(metadata)
        )));
    }
    let heads = file.heads();
    if !heads.iter().map(|head| Path::new(&head.path)).eq(photos.iter().map(PathBuf::as_path)) {
        return Err(other("is of other photos".to_owned()));
    }
    let errors = heads.iter().filter(|head| head.error.is_some()).count();
    if options.strict && errors > 0 {
        return Err(other(format!("{} in it could not be read", counted(errors, "photo"))));
    }
    if let Some(photo) = changed_since(output, photos) {
        return Err(other(format!("{} was changed since", plain_path(photo))));
    }
    let told = match errors {
        0 => String::new(),
        errors => format!(", {errors} of them with an error"),
    };
    Ok(Some(format!(
        "{}: is complete already: {}{told}\n",
        plain_path(output),
        counted(photos.len(), "photo")
    )))
}

/// Returns a photo whose file is younger than the one at `output`; one in an archive is as old as that.
fn changed_since<'p>(output: &Path, photos: &'p [PathBuf]) -> Option<&'p Path> {
    let changed = |path: &Path| {
        let about =
            path.ancestors().filter_map(|path| std::fs::metadata(path).ok()).find(|about| about.is_file());
        about.and_then(|about| about.modified().ok())
    };
    let own = changed(output)?;
    photos.iter().map(PathBuf::as_path).find(|photo| changed(photo).is_some_and(|photo| photo > own))
}
