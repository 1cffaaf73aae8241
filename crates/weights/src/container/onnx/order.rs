//! The order in which nodes can run: each behind those that give what it reads.
//!
//! The format asks for this order, and some tools that change a graph leave another. Nodes that wait for each other, or
//! for a value that nobody gives, come last as they stand, and are refused there by name.

use std::collections::BTreeMap;

use super::message::Node;

/// The nodes in an order in which they can run; of those that can, the first comes first.
pub(super) fn runnable(nodes: Vec<Node<'_>>) -> Vec<Node<'_>> {
    let mut givers = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for output in node.outputs.iter().filter(|output| !output.is_empty()) {
            givers.entry(*output).or_insert(index);
        }
    }
    let mut readers = vec![Vec::new(); nodes.len()];
    let mut waits = vec![0usize; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for input in &node.inputs {
            if let Some(&giver) = givers.get(input) {
                readers[giver].push(index);
                waits[index] += 1;
            }
        }
    }
    let mut ready: std::collections::BTreeSet<usize> =
        (0..nodes.len()).filter(|index| waits[*index] == 0).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(index) = ready.pop_first() {
        order.push(index);
        for &reader in &readers[index] {
            waits[reader] -= 1;
            if waits[reader] == 0 {
                ready.insert(reader);
            }
        }
    }
    order.extend((0..nodes.len()).filter(|index| waits[*index] > 0));
    let mut nodes: Vec<Option<Node<'_>>> = nodes.into_iter().map(Some).collect();
    order.into_iter().filter_map(|index| nodes[index].take()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(nodes: &[(&'static str, &[&'static str], &'static str)]) -> Vec<&'static str> {
        let node = |&(name, inputs, output): &(&'static str, &[&'static str], &'static str)| Node {
            name,
            inputs: inputs.to_vec(),
            outputs: vec![output],
            ..Node::default()
        };
        runnable(nodes.iter().map(node).collect()).into_iter().map(|node| node.name).collect()
    }

    #[test]
    fn nodes_come_behind_what_they_read_and_circles_last() {
        assert_eq!(
            names(&[("c", &["y"], "z"), ("a", &["in"], "x"), ("b", &["x", "x"], "y")]),
            ["a", "b", "c"]
        );
        assert_eq!(names(&[("b", &["in"], "x"), ("a", &["in"], "y")]), ["b", "a"]);
        assert_eq!(names(&[("a", &["y"], "x"), ("b", &["x"], "y"), ("c", &["in"], "z")]), ["c", "a", "b"]);
        assert_eq!(names(&[("a", &["a"], "a")]), ["a"]);
    }
}
