//! Every kernel of the registry on geometries of MobileNetV2 1.0 at 160x160, GFLOP/s per instruction set. An answer is
//! held against the oracle before it is timed.
//!
//! ```text
//! cargo bench -p icecap --bench kernels                      all
//! cargo bench -p icecap --bench kernels -- pointwise.*avx2   some
//! ```

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use icecap::graph::{LayerKind, Padding, Spec, layers};
use icecap::kernels::{
    Blocked, BlockedMut, Buffer, ConvGeometry, Epilogue, Isa, Layout, Operation, PackedDense,
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
fn check(name: &str, layout: Layout, data: &[f32], expected: &[f64]) {
    let mut image = vec![0.0; layout.pixels() * layout.channels()];
    Blocked::new(layout, data).write_hwc(&mut image);
    for (got, expected) in image.iter().zip(expected) {
        assert!((f64::from(*got) - oracle::relu6(*expected)).abs() < 1e-3, "{name} is wrong");
    }
}

fn runs(operation: Operation) -> Vec<(Isa, &'static str)> {
    Isa::available()
        .into_iter()
        .filter_map(|isa| {
            let all = kernels();
            let own = all
                .iter()
                .filter(|kernel| kernel.operation == operation && kernel.name.ends_with(isa.name()));
            own.map(|kernel| kernel.name).next().map(|name| (isa, name))
        })
        .collect()
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

fn bench_pointwise(group: &mut Group<'_>, inputs: usize, outputs: usize, height: usize, width: usize) {
    let (image, weights, bias) = (draw(height * width * inputs), draw(inputs * outputs), draw(outputs));
    let packed = PackedPointwise::pack(&weights, &bias, inputs, outputs);
    let (from, to) = (Layout::compact(inputs, height, width), Layout::compact(outputs, height, width));
    let input = blocked(from, &image);
    let mut output = Buffer::zeros(to.len());
    let threads = Threads::serial();
    for (isa, name) in runs(Operation::Pointwise) {
        let mut run = || {
            let mut view = BlockedMut::new(to, &mut output);
            let input = Blocked::new(from, black_box(&input));
            pointwise(&threads, isa, input, &packed, 0..packed.panels(), Epilogue::Relu6, &mut view);
        };
        run();
        group.bench_function(name, |b| b.iter(&mut run));
        check(name, to, &output, &oracle::pointwise(&image, &weights, &bias));
    }
}

fn bench_depthwise(group: &mut Group<'_>, channels: usize, geometry: &ConvGeometry) {
    let (height, width) = geometry.input();
    let (image, weights, bias) = (draw(height * width * channels), draw(9 * channels), draw(channels));
    let packed = PackedDepthwise::pack(&weights, &bias, channels);
    let from = Layout::new(channels, height, width, geometry.pads());
    let to = Layout::compact(channels, geometry.output().0, geometry.output().1);
    let input = blocked(from, &image);
    let mut output = Buffer::zeros(to.len());
    let operation =
        if geometry.stride() == 1 { Operation::DepthwiseStride1 } else { Operation::DepthwiseStride2 };
    for (isa, name) in runs(operation) {
        let mut run = || {
            let input = Blocked::new(from, black_box(&input));
            depthwise(isa, geometry, input, &packed, 0..packed.blocks(), true, &mut output);
        };
        run();
        group.bench_function(name, |b| b.iter(&mut run));
        check(name, to, &output, &oracle::depthwise(geometry, &image, &weights, &bias));
    }
}

fn bench_stem(group: &mut Group<'_>, channels: usize, geometry: &ConvGeometry) {
    let (height, width) = geometry.input();
    let (image, weights, bias) = (draw(height * width * 3), draw(27 * channels), draw(channels));
    let packed = PackedStem::pack(&weights, &bias, channels);
    let to = Layout::compact(channels, geometry.output().0, geometry.output().1);
    let mut scaled = Buffer::zeros(scaled_len(geometry));
    let mut output = Buffer::zeros(to.len());
    let threads = Threads::serial();
    for (isa, name) in runs(Operation::Stem) {
        let mut run = || {
            scale_pixels(&threads, geometry, black_box(&image), [1.0; 3], [0.0; 3], &mut scaled);
            let mut view = BlockedMut::new(to, &mut output);
            stem(&threads, isa, geometry, &scaled, &packed, true, &mut view);
        };
        run();
        group.bench_function(name, |b| b.iter(&mut run));
        check(name, to, &output, &oracle::conv3x3(geometry, &image, &weights, &bias));
    }
}

fn small_ones(c: &mut Criterion) {
    let (pixels, features, classes) = (25, 1280, 1000);
    let (image, weights, bias) = (draw(pixels * features), draw(features * classes), draw(classes));
    let layout = Layout::compact(features, pixels, 1);
    let input = blocked(layout, &image);
    let mut pooled = vec![0.0; features];
    let mut group = c.benchmark_group("global_average_pooling2d");
    group.throughput(Throughput::Elements((pixels * features) as u64));
    for (isa, name) in runs(Operation::Pool) {
        group.bench_function(name, |b| {
            b.iter(|| pool(isa, Blocked::new(layout, black_box(&input)), &mut pooled))
        });
        let expected = oracle::pool(&image, features);
        assert!(
            pooled.iter().zip(expected).all(|(&got, e)| (f64::from(got) - e).abs() < 1e-5),
            "{name} is wrong"
        );
    }
    group.finish();

    let packed = PackedDense::pack(&weights, &bias, features, classes);
    let mut logits = vec![0.0; classes];
    let mut group = c.benchmark_group("predictions");
    group.throughput(Throughput::Elements(2 * (features * classes) as u64));
    for (isa, name) in runs(Operation::Dense) {
        group.bench_function(name, |b| b.iter(|| dense(isa, black_box(&pooled), &packed, &mut logits)));
        let expected = oracle::pointwise(&pooled, &weights, &bias);
        assert!(
            logits.iter().zip(expected).all(|(&got, e)| (f64::from(got) - e).abs() < 1e-3),
            "{name} is wrong"
        );
    }
    group.finish();
}

fn resampling(c: &mut Criterion) {
    let (from, to) = (Size { height: 375, width: 500 }, Size { height: 160, width: 160 });
    let mut stream = Stream::new(2, Purpose::Test, 0, 0);
    let photo: Vec<u8> = (0..from.height * from.width * 3).map(|_| stream.next_u32() as u8).collect();
    let mut pixels = vec![0.0; to.height * to.width * 3];
    let mut scratch = ResizeScratch::default();
    let mut group = c.benchmark_group("resize 500x375 to 160x160");
    group.throughput(Throughput::Elements(pixels.len() as u64));
    for (isa, name) in runs(Operation::Resize) {
        group.bench_function(name, |b| {
            b.iter(|| resize_bilinear_rgb(isa, black_box(&photo), from, &mut pixels, to, &mut scratch));
        });
    }
    group.finish();
}

criterion_group!(benches, convolutions, small_ones, resampling);
criterion_main!(benches);
