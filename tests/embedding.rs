//! Backbones inside another program: many callers, threads that are not ours, and no more of ours than were asked for.
//!
//! Each test runs in a process of its own, so that the threads it counts are its own, and one that waits for ever can
//! be ended.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::ops::ControlFlow;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use icecap::advanced::data;
use icecap::advanced::graph::{Input, Tap};
use icecap::advanced::kernels::rng::{Purpose, Stream};
use icecap::{Backbone, Dataset, Session, Settings, Trainer};

/// Set in the process of a single test.
const ALONE: &str = "ICECAP_TEST_ALONE";
/// A test of this file takes a second or two; one that takes this long waits for something that does not come.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Whether this is the process of `test` alone; otherwise runs it there and fails where it fails or does not end.
fn alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1"])
        .env(ALONE, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > WATCHDOG {
            child.kill().unwrap();
            panic!("{test} has not ended after {WATCHDOG:?}: {:?}", child.wait_with_output().unwrap());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "no test of the name {test}: {said}");
    false
}

/// Threads of this process, where the system tells.
fn threads() -> Option<usize> {
    let tasks = std::fs::read_dir("/proc/self/task").ok();
    assert!(tasks.is_some() || !cfg!(target_os = "linux"), "Linux tells");
    Some(tasks?.count())
}

/// Waits until the threads of what was dropped have ended: they do so by themselves, soon.
fn wait_for(before: Option<usize>) {
    let started = Instant::now();
    while threads() != before {
        assert!(started.elapsed() < WATCHDOG / 4, "{:?} threads, {before:?} before", threads());
        std::thread::sleep(Duration::from_millis(1));
    }
}

const SIZE: [usize; 2] = [64, 64];

fn image(seed: u64) -> Vec<u8> {
    let mut stream = Stream::new(seed, Purpose::Test, 0, 0);
    (0..SIZE[0] * SIZE[1] * 3).map(|_| stream.next_u32() as u8).collect()
}

fn starter(threads: usize) -> Backbone {
    Backbone::starter(Settings::threads(threads)).unwrap()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Images with the features that one thread computes of each.
struct Answers(Vec<(Vec<u8>, Vec<u32>)>);

impl Answers {
    fn of(images: u64) -> Self {
        let mut session = starter(1).session(SIZE, Tap::Pooled).unwrap();
        let answer = |seed| {
            let (image, mut row) = (image(seed), vec![f32::NAN; session.output_len()]);
            session.run(Input::U8(&image), &mut row).unwrap();
            (image, bits(&row))
        };
        Self((0..images).map(answer).collect())
    }

    /// Runs a batch of `batch` images from the `first`-th on, and holds each row against its answer.
    fn hold(&self, session: &mut Session, first: usize, batch: usize) {
        let which: Vec<_> = (first..first + batch).map(|index| &self.0[index % self.0.len()]).collect();
        let images: Vec<u8> = which.iter().flat_map(|(image, _)| image).copied().collect();
        let mut rows = vec![f32::NAN; batch * session.output_len()];
        session.run(Input::U8(&images), &mut rows).unwrap();
        for (row, (_, expected)) in rows.chunks_exact(session.output_len()).zip(which) {
            assert!(bits(row) == *expected, "other bits, batch of {batch}");
        }
    }
}

/// Eight threads of somebody else's pool, two backbones, a session each: they end, with the right bits, on no more
/// threads than the two were given.
#[test]
fn callers_inside_a_foreign_pool_neither_deadlock_nor_disturb_each_other_nor_start_threads() {
    if !alone("callers_inside_a_foreign_pool_neither_deadlock_nor_disturb_each_other_nor_start_threads") {
        return;
    }
    const CALLERS: usize = 8;
    const RUNS: usize = 250;
    let answers = Answers::of(5);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(CALLERS).build().unwrap();
    let before = threads();
    for given in [2, 3] {
        let backbones = [starter(given), starter(given)];
        let ended = AtomicUsize::new(0);
        let mut most = threads();
        // On this thread, beside the pool's: it looks on.
        pool.in_place_scope(|scope| {
            for caller in 0..CALLERS {
                let (backbone, answers, ended) = (&backbones[caller % 2], &answers, &ended);
                scope.spawn(move |_| {
                    let mut session = backbone.session(SIZE, Tap::Pooled).unwrap();
                    for run in 0..RUNS {
                        answers.hold(&mut session, caller + run, 1 + (caller + run) % 3);
                    }
                    ended.fetch_add(1, Ordering::Relaxed);
                });
            }
            let started = Instant::now();
            // A caller that panicked does not count; the scope ends with its panic.
            while ended.load(Ordering::Relaxed) < CALLERS && started.elapsed() < WATCHDOG / 4 {
                most = most.max(threads());
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        assert_eq!(most, before.map(|before| before + 2 * (given - 1)), "two backbones of {given} threads");
        drop(backbones);
        wait_for(before);
    }
}

/// Inside the parallel iterators of one pool a task can be interrupted by another of its own thread.
#[test]
fn a_parallel_iterator_may_call_a_backbone_in_each_of_its_tasks() {
    if !alone("a_parallel_iterator_may_call_a_backbone_in_each_of_its_tasks") {
        return;
    }
    use rayon::prelude::*;
    let (answers, backbones) = (Answers::of(5), [starter(2), starter(3)]);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build().unwrap();
    pool.install(|| {
        (0..400).into_par_iter().for_each(|task| {
            let mut session = backbones[task % 2].session(SIZE, Tap::Pooled).unwrap();
            let run = || answers.hold(&mut session, task, 1 + task % 3);
            let mut other = backbones[(task + 1) % 2].session(SIZE, Tap::Pooled).unwrap();
            rayon::join(run, || answers.hold(&mut other, task + 1, 1));
        });
    });
}

/// Whoever comes while another caller has the workers computes on its own thread, and gets the same bits.
#[test]
fn callers_that_share_a_backbone_at_once_get_the_same_bits() {
    if !alone("callers_that_share_a_backbone_at_once_get_the_same_bits") {
        return;
    }
    const CALLERS: usize = 6;
    let (answers, backbone) = (Answers::of(7), starter(3));
    let before = threads();
    let together = |runs: usize| {
        let start = Barrier::new(CALLERS);
        std::thread::scope(|scope| {
            for caller in 0..CALLERS {
                let (answers, backbone, start) = (&answers, &backbone, &start);
                scope.spawn(move || {
                    let mut session = backbone.session(SIZE, Tap::Pooled).unwrap();
                    start.wait();
                    for run in 0..runs {
                        answers.hold(&mut session, caller + run, 1 + run % 4);
                    }
                });
            }
        });
    };
    together(100);
    // The workers are taken for certain while this thread has entered; it finds them itself all the same.
    backbone.threads().enter(|| {
        together(20);
        let mut session = backbone.session(SIZE, Tap::Pooled).unwrap();
        (1..4).for_each(|batch| answers.hold(&mut session, batch, batch));
    });
    // The workers themselves are callers.
    backbone.threads().for_each(9, |task| {
        let mut session = backbone.session(SIZE, Tap::Pooled).unwrap();
        (1..4).for_each(|batch| answers.hold(&mut session, task, batch));
    });
    assert_eq!(threads(), before, "no thread was started for them");
}

#[test]
fn one_thread_starts_none_and_dropped_backbones_leave_none() {
    if !alone("one_thread_starts_none_and_dropped_backbones_leave_none") {
        return;
    }
    let answers = Answers::of(3);
    let before = threads();
    let backbone = starter(1);
    answers.hold(&mut backbone.session(SIZE, Tap::Pooled).unwrap(), 0, 3);
    assert_eq!(threads(), before);
    let backbone = starter(4);
    answers.hold(&mut backbone.session(SIZE, Tap::Pooled).unwrap(), 0, 1);
    assert_eq!(threads(), before.map(|before| before + 3));
    drop(backbone);
    wait_for(before);
}

#[test]
fn a_callback_can_stop_the_work() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["dark", "light"] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        for index in 0..8u8 {
            let shade = if class == "dark" { index } else { 255 - index };
            let photo = image::RgbImage::from_pixel(40, 40, image::Rgb([shade; 3]));
            photo.save(folder.path().join(class).join(format!("{index}.png"))).unwrap();
        }
    }
    let dataset = Dataset::new(&data::scan(folder.path(), None).unwrap(), 0.25, 3).unwrap();
    let backbone = starter(2);
    let stopped = Trainer::new(&backbone).unwrap().train(&dataset, &|event| match event {
        icecap::Event::Extracting(progress) if progress.done >= 3 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(stopped, Err(icecap::Error::Stopped)));
}
