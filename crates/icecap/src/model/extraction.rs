//! One photo's way from its file to its rows, which one thread goes with memory of its own.

use icecap_data::{
    About, Cache, CacheKey, CacheKeyParts, Digest, Loader, OpenPhoto, ResizeSpec, Views, Warning,
};
use icecap_graph::{Arena, Input, Plan};
use icecap_kernels::Threads;

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
    /// What the photo's file holds; `None` unless the extractor was asked to [describe](crate::model::Extractor::describing) it.
    pub about: Option<About>,
}

/// What one thread needs to carry a photo from its file to its features.
pub(crate) struct Worker {
    pub(crate) loader: Loader,
    pub(crate) pixels: Vec<f32>,
    pub(crate) arenas: Arenas,
    pub(crate) tapped: Option<TappedMemory>,
}

/// The memory of the net's runs, made for the first run of each kind: a plan for several threads has other needs.
#[derive(Default)]
pub(crate) struct Arenas {
    alone: Option<[Arena; 1]>,
    shared: Option<[Arena; 1]>,
}

/// Where the cache keeps what is known of a photo beside its features; no stage is called so.
const ABOUT_TAP: &str = "about";

/// How the net runs over a view.
pub(crate) struct NetRun<'a> {
    /// Made for as many threads as there are.
    pub(crate) plan: &'a Plan,
    /// Those that share the view.
    pub(crate) threads: &'a Threads,
}

/// What is the same for every photo of an extraction.
pub(crate) struct Extraction<'a> {
    pub(crate) params: Digest,
    pub(crate) preprocessing: String,
    pub(crate) numerics: String,
    pub(crate) resize: &'a ResizeSpec,
    pub(crate) tap: &'a str,
    pub(crate) net_run: NetRun<'a>,
    /// Where values are taken on the way; only of views that no threads share.
    pub(crate) tapped: Option<&'a Tapped>,
    pub(crate) cache: Option<&'a Cache>,
    pub(crate) describe: bool,
    pub(crate) views: &'a Views,
}

/// A photo among those of an extraction.
pub(crate) struct Job<'a> {
    /// Its place among them.
    pub(crate) number: usize,
    pub(crate) photo: Source<'a>,
    /// Where the features of its views go.
    pub(crate) rows: &'a mut [f32],
}

/// What the cache has of a photo.
struct Kept {
    /// The numbers of the views of which it lacks something.
    missing: Vec<usize>,
    about: Option<About>,
}

impl NetRun<'_> {
    fn run(&self, pixels: &[f32], arenas: &mut Arenas, row: &mut [f32]) {
        let Arenas { alone, shared } = arenas;
        let arena = if self.threads.count() == 1 { alone } else { shared };
        let arena = arena.get_or_insert_with(|| [self.plan.arena()]);
        if let Err(error) = self.plan.run(self.threads, Input::F32(pixels), arena, row) {
            unreachable!("pixels and row were sized by the plan: {error}");
        }
    }

    /// Values of a view's features.
    fn row_len(&self) -> usize {
        self.plan.output_shape().elements()
    }
}

impl Extraction<'_> {
    /// Carries a photo from its file to its rows.
    pub(crate) fn extract(&self, worker: &mut Worker, job: Job<'_>) -> Result<Extracted, icecap_data::Error> {
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
            let len = self.net_run.row_len();
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
        let len = self.net_run.row_len();
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
        self.net_run.run(pixels, memory.arenas, row);
    }

    /// Reads into `rows`, and for an extractor that taps into its store, what the cache has of a photo.
    fn kept(&self, photo: Digest, memory: &mut Memory<'_>, rows: &mut [f32]) -> Kept {
        let len = self.net_run.row_len();
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
    arenas: &'a mut Arenas,
    tapped: Option<&'a mut TappedMemory>,
    /// The photo's place among those of the extraction.
    photo: usize,
}
