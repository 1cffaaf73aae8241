//! The nets that a file's tensor names tell, under whatever root.
//!
//! Each name votes: where its end is a tensor's name of a layout, what stands before that end is a root. A net has the votes
//! of hundreds of tensors, so that one which is missing, or another net's beside it, does not hide it.

use std::collections::{BTreeSet, HashMap};

use super::kind::Layout;
use super::naming::Naming;
use super::{flat, huggingface, openmmlab, timm, torchvision};

/// Every way of naming, the published ones first.
const NAMINGS: [&Naming; 6] = [
    &torchvision::NAMING,
    &timm::NAMING,
    &huggingface::NAMING,
    &flat::NAMINGS[0],
    &flat::NAMINGS[1],
    &openmmlab::NAMING,
];

/// The most parts of a name that are taken for a root: far more than modules stand inside each other.
const MAX_PARTS: usize = 32;

/// A net in a file.
#[derive(Clone, Debug)]
pub(crate) struct FoundNet {
    pub(super) naming: &'static Naming,
    /// What stands before the names of all its tensors.
    pub(crate) root: String,
    /// How many of its tensors are there.
    pub(crate) hits: usize,
    /// How many a whole net has.
    whole: usize,
}

impl FoundNet {
    /// Returns the layout that the net is named in.
    pub(crate) fn layout(&self) -> Layout {
        self.naming.layout
    }

    /// Returns whether more than half of a whole net's tensors are there.
    pub(crate) fn is_most_of_it(&self) -> bool {
        self.hits * 2 > self.whole
    }

    /// Returns whether so many of a net's tensors are there that chance does not put them there.
    pub(crate) fn is_some_of_it(&self) -> bool {
        self.hits * 8 > self.whole
    }

    /// Returns what stands before the names of the model that the net is a part of, its head among them.
    pub(crate) fn model(&self) -> &str {
        self.root.strip_suffix(self.naming.root).unwrap_or(&self.root)
    }

    /// Returns whether a tensor belongs to this net or to the model around it.
    pub(crate) fn has(&self, name: &str) -> bool {
        name.starts_with(self.model()) || self.naming.is_of_net(&self.root, name)
    }
}

/// Finds the nets in a file of these tensors, those with the most tensors first. Two of them share no tensor.
pub(crate) fn find<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<FoundNet> {
    let mut found = Vec::new();
    for naming in NAMINGS {
        let table = naming.table("");
        let known: BTreeSet<&str> = table.values().map(|source| source.name.as_str()).collect();
        let mut votes: HashMap<&str, usize> = HashMap::new();
        for name in names.clone() {
            let starts =
                std::iter::once(0).chain(name.match_indices('.').map(|(at, _)| at + 1)).take(MAX_PARTS);
            for start in starts.filter(|start| known.contains(&name[*start..])) {
                *votes.entry(&name[..start]).or_default() += 1;
            }
        }
        let whole = table.len();
        found.extend(votes.into_iter().map(|(root, hits)| FoundNet {
            naming,
            root: root.to_owned(),
            hits,
            whole,
        }));
    }
    // Of equals the one nearest to the published root, in the order of the namings.
    found.sort_by(|a, b| b.hits.cmp(&a.hits).then(a.root.len().cmp(&b.root.len())).then(a.root.cmp(&b.root)));
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let names: BTreeSet<&str> = names.collect();
    found.retain(|net| {
        // The small ones are the ends of names by chance.
        if !taken.is_empty() && !net.is_most_of_it() {
            return false;
        }
        let table = net.naming.table(&net.root);
        let own: Vec<String> = table
            .into_values()
            .map(|source| source.name)
            .filter(|name| names.contains(name.as_str()))
            .collect();
        if own.iter().any(|name| taken.contains(name)) {
            return false;
        }
        taken.extend(own);
        true
    });
    found
}
