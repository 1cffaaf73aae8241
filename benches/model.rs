//! One forward pass, from u8 pixels to pooled features: 160 and 224, batch 1 and 32, one thread and two, on every
//! instruction set. The net is the starter's shape at width 1.0 with drawn weights: speed does not depend on values. Every
//! answer is held against the portable kernels' before it is timed, whatever the filter; those stand against an oracle in
//! `crates/kernels/tests`.
//!
//! ```text
//! cargo bench -p icecap --bench model
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use icecap::graph::{Input, Net, Numerics, Params, Plan, Spec, stage, tensor_shapes};
use icecap::kernels::{Isa, Tensor, Threads};
use icecap::rng::{Purpose, Stream};

fn net() -> Arc<Net> {
    let spec = Spec::with_width(1.0).expect("the width of the paper");
    let mut stream = Stream::new(1, Purpose::Test, 0, 0);
    let tensors: BTreeMap<String, Tensor> = tensor_shapes(&spec, None)
        .into_iter()
        .map(|(name, shape)| {
            let mut tensor = Tensor::zeros(shape);
            // Variances and gammas near 1, kernels small enough that activations neither die nor explode.
            let fan_in = shape.elements() / shape.dims().last().copied().unwrap_or(1).max(1);
            let (low, high) = match name.rsplit('/').next() {
                Some("gamma" | "moving_variance") => (0.5, 1.5),
                Some("kernel") => (-2.0 / (fan_in as f32).sqrt(), 2.0 / (fan_in as f32).sqrt()),
                _ => (-0.5, 0.5),
            };
            tensor.data_mut().iter_mut().for_each(|value| *value = stream.range(low, high));
            (name, tensor)
        })
        .collect();
    Arc::new(Net::new(&Params::new(spec, Numerics::KERAS, tensors).expect("every tensor of the net")))
}

const SIZES: [usize; 2] = [160, 224];
const BATCHES: [usize; 2] = [1, 32];
const THREADS: [usize; 2] = [1, 2];

fn plan(net: &Arc<Net>, isa: Isa, size: usize, workers: usize) -> Plan {
    Plan::new(net, isa, (size, size), stage::IMAGE, stage::POOLED, workers).expect("a plan of this net")
}

/// What the plainest instruction set makes of the pixels.
fn portable(net: &Arc<Net>, size: usize, threads: &Threads, pixels: &[u8]) -> Vec<f32> {
    let isa = Isa::named("portable").expect("every processor runs the portable kernels");
    let plan = plan(net, isa, size, threads.count());
    let mut arenas: Vec<_> = (0..threads.count()).map(|_| plan.arena()).collect();
    let mut pooled =
        vec![f32::NAN; pixels.len() / plan.input_shape().elements() * plan.output_shape().elements()];
    plan.run(threads, Input::U8(pixels), &mut arenas, &mut pooled).expect("pixels of whole images");
    pooled
}

/// A wrong net has no speed.
fn check(name: &str, got: &[f32], expected: &[f32]) {
    let largest = expected.iter().copied().fold(0.0, f32::max);
    assert!(largest > 0.0 && expected.iter().all(|value| value.is_finite()), "a net that says nothing");
    assert!(got.len() <= expected.len());
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-3 * largest, "{name} is wrong: {got} for {expected}");
    }
}

fn forward(c: &mut Criterion) {
    let net = net();
    let most = BATCHES[BATCHES.len() - 1];
    for size in SIZES {
        let mut stream = Stream::new(2, Purpose::Test, 0, 0);
        let pixels: Vec<u8> = (0..most * size * size * 3).map(|_| stream.next_u32() as u8).collect();
        let both = Threads::new(THREADS[1]).expect("threads of this machine");
        let expected = portable(&net, size, &both, &pixels);
        for (batch, count) in BATCHES.into_iter().flat_map(|batch| THREADS.map(|count| (batch, count))) {
            let group_name = format!("{size}x{size} batch {batch} threads {count}");
            let mut group = c.benchmark_group(&group_name);
            group.throughput(Throughput::Elements(batch as u64)).sample_size(20);
            let pixels = &pixels[..batch * size * size * 3];
            let threads = Threads::new(count).expect("threads of this machine");
            for isa in Isa::available() {
                let plan = plan(&net, isa, size, count);
                let mut arenas: Vec<_> = (0..count).map(|_| plan.arena()).collect();
                let mut pooled = vec![f32::NAN; batch * plan.output_shape().elements()];
                let mut run = |pooled: &mut [f32]| {
                    plan.run(&threads, Input::U8(pixels), &mut arenas, pooled)
                        .expect("pixels of whole images");
                };
                run(&mut pooled);
                check(&format!("{group_name}, {}", isa.name()), &pooled, &expected);
                group.bench_function(isa.name(), |b| b.iter(|| run(&mut pooled)));
            }
            group.finish();
        }
    }
}

criterion_group!(benches, forward);
criterion_main!(benches);
