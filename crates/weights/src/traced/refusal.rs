//! Why a graph of operators gives no net.

use std::path::Path;

use crate::Error;
use crate::shown::shown;

/// The most values that constants are made into, all together: the largest published net with a top of 20,000 classes.
const MAX_VALUES: u64 = 64 << 20;

/// The operator that an error names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeName {
    /// Its name in the file; that of what it gives where it has none.
    pub(crate) node: String,
    /// What it does, as the format calls it.
    pub(crate) op: String,
}

/// Why a graph gives no net.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// An operator that stands against it.
    Node { name: NodeName, reason: String },
    /// The graph as a whole.
    Graph { reason: String },
    /// More than is allowed.
    Limit { what: &'static str, got: u64, limit: u64 },
}

impl Refusal {
    pub(crate) fn node(name: &NodeName, reason: impl Into<String>) -> Self {
        Self::Node { name: name.clone(), reason: reason.into() }
    }

    pub(crate) fn graph(reason: impl Into<String>) -> Self {
        Self::Graph { reason: reason.into() }
    }

    /// The error about a file.
    pub(crate) fn error(self, path: &Path) -> Error {
        let path = path.to_owned();
        match self {
            Self::Node { name, reason } => {
                Error::Node { path, node: shown(&name.node), op: shown(&name.op), reason }
            }
            Self::Graph { reason } => Error::Graph { path, reason },
            Self::Limit { what, got, limit } => Error::Limit { path, what, got, limit },
        }
    }
}

/// How many values may still be made of a file's constants.
#[derive(Debug)]
pub(crate) struct Budget(u64);

impl Budget {
    pub(crate) fn new() -> Self {
        Self(0)
    }

    /// Takes so many values, before memory is taken for them.
    pub(crate) fn take(&mut self, values: usize) -> Result<(), Refusal> {
        self.0 = self.0.saturating_add(values as u64);
        if self.0 > MAX_VALUES {
            return Err(Refusal::Limit {
                what: "values in constants or more",
                got: self.0,
                limit: MAX_VALUES,
            });
        }
        Ok(())
    }
}
