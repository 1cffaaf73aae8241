//! Integers of an ONNX graph: what they stand for, and the operators that compute with them.
//!
//! Between the layers a file may have bytes. What they are rounded to is kept only where it stands for a ReLU6; the
//! constants become the real numbers that they stand for.

use std::rc::Rc;

use crate::traced::{
    Border, Constant, Conv, Dense, KernelOrder, Kind, NCHW, NHWC, NodeName, Refusal, Steps, Trace, Value,
};

/// Settings of a convolution.
pub(super) struct ConvSettings {
    pub(super) strides: [usize; 2],
    pub(super) dilations: [usize; 2],
    pub(super) groups: usize,
    /// `None` for a rule of padding that is not read.
    pub(super) border: Option<Border>,
}

/// Settings of the operators on integers.
pub(super) struct Settings {
    pub(super) conv: ConvSettings,
    pub(super) outputs_first: bool,
    /// Whether its first input is turned around.
    pub(super) turns_input: bool,
    pub(super) factor: f64,
    pub(super) channels_last: bool,
}

/// What the ends of bytes of this scale and zero stand for; `None` for a scale for each channel, or no bytes.
pub(super) fn range(
    scale: Option<&Constant<'_>>,
    zero: Option<&Constant<'_>>,
    trace: &mut Trace<'_>,
) -> Result<Option<[f64; 2]>, Refusal> {
    let Some(scale) = scale.filter(|scale| scale.len() == 1) else { return Ok(None) };
    let ends = zero.map_or(Some([0, 255]), |zero| zero.stored.range());
    let zeros = zero.map(Constant::integers).transpose()?;
    let zero = zeros.map_or(Some(0), |list| list.first().copied());
    let (scale, Some(ends), Some(zero)) = (scale.floats(&mut trace.budget)?, ends, zero) else {
        return Ok(None);
    };
    Ok(scale.first().map(|&scale| ends.map(|end| f64::from(scale) * (end - zero) as f64)))
}

/// The constant as what its integers stand for; `None` if the scales do not fit it.
pub(super) fn real<'a>(
    constant: &Constant<'a>,
    scale: &Constant<'_>,
    zero: Option<&Constant<'_>>,
    axis: i64,
    trace: &mut Trace<'a>,
) -> Result<Option<Constant<'a>>, Refusal> {
    let rank = constant.shape.len() as i64;
    let axis = usize::try_from(if axis < 0 { axis + rank } else { axis }).unwrap_or(usize::MAX);
    let one = scale.len() == 1;
    let fits = one || (scale.shape.len() == 1 && constant.shape.get(axis) == Some(&scale.len()));
    let scales = scale.floats(&mut trace.budget)?;
    let zeros = zero.map(Constant::integers).transpose()?.unwrap_or_default();
    let zeros_fit = zeros.len() <= 1 || zeros.len() == scales.len();
    if !fits || !zeros_fit || constant.stored.is_float() || constant.steps.is_some() {
        return Ok(None);
    }
    trace.budget.take(constant.len())?;
    let steps = Steps { scales, zeros, axis: if one { 0 } else { axis } };
    Ok(Some(Constant { steps: Some(steps), ..constant.clone() }))
}

/// Whether a value is the graph's input as its bytes, not yet rounded to any.
pub(super) fn is_bytes(flow: &crate::traced::Flow, trace: &Trace<'_>) -> bool {
    matches!(trace.steps[flow.step].kind, Kind::Input) && trace.ranges(flow.step).is_empty()
}

/// Why bytes are not read that another scale belongs to.
pub(super) const OTHER_SCALE: &str = "it reads bytes by another scale or zero than they were written with";

/// Whether the scale and the zero behind the first of these inputs are some by which the value was rounded.
pub(super) fn reads_as_written<'a>(
    inputs: &[Option<Value<'a>>],
    flow: &crate::traced::Flow,
    trace: &mut Trace<'a>,
) -> Result<bool, Refusal> {
    let constant = |at: usize| match inputs.get(at) {
        Some(Some(Value::Constant(constant))) => Some(constant.clone()),
        _ => None,
    };
    let Some([from, to]) = range(constant(1).as_deref(), constant(2).as_deref(), trace)? else {
        return Ok(false);
    };
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * (to - from).abs();
    Ok(trace.ranges(flow.step).iter().any(|[low, high]| near(*low, from) && near(*high, to)))
}

/// What the bytes of the graph's input stand for.
pub(super) fn real_input<'a>(
    inputs: &[Option<Value<'a>>],
    flow: &crate::traced::Flow,
    trace: &mut Trace<'a>,
    name: &NodeName,
) -> Result<Value<'a>, Refusal> {
    let number = |at: usize| match inputs.get(at) {
        Some(Some(Value::Constant(constant))) => constant.scalar(),
        Some(None) | None => Some(0.0),
        _ => None,
    };
    match (number(1), number(2)) {
        (Some(scale), Some(zero)) => {
            let affine = crate::traced::Affine { scale: vec![scale], shift: vec![-scale * zero] };
            trace.step(Kind::Affine(affine), flow, name)
        }
        _ => {
            trace.opaque(&[&Value::Flow(flow.clone())], name, "it has a scale for each channel of the input")
        }
    }
}

/// An operator on integers, with its inputs in the order of its format.
struct Quantized<'c, 'a> {
    inputs: &'c [Option<Value<'a>>],
    name: &'c NodeName,
}

/// Goes over an operator that computes with integers alone.
pub(super) fn run<'a>(
    op: &str,
    inputs: &[Option<Value<'a>>],
    settings: &Settings,
    trace: &mut Trace<'a>,
    name: &NodeName,
) -> Result<Value<'a>, Refusal> {
    let call = Quantized { inputs, name };
    match op {
        "QLinearConv" => call.convolution(&settings.conv, trace),
        "QLinearAdd" => {
            let (a, b) = (call.flow(0, trace)?, call.flow(3, trace)?);
            let sum = trace.binary(crate::traced::Binary::Add, [&a, &b], name)?;
            call.rounded(sum, 6, trace)
        }
        "QLinearGlobalAveragePool" => {
            let image = call.flow(0, trace)?;
            let axes = if settings.channels_last { &NHWC } else { &NCHW };
            let matches = matches!(&image, Value::Flow(flow) if flow.axes == axes);
            let places: &[usize] = if settings.channels_last { &[1, 2] } else { &[2, 3] };
            let mean = match matches {
                true => trace.mean(&image, (places, true), name)?,
                false => trace.opaque(&[&image], name, "its axes are in another order")?,
            };
            call.rounded(mean, 3, trace)
        }
        "QGemm" if settings.turns_input => {
            let image = call.flow(0, trace)?;
            trace.opaque(&[&image], name, "it turns its input around")
        }
        "QGemm" => {
            let kernel = call.kernel(3, if settings.outputs_first { 0 } else { 1 }, trace)?;
            let bias = call.bias(6, (&kernel, settings.factor), trace)?;
            let kernel = Rc::new(kernel);
            let dense =
                Dense { kernel, outputs_first: settings.outputs_first, factor: settings.factor, bias };
            let value = call.flow(0, trace)?;
            let logits = trace.dense(&value, dense, name)?;
            call.rounded(logits, 7, trace)
        }
        _ => {
            let kernel = Rc::new(call.kernel(3, 1, trace)?);
            let dense = Dense { kernel, outputs_first: false, factor: 1.0, bias: None };
            let value = call.flow(0, trace)?;
            let logits = trace.dense(&value, dense, name)?;
            call.rounded(logits, 6, trace)
        }
    }
}

impl<'a> Quantized<'_, 'a> {
    fn refuse(&self, reason: impl Into<String>) -> Refusal {
        Refusal::node(self.name, reason)
    }

    fn constant(&self, at: usize) -> Result<Rc<Constant<'a>>, Refusal> {
        match self.inputs.get(at) {
            Some(Some(Value::Constant(constant))) => Ok(constant.clone()),
            _ => Err(self.refuse(format!("its input {at} is no constant"))),
        }
    }

    /// A value that it reads, whose scale and zero stand behind it.
    fn flow(&self, at: usize, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        match self.inputs.get(at) {
            Some(Some(Value::Flow(flow))) if is_bytes(flow, trace) => {
                real_input(&self.inputs[at..], flow, trace, self.name)
            }
            Some(Some(value @ Value::Flow(flow))) => match reads_as_written(&self.inputs[at..], flow, trace)?
            {
                true => Ok(value.clone()),
                false => trace.opaque(&[value], self.name, OTHER_SCALE),
            },
            Some(Some(Value::Constant(_))) => Ok(Value::Constant(Rc::new(self.kernel(at, 0, trace)?))),
            Some(Some(value)) => Ok(value.clone()),
            _ => Err(self.refuse(format!("its input {at} is missing"))),
        }
    }

    /// A constant as what it stands for, by the scale and zero behind it.
    fn kernel(&self, at: usize, axis: i64, trace: &mut Trace<'a>) -> Result<Constant<'a>, Refusal> {
        let (kernel, scale) = (self.constant(at)?, self.constant(at + 1)?);
        let zero = match self.inputs.get(at + 2) {
            Some(Some(Value::Constant(zero))) => Some(zero.clone()),
            _ => None,
        };
        let real = real(&kernel, &scale, zero.as_deref(), axis, trace)?;
        real.ok_or_else(|| self.refuse("its scales do not fit its kernel"))
    }

    /// A bias of integers, whose scales are those of the input and of the kernel and a factor of the products multiplied.
    fn bias(
        &self,
        at: usize,
        (kernel, factor): (&Constant<'a>, f64),
        trace: &mut Trace<'a>,
    ) -> Result<Option<Rc<Constant<'a>>>, Refusal> {
        let Some(Some(Value::Constant(bias))) = self.inputs.get(at) else { return Ok(None) };
        let input = self.constant(1)?.floats(&mut trace.budget)?;
        let of_kernel = kernel.steps.as_ref().map(|steps| steps.scales.as_slice()).unwrap_or_default();
        let input = (f64::from(*input.first().unwrap_or(&1.0)) * factor) as f32;
        let scales: Vec<f32> = of_kernel.iter().map(|scale| scale * input).collect();
        let scale = Constant::of_floats(vec![scales.len()], &scales, kernel.offset);
        let real = real(bias, &scale, None, 0, trace)?;
        real.map(|bias| Some(Rc::new(bias))).ok_or_else(|| self.refuse("its bias does not fit its kernel"))
    }

    fn rounded(&self, value: Value<'a>, at: usize, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let zero = match self.inputs.get(at + 1) {
            Some(Some(Value::Constant(zero))) => Some(zero.clone()),
            _ => None,
        };
        if let Some(ends) = range(Some(&*self.constant(at)?), zero.as_deref(), trace)? {
            trace.rounded(&value, ends);
        }
        Ok(value)
    }

    fn convolution(&self, settings: &ConvSettings, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let border = settings.border.ok_or_else(|| self.refuse("padding that is not read"))?;
        let kernel = self.kernel(3, 0, trace)?;
        let bias = self.bias(8, (&kernel, 1.0), trace)?;
        let conv = Conv {
            kernel: Rc::new(kernel),
            order: KernelOrder::OutInRowsColumns,
            bias,
            strides: settings.strides,
            dilations: settings.dilations,
            groups: settings.groups,
            border,
        };
        let image = self.flow(0, trace)?;
        let given = trace.convolution(&image, conv, NCHW, self.name)?;
        self.rounded(given, 6, trace)
    }
}
