//! The same bits for any number of threads, any batch, any session; and no deadlock inside somebody else's pool.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::ops::ControlFlow;
use std::sync::Arc;

use icecap::graph::{Input, stage};
use icecap::kernels::Isa;
use icecap::rng::{Purpose, Stream};
use icecap::{Backbone, Classifier, Dataset, SaveBackbone, Settings, TrainOptions, Trainer, data};

fn pixels(seed: u64, len: usize) -> Vec<u8> {
    let mut stream = Stream::new(seed, Purpose::Test, 0, 0);
    (0..len).map(|_| stream.next_u32() as u8).collect()
}

fn backbone(threads: usize, isa: Isa) -> Backbone {
    let settings = Settings { threads, isa: Some(isa) };
    // The large net where it is at hand, the starter everywhere.
    match std::env::var_os("ICECAP_TEST_ASSETS").filter(|folder| !folder.is_empty()) {
        Some(folder) => {
            let file = "weights/keras_mobilenet_v2_1.0_imagenet.safetensors";
            Backbone::open(std::path::Path::new(&folder).join(file), settings).unwrap()
        }
        None => Backbone::starter(settings).unwrap(),
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn features_have_the_same_bits_for_any_threads_and_batch() {
    const IMAGES: usize = 32;
    for isa in Isa::available() {
        for (size, to) in [([96, 96], stage::POOLED), ([65, 80], stage::FEATURES)] {
            let reference = backbone(1, isa);
            let mut session = reference.session(size, to).unwrap();
            let (input_len, output_len) = (session.input_len(), session.output_len());
            let images = pixels(1, IMAGES * input_len);
            let mut expected = vec![f32::NAN; IMAGES * output_len];
            for (image, row) in images.chunks_exact(input_len).zip(expected.chunks_exact_mut(output_len)) {
                session.run(Input::U8(image), row).unwrap();
            }
            assert!(expected.iter().all(|value| value.is_finite()));
            for threads in [1, 2, 3] {
                let backbone = backbone(threads, isa);
                for batch in [1, 5, 32] {
                    let mut session = backbone.session(size, to).unwrap();
                    let mut got = vec![f32::NAN; IMAGES * output_len];
                    let parts = images.chunks(batch * input_len).zip(got.chunks_mut(batch * output_len));
                    for (images, rows) in parts {
                        session.run(Input::U8(images), rows).unwrap();
                    }
                    assert_eq!(bits(&got), bits(&expected), "{isa}, {threads} threads, batch {batch}");
                }
            }
        }
    }
}

/// A small training set: stripes across and stripes along, as PNG files.
fn photos(folder: &std::path::Path) {
    for (class, name) in ["across", "along"].into_iter().enumerate() {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        for index in 0..12u32 {
            let mut stream = Stream::new(9, Purpose::Test, class as u32, index);
            let (width, height) = (40 + stream.below(60), 40 + stream.below(60));
            let step = 3 + stream.below(5);
            let tint = stream.below(200) as u8;
            let image = image::RgbImage::from_fn(width, height, |x, y| {
                let at = if class == 0 { y } else { x };
                let on = if (at / step).is_multiple_of(2) { 255 - tint } else { tint / 2 };
                image::Rgb([on, tint, 255 - on])
            });
            image.save(folder.join(name).join(format!("{index}.png"))).unwrap();
        }
    }
}

#[test]
fn training_and_logits_have_the_same_bits_for_any_threads_and_batch() {
    let folder = tempfile::tempdir().unwrap();
    photos(folder.path());
    let dataset = Dataset::new(&data::scan(folder.path(), None).unwrap(), 0.25, 3).unwrap();
    let options = TrainOptions { epochs: 4, seed: 11, batch: 5, ..TrainOptions::default() };
    let cache = Arc::new(data::Cache::new(&folder.path().join("cache")));
    let train = |threads: usize, cache: Option<Arc<data::Cache>>| {
        let backbone = Backbone::starter(Settings::threads(threads)).unwrap();
        let trainer = Trainer::new(&backbone).unwrap().options(options.clone()).cache(cache);
        trainer.train(&dataset, &|_| ControlFlow::Continue(())).unwrap()
    };
    let first = train(1, None);
    let model = first.classifier.to_bytes(SaveBackbone::Embedded).unwrap();
    for (threads, cache) in [(2, None), (3, Some(&cache)), (1, Some(&cache))] {
        let other = train(threads, cache.cloned());
        let cached = other.photos.cached;
        assert_eq!(other.classifier.to_bytes(SaveBackbone::Embedded).unwrap(), model, "{threads} threads");
        assert_eq!(other.history, first.history);
        assert_eq!(cached, if threads == 1 { 24 } else { 0 });
    }

    // Logits of a photo do not depend on who is predicted beside it, nor on the threads.
    let files: Vec<_> = dataset.samples().map(|(_, sample)| sample.path.clone()).collect();
    let alone: Vec<_> = files.iter().map(|file| first.classifier.predict_file(file).unwrap()).collect();
    for threads in [1, 2, 3] {
        let classifier = Classifier::from_bytes(&model, "a model", Settings::threads(threads)).unwrap();
        for batch in [1, 5, 32] {
            let mut predictor = classifier.predictor().unwrap();
            let sources: Vec<_> = files.iter().map(|file| icecap::Source::Path(file)).collect();
            let mut at = 0;
            for batch in sources.chunks(batch) {
                for prediction in predictor.predict(batch, &|_| ControlFlow::Continue(())).unwrap() {
                    assert_eq!(bits(&prediction.unwrap().logits), bits(&alone[at].logits));
                    at += 1;
                }
            }
            assert_eq!(at, files.len());
        }
    }
}

/// Eight callers with two backbones of two threads each, all inside a pool of their own.
#[test]
fn callers_inside_a_foreign_pool_neither_deadlock_nor_disturb_each_other() {
    let backbones: Vec<Backbone> = (0..2).map(|_| Backbone::starter(Settings::threads(2)).unwrap()).collect();
    let size = [64, 64];
    let image = pixels(2, 64 * 64 * 3);
    let mut session = backbones[0].session(size, stage::POOLED).unwrap();
    let mut expected = vec![0.0; session.output_len()];
    session.run(Input::U8(&image), &mut expected).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build().unwrap();
    pool.scope(|scope| {
        for caller in 0..8 {
            let (backbone, image, expected) = (&backbones[caller % 2], &image, &expected);
            scope.spawn(move |_| {
                let mut session = backbone.session(size, stage::POOLED).unwrap();
                for round in 0..5 {
                    let batch = 1 + (caller + round) % 3;
                    let mut rows = vec![0.0; batch * expected.len()];
                    session.run(Input::U8(&image.repeat(batch)), &mut rows).unwrap();
                    for row in rows.chunks_exact(expected.len()) {
                        assert_eq!(bits(row), bits(expected));
                    }
                }
            });
        }
    });
}

#[test]
fn one_thread_starts_none() {
    let count = || std::fs::read_dir("/proc/self/task").map(Iterator::count).ok();
    // Other tests of this binary start threads of their own at the same time: ask a process of its own.
    if std::env::var_os("ICECAP_TEST_ALONE").is_none() {
        let this = std::env::current_exe().unwrap();
        let run = std::process::Command::new(this)
            .args(["--exact", "one_thread_starts_none", "--test-threads=1"])
            .env("ICECAP_TEST_ALONE", "1")
            .status()
            .unwrap();
        assert!(run.success());
        return;
    }
    let before = count();
    let backbone = Backbone::starter(Settings::threads(1)).unwrap();
    let mut session = backbone.session([64, 64], stage::POOLED).unwrap();
    let mut rows = vec![0.0; 3 * session.output_len()];
    session.run(Input::U8(&pixels(3, 3 * 64 * 64 * 3)), &mut rows).unwrap();
    assert_eq!(count(), before);
}

#[test]
fn a_callback_can_stop_the_work() {
    let folder = tempfile::tempdir().unwrap();
    photos(folder.path());
    let dataset = Dataset::new(&data::scan(folder.path(), None).unwrap(), 0.25, 3).unwrap();
    let backbone = Backbone::starter(Settings::threads(2)).unwrap();
    let stopped = Trainer::new(&backbone).unwrap().train(&dataset, &|event| match event {
        icecap::Event::Extracting(progress) if progress.done >= 3 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(stopped, Err(icecap::Error::Stopped)));
}
