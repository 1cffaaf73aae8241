//! The parameters of a request and of its tensors: those that are known are followed, every other one is refused.

use std::collections::BTreeMap;

use icecap::advanced::foundation::shown::shown;

use crate::infer::few::{Named, Value};
use crate::refusal::Refusal;

/// Parameters, of which each is taken once.
#[derive(Debug)]
pub(crate) struct Parameters {
    left: BTreeMap<String, Value>,
    /// Whose they are.
    of: String,
}

impl Parameters {
    pub(crate) fn new(parameters: Named, of: impl Into<String>) -> Self {
        Self { left: parameters.0, of: of.into() }
    }

    /// Takes a parameter that is true or false.
    ///
    /// # Errors
    /// 400 for another value.
    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.left.remove(name) {
            None => Ok(None),
            Some(Value::Flag(flag)) => Ok(Some(flag)),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    /// Takes a parameter that is a count.
    ///
    /// # Errors
    /// 400 for another value.
    pub(crate) fn count(&mut self, name: &str) -> Result<Option<usize>, Refusal> {
        match self.left.remove(name) {
            None => Ok(None),
            Some(Value::Count(count)) => Ok(Some(usize::try_from(count).unwrap_or(usize::MAX))),
            Some(_) => Err(self.wrong(name, "a whole number")),
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// 400 for a parameter that nobody took: it would be without effect.
    pub(crate) fn end(self) -> Result<(), Refusal> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => Err(Refusal::bad(format!(
                "{}: the parameter '{}' is not known here; leave it out",
                self.of,
                shown(name)
            ))),
        }
    }

    fn wrong(&self, name: &str, asked: &str) -> Refusal {
        Refusal::bad(format!("{}: the parameter '{name}' has another value than {asked}", self.of))
    }
}
