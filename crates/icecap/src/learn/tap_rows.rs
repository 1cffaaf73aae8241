//! What enters the blocks that learn, by number: kept where it can be, else computed again.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use icecap_data::{Cache, Views};
use icecap_graph::{Arena, Input, Plan, Tap};

use crate::error::Error;
use crate::model::backbone::Backbone;
use crate::model::extractor::Extractor;
use crate::model::preprocessing::Preprocessing;
use crate::model::row_store::{IN_MEMORY, RowStore};
use crate::model::source::Source;

/// Rows at a tap of the net. Those of photos that are seen in several views come first, the views of each one behind the
/// other; then those of the others, one each.
pub(crate) struct TapRows<'a> {
    tap: Tap,
    store: Arc<RowStore>,
    again: Again<'a>,
}

/// Where a row comes from that is not kept.
enum Again<'a> {
    Photos(Box<Photos<'a>>),
    /// From a row at an earlier tap.
    Behind {
        rows: &'a TapRows<'a>,
        backbone: &'a Backbone,
        plan: Box<Plan>,
        arenas: Mutex<Vec<Arena>>,
    },
}

struct Photos<'a> {
    backbone: &'a Backbone,
    preprocessing: Preprocessing,
    cache: Option<Arc<Cache>>,
    views: Views,
    sources: Vec<Source<'a>>,
    /// How many of the photos are seen in several views.
    several: usize,
}

/// Photos, and how they become rows.
pub(crate) struct Seen<'a> {
    pub(crate) backbone: &'a Backbone,
    pub(crate) preprocessing: Preprocessing,
    pub(crate) cache: Option<Arc<Cache>>,
    pub(crate) sources: Vec<Source<'a>>,
    pub(crate) views: Views,
    /// How many of the photos, the first ones, are seen in these views.
    pub(crate) several: usize,
}

impl<'a> TapRows<'a> {
    /// Rows of photos at `tap`, none of which is there yet; `in_memory` bytes of them at most stay in memory.
    pub(crate) fn new(seen: Seen<'a>, tap: Tap, in_memory: usize) -> Result<Self, Error> {
        let Seen { backbone, preprocessing, cache, sources, views, several } = seen;
        let plan = backbone.plan_between(preprocessing.size(), tap..Tap::Pooled, 1)?;
        let count = several * views.count() + (sources.len() - several);
        let folder = cache.as_ref().filter(|cache| cache.warning().is_none()).map(|cache| cache.folder());
        let store = RowStore::new(count, plan.input_shape().elements(), in_memory, folder);
        let photos = Photos { backbone, preprocessing, cache, views, sources, several };
        Ok(Self { tap, store: Arc::new(store), again: Again::Photos(Box::new(photos)) })
    }

    /// The same photos' rows at a tap behind this one's, each computed from the one here when it is first asked for.
    pub(crate) fn behind(
        &'a self,
        backbone: &'a Backbone,
        size: [usize; 2],
        tap: Tap,
    ) -> Result<Self, Error> {
        let plan = backbone.plan_between(size, self.tap..tap, 1)?;
        let in_memory = IN_MEMORY.saturating_sub(self.store.in_memory());
        let folder = self.folder();
        let store = RowStore::new(self.store.rows(), plan.output_shape().elements(), in_memory, folder);
        let arenas = Mutex::new((0..backbone.threads().count()).map(|_| plan.arena()).collect());
        let again = Again::Behind { rows: self, backbone, plan: Box::new(plan), arenas };
        Ok(Self { tap, store: Arc::new(store), again })
    }

    fn folder(&self) -> Option<&Path> {
        match &self.again {
            Again::Photos(photos) => photos.cache.as_ref().map(|cache| cache.folder()),
            Again::Behind { rows, .. } => rows.folder(),
        }
    }

    pub(crate) fn tap(&self) -> Tap {
        self.tap
    }

    /// Where an extractor puts rows.
    pub(crate) fn store(&self) -> &Arc<RowStore> {
        &self.store
    }

    /// Why rows are no longer kept; `None` while they are.
    pub(crate) fn warning(&self) -> Option<&str> {
        self.store.warning()
    }

    /// Reads the rows of these numbers into `to`, one behind the other.
    pub(crate) fn read(&self, numbers: &[u32], to: &mut [f32]) -> Result<(), Error> {
        let len = self.store.row_len();
        let missing: Vec<usize> = (numbers.iter().zip(to.chunks_exact_mut(len)).enumerate())
            .filter_map(|(place, (&number, row))| (!self.store.get(number as usize, row)).then_some(place))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let lacking: Vec<u32> = missing.iter().map(|&place| numbers[place]).collect();
        let mut rows = vec![0.0; lacking.len() * len];
        match &self.again {
            Again::Photos(photos) => photos.rows(self.tap, &lacking, len, &mut rows)?,
            Again::Behind { rows: before, backbone, plan, arenas } => {
                let mut values = vec![0.0; lacking.len() * plan.input_shape().elements()];
                before.read(&lacking, &mut values)?;
                let mut arenas = arenas.lock().unwrap_or_else(PoisonError::into_inner);
                plan.run(backbone.threads(), Input::F32(&values), &mut arenas, &mut rows)?;
            }
        }
        for ((place, number), row) in missing.into_iter().zip(lacking).zip(rows.chunks_exact(len)) {
            to[place * len..][..len].copy_from_slice(row);
            self.store.put(number as usize, row);
        }
        Ok(())
    }
}

impl Photos<'_> {
    /// The photo and the view that a row is of.
    fn of(&self, number: usize) -> (usize, usize) {
        let views = self.views.count();
        match number.checked_sub(self.several * views) {
            Some(plain) => (self.several + plain, 0),
            None => (number / views, number % views),
        }
    }

    /// Computes rows from the photos again.
    fn rows(&self, tap: Tap, numbers: &[u32], len: usize, to: &mut [f32]) -> Result<(), Error> {
        for several in [true, false] {
            let places: Vec<usize> = (0..numbers.len())
                .filter(|&place| (self.of(numbers[place] as usize).0 < self.several) == several)
                .collect();
            if places.is_empty() {
                continue;
            }
            let views = if several { self.views } else { Views::Plain };
            let sources: Vec<Source<'_>> =
                places.iter().map(|&place| self.sources[self.of(numbers[place] as usize).0]).collect();
            let store = Arc::new(RowStore::new(sources.len() * views.count(), len, usize::MAX, None));
            let mut extractor = Extractor::new(self.backbone, self.preprocessing, Tap::Pooled)?
                .with_cache(self.cache.clone())
                .with_views(views)
                .tapping(tap, &store, 0)?;
            let mut features = vec![0.0; sources.len() * views.count() * extractor.row_len()];
            let go_on = |_| std::ops::ControlFlow::Continue(());
            let read = extractor.extract(&sources, &mut features, &go_on)?;
            for (outcome, (index, &place)) in read.into_iter().zip(places.iter().enumerate()) {
                outcome?;
                let view = self.of(numbers[place] as usize).1;
                store.get(index * views.count() + view, &mut to[place * len..][..len]);
            }
        }
        Ok(())
    }
}
