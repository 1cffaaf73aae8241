//! Thousands of damaged files. Nothing panics, every refusal is one readable line, and what our reader accepts the
//! `safetensors` crate accepts with the same names, shapes and bytes.
//!
//! `ICECAP_MUTANTS` sets how many of each kind (default 3,000), `ICECAP_SEED` which.

use std::fmt::Write as _;

use icecap_kernels::rng::{Purpose, Stream};
use icecap_weights::safetensors::parse;
use icecap_weights::{Error, Model, from_bytes};
use safetensors::{Dtype, SafeTensors};

use crate::hostile::assert_readable;
use crate::model::model;
use crate::net;

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

/// A header entry as JSON texts, so that a mutation can write what no serializer would.
#[derive(Clone)]
struct Entry {
    name: String,
    dtype: String,
    shape: Vec<String>,
    offsets: Vec<String>,
    extra: String,
}

#[derive(Clone)]
struct Draft {
    metadata: String,
    entries: Vec<Entry>,
    data: Vec<u8>,
    padding: usize,
    length: i64,
}

const EDGES: [&str; 16] = [
    "0",
    "1",
    "2",
    "-1",
    "1.5",
    "4e0",
    "255",
    "65536",
    "2147483648",
    "4294967296",
    "4611686018427387904",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "null",
];
const DTYPES: [&str; 10] = ["F32", "F16", "BF16", "I64", "U8", "F4", "F6_E2M3", "C64", "f32", ""];
const NAMES: [&str; 8] = [
    "",
    "Conv1/kernel",
    r"Conv1\/kernel",
    r"\u0043onv1/kernel",
    r"\u0000",
    r"\ud800",
    "__metadata__",
    "head/bias",
];
const METADATA: [&str; 8] = [
    "",
    r#""__metadata__":{},"#,
    r#""__metadata__":null,"#,
    r#""__metadata__":{"a":"1","a":"2"},"#,
    r#""__metadata__":{"a":1},"#,
    r#""__metadata__":[],"#,
    r#""__metadata__":{"size":"9"},"#,
    r#""__metadata__":{"format":"1"},"__metadata__":{},"#,
];

impl Draft {
    fn new() -> Self {
        let shapes: [&[usize]; 6] = [&[3, 3, 3, 2], &[2], &[], &[0, 4], &[1, 1, 2, 6], &[5]];
        let mut end = 0;
        let entries = shapes.iter().enumerate().map(|(index, dims)| {
            let from = end;
            end += dims.iter().product::<usize>() * 4;
            Entry {
                name: if index == 0 { "Conv1/kernel".to_owned() } else { format!("layer_{index}/gamma") },
                dtype: "F32".to_owned(),
                shape: dims.iter().map(ToString::to_string).collect(),
                offsets: vec![from.to_string(), end.to_string()],
                extra: String::new(),
            }
        });
        let entries = entries.collect();
        Self {
            metadata: METADATA[6].to_owned(),
            entries,
            data: (0..end).map(|i| i as u8).collect(),
            padding: 0,
            length: 0,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut header = format!("{{{}", self.metadata);
        for (index, entry) in self.entries.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let Entry { name, dtype, shape, offsets, extra } = entry;
            let (shape, offsets) = (shape.join(","), offsets.join(","));
            write!(
                header,
                r#"{comma}"{name}":{{{extra}"dtype":"{dtype}","shape":[{shape}],"data_offsets":[{offsets}]}}"#
            )
            .unwrap();
        }
        header.push('}');
        header.extend(std::iter::repeat_n(' ', self.padding));
        let length = (header.len() as i64).wrapping_add(self.length) as u64;
        [&length.to_le_bytes()[..], header.as_bytes(), &self.data].concat()
    }

    fn mutate(&mut self, random: &mut Stream) {
        let any =
            |random: &mut Stream, texts: &[&str]| texts[random.below(texts.len() as u32) as usize].to_owned();
        let count = self.entries.len() as u32;
        let (at, other) = (random.below(count) as usize, random.below(count) as usize);
        let donor = self.entries[other].clone();
        let kind = random.below(20);
        let entry = &mut self.entries[at];
        match kind {
            0 => entry.name = any(random, &NAMES),
            1 => entry.name = donor.name,
            2 => entry.name = "x".repeat(random.below(600) as usize),
            3 | 4 => entry.dtype = any(random, &DTYPES),
            5 => entry.shape = donor.shape,
            6 | 7 => {
                let axis = random.below(entry.shape.len() as u32 + 1) as usize;
                entry.shape.insert(axis, any(random, &EDGES));
            }
            8 => drop(entry.shape.pop()),
            9 | 10 => entry.offsets[random.below(2) as usize] = any(random, &EDGES),
            11 => entry.offsets = donor.offsets,
            12 => entry.offsets.swap(0, 1),
            13 => {
                let shift = i64::from(random.below(9)) - 4;
                for offset in &mut entry.offsets {
                    *offset = (offset.parse::<i64>().unwrap_or(0) + shift).to_string();
                }
            }
            14 => entry.extra = any(random, &[r#""dtype":"F32","#, r#""note":[[[1]]],"#, r#""shape":7,"#]),
            15 => self.entries.insert(at, donor),
            16 if count > 1 => drop(self.entries.remove(at)),
            17 => self.entries.swap(at, other),
            18 => self.metadata = any(random, &METADATA),
            _ => match random.below(4) {
                0 => self.data.truncate(random.below(300) as usize),
                1 => self.data.extend_from_slice(&[0; 3]),
                2 => self.padding = random.below(10) as usize,
                _ => self.length = [1, -1, -8, i64::MAX, i64::MIN, 1 << 20][random.below(6) as usize],
            },
        }
    }
}

/// Whether a refusal is one of ours, where the crate may well accept.
fn is_stricter(error: &Error) -> bool {
    let text = error.to_string();
    ["stands twice", "control characters", "axes; at most"].iter().any(|ours| text.contains(ours))
}

fn assert_agrees(bytes: &[u8], index: u32) -> bool {
    match parse(bytes, "file".as_ref()) {
        Err(error) => {
            assert_readable(&error);
            // Near 2^64 the crate's own sum of the last offset and the header overflows: not a file to ask it about.
            let huge = String::from_utf8_lossy(bytes).contains("18446744073709551615");
            assert!(
                huge || is_stricter(&error) || SafeTensors::deserialize(bytes).is_err(),
                "{index}: {error}"
            );
            false
        }
        Ok(file) => {
            let truth = SafeTensors::deserialize(bytes).unwrap_or_else(|error| panic!("{index}: {error}"));
            assert_eq!(truth.len(), file.names().count(), "{index}");
            for name in file.names() {
                let view = truth.tensor(name).unwrap();
                assert_eq!(view.shape(), file.shape(name).unwrap().dims(), "{index}");
                let offset = file.offset(name).unwrap() as usize;
                assert_eq!(view.data().as_ptr(), bytes[offset..].as_ptr(), "{index}");
                match file.tensor(name) {
                    Ok(tensor) => {
                        let values: Vec<u8> =
                            tensor.data().iter().flat_map(|value| value.to_le_bytes()).collect();
                        assert_eq!(values, view.data(), "{index}");
                    }
                    Err(error) => assert!(view.dtype() != Dtype::F32, "{index}: {error}"),
                }
            }
            true
        }
    }
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
