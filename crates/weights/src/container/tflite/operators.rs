//! From the operators of a TFLite graph to steps.
//!
//! An operator may have a ReLU inside, which becomes a step of its own. Bytes between the layers leave no step: what they
//! are rounded to is kept only where it stands for a ReLU6.

use std::rc::Rc;

use super::code;
use super::message::{Operator, Tensor, stored};
use super::names;
use super::table::{Damage, Table};
use crate::traced::{
    Affine, Axis, Binary, Border, Constant, Conv, Dense, KernelOrder, Kind, NHWC, NodeName, Pads, Refusal,
    Trace, Value,
};

/// The most sides of a shape.
const MAX_SIDES: usize = 64;

/// Why a graph is not read.
pub(super) enum Stop {
    Damage(Damage),
    Refusal(Refusal),
}

impl From<Damage> for Stop {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

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
        let mut inputs = Vec::new();
        for &index in &operator.inputs {
            let value = match (self.get(index), self.tensor(index)) {
                (Some(value), _) => Some(value.clone()),
                (None, None) if index < 0 => None,
                (None, Some(Tensor { name: constant, constant: Some(Err(reason)), .. })) => {
                    let constant = crate::shown::shown(constant);
                    let reason = format!("the constant '{constant}' is not read: {reason}");
                    return Err(Refusal::node(&name, reason).into());
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
        let options = operator.options;
        let mut given = Call { code: operator.code, name: &name, inputs: &inputs, options }.run(trace)?;
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

/// An operator with the values that it reads.
struct Call<'c, 'a> {
    code: i32,
    name: &'c NodeName,
    inputs: &'c [Option<Value<'a>>],
    options: Option<Table<'a>>,
}

impl<'a> Call<'_, 'a> {
    fn opaque(&self, trace: &mut Trace<'a>, reason: impl Into<String>) -> Result<Value<'a>, Stop> {
        let inputs: Vec<&Value<'a>> = self.inputs.iter().flatten().collect();
        Ok(trace.opaque(&inputs, self.name, reason)?)
    }

    fn need(&self, at: usize) -> Result<&Value<'a>, Stop> {
        let missing = || Refusal::node(self.name, format!("its input {at} is missing"));
        Ok(self.inputs.get(at).and_then(Option::as_ref).ok_or_else(missing)?)
    }

    /// A constant among the inputs; `None` if it is left out.
    fn constant(&self, at: usize) -> Result<Option<Rc<Constant<'a>>>, Stop> {
        match self.inputs.get(at).and_then(Option::as_ref) {
            None => Ok(None),
            Some(Value::Constant(constant)) => Ok(Some(constant.clone())),
            Some(_) => {
                let told = "is no constant of the file; convert the model from its SavedModel, so that its variables \
                            become constants";
                Err(Refusal::node(self.name, format!("its input {at} {told}")).into())
            }
        }
    }

    fn need_constant(&self, at: usize) -> Result<Rc<Constant<'a>>, Stop> {
        let missing = || Refusal::node(self.name, format!("its input {at} is missing")).into();
        self.constant(at)?.ok_or_else(missing)
    }

    fn byte(&self, field: usize) -> Result<u8, Stop> {
        Ok(self.options.map(|options| options.byte(field, 0)).transpose()?.unwrap_or(0))
    }

    /// A length among the options.
    fn length(&self, field: usize, default: i32) -> Result<usize, Stop> {
        let value = self.options.map(|options| options.int(field, default)).transpose()?;
        Ok(usize::try_from(value.unwrap_or(default)).unwrap_or(0))
    }

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
            code::SOFTMAX => self.softmax(trace),
            code::LOG_SOFTMAX => self.flow(trace, Kind::LogSoftmax),
            code::LOGISTIC => self.flow(trace, Kind::Sigmoid),
            // Bytes of real numbers, and real numbers of bytes or halves: the same values.
            code::QUANTIZE | code::DEQUANTIZE | code::CAST => Ok(self.need(0)?.clone()),
            _ => self.shape(trace),
        }
    }

    /// Operators that compute nothing: they change shapes.
    fn shape(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Stop> {
        match self.code {
            code::RESHAPE => {
                let own =
                    self.options.map(|options| options.ints(0, MAX_SIDES)).transpose()?.unwrap_or_default();
                let target: Option<Vec<i64>> = match self.inputs.get(1).and_then(Option::as_ref) {
                    Some(Value::Constant(constant)) => Some(constant.integers()?),
                    None if !own.is_empty() => Some(own.into_iter().map(i64::from).collect()),
                    _ => None,
                };
                Ok(trace.reshape(self.need(0)?, target.as_deref(), self.name)?)
            }
            code::SQUEEZE => match self.need(0)? {
                Value::Flow(flow) => {
                    let left =
                        flow.axes.iter().copied().filter(|axis| !matches!(axis, Axis::H | Axis::W)).collect();
                    Ok(trace.with_axes(self.need(0)?, left, self.name)?)
                }
                other => Ok(other.clone()),
            },
            code::TRANSPOSE => {
                let order: Option<Vec<usize>> = self
                    .need_constant(1)?
                    .integers()?
                    .into_iter()
                    .map(|axis| usize::try_from(axis).ok())
                    .collect();
                match order {
                    Some(order) => Ok(trace.transpose(self.need(0)?, &order, self.name)?),
                    None => self.opaque(trace, "it turns axes around that the image does not have"),
                }
            }
            code::CONCATENATION => {
                let values: Vec<&Value<'a>> = self.inputs.iter().flatten().collect();
                let axis = self.options.map(|options| options.int(0, 0)).transpose()?.unwrap_or(0);
                let along = values.iter().any(|value| match value {
                    Value::Flow(flow) => {
                        let at = if axis < 0 { axis + flow.axes.len() as i32 } else { axis };
                        usize::try_from(at).ok().and_then(|at| flow.axes.get(at)) == Some(&Axis::C)
                    }
                    _ => false,
                });
                Ok(trace.concat(&values, along, self.name)?)
            }
            code::SHAPE => Ok(Value::Sizes),
            code::STRIDED_SLICE | code::PACK
                if self.inputs.iter().flatten().all(|value| !matches!(value, Value::Flow(_))) =>
            {
                Ok(Value::Sizes)
            }
            _ => self.opaque(trace, "a MobileNetV2 has no such operator"),
        }
    }

    fn flow(&self, trace: &mut Trace<'a>, kind: Kind<'a>) -> Result<Value<'a>, Stop> {
        match self.need(0)? {
            Value::Flow(flow) => Ok(trace.step(kind, flow, self.name)?),
            _ => self.opaque(trace, "it computes with constants"),
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
        let window = [self.length(4, 0)?, self.length(3, 0)?];
        let value = self.flow(trace, Kind::AveragePool { window })?;
        self.activated(trace, value, self.byte(5)?)
    }

    fn softmax(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Stop> {
        let Value::Flow(flow) = self.need(0)? else {
            return self.opaque(trace, "it computes with constants");
        };
        let beta = self.options.map(|options| options.float(0, 0.0)).transpose()?.unwrap_or(1.0);
        if beta == 1.0 {
            return Ok(trace.step(Kind::Softmax, flow, self.name)?);
        }
        let affine = Affine { scale: vec![beta.into()], shift: vec![0.0] };
        match trace.step(Kind::Affine(affine), flow, self.name)? {
            Value::Flow(flow) => Ok(trace.step(Kind::Softmax, &flow, self.name)?),
            other => Ok(other),
        }
    }
}
