//! Headers of safetensors as texts, so that a mutation can write what no serializer would, and what the `safetensors` crate
//! says of the file.

use std::fmt::Write as _;

use icecap_kernels::rng::Stream;
use icecap_weights::Error;
use icecap_weights::safetensors::parse;
use safetensors::{Dtype, SafeTensors};

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
pub(crate) struct Draft {
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
    pub(crate) fn new() -> Self {
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

    pub(crate) fn bytes(&self) -> Vec<u8> {
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

    pub(crate) fn mutate(&mut self, random: &mut Stream) {
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

/// Whether our reader takes a file. What it takes the crate takes, with the same names, shapes and bytes, and what it refuses the
/// crate refuses, too, unless the rule is ours.
///
/// # Errors
/// What they say differently.
pub(crate) fn agrees(bytes: &[u8]) -> Result<bool, String> {
    let file = match parse(bytes, "file".as_ref()) {
        Ok(file) => file,
        Err(error) => {
            // Near 2^64 the crate's own sum of the last offset and the header overflows: not a file to ask it about.
            let huge = String::from_utf8_lossy(bytes).contains("18446744073709551615");
            let agreed = huge || is_stricter(&error) || SafeTensors::deserialize(bytes).is_err();
            return if agreed { Ok(false) } else { Err(format!("refused by us alone: {error}")) };
        }
    };
    let truth = SafeTensors::deserialize(bytes).map_err(|error| format!("taken by us alone: {error}"))?;
    if truth.len() != file.names().count() {
        return Err(format!("{} tensors, {} by us", truth.len(), file.names().count()));
    }
    for name in file.names() {
        let view = truth.tensor(name).map_err(|error| error.to_string())?;
        let same_shape = file.shape(name).is_some_and(|shape| shape.dims() == view.shape());
        let start = file.offset(name).and_then(|offset| bytes.get(offset as usize..)).map(<[u8]>::as_ptr);
        if !same_shape || start != Some(view.data().as_ptr()) {
            return Err(format!("{name:?} is another tensor"));
        }
        let same_values = match (file.tensor(name), view.dtype()) {
            (Ok(tensor), Dtype::F32) => {
                let values = tensor.data().iter().flat_map(|value| value.to_le_bytes());
                values.eq(view.data().iter().copied())
            }
            (Ok(tensor), Dtype::BF16) => {
                // The upper halves of the values.
                let values = tensor.data().iter().map(|value| value.to_bits().rotate_left(16));
                values.eq(view
                    .data()
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|half| u32::from(u16::from_le_bytes(*half))))
            }
            (Ok(tensor), dtype) => dtype == Dtype::F16 && tensor.data().len() * 2 == view.data().len(),
            (Err(_), dtype) => !matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16),
        };
        if !same_values {
            return Err(format!("{name:?} has other values"));
        }
    }
    Ok(true)
}
