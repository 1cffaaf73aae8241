//! From the operators of a TFLite graph to steps.
//!
//! An operator may have a ReLU inside, which becomes a step of its own. Bytes between the layers leave no step: what they
//! are rounded to is kept only where it stands for a ReLU6.

use std::rc::Rc;

use super::call::{Call, Stop, Types};
use super::code;
use super::message::{Operator, Tensor, stored};
use super::names;
use crate::traced::{
    Affine, Axis, Binary, Border, Conv, Dense, KernelOrder, Kind, NHWC, NodeName, Pads, Refusal, Trace, Value,
};

/// The values of a graph by the indices of its tensors, while its operators are gone through.
pub(super) struct Values<'t, 'a> {
    tensors: &'t [Tensor<'a>],
    given: Vec<Option<Value<'a>>>,
}

impl<'t, 'a> Values<'t, 'a> {
    pub(super) fn new(tensors: &'t [Tensor<'a>]) -> Self {
        let constant = |tensor: &Tensor<'a>| match &tensor.constant {
            Some(Ok(constant)) => Some(Value::Constant(Rc::new(constant.clone()))),
            _ => None,
        };
        Self { tensors, given: tensors.iter().map(constant).collect() }
    }

    pub(super) fn get(&self, index: i32) -> Option<&Value<'a>> {
        self.given.get(usize::try_from(index).ok()?)?.as_ref()
    }

    pub(super) fn put(&mut self, index: i32, value: Value<'a>) {
        if let Some(place) = usize::try_from(index).ok().and_then(|index| self.given.get_mut(index)) {
            *place = Some(value);
        }
    }

    fn tensor(&self, index: i32) -> Option<&'t Tensor<'a>> {
        self.tensors.get(usize::try_from(index).ok()?)
    }

    /// Goes over an operator: what it gives is a value from then on.
    pub(super) fn run(&mut self, trace: &mut Trace<'a>, operator: &Operator<'a>) -> Result<(), Stop> {
        let first = operator.outputs.first().copied().unwrap_or(-1);
        let op = match operator.code {
            code::CUSTOM => format!("custom {}", operator.custom),
            code => names::name(code),
        };
        let name = NodeName::new(self.tensor(first).map_or("", |tensor| tensor.name), &op);
        let (mut inputs, mut without) = (Vec::new(), None);
        for &index in &operator.inputs {
            let value = match (self.get(index), self.tensor(index)) {
                (Some(value), _) => Some(value.clone()),
                (None, None) if index < 0 => None,
                (None, Some(Tensor { name: constant, constant: Some(Err(reason)), .. })) => {
                    let constant = crate::shown::shown(constant);
                    without = without.or(Some(format!("the constant '{constant}' is not read: {reason}")));
                    None
                }
                _ => {
                    return Err(Refusal::node(
                        &name,
                        format!("it reads tensor {index}, which nothing before it gives"),
                    )
                    .into());
                }
            };
            inputs.push(value);
        }
        let types = Types {
            reads_steps: operator
                .inputs
                .first()
                .and_then(|&index| self.tensor(index))
                .is_some_and(|tensor| tensor.steps.is_some()),
            gives: self.tensor(first).and_then(|tensor| stored(tensor.element)),
        };
        let call =
            Call { code: operator.code, name: &name, inputs: &inputs, options: operator.options, types };
        // Whoever needs what is not read here is refused for this reason; the rest of the graph can do without.
        let mut given = match without {
            Some(reason) => call.opaque(trace, reason)?,
            None => match call.run(trace) {
                Err(Stop::Refusal(Refusal::Node { reason, .. } | Refusal::Graph { reason })) => {
                    call.opaque(trace, reason)?
                }
                given => given?,
            },
        };
        if let Some(tensor) = self.tensor(first) {
            given = rounded(trace, given, tensor);
        }
        for &index in operator.outputs.iter().skip(1) {
            let other = trace.opaque(&[&given], &name, "of what it gives only the first value is read")?;
            self.put(index, other);
        }
        self.put(first, given);
        Ok(())
    }
}

/// Marks what a value is rounded to.
fn rounded<'a>(trace: &mut Trace<'a>, value: Value<'a>, tensor: &Tensor<'a>) -> Value<'a> {
    let range = stored(tensor.element).and_then(crate::traced::Stored::range);
    if let (Some(steps), Some(ends)) = (&tensor.steps, range)
        && let [scale] = steps.scales[..]
    {
        let zero = steps.zeros.first().copied().unwrap_or(0);
        trace.rounded(&value, ends.map(|end| f64::from(scale) * end.saturating_sub(zero) as f64));
    }
    value
}

impl<'a> Call<'_, 'a> {
    fn run(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Stop> {
        match self.code {
            code::CONV_2D => self.convolution(trace),
            code::DEPTHWISE_CONV_2D => self.depthwise(trace),
            code::FULLY_CONNECTED => self.dense(trace),
            code::BATCH_MATMUL => self.matmul(trace),
            code::ADD => self.binary(trace, Binary::Add),
            code::SUB => self.binary(trace, Binary::Sub),
            code::MUL => self.binary(trace, Binary::Mul),
            code::DIV => self.binary(trace, Binary::Div),
            code::MINIMUM => Ok(trace.binary(Binary::Min, [self.need(0)?, self.need(1)?], self.name)?),
            code::MAXIMUM => Ok(trace.binary(Binary::Max, [self.need(0)?, self.need(1)?], self.name)?),
            code::RELU => Ok(trace.clamp(self.need(0)?, [0.0, f64::INFINITY], self.name)?),
            code::RELU6 => Ok(trace.clamp(self.need(0)?, [0.0, 6.0], self.name)?),
            code::PAD | code::PADV2 => self.pad(trace),
            code::MEAN => self.mean(trace),
            code::AVERAGE_POOL_2D => self.average_pool(trace),
            code::SOFTMAX => self.softmax(trace, Kind::Softmax),
            code::LOG_SOFTMAX => self.softmax(trace, Kind::LogSoftmax),
            code::LOGISTIC => self.flow(trace, Kind::Sigmoid),
            // Bytes of real numbers, and real numbers of bytes or halves: the same values.
            code::QUANTIZE | code::DEQUANTIZE => Ok(self.need(0)?.clone()),
            code::CAST => self.cast(trace),
            _ => self.shape(trace),
        }
    }

    /// What an operator gives behind the activation inside it.
    fn activated(&self, trace: &mut Trace<'a>, value: Value<'a>, activation: u8) -> Result<Value<'a>, Stop> {
        match activation {
            0 => Ok(value),
            1 => Ok(trace.clamp(&value, [0.0, f64::INFINITY], self.name)?),
            2 => Ok(trace.clamp(&value, [-1.0, 1.0], self.name)?),
            3 => Ok(trace.clamp(&value, [0.0, 6.0], self.name)?),
            _ => self.opaque(trace, "it has a tanh or a sign inside"),
        }
    }

    fn binary(&self, trace: &mut Trace<'a>, op: Binary) -> Result<Value<'a>, Stop> {
        let value = trace.binary(op, [self.need(0)?, self.need(1)?], self.name)?;
        self.activated(trace, value, self.byte(0)?)
    }

    fn border(&self) -> Result<Border, Stop> {
        match self.byte(0)? {
            0 => Ok(Border::Same),
            1 => Ok(Border::Zeros(Pads::default())),
            other => Err(Refusal::node(self.name, format!("padding of kind {other}")).into()),
        }
    }

    fn convolution(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Stop> {
        let conv = Conv {
            kernel: self.need_constant(1)?,
            order: KernelOrder::OutRowsColumnsIn,
            bias: self.constant(2)?,
            strides: [self.length(2, 0)?, self.length(1, 0)?],
            dilations: [self.length(5, 1)?, self.length(4, 1)?],
            groups: 1,
            border: self.border()?,
        };
        let value = trace.convolution(self.need(0)?, conv, NHWC, self.name)?;
        self.activated(trace, value, self.byte(3)?)
    }

    fn depthwise(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Stop> {
        let kernel = self.need_constant(1)?;
        let channels = kernel.shape.get(3).copied().unwrap_or(0);
        if self.length(3, 0)? > 1 || kernel.shape.first() != Some(&1) {
            return self.opaque(trace, "it makes several channels of each");
        }
        let conv = Conv {
            kernel,
            order: KernelOrder::RowsColumnsChannels,
            bias: self.constant(2)?,
            strides: [self.length(2, 0)?, self.length(1, 0)?],
            dilations: [self.length(6, 1)?, self.length(5, 1)?],
            groups: channels,
            border: self.border()?,
        };
        let value = trace.convolution(self.need(0)?, conv, NHWC, self.name)?;
        self.activated(trace, value, self.byte(4)?)
    }

    fn dense(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Stop> {
        if self.byte(1)? != 0 {
            return self.opaque(trace, "its kernel is in an order of its own");
        }
        let (kernel, bias) = (self.need_constant(1)?, self.constant(2)?);
        let dense = Dense { kernel, outputs_first: true, factor: 1.0, bias };
        let value = trace.dense(self.need(0)?, dense, self.name)?;
        self.activated(trace, value, self.byte(0)?)
    }

    fn matmul(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Stop> {
        if self.byte(0)? != 0 {
            return self.opaque(trace, "it turns its input around");
        }
        let (kernel, outputs_first) = (self.need_constant(1)?, self.byte(1)? != 0);
        let dense = Dense { kernel, outputs_first, factor: 1.0, bias: None };
        Ok(trace.dense(self.need(0)?, dense, self.name)?)
    }

    fn pad(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Stop> {
        let zero = match self.constant(2)? {
            Some(value) => value.floats(&mut trace.budget)?.iter().all(|value| *value == 0.0),
            None => true,
        };
        if !zero {
            return self.opaque(trace, "it puts something else than zeros around the image");
        }
        let amounts = self.need_constant(1)?.integers()?;
        Ok(trace.pad(self.need(0)?, amounts.as_chunks().0, self.name)?)
    }

    fn mean(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Stop> {
        let value = self.need(0)?;
        let rank = match value {
            Value::Flow(flow) => flow.axes.len() as i64,
            _ => 0,
        };
        let axes = self.need_constant(1)?.integers()?;
        let places: Option<Vec<usize>> = axes
            .iter()
            .map(|&axis| usize::try_from(if axis < 0 { axis + rank } else { axis }).ok())
            .collect();
        match places {
            Some(places) => Ok(trace.mean(value, (&places, self.byte(0)? != 0), self.name)?),
            None => self.opaque(trace, format!("it is a mean over the axes {axes:?}")),
        }
    }

    fn average_pool(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Stop> {
        let (window, strides) =
            ([self.length(4, 0)?, self.length(3, 0)?], [self.length(2, 0)?, self.length(1, 0)?]);
        // Over the whole image, `same` adds nothing where there is one window.
        if self.border()? == Border::Same && strides.iter().zip(&window).any(|(stride, side)| stride < side) {
            return self.opaque(trace, "it pads the image");
        }
        let value = self.flow(trace, Kind::AveragePool { window })?;
        self.activated(trace, value, self.byte(5)?)
    }

    fn softmax(&self, trace: &mut Trace<'a>, kind: Kind<'a>) -> Result<Value<'a>, Stop> {
        let Value::Flow(flow) = self.need(0)? else {
            return self.opaque(trace, "it computes with constants");
        };
        if flow.axes.last() != Some(&Axis::C) {
            return self.opaque(trace, "it runs along another axis than the classes");
        }
        let is_plain = matches!(kind, Kind::LogSoftmax);
        let beta = match self.options {
            Some(options) if !is_plain => options.float(0, 0.0)?,
            _ => 1.0,
        };
        if beta == 1.0 {
            return Ok(trace.step(kind, flow, self.name)?);
        }
        let affine = Affine { scale: vec![beta.into()], shift: vec![0.0] };
        match trace.step(Kind::Affine(affine), flow, self.name)? {
            Value::Flow(flow) => Ok(trace.step(kind, &flow, self.name)?),
            other => Ok(other),
        }
    }
}
