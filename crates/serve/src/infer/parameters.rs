//! The parameters of a request and of its tensors: those that are known are followed, every other one is refused.

use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// Parameters, of which each is taken once.
#[derive(Debug)]
pub(crate) struct Parameters {
    left: Map<String, Value>,
    /// Whose they are.
    of: String,
}

impl Parameters {
    pub(crate) fn new(parameters: Map<String, Value>, of: impl Into<String>) -> Self {
        Self { left: parameters, of: of.into() }
    }

    /// Takes a parameter that is true or false.
    ///
    /// # Errors
    /// 400 for another value.
    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.left.remove(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(self.wrong(name, &other, "true or false")),
        }
    }

    /// Takes a parameter that is a count.
    ///
    /// # Errors
    /// 400 for another value.
    pub(crate) fn count(&mut self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(value) = self.left.remove(name) else { return Ok(None) };
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        count.map(Some).ok_or_else(|| self.wrong(name, &value, "a whole number"))
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// 400 for a parameter that nobody took: it would be without effect.
    pub(crate) fn end(self) -> Result<(), Refusal> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => Err(Refusal::bad(format!(
                "{}: the parameter '{name}' is not known here; leave it out",
                self.of
            ))),
        }
    }

    fn wrong(&self, name: &str, value: &Value, asked: &str) -> Refusal {
        Refusal::bad(format!("{}: the parameter '{name}' is {value} where {asked} is asked for", self.of))
    }
}
