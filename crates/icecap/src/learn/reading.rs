//! Reading the photos of a training: from files to features, and on the way to what enters the blocks that learn.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;

use icecap_data::{Cache, Groups, Part, Sample, Views};
use icecap_graph::Tap;

use crate::error::Error;
use crate::learn::dataset::Dataset;
use crate::learn::photo_features::{Gathered, Photos};
use crate::learn::photo_set::SkippedPhoto;
use crate::learn::tap_rows::{Seen, TapRows};
use crate::learn::trained::Event;
use crate::model::backbone::Backbone;
use crate::model::extraction::Extracted;
use crate::model::extractor::Extractor;
use crate::model::preprocessing::Preprocessing;
use crate::model::progress::Progress;
use crate::model::row_store::IN_MEMORY;
use crate::model::source::Source;

/// How the photos of a training are read.
pub(crate) struct Reading<'a> {
    pub(crate) backbone: &'a Backbone,
    pub(crate) preprocessing: Preprocessing,
    pub(crate) cache: Option<Arc<Cache>>,
    pub(crate) groups: Option<&'a Groups>,
    pub(crate) views: Views,
    /// Whether there has to be a validation photo.
    pub(crate) validated: bool,
    pub(crate) strict: bool,
}

impl Reading<'_> {
    /// How many photos of a dataset, its training photos if any, are seen in several views.
    fn several(&self, dataset: &Dataset) -> usize {
        if self.views.count() > 1 { dataset.train.len() } else { 0 }
    }

    /// A place for what the photos are at `tap`.
    pub(crate) fn rows<'a>(&'a self, dataset: &'a Dataset, tap: Tap) -> Result<TapRows<'a>, Error> {
        let seen = Seen {
            backbone: self.backbone,
            preprocessing: self.preprocessing,
            cache: self.cache.clone(),
            sources: dataset.samples().map(|(_, sample)| dataset.source(sample)).collect(),
            views: self.views,
            several: self.several(dataset),
        };
        TapRows::new(seen, tap, IN_MEMORY)
    }

    /// The rows of the photos of `drawn`, those among them that were kept for the photos of `dataset`; `None` if these are the
    /// same photos, or none are kept.
    pub(crate) fn rows_of<'a>(
        &'a self,
        drawn: &'a Dataset,
        kept: Option<&TapRows<'_>>,
        dataset: &Dataset,
    ) -> Result<Option<TapRows<'a>>, Error> {
        let Some(kept) = kept.filter(|_| !std::ptr::eq(drawn, dataset)) else { return Ok(None) };
        let rows = self.rows(drawn, kept.tap())?;
        let before: HashMap<&Path, Range<usize>> = self.numbers(dataset).collect();
        let mut row = vec![0.0; rows.store().row_len()];
        for (path, numbers) in self.numbers(drawn) {
            for (old, number) in before.get(path).cloned().into_iter().flatten().zip(numbers) {
                if kept.store().get(old, &mut row) {
                    rows.store().put(number, &row);
                }
            }
        }
        Ok(Some(rows))
    }

    /// The numbers of each photo's rows, as its views are numbered.
    fn numbers<'d>(&self, dataset: &'d Dataset) -> impl Iterator<Item = (&'d Path, Range<usize>)> {
        let (several, views) = (self.several(dataset), self.views.count());
        dataset.samples().enumerate().map(move |(place, (_, sample))| {
            let first = place.min(several) * views + place.saturating_sub(several);
            (&*sample.path, first..first + if place < several { views } else { 1 })
        })
    }

    /// The features of all photos that can be read, and the dataset of these; what they are at the tap of `rows` goes there.
    pub(crate) fn photos<'d>(
        &self,
        dataset: &'d Dataset,
        rows_at: Option<&TapRows<'_>>,
        event: &(dyn Fn(Event<'_>) -> ControlFlow<()> + Sync),
    ) -> Result<(Photos, Cow<'d, Dataset>), Error> {
        let mut read = self.read(dataset, rows_at, event)?;
        let skipped = read.skipped(dataset);
        let drawn = match skipped.first() {
            None => Ok(Cow::Borrowed(dataset)),
            Some(first) if self.strict => {
                let (skipped, photos) = (skipped.len(), dataset.samples().count());
                Err(Error::Skipped { skipped, photos, first: first.reason.clone() })
            }
            Some(_) => dataset.without(&skipped).map(Cow::Owned),
        };
        let all = [dataset.unreadable(), &skipped].concat();
        let (len, views) = (self.backbone.features(), self.views.count());
        let mut gathered = Gathered::new(len, views, all);
        if let Ok(drawn) = &drawn {
            self.complete(&mut read, drawn, event)?;
            for (part, sample) in drawn.samples() {
                let Some((photo, mut place)) = read.of(sample) else { continue };
                if part != Part::Train {
                    place.end = place.start + len;
                }
                gathered.add(drawn, (part, sample), photo, place);
            }
        }
        let rows = read.rows;
        // Told before it is judged: who has to mend the photos wants to see all of them named.
        if event(Event::Extracted(&gathered.report)).is_break() {
            return Err(Error::Stopped);
        }
        let drawn = drawn?;
        if let (Cow::Owned(drawn), true) = (&drawn, !skipped.is_empty())
            && event(Event::Readable(drawn)).is_break()
        {
            return Err(Error::Stopped);
        }
        Ok((gathered.finish(rows, &drawn.classes, self.validated, self.groups)?, drawn))
    }

    /// Reads photos, each once: training photos in all their views, the others as they are.
    fn read<'d>(
        &self,
        dataset: &'d Dataset,
        rows_at: Option<&TapRows<'_>>,
        event: &(dyn Fn(Event<'_>) -> ControlFlow<()> + Sync),
    ) -> Result<Read<'d>, Error> {
        let samples: Vec<&Sample> = dataset.samples().map(|(_, sample)| sample).collect();
        let several = self.several(dataset);
        let mut read = Read::default();
        // Training photos come first, and they alone are seen in several ways.
        for (from, to, views) in [(0, several, self.views), (several, samples.len(), Views::Plain)] {
            let mut extractor = self.extractor(views)?;
            if let Some(rows) = rows_at {
                extractor = extractor.tapping(rows.tap(), rows.store(), from * self.views.count())?;
            }
            let progress = |now: Progress| {
                event(Event::Extracting(Progress { done: from + now.done, photos: samples.len() }))
            };
            read.extract(&mut extractor, dataset, &samples[from..to], &progress)?;
        }
        Ok(read)
    }

    /// Reads the further views of photos that are learned from only since others cannot be read.
    fn complete<'d>(
        &self,
        read: &mut Read<'d>,
        drawn: &'d Dataset,
        event: &(dyn Fn(Event<'_>) -> ControlFlow<()> + Sync),
    ) -> Result<(), Error> {
        let len = self.backbone.features() * self.views.count();
        let is_lacking = |sample: &&Sample| read.of(sample).is_some_and(|(_, rows)| rows.len() < len);
        let lacking: Vec<&Sample> = drawn.train.iter().filter(is_lacking).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        read.extract(&mut self.extractor(self.views)?, drawn, &lacking, &|_| event(Event::Pulse))?;
        // One that could be read a moment ago.
        lacking.into_iter().try_for_each(|sample| read.check(sample))
    }

    fn extractor(&self, views: Views) -> Result<Extractor, Error> {
        let extractor = Extractor::new(self.backbone, self.preprocessing, Tap::Pooled)?;
        Ok(extractor.with_cache(self.cache.clone()).with_views(views))
    }
}

/// Photos that were read, or could not be, by their path.
#[derive(Default)]
struct Read<'d> {
    rows: Vec<f32>,
    /// What is known of a photo, and where its rows are.
    of: HashMap<&'d Path, (Result<Extracted, icecap_data::Error>, Range<usize>)>,
}

impl<'d> Read<'d> {
    fn extract(
        &mut self,
        extractor: &mut Extractor,
        dataset: &'d Dataset,
        samples: &[&'d Sample],
        progress: &(dyn Fn(Progress) -> ControlFlow<()> + Sync),
    ) -> Result<(), Error> {
        let sources: Vec<Source<'_>> = samples.iter().map(|sample| dataset.source(sample)).collect();
        let (from, len) = (self.rows.len(), extractor.row_len() * extractor.views());
        self.rows.resize(from + samples.len() * len, 0.0);
        let outcomes = extractor.extract(&sources, &mut self.rows[from..], progress)?;
        let places = (0..).map(|photo| from + photo * len);
        for ((sample, outcome), place) in samples.iter().zip(outcomes).zip(places) {
            self.of.insert(&sample.path, (outcome, place..place + len));
        }
        Ok(())
    }

    /// What is known of a photo, and where its rows are; `None` if it could not be read.
    fn of(&self, sample: &Sample) -> Option<(&Extracted, Range<usize>)> {
        let (photo, place) = self.of.get(&*sample.path)?;
        Some((photo.as_ref().ok()?, place.clone()))
    }

    /// Fails as reading the photo did.
    fn check(&mut self, sample: &'d Sample) -> Result<(), Error> {
        match self.of.remove(&*sample.path) {
            Some((Err(error), _)) => Err(error.into()),
            Some(read) => {
                self.of.insert(&sample.path, read);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The photos of `dataset` that could not be read.
    fn skipped(&self, dataset: &Dataset) -> Vec<SkippedPhoto> {
        let unread = dataset.samples().filter_map(|(_, sample)| match &self.of[&*sample.path] {
            (Err(error), _) => Some((sample, error)),
            (Ok(_), _) => None,
        });
        unread
            .map(|(Sample { path, .. }, error)| {
                // A file's error says which file it is; one of a photo in memory cannot.
                let reason = match error {
                    icecap_data::Error::Photo { .. } => error.to_string(),
                    _ => format!("{}: {error}", path.display()),
                };
                SkippedPhoto { path: path.clone(), reason }
            })
            .collect()
    }
}
