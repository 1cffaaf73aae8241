//! A node with the values that it reads, and its settings.

use std::rc::Rc;

use super::message::{Attribute, Node};
use crate::traced::{Constant, Kind, NodeName, Refusal, Trace, Value};

/// What a file says that all its nodes need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// The version of ONNX' operators.
    pub(super) opset: i64,
    /// Whether the image comes in whole numbers.
    pub(super) reads_integers: bool,
}

/// A node with the values that it reads.
pub(super) struct Call<'c, 'a> {
    pub(super) node: &'c Node<'a>,
    pub(super) name: &'c NodeName,
    pub(super) inputs: &'c [Option<Value<'a>>],
    pub(super) facts: Facts,
}

impl<'a> Call<'_, 'a> {
    pub(super) fn refuse(&self, reason: impl Into<String>) -> Refusal {
        Refusal::node(self.name, reason)
    }

    pub(super) fn opaque(
        &self,
        trace: &mut Trace<'a>,
        reason: impl Into<String>,
    ) -> Result<Value<'a>, Refusal> {
        let inputs: Vec<&Value<'a>> = self.inputs.iter().flatten().collect();
        trace.opaque(&inputs, self.name, reason)
    }

    pub(super) fn input(&self, at: usize) -> Option<&Value<'a>> {
        self.inputs.get(at).and_then(Option::as_ref)
    }

    pub(super) fn need(&self, at: usize) -> Result<&Value<'a>, Refusal> {
        self.input(at).ok_or_else(|| self.refuse(format!("its input {at} is missing")))
    }

    /// A constant among the inputs; `None` if it is left out.
    pub(super) fn constant(&self, at: usize) -> Result<Option<Rc<Constant<'a>>>, Refusal> {
        match self.input(at) {
            None => Ok(None),
            Some(Value::Constant(constant)) => Ok(Some(constant.clone())),
            Some(_) => Err(self.refuse(format!("its input {at} is no constant of the file"))),
        }
    }

    pub(super) fn need_constant(&self, at: usize) -> Result<Rc<Constant<'a>>, Refusal> {
        self.constant(at)?.ok_or_else(|| self.refuse(format!("its input {at} is missing")))
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute<'a>> {
        self.node.attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    pub(super) fn integer(&self, name: &str, default: i64) -> i64 {
        match self.attribute(name) {
            Some(Attribute::Integer(value)) => *value,
            _ => default,
        }
    }

    pub(super) fn float(&self, name: &str, default: f64) -> f64 {
        match self.attribute(name) {
            Some(Attribute::Float(value)) => f64::from(*value),
            _ => default,
        }
    }

    pub(super) fn list(&self, name: &str) -> Option<&[i64]> {
        match self.attribute(name) {
            Some(Attribute::Integers(list)) => Some(list),
            _ => None,
        }
    }

    /// A list of integers that is an attribute in some versions and an input in others.
    pub(super) fn list_or_input(&self, name: &str, at: usize) -> Result<Option<Vec<i64>>, Refusal> {
        if let Some(list) = self.list(name) {
            return Ok(Some(list.to_vec()));
        }
        Ok(match self.input(at) {
            Some(Value::Constant(constant)) => Some(constant.integers()?),
            _ => None,
        })
    }

    pub(super) fn flow(&self, trace: &mut Trace<'a>, kind: Kind<'a>) -> Result<Value<'a>, Refusal> {
        match self.need(0)? {
            Value::Flow(flow) => trace.step(kind, flow, self.name),
            _ => self.opaque(trace, "it computes with constants"),
        }
    }
}
