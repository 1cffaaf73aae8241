//! From the operators of an ONNX graph to steps.
//!
//! Versions of an operator differ in where they keep their settings: an attribute in old ones, a further input in new
//! ones. Both are looked for, whatever version the file states.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::integers;
use super::lists;
use super::message::{Attribute, NoValues, Node, Stock};
use crate::traced::{
    Axis, Binary, Border, Constant, Conv, Dense, KernelOrder, Kind, NCHW, NodeName, Norm, Pads, Refusal,
    Trace, Value,
};

/// The epsilon of a BatchNorm that states none.
const EPSILON: f32 = 1e-5;
/// What a bound that is left out stands for.
const UNBOUNDED: [f64; 2] = [f64::NEG_INFINITY, f64::INFINITY];

/// The values of a graph by their names, while its nodes are gone through.
pub(super) struct Values<'a> {
    by_name: BTreeMap<&'a str, Value<'a>>,
    /// Constants whose values cannot be had: an error where they are read.
    without: BTreeMap<&'a str, NoValues>,
    /// The version of ONNX' operators.
    opset: i64,
}

impl<'a> Values<'a> {
    pub(super) fn new(opset: i64) -> Self {
        Self { by_name: BTreeMap::new(), without: BTreeMap::new(), opset }
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
        let name = NodeName { node: name.to_owned(), op: node.op.to_owned() };
        let mut inputs = Vec::new();
        for input in &node.inputs {
            if input.is_empty() {
                inputs.push(None);
                continue;
            }
            if let Some(reason) = self.without.get(input) {
                return Err(unread(&name, input, reason));
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
        let call = Call { node: &node, name: &name, inputs: &inputs, opset: self.opset };
        let given = call.run(trace)?;
        for output in node.outputs.iter().skip(1).filter(|output| !output.is_empty()) {
            let other = call.opaque(trace, "of what it gives only the first value is read")?;
            self.by_name.insert(output, other);
        }
        self.by_name.insert(first, given);
        Ok(())
    }
}

/// The error about an operator that reads a constant whose values are not there.
fn unread(name: &NodeName, constant: &str, reason: &NoValues) -> Refusal {
    let constant = crate::shown::shown(constant);
    Refusal::node(
        name,
        match reason {
            NoValues::External(file) => format!(
                "the values of '{constant}' lie in another file, '{file}'; put all into one with Python: \
             `import onnx; onnx.save(onnx.load(\"in.onnx\"), \"out.onnx\")`, with that file beside the first"
            ),
            NoValues::Unread(why) => format!("the constant '{constant}' is not read: {why}"),
        },
    )
}

/// A node with the values that it reads.
struct Call<'c, 'a> {
    node: &'c Node<'a>,
    name: &'c NodeName,
    inputs: &'c [Option<Value<'a>>],
    opset: i64,
}

impl<'a> Call<'_, 'a> {
    fn refuse(&self, reason: impl Into<String>) -> Refusal {
        Refusal::node(self.name, reason)
    }

    fn opaque(&self, trace: &mut Trace<'a>, reason: impl Into<String>) -> Result<Value<'a>, Refusal> {
        let inputs: Vec<&Value<'a>> = self.inputs.iter().flatten().collect();
        trace.opaque(&inputs, self.name, reason)
    }

    fn input(&self, at: usize) -> Option<&Value<'a>> {
        self.inputs.get(at).and_then(Option::as_ref)
    }

    fn need(&self, at: usize) -> Result<&Value<'a>, Refusal> {
        self.input(at).ok_or_else(|| self.refuse(format!("its input {at} is missing")))
    }

    /// A constant among the inputs; `None` if it is left out.
    fn constant(&self, at: usize) -> Result<Option<Rc<Constant<'a>>>, Refusal> {
        match self.input(at) {
            None => Ok(None),
            Some(Value::Constant(constant)) => Ok(Some(constant.clone())),
            Some(_) => Err(self.refuse(format!("its input {at} is no constant of the file"))),
        }
    }

    fn need_constant(&self, at: usize) -> Result<Rc<Constant<'a>>, Refusal> {
        self.constant(at)?.ok_or_else(|| self.refuse(format!("its input {at} is missing")))
    }

    fn attribute(&self, name: &str) -> Option<&Attribute<'a>> {
        self.node.attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    fn integer(&self, name: &str, default: i64) -> i64 {
        match self.attribute(name) {
            Some(Attribute::Integer(value)) => *value,
            _ => default,
        }
    }

    fn float(&self, name: &str, default: f64) -> f64 {
        match self.attribute(name) {
            Some(Attribute::Float(value)) => f64::from(*value),
            _ => default,
        }
    }

    fn list(&self, name: &str) -> Option<&[i64]> {
        match self.attribute(name) {
            Some(Attribute::Integers(list)) => Some(list),
            _ => None,
        }
    }

    /// A list of integers that is an attribute in some versions and an input in others.
    fn list_or_input(&self, name: &str, at: usize) -> Result<Option<Vec<i64>>, Refusal> {
        if let Some(list) = self.list(name) {
            return Ok(Some(list.to_vec()));
        }
        Ok(match self.input(at) {
            Some(Value::Constant(constant)) => Some(constant.integers()?),
            _ => None,
        })
    }

    fn run(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        if self.node.attributes.iter().any(|(_, value)| matches!(value, Attribute::Graph)) {
            return self.opaque(trace, "it runs a graph of its own, which is not read");
        }
        if !matches!(self.node.domain, "" | "ai.onnx" | "com.microsoft") {
            return self.opaque(trace, "it is none of ONNX' own operators");
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
            "Identity" | "Cast" => Ok(self.need(0)?.clone()),
            // Of an exported net: it is not training.
            "Dropout" => Ok(self.need(0)?.clone()),
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
            _ => self.opaque(trace, "a MobileNetV2 has no such operator"),
        }
    }

    fn quantized_settings(&self) -> integers::Settings {
        integers::Settings {
            conv: self.conv_settings(),
            outputs_first: self.integer("transB", 0) != 0,
            factor: self.float("alpha", 1.0),
            channels_last: self.integer("channels_last", 0) != 0,
        }
    }

    fn flow(&self, trace: &mut Trace<'a>, kind: Kind<'a>) -> Result<Value<'a>, Refusal> {
        match self.need(0)? {
            Value::Flow(flow) => trace.step(kind, flow, self.name),
            _ => self.opaque(trace, "it computes with constants"),
        }
    }

    /// A softmax, which must be over the channels.
    fn along_channels(&self, trace: &mut Trace<'a>, kind: Kind<'a>) -> Result<Value<'a>, Refusal> {
        let Value::Flow(flow) = self.need(0)? else {
            return self.opaque(trace, "it computes with constants");
        };
        let axis = self.integer("axis", if self.opset < 13 { 1 } else { -1 });
        let at = if axis < 0 { axis + flow.axes.len() as i64 } else { axis };
        let over = usize::try_from(at).ok().and_then(|at| flow.axes.get(at));
        if over != Some(&Axis::C) {
            return self.opaque(trace, format!("it runs along axis {axis}, which is not the classes"));
        }
        self.flow(trace, kind)
    }

    fn binary(&self, trace: &mut Trace<'a>, op: Binary) -> Result<Value<'a>, Refusal> {
        match self.inputs {
            [Some(a), Some(b)] => trace.binary(op, [a, b], self.name),
            [Some(one)] => Ok(one.clone()),
            _ => self.opaque(trace, "it has not two inputs"),
        }
    }

    fn conv_settings(&self) -> integers::ConvSettings {
        integers::ConvSettings {
            strides: pair(self.list("strides")),
            dilations: pair(self.list("dilations")),
            groups: usize::try_from(self.integer("group", 1)).unwrap_or(0),
            border: self.border(),
        }
    }

    fn convolution(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let settings = self.conv_settings();
        let border = settings.border.ok_or_else(|| self.refuse("padding that is not read"))?;
        let conv = Conv {
            kernel: self.need_constant(1)?,
            order: KernelOrder::OutInRowsColumns,
            bias: self.constant(2)?,
            strides: settings.strides,
            dilations: settings.dilations,
            groups: settings.groups,
            border,
        };
        trace.convolution(self.need(0)?, conv, NCHW, self.name)
    }

    /// How the window is laid over the border; `None` for a rule that is not read.
    fn border(&self) -> Option<Border> {
        match self.attribute("auto_pad") {
            Some(Attribute::Text("SAME_UPPER")) => return Some(Border::Same),
            None | Some(Attribute::Text("NOTSET" | "VALID")) => {}
            _ => return None,
        }
        let mut pads = Pads::default();
        match self.list("pads") {
            None => {}
            Some(&[top, left, bottom, right]) => {
                let side = |value: i64| u16::try_from(value).ok().map(usize::from);
                pads =
                    Pads { top: side(top)?, left: side(left)?, bottom: side(bottom)?, right: side(right)? };
            }
            Some(_) => return None,
        }
        Some(Border::Zeros(pads))
    }

    fn batch_norm(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        if self.integer("training_mode", 0) != 0 {
            return self.opaque(trace, "it is in training; export the net in evaluation mode");
        }
        let norm = Norm {
            gamma: self.need_constant(1)?,
            beta: self.need_constant(2)?,
            mean: self.need_constant(3)?,
            variance: self.need_constant(4)?,
            epsilon: self.float("epsilon", EPSILON.into()) as f32,
        };
        trace.norm(self.need(0)?, norm, self.name)
    }

    fn clip(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let mut bounds = [self.float("min", UNBOUNDED[0]), self.float("max", UNBOUNDED[1])];
        for (at, bound) in [1, 2].into_iter().zip(&mut bounds) {
            if let Some(constant) = self.constant(at)? {
                let value = constant.floats(&mut trace.budget)?;
                match value[..] {
                    [value] => *bound = value.into(),
                    _ => return self.opaque(trace, "its bounds are not one number each"),
                }
            }
        }
        trace.clamp(self.need(0)?, bounds, self.name)
    }

    fn pad(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let constant_mode = matches!(self.attribute("mode"), None | Some(Attribute::Text("constant")));
        let zero = match self.constant(2)? {
            Some(value) => value.floats(&mut trace.budget)?.iter().all(|value| *value == 0.0),
            None => self.float("value", 0.0) == 0.0,
        };
        let amounts = self.list_or_input("pads", 1)?.filter(|list| list.len().is_multiple_of(2));
        let Some(amounts) = amounts.filter(|_| constant_mode && zero && self.input(3).is_none()) else {
            return self
                .opaque(trace, "it puts something else than a fixed number of zeros around the image");
        };
        let (before, behind) = amounts.split_at(amounts.len() / 2);
        let pairs: Vec<[i64; 2]> = before.iter().zip(behind).map(|(a, b)| [*a, *b]).collect();
        trace.pad(self.need(0)?, &pairs, self.name)
    }

    fn mean(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let value = self.need(0)?;
        let rank = match value {
            Value::Flow(flow) => flow.axes.len() as i64,
            _ => 0,
        };
        let axes = self.list_or_input("axes", 1)?.unwrap_or_default();
        let places: Option<Vec<usize>> = axes
            .iter()
            .map(|&axis| usize::try_from(if axis < 0 { axis + rank } else { axis }).ok())
            .collect();
        match places {
            Some(places) => trace.mean(value, (&places, self.integer("keepdims", 1) != 0), self.name),
            None => self.opaque(trace, format!("it is a mean over the axes {axes:?}")),
        }
    }

    fn average_pool(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let Some(&[rows, columns]) = self.list("kernel_shape") else {
            return self.opaque(trace, "its window has not two sides");
        };
        if self.border() != Some(Border::Zeros(Pads::default())) {
            return self.opaque(trace, "it pads the image");
        }
        let window = [rows, columns].map(|side| usize::try_from(side).unwrap_or(0));
        self.flow(trace, Kind::AveragePool { window })
    }

    fn gemm(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        if self.integer("transA", 0) != 0 || (self.input(2).is_some() && self.float("beta", 1.0) != 1.0) {
            return self.opaque(trace, "it turns its input around, or scales its bias");
        }
        let dense = Dense {
            kernel: self.need_constant(1)?,
            outputs_first: self.integer("transB", 0) != 0,
            factor: self.float("alpha", 1.0),
            bias: self.constant(2)?,
        };
        trace.dense(self.need(0)?, dense, self.name)
    }

    fn matmul(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        match (self.need(0)?, self.need(1)?) {
            (value @ Value::Flow(_), Value::Constant(kernel)) => {
                let dense = Dense { kernel: kernel.clone(), outputs_first: false, factor: 1.0, bias: None };
                trace.dense(value, dense, self.name)
            }
            _ => self.opaque(trace, "it multiplies two values of the image"),
        }
    }

    fn own_constant(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let constant =
            match (self.attribute("value"), self.attribute("value_float"), self.attribute("value_int")) {
                (Some(Attribute::Tensor(Ok(constant))), ..) => constant.clone(),
                (Some(Attribute::Tensor(Err(reason))), ..) => {
                    return Err(unread(self.name, self.name.node.as_str(), reason));
                }
                (_, Some(Attribute::Float(value)), _) => Constant::of_floats(Vec::new(), &[*value], 0),
                (.., Some(Attribute::Integer(value))) => Constant::of_integers(Vec::new(), &[*value]),
                _ => match self.list("value_ints") {
                    Some(list) => Constant::of_integers(vec![list.len()], list),
                    None => return self.opaque(trace, "a constant of a kind that is not read"),
                },
            };
        Ok(Value::Constant(Rc::new(constant)))
    }

    fn transpose(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let value = self.need(0)?;
        let rank = match value {
            Value::Constant(constant) => constant.shape.len(),
            Value::Flow(flow) => flow.axes.len(),
            Value::Sizes => 0,
        };
        let order: Option<Vec<usize>> = match self.list("perm") {
            Some(list) => list.iter().map(|&axis| usize::try_from(axis).ok()).collect(),
            None => Some((0..rank).rev().collect()),
        };
        match order {
            Some(order) => trace.transpose(value, &order, self.name),
            None => self.opaque(trace, "it turns axes around that the image does not have"),
        }
    }

    fn squeeze(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let axes = self.list_or_input("axes", 1)?;
        match self.need(0)? {
            Value::Constant(constant) => {
                let target: Vec<i64> = match axes {
                    Some(axes) => {
                        let rank = constant.shape.len() as i64;
                        let off =
                            |at: usize| axes.iter().any(|axis| axis.rem_euclid(rank.max(1)) == at as i64);
                        let left = constant.shape.iter().enumerate().filter(|(at, _)| !off(*at));
                        left.map(|(_, &side)| side as i64).collect()
                    }
                    None => {
                        constant.shape.iter().filter(|side| **side != 1).map(|&side| side as i64).collect()
                    }
                };
                trace.reshape(self.need(0)?, Some(&target), self.name)
            }
            Value::Flow(flow) => {
                let rank = flow.axes.len() as i64;
                let off = |(at, axis): (usize, &Axis)| match &axes {
                    Some(axes) => axes.iter().any(|one| one.rem_euclid(rank.max(1)) == at as i64),
                    None => matches!(axis, Axis::H | Axis::W),
                };
                let left: Vec<Axis> =
                    flow.axes.iter().enumerate().filter(|one| !off(*one)).map(|(_, axis)| *axis).collect();
                if !left.contains(&Axis::C) {
                    return self.opaque(trace, "it takes the channels off");
                }
                trace.with_axes(self.need(0)?, left, self.name)
            }
            Value::Sizes => Ok(Value::Sizes),
        }
    }

    fn unsqueeze(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let axes = self.list_or_input("axes", 1)?.unwrap_or_default();
        let value = self.need(0)?;
        let rank = match value {
            Value::Constant(constant) => constant.shape.len(),
            Value::Flow(flow) => flow.axes.len(),
            Value::Sizes => return Ok(Value::Sizes),
        };
        let rank_behind = (rank + axes.len()) as i64;
        let is_new = |at: usize| axes.iter().any(|axis| axis.rem_euclid(rank_behind.max(1)) == at as i64);
        match value {
            Value::Constant(constant) => {
                let mut sides = constant.shape.iter().map(|&side| side as i64);
                let target: Vec<i64> = (0..rank_behind as usize)
                    .map(|at| if is_new(at) { 1 } else { sides.next().unwrap_or(1) })
                    .collect();
                trace.reshape(value, Some(&target), self.name)
            }
            Value::Flow(flow) => {
                // A batch before an image; rows and columns of one pixel behind channels.
                let mut missing =
                    [Axis::N, Axis::H, Axis::W].into_iter().filter(|axis| !flow.axes.contains(axis));
                let mut old = flow.axes.iter().copied();
                let all =
                    (0..rank_behind as usize).map(|at| if is_new(at) { missing.next() } else { old.next() });
                match all.collect::<Option<Vec<Axis>>>() {
                    Some(axes) => trace.with_axes(value, axes, self.name),
                    None => self.opaque(trace, "it gives the image more axes than it has"),
                }
            }
            Value::Sizes => Ok(Value::Sizes),
        }
    }

    fn concat(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        if let Some(list) = self.list_of_constants()? {
            return Ok(Value::Constant(Rc::new(list)));
        }
        let values: Vec<&Value<'a>> = self.inputs.iter().flatten().collect();
        let axis = self.integer("axis", 1);
        let along = values.iter().any(|value| match value {
            Value::Flow(flow) => {
                let at = if axis < 0 { axis + flow.axes.len() as i64 } else { axis };
                usize::try_from(at).ok().and_then(|at| flow.axes.get(at)) == Some(&Axis::C)
            }
            _ => false,
        });
        trace.concat(&values, along, self.name)
    }

    /// A list that is put together from constants alone; `None` if it is another one.
    fn list_of_constants(&self) -> Result<Option<Constant<'a>>, Refusal> {
        let constants: Option<Vec<&Constant<'a>>> = self
            .inputs
            .iter()
            .flatten()
            .map(|value| match value {
                Value::Constant(constant) => Some(&**constant),
                _ => None,
            })
            .collect();
        let Some(constants) = constants else { return Ok(None) };
        match (self.node.op, &constants[..]) {
            ("Concat", _) => lists::joined(&constants, self.integer("axis", 0)),
            ("Gather", [list, indices]) if self.integer("axis", 0) == 0 => lists::gathered(list, indices),
            ("Slice", [list, ..]) => {
                let at = |name: &str, at: usize, default: i64| {
                    let one = self.list_or_input(name, at)?.unwrap_or_else(|| vec![default]);
                    Ok::<_, Refusal>(if one.len() == 1 { Some(one[0]) } else { None })
                };
                match (at("starts", 1, 0)?, at("ends", 2, 0)?, at("axes", 3, 0)?, at("steps", 4, 1)?) {
                    (Some(start), Some(end), Some(0), Some(step)) => lists::sliced(list, [start, end, step]),
                    _ => Ok(None),
                }
            }
            ("ConstantOfShape", [shape]) => match self.attribute("value") {
                Some(Attribute::Tensor(Ok(value))) if value.is_integer() => {
                    lists::filled(shape, value.integers()?.first().copied().unwrap_or(0))
                }
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn quantize(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let value = self.need(0)?;
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
                Ok(Value::Flow(flow.clone()))
            }
            Value::Sizes => Ok(Value::Sizes),
        }
    }
}

/// Two numbers of an attribute; 1 where it is left out, 0 for what is none.
fn pair(list: Option<&[i64]>) -> [usize; 2] {
    match list {
        None => [1, 1],
        Some(&[rows, columns]) => [rows, columns].map(|value| usize::try_from(value).unwrap_or(0)),
        Some(_) => [0, 0],
    }
}
