//! Photos that lie in no folder: pixels and bytes in memory give the same features, the same heads and the same answers, bit
//! for bit, as the files that they come from.

#[path = "../../crates/icecap/examples/train_in_memory.rs"]
mod train_in_memory;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use icecap::advanced::data::{
    Augment, Cache, ErrorKind, ExifPolicy, Limits, Loader, ResizeMode, Views, scan,
};
use icecap::advanced::graph::Tap;
use icecap::advanced::kernels::rng::{Purpose, Stream};
use icecap::advanced::kernels::{Isa, Shape, Tensor};
use icecap::explain::Heatmaps;
use icecap::learn::{FeatureSet, Solver, Steps, Unfreeze};
use icecap::model::{Extracted, Extractor, Preprocessing};
use icecap::{
    Backbone, Classifier, Dataset, Error, Event, OwnedSource, Settings, Source, TrainOptions, Trained,
    Trainer,
};

/// A photo of noise on a level that depends on its class.
struct Drawn {
    pixels: Vec<u8>,
    width: usize,
    height: usize,
}

impl Drawn {
    fn new(number: u32) -> Self {
        let mut draw = Stream::new(17, Purpose::Test, 0, number);
        let (width, height) = (33 + draw.below(60) as usize, 33 + draw.below(60) as usize);
        let level = 70 * (number % 2);
        let pixels = (0..width * height * 3).map(|_| (level + draw.below(150)) as u8).collect();
        Self { pixels, width, height }
    }

    fn rgb(&self) -> Source<'_> {
        Source::Rgb { pixels: &self.pixels, width: self.width, height: self.height }
    }

    fn owned(&self) -> OwnedSource {
        OwnedSource::Rgb { pixels: self.pixels.clone(), width: self.width, height: self.height }
    }

    /// The same pixels as the bytes of a PNG, which loses nothing.
    fn png(&self) -> Vec<u8> {
        let (width, height) = (self.width as u32, self.height as u32);
        let image = image::RgbImage::from_raw(width, height, self.pixels.clone()).unwrap();
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }
}

fn backbone() -> Backbone {
    Backbone::starter(Settings::threads(2)).unwrap()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn extract(extractor: &mut Extractor, sources: &[Source<'_>]) -> (Vec<u32>, Vec<Extracted>) {
    let mut rows = vec![f32::NAN; sources.len() * extractor.row_len() * extractor.views()];
    let outcomes = extractor.extract(sources, &mut rows, &|_| ControlFlow::Continue(())).unwrap();
    (bits(&rows), outcomes.into_iter().map(Result::unwrap).collect())
}

#[test]
fn pixels_give_the_features_of_the_photo_that_they_were_decoded_from() {
    let photos: Vec<Drawn> = (0..6).map(Drawn::new).collect();
    let files: Vec<Vec<u8>> = photos.iter().map(Drawn::png).collect();
    let backbone = backbone();
    let augment: Augment = "flip,crop".parse().unwrap();
    for mode in ["squash", "crop"] {
        for views in [Views::Plain, Views::Mirrored, Views::drawn(augment, 0, 1).unwrap()] {
            let mut preprocessing = Preprocessing::for_training(&backbone).unwrap();
            if let Ok(mode) = mode.parse::<ResizeMode>() {
                preprocessing.resize.mode = mode;
            }
            let extractor =
                || Extractor::new(&backbone, preprocessing, Tap::Pooled).unwrap().with_views(views);
            let pixels: Vec<_> = photos.iter().map(Drawn::rgb).collect();
            let bytes: Vec<_> = files.iter().map(|file| Source::Bytes(file)).collect();
            let (of_pixels, _) = extract(&mut extractor(), &pixels);
            let (of_bytes, _) = extract(&mut extractor(), &bytes);
            assert!(of_pixels == of_bytes, "{mode}, {} views", views.count());
        }
    }
}

#[test]
fn the_cache_knows_pixels_by_their_values_and_their_size() {
    let folder = tempfile::tempdir().unwrap();
    let backbone = backbone();
    let preprocessing = Preprocessing::for_training(&backbone).unwrap();
    let cache = Arc::new(Cache::new(folder.path()));
    let photo = Drawn::new(3);
    let turned = Source::Rgb { pixels: &photo.pixels, width: photo.height, height: photo.width };
    let once = || {
        let extractor = Extractor::new(&backbone, preprocessing, Tap::Pooled).unwrap();
        extract(&mut extractor.with_cache(Some(Arc::clone(&cache))), &[photo.rgb(), turned])
    };
    let (first, fresh) = once();
    let (again, known) = once();
    assert_eq!(first, again);
    assert!(fresh.iter().all(|photo| !photo.cached) && known.iter().all(|photo| photo.cached));
    let png = photo.png();
    let (_, file) =
        extract(&mut Extractor::new(&backbone, preprocessing, Tap::Pooled).unwrap(), &[Source::Bytes(&png)]);
    let hashes = [fresh[0].sha256, fresh[1].sha256, file[0].sha256];
    assert!(hashes[0] != hashes[1] && hashes[0] != hashes[2] && hashes[1] != hashes[2], "{hashes:?}");
}

#[test]
fn pixels_that_do_not_fit_their_size_are_refused_whatever_the_size() {
    let backbone = backbone();
    let preprocessing = Preprocessing::for_training(&backbone).unwrap();
    let mut extractor = Extractor::new(&backbone, preprocessing, Tap::Pooled).unwrap();
    let mut row = vec![0.0; extractor.row_len()];
    let pixels = [7; 12];
    let mut of = |width, height| {
        let source = Source::Rgb { pixels: &pixels, width, height };
        extractor.extract(&[source], &mut row, &|_| ControlFlow::Continue(())).unwrap().remove(0)
    };
    let sizes = [0, 1, 2, 3, 4, 5, 1 << 14, (1 << 14) + 1, 1 << 32, usize::MAX / 2, usize::MAX];
    for width in sizes {
        for height in sizes {
            let fits = width.checked_mul(height) == Some(4);
            let outcome = of(width, height);
            assert_eq!(outcome.is_ok(), fits, "{width}x{height}");
            if let Err(error) = outcome {
                assert!(
                    matches!(error.kind(), ErrorKind::Content | ErrorKind::Limit),
                    "{width}x{height}: {error}"
                );
            }
        }
    }
}

/// The bytes of such a photo, counted in 64 bits, come round to as few as there are.
#[test]
fn a_size_whose_bytes_do_not_fit_64_bits_is_refused_whatever_the_limits() {
    let mut limits = Limits::default();
    (limits.side, limits.pixels) = (u32::MAX, u64::MAX);
    let mut loader = Loader::new(Isa::best(), limits, ExifPolicy::Apply);
    let (pixels, width, height) = ([7; 1399], 4_294_571_377_u64, 2_863_575_501_u64);
    assert_eq!(width.wrapping_mul(height).wrapping_mul(3), pixels.len() as u64);
    if let (Ok(width), Ok(height)) = (usize::try_from(width), usize::try_from(height)) {
        let refused = loader.open_rgb(&pixels, width, height).map(|_| ()).unwrap_err();
        assert!(matches!(refused, icecap::advanced::data::Error::Pixels { .. }), "{refused}");
    }
    // No header could state such a side, and no limit allows it: what is wrong is its size.
    for (width, height) in [(1_u64 << 32, 1), (1, 1_u64 << 32), (u64::MAX, u64::MAX)] {
        if let (Ok(width), Ok(height)) = (usize::try_from(width), usize::try_from(height)) {
            let refused = loader.open_rgb(&pixels, width, height).map(|_| ()).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Limit, "{refused}");
            assert!(refused.to_string().contains(&width.max(height).to_string()), "{refused}");
        }
    }
}

fn train(dataset: &Dataset) -> Trained {
    let backbone = backbone();
    let options = TrainOptions { seed: 5, ..TrainOptions::default() };
    let trainer = Trainer::new(&backbone).unwrap().options(options);
    trainer.train(dataset, &|_| ControlFlow::Continue(())).unwrap()
}

fn head(classifier: &Classifier) -> Vec<u32> {
    [classifier.head().kernel().data(), classifier.head().bias().data()]
        .concat()
        .iter()
        .map(|w| w.to_bits())
        .collect()
}

#[test]
fn a_folder_its_bytes_and_its_pixels_make_the_same_head() {
    let folder = tempfile::tempdir().unwrap();
    let photos: Vec<Drawn> = (0..24).map(Drawn::new).collect();
    // As a scan lists them: class by class, and by name within.
    let order: Vec<usize> = (0..24).step_by(2).chain((1..24).step_by(2)).collect();
    for (number, photo) in photos.iter().enumerate() {
        let class = folder.path().join(["dark", "light"][number % 2]);
        std::fs::create_dir_all(&class).unwrap();
        std::fs::write(class.join(format!("{number:02}.png")), photo.png()).unwrap();
    }
    let classes = || vec!["dark".to_owned(), "light".to_owned()];
    let from = |source: &dyn Fn(&Drawn) -> OwnedSource| {
        let photos = order.iter().map(|&number| (source(&photos[number]), number % 2));
        train(&Dataset::from_sources(classes(), photos, 0.25, 5).unwrap())
    };
    let of_folder = train(&Dataset::new(&scan(folder.path(), None).unwrap(), 0.25, 5).unwrap());
    let of_bytes = from(&|photo| OwnedSource::Bytes(photo.png()));
    let of_pixels = from(&Drawn::owned);
    for other in [&of_bytes, &of_pixels] {
        assert!(head(&other.classifier) == head(&of_folder.classifier));
        assert_eq!(other.classifier.temperature(), of_folder.classifier.temperature());
        assert_eq!(other.classifier.classes(), of_folder.classifier.classes());
        assert_eq!(other.val_set.samples.len(), of_folder.val_set.samples.len());
    }
    // What a photo's file says is the same in memory; pixels have a hash of their own.
    let file = |trained: &Trained| {
        let bytes = trained.classifier.to_bytes(icecap::SaveBackbone::Pinned).unwrap();
        String::from_utf8_lossy(&bytes).split("data_fingerprint\":\"").nth(1).unwrap()[..64].to_owned()
    };
    assert_eq!(file(&of_bytes), file(&of_folder));
    assert_ne!(file(&of_pixels), file(&of_folder));
}

#[test]
fn a_dataset_from_memory_says_what_is_wrong_with_it() {
    let photos = || (0..8).map(|number| (Drawn::new(number).owned(), number as usize % 2));
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let refused =
        |classes: &[&str], share| Dataset::from_sources(names(classes), photos(), share, 0).unwrap_err();
    assert!(matches!(refused(&["a"], 0.2), Error::Setting { what: "classes", .. }));
    assert!(matches!(refused(&["a", "a"], 0.2), Error::Setting { what: "classes", .. }));
    assert!(matches!(refused(&["a", "b"], 1.5), Error::Data(_)));
    let third = photos().chain([(Drawn::new(9).owned(), 2)]);
    let error = Dataset::from_sources(names(&["a", "b"]), third, 0.2, 0).unwrap_err().to_string();
    assert!(error.contains("photo 8 is of class 2"), "{error}");

    // One that cannot be read is left out by its name, or ends a strict training.
    let broken = photos().chain([(OwnedSource::Bytes(b"no photo".to_vec()), 0)]);
    let dataset = Dataset::from_sources(names(&["a", "b"]), broken, 0.25, 0).unwrap();
    let trained = train(&dataset);
    assert_eq!(trained.photos.read, 8);
    assert_eq!(trained.photos.skipped[0].path, Path::new("a/8"));
    assert!(trained.photos.skipped[0].reason.starts_with("a/8: "), "{}", trained.photos.skipped[0].reason);
    let strict = Trainer::new(&backbone()).unwrap().strict(true);
    let error = strict.train(&dataset, &|_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, Error::Skipped { skipped: 1, photos: 9, .. }), "{error}");

    // A share of 0 keeps all photos for the folds.
    let whole = Dataset::from_sources(names(&["a", "b"]), photos(), 0.0, 0).unwrap();
    assert_eq!((whole.train.len(), whole.val.len()), (8, 0));
    let folds = Trainer::new(&backbone()).unwrap().folds(Some(2));
    assert_eq!(folds.train(&whole, &|_| ControlFlow::Continue(())).unwrap().folds.unwrap().rows.len(), 8);
}

#[test]
fn photos_that_cannot_be_read_have_no_say_and_no_photo_is_read_twice() {
    let photos: Vec<OwnedSource> = (0..24).map(|number| Drawn::new(number).owned()).collect();
    let broken = || OwnedSource::Bytes(b"no photo".to_vec());
    let classes = || vec!["dark".to_owned(), "light".to_owned()];
    let clean = photos.iter().cloned().enumerate().map(|(number, photo)| (photo, number % 2));
    let clean = Dataset::from_sources(classes(), clean, 0.25, 5).unwrap();
    let mixed = photos.iter().cloned().enumerate().flat_map(|(number, photo)| {
        let before = if number % 5 == 0 { vec![(broken(), number % 2)] } else { Vec::new() };
        before.into_iter().chain([(photo, number % 2)])
    });
    let mixed = Dataset::from_sources(classes(), mixed, 0.25, 5).unwrap();
    let reads = std::sync::atomic::AtomicUsize::new(0);
    let options = TrainOptions { seed: 5, ..TrainOptions::default() };
    let trainer = Trainer::new(&backbone()).unwrap().options(options);
    let mixed = trainer
        .train(&mixed, &|event| {
            if matches!(event, icecap::Event::Extracting(_)) {
                reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(reads.into_inner(), 24 + 5);
    let clean = train(&clean);
    assert!(head(&clean.classifier) == head(&mixed.classifier));
    for (clean, mixed) in [(&clean.train_set, &mixed.train_set), (&clean.val_set, &mixed.val_set)] {
        assert!(bits(clean.features.features().data()) == bits(mixed.features.features().data()));
        assert_eq!(clean.features.labels(), mixed.features.labels());
    }
    assert_eq!((mixed.dataset.unreadable().len(), mixed.photos.skipped.len()), (5, 5));
    assert_eq!(mixed.dataset.val, mixed.val_set.samples);
}

#[test]
fn a_predictor_goes_to_another_thread_and_a_clone_shares_its_backbone() {
    let photos: Vec<Drawn> = (0..12).map(Drawn::new).collect();
    let labeled = photos.iter().enumerate().map(|(number, photo)| (photo.owned(), number % 2));
    let dataset = Dataset::from_sources(vec!["dark".into(), "light".into()], labeled, 0.25, 0).unwrap();
    let classifier = train(&dataset).classifier;
    let expected: Vec<_> = photos.iter().map(|photo| classifier.predict(photo.rgb()).unwrap()).collect();
    let clone = classifier.clone();
    assert!(std::ptr::eq(clone.head(), classifier.head()));
    let mut predictor = clone.predictor().unwrap();
    drop(clone);
    let heat = Heatmaps::new(&classifier).unwrap().overlay(photos[0].rgb(), None, 40).unwrap();
    let png = photos[0].png();
    assert_eq!(heat, Heatmaps::new(&classifier).unwrap().overlay(Source::Bytes(&png), None, 40).unwrap());
    let said = std::thread::spawn(move || {
        let sources: Vec<_> = photos.iter().map(Drawn::rgb).collect();
        predictor.predict(&sources, &|_| ControlFlow::Continue(())).unwrap()
    });
    let said: Vec<_> = said.join().unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(said, expected);
}

#[test]
fn the_example_runs() {
    train_in_memory::main().unwrap();
}

/// Features that are at hand are trained on as the photos are that they were made of: the head, what is told of it and the
/// part of each photo.
#[test]
fn features_give_the_head_that_their_photos_give() {
    let backbone = backbone();
    let photos: Vec<Drawn> = (0..40).map(Drawn::new).collect();
    let sources: Vec<Source<'_>> = photos.iter().map(Drawn::rgb).collect();
    let mut extractor =
        Extractor::new(&backbone, Preprocessing::for_training(&backbone).unwrap(), Tap::Pooled).unwrap();
    let mut rows = vec![0.0; photos.len() * extractor.row_len()];
    extractor.extract(&sources, &mut rows, &|_| ControlFlow::Continue(())).unwrap();
    let shape = Shape::of([photos.len(), extractor.row_len()]);
    let labels: Vec<u32> = (0..40).map(|number| number % 2).collect();
    let set = FeatureSet::new(Tensor::from_slice(shape, &rows).unwrap(), labels.clone()).unwrap();
    let classes = ["dark", "light"].map(str::to_owned).to_vec();
    let go_on = |_: Event<'_>| ControlFlow::Continue(());
    for (seed, share, folds) in [(0, 0.25, None), (7, 0.25, Some(3)), (1, 0.0, Some(4))] {
        for solver in [Steps { epochs: 5.into(), ..Steps::default() }.into(), Solver::Lbfgs { l2: None }] {
            let options = TrainOptions { solver, seed, ..TrainOptions::default() };
            let trainer = Trainer::new(&backbone).unwrap().options(options).folds(folds);
            let owned = photos.iter().map(Drawn::owned).zip(labels.iter().map(|&label| label as usize));
            let dataset = Dataset::from_sources(classes.clone(), owned, share, seed).unwrap();
            let by_photos = trainer.train(&dataset, &go_on).unwrap();
            let by_rows = trainer.train_on_features(classes.clone(), &set, share, &go_on).unwrap();
            let of = |trained: &Trained| {
                let classifier = &trained.classifier;
                let head = classifier.head();
                let parts = [&trained.dataset.train, &trained.dataset.val].map(Clone::clone);
                let training = classifier.training().clone();
                let values = [bits(head.kernel().data()), bits(head.bias().data())];
                (
                    values,
                    parts,
                    training,
                    classifier.temperature().to_bits(),
                    format!("{:?}", trained.history),
                )
            };
            assert_eq!(of(&by_rows), of(&by_photos), "seed {seed}, share {share}, folds {folds:?}");
            assert_eq!(by_rows.validation.is_some(), share > 0.0);
        }
    }
}

#[test]
fn features_that_cannot_be_trained_on_are_refused_by_name() {
    let backbone = backbone();
    let classes = ["dark", "light"].map(str::to_owned).to_vec();
    let go_on = |_: Event<'_>| ControlFlow::Continue(());
    let refused = |width: usize, value: f32, labels: &[u32], share, options: TrainOptions| {
        let mut values = vec![1.0; labels.len() * width];
        values[width] = value;
        let features = Tensor::from_slice(Shape::of([labels.len(), width]), &values).unwrap();
        let set = FeatureSet::new(features, labels.to_vec()).unwrap();
        let trainer = Trainer::new(&backbone).unwrap().options(options);
        trainer.train_on_features(classes.clone(), &set, share, &go_on).unwrap_err().to_string()
    };
    let (labels, plain) = ([0, 0, 1, 1], TrainOptions::default);
    let tuned = TrainOptions { tuning: Some(Unfreeze::Auto.into()), ..plain() };
    for (error, what) in [
        (refused(1279, 1.0, &labels, 0.25, plain()), "features: 1279"),
        (refused(1280, f32::NAN, &labels, 0.25, plain()), "features: row 1 "),
        (refused(1280, 1.0, &[0, 0, 1, 2], 0.25, plain()), "labels: row 3 "),
        (refused(1280, 1.0, &labels, 0.0, plain()), "no photo is left for validation"),
        (refused(1280, 1.0, &[0, 0, 0, 0], 0.25, plain()), "class 'light'"),
        (refused(1280, 1.0, &labels, 0.25, tuned), "unfreeze: "),
    ] {
        assert!(error.starts_with(what), "{error}");
    }
    // A class that is one group is in no fold or in all: that is told before anything is trained.
    let labels: Vec<u32> = (0..40).map(|row| row % 2).collect();
    let features = Tensor::from_slice(Shape::of([40, 1280]), &vec![1.0; 40 * 1280]).unwrap();
    let set = FeatureSet::new(features, labels).unwrap();
    let set = set.with_groups((0..40).map(|row| row % 2).collect()).unwrap();
    let trainer = Trainer::new(&backbone).unwrap().folds(Some(3));
    let begun = std::sync::atomic::AtomicBool::new(false);
    let error = trainer.train_on_features(classes, &set, 0.0, &|_| {
        begun.store(true, std::sync::atomic::Ordering::Relaxed);
        ControlFlow::Continue(())
    });
    assert!(matches!(error.unwrap_err(), icecap::Error::Groups { parts: 3, .. }));
    assert!(!begun.into_inner(), "it had begun");
}
