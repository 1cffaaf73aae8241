//! A graph that is being written: nodes one behind the other, each reading what the one before it gave.

use super::message::{
    AttributeProto, Dimension, FLOAT, GraphProto, INT, INT8, INT32, INTS, NodeProto, Side, TensorProto,
    TensorShapeProto, TensorType, TypeProto, UINT8, ValueInfoProto,
};
use crate::params_digest::for_each_le_chunk;

/// The name of the axis of images, whose length is open.
const BATCH: &str = "N";

/// A graph that is being written.
pub(super) struct Draft {
    pub(super) proto: GraphProto,
    /// The value that the next node reads.
    pub(super) last: String,
}

impl Draft {
    /// An empty graph of this name whose first node reads the value `input`.
    pub(super) fn new(name: &str, input: &str) -> Self {
        let proto = GraphProto { name: name.to_owned(), ..GraphProto::default() };
        Self { proto, last: input.to_owned() }
    }

    /// Adds a node that reads the last value, then `others`, and gives a value of its own name.
    pub(super) fn node(&mut self, op: &str, name: &str, others: &[&str], attributes: Vec<AttributeProto>) {
        self.named_node(op, name, others, name, attributes);
    }

    /// As [`Draft::node`], and the value that is given has a name of its own.
    pub(super) fn named_node(
        &mut self,
        op: &str,
        name: &str,
        others: &[&str],
        output: &str,
        attribute: Vec<AttributeProto>,
    ) {
        let last = std::mem::replace(&mut self.last, output.to_owned());
        let inputs: Vec<&str> = std::iter::once(last.as_str()).chain(others.iter().copied()).collect();
        self.beside(op, name, &inputs, output, attribute);
    }

    /// Adds a node that stands beside the others: it reads `inputs` alone, and what comes next does not read it.
    pub(super) fn beside(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        output: &str,
        attribute: Vec<AttributeProto>,
    ) {
        self.proto.node.push(NodeProto {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            name: name.to_owned(),
            op_type: op.to_owned(),
            attribute,
        });
    }

    /// Adds a constant of f32.
    pub(super) fn constant(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        let mut raw_data = Vec::with_capacity(size_of_val(values));
        for_each_le_chunk(values, |bytes| raw_data.extend_from_slice(bytes));
        self.raw(name, dims, FLOAT, raw_data);
    }

    /// Adds a constant of one byte.
    pub(super) fn byte(&mut self, name: &str, value: u8) {
        self.raw(name, &[], UINT8, vec![value]);
    }

    /// Adds a constant of i8.
    pub(super) fn int8s(&mut self, name: &str, dims: &[usize], values: &[i8]) {
        self.raw(name, dims, INT8, values.iter().map(|value| value.cast_unsigned()).collect());
    }

    /// Adds a constant of i32.
    pub(super) fn int32s(&mut self, name: &str, dims: &[usize], values: &[i32]) {
        self.raw(name, dims, INT32, values.iter().flat_map(|value| value.to_le_bytes()).collect());
    }

    fn raw(&mut self, name: &str, dims: &[usize], data_type: i32, raw_data: Vec<u8>) {
        self.proto.initializer.push(TensorProto {
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type,
            name: name.to_owned(),
            raw_data,
        });
    }

    /// States the type of a value that the graph takes.
    pub(super) fn input(&mut self, name: &str, elem_type: i32, dims: &[usize]) {
        self.proto.input.push(value(name, elem_type, dims));
    }

    /// States the type of the last value, an image of f32 [channels, rows, columns].
    pub(super) fn tell_image(&mut self, dims: [usize; 3]) {
        self.proto.value_info.push(value(&self.last, FLOAT, &dims));
    }

    /// States the type of a value that the graph gives, f32.
    pub(super) fn output(&mut self, name: &str, dims: &[usize]) {
        self.proto.output.push(value(name, FLOAT, dims));
    }
}

/// A setting that is one integer.
pub(super) fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), i: Some(value), ints: Vec::new(), kind: INT }
}

/// A setting that is a list of integers.
pub(super) fn integers(name: &str, values: &[usize]) -> AttributeProto {
    let ints = values.iter().map(|&value| value as i64).collect();
    AttributeProto { name: name.to_owned(), i: None, ints, kind: INTS }
}

/// Describes a value of `elem_type` for a batch of images, each of the shape `dims`.
fn value(name: &str, elem_type: i32, dims: &[usize]) -> ValueInfoProto {
    let sides = dims.iter().map(|&dim| Side::Value(dim as i64));
    let dim = std::iter::once(Side::Named(BATCH.to_owned()))
        .chain(sides)
        .map(|side| Dimension { side: Some(side) })
        .collect();
    let tensor_type = Some(TensorType { elem_type, shape: Some(TensorShapeProto { dim }) });
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type }) }
}
