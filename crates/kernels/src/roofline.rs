//! What this processor can do at most: its rate of multiply-adds, and how fast it reads from each level of its memory.
//! Speed is told in percent of these, and they are measured, because a clock under load is in no data sheet.
//!
//! ```text
//! peak:  repeat:  for c in 0..CHAINS:  x[c] = x[c] * 0.5 + 0.5          2 * CHAINS * LANES operations
//! read:  repeat:  for v in 0..values:  sum[v % 8] += buffer[v]          4 bytes a value
//! ```
//!
//! 1. A chain waits for its own last result, four or five cycles (seven for a multiplication and an addition), and two
//!    units work at once: ten or more chains keep them busy. All of them and both constants stay in registers.
//! 2. Each thread has a working set of its own. All start together, and the interval lasts from the first start to
//!    the last end: what one thread does while the others sleep does not count as speed.
//! 3. A rate is that of the quickest of several short repeats, with their median beside it: whatever else the machine
//!    does makes a repeat slower, never quicker.
//!
//! The portable form has no fused multiply-add on plain x86-64; its peak is that of a multiplication and an addition,
//! four lanes each: what can be reached without further instruction sets.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2x8, Avx512x16};
use crate::{
    buffer::Buffer,
    error::Error,
    int8::peak::ProductLoop,
    isa::{Isa, Level, shells},
    line::BLOCK,
    par::Threads,
    simd::{Portable8, Vector},
};

/// Independent chains on AVX-512 and AVX2: twelve sums and two constants fit sixteen registers.
#[cfg(target_arch = "x86_64")]
const CHAINS: usize = 12;
/// Portable vectors are two registers each: fourteen sums and two constants.
const CHAINS_PORTABLE: usize = 7;
/// Steps of a chain between two looks at the loop's counter.
const UNROLL: usize = 4;
/// Sums that a read is spread over, and the vectors of one step.
const SUMS: usize = 8;
/// Bytes of a working set come in multiples of this: one step of the widest vectors.
const STEP_BYTES: usize = SUMS * BLOCK * size_of::<f32>();
/// What one repeat lasts: a thousand times what the start takes, and less than a processor's turn, so that on a shared
/// machine some repeats are undisturbed.
const SPAN: Duration = Duration::from_millis(4);
/// Repeats that the best and the median are taken of.
const REPEATS: usize = 25;
/// Repeats that settle the clock, and the shortest that tells a rate.
const WARM_UP: usize = 5;
const SHORTEST: Duration = Duration::from_millis(1);
/// Tries of which the quickest tells how many rounds a repeat has: one that the system held back tells too few, and then
/// every repeat after it would measure how evenly threads start.
const TRIES: usize = 3;
/// Looks at a barrier between two offers of the processor to others.
const SPINS: usize = 1 << 10;
/// How long a thread waits there at most.
const PATIENCE: Duration = Duration::from_millis(100);

/// A rate in units of 10^9 a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The rate of the quickest repeat.
    pub best: f64,
    /// The rate of the repeat in the middle.
    pub median: f64,
}

/// Measures with one instruction set on a number of threads of its own.
#[derive(Debug)]
pub struct Roofline {
    isa: Isa,
    threads: Threads,
}

impl Roofline {
    /// Prepares measurements with `isa` on `threads` threads, at least one.
    ///
    /// # Errors
    /// Those of [`Threads::new`].
    pub fn new(isa: Isa, threads: usize) -> Result<Self, Error> {
        Ok(Self { isa, threads: Threads::new(threads)? })
    }

    /// The number of threads that work at once.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.count()
    }

    /// Measures the peak of all threads together in GFLOP/s; a multiply-add counts as two operations.
    ///
    /// # Cost
    /// About a tenth of a second.
    #[must_use]
    pub fn peak(&self) -> Rate {
        let kernel = Loops::of(self.isa);
        let mut states = vec![(); self.threads()];
        // SAFETY: the kernel was chosen by the token of an instruction set that this processor runs.
        self.measure(&mut states, kernel.flops as f64, |(), rounds| unsafe { (kernel.chains)(rounds) })
    }

    /// Measures the peak of all threads together in 10^9 operations a second on bytes; a product and its addition are two.
    ///
    /// # Cost
    /// About a tenth of a second.
    #[must_use]
    pub fn peak_of_bytes(&self) -> Rate {
        let kernel = ProductLoop::of(self.isa);
        let mut states = vec![(); self.threads()];
        // SAFETY: the kernel was chosen by the token of an instruction set that this processor runs.
        self.measure(&mut states, kernel.operations as f64, |(), rounds| unsafe {
            (kernel.run)(rounds) as f32
        })
    }

    /// Measures what all threads together read in GB/s, each again and again from `bytes` bytes of its own (rounded up to a
    /// multiple of 512).
    ///
    /// # Cost
    /// About a tenth of a second, and `bytes` of memory a thread.
    #[must_use]
    pub fn read(&self, bytes: usize) -> Rate {
        let kernel = Loops::of(self.isa);
        let bytes = bytes.div_ceil(STEP_BYTES).max(1) * STEP_BYTES;
        let mut sets: Vec<Buffer> =
            (0..self.threads()).map(|_| Buffer::zeros(bytes / size_of::<f32>())).collect();
        self.measure(&mut sets, bytes as f64, |set, rounds| {
            let set = black_box(&set[..]);
            // SAFETY: a whole number of steps, as rounded above; the kernel was chosen by the token of an
            // instruction set that this processor runs.
            unsafe { (kernel.sum)(set.as_ptr(), set.len(), rounds) }
        })
    }

    /// The rate at which all threads do `work(state, rounds)`, one round of which is `amount` units.
    fn measure<S: Send>(
        &self,
        states: &mut [S],
        amount: f64,
        work: impl Fn(&mut S, usize) -> f32 + Sync,
    ) -> Rate {
        let mut rounds = 1;
        let mut took = self.of_one(states, rounds, &work);
        while took < SHORTEST && rounds < usize::MAX / 2 {
            rounds *= 2;
            took = self.of_one(states, rounds, &work);
        }
        let longer = SPAN.as_secs_f64() / took.as_secs_f64();
        rounds = ((rounds as f64 * longer) as usize).max(1);
        for _ in 0..WARM_UP {
            self.together(states, rounds, &work);
        }
        let mut times: Vec<Duration> = (0..REPEATS).map(|_| self.together(states, rounds, &work)).collect();
        times.sort_unstable();
        let total = amount * rounds as f64 * self.threads() as f64 / 1e9;
        let rate = |time: Duration| total / time.as_secs_f64().max(f64::MIN_POSITIVE);
        Rate { best: rate(times[0]), median: rate(times[REPEATS / 2]) }
    }

    /// The time that `rounds` rounds take one of the threads: the quickest of some tries.
    fn of_one<S: Send>(
        &self,
        states: &mut [S],
        rounds: usize,
        work: &(impl Fn(&mut S, usize) -> f32 + Sync),
    ) -> Duration {
        let own = |states: &mut [S]| {
            let spans = self.repeat(states, rounds, work);
            spans.iter().map(|(start, end)| *end - *start).min().unwrap_or_default()
        };
        (0..TRIES).map(|_| own(states)).min().unwrap_or_default()
    }

    /// The time from the first start to the last end of `rounds` rounds on every thread.
    fn together<S: Send>(
        &self,
        states: &mut [S],
        rounds: usize,
        work: &(impl Fn(&mut S, usize) -> f32 + Sync),
    ) -> Duration {
        let spans = self.repeat(states, rounds, work);
        let first = spans.iter().map(|span| span.0).min();
        let last = spans.iter().map(|span| span.1).max();
        first.zip(last).map_or(Duration::ZERO, |(first, last)| last - first)
    }

    /// Does `rounds` rounds on every thread, and returns when each of them started and ended.
    fn repeat<S: Send>(
        &self,
        states: &mut [S],
        rounds: usize,
        work: &(impl Fn(&mut S, usize) -> f32 + Sync),
    ) -> Vec<(Instant, Instant)> {
        let count = self.threads();
        let arrived = AtomicUsize::new(0);
        let now = Instant::now();
        let mut spans = vec![(now, now); count];
        // The pool is ours alone, so all its threads come, one to a span. Should the system hold one back, the others go
        // ahead: the interval then tells a low rate, and nobody waits for ever.
        self.threads.for_each_chunk(states, &mut spans, 1, |state, _, span| {
            arrived.fetch_add(1, Ordering::AcqRel);
            let mut looks = 0;
            while arrived.load(Ordering::Acquire) < count {
                looks += 1;
                if looks % SPINS == 0 {
                    if now.elapsed() > PATIENCE {
                        break;
                    }
                    std::thread::yield_now();
                }
                spin_loop();
            }
            let started = Instant::now();
            black_box(work(state, black_box(rounds)));
            span[0] = (started, Instant::now());
        });
        spans
    }
}

/// The two loops of one instruction set. Calling one asks for that instruction set.
struct Loops {
    level: Level,
    /// Operations of a round of `chains`.
    flops: usize,
    chains: unsafe fn(usize) -> f32,
    sum: unsafe fn(*const f32, usize, usize) -> f32,
}

/// The best instruction set first.
static LOOPS: &[Loops] = &[
    #[cfg(target_arch = "x86_64")]
    Loops {
        level: Level::Avx512,
        flops: flops(CHAINS, Avx512x16::LANES),
        chains: chains_avx512,
        sum: sum_avx512,
    },
    #[cfg(target_arch = "x86_64")]
    Loops { level: Level::Avx2, flops: flops(CHAINS, Avx2x8::LANES), chains: chains_avx2, sum: sum_avx2 },
    Loops {
        level: Level::Portable,
        flops: flops(CHAINS_PORTABLE, Portable8::LANES),
        chains: chains_portable,
        sum: sum_portable,
    },
];

const fn flops(chains: usize, lanes: usize) -> usize {
    2 * chains * lanes * UNROLL
}

impl Loops {
    fn of(isa: Isa) -> &'static Self {
        match LOOPS.iter().find(|loops| isa.level().includes(loops.level)) {
            Some(loops) => loops,
            None => unreachable!("every processor runs the portable loops"),
        }
    }
}

/// `rounds` times [`UNROLL`] steps of C chains towards 1, and the sum of where they came to, so that each is needed.
///
/// # Safety
/// The processor runs V's instruction set.
#[inline(always)]
unsafe fn chains<V: Vector, const C: usize>(rounds: usize) -> f32 {
    // What the compiler knew of the values it would not compute: two lanes that are equal, or a lane nobody asks for.
    let half = black_box(0.5);
    let start: [[f32; BLOCK]; C] =
        black_box(std::array::from_fn(|c| std::array::from_fn(|lane| (2 + c * BLOCK + lane) as f32)));
    // SAFETY: by the contract.
    let (factor, addend) = unsafe { (V::splat(half), V::splat(half)) };
    let mut x = [addend; C];
    for c in 0..C {
        // SAFETY: a row of `start` holds as many values as the widest vector; the rest is the contract.
        x[c] = unsafe { V::load(start[c].as_ptr()) };
    }
    for _ in 0..rounds {
        for _ in 0..UNROLL {
            for c in 0..C {
                x[c] = x[c].mul_add(factor, addend);
            }
        }
    }
    total(x)
}

/// The sum of `len` values at `from`, `rounds` times over.
///
/// # Safety
/// `from` points to `len` readable f32, a multiple of `SUMS * 16`; the processor runs V's instruction set.
#[inline(always)]
unsafe fn sum<V: Vector>(from: *const f32, len: usize, rounds: usize) -> f32 {
    // SAFETY: by the contract.
    let mut sums = [unsafe { V::splat(0.0) }; SUMS];
    for _ in 0..rounds {
        let from = black_box(from);
        for at in (0..len).step_by(SUMS * V::LANES) {
            for s in 0..SUMS {
                // SAFETY: a step is SUMS vectors and `len` a whole number of steps.
                let value = unsafe { V::load(from.add(at + s * V::LANES)) };
                sums[s] = sums[s].add(value);
            }
        }
    }
    total(sums)
}

/// All lanes of all vectors, added.
#[inline(always)]
fn total<V: Vector, const C: usize>(x: [V; C]) -> f32 {
    let mut sum = x[0];
    for c in 1..C {
        sum = sum.add(x[c]);
    }
    let mut lanes = [0.0; BLOCK];
    // SAFETY: `lanes` holds as many values as the widest vector.
    unsafe { sum.store(lanes.as_mut_ptr()) };
    lanes.iter().sum()
}

shells! { [](rounds: usize) -> f32;
    avx512 chains_avx512 = chains::<Avx512x16, CHAINS>;
    avx2 chains_avx2 = chains::<Avx2x8, CHAINS>;
    portable chains_portable = chains::<Portable8, CHAINS_PORTABLE>;
}

shells! { [](from: *const f32, len: usize, rounds: usize) -> f32;
    avx512 sum_avx512 = sum::<Avx512x16>;
    avx2 sum_avx2 = sum::<Avx2x8>;
    portable sum_portable = sum::<Portable8>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loops_compute_what_is_counted() {
        for isa in Isa::available() {
            let kernel = Loops::of(isa);
            let (chains, lanes) = match isa.name() {
                "portable" => (CHAINS_PORTABLE, 8),
                // It includes the former, and has no loops of its own.
                "avx2" | "avxvnni" => (12, 8),
                _ => (12, 16),
            };
            assert_eq!(kernel.flops, 2 * chains * lanes * UNROLL, "{isa}");
            // A step halves a lane's distance from 1.
            let all = || (0..chains).flat_map(|c| (0..lanes).map(move |lane| (1 + c * BLOCK + lane) as f32));
            for rounds in [0, 1, 2] {
                let left = all().sum::<f32>() / 2f32.powi((rounds * UNROLL) as i32);
                // SAFETY: the processor runs this instruction set.
                let got = unsafe { (kernel.chains)(rounds) };
                assert!((got - (chains * lanes) as f32 - left).abs() < 1e-2, "{isa}, {rounds} rounds: {got}");
            }
            let values: Vec<f32> = (0..2 * SUMS * BLOCK).map(|value| value as f32).collect();
            let expected = 3.0 * values.iter().sum::<f32>();
            // SAFETY: two whole steps; the processor runs this instruction set.
            assert_eq!(unsafe { (kernel.sum)(values.as_ptr(), values.len(), 3) }, expected, "{isa}");
        }
    }

    #[test]
    fn rates_are_those_of_a_processor_and_the_best_is_no_less_than_the_median() {
        for threads in [1, 2] {
            let roofline = Roofline::new(Isa::best(), threads).unwrap();
            let rates = [roofline.peak(), roofline.peak_of_bytes(), roofline.read(1 << 14), roofline.read(0)];
            for rate in rates {
                assert!(rate.best >= rate.median && rate.median > 0.01, "{threads} threads: {rate:?}");
                assert!(rate.best < 1e4 * threads as f64, "{threads} threads: {rate:?}");
            }
        }
    }
}
