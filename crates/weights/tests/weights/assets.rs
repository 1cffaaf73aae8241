//! The real files. They are large and not part of the project: `ICECAP_TEST_ASSETS` says where they are.

use std::hint::black_box;
use std::time::{Duration, Instant};

use icecap_graph::Spec;
use icecap_weights::{Digest, params_digest, read, starter};

use crate::given::weights_folder;
use crate::net;

#[test]
fn the_real_files_open_with_their_width() {
    let Some(folder) = weights_folder() else { return };
    for (file, width, classes) in [
        ("keras_mobilenet_v2_1.0_imagenet.safetensors", 1.0, Some(1000)),
        ("keras_mobilenet_v2_0.35_scrambled_no_top.safetensors", 0.35, None),
        ("keras_mobilenet_v2_0.5_scrambled_no_top.safetensors", 0.5, None),
        ("starter_0.35_96.safetensors", 0.35, None),
    ] {
        let weights = read(folder.join(file)).unwrap();
        assert_eq!(weights.params.spec(), &Spec::with_width(width).unwrap(), "{file}");
        assert_eq!((weights.record.width, weights.params.classes()), (Some(width), classes), "{file}");
        assert_eq!(weights.record.params_sha256, params_digest(&weights.params.clone().without_top()));
        println!("{file}: file {} params {}", weights.record.file_sha256, weights.record.params_sha256);
    }
}

#[test]
fn the_compiled_in_starter_is_the_shared_one() {
    let Some(folder) = weights_folder() else { return };
    let shared = read(folder.join("starter_0.35_96.safetensors")).unwrap();
    assert_eq!(starter().unwrap().record, shared.record);
}

#[test]
fn the_small_nets_of_these_tests_have_the_names_of_the_real_file() {
    let Some(folder) = weights_folder() else { return };
    let real = read(folder.join("keras_mobilenet_v2_1.0_imagenet.safetensors")).unwrap();
    let tiny = net::tensors(&net::tiny(), Some(10));
    assert!(real.params.tensors().map(|(name, _)| name).eq(tiny.keys().map(String::as_str)));
}

/// What this thread has run, not what it has waited while others ran.
fn busy() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// What `work` costs this thread, in processor time where the system tells it.
fn cost(work: impl FnOnce()) -> Duration {
    let (start, before) = (Instant::now(), busy());
    work();
    let wall = start.elapsed();
    busy().zip(before).map_or(wall, |(after, before)| after - before)
}

/// Read, hashed twice and copied once: 14 MB that every command waits for. Just that is done by turns with it, so that
/// whatever slows the machine slows both.
#[test]
fn opening_the_largest_file_is_quick() {
    const RUNS: u32 = 20;
    let Some(folder) = weights_folder() else { return };
    let path = folder.join("keras_mobilenet_v2_1.0_imagenet.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let (mut opening, mut least) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..RUNS {
        opening += cost(|| drop(read(&path).unwrap()));
        least += cost(|| {
            let hashes = [Digest::of(&bytes), Digest::of(&bytes)];
            // To read is to copy from the system's memory.
            black_box((hashes, bytes.clone(), bytes.clone()));
        });
    }
    println!("open: {:?}; the work itself: {:?}", opening / RUNS, least / RUNS);
    // Unoptimized code is not what anyone waits for. What a page costs that is touched for the first time differs most.
    assert!(cfg!(debug_assertions) || opening < least * 2, "{opening:?} for {least:?} of work");
}
