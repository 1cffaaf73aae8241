//! The form of a value: the order of its axes, and those of length 1.

use std::rc::Rc;

use super::evaluate::{reshaped, transposed};
use super::refusal::{NodeName, Refusal};
use super::step::{Axis, Flow, NCHW, NHWC, Value};
use super::trace::Trace;

impl<'a> Trace<'a> {
    /// The value with its axes in another order.
    pub(crate) fn transpose(
        &mut self,
        value: &Value<'a>,
        order: &[usize],
        name: &NodeName,
    ) -> Result<Value<'a>, Refusal> {
        match value {
            Value::Constant(constant) => match transposed(constant, order, &mut self.budget)? {
                Some(constant) => Ok(Value::Constant(Rc::new(constant))),
                None => Err(Refusal::node(name, format!("{order:?} is no order of a constant's axes"))),
            },
            Value::Flow(flow) => {
                let axes: Option<Vec<Axis>> = order.iter().map(|&at| flow.axes.get(at).copied()).collect();
                match axes.filter(|axes| axes.len() == flow.axes.len()) {
                    Some(axes) => Ok(Value::Flow(Flow { step: flow.step, axes })),
                    None => self.opaque(&[value], name, "it turns axes around that the image does not have"),
                }
            }
            Value::Sizes => Ok(Value::Sizes),
        }
    }

    /// The value under another shape; `None` for one that follows from the image's size.
    pub(crate) fn reshape(
        &mut self,
        value: &Value<'a>,
        target: Option<&[i64]>,
        name: &NodeName,
    ) -> Result<Value<'a>, Refusal> {
        match (value, target) {
            (Value::Constant(constant), Some(target)) => {
                match reshaped(constant, target, &mut self.budget)? {
                    Some(constant) => Ok(Value::Constant(Rc::new(constant))),
                    None => {
                        let told = format!("a constant of shape {:?} as one of {target:?}", constant.shape);
                        Err(Refusal::node(name, told))
                    }
                }
            }
            (Value::Flow(flow), target) if self.flat[flow.step] => {
                let axes = match target {
                    None | Some([_, _]) => vec![Axis::N, Axis::C],
                    Some([_]) => vec![Axis::C],
                    Some([_, 1, _]) => vec![Axis::N, Axis::H, Axis::C],
                    Some([_, _, 1]) => vec![Axis::N, Axis::C, Axis::H],
                    Some([_, 1, 1, _]) => NHWC.to_vec(),
                    Some([_, _, 1, 1]) => NCHW.to_vec(),
                    _ => return self.opaque(&[value], name, "it makes rows and columns of channels"),
                };
                let at = axes.iter().position(|axis| *axis == Axis::C).unwrap_or(0);
                if let Some(target) = target.filter(|target| !self.keeps_channels(flow, target, at)) {
                    let told = format!("it gives {} channels the shape {target:?}", self.channels[flow.step]);
                    return self.opaque(&[value], name, told);
                }
                Ok(Value::Flow(Flow { step: flow.step, axes }))
            }
            (Value::Sizes, _) => Ok(Value::Sizes),
            _ => self.opaque(&[value], name, "it puts rows, columns and channels into one"),
        }
    }

    /// The value without axes of length 1, or with such axes put in at these places of the result.
    pub(crate) fn with_axes(
        &mut self,
        value: &Value<'a>,
        axes: Vec<Axis>,
        name: &NodeName,
    ) -> Result<Value<'a>, Refusal> {
        match value {
            Value::Flow(flow) if self.flat[flow.step] || axes.len() > flow.axes.len() => {
                Ok(Value::Flow(Flow { step: flow.step, axes }))
            }
            _ => self.opaque(&[value], name, "it takes rows or columns off an image"),
        }
    }

    /// Whether a shape whose axis `at` is to be the channels leaves those of each image together.
    fn keeps_channels(&self, flow: &Flow, target: &[i64], at: usize) -> bool {
        let (channels, images) = (self.channels[flow.step] as i64, self.batch.unwrap_or(1) as i64);
        match (target.get(at), target.first()) {
            // The rest of what the axes before leave.
            (Some(-1), Some(&first)) => at == 0 || first == 0 || first == images,
            (Some(0), _) => flow.axes.get(at) == Some(&Axis::C),
            (Some(&side), _) => channels == 0 || side == channels,
            (None, _) => false,
        }
    }
}
