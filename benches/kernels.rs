//! Every kernel of the registry on every geometry of MobileNetV2 1.0 at 160x160 and 224x224 that it can compute, in f32 and
//! in int8. Each is forced and timed under its own name, and its answer is compared with the oracle's before that, whatever
//! the filter.
//!
//! ```text
//! cargo bench -p icecap-bench --bench kernels                                        all
//! cargo bench -p icecap-bench --bench kernels -- 'pointwise.*avx2'                   some
//! cargo bench -p icecap-bench --bench kernels -- pointwise_f32_14x32_avx512          one
//! ```

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use icecap_bench::{Case, cases, isas};
use icecap_graph::Precision;

const SIDES: [usize; 2] = [160, 224];

/// The name of a group: operations in integers say that they are.
fn name(case: &Case) -> String {
    let integer = if case.operation.is_integer() { " int8" } else { "" };
    format!("{} {}{integer}", case.layer, case.geometry)
}

fn kernels(c: &mut Criterion) {
    let isas = isas().expect("an instruction set of this processor");
    let all = Precision::ALL.map(|precision| cases(&SIDES, precision).expect("sizes of the paper"));
    for case in all.into_iter().flatten() {
        let mut prepared = case.prepare();
        let mut group = c.benchmark_group(name(&case));
        group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(300));
        group.sample_size(20);
        if let Some(macs) = case.macs {
            group.throughput(Throughput::Elements(2 * macs as u64));
        }
        for row in case.rows(&isas) {
            let name = format!("{row:?}");
            prepared.check(&name, row);
            group.bench_function(&name, |b| b.iter(|| prepared.run(row)));
        }
        group.finish();
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
