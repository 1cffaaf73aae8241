//! Why a graph of operators gives no net.

use std::path::Path;

use crate::Error;
use crate::shown::shown;

/// The most values that are made of constants, all together.
const MAX_VALUES: u64 = 256 << 20;
/// The same for each byte of the file, and for any file.
const VALUES_A_BYTE: u64 = 4;
const FREE_VALUES: u64 = 1 << 20;

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

impl NodeName {
    /// The names of a node and of its operator, cut short if they are long.
    pub(crate) fn new(node: &str, op: &str) -> Self {
        Self { node: shown(node), op: shown(op) }
    }
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
            Self::Node { name, reason } => Error::Node { path, node: name.node, op: name.op, reason },
            Self::Graph { reason } => Error::Graph { path, reason },
            Self::Limit { what, got, limit } => Error::Limit { path, what, got, limit },
        }
    }
}

/// How many values may still be made of a file's constants.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    taken: u64,
    limit: u64,
}

impl Budget {
    /// As many values as the kernels of a file of so many bytes may need: each is read, turned around and put together
    /// with others a few times.
    pub(crate) fn of_file(bytes: usize) -> Self {
        let limit = (bytes as u64).saturating_mul(VALUES_A_BYTE).saturating_add(FREE_VALUES);
        Self { taken: 0, limit: limit.min(MAX_VALUES) }
    }

    /// Takes so many values, before memory is taken for them.
    pub(crate) fn take(&mut self, values: usize) -> Result<(), Refusal> {
        self.taken = self.taken.saturating_add(values as u64);
        if self.taken > self.limit {
            let (got, limit) = (self.taken, self.limit);
            return Err(Refusal::Limit { what: "values or more computed from constants", got, limit });
        }
        Ok(())
    }
}
