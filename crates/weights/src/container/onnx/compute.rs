//! Operators that compute.

use super::call::Call;
use super::integers;
use super::message::Attribute;
use crate::traced::{
    Axis, Binary, Border, Conv, Dense, KernelOrder, Kind, NCHW, Norm, Pads, Refusal, Trace, Value,
};

/// The epsilon of a BatchNorm that states none.
const EPSILON: f32 = 1e-5;
/// What a bound that is left out stands for.
const UNBOUNDED: [f64; 2] = [f64::NEG_INFINITY, f64::INFINITY];

impl<'a> Call<'_, 'a> {
    /// A softmax, which must be over the channels.
    pub(super) fn along_channels(&self, trace: &mut Trace<'a>, kind: Kind<'a>) -> Result<Value<'a>, Refusal> {
        let Value::Flow(flow) = self.need(0)? else {
            return self.opaque(trace, "it computes with constants");
        };
        let axis = self.integer("axis", if self.facts.opset < 13 { 1 } else { -1 });
        let at = if axis < 0 { axis + flow.axes.len() as i64 } else { axis };
        let over = usize::try_from(at).ok().and_then(|at| flow.axes.get(at));
        if over != Some(&Axis::C) {
            return self.opaque(trace, format!("it runs along axis {axis}, which is not the classes"));
        }
        self.flow(trace, kind)
    }

    pub(super) fn binary(&self, trace: &mut Trace<'a>, op: Binary) -> Result<Value<'a>, Refusal> {
        match self.inputs {
            [Some(a), Some(b)] => trace.binary(op, [a, b], self.name),
            [Some(one)] => Ok(one.clone()),
            _ => self.opaque(trace, "it has not two inputs"),
        }
    }

    pub(super) fn conv_settings(&self) -> integers::ConvSettings {
        integers::ConvSettings {
            strides: pair(self.list("strides")),
            dilations: pair(self.list("dilations")),
            groups: usize::try_from(self.integer("group", 1)).unwrap_or(0),
            border: self.border(),
        }
    }

    pub(super) fn convolution(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
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
    pub(super) fn border(&self) -> Option<Border> {
        match self.attribute("auto_pad") {
            Some(Attribute::Text("SAME_UPPER")) => return Some(Border::Same),
            // Which runtimes read in two ways.
            Some(Attribute::Text("VALID"))
                if self.list("pads").is_some_and(|pads| pads.iter().any(|pad| *pad != 0)) =>
            {
                return None;
            }
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

    pub(super) fn batch_norm(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        // Before version 7 a node says that it is not in training.
        let is_test = !(1..7).contains(&self.facts.opset) || self.integer("is_test", 0) != 0;
        if self.integer("training_mode", 0) != 0 || !is_test {
            return self.opaque(trace, "it is in training; export the net in evaluation mode");
        }
        if self.integer("spatial", 1) == 0 {
            return self.opaque(trace, "it has statistics for each pixel");
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

    pub(super) fn clip(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
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

    pub(super) fn pad(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let constant_mode = matches!(self.attribute("mode"), None | Some(Attribute::Text("constant")));
        let zero = match self.constant(2)? {
            Some(value) => value.floats(&mut trace.budget)?.iter().all(|value| *value == 0.0),
            None => self.float("value", 0.0) == 0.0,
        };
        let amounts = self.list_or_input("pads", 1)?.filter(|list| list.len().is_multiple_of(2));
        let axes = self.list_or_input("axes", 3)?.filter(|_| self.input(3).is_some());
        let Some(amounts) =
            amounts.filter(|_| constant_mode && zero && axes.is_some() == self.input(3).is_some())
        else {
            return self
                .opaque(trace, "it puts something else than a fixed number of zeros around the image");
        };
        let (before, behind) = amounts.split_at(amounts.len() / 2);
        let pairs: Vec<[i64; 2]> = before.iter().zip(behind).map(|(a, b)| [*a, *b]).collect();
        match axes {
            None => trace.pad(self.need(0)?, &pairs, self.name),
            Some(axes) => match self.of_all_axes(&axes, &pairs)? {
                Some(pairs) => trace.pad(self.need(0)?, &pairs, self.name),
                None => self.opaque(trace, format!("it pads the axes {axes:?}")),
            },
        }
    }

    /// What is put around all axes of the first input, where it is stated for some; `None` if they are not its own.
    fn of_all_axes(&self, axes: &[i64], pairs: &[[i64; 2]]) -> Result<Option<Vec<[i64; 2]>>, Refusal> {
        let Value::Flow(flow) = self.need(0)? else { return Ok(None) };
        let mut all = vec![[0; 2]; flow.axes.len()];
        for (&axis, &pair) in axes.iter().zip(pairs) {
            let axis = if axis < 0 { axis + all.len() as i64 } else { axis };
            match usize::try_from(axis).ok().and_then(|axis| all.get_mut(axis)) {
                Some(place) if *place == [0; 2] => *place = pair,
                _ => return Ok(None),
            }
        }
        Ok((axes.len() == pairs.len()).then_some(all))
    }

    pub(super) fn mean(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
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

    pub(super) fn average_pool(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let Some(&[rows, columns]) = self.list("kernel_shape") else {
            return self.opaque(trace, "its window has not two sides");
        };
        if self.border() != Some(Border::Zeros(Pads::default())) {
            return self.opaque(trace, "it pads the image");
        }
        if pair(self.list("dilations")) != [1, 1] {
            return self.opaque(trace, "its window is dilated");
        }
        let window = [rows, columns].map(|side| usize::try_from(side).unwrap_or(0));
        self.flow(trace, Kind::AveragePool { window })
    }

    pub(super) fn gemm(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        if !matches!(self.need(1)?, Value::Constant(_)) {
            return self.opaque(trace, "it multiplies two values of the image");
        }
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

    pub(super) fn matmul(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        match (self.need(0)?, self.need(1)?) {
            (value @ Value::Flow(_), Value::Constant(kernel)) => {
                let dense = Dense { kernel: kernel.clone(), outputs_first: false, factor: 1.0, bias: None };
                trace.dense(value, dense, self.name)
            }
            _ => self.opaque(trace, "it multiplies two values of the image"),
        }
    }

    pub(super) fn quantized_settings(&self) -> integers::Settings {
        integers::Settings {
            conv: self.conv_settings(),
            outputs_first: self.integer("transB", 0) != 0,
            turns_input: self.integer("transA", 0) != 0,
            factor: self.float("alpha", 1.0),
            channels_last: self.integer("channels_last", 0) != 0,
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
