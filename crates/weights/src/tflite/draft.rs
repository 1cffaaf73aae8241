//! A TFLite file that is being written: tensors, the constants that some of them hold, and operators.

use super::flatbuffer::{Node, Table, file};
use super::schema::field::{
    model, named, operator, operator_code, quantization, signature, subgraph, tensor,
};
use super::schema::{Element, KIND, Operator, VERSION};

/// The index of a tensor.
pub(super) type Index = i32;

/// A tensor.
#[derive(Debug)]
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) shape: &'a [usize],
    pub(super) element: Element,
    /// The values of a constant, little-endian.
    pub(super) constant: Option<Vec<u8>>,
    /// `None` for real numbers, and for integers that stand for themselves.
    pub(super) quantization: Option<Quantization>,
}

/// What integers stand for: `scale * (integer - zero)`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Quantization {
    Whole {
        scale: f32,
        zero: i64,
    },
    /// A scale for each index of an axis; zeros are 0.
    Axis {
        axis: i32,
        scales: Vec<f32>,
    },
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Draft {
    tensors: Vec<Table>,
    /// The first is empty: that of tensors that hold nothing yet.
    buffers: Vec<Vec<u8>>,
    operators: Vec<Table>,
    codes: Vec<(Operator, i32)>,
    metadata: Vec<Table>,
}

impl Draft {
    pub(super) fn new() -> Self {
        Self {
            tensors: Vec::new(),
            buffers: vec![Vec::new()],
            operators: Vec::new(),
            codes: Vec::new(),
            metadata: Vec::new(),
        }
    }

    /// Adds a tensor.
    pub(super) fn tensor(&mut self, of: Tensor<'_>) -> Index {
        let buffer = of.constant.map_or(0, |values| self.buffer(values));
        let shape = of.shape.iter().map(|&side| side as i32).collect();
        let mut table = Table::default()
            .node(tensor::SHAPE, Node::Int32s(shape))
            .byte(tensor::ELEMENT, of.element as u8)
            .int32(tensor::BUFFER, buffer)
            .text(tensor::NAME, of.name);
        if let Some(steps) = of.quantization {
            table = table.node(tensor::QUANTIZATION, Node::Table(quantized(steps)));
        }
        self.tensors.push(table);
        self.tensors.len() as Index - 1
    }

    /// Adds an operator. `element` decides about its version.
    pub(super) fn operator(
        &mut self,
        kind: Operator,
        element: Element,
        inputs: &[Index],
        output: Index,
        options: Table,
    ) {
        let code = (kind, kind.version(element));
        let at = self.codes.iter().position(|one| *one == code).unwrap_or_else(|| {
            self.codes.push(code);
            self.codes.len() - 1
        });
        let mut table = Table::default()
            .int32(operator::CODE, at as i32)
            .node(operator::INPUTS, Node::Int32s(inputs.to_vec()))
            .node(operator::OUTPUTS, Node::Int32s(vec![output]));
        if kind.options_type() != 0 {
            table = table
                .byte(operator::OPTIONS_TYPE, kind.options_type())
                .node(operator::OPTIONS, Node::Table(options));
        }
        self.operators.push(table);
    }

    /// Adds bytes under a name, for whoever looks for it.
    pub(super) fn metadata(&mut self, name: &str, bytes: Vec<u8>) {
        let buffer = self.buffer(bytes);
        self.metadata.push(Table::default().text(named::NAME, name).int32(named::INDEX, buffer));
    }

    fn buffer(&mut self, values: Vec<u8>) -> i32 {
        self.buffers.push(values);
        self.buffers.len() as i32 - 1
    }

    /// Returns at least as many bytes as the file will have.
    pub(super) fn bound(&self) -> u64 {
        /// More than a table and all that it points to, buffers left aside, for each of those that there are.
        const TABLE: u64 = 1 << 10;
        let tables = self.tensors.len() + self.buffers.len() + self.operators.len() + self.metadata.len();
        let bytes: u64 = self.buffers.iter().map(|buffer| buffer.len() as u64).sum();
        // The scales of weights lie in tables: eight bytes of zero for four of the scale.
        2 * bytes + TABLE * tables as u64
    }

    /// Returns the bytes of the file. `inputs` and `outputs` are tensors with the names by which a caller asks for them.
    pub(super) fn finish(
        self,
        name: &str,
        description: &str,
        inputs: &[(&str, Index)],
        outputs: &[(&str, Index)],
    ) -> Vec<u8> {
        let indices = |of: &[(&str, Index)]| Node::Int32s(of.iter().map(|(_, index)| *index).collect());
        let maps = |of: &[(&str, Index)]| -> Vec<Table> {
            let map = |&(name, index): &(&str, Index)| {
                Table::default().text(named::NAME, name).int32(named::INDEX, index)
            };
            of.iter().map(map).collect()
        };
        let graph = Table::default()
            .tables(subgraph::TENSORS, self.tensors)
            .node(subgraph::INPUTS, indices(inputs))
            .node(subgraph::OUTPUTS, indices(outputs))
            .tables(subgraph::OPERATORS, self.operators)
            .text(subgraph::NAME, name);
        let signature = Table::default()
            .tables(signature::INPUTS, maps(inputs))
            .tables(signature::OUTPUTS, maps(outputs))
            .text(signature::KEY, "serving_default");
        let codes = self.codes.into_iter().map(|(kind, version)| {
            Table::default()
                .byte(operator_code::OLD_CODE, kind as u8)
                .int32(operator_code::VERSION, version)
                .int32(operator_code::CODE, i32::from(kind as u8))
        });
        let buffers = self.buffers.into_iter().map(|values| match values.is_empty() {
            true => Table::default(),
            false => Table::default().node(0, Node::Bytes(values)),
        });
        let model = Table::default()
            .int32(model::VERSION, VERSION)
            .tables(model::OPERATOR_CODES, codes)
            .tables(model::SUBGRAPHS, [graph])
            .text(model::DESCRIPTION, description)
            .tables(model::BUFFERS, buffers)
            .tables(model::METADATA, self.metadata)
            .tables(model::SIGNATURES, [signature]);
        file(model, KIND)
    }
}

fn quantized(steps: Quantization) -> Table {
    match steps {
        Quantization::Whole { scale, zero } => Table::default()
            .node(quantization::SCALE, Node::Floats(vec![scale]))
            .node(quantization::ZERO_POINT, Node::Int64s(vec![zero])),
        Quantization::Axis { axis, scales } => {
            let zeros = vec![0; scales.len()];
            Table::default()
                .node(quantization::SCALE, Node::Floats(scales))
                .node(quantization::ZERO_POINT, Node::Int64s(zeros))
                .int32(quantization::DIMENSION, axis)
        }
    }
}
