//! Operators that compute nothing: they change the shapes and types of values.

use super::call::{Call, Stop};
use super::code;
use crate::traced::{Axis, Trace, Value};

/// The most sides of a shape.
const MAX_SIDES: usize = 64;

impl<'a> Call<'_, 'a> {
    pub(super) fn shape(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Stop> {
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
            _ => self.opaque(trace, "such an operator is not read"),
        }
    }

    /// A value as another type: nothing happens where the type holds it as it is.
    pub(super) fn cast(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Stop> {
        let value = self.need(0)?;
        match (value, self.types.gives) {
            (Value::Flow(_), _) if self.types.reads_steps => {
                self.opaque(trace, "it takes integers for themselves, where they stand for other numbers")
            }
            (Value::Flow(_), Some(to)) if to.is_float() => Ok(value.clone()),
            (Value::Flow(_), _) => self.opaque(trace, "it cuts values down to another type"),
            _ => Ok(value.clone()),
        }
    }
}
