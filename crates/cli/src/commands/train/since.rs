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

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use icecap::advanced::data::{Cache, Inventory, Part, SplitRow, read_split};
use icecap::advanced::graph::UnknownPrecision;
use icecap::advanced::kernels::jpeg::Dct;
use icecap::learn::SplitRule;
use icecap::{Backbone, Classifier, Dataset, Error, Trained};

use super::copies::DUPLICATES;
use super::options::Options;
use crate::options::input_size::InputSize;
use crate::run::basis::Basis;
use crate::run::files::{ARGUMENTS, MODEL, SPLIT};
use crate::run::since::{Changes, Comparison};
use crate::terminal::failure::{Code, Failure};
use crate::terminal::stderr::note;
use crate::terminal::wording::{counted, plain_path, typed};

use compare::Earlier;
use known::Known;
pub(super) use text::text;

/// An earlier run beside a new one.
pub(super) struct Since {
    run: PathBuf,
    /// Its photos, and which of them are there now.
    rows: Vec<SplitRow>,
    known: Known,
}

/// An earlier run whose model is open.
pub(super) struct Opened {
    run: PathBuf,
    rows: Vec<SplitRow>,
    known: Known,
    earlier: Earlier,
}

/// Returns `options` with what they leave open filled in from the run that they name.
pub(crate) fn taking_up(mut options: Options) -> Result<Options, Failure> {
    let Some(run) = folder(&options) else { return Ok(options) };
    let basis = Basis::read(&run)?;
    tell_left_out(&options, &run, &basis);
    let Basis { weights, ema, size, resize, dct, precision, hidden, unfreeze, group, .. } = basis;
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

/// Says what the run was asked for and the new one is not: what is taken over without a word would be as hard to see.
fn tell_left_out(options: &Options, run: &Path, basis: &Basis) {
    let left = [
        ("--exclude", &basis.exclude, options.dataset.excluded.exclude.is_none()),
        ("--threshold", &basis.threshold, options.threshold.is_none()),
    ];
    for (option, value, is_open) in left {
        if let (Some(value), true) = (value, is_open) {
            note(&format!(
                "note: {} was trained with {option} {}, and the new run is not; give it again if it is to hold",
                plain_path(run),
                typed(value)
            ));
        }
    }
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
    /// Looks for the photos of `inventory` in the run that the options name. Returns what it found, and the rule by which photos
    /// keep the parts that they had there; `None` if no run is named.
    pub(super) fn begin(
        options: &Options,
        inventory: &Inventory,
    ) -> Result<Option<(Self, SplitRule)>, Failure> {
        let Some(run) = folder(options) else { return Ok(None) };
        let Basis { seed, val_split, .. } = Basis::read(&run)?;
        let rows = read_split(&run.join(SPLIT))?;
        let dataset = Dataset::whole(inventory);
        let before: Vec<(PathBuf, String)> = (dataset.samples())
            .map(|(_, sample)| (sample.path.clone(), dataset.classes[sample.class].clone()))
            .collect();
        let known = Known::find(&rows, &before);
        let rule = SplitRule::new(val_split, seed).had(known.parts.clone());
        Ok(Some((Self { run, rows, known }, rule)))
    }

    /// Opens the run's model, over the new run's backbone if it is the same.
    pub(super) fn open(self, backbone: &Backbone) -> Result<Opened, Failure> {
        let file = self.run.join(MODEL);
        let model = match Classifier::builder().backbone(backbone).open(&file) {
            Err(Error::OtherBackbone { .. } | Error::OtherPrecision { .. }) => Classifier::open(&file),
            opened => opened,
        }?;
        let Self { run, rows, known } = self;
        let learned = known.parts.iter().filter(|(_, part)| **part == Part::Train);
        let learned: HashSet<PathBuf> = learned.map(|(path, _)| path.clone()).collect();
        Ok(Opened { run, rows, known, earlier: Earlier { model, learned } })
    }
}

impl Opened {
    /// Tries both models on the validation photos of the new run.
    pub(super) fn compare(self, trained: &Trained, cache: Option<Arc<Cache>>) -> Result<Comparison, Failure> {
        let Self { run, rows, known, earlier } = self;
        // Of the photos that could be read, as the run's own are.
        let dataset = &trained.dataset;
        let changes = Changes {
            new_classes: without(dataset.classes.iter(), rows.iter().map(|row| &row.class)),
            gone_classes: without(rows.iter().map(|row| &row.class), dataset.classes.iter()),
            ..known.changes(rows.len(), dataset.samples().map(|(_, sample)| sample.path.as_path()))
        };
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
