//! `train --features`: what was made of the photos before, by `icecap extract`, in one file or in many, is trained on in their
//! place.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use icecap::advanced::data::{self, Inventory};
use icecap::advanced::graph::Tap;
use icecap::learn::{GivenFeatures, SkippedPhoto};
use icecap::model::{Precision, Preprocessing, Progress};
use icecap::{Backbone, Dataset, Error, Event};
use icecap_records::{FeatureFile, Format};

use super::copies::DUPLICATES;
use super::options::Options;
use super::report::Report;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::stderr::note;
use crate::terminal::wording::{counted, plain, plain_path};

/// What has to be the same of all parts, and of the weights, by the keys of their metadata.
const SAME: [&str; 5] = ["params_sha256", "preprocessing", "tap", "precision", "integers_sha256"];
/// How many rows go by between two signs of progress.
const STRIDE: usize = 1024;

/// Files of features, opened.
pub(super) struct FeatureParts {
    files: Vec<FeatureFile>,
    /// The photos that could not be read when the features were made.
    skipped: Vec<SkippedPhoto>,
    /// The folder in which all photos lay.
    root: PathBuf,
}

impl FeatureParts {
    /// Opens the files that are named; `None` if photos are trained on.
    pub(super) fn open(options: &Options) -> Result<Option<Self>, Failure> {
        if options.features.is_empty() {
            return Ok(None);
        }
        check_options(options)?;
        let mut files = Vec::new();
        for path in named(&options.features)? {
            files.push(FeatureFile::open(&path)?);
        }
        check_alike(&files)?;
        check_once(&files)?;
        tell_shares(&files);
        let heads = || files.iter().flat_map(|file| file.heads());
        let skipped = heads().filter_map(|head| {
            let (path, reason) = (PathBuf::from(&head.path), head.error.as_ref()?);
            Some(SkippedPhoto { reason: format!("{}: {reason}", path.display()), path })
        });
        let skipped = skipped.collect();
        let root = common_folder(heads().map(|head| Path::new(&head.path)));
        Ok(Some(Self { files, skipped, root }))
    }

    /// Returns the folder in which all photos lay.
    pub(super) fn roots(&self) -> Vec<PathBuf> {
        vec![self.root.clone()]
    }

    /// Returns the photos that have features and a class, as a scan of their folder finds them.
    pub(super) fn inventory(&self) -> Result<Inventory, Failure> {
        let (mut photos, mut classes, mut without) = (Vec::new(), BTreeSet::new(), 0);
        for file in &self.files {
            classes.extend(file.classes().unwrap_or_default());
            for head in file.heads().iter().filter(|head| head.error.is_none()) {
                match &head.label {
                    Some(label) => photos.push((PathBuf::from(&head.path), label.clone())),
                    None => without += 1,
                }
            }
        }
        if without > 0 {
            note(&format!("passed over {} without a class", counted(without, "row")));
        }
        let classes: Vec<String> = classes.into_iter().collect();
        let inventory = Inventory::of_paths(photos, &classes);
        match &inventory.classes[..] {
            [_, _, ..] => Ok(inventory),
            few => {
                let message = format!(
                    "--features: rows of {}, and a classifier tells at least two apart; extract from the folder that holds the \
                     folders of the classes",
                    few.first()
                        .map_or("no class".to_owned(), |class| format!("the class '{}' alone", plain(class)))
                );
                Err(Failure::new(Code::Content, message))
            }
        }
    }

    /// Refuses weights, or photos prepared in a way, other than those by which the features were made.
    pub(super) fn check(
        &self,
        options: &Options,
        backbone: &Backbone,
        preprocessing: Preprocessing,
    ) -> Result<(), Failure> {
        let Some(first) = self.files.first() else { return Ok(()) };
        let path = plain_path(first.path());
        if options.backbone.runner.precision == Some(Precision::Int8)
            && backbone.precision() == Precision::F32
        {
            let message = "--precision int8: a net is calibrated with photos, and there are features alone; name a model in int8 \
                           with --weights, and features that were extracted with it";
            return Err(Failure::new(Code::Arguments, message));
        }
        let own = ways(backbone, preprocessing);
        for key in SAME {
            let (here, remedy) = &own[key];
            let there = value(first, key)?;
            if there != *here {
                let message = format!(
                    "{path}: its {key} is {}, and here it is {}; {remedy}",
                    plain(&there),
                    plain(here)
                );
                return Err(Failure::new(Code::Content, message));
            }
        }
        match self.files.iter().find(|file| file.row_len().is_some_and(|len| len != backbone.features())) {
            None => Ok(()),
            Some(file) => {
                let (len, needed) = (file.row_len().unwrap_or(0), backbone.features());
                let message =
                    format!("{}: rows of {len} numbers, and the net gives {needed}", plain_path(file.path()));
                Err(Failure::new(Code::Content, message))
            }
        }
    }

    /// Reads the features, each into its place in the training; and returns the photos that have none.
    pub(super) fn given<'d>(
        &self,
        dataset: &'d Dataset,
        report: &Report<'_>,
    ) -> Result<(GivenFeatures<'d>, Vec<SkippedPhoto>), icecap_records::Error> {
        let len = self.files.iter().find_map(FeatureFile::row_len).unwrap_or(0);
        let mut given = GivenFeatures::new(dataset, len)?;
        let (mut done, photos) = (0, dataset.samples().count());
        for file in &self.files {
            file.each(&mut |row, features| {
                let head = &file.heads()[row];
                done += usize::from(given.put(Path::new(&head.path), head.sha256, features)?);
                if (row + 1).is_multiple_of(STRIDE)
                    && report.event(Event::Extracting(Progress { done, photos })).is_break()
                {
                    return Err(Error::Stopped.into());
                }
                Ok(())
            })?;
        }
        Ok((given, self.skipped.clone()))
    }
}

/// How features are made here, by the keys of their metadata, and what to do where others were made otherwise.
fn ways(backbone: &Backbone, preprocessing: Preprocessing) -> BTreeMap<&'static str, (String, &'static str)> {
    BTreeMap::from([
        ("params_sha256", (backbone.record().params_sha256.to_string(), "name its weights with --weights")),
        (
            "preprocessing",
            (preprocessing.to_string(), "give the options that it was extracted with, as --size"),
        ),
        ("tap", (Tap::Pooled.to_string(), "extract without --maps")),
        (
            "precision",
            (backbone.precision().to_string(), "name the weights or the model that it was extracted with"),
        ),
        (
            "integers_sha256",
            (
                backbone.quantization().map_or(NONE.to_owned(), |_| backbone.net_sha256().to_string()),
                "name the model that it was extracted with",
            ),
        ),
    ])
}

/// What stands for a key that is left out where it would say nothing.
const NONE: &str = "none";

/// The value of a key that all parts have to share.
fn value(file: &FeatureFile, key: &str) -> Result<String, Failure> {
    match (file.metadata().get(key), key) {
        (Some(value), _) => Ok(value.clone()),
        (None, "precision") => Ok(Precision::F32.to_string()),
        (None, "integers_sha256") => Ok(NONE.to_owned()),
        (None, key) => {
            let message = format!(
                "{}: has no {key} in its metadata, so nothing says how its features were made; keep the metadata of the file that \
                 icecap extract wrote",
                plain_path(file.path())
            );
            Err(Failure::new(Code::Content, message))
        }
    }
}

/// The files among what is named, and in the folders among that.
fn named(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        // Systems leave hidden files under the names of others.
        let names =
            data::names_in(path).into_iter().filter(|(name, is_folder)| !is_folder && !name.starts_with('.'));
        let found: BTreeSet<PathBuf> = names
            .map(|(name, _)| path.join(name))
            .filter(|file| Format::of(file).is_ok_and(Format::is_read))
            .collect();
        if found.is_empty() {
            return Err(Failure::path(
                path,
                "holds no .parquet and no .safetensors file; name files of features",
            ));
        }
        files.extend(found);
    }
    Ok(files)
}

/// Refuses options that need photos.
fn check_options(options: &Options) -> Result<(), Failure> {
    let needing = [
        ("--unfreeze", options.training.tuning.unfreeze.is_some()),
        ("--augment", options.augment.augment.is_some()),
        ("--try", !options.tries.is_empty()),
        ("--group duplicates", options.group.as_deref() == Some(DUPLICATES)),
    ];
    options.dataset.listed.of(std::iter::empty())?;
    match needing.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((option, _)) => {
            let message = format!(
                "{option}: needs the photos, and there are features alone; leave it out, or train on the photos"
            );
            Err(Failure::new(Code::Arguments, message))
        }
    }
}

/// Refuses parts that cannot be learned from together.
fn check_alike(files: &[FeatureFile]) -> Result<(), Failure> {
    let Some((first, others)) = files.split_first() else { return Ok(()) };
    for key in SAME {
        let of_first = value(first, key)?;
        for other in others {
            let value = value(other, key)?;
            if value != of_first {
                let message = format!(
                    "{}: its {key} is {}, and that of {} is {}; features made in two ways are not learned from together",
                    plain_path(other.path()),
                    plain(&value),
                    plain_path(first.path()),
                    plain(&of_first)
                );
                return Err(Failure::new(Code::Content, message));
            }
        }
    }
    for key in ["isa", "numeric_version"] {
        let values: BTreeSet<&str> =
            files.iter().filter_map(|file| file.metadata().get(key).map(String::as_str)).collect();
        if values.len() > 1 {
            let values: Vec<&str> = values.into_iter().collect();
            note(&format!(
                "note: parts are of another {key} each ({}): the last digits of features differ between them",
                plain(&values.join(", "))
            ));
        }
    }
    Ok(())
}

/// Refuses a photo that stands in two places, by the files that have it.
fn check_once(files: &[FeatureFile]) -> Result<(), Failure> {
    let mut known: HashMap<&str, &Path> = HashMap::new();
    for file in files {
        for head in file.heads() {
            if let Some(first) = known.insert(&head.path, file.path()) {
                let (photo, second) = (plain(&head.path), plain_path(file.path()));
                let message = match first == file.path() {
                    true => format!("{second}: has {photo} twice; leave one of them out"),
                    false => format!(
                        "{second}: has {photo}, and so has {}; leave one of the files out",
                        plain_path(first)
                    ),
                };
                return Err(Failure::new(Code::Content, message));
            }
        }
    }
    Ok(())
}

/// Says which shares are missing, where the parts are shares of one list.
fn tell_shares(files: &[FeatureFile]) {
    let share = |file: &FeatureFile| -> Option<(u32, u32)> {
        let (number, of) = file.metadata().get("shard")?.split_once('/')?;
        Some((number.parse().ok()?, of.parse().ok()?))
    };
    let Some(shares) = files.iter().map(share).collect::<Option<BTreeSet<(u32, u32)>>>() else { return };
    let counts: BTreeSet<u32> = shares.iter().map(|(_, of)| *of).collect();
    let Some(&of) = counts.first().filter(|_| counts.len() == 1) else { return };
    let missing = u64::from(of).saturating_sub(shares.len() as u64);
    if missing > 0 {
        let first = (1..=of).find(|number| !shares.contains(&(*number, of))).unwrap_or(of);
        note(&format!(
            "note: {missing} of {of} shares are not among the parts, the first of them {first}/{of}"
        ));
    }
}

/// The deepest folder that holds all of `paths`.
fn common_folder<'p>(mut paths: impl Iterator<Item = &'p Path>) -> PathBuf {
    let mut common = paths.next().and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
    for path in paths {
        while !path.starts_with(&common) && common.pop() {}
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_all_photos_is_the_deepest_that_holds_them() {
        let of = |paths: &[&str]| common_folder(paths.iter().map(|path| Path::new(*path)));
        assert_eq!(of(&["photos/a/1", "photos/a/2", "photos/b/1"]), Path::new("photos"));
        assert_eq!(of(&["/x/train/a/1", "/x/val/a/2"]), Path::new("/x"));
        assert_eq!(of(&["a/1", "b/1"]), Path::new(""));
        assert_eq!(of(&["photos/ab/1", "photos/a/1"]), Path::new("photos"));
        assert_eq!(of(&[]), Path::new(""));
    }
}
