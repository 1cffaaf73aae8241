//! One forward pass step by step, in f32 and int8, 160 and 224, one image on one thread, on every instruction set. Before
//! criterion times the steps, a table tells each against its limit: the time that its products take at the peak measured in
//! the same run. The answer is held against the portable kernels' before that.
//!
//! ```text
//! cargo bench -p icecap-bench --bench layers
//! cargo bench -p icecap-bench --bench layers -- 'f32 avx512/block_1_'    one step; the tables come all the same
//! ```

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use icecap_bench::{Pass, StepTime, drawn_net, isas_of, pixels, steps, with_peak};
use icecap_graph::Precision;
use icecap_kernels::Threads;

const SIZES: [usize; 2] = [160, 224];
/// What a table takes for the steps, and again for the whole pass.
const BUDGET: Duration = Duration::from_millis(500);
/// Passes that a step is timed in. Each runs the whole net, so there are not many.
const PASSES: u32 = 50;

fn table(title: &str, peak: f64, steps: &[StepTime]) {
    println!("\n{title}: peak {peak:.1}, in 10^9 operations a second");
    println!("{:<26} {:>10} {:>10} {:>10} {:>10}", "step", "limit us", "best us", "median us", "% of peak");
    for step in steps {
        let (limit, timing) = (2e-3 * step.macs as f64 / peak, step.timing);
        let (best, median) = (timing.best_ns / 1e3, timing.median_ns / 1e3);
        println!(
            "{:<26} {limit:>10.1} {best:>10.1} {median:>10.1} {:>10.1}",
            step.name,
            100.0 * limit / best
        );
    }
}

fn layers(c: &mut Criterion) {
    let threads = Threads::serial();
    for (precision, size) in
        Precision::ALL.into_iter().flat_map(|precision| SIZES.map(|size| (precision, size)))
    {
        let net = drawn_net(1.0, precision).expect("the width of the paper");
        let image = pixels(size * size * 3);
        for isa in isas_of(precision).expect("an instruction set of this processor") {
            let title = format!("{size}x{size} {precision} {isa}");
            let (peak, all) = with_peak(isa, precision, 1, || steps(&net, isa, &threads, size, BUDGET))
                .expect("a size of the paper");
            table(&title, peak, &all);
            let mut pass = Pass::new(&net, isa, &threads, size, &image).expect("one image");
            let mut group = c.benchmark_group(&title);
            group.sample_size(10).sampling_mode(SamplingMode::Flat);
            // The last entry is the whole pass, which `model` times.
            for (index, step) in all.iter().enumerate().take(all.len() - 1) {
                // Criterion counts what it is told, one step of each pass.
                group.warm_up_time(Duration::from_millis(20));
                group.measurement_time(Duration::from_nanos(step.timing.median_ns as u64 + 1) * PASSES);
                group.throughput(Throughput::Elements(2 * step.macs as u64));
                group.bench_function(&step.name, |b| {
                    b.iter_custom(|passes| {
                        (0..passes).map(|_| pass.profile().expect("one image")[index].1).sum()
                    });
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, layers);
criterion_main!(benches);
