//! Every kernel of the registry on every geometry of MobileNetV2 1.0 at 160x160 and 224x224 that it can compute, in GFLOP/s.
//! Each is forced and timed under its own name, and its answer is compared with the oracle's before that, whatever the
//! filter.
//!
//! ```text
//! cargo bench -p icecap-bench --bench kernels                                        all
//! cargo bench -p icecap-bench --bench kernels -- 'pointwise.*avx2'                   some
//! cargo bench -p icecap-bench --bench kernels -- pointwise_f32_14x32_avx512          one
//! ```

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use icecap_bench::{cases, isas};

const SIDES: [usize; 2] = [160, 224];

fn kernels(c: &mut Criterion) {
    let isas = isas().expect("an instruction set of this processor");
    for case in cases(&SIDES).expect("sizes of the paper") {
        let mut prepared = case.prepare();
        let mut group = c.benchmark_group(format!("{} {}", case.layer, case.geometry));
        group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(300));
        group.sample_size(20);
        if let Some(macs) = case.macs {
            group.throughput(Throughput::Elements(2 * macs as u64));
        }
        for row in isas.iter().flat_map(|&isa| case.rows(isa)) {
            let name = format!("{row:?}");
            prepared.check(&name, row);
            group.bench_function(&name, |b| b.iter(|| prepared.run(row)));
        }
        group.finish();
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
