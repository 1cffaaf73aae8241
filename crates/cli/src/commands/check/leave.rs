//! `--write-exclude`: the photos that can leave, as a list that `--exclude` takes.

use std::io::Write;
use std::path::Path;

use icecap::advanced::data::{Exclusions, csv_record};
use icecap::advanced::foundation::atomic_file::replace_file;
use icecap::check::{Checkup, Seen, Superfluous, Why};

use super::names::Names;
use super::options::Options;
use crate::terminal::failure::Failure;
use crate::terminal::stderr::note;
use crate::terminal::wording::{counted, plain_path};

/// Refuses a file that is there, before the work rather than after it.
pub(super) fn may_write(options: &Options) -> Result<(), Failure> {
    options.write_exclude.as_deref().map_or(Ok(()), |file| options.overwrite.check(file))
}

/// Writes the list, and tells how many photos stand on it. What `--exclude` left out stands on it, too, so that this one
/// file is enough.
pub(super) fn write(options: &Options, file: &Path, checkup: &Checkup) -> Result<(), Failure> {
    let names = Names::of(options);
    let leaving = checkup.superfluous();
    let mut text = csv_record(["path", "kept", "reason"]);
    let before = options.dataset.excluded.exclude.as_deref().map(Exclusions::read).transpose()?;
    if let Some(before) = &before {
        let reason = format!("left out by {}", before.file().display());
        for path in before.paths() {
            text += &csv_record([path, "", &reason]);
        }
    }
    for leave in &leaving {
        text += &csv_record(row(checkup, &names, leave).each_ref().map(String::as_str));
    }
    may_write(options)?;
    replace_file(file, |out| out.write_all(text.as_bytes()))?;
    let labels = leaving.iter().filter(|leave| matches!(leave.why, Why::OtherLabel { .. })).count();
    let mut told = format!("{} to leave out in {}", counted(leaving.len(), "photo"), plain_path(file));
    if labels > 0 {
        told += &format!(", {labels} of them with a copy of another label: put those right and check again");
    }
    note(&told);
    Ok(())
}

/// A photo that leaves, the one that stays, and why.
fn row(checkup: &Checkup, names: &Names, leave: &Superfluous) -> [String; 3] {
    let name = |photo: usize| names.name(&checkup.survey.photos[photo].1.path);
    let part = |photo: usize| checkup.survey.photos[photo].0;
    let class = |photo: usize| &checkup.survey.classes[checkup.survey.photos[photo].1.class];
    let photo = leave.photo;
    match leave.why {
        Why::Copy { kept, identical } => {
            let what = if identical { "the same file" } else { "nearly the same photo" };
            let shorter = name(kept).len() < name(photo).len();
            let why = match (part(photo) == part(kept), larger(checkup, kept, photo)) {
                (false, _) => format!("stays, since it is in {}", part(kept)),
                (true, true) => "stays, since it is larger".to_owned(),
                (true, false) if shorter => "stays, since its name is shorter".to_owned(),
                (true, false) => "stays, since it comes first".to_owned(),
            };
            [name(photo), name(kept), format!("{what}; the other {why}")]
        }
        Why::OtherLabel { other } => {
            let reason = match class(photo) == class(other) {
                true => "a copy of another label is there, so that both leave".to_owned(),
                false => format!("'{}', and a copy is '{}': both leave", class(photo), class(other)),
            };
            [name(photo), String::new(), reason]
        }
        _ => [name(photo), String::new(), String::new()],
    }
}

/// Whether one photo has more pixels than another.
fn larger(checkup: &Checkup, one: usize, other: usize) -> bool {
    let pixels = |photo: usize| checkup.photos[photo].as_ref().map_or(0, Seen::pixels);
    pixels(one) > pixels(other)
}
