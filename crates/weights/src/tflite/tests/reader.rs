//! A reader of TFLite files, as far as tests look into them.

use std::collections::{BTreeMap, BTreeSet};

/// A table in the bytes of a file.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    bytes: &'a [u8],
    place: usize,
}

pub(super) fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

impl<'a> Seen<'a> {
    pub(super) fn root(bytes: &'a [u8], kind: &[u8]) -> Self {
        assert_eq!(&bytes[4..8], kind);
        Self { bytes, place: number(bytes, 0) }
    }

    /// Where a field stands; `None` if it was left out.
    pub(super) fn at(self, field: usize) -> Option<usize> {
        assert_eq!(self.place % 4, 0);
        let vtable = self.place - number(self.bytes, self.place);
        let u16_at = |at: usize| usize::from(u16::from_le_bytes(self.bytes[at..at + 2].try_into().unwrap()));
        assert!(vtable.is_multiple_of(2) && vtable < self.place);
        let (slot, length) = (4 + 2 * field, u16_at(vtable));
        let offset = if slot < length { u16_at(vtable + slot) } else { 0 };
        assert!(offset < u16_at(vtable + 2));
        (offset > 0).then_some(self.place + offset)
    }

    pub(super) fn byte(self, field: usize) -> u8 {
        self.at(field).map_or(0, |at| self.bytes[at])
    }

    pub(super) fn int(self, field: usize) -> i32 {
        self.at(field).map_or(0, |at| number(self.bytes, at) as i32)
    }

    pub(super) fn float(self, field: usize) -> f32 {
        f32::from_bits(self.int(field).cast_unsigned())
    }

    pub(super) fn follow(self, at: usize) -> usize {
        at + number(self.bytes, at)
    }

    pub(super) fn table(self, field: usize) -> Option<Self> {
        self.at(field).map(|at| Self { place: self.follow(at), ..self })
    }

    /// The elements of a vector, each of `size` bytes, which stand at a multiple of `align`.
    pub(super) fn vector(self, field: usize, size: usize, align: usize) -> &'a [u8] {
        let Some(place) = self.at(field).map(|at| self.follow(at)) else { return &[] };
        assert!((place + 4).is_multiple_of(align));
        &self.bytes[place + 4..place + 4 + size * number(self.bytes, place)]
    }

    pub(super) fn ints(self, field: usize) -> Vec<i32> {
        self.vector(field, 4, 4).as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect()
    }

    pub(super) fn longs(self, field: usize) -> Vec<i64> {
        self.vector(field, 8, 8).as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()
    }

    pub(super) fn floats(self, field: usize) -> Vec<f32> {
        self.vector(field, 4, 4).as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    pub(super) fn text(self, field: usize) -> &'a str {
        let text = self.vector(field, 1, 4);
        let end = text.as_ptr_range().end as usize - self.bytes.as_ptr() as usize;
        assert_eq!(self.bytes[end], 0, "a text ends in 0");
        std::str::from_utf8(text).unwrap()
    }

    pub(super) fn tables(self, field: usize) -> Vec<Self> {
        let Some(place) = self.at(field).map(|at| self.follow(at)) else { return Vec::new() };
        let at = |index| place + 4 + 4 * index;
        (0..number(self.bytes, place)).map(|index| Self { place: self.follow(at(index)), ..self }).collect()
    }
}

/// A tensor as it was read.
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) shape: Vec<i32>,
    pub(super) element: u8,
    pub(super) values: &'a [u8],
    pub(super) scales: Vec<f32>,
    pub(super) zeros: Vec<i64>,
    pub(super) axis: i32,
}

/// An operator as it was read: its code and version, names of tensors, its options.
pub(super) struct Operator<'a> {
    pub(super) code: i32,
    pub(super) version: i32,
    pub(super) inputs: Vec<&'a str>,
    pub(super) output: &'a str,
    pub(super) options: Option<Seen<'a>>,
}

pub(super) struct Graph<'a> {
    pub(super) model: Seen<'a>,
    pub(super) tensors: BTreeMap<&'a str, Tensor<'a>>,
    pub(super) operators: Vec<Operator<'a>>,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
}

/// Reads a file, and checks what is true of each: constants have their bytes, every tensor comes before its use, none is
/// there for nothing.
pub(super) fn read(bytes: &[u8]) -> Graph<'_> {
    let model = Seen::root(bytes, b"TFL3");
    assert_eq!(model.int(0), 3);
    let [graph] = model.tables(2)[..] else { panic!("one graph") };
    let tensors = tensors(model, graph);
    let name = |index: &i32| tensors[*index as usize].name;
    let names = |indices: Vec<i32>| indices.iter().map(name).collect::<Vec<_>>();
    let codes: Vec<(i32, i32)> = model
        .tables(1)
        .iter()
        .map(|code| {
            assert_eq!(i32::from(code.byte(0)), code.int(3));
            (code.int(3), code.int(2))
        })
        .collect();
    let operators: Vec<Operator<'_>> = graph
        .tables(3)
        .into_iter()
        .map(|seen| {
            let (code, version) = codes[seen.int(0) as usize];
            let options = seen.table(4);
            assert_eq!(options.is_some(), seen.byte(3) != 0, "options and their type");
            let output = seen.ints(2);
            assert_eq!(output.len(), 1);
            Operator { code, version, inputs: names(seen.ints(1)), output: name(&output[0]), options }
        })
        .collect();
    let (inputs, outputs) = (names(graph.ints(1)), names(graph.ints(2)));
    check(&tensors, &operators, &inputs);
    let tensors = tensors.into_iter().map(|tensor| (tensor.name, tensor)).collect();
    Graph { model, tensors, operators, inputs, outputs }
}

fn tensors<'a>(model: Seen<'a>, graph: Seen<'a>) -> Vec<Tensor<'a>> {
    let buffers: Vec<&[u8]> = model.tables(4).iter().map(|buffer| buffer.vector(0, 1, 16)).collect();
    assert!(buffers[0].is_empty());
    graph
        .tables(0)
        .into_iter()
        .map(|seen| {
            let steps = seen.table(4);
            Tensor {
                name: seen.text(3),
                shape: seen.ints(0),
                element: seen.byte(1),
                values: buffers[seen.int(2) as usize],
                scales: steps.map_or(Vec::new(), |steps| steps.floats(2)),
                zeros: steps.map_or(Vec::new(), |steps| steps.longs(3)),
                axis: steps.map_or(0, |steps| steps.int(6)),
            }
        })
        .collect()
}

fn check(tensors: &[Tensor<'_>], operators: &[Operator<'_>], inputs: &[&str]) {
    let mut known: BTreeSet<&str> = inputs.iter().copied().collect();
    let mut unused = BTreeSet::new();
    for tensor in tensors {
        let size = match tensor.element {
            0 | 2 => 4,
            3 | 9 => 1,
            other => panic!("{other}"),
        };
        let elements: i32 = tensor.shape.iter().product();
        if !tensor.values.is_empty() {
            assert_eq!(tensor.values.len(), size * elements as usize, "{}", tensor.name);
            assert!(known.insert(tensor.name) && unused.insert(tensor.name), "{} stands twice", tensor.name);
        }
        assert_eq!(tensor.scales.len(), tensor.zeros.len());
        assert!(tensor.scales.iter().all(|scale| *scale > 0.0 && scale.is_finite()), "{}", tensor.name);
        if tensor.scales.len() > 1 {
            assert_eq!(tensor.scales.len(), tensor.shape[tensor.axis as usize] as usize, "{}", tensor.name);
        }
    }
    for operator in operators {
        for input in &operator.inputs {
            assert!(known.contains(input), "{} reads {input}", operator.output);
            unused.remove(input);
        }
        assert!(known.insert(operator.output), "{} stands twice", operator.output);
    }
    assert!(unused.is_empty(), "{unused:?}");
    assert_eq!(known.len(), tensors.len());
}
