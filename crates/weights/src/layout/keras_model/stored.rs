//! Which of a file's tensors belong to which layer of the description.
//!
//! Keras has two ways. Before 3, and in `.h5` still, each layer of the outermost model has a group, with the names of all
//! weights in it; a weight of a model inside is called by its own layer: `mobilenetv2_1.00_160/Conv1/kernel:0`. In `.keras`
//! each layer has a group in that of its model, called by its class and a number, and numbers its weights:
//! `layers/functional/layers/conv2d_3/vars/0`.

use std::collections::BTreeMap;

use super::base::is_batch_norm;
use super::config::flag;
use super::layer::{Layer, Layers};
use super::refusal::Refusal;
use crate::container::Container;

/// The group in which Keras 3 keeps a layer's variables.
const VARIABLES: &str = "/vars";

/// The tensors of a file by the layers of its description.
pub(super) struct Stored<'s, 'a> {
    layers: &'s Layers<'a>,
    file: &'s Container<'s>,
    /// Numbered tensors by their groups, without `/vars`.
    numbered: BTreeMap<String, Group<'s>>,
    /// Named tensors by the layer of the outermost model.
    named: BTreeMap<&'s str, Vec<&'s str>>,
}

#[derive(Default)]
struct Group<'s> {
    /// What the file says that the layer is called.
    layer: Option<&'s str>,
    tensors: BTreeMap<usize, &'s str>,
}

impl<'s, 'a> Stored<'s, 'a> {
    pub(super) fn new(layers: &'s Layers<'a>, file: &'s Container<'s>) -> Self {
        let mut numbered: BTreeMap<String, Group<'s>> = BTreeMap::new();
        let mut named: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for name in file.names() {
            let number = name.rsplit_once(['/', '\\']).and_then(|(group, number)| {
                let group = plain(group);
                Some((group.strip_suffix(VARIABLES)?.to_owned(), number.parse().ok()?))
            });
            match number {
                Some((group, number)) => {
                    numbered.entry(group).or_default().tensors.insert(number, name);
                }
                None => {
                    let (layer, _) = name.split_once('/').unwrap_or((name, ""));
                    named.entry(layer).or_default().push(name);
                }
            }
        }
        for (group, layer) in file.metadata() {
            if let Some(group) =
                plain(group).strip_suffix(VARIABLES).and_then(|group| numbered.get_mut(group))
            {
                group.layer = Some(layer);
            }
        }
        Self { layers, file, numbered, named }
    }

    pub(super) fn file(&self) -> &'s Container<'s> {
        self.file
    }

    pub(super) fn refuse(&self, layer: usize, reason: String) -> Refusal {
        self.layers.refuse(layer, reason)
    }

    /// The name in the file of a layer's variable.
    ///
    /// # Errors
    /// A variable that the file does not have, or has twice.
    pub(super) fn tensor(&self, layer: usize, variable: &str) -> Result<&'s str, Refusal> {
        let found = if self.numbered.is_empty() {
            self.by_name(layer, variable)?
        } else {
            self.by_number(layer, variable)
        };
        found.ok_or_else(|| {
            self.layers.refuse(
                layer,
                format!("its '{variable}' is not among the tensors of the file; the file is no whole model"),
            )
        })
    }

    /// A copy of a layer's vector.
    pub(super) fn vector(&self, layer: usize, variable: &str) -> Result<Vec<f32>, Refusal> {
        let name = self.tensor(layer, variable)?;
        let tensor = self.file.tensor(name).map_err(|error| self.layers.refuse(layer, error.to_string()))?;
        Ok(tensor.data().to_vec())
    }

    fn by_number(&self, layer: usize, variable: &str) -> Option<&'s str> {
        let number = variables(&self.layers.0[layer]).iter().position(|name| *name == variable)?;
        self.numbered.get(&self.group(layer)?)?.tensors.get(&number).copied()
    }

    /// The group of a layer, or of a model.
    fn group(&self, index: usize) -> Option<String> {
        let layer = &self.layers.0[index];
        let Some(parent) = layer.parent else { return Some(String::new()) };
        let above = self.group(parent)?;
        let prefix = if above.is_empty() { "layers/".to_owned() } else { format!("{above}/layers/") };
        let exact = format!("{prefix}{}", layer.stored);
        let is_model = !layer.children.is_empty();
        let fits = match self.numbered.get(&exact) {
            Some(group) => group.layer.is_none_or(|name| name == layer.name),
            None => is_model && self.is_above_any(&exact),
        };
        if fits {
            return Some(exact);
        }
        let here = self.numbered.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
        let mut called = here
            .filter(|(name, group)| group.layer == Some(layer.name) && !name[prefix.len()..].contains('/'));
        if let (Some((name, _)), None) = (called.next(), called.next()) {
            return Some(name.clone());
        }
        self.by_rank(index, &prefix)
    }

    fn is_above_any(&self, group: &str) -> bool {
        let inside = format!("{group}/");
        self.numbered.range(inside.clone()..).next().is_some_and(|(name, _)| name.starts_with(&inside))
    }

    /// The group of a layer where numbers are left out: the n-th of a class has the n-th group of that class.
    fn by_rank(&self, index: usize, prefix: &str) -> Option<String> {
        let layer = &self.layers.0[index];
        let number = layer.stored.rsplit_once('_').filter(|(_, number)| number.parse::<u32>().is_ok());
        let own = number.map_or(layer.stored.as_str(), |(class, _)| class);
        let mut groups: BTreeMap<u32, &str> = BTreeMap::new();
        for name in self
            .numbered
            .range(prefix.to_owned()..)
            .map(|(name, _)| name)
            .take_while(|name| name.starts_with(prefix))
        {
            let Some(group) = name[prefix.len()..].split('/').next() else { continue };
            let Some(rest) = group.strip_prefix(own) else { continue };
            let number = match rest {
                "" => Some(0),
                rest => rest.strip_prefix('_').and_then(|number| number.parse().ok()),
            };
            if let Some(number) = number {
                groups.insert(number, group);
            }
        }
        let siblings = &self.layers.0[layer.parent?].children;
        let same: Vec<usize> = siblings
            .iter()
            .copied()
            .filter(|&other| self.has_weights(other) && self.layers.0[other].class == layer.class)
            .collect();
        let rank = same.iter().position(|other| *other == index)?;
        if groups.len() != same.len() {
            return None;
        }
        groups.into_values().nth(rank).map(|group| format!("{prefix}{group}"))
    }

    fn has_weights(&self, index: usize) -> bool {
        let layer = &self.layers.0[index];
        !variables(layer).is_empty() || layer.children.iter().any(|&child| self.has_weights(child))
    }

    fn by_name(&self, index: usize, variable: &str) -> Result<Option<&'s str>, Refusal> {
        let layer = &self.layers.0[index];
        let mut top = index;
        while let Some(parent) =
            self.layers.0[top].parent.filter(|&parent| self.layers.0[parent].parent.is_some())
        {
            top = parent;
        }
        // A file whose groups are no layers of the outermost model, such as one that was converted, has names alone.
        let listed = self.named.get(self.layers.0[top].name);
        let all: Vec<&'s str> = match listed {
            Some(names) => names.clone(),
            None => self.named.values().flatten().copied().collect(),
        };
        let of_variable: Vec<(&'s str, Vec<&'s str>)> = all
            .iter()
            .map(|name| (*name, name.split('/').skip(usize::from(listed.is_some())).collect::<Vec<_>>()))
            .filter(|(_, parts)| parts.last().is_some_and(|last| is_variable(last, variable)))
            .collect();
        let owner = |parts: &[&'s str]| parts.len().checked_sub(2).map(|at| parts[at]);
        // All that a layer of the outermost model has is its own, whatever it was once called.
        let own = |parts: &[&'s str]| (top == index && listed.is_some()) || owner(parts) == Some(layer.name);
        let mut found: Vec<_> = of_variable.iter().filter(|(_, parts)| own(parts)).collect();
        if found.is_empty() {
            // Of a graph with two layers of a name, TensorFlow numbers the second one.
            found = of_variable
                .iter()
                .filter(|(_, parts)| {
                    owner(parts)
                        .and_then(|name| name.rsplit_once('_'))
                        .is_some_and(|(name, number)| name == layer.name && number.parse::<u32>().is_ok())
                })
                .collect();
        }
        if found.len() > 1 {
            let parent = layer.parent.map(|parent| self.layers.0[parent].name);
            found.retain(|(_, parts)| parts.iter().rev().skip(2).any(|part| Some(*part) == parent));
            if found.len() != 1 {
                let reason = format!(
                    "the file has several tensors '{variable}' for it; give its layers names of their own"
                );
                return Err(self.layers.refuse(index, reason));
            }
        }
        Ok(found.first().map(|(name, _)| *name))
    }
}

/// A group's name with `/` between its parts, and without what Keras 2 calls the list of layers.
fn plain(group: &str) -> String {
    group.replace('\\', "/").replace("_layer_checkpoint_dependencies", "layers")
}

fn is_variable(stored: &str, variable: &str) -> bool {
    let stored = stored.split(':').next().unwrap_or(stored);
    stored == variable || (stored == "depthwise_kernel" && variable == "kernel")
}

/// The variables of a layer in the order in which Keras 3 numbers them.
fn variables(layer: &Layer<'_>) -> Vec<&'static str> {
    let keep = |key: &str, name: &'static str| flag(layer.config, key, true).then_some(name);
    match layer.class {
        "Conv2D" | "DepthwiseConv2D" | "Dense" => {
            ["kernel"].into_iter().chain(keep("use_bias", "bias")).collect()
        }
        class if is_batch_norm(class) => {
            let trained = keep("scale", "gamma").into_iter().chain(keep("center", "beta"));
            trained.chain(["moving_mean", "moving_variance"]).collect()
        }
        "Normalization" => vec!["mean", "variance", "count"],
        _ => Vec::new(),
    }
}
