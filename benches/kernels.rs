//! Every kernel of the registry on every geometry of MobileNetV2 1.0 at 160x160 and 224x224, GFLOP/s per instruction set.
//! An answer is held against the oracle before it is timed, whatever the filter. A bench is called after its operation's
//! rows: which of their tiles a geometry takes is the operation's choice.
//!
//! ```text
//! cargo bench -p icecap-bench --bench kernels                        all
//! cargo bench -p icecap-bench --bench kernels -- 'pointwise.*avx2'   some
//! ```

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use icecap_bench::{cases, isas, row_names};

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
        for &isa in &isas {
            let Some(name) = row_names(case.operation, isa) else { continue };
            prepared.check(&name, isa);
            group.bench_function(&name, |b| b.iter(|| prepared.run(isa)));
        }
        group.finish();
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
