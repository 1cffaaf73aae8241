//! What a check found, as sentences in the order of their weight.

use std::collections::BTreeMap;

use icecap_data::{Error, Part, SkipReason};
use icecap_foundation::shown::escaped;

use crate::check::checkup::{Checkup, Group};
use crate::check::level::Level;
use crate::check::oddity::wrong_extension;
use crate::judge::doubted_labels::DoubtedLabel;

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What it is about, a word for programs: `classes`, `unreadable`, `name`, `identical`, `similar`,
    /// `perhaps`, `label`, `odd`, `extension`, `imbalance`, `few` or `stray`.
    pub kind: &'static str,
    /// What it says. Where it is about photos, without their paths.
    pub message: String,
    /// The photos that it is about, as indices into those of the survey.
    pub photos: Vec<usize>,
}

/// A class with so many times the photos of another is told.
const IMBALANCE: usize = 10;
/// A class with fewer training photos than this is hardly learned.
const FEW: usize = 5;

impl Checkup {
    /// Returns everything that was found: errors, warnings, notes, and within these by kind.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let mut found = self.classes();
        found.extend(self.unreadable());
        found.extend(self.identical.iter().map(|group| self.copies(group)));
        found.extend(self.equal.iter().chain(&self.similar).map(|group| self.alike(group)));
        found.extend(self.doubted.iter().map(|label| self.doubt(label)));
        found.extend(self.imbalance());
        found.extend(self.few());
        found.extend(self.perhaps.iter().map(|group| self.maybe(group)));
        found.extend(self.odd());
        found.extend(self.stray());
        // A stable sort: within a level the order above.
        found.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        found
    }

    fn classes(&self) -> Vec<Finding> {
        let finding = |problem: &icecap_data::Problem| Finding {
            level: if problem.is_error() { Level::Error } else { Level::Warning },
            kind: "classes",
            message: problem.to_string(),
            photos: Vec::new(),
        };
        self.survey.problems.iter().map(finding).collect()
    }

    /// What cannot be read, and what has no name that could be written down.
    fn unreadable(&self) -> Vec<Finding> {
        let error = |kind, message, photos| Finding { level: Level::Error, kind, message, photos };
        let mut found = Vec::new();
        for item in &self.survey.skipped {
            let kind = match item.reason {
                SkipReason::Unreadable(_) => "unreadable",
                SkipReason::NotText => "name",
                _ => continue,
            };
            found.push(error(kind, format!("{}: {}", escaped(&item.path), item.reason), Vec::new()));
        }
        for (index, photo) in self.photos.iter().enumerate() {
            if let Err(reason) = photo {
                found.push(error("unreadable", bare(reason), vec![index]));
            }
        }
        for (index, (_, sample)) in self.survey.photos.iter().enumerate() {
            if sample.path.to_str().is_none() {
                let message = "the path is not valid UTF-8, which a training refuses; rename the folder in it that is not";
                found.push(error("name", message.to_owned(), vec![index]));
            }
        }
        found
    }

    fn copies(&self, group: &Group) -> Finding {
        let (level, message) = match (self.across_classes(group), self.across_parts(group)) {
            (Some(classes), _) => {
                (Level::Error, format!("the same file in the classes {classes}: a label is wrong"))
            }
            (None, Some(parts)) => (
                Level::Error,
                format!("the same file in {parts}: what is learned from is measured on; keep one"),
            ),
            (None, None) => (Level::Warning, format!("the same file {} times", group.photos.len())),
        };
        Finding { level, kind: "identical", message, photos: group.photos.clone() }
    }

    fn alike(&self, group: &Group) -> Finding {
        let likeness = format!("likeness {:.2}", group.similarity);
        let (level, message) = match (self.across_classes(group), self.across_parts(group)) {
            (Some(classes), _) => (
                Level::Warning,
                format!("nearly the same photo in the classes {classes}, so a label is wrong ({likeness})"),
            ),
            (None, Some(parts)) => (
                Level::Warning,
                format!(
                    "nearly the same photo in {parts}, so accuracy will look better than it is ({likeness})"
                ),
            ),
            (None, None) => (Level::Note, format!("nearly the same photo ({likeness})")),
        };
        Finding { level, kind: "similar", message, photos: group.photos.clone() }
    }

    fn maybe(&self, group: &Group) -> Finding {
        let place = match (self.across_classes(group), self.across_parts(group)) {
            (Some(classes), _) => format!(" in the classes {classes}"),
            (None, Some(parts)) => format!(" in {parts}"),
            (None, None) => String::new(),
        };
        let message =
            format!("may be the same photo{place}; look at them (likeness {:.2})", group.similarity);
        Finding { level: Level::Note, kind: "perhaps", message, photos: group.photos.clone() }
    }

    fn doubt(&self, label: &DoubtedLabel) -> Finding {
        let class = |class: usize| &self.survey.classes[class];
        let (level, words) = match label.is_likely_wrong() {
            true => (Level::Warning, "likely mislabeled"),
            false => (Level::Note, "label worth a second look"),
        };
        let message = format!(
            "{words}: labeled '{}', looks like '{}' to a model that has not learned from it ({:.2} against {:.2})",
            class(label.given),
            class(label.likely),
            label.likely_probability,
            label.given_probability
        );
        Finding { level, kind: "label", message, photos: vec![label.row] }
    }

    /// The names of a group's classes, if there are several.
    fn across_classes(&self, group: &Group) -> Option<String> {
        let classes = self.classes_of(&group.photos);
        let names: Vec<String> =
            classes.iter().map(|&class| format!("'{}'", self.survey.classes[class])).collect();
        (names.len() > 1).then(|| listed(&names))
    }

    /// The names of a group's parts, if there are several.
    fn across_parts(&self, group: &Group) -> Option<String> {
        let names: Vec<&str> = self.parts_of(&group.photos).into_iter().map(Part::name).collect();
        (names.len() > 1).then(|| listed(&names))
    }

    fn imbalance(&self) -> Option<Finding> {
        let counts = self.counts(Part::Train);
        let classes = || counts.iter().enumerate().filter(|(_, count)| **count > 0);
        let (most, largest) = classes().max_by_key(|(index, count)| (**count, std::cmp::Reverse(*index)))?;
        let (least, smallest) = classes().min_by_key(|(index, count)| (**count, *index))?;
        (*largest > IMBALANCE * smallest).then(|| Finding {
            level: Level::Warning,
            kind: "imbalance",
            message: format!(
                "'{}' has {largest} training photos and '{}' {smallest}, {:.0} to 1: add photos of the rare class, or \
                 weigh the classes in training",
                self.survey.classes[most],
                self.survey.classes[least],
                *largest as f64 / *smallest as f64
            ),
            photos: Vec::new(),
        })
    }

    fn few(&self) -> Vec<Finding> {
        let counts = self.counts(Part::Train);
        let few = counts.iter().enumerate().filter(|(_, count)| (1..FEW).contains(*count));
        let finding = |(class, count): (usize, &usize)| Finding {
            level: Level::Warning,
            kind: "few",
            message: format!("'{}' has only {count} training photos", self.survey.classes[class]),
            photos: Vec::new(),
        };
        few.map(finding).collect()
    }

    fn odd(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        for (index, seen) in self.seen() {
            for oddity in self.oddities(index) {
                let (level, message) = (oddity.level(), oddity.to_string());
                found.push(Finding { level, kind: "odd", message, photos: vec![index] });
            }
            let path = &self.survey.photos[index].1.path;
            if let Some(extension) = wrong_extension(path, seen.about.format) {
                let message =
                    format!("named .{extension}, but holds a {}; it is read as that", seen.about.format);
                found.push(Finding { level: Level::Note, kind: "extension", message, photos: vec![index] });
            }
        }
        found
    }

    /// Files that a training passes over, by reason and with an example.
    fn stray(&self) -> Vec<Finding> {
        let mut kinds: BTreeMap<String, (usize, String)> = BTreeMap::new();
        for item in &self.survey.skipped {
            if !item.reason.is_clutter()
                && !matches!(item.reason, SkipReason::Unreadable(_) | SkipReason::NotText)
            {
                let example = item.path.display().to_string();
                kinds.entry(item.reason.to_string()).or_insert((0, example)).0 += 1;
            }
        }
        let finding = |(reason, (count, example)): (String, (usize, String))| Finding {
            level: Level::Note,
            kind: "stray",
            message: match count {
                1 => format!("passed over: {example}: {reason}"),
                _ => format!("passed over: {example} and {} more: {reason}", count - 1),
            },
            photos: Vec::new(),
        };
        kinds.into_iter().map(finding).collect()
    }
}

/// Why a photo cannot be read, without its path.
fn bare(error: &Error) -> String {
    match error {
        Error::Photo { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

/// Several names as one says them: `a, b and c`.
fn listed(names: &[impl AsRef<str>]) -> String {
    let mut text = String::new();
    for (place, name) in names.iter().enumerate() {
        text += match place {
            0 => "",
            _ if place + 1 == names.len() => " and ",
            _ => ", ",
        };
        text += name.as_ref();
    }
    text
}
