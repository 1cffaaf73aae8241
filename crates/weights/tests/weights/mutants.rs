//! Thousands of damaged files. Nothing panics, every refusal is one readable line, and what our reader accepts the
//! `safetensors` crate accepts with the same names, shapes and bytes.
//!
//! `ICECAP_MUTANTS` sets how many of each kind (default 3,000), `ICECAP_SEED` which.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_weights::safetensors::parse;
use icecap_weights::{Model, from_bytes};

use crate::hostile::assert_readable;
use crate::model::model;
use crate::net;
use crate::safetensors_draft::{Draft, agrees};

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is '{text}', expected a number")),
        Err(_) => default,
    }
}

fn streams() -> impl Iterator<Item = (u32, Stream)> {
    let (count, seed) = (setting("ICECAP_MUTANTS", 3000), setting("ICECAP_SEED", 1));
    println!("{count} mutants of seed {seed}");
    (0..count as u32).map(move |index| (index, Stream::new(seed, Purpose::Test, 0, index)))
}

fn assert_agrees(bytes: &[u8], index: u32) -> bool {
    if let Err(error) = parse(bytes, "file".as_ref()) {
        assert_readable(&error);
    }
    agrees(bytes).unwrap_or_else(|difference| panic!("{index}: {difference}"))
}

#[test]
fn mutated_headers_are_refused_or_agreed_on() {
    let (mut accepted, mut total) = (0, 0);
    assert!(assert_agrees(&Draft::new().bytes(), u32::MAX));
    for (index, mut random) in streams() {
        let mut draft = Draft::new();
        for _ in 0..=random.below(3) {
            draft.mutate(&mut random);
        }
        accepted += u32::from(assert_agrees(&draft.bytes(), index));
        total += 1;
    }
    // A generator that makes only rubbish, or only good files, tests nothing.
    assert!(total < 100 || (accepted > total / 50 && accepted < total / 2), "{accepted} of {total} accepted");
}

#[test]
fn mutated_bytes_are_refused_or_make_a_whole_net() {
    let weights = net::file(&net::texts(&[("size", "96")]), &net::tensors(&net::tiny(), Some(10)));
    let model = model(&["ants", "bees"], false).to_bytes().unwrap();
    for (_, mut random) in streams() {
        let source = if random.below(2) == 0 { &weights } else { &model };
        let mut bytes = source.clone();
        // Half of the places in the first 1,000 bytes: lengths, metadata and names break more than values do.
        for _ in 0..=random.below(4) {
            let region = if random.below(2) == 0 { bytes.len().min(1000) } else { bytes.len() };
            let at = random.below(region as u32) as usize;
            match random.below(5) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = random.next_u32() as u8,
                2 => bytes.insert(at, random.next_u32() as u8),
                3 => drop(bytes.remove(at)),
                _ => bytes[at] = b"0919{}[]\",:\\ "[random.below(13) as usize],
            }
        }
        if let Err(error) = Model::from_bytes(&bytes, "file") {
            assert_readable(&error);
        }
        match from_bytes(&bytes, "file") {
            Ok(opened) => {
                assert!(
                    opened.params.tensors().all(|(_, tensor)| tensor.data().iter().all(|v| v.is_finite()))
                );
            }
            Err(error) => assert_readable(&error),
        }
    }
}
