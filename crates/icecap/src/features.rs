//! From photos to features: each thread takes the next photo and carries it all the way, file to row.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use icecap_data::{
    Cache, CacheKey, CacheKeyParts, Digest, ExifPolicy, Limits, Loader, ResizeSpec, Views, Warning,
};
use icecap_graph::{Arena, Input, Plan};
use icecap_kernels::Threads;

use crate::{Backbone, Error};

/// How a photo becomes the backbone's input. The scaling of its pixels belongs to the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preprocessing {
    /// Size and resize rule.
    pub resize: ResizeSpec,
    /// What becomes of an EXIF orientation.
    pub exif: ExifPolicy,
}

impl Preprocessing {
    /// What the record of a backbone asks for in training.
    ///
    /// # Errors
    /// [`Error::Data`] where the record's resize rule is none of ours.
    pub fn for_training(backbone: &Backbone) -> Result<Self, Error> {
        Self::of(backbone, backbone.record().train_size())
    }

    /// What the record of a backbone asks for in front of its classification top.
    ///
    /// # Errors
    /// As [`Preprocessing::for_training`].
    pub fn for_classification(backbone: &Backbone) -> Result<Self, Error> {
        Self::of(backbone, backbone.record().classify_size())
    }

    fn of(backbone: &Backbone, size: [usize; 2]) -> Result<Self, Error> {
        let mode = backbone.record().resize_rule().parse()?;
        let resize = ResizeSpec { height: size[0], width: size[1], mode };
        Ok(Self { resize, exif: ExifPolicy::default() })
    }

    /// Rows and columns of the backbone's input.
    #[must_use]
    pub fn size(&self) -> [usize; 2] {
        [self.resize.height, self.resize.width]
    }
}

impl std::fmt::Display for Preprocessing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, exif {}", self.resize, self.exif)
    }
}

/// Where a photo comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A file.
    Path(&'a Path),
    /// A file's bytes in memory.
    Bytes(&'a [u8]),
}

/// What is known of a photo whose features were made.
#[derive(Clone, Debug)]
pub struct Extracted {
    /// The hash of its file.
    pub sha256: Digest,
    /// What is odd about its file.
    pub warnings: Vec<Warning>,
    /// Whether the features came from the cache.
    pub cached: bool,
}

/// How far an extraction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Photos done, unreadable ones among them.
    pub done: usize,
    /// Photos in all.
    pub photos: usize,
}

/// What one thread needs to carry a photo from its file to its features.
struct Worker {
    loader: Loader,
    pixels: Vec<f32>,
    arenas: [Arena; 1],
}

/// Makes features of photos, on all threads of its backbone.
pub struct Extractor {
    backbone: Backbone,
    preprocessing: Preprocessing,
    tap: String,
    plan: Plan,
    workers: Vec<Worker>,
    cache: Option<Arc<Cache>>,
    views: Views,
}

/// The version of the arithmetic. Features of another version or instruction set are not taken from a cache: their
/// last digits differ.
const NUMERIC_VERSION: &str = "2";

impl Extractor {
    /// An extractor of what leaves the stage `tap` (see [`icecap_graph::stage`]).
    ///
    /// # Errors
    /// [`Error::Graph`] for a size or stage that the net does not have.
    pub fn new(backbone: &Backbone, preprocessing: Preprocessing, tap: &str) -> Result<Self, Error> {
        // One photo a thread: none is shared.
        let plan = backbone.plan(preprocessing.size(), tap, 1)?;
        Ok(Self {
            backbone: backbone.clone(),
            preprocessing,
            tap: tap.to_owned(),
            plan,
            workers: Vec::new(),
            cache: None,
            views: Views::Plain,
        })
    }

    /// Asks `cache` before a photo is decoded, and keeps what was computed there.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<Arc<Cache>>) -> Self {
        self.cache = cache;
        self
    }

    /// Makes features of several views of each photo.
    #[must_use]
    pub fn with_views(mut self, views: Views) -> Self {
        self.views = views;
        self
    }

    /// Views of each photo, and so rows.
    #[must_use]
    pub fn views(&self) -> usize {
        self.views.count()
    }

    /// Values of one view's features.
    #[must_use]
    pub fn row_len(&self) -> usize {
        self.plan.output_shape().elements()
    }

    /// The shape of one view's features: `[C]` from pooling on, else [h, w, C].
    #[must_use]
    pub fn row_shape(&self) -> icecap_kernels::Shape {
        self.plan.output_shape()
    }

    /// The features of `photos`, row by row, those of a photo's views one behind the other. The rows of a photo that
    /// cannot be read are left as they were, and its error stands in the result.
    ///
    /// `progress` is called by the threads after each photo and can stop the work.
    ///
    /// # Shapes
    /// `rows` [N, views, row_len].
    ///
    /// # Errors
    /// [`Error::Stopped`] where `progress` breaks.
    ///
    /// # Panics
    /// Where `rows` is not of that shape.
    pub fn extract(
        &mut self,
        photos: &[Source<'_>],
        rows: &mut [f32],
        progress: &(dyn Fn(Progress) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<Result<Extracted, icecap_data::Error>>, Error> {
        let len = self.row_len() * self.views();
        assert_eq!(rows.len(), photos.len() * len, "rows for {} photos", photos.len());
        struct Job<'a> {
            photo: Source<'a>,
            rows: &'a mut [f32],
            outcome: Option<Result<Extracted, icecap_data::Error>>,
        }
        let mut jobs: Vec<Job<'_>> = photos
            .iter()
            .zip(rows.chunks_exact_mut(len))
            .map(|(&photo, rows)| Job { photo, rows, outcome: None })
            .collect();
        let count = self.backbone.threads().count().min(photos.len()).max(1);
        while self.workers.len() < count {
            self.workers.push(self.worker());
        }
        let (done, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
        let Self { backbone, preprocessing, tap, plan, workers, cache, views } = self;
        let shared = Shared {
            params: Digest(backbone.record().params_sha256.0),
            preprocessing: preprocessing.to_string(),
            numerics: format!("{NUMERIC_VERSION} {}", backbone.isa()),
            resize: &preprocessing.resize,
            tap,
            plan,
            cache: cache.as_deref(),
            views,
        };
        backbone.threads().for_each_chunk(workers, &mut jobs, 1, |worker, _, job| {
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            for job in job {
                job.outcome = Some(shared.extract(worker, job.photo, job.rows));
            }
            let now = Progress { done: done.fetch_add(1, Ordering::Relaxed) + 1, photos: photos.len() };
            if progress(now).is_break() {
                stopped.store(true, Ordering::Relaxed);
            }
        });
        jobs.into_iter().map(|job| job.outcome.ok_or(Error::Stopped)).collect()
    }

    fn worker(&self) -> Worker {
        Worker {
            loader: Loader::new(self.backbone.isa(), Limits::default(), self.preprocessing.exif),
            pixels: vec![0.0; self.preprocessing.resize.values()],
            arenas: [self.plan.arena()],
        }
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
    cache: Option<&'a Cache>,
    views: &'a Views,
}

impl Shared<'_> {
    fn extract(
        &self,
        worker: &mut Worker,
        photo: Source<'_>,
        rows: &mut [f32],
    ) -> Result<Extracted, icecap_data::Error> {
        let open = match photo {
            Source::Path(path) => worker.loader.open(path)?,
            Source::Bytes(bytes) => worker.loader.open_bytes(bytes)?,
        };
        let sha256 = open.sha256();
        let len = self.plan.output_shape().elements();
        // Views whose features are not in the cache: their place among the rows, and how they are seen.
        let mut missing = Vec::new();
        for (number, row) in rows.chunks_exact_mut(len).enumerate() {
            if !self.cache.is_some_and(|cache| cache.get(&self.key(sha256, number), row)) {
                missing.push(number);
            }
        }
        if missing.is_empty() {
            return Ok(Extracted { sha256, warnings: Vec::new(), cached: true });
        }
        let Worker { pixels, arenas, .. } = worker;
        let mut forward = |number: usize, pixels: &[f32]| {
            let row = &mut rows[number * len..][..len];
            if let Err(error) = self.plan.run(&Threads::serial(), Input::F32(pixels), arenas, row) {
                unreachable!("pixels and row were sized by the plan: {error}");
            }
        };
        let warnings = if missing == [0] {
            let warnings = open.pixels(self.resize, pixels)?;
            forward(0, pixels);
            warnings
        } else {
            let views: Vec<_> = missing.iter().map(|&number| self.views.view(number, &sha256)).collect();
            open.views(self.resize, &views, pixels, &mut |place, pixels| forward(missing[place], pixels))?
        };
        // An entry has no room for a warning, and a warning should be told each time.
        if let (Some(cache), true) = (self.cache, warnings.is_empty()) {
            for &number in &missing {
                cache.put(&self.key(sha256, number), &rows[number * len..][..len]);
            }
        }
        Ok(Extracted { sha256, warnings: warnings.to_vec(), cached: false })
    }

    fn key(&self, photo: Digest, view: usize) -> CacheKey {
        let preprocessing = self.preprocessing.clone() + &self.views.name(view);
        CacheKey::new(&CacheKeyParts {
            photo,
            params: self.params,
            preprocessing: &preprocessing,
            tap: self.tap,
            numerics: &self.numerics,
        })
    }
}
