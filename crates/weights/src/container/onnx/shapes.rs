//! Operators that compute nothing: they change the shapes of values, or put lists together from constants.

use std::rc::Rc;

use super::call::Call;
use super::integers;
use super::lists;
use super::message::Attribute;
use super::tensor::{is_integer, is_real, told};
use super::unread::unread;
use crate::traced::{Axis, Constant, Refusal, Trace, Value};

impl<'a> Call<'_, 'a> {
    pub(super) fn own_constant(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let constant =
            match (self.attribute("value"), self.attribute("value_float"), self.attribute("value_int")) {
                (Some(Attribute::Tensor(Ok(constant))), ..) => constant.clone(),
                (Some(Attribute::Tensor(Err(reason))), ..) => {
                    return self.opaque(trace, unread(self.name.node.as_str(), reason));
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

    /// A value as another type: nothing happens where the type holds it as it is.
    pub(super) fn cast(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
        let (value, to) = (self.need(0)?, self.integer("to", 0));
        match value {
            _ if !is_real(to) && !is_integer(to) => {
                self.opaque(trace, format!("it makes values of type {}", told(to)))
            }
            Value::Flow(flow) => {
                let is_whole = integers::is_bytes(flow, trace) && self.facts.reads_integers;
                match is_real(to) || is_whole {
                    true => Ok(value.clone()),
                    false => self.opaque(trace, "it cuts values down to whole numbers"),
                }
            }
            Value::Constant(constant) if constant.steps.is_none() && is_real(to) == constant.is_integer() => {
                let floats = constant.floats(&mut trace.budget)?;
                if is_real(to) {
                    let real = Constant::of_floats(constant.shape.clone(), &floats, constant.offset);
                    return Ok(Value::Constant(Rc::new(real)));
                }
                trace.budget.take(floats.len())?;
                let wholes: Vec<i64> = floats.iter().map(|value| value.trunc() as i64).collect();
                Ok(Value::Constant(Rc::new(Constant::of_integers(constant.shape.clone(), &wholes))))
            }
            Value::Constant(_) | Value::Sizes => Ok(value.clone()),
        }
    }

    pub(super) fn transpose(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
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

    pub(super) fn squeeze(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
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

    pub(super) fn unsqueeze(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
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

    pub(super) fn concat(&self, trace: &mut Trace<'a>) -> Result<Value<'a>, Refusal> {
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
    pub(super) fn list_of_constants(&self) -> Result<Option<Constant<'a>>, Refusal> {
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
}
