//! One forward pass, from u8 pixels to pooled features: 160 and 224, batch 1 and 32, one thread and two, on every
//! instruction set. The net is MobileNetV2 1.0 with drawn weights: speed does not depend on values. Every answer is held
//! against the portable kernels' before it is timed, whatever the filter; those stand against an oracle in
//! `crates/kernels/tests`.
//!
//! ```text
//! cargo bench -p icecap-bench --bench model
//! ```

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use icecap_bench::{Pass, check_pooled, drawn_net, isas_of, pixels, portable_pooled};
use icecap_graph::Precision;
use icecap_kernels::Threads;

const SIZES: [usize; 2] = [160, 224];
const BATCHES: [usize; 2] = [1, 32];
const THREADS: [usize; 2] = [1, 2];

fn forward(c: &mut Criterion) {
    let net = drawn_net(1.0, Precision::F32).expect("the width of the paper");
    let most = BATCHES[BATCHES.len() - 1];
    for size in SIZES {
        let pixels = pixels(most * size * size * 3);
        let both = Threads::new(THREADS[1]).expect("threads of this machine");
        let expected = portable_pooled(&net, &both, size, &pixels).expect("a size of the paper");
        for (batch, count) in BATCHES.into_iter().flat_map(|batch| THREADS.map(|count| (batch, count))) {
            let group_name = format!("{size}x{size} batch {batch} threads {count}");
            let mut group = c.benchmark_group(&group_name);
            group.throughput(Throughput::Elements(batch as u64)).sample_size(20);
            let pixels = &pixels[..batch * size * size * 3];
            let threads = Threads::new(count).expect("threads of this machine");
            for isa in isas_of(Precision::F32).expect("an instruction set of this processor") {
                let mut pass = Pass::new(&net, isa, &threads, size, pixels).expect("whole images");
                check_pooled(&format!("{group_name}, {isa}"), Precision::F32, pass.pooled(), &expected);
                group.bench_function(isa.name(), |b| b.iter(|| pass.run()));
            }
            group.finish();
        }
    }
}

criterion_group!(benches, forward);
criterion_main!(benches);
