//! From the operators of an ONNX graph to steps.
//!
//! Versions of an operator differ in where they keep their settings: an attribute in old ones, a further input in new
//! ones. Both are looked for, whatever version the file states.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::call::{Call, Facts};
use super::integers;
use super::message::{Attribute, Node};
use super::tensor::{NoValues, Stock};
use super::unread::unread;
use crate::traced::{Binary, Constant, Kind, NodeName, Refusal, Trace, Value};

/// The domain of ONNX Runtime's own operators, with which those of its parts begin.
const RUNTIME: &str = "com.microsoft";
/// Why most of them are not read.
const OPTIMIZED: &str =
    "such an operator stands in files that ONNX Runtime has optimized; give the file that was optimized";

/// The values of a graph by their names, while its nodes are gone through.
pub(super) struct Values<'a> {
    by_name: BTreeMap<&'a str, Value<'a>>,
    /// Constants whose values cannot be had: an error where they are read.
    without: BTreeMap<&'a str, NoValues>,
    facts: Facts,
}

impl<'a> Values<'a> {
    pub(super) fn new(facts: Facts) -> Self {
        Self { by_name: BTreeMap::new(), without: BTreeMap::new(), facts }
    }

    pub(super) fn put(&mut self, name: &'a str, value: Value<'a>) {
        self.by_name.insert(name, value);
    }

    /// Adds a constant.
    pub(super) fn put_constant(&mut self, name: &'a str, stock: Stock<'a>) {
        match stock {
            Ok(constant) => self.put(name, Value::Constant(Rc::new(constant))),
            Err(reason) => {
                self.without.insert(name, reason);
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.by_name.get(name)
    }

    /// Goes over a node: what it gives is a value from then on.
    pub(super) fn run(&mut self, trace: &mut Trace<'a>, node: Node<'a>) -> Result<(), Refusal> {
        let first = node.outputs.first().copied().unwrap_or_default();
        let name = if node.name.is_empty() { first } else { node.name };
        let name = NodeName::new(name, node.op);
        let (mut inputs, mut without) = (Vec::new(), None);
        for input in &node.inputs {
            if input.is_empty() {
                inputs.push(None);
                continue;
            }
            if let Some(reason) = self.without.get(input) {
                without = without.or(Some(unread(input, reason)));
                inputs.push(None);
                continue;
            }
            match self.by_name.get(input) {
                Some(value) => inputs.push(Some(value.clone())),
                None => {
                    let reason =
                        format!("it reads '{}', which nothing before it gives", crate::shown::shown(input));
                    return Err(Refusal::node(&name, reason));
                }
            }
        }
        if let Some(twice) = node.outputs.iter().find(|output| self.by_name.contains_key(**output)) {
            return Err(Refusal::node(
                &name,
                format!("'{}' is given a second time", crate::shown::shown(twice)),
            ));
        }
        let call = Call { node: &node, name: &name, inputs: &inputs, facts: self.facts };
        // Whoever needs what is not read here is refused for this reason; the rest of the graph can do without.
        let given = match without {
            Some(reason) => call.opaque(trace, reason)?,
            None => match call.run(trace) {
                Err(Refusal::Node { reason, .. } | Refusal::Graph { reason }) => {
                    call.opaque(trace, reason)?
                }
                given => given?,
            },
        };
        for output in node.outputs.iter().skip(1).filter(|output| !output.is_empty()) {
            let other = call.opaque(trace, "of what it gives only the first value is read")?;
            self.by_name.insert(output, other);
        }
        self.by_name.insert(first, given);
        Ok(())
    }
}

impl<'a> Call<'_, 'a> {
    fn run(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        if self.node.attributes.iter().any(|(_, value)| matches!(value, Attribute::Graph)) {
            return self.opaque(trace, "it runs a graph of its own, which is not read");
        }
        if !matches!(self.node.domain, "" | "ai.onnx" | RUNTIME) {
            let is_of_runtime = self.node.domain.starts_with(RUNTIME);
            return self
                .opaque(trace, if is_of_runtime { OPTIMIZED } else { "it is none of ONNX' own operators" });
        }
        match self.node.op {
            "Conv" => self.convolution(trace),
            "BatchNormalization" => self.batch_norm(trace),
            "Add" => self.binary(trace, Binary::Add),
            "Sub" => self.binary(trace, Binary::Sub),
            "Mul" => self.binary(trace, Binary::Mul),
            "Div" => self.binary(trace, Binary::Div),
            "Min" => self.binary(trace, Binary::Min),
            "Max" => self.binary(trace, Binary::Max),
            "Clip" => self.clip(trace),
            "Relu" => trace.clamp(self.need(0)?, [0.0, f64::INFINITY], self.name),
            "Pad" => self.pad(trace),
            "GlobalAveragePool" => trace.mean(self.need(0)?, (&[2, 3], true), self.name),
            "ReduceMean" => self.mean(trace),
            "AveragePool" => self.average_pool(trace),
            "Gemm" => self.gemm(trace),
            "MatMul" => self.matmul(trace),
            "Softmax" => self.along_channels(trace, Kind::Softmax),
            "LogSoftmax" => self.along_channels(trace, Kind::LogSoftmax),
            "Sigmoid" => self.flow(trace, Kind::Sigmoid),
            _ => self.shape_or_type(trace),
        }
    }

    /// Operators that compute nothing: they change shapes and types.
    fn shape_or_type(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        match self.node.op {
            "Constant" => self.own_constant(trace),
            "Identity" => Ok(self.need(0)?.clone()),
            "Cast" => self.cast(trace),
            "Dropout" => match self.constant(2)?.as_deref().and_then(Constant::scalar) {
                None | Some(0.0) => Ok(self.need(0)?.clone()),
                Some(_) => self.opaque(trace, "it is in training; export the net in evaluation mode"),
            },
            "Shape" => Ok(Value::Sizes),
            "Transpose" => self.transpose(trace),
            "Reshape" => {
                let target = self.list_or_input("shape", 1)?;
                trace.reshape(self.need(0)?, target.as_deref(), self.name)
            }
            "Flatten" => match self.integer("axis", 1) {
                1 => trace.reshape(self.need(0)?, Some(&[0, -1]), self.name),
                axis => self.opaque(trace, format!("it flattens at axis {axis}")),
            },
            "Squeeze" => self.squeeze(trace),
            "Unsqueeze" => self.unsqueeze(trace),
            "Concat" => self.concat(trace),
            "Gather" | "Slice" | "Expand" | "ConstantOfShape" | "Range" | "ReduceProd"
                if self.inputs.iter().flatten().all(|value| !matches!(value, Value::Flow(_))) =>
            {
                let list = self.list_of_constants()?;
                Ok(list.map_or(Value::Sizes, |list| Value::Constant(Rc::new(list))))
            }
            "QuantizeLinear" => self.quantize(trace),
            "DequantizeLinear" => self.dequantize(trace),
            "QLinearConv" | "QLinearAdd" | "QLinearGlobalAveragePool" | "QGemm" | "QLinearMatMul" => {
                integers::run(self.node.op, self.inputs, &self.quantized_settings(), trace, self.name)
            }
            _ if self.node.domain == RUNTIME => self.opaque(trace, OPTIMIZED),
            _ => self.opaque(trace, "such an operator is not read"),
        }
    }

    fn quantize(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let value = self.need(0)?;
        if self.input(2).is_none() && self.integer("output_dtype", 0) != 0 {
            return self.opaque(trace, "it rounds to a type that no zero tells");
        }
        let range = integers::range(self.constant(1)?.as_deref(), self.constant(2)?.as_deref(), trace)?;
        match range {
            Some(range) => trace.rounded(value, range),
            None if matches!(value, Value::Flow(_)) => {
                return self.opaque(trace, "it rounds by a scale for each channel");
            }
            None => {}
        }
        Ok(value.clone())
    }

    fn dequantize(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        match self.need(0)? {
            Value::Constant(constant) => {
                let (scale, zero) = (self.need_constant(1)?, self.constant(2)?);
                let axis = self.integer("axis", 1);
                let real = integers::real(constant, &scale, zero.as_deref(), axis, trace)?;
                match real {
                    Some(real) => Ok(Value::Constant(Rc::new(real))),
                    None => Err(self.refuse("its scales do not fit the constant")),
                }
            }
            Value::Flow(flow) => {
                // Of the graph's own input: bytes that stand for something.
                if integers::is_bytes(flow, trace) {
                    return integers::real_input(self.inputs, flow, trace, self.name);
                }
                let flow = flow.clone();
                match integers::reads_as_written(self.inputs, &flow, trace)? {
                    true => Ok(Value::Flow(flow)),
                    false => self.opaque(trace, integers::OTHER_SCALE),
                }
            }
            Value::Sizes => Ok(Value::Sizes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traced::{Axis, Constant, Flow, NCHW, Pads};

    /// The step that a node gives which reads an image and constants, or why it is not read.
    fn given(
        node: Node<'static>,
        constants: &[(&'static str, Constant<'static>)],
    ) -> Result<Kind<'static>, String> {
        let mut trace = Trace::of_file(1 << 16);
        let mut values = Values::new(Facts { opset: 18, reads_integers: false });
        let image = trace.input(&NodeName::new("image", "Input"), &NCHW, None).unwrap();
        values.put("image", image);
        constants.iter().for_each(|(name, constant)| values.put_constant(name, Ok(constant.clone())));
        values.run(&mut trace, node).map_err(|refusal| format!("{refusal:?}"))?;
        let Some(Value::Flow(Flow { step, axes })) = values.get("out").cloned() else { panic!("no value") };
        match trace.steps.swap_remove(step).kind {
            Kind::Opaque { reason } => Err(reason),
            kind => {
                assert_eq!(axes, [Axis::N, Axis::C, Axis::H, Axis::W]);
                Ok(kind)
            }
        }
    }

    fn node(op: &'static str, inputs: &[&'static str]) -> Node<'static> {
        Node { name: "node", op, inputs: inputs.to_vec(), outputs: vec!["out"], ..Node::default() }
    }

    fn integers(values: &[i64]) -> Constant<'static> {
        Constant::of_integers(vec![values.len()], values)
    }

    #[test]
    fn padding_of_named_axes_is_padding_of_the_image() {
        let pad = |axes: &[i64], amounts: &[i64]| {
            let pads = [("amounts", integers(amounts)), ("axes", integers(axes))];
            given(node("Pad", &["image", "amounts", "", "axes"]), &pads)
        };
        for axes in [[2, 3], [-2, -1]] {
            let Ok(Kind::Pad(pads)) = pad(&axes, &[0, 1, 2, 3]) else { panic!("{axes:?}") };
            assert_eq!(pads, Pads { top: 0, left: 1, bottom: 2, right: 3 });
        }
        let Ok(Kind::Pad(pads)) = pad(&[3], &[1, 2]) else { panic!("one axis") };
        assert_eq!(pads, Pads { top: 0, left: 1, bottom: 0, right: 2 });
        for (axes, amounts) in
            [(&[4][..], &[1, 1][..]), (&[2, 3], &[1, 1]), (&[2, 2], &[1, 1, 1, 1]), (&[-5], &[1, 1])]
        {
            assert!(pad(axes, amounts).is_err(), "{axes:?}");
        }
    }

    #[test]
    fn dropout_in_training_is_refused() {
        let flag = |value: i64| [("ratio", integers(&[0])), ("training", integers(&[value]))];
        let dropout = |value| given(node("Dropout", &["image", "ratio", "training"]), &flag(value));
        assert!(matches!(dropout(0), Ok(Kind::Input)));
        assert!(dropout(1).unwrap_err().contains("evaluation mode"));
    }

    #[test]
    fn operators_of_an_optimizer_are_named_as_such() {
        for (domain, op) in [(RUNTIME, "FusedConv"), ("com.microsoft.nchwc", "Conv")] {
            assert_eq!(given(Node { domain, ..node(op, &["image"]) }, &[]).unwrap_err(), OPTIMIZED);
        }
        assert_ne!(given(node("Mod", &["image"]), &[]).unwrap_err(), OPTIMIZED);
    }
}
