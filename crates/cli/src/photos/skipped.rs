//! What is left out, told in few lines: a folder of a million broken files must not bury the result.

use std::collections::BTreeMap;
use std::path::PathBuf;

use icecap::advanced::data::{self, Inventory, SkipReason, Skipped, Warning};
use icecap::advanced::foundation::shown::escaped;
use icecap::learn::SkippedPhoto;

use crate::terminal::failure::{Code, Failure};
use crate::terminal::lines::Lines;
use crate::terminal::stderr::note;
use crate::terminal::wording::counted;

/// Tells which photos cannot be read, on standard error.
pub(crate) fn photos(skipped: &[SkippedPhoto]) {
    let mut lines = Lines::default();
    for photo in skipped {
        lines.tell(|| format!("skipped {}", photo.reason));
    }
    lines.end("skipped photos");
    larger(skipped.iter().map(|photo| photo.reason.as_str()));
}

/// What errors call the limits that follow the largest number of pixels.
const FOLLOWING: [&str; 3] = ["an image size in pixels", "a file size in bytes", "a decoded size in bytes"];

/// Tells which option reads larger photos, if that is the reason why one was not.
pub(crate) fn larger<'a>(mut reasons: impl Iterator<Item = &'a str>) {
    if reasons.any(|reason| FOLLOWING.iter().any(|limit| reason.contains(limit))) {
        note("note: --max-pixels reads larger photos, as in --max-pixels 200M");
    }
}

/// Tells which photos are used although something is odd about them, on standard error.
pub(crate) fn warnings(warnings: &[(PathBuf, Warning)]) {
    let mut lines = Lines::default();
    for (path, warning) in warnings {
        lines.tell(|| format!("warning: {}: {warning}", path.display()));
    }
    lines.end("such warnings");
}

/// Tells in a line what a scan passed over, and in a line each which classes a part lacks.
pub(crate) fn passed_over(inventory: &Inventory) {
    clutter(&inventory.skipped);
    let mut lines = Lines::default();
    for missing in &inventory.missing {
        lines.tell(|| format!("warning: {missing}"));
    }
    lines.end("missing classes");
}

/// Tells what a scan passed over in one line, how many of a kind, with an example where it may be a surprise; what it
/// could not look into by name.
pub(crate) fn clutter(skipped: &[Skipped]) {
    let mut kinds: BTreeMap<String, (usize, &Skipped)> = BTreeMap::new();
    let mut lines = Lines::default();
    let mut files = 0;
    for item in skipped {
        let kind = match &item.reason {
            SkipReason::Hidden => "hidden".to_owned(),
            SkipReason::Foreign(extension) => format!(".{extension}"),
            SkipReason::Unreadable(_) | SkipReason::NotText => {
                lines.tell(|| format!("warning: {}: {}", escaped(&item.path), item.reason));
                continue;
            }
            other => other.to_string(),
        };
        files += 1;
        kinds.entry(kind).or_insert((0, item)).0 += 1;
    }
    lines.end("such warnings");
    let kinds: Vec<String> = kinds
        .into_iter()
        .map(|(kind, (count, first))| match first.reason {
            SkipReason::Hidden => format!("{count} {kind}"),
            _ => format!("{count} {kind} ({})", first.path.display()),
        })
        .collect();
    if files > 0 {
        note(&format!("passed over {}: {}", counted(files, "file"), kinds.join(", ")));
    }
}

/// Returns the failure that `--strict` makes of a scan: about the first file or folder that could not be looked into.
/// `None` if there is none; files that are not photos do not count.
pub(crate) fn unreadable(skipped: &[Skipped]) -> Option<Failure> {
    let missed = |item: &&Skipped| matches!(item.reason, SkipReason::Unreadable(_) | SkipReason::NotText);
    let first = skipped.iter().find(missed)?;
    Some(Failure::new(Code::Content, format!("{}: {}", escaped(&first.path), first.reason)))
}

/// Returns whether a photo is above a limit of size.
pub(crate) fn is_limit(error: &data::Error) -> bool {
    error.kind() == data::ErrorKind::Limit
}
