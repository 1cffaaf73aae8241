//! What the processor can do at most: multiply-adds, and reading from working sets that fit one level of its memory each,
//! on one thread and on all. A pass is 10^9 operations or bytes of all threads together; what criterion takes for one is
//! the quickest of the module's own repeats, since a peak that was disturbed is none.
//!
//! ```text
//! cargo bench -p icecap-bench --bench roofline
//! cargo bench -p icecap-bench --bench roofline -- 'multiply-add' the peaks alone
//! ```

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use icecap_bench::{isas, with_peaks_of_their_own};
use icecap_graph::Precision;
use icecap_kernels::roofline::{Rate, Roofline};

/// KiB a thread, for the first, second and third level of a usual processor's caches, and for its memory.
const SETS: [usize; 4] = [16, 512, 8192, 262_144];
/// What a pass is.
const GIGA: u64 = 1_000_000_000;

fn rooflines(c: &mut Criterion) {
    let most = std::thread::available_parallelism().map_or(1, usize::from);
    let isas = isas().expect("an instruction set of this processor");
    let of_their_own = |precision| with_peaks_of_their_own(&isas, precision);
    let (real, bytes) = (of_their_own(Precision::F32), of_their_own(Precision::Int8));
    for threads in if most == 1 { vec![1] } else { vec![1, most] } {
        for &isa in &isas {
            let roofline = Roofline::new(isa, threads).expect("threads of this machine");
            let mut group = c.benchmark_group(format!("{isa} threads {threads}"));
            // A rate takes its own repeats, a tenth of a second, however many passes criterion asks for.
            group.sample_size(10).sampling_mode(SamplingMode::Flat);
            group.warm_up_time(Duration::from_millis(50)).measurement_time(Duration::from_secs(2));
            let passes = |passes: u64, rate: Rate| Duration::from_secs_f64(passes as f64 / rate.best);
            group.throughput(Throughput::Elements(GIGA));
            if bytes.contains(&isa) {
                let peak = |n| passes(n, roofline.peak_of_bytes());
                group.bench_function("multiply-add of bytes", |b| b.iter_custom(peak));
            }
            if !real.contains(&isa) {
                continue;
            }
            group.bench_function("multiply-add", |b| b.iter_custom(|n| passes(n, roofline.peak())));
            group.throughput(Throughput::Bytes(GIGA));
            for kib in SETS {
                group.bench_function(BenchmarkId::new("read", format!("{kib} KiB a thread")), |b| {
                    b.iter_custom(|n| passes(n, roofline.read(kib << 10)));
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, rooflines);
criterion_main!(benches);
