//! A backbone from f32 to int8 with photos of a training, and how far that takes it from f32.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use icecap_data::{Cache, Loader, Turn};
use icecap_graph::int8::{MOST_JUDGED, MOST_PHOTOS, Photos, calibrate};
use icecap_graph::{Input, Precision, Tap};
use icecap_weights::{IntegerBackbone, Quantization, integers_digest};

use crate::error::Error;
use crate::model::backbone::Backbone;
use crate::model::classifier::Classifier;
use crate::model::extractor::Extractor;
use crate::model::gave_out::GaveOut;
use crate::model::preprocessing::Preprocessing;
use crate::model::progress::Progress;
use crate::model::source::Source;

/// Hears how many photos are done, and can stop the work.
type Listening<'a> = &'a (dyn Fn(Progress) -> ControlFlow<()> + Sync);

/// The share of the time that is over when all photos are read.
const READ: f64 = 0.25;

/// Photos that a backbone is quantized with.
#[derive(Clone, Debug, Default)]
pub struct CalibrationPhotos<'a> {
    /// The photos that ranges and biases are taken from.
    pub seen: Vec<Source<'a>>,
    /// Other photos, on which the error is measured; with none it is measured on those that are seen, and is then smaller
    /// than on others.
    pub judged: Vec<Source<'a>>,
}

impl<'a> CalibrationPhotos<'a> {
    /// With fewer photos than this all are seen, and none is left to measure the error on.
    pub const FEWEST_TO_PART: usize = 20;

    /// Picks from `photos`, evenly over their order: up to 64 to be seen, and of every five another one, up to 16, to measure
    /// the error on. All of fewer than [`CalibrationPhotos::FEWEST_TO_PART`] are seen.
    #[must_use]
    pub fn pick(photos: &[Source<'a>]) -> Self {
        let judged = match photos.len() {
            0..Self::FEWEST_TO_PART => 0,
            count => (count / 5).min(MOST_JUDGED),
        };
        let picked = photos.len().min(MOST_PHOTOS + judged);
        let mut parted = Self::default();
        for at in 0..picked {
            let photo = photos[at * photos.len() / picked];
            // Evenly among those that are picked.
            let is_judged = (at + 1) * judged / picked > at * judged / picked;
            if is_judged { parted.judged.push(photo) } else { parted.seen.push(photo) }
        }
        parted
    }
}

impl Backbone {
    /// Returns this backbone in int8, quantized with photos: ranges are those that they reach, biases are corrected by them,
    /// and the error against f32 is measured. Photos that cannot be read are left out. `progress` hears how far the work is,
    /// told in photos as if one were done after the other, and can stop it.
    ///
    /// Photos of the training belong here, none on which a classifier is tried.
    ///
    /// ```no_run
    /// use std::ops::ControlFlow;
    ///
    /// use icecap::model::Preprocessing;
    /// use icecap::{Backbone, Dataset, Error, Settings, Trained, Trainer};
    ///
    /// fn in_int8(dataset: &Dataset) -> Result<Trained, Error> {
    ///     let backbone = Backbone::open("weights.safetensors", Settings::default())?;
    ///     let preprocessing = Preprocessing::for_training(&backbone)?;
    ///     let photos = dataset.calibration();
    ///     let backbone = backbone.calibrated(&photos, preprocessing, &|_| ControlFlow::Continue(()))?;
    ///     Trainer::new(&backbone)?.train(dataset, &|_| ControlFlow::Continue(()))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::NoPhotos`] if none can be read; [`Error::Stopped`] if `progress` breaks; [`Error::Graph`] for weights that
    /// int8 cannot hold, and for a backbone that is in int8 already.
    ///
    /// # Cost
    /// About five inferences in f32 for each photo, and the memory of 40 bytes for each of its pixels: 64 photos of 160x160 take
    /// two threads less than a second.
    pub fn calibrated(
        &self,
        photos: &CalibrationPhotos<'_>,
        preprocessing: Preprocessing,
        progress: Listening<'_>,
    ) -> Result<Self, Error> {
        if self.precision() != Precision::F32 {
            let (needed, got) = (Precision::F32, self.precision());
            return Err(icecap_graph::Error::Precision { needed, got }.into());
        }
        let params = self.params()?;
        let all: Vec<Source<'_>> = photos.seen.iter().chain(&photos.judged).copied().collect();
        let at =
            |share: f64| progress(Progress { done: (share * all.len() as f64) as usize, photos: all.len() });
        let mut pixels =
            self.pixels(&all, preprocessing, &|done| at(READ * done as f64 / all.len().max(1) as f64))?;
        let judged: Vec<Vec<f32>> = pixels.split_off(photos.seen.len()).into_iter().flatten().collect();
        let seen: Vec<Vec<f32>> = pixels.into_iter().flatten().collect();
        if seen.is_empty() {
            return Err(Error::NoPhotos { part: "calibration" });
        }
        let (seen, judged) = (inputs(&seen), inputs(&judged));
        let photos = Photos { size: preprocessing.size(), seen: &seen, judged: &judged };
        let calibrating = |share: f64| at(READ + (1.0 - READ) * share);
        let calibrated = match calibrate(&params, &photos, self.isa(), self.threads(), &calibrating) {
            Err(icecap_graph::Error::Stopped) => return Err(Error::Stopped),
            calibrated => calibrated?,
        };
        let origin = Quantization {
            photos: calibrated.photos,
            judged: if judged.is_empty() { seen.len() } else { judged.len() }.min(MOST_JUDGED),
            on_others: !judged.is_empty(),
            error: Some(calibrated.error as f32),
            agreement: None,
        };
        let net = Arc::new(calibrated.net);
        let sha256 = integers_digest(&net);
        Ok(self.quantized(&params, &IntegerBackbone { net, sha256, origin }))
    }

    /// The pixels of photos as the net reads them; `None` for those that cannot be read. `progress` hears how many were.
    fn pixels(
        &self,
        photos: &[Source<'_>],
        preprocessing: Preprocessing,
        progress: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<Option<Vec<f32>>>, Error> {
        let count = self.threads().count().min(photos.len()).max(1);
        let turn = Turn::default();
        let loader = || self.loader(preprocessing.decoding(), &turn);
        let mut loaders: Vec<Loader> = (0..count).map(|_| loader()).collect();
        let (done, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
        let go_on = || match stopped.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let gave_out = GaveOut::default();
        let read = self.threads().map_until_with(&go_on, &mut loaders, photos, |loader, photo| {
            let mut pixels = vec![0.0; preprocessing.resize.values()];
            let mut read =
                photo.open(loader).and_then(|open| open.pixels(&preprocessing.resize, &mut pixels).map(drop));
            if gave_out.takes(&mut read) || progress(done.fetch_add(1, Ordering::Relaxed) + 1).is_break() {
                stopped.store(true, Ordering::Relaxed);
            }
            read.is_ok().then_some(pixels)
        });
        gave_out.finish()?;
        read.ok_or(Error::Stopped)
    }
}

fn inputs(photos: &[Vec<f32>]) -> Vec<Input<'_>> {
    photos.iter().map(|pixels| Input::F32(pixels)).collect()
}

impl Classifier {
    /// Returns the classifier with the share of `photos` of which its head says the same class on features of `float`, the
    /// backbone in f32 that its own was made of. Photos that cannot be read are left out; without any nothing changes.
    ///
    /// # Errors
    /// [`Error::Stopped`] if `progress` breaks; otherwise what [`Extractor::new`] returns.
    pub fn compared(
        self,
        float: &Backbone,
        photos: &[Source<'_>],
        cache: Option<&Arc<Cache>>,
        progress: Listening<'_>,
    ) -> Result<Self, Error> {
        let mut said = Vec::with_capacity(2);
        for backbone in [float, self.backbone()] {
            let mut extractor =
                Extractor::new(backbone, self.preprocessing(), Tap::Pooled)?.with_cache(cache.cloned());
            let mut rows = vec![0.0; photos.len() * extractor.row_len()];
            let outcomes = extractor.extract(photos, &mut rows, progress)?;
            let rows = rows.chunks_exact(extractor.row_len());
            let classes = outcomes
                .iter()
                .zip(rows)
                .map(|(outcome, row)| outcome.as_ref().ok().map(|_| self.of_features(row).class));
            said.push(classes.collect::<Vec<Option<usize>>>());
        }
        let both: Vec<bool> =
            said[0].iter().zip(&said[1]).filter_map(|(a, b)| Some(a.as_ref()? == b.as_ref()?)).collect();
        if both.is_empty() {
            return Ok(self);
        }
        let same = both.iter().filter(|same| **same).count();
        let agreement = same as f32 / both.len() as f32;
        Ok(self.agreeing(agreement))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use icecap_data::Inventory;

    use super::*;
    use crate::learn::Dataset;
    use crate::model::source::OwnedSource;

    fn names(sources: &[Source<'_>]) -> Vec<PathBuf> {
        let name = |source: &Source<'_>| match source {
            Source::Path(path) => path.to_path_buf(),
            other => panic!("{other:?}"),
        };
        sources.iter().map(name).collect()
    }

    #[test]
    fn photos_are_picked_evenly_and_none_is_seen_and_judged() {
        let paths: Vec<PathBuf> = (0..1000).map(|number| PathBuf::from(format!("{number:04}"))).collect();
        for (count, seen, judged) in [
            (0, 0, 0),
            (1, 1, 0),
            (19, 19, 0),
            (20, 16, 4),
            (48, 39, 9),
            (80, 64, 16),
            (81, 64, 16),
            (1000, 64, 16),
        ] {
            let all: Vec<Source<'_>> = paths[..count].iter().map(|path| Source::Path(path)).collect();
            let picked = CalibrationPhotos::pick(&all);
            assert_eq!((picked.seen.len(), picked.judged.len()), (seen, judged), "{count}");
            let mut both = [names(&picked.seen), names(&picked.judged)].concat();
            both.sort();
            both.dedup();
            assert_eq!(both.len(), seen + judged, "{count}: each once");
            // Wherever a class lies in the order, it has its share.
            for part in [&picked.seen, &picked.judged] {
                let half = names(part).iter().filter(|path| **path < paths[count / 2]).count();
                assert!((2 * half).abs_diff(part.len()) <= 2, "{count}: {half} of {}", part.len());
            }
        }
    }

    #[test]
    fn only_photos_of_the_training_are_picked() {
        let gray = |level: u8| OwnedSource::Rgb { pixels: vec![level; 8 * 8 * 3], width: 8, height: 8 };
        let photos = (0..100).map(|number| (gray(number), usize::from(number > 49)));
        let classes = vec!["dark".to_owned(), "light".to_owned()];
        let dataset = Dataset::from_sources(classes, photos, 0.2, 0).unwrap();
        let level = |source: &Source<'_>| match source {
            Source::Rgb { pixels, .. } => pixels[0],
            other => panic!("{other:?}"),
        };
        let train: Vec<u8> = dataset.train.iter().map(|sample| level(&dataset.source(sample))).collect();
        let CalibrationPhotos { seen, judged } = dataset.calibration();
        assert_eq!((seen.len(), judged.len()), (64, 16));
        assert!(seen.iter().chain(&judged).all(|source| train.contains(&level(source))));
        assert_eq!(Dataset::whole(&Inventory::default()).calibration().seen.len(), 0);
    }

    #[test]
    fn a_backbone_in_int8_comes_from_photos_and_from_no_other_backbone() {
        let settings = crate::Settings::threads(1);
        let float = Backbone::starter(settings).unwrap();
        let photos: Vec<Vec<u8>> = (0..3u8)
            .map(|seed| {
                (0..64 * 64 * 3).map(|at: usize| (at * (7 + usize::from(seed)) % 251) as u8).collect()
            })
            .collect();
        let source = |pixels| Source::Rgb { pixels, width: 64, height: 64 };
        let broken: &[u8] = b"no photo";
        let mut picked = CalibrationPhotos {
            seen: photos.iter().map(|pixels| source(pixels)).collect(),
            judged: vec![Source::Bytes(broken)],
        };
        let preprocessing = Preprocessing::for_training(&float).unwrap();
        let go_on = |_| ControlFlow::Continue(());
        let int8 = float.calibrated(&picked, preprocessing, &go_on).unwrap();
        let origin = int8.quantization().unwrap();
        assert_eq!(int8.integers().unwrap().unwrap().origin, origin);
        // What cannot be read is no other photo.
        assert_eq!((origin.photos, origin.judged, origin.on_others), (3, 3, false));
        assert!(origin.error.is_some_and(|error| error > 0.0 && error < 0.2), "{origin:?}");
        assert_eq!((float.precision(), int8.precision()), (Precision::F32, Precision::Int8));
        let alone = Backbone::starter(settings.in_precision(Precision::Int8)).unwrap();
        let hashes = [float.net_sha256(), int8.net_sha256(), alone.net_sha256()];
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
        assert!(matches!(int8.calibrated(&picked, preprocessing, &go_on), Err(Error::Graph(_))));
        for most in 0..4 {
            let go_on = |now: Progress| match now.done < most {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            };
            let stopped = float.calibrated(&picked, preprocessing, &go_on);
            assert!(matches!(stopped, Err(Error::Stopped)), "at photo {most} of 4: {stopped:?}");
        }
        picked.seen = vec![Source::Bytes(broken)];
        assert!(matches!(float.calibrated(&picked, preprocessing, &go_on), Err(Error::NoPhotos { .. })));
    }
}
