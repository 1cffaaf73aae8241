//! Thousands of damaged files of both kinds. Nothing panics, and every refusal is one readable line.
//!
//! `ICECAP_MUTANTS` sets how many of each kind (default 1,000), `ICECAP_SEED` which.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_weights::{Layout, from_bytes};

use super::hostile::{assert_readable, parse};
use super::layouts::renamed;
use crate::draft::{state_dict, torch_legacy, torch_zip};
use crate::net;

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is '{text}', expected a number")),
        Err(_) => default,
    }
}

/// What stands in a pickle, so that a change is more often a meaning than noise.
const PIECES: [&[u8]; 24] = [
    b"(",
    b"t",
    b"u",
    b"s",
    b"R",
    b"Q",
    b"b",
    b".",
    b")",
    b"}",
    b"]",
    b"h\0",
    b"q\0",
    b"N",
    b"0",
    b"2",
    b"K\x07",
    b"\x85",
    b"\x86",
    b"J\xff\xff\xff\xff",
    b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"cos\nsystem\n",
    b"ctorch\nSize\n",
    b"X\x01\0\0\0a",
];

fn mutate(bytes: &mut Vec<u8>, random: &mut Stream, region: std::ops::Range<usize>) {
    let length = region.len().min(bytes.len().saturating_sub(region.start)).max(1);
    let at = (region.start + random.below(length as u32) as usize).min(bytes.len() - 1);
    match random.below(7) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.next_u32() as u8,
        2 => bytes.insert(at, random.next_u32() as u8),
        3 => drop(bytes.remove(at)),
        4 => {
            let piece = PIECES[random.below(PIECES.len() as u32) as usize];
            drop(bytes.splice(at..at, piece.iter().copied()));
        }
        5 => {
            let piece = PIECES[random.below(PIECES.len() as u32) as usize];
            let end = bytes.len().min(at + piece.len());
            bytes.splice(at..end, piece.iter().copied());
        }
        _ => bytes.truncate(at + 1),
    }
}

fn run(kind: u32, file: impl Fn(&mut Stream) -> Vec<u8>) {
    let (count, seed) = (setting("ICECAP_MUTANTS", 1000), setting("ICECAP_SEED", 1));
    println!("{count} mutants of seed {seed}");
    let (mut parsed, mut opened) = (0, 0);
    for index in 0..count as u32 {
        let mut random = Stream::new(seed, Purpose::Test, kind, index);
        let bytes = file(&mut random);
        parsed += u64::from(parse(&bytes).is_ok());
        match from_bytes(&bytes, "file") {
            Ok(weights) => {
                let finite =
                    |tensor: &icecap_kernels::Tensor| tensor.data().iter().all(|value| value.is_finite());
                assert!(weights.params.tensors().all(|(_, tensor)| finite(tensor)), "{index}");
                opened += 1;
            }
            Err(error) => assert_readable(&error),
        }
    }
    println!("{parsed} parsed, {opened} opened");
    // A generator that makes only rubbish, or only good files, tests nothing.
    assert!(count < 100 || (parsed > count / 100 && parsed < count * 9 / 10), "{parsed} of {count}");
}

/// The container's own records are damaged, and the pickle with them.
fn mutated_file(whole: &[u8], random: &mut Stream, dense: std::ops::Range<usize>) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..=random.below(3) {
        let region = if random.below(2) == 0 { dense.clone() } else { 0..whole.len() };
        mutate(&mut bytes, random, region);
    }
    bytes
}

#[test]
fn mutated_archives_are_refused_or_make_a_whole_net() {
    let tensors = renamed(&net::tensors(&net::tiny(), Some(10)), Layout::Torchvision);
    let pickle = state_dict(&tensors);
    let whole = torch_zip(&pickle, &tensors);
    run(0, |random| match random.below(2) {
        // Behind a checksum that is right, the pickle itself is read.
        0 => {
            let mut pickle = pickle.clone();
            for _ in 0..=random.below(3) {
                let region = 0..pickle.len();
                mutate(&mut pickle, random, region);
            }
            torch_zip(&pickle, &tensors)
        }
        _ => mutated_file(&whole, random, whole.len() - 200..whole.len()),
    });
}

#[test]
fn mutated_older_files_are_refused_or_make_a_whole_net() {
    let tensors = renamed(&net::tensors(&net::tiny(), Some(10)), Layout::Timm);
    let pickle = state_dict(&tensors);
    let whole = torch_legacy(&pickle, &tensors);
    let dense = 0..pickle.len() / 8;
    run(1, |random| mutated_file(&whole, random, dense.clone()));
}
