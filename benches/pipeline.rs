//! From photos to features, images a second, with one thread and two: hash and decode, resize and forward pass each alone,
//! then all together as `icecap extract` does it. The photos are drawn and encoded here: JPEGs of 500x375, smooth with some
//! noise, so that no assets are needed; `ICECAP_BENCH_PHOTOS=FOLDER` takes the JPEGs of a folder instead. All together must give the features that the parts give one after the other.
//! Before criterion times them, a table tells the parts, what they add up to, and how much of that is reached.
//!
//! ```text
//! cargo bench -p icecap-bench --bench pipeline
//! ```

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use icecap::model::{Extractor, Preprocessing};
use icecap::{Backbone, Settings, Source};
use icecap_bench::{drawn_params, time};
use icecap_data::{Digest, ExifPolicy, Limits, Photo, ResizeBuffers, ResizeMode, ResizeSpec, decode, pixels};
use icecap_graph::{Arena, Input, Plan, Tap};
use icecap_kernels::jpeg::Dct;
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Isa, Threads};
use icecap_weights::{Weights, starter};
use jpeg_encoder::{ColorType, Encoder};

const PHOTOS: usize = 32;
const WIDTH: u16 = 500;
const HEIGHT: u16 = 375;
/// Of the encoder; what cameras and the web use is between 75 and 95.
const QUALITY: u8 = 90;
/// Gray levels of noise on the drawn surfaces, about what a small sensor has.
const NOISE: f32 = 6.0;
const SIDE: usize = 160;
const THREADS: [usize; 2] = [1, 2];
/// How long the table measures each part.
const BUDGET: Duration = Duration::from_millis(500);

/// Slopes and waves of another direction and length on each photo, with noise.
fn photo(number: usize) -> Vec<u8> {
    let mut stream = Stream::new(number as u64, Purpose::Test, 0, 0);
    let waves: [[f32; 3]; 3] = std::array::from_fn(|_| std::array::from_fn(|_| stream.range(0.005, 0.08)));
    let mut rgb = Vec::with_capacity(usize::from(WIDTH) * usize::from(HEIGHT) * 3);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let (x, y) = (f32::from(x), f32::from(y));
            for [a, b, c] in waves {
                let value = 128.0 + 60.0 * (a * x + b * y).sin() + 50.0 * (c * (x - y)).cos();
                rgb.push((value + stream.range(-NOISE, NOISE)) as u8);
            }
        }
    }
    let mut jpeg = Vec::new();
    let encoder = Encoder::new(&mut jpeg, QUALITY);
    encoder.encode(&rgb, WIDTH, HEIGHT, ColorType::Rgb).expect("a photo that fits a JPEG");
    jpeg
}

/// The folder's JPEGs, those of its folders too, in the order of their names.
fn photos_of(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder of photos");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let photos = |path: PathBuf| match path.extension() {
        _ if path.is_dir() => photos_of(&path),
        Some(extension) if extension == "jpg" => vec![std::fs::read(&path).expect("a photo")],
        _ => Vec::new(),
    };
    paths.into_iter().flat_map(photos).collect()
}

/// MobileNetV2 1.0 with drawn weights.
fn backbone(threads: usize) -> Backbone {
    let params = drawn_params(1.0).expect("the width of the paper");
    // Its record is the starter's in all that matters here: plain Keras numerics.
    let record = starter().expect("the starter").record;
    Backbone::new(Weights::new(params, record), Settings::threads(threads)).expect("threads of this machine")
}

/// What one thread needs for each of the parts.
struct Worker {
    buffers: ResizeBuffers,
    pixels: Vec<f32>,
    arenas: [Arena; 1],
}

/// The parts, each over all photos at once.
struct Parts<'a> {
    threads: &'a Threads,
    isa: Isa,
    spec: ResizeSpec,
    plan: Plan,
    workers: Vec<Worker>,
    jpegs: &'a [Vec<u8>],
    decoded: Vec<Photo>,
    resized: Vec<f32>,
    rows: Vec<f32>,
}

impl<'a> Parts<'a> {
    fn new(backbone: &'a Backbone, spec: ResizeSpec, jpegs: &'a [Vec<u8>]) -> Self {
        let plan = backbone.plan([SIDE, SIDE], Tap::Pooled, 1).expect("a size of the paper");
        let worker = || Worker {
            buffers: ResizeBuffers::default(),
            pixels: vec![0.0; spec.values()],
            arenas: [plan.arena()],
        };
        let mut parts = Self {
            threads: backbone.threads(),
            isa: backbone.isa(),
            spec,
            workers: (0..backbone.threads().count()).map(|_| worker()).collect(),
            jpegs,
            decoded: jpegs.iter().map(|jpeg| decoded(jpeg)).collect(),
            resized: vec![0.0; jpegs.len() * spec.values()],
            rows: vec![f32::NAN; jpegs.len() * plan.output_shape().elements()],
            plan,
        };
        // What the resize writes is what the forward pass reads.
        for (photo, out) in parts.decoded.iter().zip(parts.resized.chunks_exact_mut(spec.values())) {
            pixels(photo, &spec, parts.isa, &mut parts.workers[0].buffers, out).expect("there is memory");
        }
        parts.forward();
        parts
    }

    fn decode(&mut self) {
        let jpegs = self.jpegs;
        self.threads.for_each_chunk(&mut self.workers, &mut self.decoded, 1, |_, index, photo| {
            std::hint::black_box(Digest::of(&jpegs[index]));
            photo[0] = decoded(&jpegs[index]);
        });
    }

    fn resize(&mut self) {
        let (decoded, spec, isa) = (&self.decoded, self.spec, self.isa);
        // Into the worker's own pixels, as on the whole way: they stay in its cache.
        let mut done = vec![(); decoded.len()];
        self.threads.for_each_chunk(&mut self.workers, &mut done, 1, |worker, index, _| {
            pixels(&decoded[index], &spec, isa, &mut worker.buffers, &mut worker.pixels)
                .expect("there is memory");
        });
    }

    fn forward(&mut self) {
        let (plan, resized, len) = (&self.plan, &self.resized, self.spec.values());
        let row = plan.output_shape().elements();
        self.threads.for_each_chunk(&mut self.workers, &mut self.rows, row, |worker, index, row| {
            let input = Input::F32(&resized[index * len..][..len]);
            plan.run(&Threads::serial(), input, &mut worker.arenas, row).expect("pixels of one image");
        });
    }
}

fn decoded(jpeg: &[u8]) -> Photo {
    decode(jpeg, &Limits::default(), ExifPolicy::default()).expect("a JPEG of our own")
}

/// All together, as `icecap extract` does it.
fn together(extractor: &mut Extractor, sources: &[Source<'_>], rows: &mut [f32]) {
    let outcomes = extractor.extract(sources, rows, &|_| ControlFlow::Continue(()));
    assert!(outcomes.expect("nobody stops it").iter().all(Result::is_ok), "a JPEG of our own");
}

fn pipeline(c: &mut Criterion) {
    let (jpegs, of): (Vec<Vec<u8>>, _) = match std::env::var_os("ICECAP_BENCH_PHOTOS") {
        Some(folder) => (photos_of(folder.as_ref()), folder.to_string_lossy().into_owned()),
        None => ((0..PHOTOS).map(photo).collect(), format!("{WIDTH}x{HEIGHT}")),
    };
    let count = jpegs.len();
    let sources: Vec<Source<'_>> = jpegs.iter().map(|jpeg| Source::Bytes(jpeg)).collect();
    let spec = ResizeSpec { height: SIDE, width: SIDE, mode: ResizeMode::Squash };
    for threads in THREADS {
        let backbone = backbone(threads);
        let mut parts = Parts::new(&backbone, spec, &jpegs);
        let preprocessing = Preprocessing { resize: spec, exif: ExifPolicy::default(), dct: Dct::default() };
        let mut extractor =
            Extractor::new(&backbone, preprocessing, Tap::Pooled).expect("a size of the paper");
        let mut rows = vec![f32::NAN; parts.rows.len()];
        together(&mut extractor, &sources, &mut rows);
        assert!(rows == parts.rows, "other features than those of the parts");

        let title = format!("{count} photos {of} to {SIDE}x{SIDE} threads {threads}");
        let all = time(BUDGET, || together(&mut extractor, &sources, &mut rows));
        let alone = [
            ("hash and decode", time(BUDGET, || parts.decode())),
            ("resize", time(BUDGET, || parts.resize())),
            ("forward", time(BUDGET, || parts.forward())),
        ];
        let rate = |ns: f64| count as f64 / ns * 1e9;
        let sum: f64 = alone.iter().map(|(_, timing)| timing.best_ns).sum();
        println!("\n{title}, {}: images a second, best", backbone.isa());
        for (name, timing) in alone {
            println!("{name:<18} {:>8.0}", rate(timing.best_ns));
        }
        println!("{:<18} {:>8.0}", "sum of the parts", rate(sum));
        println!("{:<18} {:>8.0}   {:.2} of the sum", "all together", rate(all.best_ns), sum / all.best_ns);

        let mut group = c.benchmark_group(&title);
        group.throughput(Throughput::Elements(count as u64)).sample_size(10);
        group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
        group.bench_function("hash and decode", |b| b.iter(|| parts.decode()));
        group.bench_function("resize", |b| b.iter(|| parts.resize()));
        group.bench_function("forward", |b| b.iter(|| parts.forward()));
        group.bench_function("all together", |b| {
            b.iter(|| together(&mut extractor, &sources, &mut rows));
        });
        group.finish();
    }
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
