//! Whether a share of the photos was extracted before: then there is nothing to do.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
#[cfg(unix)]
use std::time::{Duration, UNIX_EPOCH};

use icecap::advanced::data::{Labeled, file_on_disk};
use icecap_records::{FeatureFile, Format, RowHead};

use super::options::Options;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::wording::{counted, plain, plain_path};

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
    found: &Labeled,
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
    if let Some(reason) = differs(heads, found) {
        return Err(other(reason));
    }
    let errors = heads.iter().filter(|head| head.error.is_some()).count();
    if options.strict && errors > 0 {
        return Err(other(format!("{} in it could not be read", counted(errors, "photo"))));
    }
    if let Some(photo) = changed_since(output, found) {
        return Err(other(format!("{} was changed since", plain_path(photo))));
    }
    let told = match errors {
        0 => String::new(),
        errors => format!(", {errors} of them with an error"),
    };
    Ok(Some(format!(
        "{}: is complete already: {}{told}\n",
        plain_path(output),
        counted(found.photos.len(), "photo")
    )))
}

/// Says how what is told of photos differs from what was found.
fn differs(heads: &[RowHead], found: &Labeled) -> Option<String> {
    if !heads.iter().map(|head| Path::new(&head.path)).eq(found.photos.iter().map(|(path, _)| path.as_path()))
    {
        return Some("is of other photos".to_owned());
    }
    let label = |class: &Option<usize>| class.map(|class| found.classes[class].as_str());
    let mut labels = heads.iter().zip(&found.photos);
    let (head, (_, class)) = labels.find(|(head, (_, class))| head.label.as_deref() != label(class))?;
    let name =
        |label: Option<&str>| label.map_or("no class".to_owned(), |label| format!("'{}'", plain(label)));
    let (was, is) = (name(head.label.as_deref()), name(label(class)));
    Some(format!("has {} as {was}, which is {is} now", plain(&head.path)))
}

/// Returns a photo that was changed, or put where it is, since the extraction of `output` began; one in an archive is as old as that.
fn changed_since<'p>(output: &Path, found: &'p Labeled) -> Option<&'p Path> {
    // When its extraction began: `began`.
    let own = std::fs::metadata(output).ok()?.modified().ok()?;
    let mut changes: HashMap<PathBuf, Option<SystemTime>> = HashMap::new();
    found.photos.iter().map(|(photo, _)| photo.as_path()).find(|photo| {
        let file = file_on_disk(photo);
        let change = *changes.entry(file).or_insert_with_key(|file| last_change(file));
        change.is_some_and(|change| change > own)
    })
}

/// Dates a file of features back to when its extraction began: a photo that was changed from then on may have been read before. A
/// system that keeps no such times says nothing of changes, either.
pub(super) fn began(output: &Path, start: SystemTime) {
    let _ = std::fs::OpenOptions::new().append(true).open(output).and_then(|file| file.set_modified(start));
}

/// When a file's content was last changed, or the file was put where it is: a copy keeps the time of its original.
fn last_change(file: &Path) -> Option<SystemTime> {
    let about = std::fs::metadata(file).ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let placed = UNIX_EPOCH.checked_add(Duration::new(
            about.ctime().try_into().ok()?,
            about.ctime_nsec().try_into().ok()?,
        ))?;
        Some(about.modified().ok()?.max(placed))
    }
    #[cfg(not(unix))]
    about.modified().ok()
}
