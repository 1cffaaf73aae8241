//! What a dataset holds, whatever is wrong with it: where [`scan`](crate::scan) refuses, a survey goes on and tells.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use icecap_foundation::did_you_mean::nearest;
use icecap_foundation::shown::{escaped, plain};

use crate::error::or_list;
use crate::inventory::{MissingClass, PART_NAMES, Part, Sample, SkipReason, Skipped};
use crate::listed::{is_listing, known_samples, listing_in, read_listing};
use crate::listed_files::ListedFiles;
use crate::natural::natural;
use crate::parts::{Parts, parts_of};
use crate::scan::class_folder;
use crate::too_high::{dataset_folder, dataset_in};
use crate::walk::{photos_below, visible_folders};
use crate::{Error, Result};

/// What a dataset holds, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The names of the classes: those of the training photos, naturally sorted, then those that only other parts have.
    pub classes: Vec<String>,
    /// The photos, by part, class and path.
    pub photos: Vec<(Part, Sample)>,
    /// The parts of the dataset, training first.
    pub parts: Vec<Part>,
    /// The files and folders that are passed over.
    pub skipped: Vec<Skipped>,
    /// What is wrong with the classes.
    pub problems: Vec<Problem>,
}

/// What is wrong with the classes of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// No photo of any class in training.
    NoClasses {
        /// The training folder.
        path: PathBuf,
        /// A file in it that lists photos with their classes.
        list: Option<PathBuf>,
    },
    /// A single class.
    OneClass {
        /// The class.
        class: String,
        /// A file in the folder that lists photos with their classes.
        list: Option<PathBuf>,
    },
    /// A folder whose only folder is a dataset.
    TooHigh {
        /// The folder.
        path: PathBuf,
        /// The folder that has class folders, or `train` with such.
        inside: PathBuf,
    },
    /// A class folder of the training part without a photo.
    EmptyClass {
        /// The folder.
        path: PathBuf,
    },
    /// A part besides training without a photo.
    EmptyPart {
        /// The folder of the part.
        path: PathBuf,
    },
    /// A class of the training part of which another part has no photo.
    Missing(MissingClass),
    /// A class of another part that the training part does not have.
    Unknown {
        /// The part.
        part: Part,
        /// The class.
        class: String,
        /// The class of the training part that was likely meant.
        meant: Option<String>,
    },
    /// A class folder whose name is no text.
    NotText {
        /// The folder.
        path: PathBuf,
    },
    /// A folder beside `train/` and the other parts, which nothing reads.
    Beside {
        /// The folder.
        path: PathBuf,
    },
    /// Classes that have the names of parts: `training` and `validation`.
    PartsAsClasses {
        /// Their names.
        names: Vec<String>,
    },
}

impl Problem {
    /// Whether training refuses a dataset with this problem.
    #[must_use]
    pub fn is_error(&self) -> bool {
        !matches!(self, Self::Missing(_) | Self::Beside { .. } | Self::PartsAsClasses { .. })
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Names of folders are in it, which anybody may have given them.
        f.write_str(&plain(&self.text()))
    }
}

impl Problem {
    fn text(&self) -> String {
        match self {
            Self::NoClasses { path, list } => format!(
                "{}: no class folders; put the photos of each class into a folder of its own inside it{}",
                escaped(path),
                or_list(list.as_deref())
            ),
            Self::OneClass { class, list } => {
                let list = or_list(list.as_deref());
                format!("only one class, '{class}'; a classifier needs at least two{list}")
            }
            Self::TooHigh { path, inside } => format!(
                "{}: the class folders lie further down; name {} instead",
                escaped(path),
                escaped(inside)
            ),
            Self::EmptyClass { path } => {
                format!("{}: no photo in this class folder; add photos or remove it", escaped(path))
            }
            Self::EmptyPart { path } => {
                format!("{}: no photo in this part; add photos or remove the folder", escaped(path))
            }
            Self::Missing(missing) => missing.to_string(),
            Self::Unknown { part, class, meant: Some(meant) } => format!(
                "'{class}' in {part} is no class of the training photos; did you mean '{meant}'? rename it"
            ),
            Self::Unknown { part, class, meant: None } => format!(
                "'{class}' in {part} is no class of the training photos; add photos of it to train or remove it"
            ),
            Self::NotText { path } => {
                format!("{}: the name of this class folder is not valid UTF-8; rename it", escaped(path))
            }
            Self::Beside { path } => {
                format!("{}: beside the parts, so nothing reads this folder", escaped(path))
            }
            Self::PartsAsClasses { names } => format!(
                "the classes are called {}, as parts are; rename the folders to train/ and val/ if that is what they \
                 hold",
                names.join(", ")
            ),
        }
    }
}

/// Looks at everything in `folder`, a folder or a CSV file that [`scan`](crate::scan) takes, with the photos of `val`
/// as the validation part if it is given. What a scan refuses is among the problems of the survey.
///
/// # Errors
/// [`Error::MissingFolder`] and [`Error::Io`] for a folder that cannot be listed; [`Error::Listing`] for a line of a
/// file.
pub fn survey(folder: &Path, val: Option<&Path>) -> Result<Survey> {
    survey_listed(folder, val, &ListedFiles::default())
}

/// Looks at `folder` as [`survey`] does, the paths in `.csv` files read as `listed` says.
///
/// # Errors
/// Those of [`survey`].
pub fn survey_listed(folder: &Path, val: Option<&Path>, listed: &ListedFiles) -> Result<Survey> {
    if is_listing(folder) {
        let mut survey = survey_of(folder, listed)?;
        if let Some(val) = val {
            survey.photos.retain(|(part, _)| *part != Part::Val);
            survey.other(val, listed, Part::Val)?;
        }
        survey.judge(folder);
        return Ok(survey);
    }
    let mut survey = Survey::default();
    let folder = &*dataset_folder(folder);
    let parts = parts_of(folder)?;
    let train = parts.as_ref().map_or(folder, |parts| &parts.train);
    survey.training(train)?;
    let (own_val, test) =
        parts.as_ref().map_or((None, None), |parts| (parts.val.as_ref(), parts.test.as_ref()));
    for (part, folder) in
        [(Part::Val, val.or(own_val.map(PathBuf::as_path))), (Part::Test, test.map(PathBuf::as_path))]
    {
        if let Some(folder) = folder {
            survey.other(folder, listed, part)?;
        }
    }
    if let Some(parts) = &parts {
        survey.beside(folder, parts)?;
    }
    survey.judge(train);
    Ok(survey)
}

/// What a file lists, whatever is wrong with its classes.
fn survey_of(file: &Path, listed: &ListedFiles) -> Result<Survey> {
    let listing = read_listing(file, listed)?;
    let mut classes = listing.classes(|row| row.part == Part::Train);
    classes.extend(listing.classes(|row| !classes.contains(&row.class)));
    let parts = [Part::Train, Part::Val, Part::Test].into_iter();
    let parts = parts.filter(|part| *part == Part::Train || listing.has(*part)).collect();
    let mut survey = Survey { classes, parts, ..Survey::default() };
    for &part in &survey.parts {
        let rows = listing.of_part(file, part, &survey.classes)?;
        let samples = rows.into_iter().map(|(class, row)| (part, Sample { path: row.path.clone(), class }));
        survey.photos.extend(samples);
    }
    Ok(survey)
}

impl Survey {
    fn training(&mut self, folder: &Path) -> Result<()> {
        self.parts.push(Part::Train);
        let folders = self.class_folders(folder)?;
        if let [(_, only)] = &folders[..]
            && let Some(inside) = dataset_in(only)
        {
            self.problems.push(Problem::TooHigh { path: folder.to_owned(), inside });
        }
        for (class, path) in folders {
            let photos = photos_below(&path, &mut self.skipped)?;
            if photos.is_empty() {
                self.problems.push(Problem::EmptyClass { path });
                continue;
            }
            self.add(Part::Train, self.classes.len(), photos);
            self.classes.push(class);
        }
        Ok(())
    }

    fn other(&mut self, folder: &Path, listed: &ListedFiles, part: Part) -> Result<()> {
        if !self.parts.contains(&part) {
            self.parts.push(part);
        }
        if is_listing(folder) {
            return self.listed(folder, listed, part);
        }
        let before = self.photos.len();
        for (class, path) in self.class_folders(&dataset_folder(folder))? {
            let photos = photos_below(&path, &mut self.skipped)?;
            let known = self.classes.iter().position(|known| *known == class);
            if known.is_none() && photos.is_empty() {
                let meant = nearest(&class, self.classes.iter().map(String::as_str)).map(str::to_owned);
                self.problems.push(Problem::Unknown { part, class, meant });
                continue;
            }
            self.add(part, known.unwrap_or(self.classes.len()), photos);
            if known.is_none() {
                self.classes.push(class);
            }
        }
        if self.photos.len() == before {
            self.problems.push(Problem::EmptyPart { path: folder.to_owned() });
        }
        Ok(())
    }

    /// The photos of a part that a file lists.
    fn listed(&mut self, file: &Path, listed: &ListedFiles, part: Part) -> Result<()> {
        let listing = read_listing(file, listed)?;
        let others = listing.classes(|row| !self.classes.contains(&row.class));
        self.classes.extend(others);
        let (samples, _) = known_samples(file, listed, &self.classes, part)?;
        self.photos.extend(samples.into_iter().map(|sample| (part, sample)));
        Ok(())
    }

    fn add(&mut self, part: Part, class: usize, photos: Vec<PathBuf>) {
        self.photos.extend(photos.into_iter().map(|path| (part, Sample { path, class })));
    }

    /// The class folders of a part; one whose name is no text is a problem.
    fn class_folders(&mut self, folder: &Path) -> Result<Vec<(String, PathBuf)>> {
        let mut beside = Vec::new();
        let found = visible_folders(folder, &mut beside)?;
        self.skipped.extend(beside.into_iter().filter(|file| file.reason == SkipReason::NoClass));
        let mut folders = Vec::new();
        for path in found {
            match class_folder(path) {
                Ok(named) => folders.push(named),
                Err(Error::PathNotText { path }) => self.problems.push(Problem::NotText { path }),
                Err(other) => return Err(other),
            }
        }
        folders.sort_by(|a, b| natural(&a.1, &b.1));
        Ok(folders)
    }

    /// What lies beside the parts of a folder.
    fn beside(&mut self, folder: &Path, parts: &Parts) -> Result<()> {
        let mut files = Vec::new();
        let read = [Some(&parts.train), parts.val.as_ref(), parts.test.as_ref()];
        // A part in shards is a pattern in its folder.
        let is_read = |path: &PathBuf| read.iter().flatten().any(|part| part.starts_with(path));
        let others = visible_folders(folder, &mut files)?.into_iter().filter(|path| !is_read(path));
        self.problems.extend(others.map(|path| Problem::Beside { path }));
        self.skipped.extend(files.into_iter().filter(|file| file.reason == SkipReason::NoClass));
        Ok(())
    }

    /// What is wrong with the classes, once all parts are known. `train` is what names the training part.
    pub(crate) fn judge(&mut self, train: &Path) {
        self.photos.sort_by_key(|(part, sample)| (*part, sample.class));
        let of = |part: Part| -> HashSet<usize> {
            self.photos.iter().filter(|(own, _)| *own == part).map(|(_, sample)| sample.class).collect()
        };
        let known = of(Part::Train);
        let name = |class: usize| self.classes[class].as_str();
        let mut problems = Vec::new();
        match known.iter().next() {
            None => {
                problems.push(Problem::NoClasses { path: train.to_owned(), list: listing_in(train) });
            }
            // Told of the folder already.
            Some(_) if self.problems.iter().any(|problem| matches!(problem, Problem::TooHigh { .. })) => {}
            Some(&class) if known.len() == 1 => {
                let list = listing_in(train);
                problems.push(Problem::OneClass { class: name(class).to_owned(), list });
            }
            Some(_) => {}
        }
        let mut learned: Vec<usize> = known.iter().copied().collect();
        learned.sort_unstable();
        for &part in self.parts.iter().filter(|part| **part != Part::Train) {
            let found = of(part);
            // Told as a whole.
            if found.is_empty() {
                continue;
            }
            let mut unknown: Vec<usize> = found.difference(&known).copied().collect();
            unknown.sort_unstable();
            let missing: Vec<usize> =
                learned.iter().copied().filter(|class| !found.contains(class)).collect();
            // A name that is there already was not meant by another.
            let near = |class: usize| nearest(name(class), missing.iter().map(|&class| name(class)));
            let meant: Vec<Option<String>> =
                unknown.iter().map(|&class| near(class).map(str::to_owned)).collect();
            for (&class, meant) in unknown.iter().zip(&meant) {
                problems.push(Problem::Unknown { part, class: name(class).to_owned(), meant: meant.clone() });
            }
            // What was meant by another name is told once.
            let missing = missing
                .into_iter()
                .map(name)
                .filter(|name| !meant.iter().flatten().any(|meant| meant == name));
            problems.extend(
                missing.map(|class| Problem::Missing(MissingClass { part, class: class.to_owned() })),
            );
        }
        let called_parts = |class: &&String| PART_NAMES.iter().any(|part| class.eq_ignore_ascii_case(part));
        let names: Vec<String> = self.classes.iter().filter(called_parts).cloned().collect();
        if names.len() > 1 {
            problems.push(Problem::PartsAsClasses { names });
        }
        self.problems.extend(problems);
    }
}
