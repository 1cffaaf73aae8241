//! Keras' own names and shapes, which are the canonical ones here: nothing is transposed, and what varies is how much
//! stands around a name.
//!
//! | written by | a kernel's name |
//! |---|---|
//! | this program | `Conv1/kernel` |
//! | HDF5 weights | `Conv1/Conv1/kernel:0`, `…/depthwise_kernel:0`; with or without `:0` |
//! | a user's model around the base | `mobilenetv2_1.00_160/Conv1/kernel:0` |
//! | Keras 3 | `layers/conv2d_3/vars/0`, `layers/functional/layers/conv2d_3/vars/0` |
//!
//! The last counts layers by class in the order of the net, and variables in the order in which they were made; a newer
//! Keras 3 also states each layer's own name, as an attribute of its variables' group.
//!
//! A user's own head is the one layer with a kernel of two axes; whatever it is called, it is the classification top.

use std::collections::BTreeMap;

use icecap_graph::BATCH_NORM;

use super::layers::{Part, conv_layers};
use super::{HEAD_PREFIX, Source, TOP_BIAS, TOP_KERNEL};
use crate::Error;
use crate::container::Container;
use crate::error::shown;

/// What stands between a layer's group and a variable's number in Keras 3's files.
const VARIABLES: &str = "/vars/";

/// Whether Keras' MobileNetV2 has a layer of this tensor's name, as far as it tells.
pub(super) fn owns(name: &str) -> bool {
    if let Some((group, _)) = name.split_once(VARIABLES) {
        let class = numbered(group.rsplit('/').next().unwrap_or(group)).0;
        return matches!(class, "conv2d" | "depthwise_conv2d" | "batch_normalization");
    }
    let mut parts = name.rsplit('/').skip(1);
    parts.next().is_some_and(|layer| {
        matches!(layer, "Conv1" | "bn_Conv1" | "Conv_1" | "Conv_1_bn" | "predictions")
            || layer.starts_with("expanded_conv_")
            || layer.starts_with("block_")
    })
}

/// Where each tensor stands.
///
/// # Errors
/// [`Error::Tensor`] for two tensors that are one of Keras', and for a second dense layer.
pub(super) fn sources(file: &Container<'_>) -> Result<BTreeMap<String, Source>, Error> {
    let mut sources = BTreeMap::new();
    let mut dense: Option<String> = None;
    let counted = Counted::of(file);
    for name in file.names().filter(|name| !name.starts_with(HEAD_PREFIX)) {
        let Some((layer, variable)) = counted.place(name).or_else(|| place(name)) else {
            sources.insert(name.to_owned(), Source::kept(name));
            continue;
        };
        let is_top = !owns(&format!("{layer}/{variable}")) && is_dense(file, name);
        let tensor = match (is_top, &*variable) {
            (true, "kernel") => TOP_KERNEL.to_owned(),
            (true, _) => TOP_BIAS.to_owned(),
            (false, _) => format!("{layer}/{variable}"),
        };
        let refuse = |reason: String| {
            let (path, offset) = (file.path().into(), file.offset(name).unwrap_or(0));
            Err(Error::Tensor { path, tensor: shown(name), offset, reason })
        };
        if is_top {
            let first = dense.get_or_insert_with(|| layer.clone());
            if *first != layer {
                return refuse(format!(
                    "a second dense layer beside '{}'; one dense layer on the pooled features can be read",
                    shown(first)
                ));
            }
        }
        if let Some(twin) = sources.insert(tensor, Source::kept(name)) {
            return refuse(format!("the file has it as '{}' too", shown(&twin.name)));
        }
    }
    Ok(sources)
}

/// Layer and variable of a name that states them: its last two parts.
fn place(name: &str) -> Option<(String, String)> {
    let (rest, variable) = name.rsplit_once('/')?;
    let layer = rest.rsplit('/').next()?;
    let variable = variable.split(':').next()?;
    let variable = if variable == "depthwise_kernel" { "kernel" } else { variable };
    Some((layer.to_owned(), variable.to_owned()))
}

/// Whether a tensor is the kernel or the bias of a dense layer, as far as its axes and name tell.
fn is_dense(file: &Container<'_>, name: &str) -> bool {
    let rank = file.shape(name).map(|shape| shape.rank());
    match place(name) {
        Some((_, variable)) => match &*variable {
            "kernel" => rank == Some(2),
            "bias" => rank == Some(1),
            "0" => rank == Some(2),
            "1" => rank == Some(1),
            _ => false,
        },
        None => false,
    }
}

/// Splits `conv2d_12` into `conv2d` and 12; without a number it is the first of its class.
fn numbered(name: &str) -> (&str, usize) {
    let split = name.rsplit_once('_').and_then(|(class, number)| Some((class, number.parse().ok()?)));
    split.unwrap_or((name, 0))
}

/// The groups of a Keras 3 file, whose layers are counted by class.
struct Counted {
    /// Keras' layer of each group.
    layers: BTreeMap<String, String>,
}

impl Counted {
    fn of(file: &Container<'_>) -> Self {
        let mut groups: Vec<&str> =
            file.names().filter_map(|name| Some(name.split_once(VARIABLES)?.0)).collect();
        groups.dedup();
        groups.sort_by_key(|group| numbered(group.rsplit('/').next().unwrap_or(group)));
        let (mut convolutions, mut depthwise, mut norms) = (Vec::new(), Vec::new(), Vec::new());
        for layer in conv_layers() {
            let (conv, norm) = layer.keras();
            match layer.part {
                Part::Depthwise => depthwise.push(conv),
                _ => convolutions.push(conv),
            }
            norms.push(norm);
        }
        let mut of_class = BTreeMap::from([
            ("conv2d", convolutions.into_iter()),
            ("depthwise_conv2d", depthwise.into_iter()),
            ("batch_normalization", norms.into_iter()),
        ]);
        let layers = groups.into_iter().filter_map(|group| {
            let class = numbered(group.rsplit('/').next()?).0;
            let counted = of_class.get_mut(class)?.next();
            let stated = file.metadata().get(&format!("{group}{}", VARIABLES.trim_end_matches('/')));
            let layer = stated.filter(|name| owns(&format!("{name}/kernel"))).cloned().or(counted)?;
            Some((group.to_owned(), layer))
        });
        Self { layers: layers.collect() }
    }

    /// Layer and variable of a name in such a file.
    fn place(&self, name: &str) -> Option<(String, String)> {
        let (group, index) = name.split_once(VARIABLES)?;
        let class = group.rsplit('/').next()?;
        let index: usize = index.parse().ok()?;
        let variable = match numbered(class).0 {
            "batch_normalization" => *BATCH_NORM.get(index)?,
            _ => *["kernel", "bias"].get(index)?,
        };
        let layer = self.layers.get(group).map_or(class, String::as_str);
        Some((layer.to_owned(), variable.to_owned()))
    }
}
