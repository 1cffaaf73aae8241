//! What a check found, for people: tables, then findings by weight, then what to do next.

use std::collections::BTreeMap;
use std::path::PathBuf;

use icecap::advanced::data::{ExifPolicy, Part, Problem};
use icecap::advanced::weights::format_scaling;
use icecap::check::{COMPARED, Checkup, Finding, Level, Seen};

use super::names::Names;
use super::options::Options;
use crate::terminal::table::table;
use crate::terminal::wording::{counted, plain, plain_path, program, typed, typed_path};

/// Findings of a kind that are told word for word.
const LINES: usize = 20;
/// Photos of a group that are named.
const NAMED: usize = 6;

pub(super) fn report(options: &Options, checkup: &Checkup, findings: &[Finding]) -> String {
    let mut text = summary(options, checkup);
    text += "\n";
    text += &classes(checkup);
    text += "\n\n";
    let names = Names::of(options);
    for level in [Level::Error, Level::Warning, Level::Note] {
        let of_level: Vec<&Finding> = findings.iter().filter(|finding| finding.level == level).collect();
        if !of_level.is_empty() {
            text += &format!(
                "{}\n{}\n",
                counted(of_level.len(), &level.to_string()),
                told(checkup, &names, &of_level)
            );
        }
    }
    text += &remedy(options, checkup);
    text + &verdict(options, checkup, findings)
}

fn summary(options: &Options, checkup: &Checkup) -> String {
    let photos = checkup.survey.photos.len();
    let seen: Vec<&Seen> = checkup.seen().map(|(_, seen)| seen).collect();
    let left_out = photos - seen.len();
    let mut text = format!("photos    {photos} in {}", plain_path(&options.folder));
    if left_out > 0 {
        text += &format!(", {left_out} cannot be read");
    }
    text += "\n";
    if let Some([least, middle, most]) = sizes(&seen) {
        text += &format!("sizes     {least} to {most}, median {middle}\n");
    }
    let formats = formats(&seen);
    if !formats.is_empty() {
        let formats: Vec<String> = formats.iter().map(|(name, count)| format!("{count} {name}")).collect();
        text += &format!("formats   {}\n", formats.join(", "));
    }
    let turned = seen.iter().filter(|seen| seen.about.turned).count();
    text += &format!("turned    {turned} upright by their EXIF orientation\n");
    text += &format!("compared  {} with each other", checkup.compared);
    if photos > COMPARED {
        text += &format!(", a sample: near duplicates are looked for among {COMPARED} photos at most");
    }
    text + "\n"
}

/// Returns the smallest, the middle and the largest photo by pixels, width x height.
pub(super) fn sizes(seen: &[&Seen]) -> Option<[String; 3]> {
    let mut sizes: Vec<(u64, u32, u32)> = seen
        .iter()
        .map(|seen| {
            (u64::from(seen.about.width) * u64::from(seen.about.height), seen.about.width, seen.about.height)
        })
        .collect();
    sizes.sort_unstable();
    let at = |index: usize| sizes.get(index).map(|(_, width, height)| format!("{width}x{height}"));
    Some([at(0)?, at(sizes.len() / 2)?, at(sizes.len().checked_sub(1)?)?])
}

/// Photos of each format, by its name.
pub(super) fn formats(seen: &[&Seen]) -> BTreeMap<String, usize> {
    let mut formats = BTreeMap::new();
    for seen in seen {
        *formats.entry(seen.about.format.to_string()).or_insert(0) += 1;
    }
    formats
}

/// Readable photos of each class and part, and beside them those that cannot be read, if there are any.
fn classes(checkup: &Checkup) -> String {
    let classes = checkup.survey.classes.len();
    let parts = &checkup.survey.parts;
    let mut counts = vec![vec![0; classes]; parts.len()];
    let mut unreadable = vec![0; classes];
    for ((part, sample), photo) in checkup.survey.photos.iter().zip(&checkup.photos) {
        match (photo, parts.iter().position(|known| known == part)) {
            (Ok(_), Some(part)) => counts[part][sample.class] += 1,
            _ => unreadable[sample.class] += 1,
        }
    }
    let some_are_not = unreadable.iter().any(|count| *count > 0);
    let total = counts.iter().flatten().sum::<usize>();
    let mut header = vec!["class"];
    header.extend(parts.iter().map(|part| Part::name(*part)));
    header.extend(["total", "share"]);
    header.extend(some_are_not.then_some("unreadable"));
    let right: Vec<usize> = (1..header.len()).collect();
    let row = |name: String, counts: Vec<usize>, unreadable: usize| {
        let sum: usize = counts.iter().sum();
        let share = format!("{:.1} %", 100.0 * sum as f64 / total.max(1) as f64);
        let counts = counts.into_iter().chain([sum]).map(|count| count.to_string());
        let last = some_are_not.then(|| unreadable.to_string());
        std::iter::once(name).chain(counts).chain([share]).chain(last).collect::<Vec<String>>()
    };
    let of_class = |class: usize| counts.iter().map(|counts| counts[class]).collect::<Vec<usize>>();
    let names = checkup.survey.classes.iter().enumerate();
    let mut rows: Vec<Vec<String>> = names
        .map(|(class, name)| row(plain(name).into_owned(), of_class(class), unreadable[class]))
        .collect();
    let all = counts.iter().map(|counts| counts.iter().sum()).collect();
    rows.push(row("total".to_owned(), all, unreadable.iter().sum()));
    table(&header, &right, rows)
}

/// Findings of one level, each on a line.
fn told(checkup: &Checkup, names: &Names, findings: &[&Finding]) -> String {
    let mut text = String::new();
    let mut of_kind: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in findings {
        let told = of_kind.entry(finding.kind).or_insert(0);
        *told += 1;
        if *told <= LINES {
            text += &one(checkup, names, finding);
        }
    }
    for (kind, count) in of_kind.into_iter().filter(|(_, count)| *count > LINES) {
        text += &format!("  … and {} more of kind '{kind}'; all of them: --json\n", count - LINES);
    }
    text
}

fn one(checkup: &Checkup, names: &Names, finding: &Finding) -> String {
    let path = |photo: &usize| plain(&names.name(&checkup.survey.photos[*photo].1.path)).into_owned();
    let message = plain(&finding.message);
    let mut photos: Vec<String> = finding.photos.iter().take(NAMED).map(path).collect();
    if finding.photos.len() > NAMED {
        photos.push(format!("{} more", finding.photos.len() - NAMED));
    }
    match photos.is_empty() {
        true => format!("  {message}\n"),
        false => format!("  {}: {message}\n", photos.join(" = ")),
    }
}

/// What can be done about copies, if there are some.
fn remedy(options: &Options, checkup: &Checkup) -> String {
    if [&checkup.identical, &checkup.equal].iter().all(|groups| groups.is_empty()) && checkup.pairs.is_empty()
        || options.write_exclude.is_some()
    {
        return String::new();
    }
    "copies: --write-exclude FILE lists those that can leave, and `train --group duplicates` keeps copies on one side of a \
     split\n"
        .to_owned()
}

fn verdict(options: &Options, checkup: &Checkup, findings: &[Finding]) -> String {
    let of = |level| findings.iter().filter(|finding| finding.level == level).count();
    let counts: Vec<String> = [Level::Error, Level::Warning]
        .into_iter()
        .filter(|level| of(*level) > 0)
        .map(|level| counted(of(level), &level.to_string()))
        .collect();
    let command = training(options, &checkup.survey.problems);
    // A training leaves out photos that cannot be read or have no name, and stops at classes that do not fit, and at a folder
    // whose own name keeps every photo in it from being written down.
    let refused = checkup.survey.problems.iter().any(Problem::is_error)
        || findings.iter().any(|finding| finding.kind == "name" && !finding.photos.is_empty());
    match (counts.is_empty(), refused, of(Level::Error)) {
        (true, ..) => format!("nothing wrong found; next: {command}\n"),
        (_, true, _) => format!(
            "found {}; a training would refuse this dataset. Mend the errors, then: {command}\n",
            counts.join(" and ")
        ),
        (_, _, 0) => format!("found {}; next: {command}\n", counts.join(" and ")),
        _ => format!("found {}; mend the errors, then: {command}\n", counts.join(" and ")),
    }
}

/// Returns the training of what was checked, as one types it: of the folder or the list that is meant, where another was
/// named.
fn training(options: &Options, problems: &[Problem]) -> String {
    let inside = problems.iter().find_map(|problem| match problem {
        Problem::TooHigh { inside, .. } => Some(inside),
        Problem::OneClass { list, .. } | Problem::NoClasses { list, .. } => list.as_ref(),
        _ => None,
    });
    let folder = inside.unwrap_or(&options.folder);
    let path = |path: &Option<PathBuf>| path.as_deref().map(typed_path);
    let backbone = &options.backbone;
    let scaling = backbone.scaling.map(|scaling| typed(&format_scaling(&scaling)).into_owned());
    let exif = (options.input.exif != ExifPolicy::default()).then(|| options.input.exif.to_string());
    let (listed, excluded) = (&options.dataset.listed, &options.dataset.excluded.exclude);
    let all = [
        ("--val", path(&options.val)),
        ("--root", path(&listed.root)),
        ("--extension", listed.extension.clone()),
        ("--exclude", path(if options.write_exclude.is_some() { &options.write_exclude } else { excluded })),
        ("--classes", path(&options.dataset.classes)),
        ("--weights", path(&backbone.weights)),
        ("--scaling", scaling),
        ("--precision", backbone.runner.precision.map(|precision| precision.to_string())),
        ("--size", options.input.size.map(|size| size.to_string())),
        ("--resize", options.input.resize.map(|mode| typed(&mode.to_string()).into_owned())),
        ("--exif", exif),
        ("--dct", options.input.dct.map(|dct| dct.to_string())),
        ("--max-pixels", options.input.photo.typed()),
    ];
    let given = all.into_iter().filter_map(|(option, value)| Some(format!(" {option} {}", value?)));
    format!("{} train {}", program(), typed_path(folder)) + &given.collect::<String>()
}
