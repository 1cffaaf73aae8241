//! One forward pass, from u8 pixels to pooled features: 160 and 224, batch 1 and 32, one thread and two, on every
//! instruction set. The net is the starter's shape at width 1.0 with drawn weights: speed does not depend on values.
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

fn forward(c: &mut Criterion) {
    let net = net();
    for size in [160, 224] {
        for (batch, count) in [(1, 1), (1, 2), (32, 1), (32, 2)] {
            let mut group = c.benchmark_group(format!("{size}x{size} batch {batch} threads {count}"));
            group.throughput(Throughput::Elements(batch as u64)).sample_size(20);
            let mut stream = Stream::new(2, Purpose::Test, 0, 0);
            let pixels: Vec<u8> = (0..batch * size * size * 3).map(|_| stream.next_u32() as u8).collect();
            let threads = Threads::new(count).expect("threads of this machine");
            for isa in Isa::available() {
                let plan = Plan::new(&net, isa, (size, size), stage::IMAGE, stage::POOLED, count)
                    .expect("a plan of this net");
                let mut arenas: Vec<_> = (0..count).map(|_| plan.arena()).collect();
                let mut pooled = vec![0.0; batch * plan.output_shape().elements()];
                group.bench_function(isa.name(), |b| {
                    b.iter(|| plan.run(&threads, Input::U8(&pixels), &mut arenas, &mut pooled));
                });
                assert!(
                    pooled.iter().all(|value| value.is_finite()) && pooled.iter().any(|value| *value > 0.0)
                );
            }
            group.finish();
        }
    }
}

criterion_group!(benches, forward);
criterion_main!(benches);
