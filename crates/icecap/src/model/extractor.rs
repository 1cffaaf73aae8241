//! From photos to features: each thread takes the next photo and carries it all the way, file to row.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use icecap_data::{
    About, Cache, CacheKey, CacheKeyParts, Digest, Loader, OpenPhoto, ResizeSpec, Turn, Views, Warning,
};
use icecap_graph::{Arena, Input, Plan, Precision, Tap};
use icecap_kernels::Threads;

use crate::error::Error;
use crate::model::backbone::Backbone;
use crate::model::gave_out::GaveOut;
use crate::model::preprocessing::Preprocessing;
use crate::model::progress::Progress;
use crate::model::row_store::RowStore;
use crate::model::source::Source;
use crate::model::tapped::{Tapped, TappedMemory};

/// What is known of a photo whose features were made, beside the features.
#[derive(Clone, Debug)]
pub struct Extracted {
    /// The hash of the photo's file, or of its pixels and their size.
    pub sha256: Digest,
    /// What is odd about the photo's file; empty for one that came from the cache.
    pub warnings: Vec<Warning>,
    /// Whether all of the features came from the cache.
    pub cached: bool,
    /// What the photo's file holds; `None` unless the extractor was asked to [describe](Extractor::describing) it.
    pub about: Option<About>,
}

/// What one thread needs to carry a photo from its file to its features.
struct Worker {
    loader: Loader,
    pixels: Vec<f32>,
    arenas: [Arena; 1],
    tapped: Option<TappedMemory>,
}

/// Makes features of photos, on all threads of its backbone: each thread carries one photo from its file to its row.
pub struct Extractor {
    backbone: Backbone,
    preprocessing: Preprocessing,
    /// The layer that is tapped, as the cache knows it.
    tap: String,
    plan: Plan,
    /// Where values are taken on the way, too.
    tapped: Option<Tapped>,
    workers: Vec<Worker>,
    cache: Option<Arc<Cache>>,
    describe: bool,
    views: Views,
    /// Whose turn it is among the workers to hold a large photo.
    turn: Turn,
}

/// Where the cache keeps what is known of a photo beside its features; no stage is called so.
const ABOUT_TAP: &str = "about";

/// The version of the arithmetic. Features of another version or instruction set are not taken from a cache: their
/// last digits differ.
const NUMERIC_VERSION: &str = "3";

impl Extractor {
    /// Returns an extractor of what leaves the net at `tap`.
    ///
    /// # Errors
    /// [`Error::Graph`] for a size or a block that the net does not have.
    pub fn new(backbone: &Backbone, preprocessing: Preprocessing, tap: Tap) -> Result<Self, Error> {
        // One photo a thread: none is shared.
        let plan = backbone.plan(preprocessing.size(), tap, 1)?;
        Ok(Self {
            backbone: backbone.clone(),
            preprocessing,
            tap: tap.layer(backbone.spec()),
            plan,
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
    /// `progress` is called by the threads after each photo and can stop the work.
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
        assert!(!self.describe || self.views() == 1, "a description of several views");
        let len = self.row_len() * self.views();
        assert_eq!(rows.len(), photos.len() * len, "rows for {} photos", photos.len());
        let count = self.backbone.threads().count().min(photos.len()).max(1);
        while self.workers.len() < count {
            self.workers.push(self.worker());
        }
        let (done, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
        let Self { backbone, preprocessing, tap, plan, tapped, workers, cache, describe, views, .. } = self;
        let shared = Shared {
            params: backbone.net_sha256(),
            preprocessing: preprocessing.to_string(),
            numerics: numerics(backbone),
            resize: &preprocessing.resize,
            tap,
            plan,
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
        let jobs = jobs.map(|(number, (&photo, rows))| Job { number, photo, rows });
        let gave_out = GaveOut::default();
        let outcomes = backbone.threads().map_until_with(&go_on, workers, jobs, |worker, job| {
            let mut outcome = shared.extract(worker, job);
            let now = Progress { done: done.fetch_add(1, Ordering::Relaxed) + 1, photos: photos.len() };
            if gave_out.takes(&mut outcome) || progress(now).is_break() {
                stopped.store(true, Ordering::Relaxed);
            }
            outcome
        });
        gave_out.finish()?;
        outcomes.ok_or(Error::Stopped)
    }

    fn worker(&self) -> Worker {
        Worker {
            loader: self.backbone.loader(self.preprocessing.decoding(), &self.turn),
            pixels: vec![0.0; self.preprocessing.resize.values()],
            arenas: [self.plan.arena()],
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

/// What is the same for every photo of an extraction.
struct Shared<'a> {
    params: Digest,
    preprocessing: String,
    numerics: String,
    resize: &'a ResizeSpec,
    tap: &'a str,
    plan: &'a Plan,
    tapped: Option<&'a Tapped>,
    cache: Option<&'a Cache>,
    describe: bool,
    views: &'a Views,
}

/// A photo among those of an extraction.
struct Job<'a> {
    /// Its place among them.
    number: usize,
    photo: Source<'a>,
    /// Where the features of its views go.
    rows: &'a mut [f32],
}

/// What the cache has of a photo.
struct Kept {
    /// The numbers of the views of which it lacks something.
    missing: Vec<usize>,
    about: Option<About>,
}

impl Shared<'_> {
    fn extract(&self, worker: &mut Worker, job: Job<'_>) -> Result<Extracted, icecap_data::Error> {
        let Job { number, photo, rows } = job;
        let whole = |sha256, kept: &Kept| {
            let whole = kept.missing.is_empty() && (kept.about.is_some() || !self.describe);
            whole.then(|| Extracted { sha256, warnings: Vec::new(), cached: true, about: kept.about })
        };
        let Worker { loader, pixels, arenas, tapped } = worker;
        let mut memory = Memory { arenas, tapped: tapped.as_mut(), photo: number };
        // A photo that has not changed since it was hashed is not even read.
        if let (Source::Path(path), Some(cache)) = (photo, self.cache)
            && let Some(sha256) = cache.known(path)
            && let Some(extracted) = whole(sha256, &self.kept(sha256, &mut memory, rows))
        {
            return Ok(extracted);
        }
        let open = photo.open(loader)?;
        let sha256 = open.sha256();
        if let (Some(cache), Some(stamp)) = (self.cache, open.stamp()) {
            cache.remember(stamp, sha256);
        }
        let kept = self.kept(sha256, &mut memory, rows);
        if let Some(extracted) = whole(sha256, &kept) {
            return Ok(extracted);
        }
        let missing = &kept.missing;
        let (about, warnings) = self.compute(open, pixels, &mut memory, (missing, rows))?;
        // An entry has no room for a warning, and a warning should be told each time.
        if let (Some(cache), true) = (self.cache, warnings.is_empty()) {
            let len = self.plan.output_shape().elements();
            for &view in missing {
                cache.put(&self.key(sha256, view, self.tap), &rows[view * len..][..len]);
                if let (Some(tapped), Some(memory)) = (self.tapped, &mut memory.tapped) {
                    cache.put(&self.key(sha256, view, &tapped.name), tapped.row(memory, view));
                }
            }
            if let Some(about) = about {
                cache.put(&self.key(sha256, 0, ABOUT_TAP), &about.to_values());
            }
        }
        Ok(Extracted { sha256, warnings, cached: missing.is_empty(), about })
    }

    /// Decodes a photo and fills in the rows of the views that are `missing`.
    fn compute(
        &self,
        open: OpenPhoto<'_>,
        pixels: &mut [f32],
        memory: &mut Memory<'_>,
        (missing, rows): (&[usize], &mut [f32]),
    ) -> Result<(Option<About>, Vec<Warning>), icecap_data::Error> {
        let len = self.plan.output_shape().elements();
        let mut forward =
            |view: usize, pixels: &[f32]| self.forward(memory, view, pixels, &mut rows[view * len..][..len]);
        if self.describe {
            let (about, warnings) = open.look(self.resize, pixels)?;
            missing.iter().for_each(|&number| forward(number, pixels));
            return Ok((Some(about), warnings.to_vec()));
        }
        if missing == [0] {
            let warnings = open.pixels(self.resize, pixels)?.to_vec();
            forward(0, pixels);
            return Ok((None, warnings));
        }
        let sha256 = open.sha256();
        let views: Vec<_> = missing.iter().map(|&number| self.views.view(number, &sha256)).collect();
        let mut each = |place: usize, pixels: &[f32]| forward(missing[place], pixels);
        Ok((None, open.views(self.resize, &views, pixels, &mut each)?.to_vec()))
    }

    /// From the pixels of a view to its features, by the tap if one is between them.
    fn forward(&self, memory: &mut Memory<'_>, view: usize, pixels: &[f32], row: &mut [f32]) {
        if let (Some(tapped), Some(of)) = (self.tapped, &mut memory.tapped) {
            tapped.tap(of, view, pixels);
            tapped.keep(of, view, memory.photo * self.views.count() + view);
            return tapped.go_on(of, view, row);
        }
        if let Err(error) = self.plan.run(&Threads::serial(), Input::F32(pixels), memory.arenas, row) {
            unreachable!("pixels and row were sized by the plan: {error}");
        }
    }

    /// Reads into `rows`, and for an extractor that taps into its store, what the cache has of a photo.
    fn kept(&self, photo: Digest, memory: &mut Memory<'_>, rows: &mut [f32]) -> Kept {
        let len = self.plan.output_shape().elements();
        let mut missing = Vec::new();
        for (view, row) in rows.chunks_exact_mut(len).enumerate() {
            let found = self.cache.is_some_and(|cache| {
                let has_features = cache.get(&self.key(photo, view, self.tap), row);
                let (Some(tapped), Some(of)) = (self.tapped, &mut memory.tapped) else { return has_features };
                if !cache.get(&self.key(photo, view, &tapped.name), tapped.row(of, view)) {
                    return false;
                }
                tapped.keep(of, view, memory.photo * self.views.count() + view);
                if !has_features {
                    tapped.go_on(of, view, row);
                    cache.put(&self.key(photo, view, self.tap), row);
                }
                true
            });
            if !found {
                missing.push(view);
            }
        }
        let about = if self.describe { self.kept_about(photo) } else { None };
        Kept { missing, about }
    }

    /// What the cache knows of a photo beside its features.
    fn kept_about(&self, photo: Digest) -> Option<About> {
        let mut values = [0.0; About::VALUES];
        let found = self.cache?.get(&self.key(photo, 0, ABOUT_TAP), &mut values);
        if found { About::from_values(&values) } else { None }
    }

    fn key(&self, photo: Digest, view: usize, tap: &str) -> CacheKey {
        let preprocessing = self.preprocessing.clone() + &self.views.name(view);
        CacheKey::new(&CacheKeyParts {
            photo,
            params: self.params,
            preprocessing: &preprocessing,
            tap,
            numerics: &self.numerics,
        })
    }
}

/// The memory of the net's runs for one photo.
struct Memory<'a> {
    arenas: &'a mut [Arena; 1],
    tapped: Option<&'a mut TappedMemory>,
    /// The photo's place among those of the extraction.
    photo: usize,
}
