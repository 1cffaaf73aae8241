//! Who reads what, among the nodes that lead to the model's outputs.

use super::graph::{Graph, Operand};
use super::refusal::Refusal;

/// The readers of each node, among those that lead to an output.
#[derive(Debug)]
pub(super) struct Path {
    readers: Vec<Vec<usize>>,
    /// The one node that reads nothing.
    pub(super) input: usize,
}

impl Path {
    /// # Errors
    /// Several inputs.
    pub(super) fn of(graph: &Graph<'_>) -> Result<Self, Refusal> {
        let mut used = vec![false; graph.nodes.len()];
        let mut readers = vec![Vec::new(); graph.nodes.len()];
        graph.outputs.iter().for_each(|&output| used[output] = true);
        // Each node stands behind those that it reads.
        for node in (0..graph.nodes.len()).rev() {
            if !used[node] {
                continue;
            }
            for operand in &graph.nodes[node].reads {
                if let Operand::Node(from) = *operand {
                    used[from] = true;
                    if readers[from].last() != Some(&node) {
                        readers[from].push(node);
                    }
                }
            }
        }
        let mut inputs = (0..graph.nodes.len()).filter(|&node| {
            let reads_none = !graph.nodes[node].reads.iter().any(|read| matches!(read, Operand::Node(_)));
            used[node] && reads_none
        });
        let input = inputs.next().ok_or_else(|| graph.layers.refuse(0, "nothing in it reads an input"))?;
        if let Some(second) = inputs.next() {
            let reason = "it is a second input of the model; only models that read one photo are read";
            return Err(graph.refuse(second, reason));
        }
        Ok(Self { readers, input })
    }

    /// The nodes that read a node.
    pub(super) fn readers(&self, node: usize) -> &[usize] {
        &self.readers[node]
    }

    /// The one node that reads a node; `None` for an output that nobody reads.
    ///
    /// # Errors
    /// Several nodes that read it.
    pub(super) fn next(&self, graph: &Graph<'_>, node: usize) -> Result<Option<usize>, Refusal> {
        match self.readers(node) {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            several => {
                let names: Vec<String> =
                    several.iter().map(|&node| graph.layers.path(graph.nodes[node].layer)).collect();
                let reason = format!(
                    "several layers read it ({}); only one path from a photo to the classes is read",
                    names.join(", ")
                );
                Err(graph.refuse(node, reason))
            }
        }
    }
}
