//! A backbone as a caller holds it: weights opened by name or from a file, asked for features of photos.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::path::Path;

use icecap::Backbone as Net;
use icecap::advanced::data::Limits;
use icecap::advanced::graph::Tap;
use icecap::advanced::weights::{Choices, Manifest, Store};
use icecap::model::{Extractor, Pool, Preprocessing, WeightsSource};

use crate::batch::{Batch, Outcome, Placed, Running, Watch, Work, sources};
use crate::boundary::{filled, free, path, places, read, string};
use crate::error::Error;
use crate::handle::{Content, Handle, held};
use crate::options::{Asked, Options};
use crate::outcome::make;
use crate::status::{Failure, Status};

/// A frozen MobileNetV2, which turns photos into features. Belongs to the caller, who frees it.
#[derive(Debug)]
pub struct Backbone(Handle<Opened>);

/// What is kept of an open backbone.
pub(crate) struct Opened {
    net: Net,
    preprocessing: Preprocessing,
    extractors: Pool<Extractor>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.net.fmt(f)
    }
}

impl Content for Opened {
    const NAME: &'static str = "backbone";
    const MAGIC: u32 = 0x1ce0_bacb;
}

impl Backbone {
    fn open(asked: &Path, Asked { settings, size, cache }: Asked) -> Result<Self, Failure> {
        let manifest = || Ok::<_, Failure>(Manifest::built_in().map_err(icecap::Error::from)?);
        let net = WeightsSource::find(asked, manifest)?.backbone(Choices::default(), settings, |entry| {
            let missing = || {
                Failure::usage(format!(
                    "the weights {} are opened from the cache of the program icecap; name its folder in options, or give a \
                     file of weights",
                    entry.name
                ))
            };
            Ok::<_, Failure>(Store::new(cache.ok_or_else(missing)?))
        })?;
        let mut preprocessing = Preprocessing::for_training(&net)?;
        if let Some([height, width]) = size {
            (preprocessing.resize.height, preprocessing.resize.width) = (height, width);
        }
        let opened = Opened { net, preprocessing, extractors: Pool::default() };
        // A size that the net cannot have is told now.
        opened.extractors.with(|| opened.extractor(), |_| Ok(()))?;
        Ok(Self(Handle::new(opened)))
    }
}

impl Opened {
    fn extractor(&self) -> Result<Extractor, Failure> {
        Ok(Extractor::new(&self.net, self.preprocessing, Tap::Pooled)?)
    }
}

/// A batch of photos whose features are to be computed.
struct Extracting<'a> {
    opened: &'a Opened,
    /// A row for each photo.
    rows: &'a mut [f32],
    /// The rows of a window's photos, one behind the other.
    window: Vec<f32>,
}

impl Work for Extracting<'_> {
    fn limits(&self) -> Limits {
        *self.opened.net.limits()
    }

    fn window(&mut self, photos: &[Placed<'_>], watch: &Watch<'_>) -> Result<Vec<Outcome>, Failure> {
        let len = self.opened.net.features();
        self.window.resize(photos.len() * len, 0.0);
        let extracted = self.opened.extractors.with(
            || self.opened.extractor(),
            |extractor| Ok(extractor.extract(&sources(photos), &mut self.window, watch)?),
        )?;
        let mut outcomes = Vec::with_capacity(photos.len());
        for ((photo, extracted), row) in photos.iter().zip(extracted).zip(self.window.chunks_exact(len)) {
            outcomes.push(match extracted {
                Ok(_) => {
                    self.rows[photo.place * len..][..len].copy_from_slice(row);
                    Ok(())
                }
                Err(error) => Err(error.into()),
            });
        }
        Ok(outcomes)
    }
}

fn opened(backbone: Option<&Backbone>) -> Result<&Opened, Failure> {
    held(backbone.map(|backbone| &backbone.0))
}

/// Opens weights, or a model for its backbone, and puts the backbone at `backbone`, NULL on failure. `weights` is a file, or
/// "starter" for the small weights that are in the library, or a name of published ones that the program `icecap` fetched
/// (`icecap weights pull NAME`), whose cache is then named in `options`. Nothing is fetched here. `options` and `error` may be
/// NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn icecap_backbone_open(
    weights: *const c_char,
    options: Option<&Options>,
    backbone: Option<&mut MaybeUninit<Option<Box<Backbone>>>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Status {
    make(backbone, error, || {
        // SAFETY: the caller's promise.
        let weights = unsafe { string(weights) };
        let weights =
            weights.ok_or_else(|| Failure::usage("weights is NULL; name a file, or \"starter\""))?;
        // SAFETY: the caller's promise.
        let asked = unsafe { Options::read(options) }?;
        Backbone::open(&path(weights)?, asked)
    })
}

/// Returns how many features a photo has: 1280, or more for a net wider than 1.0. 0 for NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_backbone_features(backbone: Option<&Backbone>) -> usize {
    read(0, || Ok(opened(backbone)?.net.features()))
}

/// Computes the features of each photo of a batch, on all threads of the backbone: what `icecap extract` writes. `rows` has room
/// for `len` numbers, at least the number of photos times `icecap_backbone_features`; the row of photo i begins at
/// `rows[i * features]`. A photo that cannot be read has a row of NaN, and its error in `errors`, which has room for as many
/// pointers as there are photos, the others NULL, or is NULL as a whole. Returns the status of the first photo without features.
///
/// If the work stops, or cannot begin, every photo without features has the error that says why.
///
/// Threads: any; of two calls at once one may work on its calling thread alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn icecap_features(
    backbone: Option<&Backbone>,
    batch: Option<&Batch>,
    rows: *mut MaybeUninit<f32>,
    len: usize,
    errors: *mut MaybeUninit<Option<Box<Error>>>,
) -> Status {
    // SAFETY: the caller's promise.
    let running = match unsafe { Running::of(batch, errors) } {
        Ok(running) => running,
        Err(failure) => return failure.status,
    };
    let prepare = || {
        let opened = opened(backbone)?;
        let (count, features) = (running.count(), opened.net.features());
        let needed = count.checked_mul(features).filter(|needed| *needed <= len).ok_or_else(|| {
            let reason =
                format!("room for {len} numbers, and {count} photos have {features} each; give more");
            Failure::usage(reason)
        })?;
        // SAFETY: the caller's promise; they are no more than the caller has.
        let rows = filled(unsafe { places(rows, needed, "rows") }?, f32::NAN);
        Ok(Extracting { opened, rows, window: Vec::new() })
    };
    let work = prepare();
    running.run(work)
}

/// Frees a backbone. NULL is allowed.
///
/// Threads: any, while no other call uses the backbone.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_backbone_free(backbone: Option<Box<Backbone>>) {
    free(backbone, |backbone| backbone.0.end());
}
