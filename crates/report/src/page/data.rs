//! What the run was trained on: photos of each class and part, and samples of them.

use std::path::Path;

use icecap::advanced::data::Part;

use super::escape::{escape, name};
use super::gallery::picture;
use super::photo_files::shown;
use super::thumbnail::Thumbnails;
use crate::run::Run;
use crate::run::predictions::Seen;
use crate::wording::{counted, grouped};

/// The most samples of a class, and the classes that have some.
const SAMPLES: usize = 8;
const SAMPLED: usize = 40;
/// More classes than this stand in a box that scrolls.
const TALL: usize = 12;
/// The most samples in all.
const SAMPLES_IN_ALL: usize = 120;

/// Returns the training photos that stand for each class: evenly spaced ones.
pub(super) fn samples(run: &Run) -> Vec<Vec<&Seen>> {
    let each = (SAMPLES_IN_ALL / run.classes.len().max(1)).clamp(3, SAMPLES);
    let mut by_class: Vec<Vec<&Seen>> = vec![Vec::new(); run.classes.len().min(SAMPLED)];
    for seen in run.part(Part::Train) {
        if let Some(photos) = by_class.get_mut(seen.class) {
            photos.push(seen);
        }
    }
    let spaced = by_class.into_iter().map(|photos| {
        let count = photos.len().min(each);
        (0..count).map(|index| photos[index * photos.len() / count]).collect()
    });
    spaced.collect()
}

/// Returns the section's content.
pub(super) fn data(run: &Run, samples: &[Vec<&Seen>], thumbnails: &Thumbnails<'_>) -> String {
    let classes = &run.metrics.classes;
    let most = classes.iter().map(|class| class.all()).max().unwrap_or(0).max(1);
    let with_val = classes.iter().any(|class| class.val > 0);
    let with_test = classes.iter().any(|class| class.test > 0);
    let mut rows = String::new();
    for (index, class) in classes.iter().enumerate() {
        let segment = |photos: u64, part: &str| match photos {
            0 => String::new(),
            _ => format!(
                "<span class=\"{part}\" style=\"width:{:.2}%\" title=\"{} {part}\"></span>",
                100.0 * photos as f64 / most as f64,
                grouped(photos)
            ),
        };
        let more =
            |shown: bool, photos: u64| if shown { format!(" + {}", grouped(photos)) } else { String::new() };
        rows += &format!(
            "<div class=\"class\"><div class=\"count\"><span class=\"who\">{}</span><span class=\"stack\">{}{}{}</span>\
             <span class=\"num\">{}{}{}</span></div>{}</div>",
            name(&class.name),
            segment(class.train, "train"),
            segment(class.val, "val"),
            segment(class.test, "test"),
            grouped(class.train),
            more(with_val, class.val),
            more(with_test, class.test),
            samples.get(index).map_or(String::new(), |photos| strip(run, photos, thumbnails)),
        );
    }
    let val = if with_val { "<li><span class=\"swatch val\"></span>validation</li>" } else { "" };
    let test = if with_test { "<li><span class=\"swatch test\"></span>test</li>" } else { "" };
    let left = match classes.len().saturating_sub(SAMPLED) {
        0 => String::new(),
        _ => format!("<p class=\"small\">Samples of the first {SAMPLED} classes.</p>"),
    };
    format!(
        "<div class=\"card classes\"><ul class=\"legend\"><li><span class=\"swatch train\"></span>training</li>{val}{test}</ul><div class=\"{}\">{rows}</div>{left}</div>{}",
        if classes.len() > TALL { "scroll tall" } else { "" },
        skipped(run)
    )
}

fn strip(run: &Run, photos: &[&Seen], thumbnails: &Thumbnails<'_>) -> String {
    if photos.is_empty() {
        return String::new();
    }
    let pictures = photos.iter().map(|seen| {
        format!(
            "<span class=\"sample\" title=\"{}\">{}</span>",
            shown(run, &seen.path),
            picture(thumbnails.get(seen), &file_name(&seen.path))
        )
    });
    format!("<div class=\"strip\">{}</div>", pictures.collect::<String>())
}

/// Returns the last part of a path, escaped: enough where there is little room.
fn file_name(path: &Path) -> String {
    escape(&path.file_name().unwrap_or_default().to_string_lossy())
}

/// Returns the photos that were left out, and why.
fn skipped(run: &Run) -> String {
    /// The most that are named.
    const NAMED: usize = 50;
    let skipped = &run.metrics.skipped_photos;
    if skipped.is_empty() {
        return String::new();
    }
    let rows = skipped.iter().take(NAMED).map(|photo| {
        let path = shown(run, Path::new(&photo.path));
        format!("<tr><td class=\"path\">{path}</td><td>{}</td></tr>", escape(&photo.reason))
    });
    let more = match skipped.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("<p class=\"small\">and {more} more, in skipped.csv</p>"),
    };
    format!(
        "<details class=\"card\"><summary>{} could not be read and had no part in this</summary><div class=\"scroll\">\
         <table><thead><tr><th scope=\"col\">photo</th><th scope=\"col\">why</th></tr></thead><tbody>{}</tbody></table>\
         </div>{more}</details>",
        counted(skipped.len(), "photo"),
        rows.collect::<String>()
    )
}
