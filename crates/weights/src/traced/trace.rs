//! The steps of a graph as they are found, operator by operator, whichever format it came in.
//!
//! A reader of a format calls one method for each operator, in an order in which they can run, and gets the value back
//! that it gives. What only turns axes around, or only moves numbers into other types, leaves no step: it is kept in the
//! order of the axes by which a value is seen. Constants are computed at once.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::constant::Constant;
use super::evaluate::{Binary, combined, per_channel};
use super::refusal::{Budget, NodeName, Refusal};
use super::step::{Affine, Axis, Conv, Dense, Flow, Kind, Norm, Pads, Step, Value};

/// The most steps of a graph: hundreds of nets.
const MAX_STEPS: usize = 1 << 15;

/// The steps of a graph.
#[derive(Debug)]
pub(crate) struct Trace<'a> {
    pub(crate) steps: Vec<Step<'a>>,
    /// Whether what a step gives has one value for each channel, no rows and columns any more.
    pub(super) flat: Vec<bool>,
    /// How many channels a step gives; 0 where nothing before it tells.
    pub(super) channels: Vec<usize>,
    /// How many images the graph reads at once; `None` for any number.
    pub(super) batch: Option<usize>,
    /// The smallest and the largest value that the bytes hold which a step's output is rounded to, once for each time that
    /// it is.
    bounds: BTreeMap<usize, Vec<[f64; 2]>>,
    /// The steps that give the graph's outputs.
    pub(crate) outputs: Vec<usize>,
    pub(crate) budget: Budget,
}

impl<'a> Trace<'a> {
    /// No steps yet, of a file of so many bytes.
    pub(crate) fn of_file(bytes: usize) -> Self {
        Self {
            steps: Vec::new(),
            flat: Vec::new(),
            channels: Vec::new(),
            batch: None,
            bounds: BTreeMap::new(),
            outputs: Vec::new(),
            budget: Budget::of_file(bytes),
        }
    }

    /// The graph's input of `batch` images, with its axes in this order.
    pub(crate) fn input(
        &mut self,
        name: &NodeName,
        axes: &[Axis],
        batch: Option<usize>,
    ) -> Result<Value<'a>, Refusal> {
        self.batch = batch;
        let step = self.push(Kind::Input, Vec::new(), name)?;
        Ok(Value::Flow(Flow { step, axes: axes.to_vec() }))
    }

    fn push(&mut self, kind: Kind<'a>, inputs: Vec<usize>, name: &NodeName) -> Result<usize, Refusal> {
        if self.steps.len() >= MAX_STEPS {
            let (got, limit) = (self.steps.len() as u64 + 1, MAX_STEPS as u64);
            return Err(Refusal::Limit { what: "operators or more", got, limit });
        }
        let before = inputs.first().is_some_and(|&input| self.flat[input]);
        self.flat.push(before || matches!(kind, Kind::Mean | Kind::AveragePool { .. } | Kind::Dense(_)));
        self.channels.push(match &kind {
            Kind::Conv(conv) => conv.outputs(),
            Kind::Dense(dense) => dense.outputs(),
            Kind::Concat => 0,
            _ => inputs.first().map_or(0, |&input| self.channels[input]),
        });
        self.steps.push(Step { kind, inputs, name: name.clone() });
        Ok(self.steps.len() - 1)
    }

    /// A step that reads one flow and gives another with the same axes.
    pub(crate) fn step(
        &mut self,
        kind: Kind<'a>,
        from: &Flow,
        name: &NodeName,
    ) -> Result<Value<'a>, Refusal> {
        let step = self.push(kind, vec![from.step], name)?;
        Ok(Value::Flow(Flow { step, axes: from.axes.clone() }))
    }

    /// What an operator gives that is not read; whatever needs it will be refused by its name.
    pub(crate) fn opaque(
        &mut self,
        inputs: &[&Value<'a>],
        name: &NodeName,
        reason: impl Into<String>,
    ) -> Result<Value<'a>, Refusal> {
        let flows = inputs.iter().filter_map(|value| match value {
            Value::Flow(flow) => Some(flow.step),
            _ => None,
        });
        let step = self.push(Kind::Opaque { reason: reason.into() }, flows.collect(), name)?;
        Ok(Value::Flow(Flow { step, axes: Vec::new() }))
    }

    /// A convolution of an image whose axes must be `axes`.
    pub(crate) fn convolution(
        &mut self,
        image: &Value<'a>,
        conv: Conv<'a>,
        axes: [Axis; 4],
        name: &NodeName,
    ) -> Result<Value<'a>, Refusal> {
        let outputs = conv.outputs();
        let whole = conv.kernel.shape.len() == 4
            && conv.bias.as_ref().is_none_or(|bias| bias.len() == outputs)
            && conv.groups > 0
            && outputs > 0;
        if let Some(reason) = scaleless(&conv.kernel, conv.bias.as_deref()) {
            return self.opaque(&[image], name, reason);
        }
        match image {
            Value::Flow(flow) if flow.axes == axes && whole => self.step(Kind::Conv(conv), flow, name),
            Value::Flow(_) if !whole => {
                let reason =
                    format!("a kernel of shape {:?}, or a bias that does not fit it", conv.kernel.shape);
                Err(Refusal::node(name, reason))
            }
            _ => self.opaque(&[image], name, "it reads what is no image with its axes in the usual order"),
        }
    }

    /// BatchNorm along the channels.
    pub(crate) fn norm(
        &mut self,
        image: &Value<'a>,
        norm: Norm<'a>,
        name: &NodeName,
    ) -> Result<Value<'a>, Refusal> {
        match image {
            Value::Flow(flow) if flow.axes.get(1) == Some(&Axis::C) => {
                self.step(Kind::Norm(norm), flow, name)
            }
            _ => self.opaque(&[image], name, "its second axis is not the channels"),
        }
    }

    /// Values between two bounds.
    pub(crate) fn clamp(
        &mut self,
        value: &Value<'a>,
        [low, high]: [f64; 2],
        name: &NodeName,
    ) -> Result<Value<'a>, Refusal> {
        match value {
            Value::Flow(flow) => self.step(Kind::Clamp { low, high }, flow, name),
            other => self.opaque(&[other], name, "it clamps constants"),
        }
    }

    /// Two values, element by element.
    pub(crate) fn binary(
        &mut self,
        op: Binary,
        [a, b]: [&Value<'a>; 2],
        name: &NodeName,
    ) -> Result<Value<'a>, Refusal> {
        match (a, b) {
            (Value::Constant(left), Value::Constant(right)) => {
                match combined(op, left, right, &mut self.budget)? {
                    Some(constant) => Ok(Value::Constant(Rc::new(constant))),
                    None => self.opaque(&[], name, "it makes a large constant of small ones"),
                }
            }
            (Value::Flow(x), Value::Flow(y)) if op == Binary::Add && x.axes == y.axes => {
                let step = self.push(Kind::Add, vec![x.step, y.step], name)?;
                Ok(Value::Flow(Flow { step, axes: x.axes.clone() }))
            }
            (Value::Flow(flow), Value::Constant(constant)) => self.with_constant(op, flow, constant, name),
            (Value::Constant(constant), Value::Flow(flow)) => match op {
                Binary::Div => self.opaque(&[b], name, "it divides a constant by a value"),
                Binary::Sub => {
                    let minus = Affine { scale: vec![-1.0], shift: vec![0.0] };
                    match self.step(Kind::Affine(minus), flow, name)? {
                        Value::Flow(flow) => self.with_constant(Binary::Add, &flow, constant, name),
                        other => Ok(other),
                    }
                }
                _ => self.with_constant(op, flow, constant, name),
            },
            (Value::Sizes, Value::Flow(_)) | (Value::Flow(_), Value::Sizes) => {
                self.opaque(&[a, b], name, "it computes with the size of the image")
            }
            (Value::Sizes, _) | (_, Value::Sizes) => Ok(Value::Sizes),
            (Value::Flow(_), Value::Flow(_)) => {
                self.opaque(&[a, b], name, "it combines two values of the image")
            }
        }
    }

    fn with_constant(
        &mut self,
        op: Binary,
        flow: &Flow,
        constant: &Constant<'a>,
        name: &NodeName,
    ) -> Result<Value<'a>, Refusal> {
        let value = Value::Flow(flow.clone());
        let Some(list) = per_channel(constant, &flow.axes, &mut self.budget)? else {
            return self.opaque(
                &[&value],
                name,
                format!("a constant of shape {:?} is no number for each channel", constant.shape),
            );
        };
        let affine = |scale, shift| Kind::Affine(Affine { scale, shift });
        let kind = match (op, list.as_slice()) {
            (Binary::Add, _) => affine(vec![1.0], list),
            (Binary::Sub, _) => affine(vec![1.0], list.iter().map(|value| -value).collect()),
            (Binary::Mul, _) => affine(list, vec![0.0]),
            (Binary::Div, _) => affine(list.iter().map(|value| 1.0 / value).collect(), vec![0.0]),
            (Binary::Min, [high]) => Kind::Clamp { low: f64::NEG_INFINITY, high: *high },
            (Binary::Max, [low]) => Kind::Clamp { low: *low, high: f64::INFINITY },
            _ => return self.opaque(&[&value], name, "it has a bound for each channel"),
        };
        self.step(kind, flow, name)
    }

    /// A dense layer on a value with one number for each channel.
    pub(crate) fn dense(
        &mut self,
        value: &Value<'a>,
        dense: Dense<'a>,
        name: &NodeName,
    ) -> Result<Value<'a>, Refusal> {
        if dense.kernel.shape.len() != 2 {
            return self.opaque(&[value], name, format!("a kernel of shape {:?}", dense.kernel.shape));
        }
        if let Some(reason) = scaleless(&dense.kernel, dense.bias.as_deref()) {
            return self.opaque(&[value], name, reason);
        }
        match value {
            Value::Flow(flow) if flow.axes.last() == Some(&Axis::C) && self.flat[flow.step] => {
                self.step(Kind::Dense(dense), flow, name)
            }
            _ => {
                let told = format!(
                    "a dense layer of shape {:?} on what is no mean over the image: it has rows and columns",
                    dense.kernel.shape
                );
                self.opaque(&[value], name, told)
            }
        }
    }

    /// The mean over the axes at these places.
    pub(crate) fn mean(
        &mut self,
        value: &Value<'a>,
        (places, keep): (&[usize], bool),
        name: &NodeName,
    ) -> Result<Value<'a>, Refusal> {
        let Value::Flow(flow) = value else {
            return self.opaque(&[value], name, "it is the mean of a constant");
        };
        let over: Vec<Option<&Axis>> = places.iter().map(|&place| flow.axes.get(place)).collect();
        let left = flow.axes.iter().filter(|axis| keep || !over.contains(&Some(*axis))).copied().collect();
        if let [Some(&axis @ (Axis::H | Axis::W))] = over[..] {
            // Over columns, then over rows: together over both.
            let step = match &self.steps[flow.step] {
                Step { kind: Kind::MeanOver(first), inputs, .. } if *first != axis => {
                    self.push(Kind::Mean, inputs.clone(), name)?
                }
                _ => self.push(Kind::MeanOver(axis), vec![flow.step], name)?,
            };
            return Ok(Value::Flow(Flow { step, axes: left }));
        }
        if over.len() != 2 || !over.contains(&Some(&Axis::H)) || !over.contains(&Some(&Axis::W)) {
            return self.opaque(&[value], name, "it is a mean over other axes than rows and columns");
        }
        let step = self.push(Kind::Mean, vec![flow.step], name)?;
        Ok(Value::Flow(Flow { step, axes: left }))
    }

    /// Zeros around an image: how many before and behind each axis, in the order of its axes.
    pub(crate) fn pad(
        &mut self,
        value: &Value<'a>,
        amounts: &[[i64; 2]],
        name: &NodeName,
    ) -> Result<Value<'a>, Refusal> {
        let Value::Flow(flow) = value else { return self.opaque(&[value], name, "it pads a constant") };
        let mut pads = Pads::default();
        for (axis, &[before, behind]) in flow.axes.iter().zip(amounts) {
            let (Ok(before), Ok(behind)) = (u16::try_from(before), u16::try_from(behind)) else {
                return self.opaque(&[value], name, format!("it pads by {before} and {behind}"));
            };
            match axis {
                Axis::H => (pads.top, pads.bottom) = (before.into(), behind.into()),
                Axis::W => (pads.left, pads.right) = (before.into(), behind.into()),
                _ if before == 0 && behind == 0 => {}
                _ => return self.opaque(&[value], name, "it pads channels"),
            }
        }
        if amounts.len() != flow.axes.len() {
            return self.opaque(&[value], name, "it pads other axes than the image has");
        }
        self.step(Kind::Pad(pads), flow, name)
    }

    /// Marks what a value is rounded to: no step, but a bound that may stand for a clamp.
    pub(crate) fn rounded(&mut self, value: &Value<'a>, range: [f64; 2]) {
        if let Value::Flow(flow) = value {
            self.bounds.entry(flow.step).or_default().push(range);
        }
    }

    /// The smallest and the largest value of each kind of bytes that a step's output is rounded to.
    pub(crate) fn ranges(&self, step: usize) -> &[[f64; 2]] {
        self.bounds.get(&step).map_or(&[], Vec::as_slice)
    }

    /// Values one behind the other.
    pub(crate) fn concat(
        &mut self,
        values: &[&Value<'a>],
        along_channels: bool,
        name: &NodeName,
    ) -> Result<Value<'a>, Refusal> {
        let flows: Vec<&Flow> = values
            .iter()
            .filter_map(|value| match value {
                Value::Flow(flow) => Some(flow),
                _ => None,
            })
            .collect();
        match flows.first() {
            Some(first) if along_channels && flows.len() == values.len() => {
                let step = self.push(Kind::Concat, flows.iter().map(|flow| flow.step).collect(), name)?;
                Ok(Value::Flow(Flow { step, axes: first.axes.clone() }))
            }
            Some(_) => self.opaque(values, name, "it joins values along another axis than the channels"),
            None => Ok(Value::Sizes),
        }
    }
}

/// Why numbers of a layer cannot be had: whole ones stand for nothing without a scale.
fn scaleless(kernel: &Constant<'_>, bias: Option<&Constant<'_>>) -> Option<&'static str> {
    match (kernel.is_integer(), bias.is_some_and(Constant::is_integer)) {
        (true, _) => Some("its kernel is of whole numbers, and the file states no scale for them"),
        (_, true) => Some("its bias is of whole numbers, and the file states no scale for them"),
        _ => None,
    }
}
