//! From photos to features: each thread takes the next photo and carries it all the way, file to row. Where there is one photo
//! alone, the threads share its net.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use icecap_data::{Cache, Turn, Views};
use icecap_graph::{Plan, Precision, Tap};
use icecap_kernels::Threads;

use crate::error::Error;
use crate::model::backbone::Backbone;
use crate::model::extraction::{Arenas, Extracted, Extraction, Job, NetRun, Worker};
use crate::model::gave_out::GaveOut;
use crate::model::preprocessing::Preprocessing;
use crate::model::progress::Progress;
use crate::model::row_store::RowStore;
use crate::model::source::Source;
use crate::model::tapped::Tapped;

/// Makes features of photos, on all threads of its backbone: each thread carries one photo from its file to its row, and one
/// photo alone is shared.
pub struct Extractor {
    backbone: Backbone,
    preprocessing: Preprocessing,
    end: Tap,
    /// The layer that is tapped, as the cache knows it.
    tap: String,
    /// For a thread that has an image to itself.
    plan: Plan,
    /// For all threads that share one, made with the first photo that comes alone.
    shared_plan: Option<Plan>,
    /// Where values are taken on the way, too.
    tapped: Option<Tapped>,
    workers: Vec<Worker>,
    cache: Option<Arc<Cache>>,
    describe: bool,
    views: Views,
    /// Whose turn it is among the workers to hold a large photo.
    turn: Turn,
}

/// The version of the arithmetic by which features are made. Features of another version or instruction set are not taken from
/// a cache: their last digits differ.
pub const NUMERIC_VERSION: &str = "3";

impl Extractor {
    /// Returns an extractor of what leaves the net at `tap`.
    ///
    /// # Errors
    /// [`Error::Graph`] for a size or a block that the net does not have.
    pub fn new(backbone: &Backbone, preprocessing: Preprocessing, tap: Tap) -> Result<Self, Error> {
        let plan = backbone.plan(preprocessing.size(), tap, 1)?;
        Ok(Self {
            backbone: backbone.clone(),
            preprocessing,
            tap: tap.layer(backbone.spec()),
            end: tap,
            plan,
            shared_plan: None,
            tapped: None,
            workers: Vec::new(),
            cache: None,
            describe: false,
            views: Views::Plain,
            turn: Turn::default(),
        })
    }

    /// Makes the extractor ask `cache` before it decodes a photo, and keep there what it computes.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<Arc<Cache>>) -> Self {
        self.cache = cache;
        self
    }

    /// Makes the extractor tell what each photo's file holds, too. The cache remembers that as it does features; a photo
    /// of which it knows only these is decoded again.
    #[must_use]
    pub fn describing(mut self) -> Self {
        self.describe = true;
        self
    }

    /// Makes the extractor take turns at large photos with every other one that is given a clone of `turn`: they are decoded one
    /// at a time. The threads of one extractor do so by themselves.
    #[must_use]
    pub fn in_turn(mut self, turn: &Turn) -> Self {
        self.turn = turn.clone();
        self
    }

    /// Lets go of what each thread keeps for its next photo, where that is more than `most` bytes.
    pub fn keep_at_most(&mut self, most: usize) {
        self.workers.iter_mut().for_each(|worker| worker.loader.keep_at_most(most));
    }

    /// Makes the extractor compute features of several views of each photo: mirrored, cropped and so on. An extractor that
    /// describes photos takes the plain view alone.
    #[must_use]
    pub fn with_views(mut self, views: Views) -> Self {
        self.views = views;
        self
    }

    /// Makes an extractor of pooled features put what leaves the net at `tap` on the way to them into `store`, too: the rows
    /// of a photo's views one behind the other, from the number `first` on. No part of the net runs twice for it.
    pub(crate) fn tapping(mut self, tap: Tap, store: &Arc<RowStore>, first: usize) -> Result<Self, Error> {
        let tapped = Tapped::new(&self.backbone, self.preprocessing.size(), tap, Arc::clone(store))?;
        self.tapped = Some(tapped.starting_at(first));
        Ok(self)
    }

    /// Returns how many views each photo has, and so how many rows.
    #[must_use]
    pub fn views(&self) -> usize {
        self.views.count()
    }

    /// Returns how many values one view's features have.
    #[must_use]
    pub fn row_len(&self) -> usize {
        self.plan.output_shape().elements()
    }

    /// Returns the shape of one view's features: `[C]` from pooling on, else `[h, w, C]`.
    #[must_use]
    pub fn row_shape(&self) -> icecap_kernels::Shape {
        self.plan.output_shape()
    }

    /// Computes the features of `photos` into `rows`, those of a photo's views one behind the other, and returns for each
    /// photo what is known of it. The rows of a photo that cannot be read are left as they were, and its error stands in
    /// the result.
    ///
    /// Of several photos, each is carried by one of the backbone's threads; of one alone, they share the net's work. The bits
    /// are the same. `progress` is called by the threads after each photo and can stop the work.
    ///
    /// # Shapes
    /// `rows` [N, views, row_len].
    ///
    /// # Errors
    /// [`Error::Stopped`] if `progress` breaks; [`Error::Data`] if the system gave out, so that nothing is known of the photos:
    /// too many files are open, or a disk failed.
    ///
    /// # Panics
    /// If `rows` is not of that shape, and if an extractor that describes photos has several views.
    pub fn extract(
        &mut self,
        photos: &[Source<'_>],
        rows: &mut [f32],
        progress: &(dyn Fn(Progress) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<Result<Extracted, icecap_data::Error>>, Error> {
        let backbone = self.backbone.clone();
        self.extract_on(backbone.threads(), photos, rows, progress)
    }

    /// Does what [`Extractor::extract`] does, on the caller's thread alone: for a server that has a thread for each photo, whose
    /// processors are busy with others. The backbone's threads are neither used nor waited for; the bits are the same.
    ///
    /// # Errors
    /// What [`Extractor::extract`] returns.
    ///
    /// # Panics
    /// Where [`Extractor::extract`] does.
    pub fn extract_on_caller(
        &mut self,
        photos: &[Source<'_>],
        rows: &mut [f32],
        progress: &(dyn Fn(Progress) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<Result<Extracted, icecap_data::Error>>, Error> {
        self.extract_on(&Threads::serial(), photos, rows, progress)
    }

    fn extract_on(
        &mut self,
        threads: &Threads,
        photos: &[Source<'_>],
        rows: &mut [f32],
        progress: &(dyn Fn(Progress) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<Result<Extracted, icecap_data::Error>>, Error> {
        assert!(!self.describe || self.views() == 1, "a description of several views");
        let len = self.row_len() * self.views();
        assert_eq!(rows.len(), photos.len() * len, "rows for {} photos", photos.len());
        self.prepare(threads.count(), photos.len())?;
        let (done, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
        let serial = Threads::serial();
        let Self { backbone, preprocessing, tap, tapped, workers, cache, describe, views, .. } = self;
        let extraction = Extraction {
            params: backbone.net_sha256(),
            preprocessing: preprocessing.to_string(),
            numerics: numerics(backbone),
            resize: &preprocessing.resize,
            tap,
            net_run: match &self.shared_plan {
                Some(plan) if photos.len() == 1 && threads.count() > 1 => NetRun { plan, threads },
                _ => NetRun { plan: &self.plan, threads: &serial },
            },
            tapped: tapped.as_ref(),
            cache: cache.as_deref(),
            describe: *describe,
            views,
        };
        let go_on = || match stopped.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let jobs = photos.iter().zip(rows.chunks_exact_mut(len)).enumerate();
        let mut jobs: Vec<Job<'_>> =
            jobs.map(|(number, (&photo, rows))| Job { number, photo, rows }).collect();
        jobs.sort_by_cached_key(|job| job.photo.table_place());
        let gave_out = GaveOut::default();
        let outcomes = threads.map_until_with(&go_on, workers, jobs, |worker, job| {
            let number = job.number;
            let mut outcome = extraction.extract(worker, job);
            let now = Progress { done: done.fetch_add(1, Ordering::Relaxed) + 1, photos: photos.len() };
            if gave_out.takes(&mut outcome) || progress(now).is_break() {
                stopped.store(true, Ordering::Relaxed);
            }
            (number, outcome)
        });
        gave_out.finish()?;
        let mut outcomes = outcomes.ok_or(Error::Stopped)?;
        outcomes.sort_unstable_by_key(|(number, _)| *number);
        Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
    }

    /// Makes what so many threads need for so many photos, unless it was made before.
    fn prepare(&mut self, threads: usize, photos: usize) -> Result<(), Error> {
        if photos == 1 && threads > 1 && self.shared_plan.is_none() {
            self.shared_plan = Some(self.backbone.plan(self.preprocessing.size(), self.end, threads)?);
        }
        while self.workers.len() < threads.min(photos).max(1) {
            self.workers.push(self.worker());
        }
        Ok(())
    }

    fn worker(&self) -> Worker {
        Worker {
            loader: self.backbone.loader(self.preprocessing.decoding(), &self.turn),
            pixels: vec![0.0; self.preprocessing.resize.values()],
            arenas: Arenas::default(),
            tapped: self.tapped.as_ref().map(|tapped| tapped.memory(self.views())),
        }
    }
}

/// What a cache must know of how features are computed: those of f32 are called as they were before there was int8.
fn numerics(backbone: &Backbone) -> String {
    // Photos are resized in f32 whatever the net computes in.
    let isa = backbone.isa().name_of_f32();
    match backbone.precision() {
        Precision::F32 => format!("{NUMERIC_VERSION} {isa}"),
        precision => format!("{NUMERIC_VERSION} {isa} {precision}"),
    }
}
