//! An operator with the values that it reads, and its settings.

use std::rc::Rc;

use super::table::{Damage, Table};
use crate::traced::{Constant, Kind, NodeName, Refusal, Stored, Trace, Value};

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

/// The types of what an operator reads first, and of what it gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Types {
    /// Whether it reads integers that stand for something else.
    pub(super) reads_steps: bool,
    /// How what it gives is stored; `None` for a type that is not read.
    pub(super) gives: Option<Stored>,
}

/// An operator with the values that it reads.
pub(super) struct Call<'c, 'a> {
    pub(super) code: i32,
    pub(super) name: &'c NodeName,
    pub(super) inputs: &'c [Option<Value<'a>>],
    pub(super) options: Option<Table<'a>>,
    pub(super) types: Types,
}

impl<'a> Call<'_, 'a> {
    pub(super) fn opaque(&self, trace: &mut Trace<'a>, reason: impl Into<String>) -> Result<Value<'a>, Stop> {
        let inputs: Vec<&Value<'a>> = self.inputs.iter().flatten().collect();
        Ok(trace.opaque(&inputs, self.name, reason)?)
    }

    pub(super) fn need(&self, at: usize) -> Result<&Value<'a>, Stop> {
        let missing = || Refusal::node(self.name, format!("its input {at} is missing"));
        Ok(self.inputs.get(at).and_then(Option::as_ref).ok_or_else(missing)?)
    }

    /// A constant among the inputs; `None` if it is left out.
    pub(super) fn constant(&self, at: usize) -> Result<Option<Rc<Constant<'a>>>, Stop> {
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

    pub(super) fn need_constant(&self, at: usize) -> Result<Rc<Constant<'a>>, Stop> {
        let missing = || Refusal::node(self.name, format!("its input {at} is missing")).into();
        self.constant(at)?.ok_or_else(missing)
    }

    pub(super) fn byte(&self, field: usize) -> Result<u8, Stop> {
        Ok(self.options.map(|options| options.byte(field, 0)).transpose()?.unwrap_or(0))
    }

    /// A length among the options.
    pub(super) fn length(&self, field: usize, default: i32) -> Result<usize, Stop> {
        let value = self.options.map(|options| options.int(field, default)).transpose()?;
        Ok(usize::try_from(value.unwrap_or(default)).unwrap_or(0))
    }

    pub(super) fn flow(&self, trace: &mut Trace<'a>, kind: Kind<'a>) -> Result<Value<'a>, Stop> {
        match self.need(0)? {
            Value::Flow(flow) => Ok(trace.step(kind, flow, self.name)?),
            _ => self.opaque(trace, "it computes with constants"),
        }
    }
}
