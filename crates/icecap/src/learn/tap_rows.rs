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

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;
    use crate::model::settings::Settings;

    const SIDE: usize = 40;

    fn pixels(photo: u32) -> Vec<u8> {
        let mut draw = Stream::new(8, Purpose::Test, 0, photo);
        (0..SIDE * SIDE * 3).map(|_| draw.below(256) as u8).collect()
    }

    fn seen<'a>(backbone: &'a Backbone, photos: &'a [Vec<u8>]) -> Seen<'a> {
        Seen {
            backbone,
            preprocessing: Preprocessing::for_training(backbone).unwrap(),
            cache: None,
            sources: photos.iter().map(|pixels| Source::Rgb { pixels, width: SIDE, height: SIDE }).collect(),
            views: Views::Mirrored,
            several: 3,
        }
    }

    /// Whether they are kept in memory, in a file or nowhere, computed on the way to the features or again, and whatever the tap
    /// they are computed behind: the rows are the same bits.
    #[test]
    fn rows_are_the_same_wherever_they_are_kept_and_where_they_are_not() {
        let backbone = Backbone::starter(Settings::threads(2)).unwrap();
        let photos: Vec<Vec<u8>> = (0..5).map(pixels).collect();
        // Two views of each of three photos, and two photos as they are.
        let numbers = [7, 0, 5, 1, 6, 2, 3, 4];
        let size = Preprocessing::for_training(&backbone).unwrap().size();
        let read = |rows: &TapRows<'_>| {
            let mut values = vec![f32::NAN; numbers.len() * rows.store().row_len()];
            rows.read(&numbers, &mut values).unwrap();
            values
        };
        for tap in [Tap::Image, Tap::Stem, Tap::Block(12)] {
            let again = TapRows::new(seen(&backbone, &photos), tap, IN_MEMORY).unwrap();
            let expected = read(&again);
            assert!(expected.iter().all(|value| value.is_finite()));
            assert_eq!(read(&again), expected, "kept now");
            for in_memory in [IN_MEMORY, 0] {
                let on_the_way = TapRows::new(seen(&backbone, &photos), tap, in_memory).unwrap();
                let Seen { preprocessing, sources, views, several, .. } = seen(&backbone, &photos);
                let mut pooled = Vec::new();
                for (from, to, views) in [(0, several, views), (several, 5, Views::Plain)] {
                    let mut extractor = Extractor::new(&backbone, preprocessing, Tap::Pooled)
                        .unwrap()
                        .with_views(views)
                        .tapping(tap, on_the_way.store(), from * 2)
                        .unwrap();
                    let mut features = vec![0.0; (to - from) * views.count() * extractor.row_len()];
                    let go_on = |_| ControlFlow::Continue(());
                    extractor.extract(&sources[from..to], &mut features, &go_on).unwrap();
                    let mut plain =
                        Extractor::new(&backbone, preprocessing, Tap::Pooled).unwrap().with_views(views);
                    let mut direct = vec![0.0; features.len()];
                    plain.extract(&sources[from..to], &mut direct, &go_on).unwrap();
                    assert_eq!(features, direct, "by the tap or not, {tap}");
                    pooled.extend(features);
                }
                assert_eq!(read(&on_the_way), expected, "{tap} with {in_memory} bytes");
            }
            let lost = Arc::new(Cache::new(&std::env::temp_dir().join("icecap-no-folder\0")));
            let nowhere = Seen { cache: Some(lost), ..seen(&backbone, &photos) };
            let nowhere = TapRows::new(nowhere, tap, 0).unwrap();
            assert_eq!(read(&nowhere), expected, "{tap}, kept nowhere");
            assert!(nowhere.warning().is_some());
            let behind = again.behind(&backbone, size, Tap::Block(14)).unwrap();
            let direct = TapRows::new(seen(&backbone, &photos), Tap::Block(14), IN_MEMORY).unwrap();
            assert_eq!(read(&behind), read(&direct), "block 14 behind {tap}");
        }
    }
}
