//! From photos to features: each thread takes the next photo and carries it all the way, file to row.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use icecap_data::{
    About, Cache, CacheKey, CacheKeyParts, Digest, ExifPolicy, Limits, Loader, ResizeSpec, Warning,
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
    /// What its file holds, where the extractor was asked to [describe](Extractor::describing) it.
    pub about: Option<About>,
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
    describe: bool,
}

/// Where the cache keeps what is known of a photo beside its features; no stage is called so.
const ABOUT_TAP: &str = "about";

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
            describe: false,
        })
    }

    /// Asks `cache` before a photo is decoded, and keeps what was computed there.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<Arc<Cache>>) -> Self {
        self.cache = cache;
        self
    }

    /// Tells what each photo's file holds, too. The cache remembers that as it does features; a photo of which it knows
    /// only these is decoded again.
    #[must_use]
    pub fn describing(mut self) -> Self {
        self.describe = true;
        self
    }

    /// Values of one photo's features.
    #[must_use]
    pub fn row_len(&self) -> usize {
        self.plan.output_shape().elements()
    }

    /// The shape of one photo's features: `[C]` from pooling on, else [h, w, C].
    #[must_use]
    pub fn row_shape(&self) -> icecap_kernels::Shape {
        self.plan.output_shape()
    }

    /// The features of `photos`, row by row. The row of a photo that cannot be read is left as it was, and its error
    /// stands in the result.
    ///
    /// `progress` is called by the threads after each photo and can stop the work.
    ///
    /// # Shapes
    /// `rows` [N, row_len].
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
        let len = self.row_len();
        assert_eq!(rows.len(), photos.len() * len, "rows for {} photos", photos.len());
        struct Job<'a> {
            photo: Source<'a>,
            row: &'a mut [f32],
            outcome: Option<Result<Extracted, icecap_data::Error>>,
        }
        let mut jobs: Vec<Job<'_>> = photos
            .iter()
            .zip(rows.chunks_exact_mut(len))
            .map(|(&photo, row)| Job { photo, row, outcome: None })
            .collect();
        let count = self.backbone.threads().count().min(photos.len()).max(1);
        while self.workers.len() < count {
            self.workers.push(self.worker());
        }
        let (done, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
        let Self { backbone, preprocessing, tap, plan, workers, cache, describe } = self;
        let shared = Shared {
            params: Digest(backbone.record().params_sha256.0),
            preprocessing: preprocessing.to_string(),
            numerics: format!("{NUMERIC_VERSION} {}", backbone.isa()),
            resize: &preprocessing.resize,
            tap,
            plan,
            cache: cache.as_deref(),
            describe: *describe,
        };
        backbone.threads().for_each_chunk(workers, &mut jobs, 1, |worker, _, job| {
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            for job in job {
                job.outcome = Some(shared.extract(worker, job.photo, job.row));
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
    describe: bool,
}

impl Shared<'_> {
    fn extract(
        &self,
        worker: &mut Worker,
        photo: Source<'_>,
        row: &mut [f32],
    ) -> Result<Extracted, icecap_data::Error> {
        let open = match photo {
            Source::Path(path) => worker.loader.open(path)?,
            Source::Bytes(bytes) => worker.loader.open_bytes(bytes)?,
        };
        let sha256 = open.sha256();
        let slot = self.cache.map(|cache| (cache, self.key(sha256, self.tap)));
        let cached = slot.as_ref().is_some_and(|(cache, key)| cache.get(key, row));
        let about = if self.describe { self.kept_about(sha256) } else { None };
        if cached && (about.is_some() || !self.describe) {
            return Ok(Extracted { sha256, warnings: Vec::new(), cached, about });
        }
        let (about, warnings) = if self.describe {
            let (about, warnings) = open.look(self.resize, &mut worker.pixels)?;
            (Some(about), warnings.to_vec())
        } else {
            (None, open.pixels(self.resize, &mut worker.pixels)?.to_vec())
        };
        if !cached {
            let input = Input::F32(&worker.pixels);
            if let Err(error) = self.plan.run(&Threads::serial(), input, &mut worker.arenas, row) {
                unreachable!("pixels and row were sized by the plan: {error}");
            }
        }
        // An entry has no room for a warning, and a warning should be told each time.
        if let (Some((cache, key)), true) = (&slot, warnings.is_empty()) {
            if !cached {
                cache.put(key, row);
            }
            if let Some(about) = about {
                cache.put(&self.key(sha256, ABOUT_TAP), &about.to_values());
            }
        }
        Ok(Extracted { sha256, warnings, cached, about })
    }

    /// What the cache knows of a photo beside its features.
    fn kept_about(&self, photo: Digest) -> Option<About> {
        let mut values = [0.0; About::VALUES];
        let found = self.cache?.get(&self.key(photo, ABOUT_TAP), &mut values);
        if found { About::from_values(&values) } else { None }
    }

    fn key(&self, photo: Digest, tap: &str) -> CacheKey {
        CacheKey::new(&CacheKeyParts {
            photo,
            params: self.params,
            preprocessing: &self.preprocessing,
            tap,
            numerics: &self.numerics,
        })
    }
}
