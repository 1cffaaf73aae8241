//! Every kernel of the registry on geometries of MobileNetV2 1.0 at 160x160, GFLOP/s per instruction set. An answer is
//! held against the oracle before it is timed, whatever the filter. A bench is called after the row that it runs; where
//! a layer's channels take two rows, after both.
//!
//! ```text
//! cargo bench -p icecap --bench kernels                        all
//! cargo bench -p icecap --bench kernels -- 'pointwise.*avx2' some
//! ```

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use icecap::graph::{LayerKind, Padding, Spec, layers};
use icecap::kernels::{
    Blocked, BlockedMut, Buffer, ConvGeometry, Epilogue, Isa, LINE, Layout, Operation, PackedDense,
    PackedDepthwise, PackedPointwise, PackedStem, ResizeScratch, Size, Threads, dense, depthwise, kernels,
    oracle, pointwise, pool, resize_bilinear_rgb, scale_pixels, scaled_len, stem,
};
use icecap::rng::{Purpose, Stream};

/// Layers that stand for the net: wide and shallow, narrow and deep, and what lies between.
const LAYERS: [&str; 12] = [
    "Conv1",
    "expanded_conv_project",
    "block_1_expand",
    "block_1_depthwise",
    "block_2_project",
    "block_5_depthwise",
    "block_9_expand",
    "block_12_project",
    "block_13_depthwise",
    "block_16_expand",
    "block_16_depthwise",
    "Conv_1",
];

fn draw(len: usize) -> Vec<f32> {
    let mut stream = Stream::new(1, Purpose::Test, 0, 0);
    (0..len).map(|_| stream.range(-1.0, 1.0)).collect()
}

fn blocked(layout: Layout, image: &[f32]) -> Buffer {
    let mut data = Buffer::zeros(layout.len());
    BlockedMut::new(layout, &mut data).read_hwc(image);
    data
}

/// A wrong kernel has no speed.
fn check(name: &str, got: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "values of {name}");
    for (got, expected) in got.iter().zip(expected) {
        assert!((f64::from(*got) - expected).abs() < tolerance, "{name} is wrong: {got} for {expected}");
    }
}

/// Plain rows of an image in channel blocks.
fn plain(layout: Layout, data: &[f32]) -> Vec<f32> {
    let mut image = vec![0.0; layout.pixels() * layout.channels()];
    Blocked::new(layout, data).write_hwc(&mut image);
    image
}

fn clamped(values: Vec<f64>) -> Vec<f64> {
    values.into_iter().map(oracle::relu6).collect()
}

/// What runs for `outputs` channels on each instruction set: the name of its row, or of its two.
fn runs(operation: Operation, outputs: usize) -> Vec<(Isa, String)> {
    let all = kernels();
    let name = |isa: Isa| {
        let own = all.iter().filter(|row| row.operation == operation && row.name.ends_with(isa.name()));
        let rows: Vec<&str> = own.map(|row| row.name).collect();
        let padded = outputs.next_multiple_of(LINE);
        match rows[..] {
            [] => None,
            [wide, .., narrow] if padded < lanes(wide) => Some(narrow.to_owned()),
            [wide, .., narrow] if !padded.is_multiple_of(lanes(wide)) => Some(format!("{wide}+{narrow}")),
            [first, ..] => Some(first.to_owned()),
        }
    };
    Isa::available().into_iter().filter_map(|isa| Some((isa, name(isa)?))).collect()
}

/// Output channels of a tile, from a row's name: 32 of `pointwise_f32_14x32_avx512`.
fn lanes(row: &str) -> usize {
    let tile = row.rsplit('_').nth(1).and_then(|tile| tile.rsplit('x').next());
    tile.and_then(|lanes| lanes.parse().ok()).expect("a row's name says how wide its tile is")
}

fn convolutions(c: &mut Criterion) {
    let spec = Spec::with_width(1.0).expect("the width of the paper");
    let all = layers(&spec, Padding::Same, None, (160, 160)).expect("a size of the paper");
    let mut channels = 3;
    for layer in &all {
        let inputs = channels;
        channels = *layer.output.dims().last().expect("layers have channels");
        if !LAYERS.contains(&layer.name.as_str()) {
            continue;
        }
        let mut group = c.benchmark_group(&layer.name);
        group.throughput(Throughput::Elements(2 * layer.macs as u64));
        match layer.kind {
            LayerKind::Pointwise { .. } => {
                let (height, width) = (layer.output.dims()[1], layer.output.dims()[2]);
                bench_pointwise(&mut group, inputs, channels, height, width);
            }
            LayerKind::Depthwise { geometry } => bench_depthwise(&mut group, channels, &geometry),
            LayerKind::Conv { geometry, .. } => bench_stem(&mut group, channels, &geometry),
            _ => {}
        }
        group.finish();
    }
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

/// Runs a kernel once into memory that holds no answer yet, checks it, then times it. A filter skips the timing only.
fn bench(
    group: &mut Group<'_>,
    name: &str,
    len: usize,
    check: impl Fn(&[f32]),
    mut run: impl FnMut(&mut [f32]),
) {
    let mut output = Buffer::zeros(len);
    output.fill(f32::NAN);
    run(&mut output);
    check(&output);
    group.bench_function(name, |b| b.iter(|| run(&mut output)));
}

fn bench_pointwise(group: &mut Group<'_>, inputs: usize, outputs: usize, height: usize, width: usize) {
    let (image, weights, bias) = (draw(height * width * inputs), draw(inputs * outputs), draw(outputs));
    let packed = PackedPointwise::pack(&weights, &bias, inputs, outputs);
    let (from, to) = (Layout::compact(inputs, height, width), Layout::compact(outputs, height, width));
    let input = blocked(from, &image);
    let threads = Threads::serial();
    let expected = clamped(oracle::pointwise(&image, &weights, &bias));
    for (isa, name) in runs(Operation::Pointwise, outputs) {
        let right = |data: &[f32]| check(&name, &plain(to, data), &expected, 1e-3);
        bench(group, &name, to.len(), right, |output| {
            let mut view = BlockedMut::new(to, output);
            let input = Blocked::new(from, black_box(&input));
            pointwise(&threads, isa, input, &packed, 0..packed.panels(), Epilogue::Relu6, &mut view);
        });
    }
}

fn bench_depthwise(group: &mut Group<'_>, channels: usize, geometry: &ConvGeometry) {
    let (height, width) = geometry.input();
    let (image, weights, bias) = (draw(height * width * channels), draw(9 * channels), draw(channels));
    let packed = PackedDepthwise::pack(&weights, &bias, channels);
    let from = Layout::new(channels, height, width, geometry.pads());
    let to = Layout::compact(channels, geometry.output().0, geometry.output().1);
    let input = blocked(from, &image);
    let operation =
        if geometry.stride() == 1 { Operation::DepthwiseStride1 } else { Operation::DepthwiseStride2 };
    let expected = clamped(oracle::depthwise(geometry, &image, &weights, &bias));
    for (isa, name) in runs(operation, channels) {
        let right = |data: &[f32]| check(&name, &plain(to, data), &expected, 1e-3);
        bench(group, &name, to.len(), right, |output| {
            let input = Blocked::new(from, black_box(&input));
            depthwise(isa, geometry, input, &packed, 0..packed.blocks(), true, output);
        });
    }
}

fn bench_stem(group: &mut Group<'_>, channels: usize, geometry: &ConvGeometry) {
    let (height, width) = geometry.input();
    let (image, weights, bias) = (draw(height * width * 3), draw(27 * channels), draw(channels));
    let packed = PackedStem::pack(&weights, &bias, channels);
    let to = Layout::compact(channels, geometry.output().0, geometry.output().1);
    let mut scaled = Buffer::zeros(scaled_len(geometry));
    let threads = Threads::serial();
    let expected = clamped(oracle::conv3x3(geometry, &image, &weights, &bias));
    for (isa, name) in runs(Operation::Stem, channels) {
        let right = |data: &[f32]| check(&name, &plain(to, data), &expected, 1e-3);
        bench(group, &name, to.len(), right, |output| {
            scale_pixels(&threads, geometry, black_box(&image), [1.0; 3], [0.0; 3], &mut scaled);
            let mut view = BlockedMut::new(to, output);
            stem(&threads, isa, geometry, &scaled, &packed, true, &mut view);
        });
    }
}

fn small_ones(c: &mut Criterion) {
    let (pixels, features, classes) = (25, 1280, 1000);
    let (image, weights, bias) = (draw(pixels * features), draw(features * classes), draw(classes));
    let layout = Layout::compact(features, pixels, 1);
    let input = blocked(layout, &image);
    let mut group = c.benchmark_group("global_average_pooling2d");
    group.throughput(Throughput::Elements((pixels * features) as u64));
    let expected = oracle::pool(&image, features);
    for (isa, name) in runs(Operation::Pool, features) {
        let right = |got: &[f32]| check(&name, got, &expected, 1e-5);
        bench(&mut group, &name, features, right, |output| {
            pool(isa, Blocked::new(layout, black_box(&input)), output);
        });
    }
    group.finish();

    let pooled = &image[..features];
    let packed = PackedDense::pack(&weights, &bias, features, classes);
    let mut group = c.benchmark_group("predictions");
    group.throughput(Throughput::Elements(2 * (features * classes) as u64));
    let expected = oracle::pointwise(pooled, &weights, &bias);
    for (isa, name) in runs(Operation::Dense, classes) {
        let right = |got: &[f32]| check(&name, got, &expected, 1e-3);
        bench(&mut group, &name, classes, right, |output| dense(isa, black_box(pooled), &packed, output));
    }
    group.finish();
}

/// Half-pixel centres, the nearest two lines each way; positions in f32, as TensorFlow takes them, values in f64.
fn resized(photo: &[u8], from: Size, to: Size) -> Vec<f64> {
    let tap = |at: usize, from: usize, to: usize| {
        let position = ((at as f32 + 0.5) * (from as f32 / to as f32) - 0.5).max(0.0);
        let low = position as usize;
        (low, (low + 1).min(from - 1), f64::from(position.fract()))
    };
    let value = |y: usize, x: usize, c: usize| f64::from(photo[(y * from.width + x) * 3 + c]);
    let mut out = Vec::with_capacity(to.height * to.width * 3);
    for y in 0..to.height {
        let (top, bottom, down) = tap(y, from.height, to.height);
        for x in 0..to.width {
            let (left, right, across) = tap(x, from.width, to.width);
            for c in 0..3 {
                let line = |y: usize| value(y, left, c) * (1.0 - across) + value(y, right, c) * across;
                out.push(line(top) * (1.0 - down) + line(bottom) * down);
            }
        }
    }
    out
}

fn resampling(c: &mut Criterion) {
    let (from, to) = (Size { height: 375, width: 500 }, Size { height: 160, width: 160 });
    let mut stream = Stream::new(2, Purpose::Test, 0, 0);
    let photo: Vec<u8> = (0..from.height * from.width * 3).map(|_| stream.next_u32() as u8).collect();
    let mut scratch = ResizeScratch::default();
    let expected = resized(&photo, from, to);
    let mut group = c.benchmark_group("resize 500x375 to 160x160");
    group.throughput(Throughput::Elements(expected.len() as u64));
    for (isa, name) in runs(Operation::Resize, 3) {
        let right = |got: &[f32]| check(&name, got, &expected, 1e-3);
        bench(&mut group, &name, expected.len(), right, |output| {
            resize_bilinear_rgb(isa, black_box(&photo), from, output, to, &mut scratch);
        });
    }
    group.finish();
}

criterion_group!(benches, convolutions, small_ones, resampling);
criterion_main!(benches);
