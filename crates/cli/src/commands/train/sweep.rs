//! `train --try`: combinations of settings judged by folds of the training photos, and a table of them.
//!
//! Photos that become the same features are read once for all combinations that share them, and lie in the cache for the run
//! that follows. It is trained with the combination that is chosen, as if that had been typed.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use icecap::advanced::data::{Cache, Groups};
use icecap::learn::{Gain, Judged, choose};
use icecap::model::Preprocessing;
use icecap::{Backbone, Dataset, Error, Event, TrainOptions, Trainer};

use super::epoch_table::figure;
use super::feature_parts::FeatureParts;
use super::options::Options;
use super::plan::{Combination, Plan, told};
use super::quantize;
use super::unfinished::Unfinished;
use crate::photos::skipped;
use crate::run::tried::{Tried, TriedRow};
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::lock::lock;
use crate::terminal::progress::Progress;
use crate::terminal::stderr::note;
use crate::terminal::table::table;
use crate::terminal::wording::{counted, plain};

/// What a training is on, and what the combinations are tried on.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) options: &'a Options,
    pub(super) dataset: &'a Dataset,
    /// What was made of the photos before, if that is trained on.
    pub(super) parts: Option<&'a FeatureParts>,
    pub(super) opened: &'a Backbone,
    pub(super) cache: Option<&'a Arc<Cache>>,
    pub(super) groups: Option<&'a Groups>,
    pub(super) unfinished: &'a Unfinished,
}

/// What came of it.
pub(super) struct Swept {
    /// The options of the run, with the settings that were chosen.
    pub(super) options: Options,
    /// The photos that can be read.
    pub(super) dataset: Dataset,
    pub(super) tried: Tried,
    pub(super) seconds: f64,
}

impl Plan {
    /// Judges the combinations, tells of them, and chooses.
    pub(super) fn sweep(&self, ground: &Ground<'_>) -> Result<Swept, Failure> {
        let started = Instant::now();
        let options = ground.options;
        ground.options.say(&format!(
            "trying      {} of {}, by folds of the training photos\n",
            counted(self.combinations.len(), "combination"),
            self.names.join(", ")
        ))?;
        if options.training.tuning.unfreeze.is_some() {
            note("note: what --try chooses is chosen for the head alone; the net is tuned after it");
        }
        let dataset = ground.readable(&self.combinations[0])?;
        let ground = &Ground { dataset: &dataset, ..*ground };
        let mut judged: Vec<Option<Judged>> = vec![None; self.combinations.len()];
        let begun = Instant::now();
        for index in 0..self.combinations.len() {
            if judged[index].is_none() {
                self.judge_alike(index, ground, begun, &mut judged)?;
            }
        }
        let judged: Vec<Judged> = judged.into_iter().flatten().collect();
        let taken = choose(&judged);
        ground.options.say(&self.text(&judged, taken))?;
        Ok(Swept {
            options: self.combinations[taken].over(options),
            dataset: dataset.clone(),
            tried: self.tried(&judged, taken),
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// Judges the combination at `index`, and all others whose photos become the same features.
    fn judge_alike(
        &self,
        index: usize,
        ground: &Ground<'_>,
        begun: Instant,
        judged: &mut [Option<Judged>],
    ) -> Result<(), Failure> {
        let first = &self.combinations[index];
        let alike: Vec<usize> = (0..self.combinations.len())
            .filter(|&other| self.combinations[other].is_read_as(first))
            .collect();
        let heads: Vec<TrainOptions> =
            alike.iter().map(|&index| self.combinations[index].head.clone()).collect();
        let done = judged.iter().flatten().count();
        let bar = || Progress::over("trying", judged.len(), "combinations").going_on(begun, done);
        let found = ground.judged(first, &heads, (done, &bar))?;
        for (index, found) in alike.into_iter().zip(found) {
            judged[index] = Some(found);
        }
        Ok(())
    }

    /// Returns the table, and what was made of it.
    fn text(&self, judged: &[Judged], taken: usize) -> String {
        let rows = self.combinations.iter().zip(judged).enumerate().map(|(index, (combination, of))| {
            let mut row = vec![if index == taken { "*" } else { "" }.to_owned()];
            let value = |name: &&str| combination.value(name).unwrap_or("–").to_owned();
            row.extend(self.names.iter().map(value));
            let diverged = !of.loss.is_finite();
            row.push(if diverged { "diverged".to_owned() } else { accuracy(of) });
            row.push(if diverged { "–".to_owned() } else { figure(of.loss as f32) });
            let gain = if index == 0 { None } else { of.gain(&judged[0]) };
            row.push(gain.map_or("–".to_owned(), |gain| format!("{:+.4} ± {:.4}", -gain.mean, gain.error)));
            row.push(format!("{:.2}", of.time.as_secs_f64()));
            row
        });
        let header = [&[""], &self.names[..], &["accuracy", "loss", "against the first", "seconds"]].concat();
        let right: Vec<usize> = (self.names.len() + 1..header.len()).collect();
        format!("\n{}\n{}\n", table(&header, &right, rows), self.verdict(judged, taken))
    }

    fn verdict(&self, judged: &[Judged], taken: usize) -> String {
        let Judged { folds, photos, .. } = judged[0];
        let mut text = format!(
            "Means over {} of {}, ± the spread of the accuracy from fold to fold; the loss is\ncalibrated. Validation photos \
             have no part in this.\n",
            counted(folds, "fold"),
            counted(photos, "training photo")
        );
        let name = |index: usize| told(&self.combinations[index].settings);
        text += &match (taken, best_other(judged)) {
            (0, Some((other, Gain { mean, error }))) if mean > 0.0 => format!(
                "chosen      {}: the first, for {} is better by {mean:.4} ± {error:.4}, which may be chance\n",
                name(0),
                name(other)
            ),
            (0, _) => format!("chosen      {}: the first, and none has a smaller loss\n", name(0)),
            (_, Some((_, Gain { mean, error }))) => format!(
                "chosen      {}: its loss is {mean:.4} ± {error:.4} less than that of the first\n",
                name(taken)
            ),
            (_, None) => format!("chosen      {}: the training diverged by the first\n", name(taken)),
        };
        text
    }

    /// Returns what the run keeps.
    fn tried(&self, judged: &[Judged], taken: usize) -> Tried {
        let row = |(index, (combination, of)): (usize, (&Combination, &Judged))| {
            let gain = of.gain(&judged[0]);
            let known = |value: f64| of.loss.is_finite().then_some(value);
            TriedRow {
                settings: (combination.settings.iter())
                    .map(|(name, value)| ((*name).to_owned(), value.clone()))
                    .collect(),
                accuracy: known(of.accuracy),
                spread: known(of.spread),
                loss: known(of.loss),
                gain: gain.map(|gain| gain.mean),
                gain_error: gain.map(|gain| gain.error),
                seconds: Some(of.time.as_secs_f64()),
                chosen: index == taken,
            }
        };
        Tried {
            folds: judged[0].folds as u64,
            photos: judged[0].photos as u64,
            combinations: self.combinations.iter().zip(judged).enumerate().map(row).collect(),
        }
    }
}

fn accuracy(of: &Judged) -> String {
    match of.folds {
        // One fold has no spread.
        1 => format!("{:.4}", of.accuracy),
        _ => format!("{:.4} ± {:.4}", of.accuracy, of.spread),
    }
}

/// The combination behind the first with the least loss, and what it gains.
fn best_other(judged: &[Judged]) -> Option<(usize, Gain)> {
    let best = (1..judged.len()).min_by(|&a, &b| judged[a].loss.total_cmp(&judged[b].loss))?;
    Some((best, judged[best].gain(&judged[0])?))
}

impl Ground<'_> {
    /// Reads all photos as `combination` says, and returns those that can be read: where there are no validation photos, these
    /// make the split. Tells of the others.
    fn readable(&self, combination: &Combination) -> Result<Dataset, Failure> {
        let (trainer, _) = self.trainer(combination)?;
        let progress = Mutex::new(Some(Progress::new("features", self.dataset.samples().count())));
        let readable = trainer.readable(self.dataset, &|event| {
            match event {
                Event::Extracting(now) => {
                    lock(&progress).iter().for_each(|progress| progress.set(now.done));
                }
                Event::Extracted(photos) => {
                    drop(lock(&progress).take());
                    skipped::photos(&photos.skipped);
                }
                _ => {}
            }
            interrupt::flow()
        });
        drop(lock(&progress).take());
        readable.map_err(|error| self.failure(error))
    }

    /// A trainer that reads photos as `combination` says, and how it makes pixels of them.
    fn trainer(&self, combination: &Combination) -> Result<(Trainer, Preprocessing), Failure> {
        let options = combination.over(self.options);
        let preprocessing = options.input.over(Preprocessing::for_training(self.opened)?);
        let backbone =
            quantize::quantized(&options, self.opened, self.dataset, preprocessing, self.unfinished)?;
        let trainer = options
            .trainer(combination.head.clone(), &backbone)?
            .preprocessing(preprocessing)
            .cache(self.cache.cloned())
            .groups(self.groups.cloned());
        Ok((trainer, preprocessing))
    }

    fn failure(&self, error: Error) -> Failure {
        match error {
            Error::Stopped => self.unfinished.stopped(),
            // Nobody asked for folds.
            Error::Folds { class, photos, .. } if self.options.folds.is_none() => Failure::new(
                Code::Arguments,
                format!(
                    "--try: settings are judged by folds of the training photos, and class '{}' has {photos} of them, too few \
                     for two folds; add photos, or leave --try out",
                    plain(&class)
                ),
            ),
            error => error.into(),
        }
    }

    /// Judges heads on photos that are read as `combination` says, `done` others before them, and shows how far all are by a
    /// `bar`.
    fn judged(
        &self,
        combination: &Combination,
        heads: &[TrainOptions],
        (done, bar): (usize, &(dyn Fn() -> Progress + Sync)),
    ) -> Result<Vec<Judged>, Failure> {
        let (trainer, preprocessing) = self.trainer(combination)?;
        let progress = Mutex::new(Some(Progress::new("features", self.dataset.train.len())));
        let told = Mutex::new(Ok(()));
        let judged = trainer.judge(self.dataset, heads, &|event| {
            match event {
                Event::Extracting(now) => {
                    lock(&progress).iter().for_each(|progress| progress.set(now.done));
                }
                Event::Extracted(photos) => {
                    let seconds = lock(&progress).take().map_or(0.0, |progress| progress.seconds());
                    let outcome = self.options.say(&format!(
                        "features    of {} for {preprocessing} in {seconds:.2} s, {} of them from the cache\n",
                        counted(photos.read, "training photo"),
                        photos.cached
                    ));
                    *lock(&progress) = Some(bar());
                    if outcome.is_err() {
                        *lock(&told) = outcome;
                        return ControlFlow::Break(());
                    }
                }
                Event::Judged { ways } => {
                    lock(&progress).iter().for_each(|progress| progress.set(done + ways));
                }
                _ => {}
            }
            interrupt::flow()
        });
        drop(lock(&progress).take());
        std::mem::replace(&mut *lock(&told), Ok(()))?;
        judged.map_err(|error| self.failure(error))
    }
}
