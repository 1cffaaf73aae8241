//! Reading the photos of a training: from files to features, and on the way to what enters the blocks that learn.

use std::ops::ControlFlow;
use std::sync::Arc;

use icecap_data::{Cache, Groups, Views};
use icecap_graph::Tap;

use crate::error::Error;
use crate::learn::dataset::Dataset;
use crate::learn::photo_features::{Gathered, Photos};
use crate::learn::tap_rows::{Seen, TapRows};
use crate::learn::trained::Event;
use crate::model::backbone::Backbone;
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

    /// The features of all photos that can be read; what they are at the tap of `rows` goes there.
    pub(crate) fn photos(
        &self,
        dataset: &Dataset,
        rows_at: Option<&TapRows<'_>>,
        event: &(dyn Fn(Event<'_>) -> ControlFlow<()> + Sync),
    ) -> Result<Photos, Error> {
        let samples: Vec<_> = dataset.samples().collect();
        let sources: Vec<Source<'_>> = samples.iter().map(|(_, sample)| dataset.source(sample)).collect();
        let len = self.backbone.features();
        let mut gathered = Gathered::new(len, self.views.count());
        // Training photos come first, and they alone are seen in several ways.
        let several = self.several(dataset);
        for (from, to, views) in [(0, several, self.views), (several, samples.len(), Views::Plain)] {
            let mut extractor = Extractor::new(self.backbone, self.preprocessing, Tap::Pooled)?
                .with_cache(self.cache.clone())
                .with_views(views);
            if let Some(rows) = rows_at {
                extractor = extractor.tapping(rows.tap(), rows.store(), from * self.views.count())?;
            }
            let row_len = len * views.count();
            let mut rows = vec![0.0; (to - from) * row_len];
            let progress = |now: Progress| {
                event(Event::Extracting(Progress { done: from + now.done, photos: samples.len() }))
            };
            let outcomes = extractor.extract(&sources[from..to], &mut rows, &progress)?;
            let photos = samples[from..to].iter().zip(outcomes).zip(rows.chunks_exact(row_len));
            for ((&(part, sample), outcome), rows) in photos {
                gathered.add(dataset, part, sample, outcome, rows);
            }
        }
        // Told before it is judged: who has to mend the photos wants to see all of them named.
        if event(Event::Extracted(&gathered.report)).is_break() {
            return Err(Error::Stopped);
        }
        if let (true, Some(first)) = (self.strict, gathered.report.skipped.first()) {
            let skipped = gathered.report.skipped.len();
            return Err(Error::Skipped { skipped, photos: sources.len(), first: first.reason.clone() });
        }
        gathered.finish(&dataset.classes, self.validated, self.groups)
    }
}
