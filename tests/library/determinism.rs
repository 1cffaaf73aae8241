//! The same bits for any number of threads, any batch, any session.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use icecap::advanced::data;
use icecap::advanced::graph::{Input, Tap};
use icecap::advanced::kernels::Isa;
use icecap::advanced::kernels::rng::{Purpose, Stream};
use icecap::advanced::weights::{Weights, starter};
use icecap::learn::Steps;
use icecap::model::{Extractor, Precision, Preprocessing};
use icecap::{Backbone, Classifier, Dataset, SaveBackbone, Settings, Source, TrainOptions, Trainer};
use icecap_bench::drawn_params;

/// More threads than this machine may have processors, and more than an image has parts.
const THREADS: [usize; 5] = [1, 2, 3, 4, 8];
/// Batches that leave a rest among [`IMAGES`], and such that do not.
const BATCHES: [usize; 5] = [1, 2, 3, 8, 32];
const IMAGES: usize = 32;

fn pixels(seed: u64, len: usize) -> Vec<u8> {
    let mut stream = Stream::new(seed, Purpose::Test, 0, 0);
    (0..len).map(|_| stream.next_u32() as u8).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Which runs gave which bits.
#[derive(Default)]
struct Hashes(BTreeMap<u64, Vec<String>>);

impl Hashes {
    fn add(&mut self, run: String, values: &[f32]) {
        let mut hasher = DefaultHasher::new();
        bits(values).hash(&mut hasher);
        self.0.entry(hasher.finish()).or_default().push(run);
    }

    #[track_caller]
    fn is_one(&self, runs: usize) {
        assert_eq!(self.0.len(), 1, "{:#?}", self.0);
        assert_eq!(self.0.values().map(Vec::len).sum::<usize>(), runs);
    }
}

/// What is computed of the images.
struct Pass<'a> {
    weights: &'a Weights,
    isa: Isa,
    precision: Precision,
    size: [usize; 2],
    to: Tap,
}

/// The same images with every number of threads and every batch, and each of them alone in a session of its own. Returns
/// the hash that all of them have.
fn one_hash(pass: &Pass<'_>, threads: &[usize], batches: &[usize]) -> u64 {
    let &Pass { weights, isa, precision, size, to } = pass;
    let image_len = size[0] * size[1] * 3;
    let images = pixels(1, IMAGES * image_len);
    let unrounded: Vec<f32> = images.iter().map(|&value| f32::from(value)).collect();
    // Features leave from the door of unrounded pixels, so that both doors are walked through.
    let input = |range: std::ops::Range<usize>| match to {
        Tap::Features => Input::F32(&unrounded[range]),
        _ => Input::U8(&images[range]),
    };
    let backbone = |threads| {
        let settings =
            Settings { threads, isa: Some(isa), precision: Some(precision), ..Settings::default() };
        Backbone::new(weights.clone(), settings).unwrap()
    };

    let mut hashes = Hashes::default();
    let alone = backbone(1);
    let row_len = alone.session(size, to).unwrap().output_len();
    let mut rows = vec![f32::NAN; IMAGES * row_len];
    for (image, row) in rows.chunks_exact_mut(row_len).enumerate() {
        let range = image * image_len..(image + 1) * image_len;
        alone.session(size, to).unwrap().run(input(range), row).unwrap();
    }
    // Images that gave the same row could be exchanged, and nobody would see it.
    assert!(rows.iter().all(|value| value.is_finite()));
    let mut different: Vec<_> = rows.chunks_exact(row_len).map(bits).collect();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), IMAGES);
    hashes.add(format!("{isa}, each image alone"), &rows);

    for &threads in threads {
        let backbone = backbone(threads);
        for &batch in batches {
            let mut session = backbone.session(size, to).unwrap();
            rows.fill(f32::NAN);
            for (index, rows) in rows.chunks_mut(batch * row_len).enumerate() {
                let first = index * batch * image_len;
                session.run(input(first..first + rows.len() / row_len * image_len), rows).unwrap();
            }
            hashes.add(format!("{isa}, {threads} threads, batch {batch}"), &rows);
        }
    }
    hashes.is_one(1 + threads.len() * batches.len());
    hashes.0.into_keys().next().unwrap()
}

#[test]
fn features_of_the_starter_have_one_hash_for_any_threads_and_batch() {
    let (weights, precision) = (starter().unwrap(), Precision::F32);
    for isa in Isa::available() {
        one_hash(
            &Pass { weights: &weights, isa, precision, size: [96, 96], to: Tap::Pooled },
            &THREADS,
            &BATCHES,
        );
        // Odd sides, of which no tile is whole; every pixel of the map.
        one_hash(
            &Pass { weights: &weights, isa, precision, size: [65, 80], to: Tap::Features },
            &[2, 3],
            &[1, 5],
        );
    }
}

#[test]
fn features_of_a_wide_net_have_one_hash_for_any_threads_and_batch() {
    let weights = Weights::new(drawn_params(1.0).unwrap(), starter().unwrap().record);
    let precision = Precision::F32;
    for isa in Isa::available() {
        // The plainest kernels are several times slower, and split their work where the others do.
        let (threads, batches) =
            if isa == Isa::best() { (&THREADS[..], &BATCHES[..]) } else { (&[2, 3][..], &[1, 8][..]) };
        one_hash(
            &Pass { weights: &weights, isa, precision, size: [64, 64], to: Tap::Pooled },
            threads,
            batches,
        );
    }
}

#[test]
fn features_in_int8_have_one_hash_for_any_threads_and_batch_on_every_instruction_set() {
    let (weights, precision) = (starter().unwrap(), Precision::Int8);
    let of = |size, to, threads: &[usize], batches: &[usize]| {
        let isas = Isa::available().into_iter();
        let hashes: Vec<(Isa, u64)> = isas
            .map(|isa| {
                (isa, one_hash(&Pass { weights: &weights, isa, precision, size, to }, threads, batches))
            })
            .collect();
        assert!(hashes.iter().all(|(_, hash)| *hash == hashes[0].1), "{hashes:?}");
    };
    of([96, 96], Tap::Pooled, &[1, 2, 3, 8], &[1, 5, 32]);
    of([65, 80], Tap::Features, &[2, 3], &[1, 5]);
}

/// Whether the threads share a photo that comes alone, take one each, or are left out: the features have the same bits.
#[test]
fn features_of_a_photo_have_the_same_bits_alone_in_a_batch_and_on_the_callers_thread() {
    const PHOTOS: usize = 5;
    const SIDES: [usize; 2] = [150, 130];
    let all = pixels(3, PHOTOS * SIDES[0] * SIDES[1] * 3);
    let photos: Vec<_> = all.chunks_exact(all.len() / PHOTOS).collect();
    let photos: Vec<_> =
        photos.iter().map(|pixels| Source::Rgb { pixels, width: SIDES[0], height: SIDES[1] }).collect();
    let cases = [
        (Precision::F32, Tap::Pooled, data::Views::Plain),
        (Precision::F32, Tap::Features, data::Views::Plain),
        (Precision::F32, Tap::Block(3), data::Views::Mirrored),
        (Precision::Int8, Tap::Pooled, data::Views::Mirrored),
        (Precision::Int8, Tap::Features, data::Views::Plain),
    ];
    for (precision, tap, views) in cases {
        let mut hashes = Hashes::default();
        for threads in [1, 2, 3] {
            let settings = Settings { precision: Some(precision), ..Settings::threads(threads) };
            let backbone = Backbone::starter(settings).unwrap();
            let preprocessing = Preprocessing::for_training(&backbone).unwrap();
            let mut extractor = Extractor::new(&backbone, preprocessing, tap).unwrap().with_views(views);
            let photo_len = extractor.row_len() * extractor.views();
            let mut rows = vec![0.0; PHOTOS * photo_len];
            for batch in [1, 2, 1, PHOTOS] {
                for on_caller in [false, true] {
                    rows.fill(f32::NAN);
                    let caller = std::thread::current().id();
                    for (photos, rows) in photos.chunks(batch).zip(rows.chunks_mut(batch * photo_len)) {
                        let outcomes = match on_caller {
                            false => extractor.extract(photos, rows, &|_| ControlFlow::Continue(())),
                            true => extractor.extract_on_caller(photos, rows, &|_| {
                                assert_eq!(std::thread::current().id(), caller);
                                ControlFlow::Continue(())
                            }),
                        };
                        assert!(outcomes.unwrap().iter().all(Result::is_ok));
                    }
                    assert!(rows.iter().all(|value| value.is_finite()));
                    hashes
                        .add(format!("{threads} threads, batch {batch}, on the caller: {on_caller}"), &rows);
                }
            }
        }
        hashes.is_one(3 * 4 * 2);
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
    let steps = Steps { epochs: 4.into(), batch: 5, ..Steps::default() };
    let options = TrainOptions { seed: 11, ..steps.into() };
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
        let classifier =
            Classifier::builder().settings(Settings::threads(threads)).bytes(&model, "a model").unwrap();
        for batch in [1, 5, 32] {
            let mut predictor = classifier.predictor().unwrap();
            let sources: Vec<_> = files.iter().map(|file| Source::Path(file)).collect();
            let mut at = 0;
            for batch in sources.chunks(batch) {
                let go_on = |_| ControlFlow::Continue(());
                let shared = predictor.predict(batch, &go_on).unwrap();
                for (shared, own) in
                    shared.into_iter().zip(predictor.predict_on_caller(batch, &go_on).unwrap())
                {
                    assert_eq!(bits(&shared.unwrap().logits), bits(&alone[at].logits));
                    assert_eq!(bits(&own.unwrap().logits), bits(&alone[at].logits));
                    at += 1;
                }
            }
            assert_eq!(at, files.len());
        }
    }
}
