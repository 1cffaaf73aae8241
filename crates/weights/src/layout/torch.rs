//! What PyTorch's layouts share: modules with `weight`, `bias`, `running_mean`, `running_var`, and kernels whose axes
//! stand in another order. They differ in how the modules are called.

use std::collections::BTreeMap;

use icecap_graph::{ConvLayer, Part, TOP_BIAS, TOP_KERNEL};

use super::named::Source;
use super::order::AxisOrder;
use crate::Error;
use crate::container::Container;
use crate::shown::shown;

/// BatchNorm's vectors: PyTorch's name of each, and Keras' name.
const BATCH_NORM: [(&str, &str); 4] = [
    ("weight", "gamma"),
    ("bias", "beta"),
    ("running_mean", "moving_mean"),
    ("running_var", "moving_variance"),
];

/// PyTorch's count of the batches that a BatchNorm has seen, which has no part in what it computes.
const COUNTER: &str = "num_batches_tracked";

/// The module names of a convolution and of the BatchNorm behind it.
pub(super) struct Modules {
    pub(super) conv: String,
    pub(super) norm: String,
}

/// The function by which a layout names the modules of the net.
pub(super) type Naming = fn(ConvLayer) -> Modules;

/// Returns where each of Keras' tensors stands in a file whose modules are named by `modules`, with the classification
/// top in the module `top`.
pub(super) fn table(modules: Naming, top: &str) -> BTreeMap<String, Source> {
    let mut table = BTreeMap::new();
    let mut put = |keras: String, name: String, order| table.insert(keras, Source { name, order });
    for layer in ConvLayer::all() {
        let Modules { conv, norm } = modules(layer);
        let order = match layer.part {
            Part::Depthwise => AxisOrder::Depthwise,
            _ => AxisOrder::Convolution,
        };
        put(layer.kernel(), format!("{conv}.weight"), order);
        for (here, keras) in BATCH_NORM {
            put(layer.vector(keras), format!("{norm}.{here}"), AxisOrder::Kept);
        }
    }
    put(TOP_KERNEL.to_owned(), format!("{top}.weight"), AxisOrder::Dense);
    put(TOP_BIAS.to_owned(), format!("{top}.bias"), AxisOrder::Kept);
    table
}

/// The modules that users put their own head in.
const HEADS: [&str; 3] = ["classifier", "fc", "head"];

/// Where a file's tensors stand.
pub(super) struct Found {
    /// By Keras' names.
    pub(super) sources: BTreeMap<String, Source>,
    /// Why what the file has on the net's features cannot be read, where it cannot; its tensors are left out.
    pub(super) unreadable: Option<String>,
}

/// Returns those tensors of `table` that the file has, and under their own names those that are not in the table: the
/// net will refuse these, unless they are of a head.
///
/// # Errors
/// [`Error::Tensor`] for a tensor whose own name is the Keras name of another.
pub(super) fn sources(table: &BTreeMap<String, Source>, file: &Container<'_>) -> Result<Found, Error> {
    let known: BTreeMap<&str, (&String, AxisOrder)> =
        table.iter().map(|(keras, source)| (source.name.as_str(), (keras, source.order))).collect();
    let is_counter = |name: &&str| {
        let module = name.strip_suffix(COUNTER);
        module.is_some_and(|module| known.contains_key(format!("{module}running_mean").as_str()))
    };
    let (mut sources, mut unreadable) = (BTreeMap::new(), None);
    for name in file.names().filter(|name| !is_counter(name)) {
        let (keras, order) = match known.get(name) {
            Some((keras, order)) => ((*keras).clone(), *order),
            None if name.split_once('.').is_some_and(|(module, _)| HEADS.contains(&module)) => {
                unreadable.get_or_insert_with(|| {
                    format!("'{}' is of another layer than one dense layer", shown(name))
                });
                continue;
            }
            None => (name.to_owned(), AxisOrder::Kept),
        };
        if let Some(twin) = sources.insert(keras, Source { name: name.to_owned(), order }) {
            let reason = format!("the file has it as '{}' too", shown(&twin.name));
            let (path, offset) = (file.path().into(), file.offset(name).unwrap_or(0));
            return Err(Error::Tensor { path, tensor: shown(name), offset, reason });
        }
    }
    Ok(Found { sources, unreadable })
}
