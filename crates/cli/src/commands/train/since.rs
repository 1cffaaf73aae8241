//! `--since RUN`: photos or classes came later.
//!
//! The head is trained anew on all photos, which costs an instant; the features of those that were there before come from
//! the cache. What must not happen is that a photo on which the old model was tried becomes one that the new one learns
//! from, or the other way round: then neither the new accuracy nor the comparison would mean anything. So photos keep
//! the part that they had, and only new ones are split. Then both models are tried on the same validation photos,
//! without those that the old one has learned from; photos of classes that it does not know are counted apart.

mod compare;
mod known;
mod text;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use icecap::advanced::data::{Cache, Groups, Inventory, Part, Sample, read_split, split, split_groups};
use icecap::advanced::graph::UnknownPrecision;
use icecap::advanced::kernels::jpeg::Dct;
use icecap::{Backbone, Classifier, Dataset, Error, Trained};

use super::copies::DUPLICATES;
use super::options::Options;
use crate::options::input_size::InputSize;
use crate::run::arguments::Basis;
use crate::run::files::{ARGUMENTS, MODEL, SPLIT};
use crate::run::since::{Changes, Comparison};
use crate::terminal::failure::{Code, Failure};
use crate::terminal::stderr::note;
use crate::terminal::wording::{counted, plain_path};

use compare::Earlier;
use known::Known;
pub(super) use text::text;

/// An earlier run beside a new one.
pub(super) struct Since {
    run: PathBuf,
    changes: Changes,
    /// Photos of the new run that the old model has learned from.
    learned: HashSet<PathBuf>,
}

/// An earlier run whose model is open.
pub(super) struct Opened {
    run: PathBuf,
    changes: Changes,
    earlier: Earlier,
}

/// Returns `options` with what they leave open filled in from the run that they name.
pub(crate) fn taking_up(mut options: Options) -> Result<Options, Failure> {
    let Some(run) = folder(&options) else { return Ok(options) };
    let Basis { weights, ema, size, resize, dct, precision, hidden, unfreeze, group, .. } =
        Basis::read(&run)?;
    group_of(&mut options, group)?;
    if let (Some(units), None) = (hidden, options.training.hidden) {
        note(&format!(
            "note: the head of {} has a hidden layer of {}, and the new one has none; --hidden {units} gives it one",
            plain_path(&run),
            counted(units as usize, "unit")
        ));
    }
    if let (Some(block), None) = (unfreeze, options.training.tuning.unfreeze) {
        note(&format!(
            "note: {} was trained with --unfreeze {block}, and the net learns no more without it; give it again if it is to",
            plain_path(&run)
        ));
    }
    if options.backbone.weights.is_none() {
        options.backbone.weights = Some(weights.into());
        options.backbone.averages.ema |= ema;
    }
    let precision = precision.map(|name| name.parse()).transpose();
    let precision = precision.map_err(|error: UnknownPrecision| {
        Failure::new(Code::Content, format!("{}: precision: {error}", run.join(ARGUMENTS).display()))
    })?;
    options.backbone.runner.precision = options.backbone.runner.precision.or(precision);
    options.input.size = options.input.size.or(Some(InputSize(size)));
    if options.input.resize.is_none() {
        options.input.resize = Some(resize.parse().map_err(Error::from)?);
    }
    if options.input.dct.is_none() {
        // Runs of builds that knew one transform alone had the accurate one.
        let dct = dct.map_or(Ok(Dct::Accurate), |text| text.parse());
        options.input.dct = Some(dct.map_err(Error::from)?);
    }
    Ok(options)
}

/// Takes over that copies stay together. A rule on paths is of no use here: the photos have their parts.
fn group_of(options: &mut Options, group: Option<String>) -> Result<(), Failure> {
    match options.group.as_deref() {
        Some(rule) if rule != DUPLICATES => {
            let message = "--group cannot be a rule where --since names a run: its photos keep the part that they had; \
                           only --group duplicates can be given";
            return Err(Failure::new(Code::Arguments, message));
        }
        Some(_) => {}
        None => options.group = group.filter(|group| group == DUPLICATES),
    }
    Ok(())
}

/// Returns the folder of the run that is named, by itself or by its model.
fn folder(options: &Options) -> Option<PathBuf> {
    let named = options.since.as_deref()?;
    let parent = named.parent().filter(|_| named.is_file());
    Some(parent.unwrap_or(named).to_owned())
}

impl Since {
    /// Looks for the photos of `dataset` in the run that the options name, and gives them the parts that they had there.
    /// Returns `None` if no run is named.
    pub(super) fn begin(
        options: &Options,
        inventory: &Inventory,
        dataset: &mut Dataset,
    ) -> Result<Option<Self>, Failure> {
        let Some(run) = folder(options) else { return Ok(None) };
        let Basis { seed, val_split, .. } = Basis::read(&run)?;
        let rows = read_split(&run.join(SPLIT))?;
        let before: Vec<(PathBuf, String)> = (dataset.samples())
            .map(|(_, sample)| (sample.path.clone(), dataset.classes[sample.class].clone()))
            .collect();
        let known = Known::find(&rows, &before);
        if inventory.val.is_none() {
            keep_parts(dataset, inventory, &known, val_split, seed)?;
        }
        let changes = Changes {
            new_classes: without(dataset.classes.iter(), rows.iter().map(|row| &row.class)),
            gone_classes: without(rows.iter().map(|row| &row.class), dataset.classes.iter()),
            ..known.changes(rows.len(), &before)
        };
        let learned = known.parts.into_iter().filter(|(_, part)| *part == Part::Train).map(|(path, _)| path);
        Ok(Some(Self { run, changes, learned: learned.collect() }))
    }

    /// Opens the run's model, over the new run's backbone if it is the same.
    pub(super) fn open(self, backbone: &Backbone) -> Result<Opened, Failure> {
        let file = self.run.join(MODEL);
        let model = match Classifier::builder().backbone(backbone).open(&file) {
            Err(Error::OtherBackbone { .. } | Error::OtherPrecision { .. }) => Classifier::open(&file),
            opened => opened,
        }?;
        Ok(Opened { run: self.run, changes: self.changes, earlier: Earlier { model, learned: self.learned } })
    }
}

impl Opened {
    /// Tries both models on the validation photos of the new run.
    pub(super) fn compare(self, trained: &Trained, cache: Option<Arc<Cache>>) -> Result<Comparison, Failure> {
        let Self { run, changes, earlier } = self;
        let compared = compare::compare(&earlier, trained, cache)?;
        Ok(Comparison { run: run.to_string_lossy().into_owned(), changes, ..compared })
    }
}

/// Returns the names among `these` that are not among `those`, each once.
fn without<'a>(
    these: impl Iterator<Item = &'a String>,
    those: impl Iterator<Item = &'a String>,
) -> Vec<String> {
    let those: BTreeSet<&String> = those.collect();
    let these: BTreeSet<&String> = these.filter(|name| !those.contains(name)).collect();
    these.into_iter().cloned().collect()
}

/// Gives each photo the part that it had, and splits those that had none, class by class. One whose group, as a list names
/// it, was there goes where the group is; new groups stay whole.
fn keep_parts(
    dataset: &mut Dataset,
    inventory: &Inventory,
    known: &Known,
    share: f64,
    seed: u64,
) -> Result<(), Failure> {
    let place: HashMap<&Path, usize> =
        inventory.train.iter().enumerate().map(|(at, sample)| (sample.path.as_path(), at)).collect();
    let mut all: Vec<Sample> = dataset.train.drain(..).chain(dataset.val.drain(..)).collect();
    // The order in which they would stand without a split, so that it does not depend on one.
    all.sort_by_key(|sample| place.get(sample.path.as_path()).copied());
    let groups = &inventory.groups;
    let mut of_group: HashMap<&str, Part> = HashMap::new();
    for sample in &all {
        if let (Some(&part), Some(group)) = (known.parts.get(&sample.path), groups.get(&sample.path)) {
            let of = of_group.entry(group).or_insert(part);
            // What was learned from once is not tried.
            *of = if part == Part::Train { part } else { *of };
        }
    }
    let had = |sample: &Sample| {
        let by_group = || of_group.get(groups.get(&sample.path)?.as_str());
        known.parts.get(&sample.path).or_else(by_group).copied()
    };
    let new: Vec<Sample> = all.iter().filter(|sample| had(sample).is_none()).cloned().collect();
    let labels: Vec<usize> = new.iter().map(|sample| sample.class).collect();
    let parts = match groups.is_empty() {
        true => split(&labels, share, seed)?,
        false => split_groups(&labels, &Groups::listed(new.iter(), groups).numbers(&new), share, seed)?,
    };
    let mut drawn = parts.into_iter();
    for sample in all {
        let part = had(&sample).or_else(|| drawn.next());
        match part {
            Some(Part::Val | Part::Test) => dataset.val.push(sample),
            _ => dataset.train.push(sample),
        }
    }
    if dataset.val.is_empty() { Err(Error::NoValidation { share }.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_keep_their_part_and_new_ones_are_split_by_class() {
        let sample = |class: usize, number: usize| Sample { path: format!("{class}/{number}").into(), class };
        let train: Vec<Sample> =
            (0..2).flat_map(|class| (0..30).map(move |number| sample(class, number))).collect();
        let inventory = Inventory { classes: vec!["a".into(), "b".into()], train, ..Inventory::default() };
        // Of the first class all but ten were there before.
        let mut parts = HashMap::new();
        for number in 0..20 {
            parts.insert(sample(0, number).path, if number < 13 { Part::Train } else { Part::Val });
        }
        let known = Known { parts, same: 20 };
        let mut dataset = Dataset::new(&inventory, 0.5, 9).unwrap();
        keep_parts(&mut dataset, &inventory, &known, 0.2, 0).unwrap_or_else(|failure| panic!("{failure:?}"));
        let numbers = |samples: &[Sample], class: usize| -> Vec<usize> {
            let of = samples.iter().filter(|sample| sample.class == class);
            of.map(|sample| sample.path.file_name().unwrap().to_str().unwrap().parse().unwrap()).collect()
        };
        let (learned, tried) = (numbers(&dataset.train, 0), numbers(&dataset.val, 0));
        assert_eq!(learned[..13], (0..13).collect::<Vec<_>>());
        assert_eq!(tried[..7], (13..20).collect::<Vec<_>>());
        assert_eq!((learned.len(), tried.len()), (13 + 8, 7 + 2));
        assert_eq!((numbers(&dataset.train, 1).len(), numbers(&dataset.val, 1).len()), (24, 6));
    }

    #[test]
    fn a_new_photo_goes_where_its_group_is_and_new_groups_stay_whole() {
        let sample = |number: usize| Sample { path: number.to_string().into(), class: number % 2 };
        let train: Vec<Sample> = (0..80).map(sample).collect();
        // Groups of four, of both classes; the first photo of each of the first eight was there before.
        let groups =
            train.iter().enumerate().map(|(at, of)| (of.path.clone(), format!("g{}", at / 4))).collect();
        let inventory =
            Inventory { classes: vec!["a".into(), "b".into()], train, groups, ..Inventory::default() };
        let part = |group: usize| if group.is_multiple_of(2) { Part::Train } else { Part::Val };
        let parts = (0..8).map(|group| (sample(group * 4).path, part(group))).collect();
        let known = Known { parts, same: 8 };
        let mut dataset = Dataset::whole(&inventory);
        keep_parts(&mut dataset, &inventory, &known, 0.25, 0).unwrap_or_else(|failure| panic!("{failure:?}"));
        let groups_of = |samples: &[Sample]| -> BTreeSet<usize> {
            samples.iter().map(|of| of.path.to_str().unwrap().parse::<usize>().unwrap() / 4).collect()
        };
        let (learned, tried) = (groups_of(&dataset.train), groups_of(&dataset.val));
        assert!(learned.is_disjoint(&tried), "{learned:?} {tried:?}");
        assert!((0..8).all(|group| tried.contains(&group) == (part(group) == Part::Val)));
        assert_eq!(tried.len(), 4 + 3);
    }
}
