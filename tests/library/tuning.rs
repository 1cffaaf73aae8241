//! Fine-tuning by the facade: the same bytes whatever it runs on, a model that holds all of it, the head alone where nothing
//! better came out, refusals before the work.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use icecap::advanced::data::{Augment, Cache, Views};
use icecap::advanced::graph::{Precision, Tap};
use icecap::advanced::kernels::rng::{Purpose, Stream};
use icecap::advanced::weights::{params_digest, starter};
use icecap::learn::{Steps, Tuning, Unfreeze, Verdict};
use icecap::model::Extractor;
use icecap::{
    Backbone, Classifier, Dataset, Error, Event, OwnedSource, SaveBackbone, Settings, Source, TrainOptions,
    Trained, Trainer,
};

/// A photo of stripes in noise: those of one class lie across those of the other.
fn photo(class: usize, number: u32) -> OwnedSource {
    const SIDE: usize = 64;
    let mut draw = Stream::new(31, Purpose::Test, class as u32, number);
    let (phase, width) = (draw.range(0.0, 8.0), draw.range(3.0, 6.0));
    let mut pixels = Vec::with_capacity(SIDE * SIDE * 3);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let along = if class == 0 { x } else { y } as f32;
            let wave = ((along + phase) / width).sin();
            pixels.extend((0..3).map(|_| (128.0 + 30.0 * wave + draw.range(-90.0, 90.0)) as u8));
        }
    }
    OwnedSource::Rgb { pixels, width: SIDE, height: SIDE }
}

fn dataset(each: u32) -> Dataset {
    let photos = (0..each).flat_map(|number| [0, 1].map(|class| (photo(class, number), class)));
    Dataset::from_sources(vec!["down".to_owned(), "along".to_owned()], photos, 0.2, 0).unwrap()
}

fn backbone(threads: usize) -> Backbone {
    Backbone::new(starter().unwrap(), Settings::threads(threads)).unwrap()
}

fn options(tuning: Tuning) -> TrainOptions {
    let steps = Steps { epochs: 10.into(), ..Steps::default() };
    TrainOptions { tuning: Some(tuning), ..steps.into() }
}

fn trained(backbone: &Backbone, dataset: &Dataset, tuning: Tuning, cache: Option<Arc<Cache>>) -> Trained {
    let trainer = Trainer::new(backbone).unwrap().options(options(tuning)).cache(cache);
    trainer.train(dataset, &|_| ControlFlow::Continue(())).unwrap()
}

fn bytes(trained: &Trained) -> Vec<u8> {
    trained.classifier.to_bytes(SaveBackbone::Embedded).unwrap()
}

/// Blocks from 16 on, for two epochs.
fn block_16() -> Tuning {
    Tuning { epochs: 2, rate: 1e-3, ..Unfreeze::Block(16).into() }
}

#[test]
fn a_tuned_model_has_the_same_bytes_for_any_threads_and_whatever_the_cache_has() {
    let dataset = dataset(16);
    let expected = trained(&backbone(1), &dataset, block_16(), None);
    let tuned = expected.tuned.as_ref().unwrap();
    assert_eq!(tuned.choice.verdict, Verdict::Tuned { from: Unfreeze::Block(16), epochs: 2, judged: false });
    let expected = bytes(&expected);
    for threads in [2, 3, 8] {
        assert!(
            bytes(&trained(&backbone(threads), &dataset, block_16(), None)) == expected,
            "{threads} threads"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let cache = || Some(Arc::new(Cache::new(folder.path())));
    // A cache that knows what an earlier training without tuning left there: features and no rows.
    let plain = Trainer::new(&backbone(2)).unwrap().cache(cache());
    let _ = plain.train(&dataset, &|_| ControlFlow::Continue(())).unwrap();
    for cached in [0, dataset.samples().count()] {
        let trained = trained(&backbone(2), &dataset, block_16(), cache());
        assert_eq!(trained.photos.cached, cached);
        assert!(bytes(&trained) == expected, "{cached} photos from the cache");
    }
}

#[test]
fn views_have_rows_of_their_own() {
    let dataset = dataset(12);
    let views = || Views::drawn("flip,crop".parse::<Augment>().unwrap(), 1, 3).unwrap();
    let of = |threads, cache| {
        let backbone = backbone(threads);
        let trainer =
            Trainer::new(&backbone).unwrap().options(options(block_16())).views(views()).cache(cache);
        trainer.train(&dataset, &|_| ControlFlow::Continue(())).unwrap()
    };
    let expected = of(1, None);
    assert_eq!(
        expected.tuned.as_ref().unwrap().choice.learned + expected.tuned.as_ref().unwrap().choice.held,
        20
    );
    let folder = tempfile::tempdir().unwrap();
    for cached in [0, 24] {
        let again = of(2, Some(Arc::new(Cache::new(folder.path()))));
        assert!(again.photos.cached == cached && bytes(&again) == bytes(&expected));
    }
    assert!(bytes(&trained(&backbone(2), &dataset, block_16(), None)) != bytes(&expected));
}

#[test]
fn the_model_holds_the_tuned_net_which_predicts_as_it_was_judged() {
    let (dataset, backbone) = (dataset(16), backbone(2));
    let folder = tempfile::tempdir().unwrap();
    let cache = Some(Arc::new(Cache::new(folder.path())));
    let trained = trained(&backbone, &dataset, block_16(), cache.clone());
    let tuned = trained.tuned.as_ref().unwrap();
    let net = trained.classifier.backbone();
    // Its record says what it was made of, and its hash is that of what it is now.
    let record = net.record().clone();
    let of = record.tuned.clone().unwrap();
    assert_eq!(
        (of.from, of.block.as_str(), of.norms_frozen),
        (backbone.record().params_sha256, "block_16", false)
    );
    assert_eq!(record.params_sha256, params_digest(&net.params().unwrap()));
    assert_ne!(record.params_sha256, of.from);
    // The statistics, and all below the block, are as they were.
    let (before, after) = (backbone.params().unwrap(), net.params().unwrap());
    for ((name, before), (_, after)) in before.backbone_tensors().zip(after.backbone_tensors()) {
        let moved = before.data() != after.data();
        let learns = (name.starts_with("block_16") || name.starts_with("Conv_1")) && !name.contains("moving");
        assert!(!moved || learns, "{name}");
        assert_eq!(moved, tuned.moved.iter().any(|of| of.name == name && of.relative > 0.0), "{name}");
    }
    assert!(tuned.trainable > 0 && tuned.moved.iter().any(|of| of.relative > 0.0));
    // Features of the validation photos, made by the opened model from the photos, are those it was judged by; the cache,
    // which has those of the net before under its own hash, changes nothing.
    let opened =
        Classifier::builder().settings(Settings::threads(1)).bytes(&bytes(&trained), "tuned").unwrap();
    assert_eq!(
        opened.backbone().record(),
        &icecap::advanced::weights::Record {
            file_sha256: opened.backbone().record().file_sha256,
            ..record.clone()
        }
    );
    for cache in [None, cache.clone(), cache] {
        let mut extractor =
            Extractor::new(opened.backbone(), opened.preprocessing(), Tap::Pooled).unwrap().with_cache(cache);
        let sources: Vec<Source<'_>> = dataset.val.iter().map(|sample| dataset.source(sample)).collect();
        let mut rows = vec![0.0; sources.len() * extractor.row_len()];
        extractor.extract(&sources, &mut rows, &|_| ControlFlow::Continue(())).unwrap();
        assert_eq!(trained.val_set.features.features().data(), rows);
    }
    let metrics = opened.head().evaluate(net.isa(), &trained.val_set.features).unwrap();
    assert_eq!(Some(metrics), trained.kept().map(|epoch| epoch.validation));
    // What is in no other file is not left out of this one.
    let error = trained.classifier.to_bytes(SaveBackbone::Pinned).unwrap_err();
    assert!(error.to_string().contains("in no other file"), "{error}");
    assert!(opened.to_bytes(SaveBackbone::Pinned).is_ok(), "the file it was opened from has it");
}

#[test]
fn a_tuned_model_is_weights_that_can_be_tuned_again() {
    let (dataset, first) = (dataset(12), backbone(2));
    let once = trained(&first, &dataset, block_16(), None);
    let weights = Backbone::from_bytes(&bytes(&once), "tuned", Settings::threads(2)).unwrap();
    assert!(weights.record().tuned.is_some());
    let frozen = Tuning { freeze_norms: true, ..Unfreeze::LastConvolution.into() };
    let twice = trained(&weights, &dataset, frozen, None);
    let of = twice.classifier.backbone().record().tuned.clone().unwrap();
    assert_eq!(
        (of.from, of.block.as_str(), of.norms_frozen),
        (weights.record().params_sha256, "Conv_1", true)
    );
}

#[test]
fn few_photos_leave_the_head_alone() {
    let (dataset, backbone) = (dataset(10), backbone(2));
    let auto = trained(&backbone, &dataset, Unfreeze::Auto.into(), None);
    let tuned = auto.tuned.as_ref().unwrap();
    assert_eq!((tuned.choice.verdict, tuned.paired.clone(), tuned.trainable), (Verdict::TooFew, None, 0));
    assert_eq!(auto.classifier.training()["tuned_epochs"], "0");
    let plain = TrainOptions { tuning: None, ..options(Tuning::default()) };
    let plain = Trainer::new(&backbone).unwrap().options(plain);
    let plain = plain.train(&dataset, &|_| ControlFlow::Continue(())).unwrap();
    assert!(plain.tuned.is_none() && !plain.classifier.training().contains_key("unfreeze"));
    assert_eq!(plain.classifier.head().kernel().data(), auto.classifier.head().kernel().data());
    assert_eq!(plain.calibration, auto.calibration);
    assert_eq!(plain.classifier.backbone().net_sha256(), auto.classifier.backbone().net_sha256());
}

#[test]
fn a_rate_that_diverges_leaves_the_head_alone() {
    let (dataset, backbone) = (dataset(12), backbone(2));
    let tuning = Tuning { rate: 1e30, warmup: 0.0, ..block_16() };
    let trained = trained(&backbone, &dataset, tuning, None);
    let verdict = trained.tuned.as_ref().unwrap().choice.verdict;
    assert!(matches!(verdict, Verdict::Diverged { epoch: 1 | 2 }), "{verdict:?}");
    assert_eq!(trained.classifier.backbone().net_sha256(), backbone.net_sha256());
    assert!(trained.kept().unwrap().validation.loss.is_finite());
    // With no photo to try it on it is the training itself that diverges, in an epoch that is counted.
    let told = Mutex::new(Vec::new());
    let event = |event: Event<'_>| {
        if let Event::TuningChosen(choice) = event {
            told.lock().unwrap().push(choice.verdict);
        }
        ControlFlow::Continue(())
    };
    let tuning = Tuning { rate: f32::MAX, warmup: 0.0, ..block_16() };
    let trainer = Trainer::new(&backbone).unwrap().options(options(tuning));
    let trained = trainer.train(&self::dataset(2), &event).unwrap();
    let told = told.into_inner().unwrap();
    assert!(
        matches!(told[..], [Verdict::Tuned { judged: false, .. }, Verdict::Diverged { epoch: 1.. }]),
        "{told:?}"
    );
    assert_eq!(trained.classifier.backbone().net_sha256(), backbone.net_sha256());
}

#[test]
fn it_stops_between_steps_and_hands_out_the_head() {
    let (dataset, backbone) = (dataset(16), backbone(2));
    let (steps, heads) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let trainer = Trainer::new(&backbone).unwrap().options(options(block_16()));
    let stopped = trainer.train(&dataset, &|event| {
        match event {
            Event::Tuning { progress, .. } => {
                assert!(progress.done <= progress.photos);
                if steps.fetch_add(1, Ordering::Relaxed) == 1 {
                    return ControlFlow::Break(());
                }
            }
            Event::Unfinished(classifier) => {
                assert_eq!(classifier.backbone().net_sha256(), backbone.net_sha256());
                heads.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    assert!(matches!(stopped, Err(Error::Stopped)));
    assert_eq!((steps.into_inner(), heads.into_inner()), (2, 1));
}

#[test]
fn what_cannot_be_tuned_is_said_before_the_work() {
    let dataset = dataset(6);
    let refused = |trainer: Trainer| {
        let event = |event: Event<'_>| panic!("nothing may happen: {event:?}");
        trainer.options(options(block_16())).train(&dataset, &event).unwrap_err().to_string()
    };
    let whole = Settings::threads(1).in_precision(Precision::Int8);
    let integers = Backbone::new(starter().unwrap(), whole).unwrap();
    let error = refused(Trainer::new(&integers).unwrap());
    assert!(error.contains("learn in f32"), "{error}");
    let error = refused(Trainer::new(&backbone(1)).unwrap().folds(Some(3)));
    assert!(error.starts_with("folds: "), "{error}");
}
