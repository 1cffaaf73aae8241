//! How PyTorch's layouts call the modules of the net, and the tensors in these: `weight`, `bias`, `running_mean`,
//! `running_var`, with kernels whose axes stand in another order than Keras'.
//!
//! Names count from the net's own place in a file on: a wrapper, a training on several devices or a user's own module put
//! more before them, all the same for all of them. That part is called the root.

use std::collections::BTreeMap;

use icecap_graph::{ConvLayer, Part};

use super::kind::Layout;
use super::named::Source;
use super::order::AxisOrder;

/// BatchNorm's vectors: PyTorch's name of each, and Keras' name.
pub(super) const BATCH_NORM: [(&str, &str); 4] = [
    ("weight", "gamma"),
    ("bias", "beta"),
    ("running_mean", "moving_mean"),
    ("running_var", "moving_variance"),
];

/// PyTorch's count of the batches that a BatchNorm has seen, which has no part in what it computes.
pub(super) const COUNTER: &str = "num_batches_tracked";

/// The module names of a convolution and of the BatchNorm behind it.
pub(super) struct Modules {
    pub(super) conv: String,
    pub(super) norm: String,
}

/// One way in which a layout's files name the net.
#[derive(Debug)]
pub(super) struct Naming {
    pub(super) layout: Layout,
    /// The root in a file of the net alone, as it is published.
    pub(super) root: &'static str,
    /// The function that names the modules.
    pub(super) modules: fn(ConvLayer) -> Modules,
    /// Whether a module right below the root is a part of the net. What else stands there belongs to a head.
    pub(super) owns: fn(&str) -> bool,
}

impl Naming {
    /// Returns where each of Keras' tensors stands in a file with this root; the head is not among them.
    pub(super) fn table(&self, root: &str) -> BTreeMap<String, Source> {
        let mut table = BTreeMap::new();
        for layer in ConvLayer::all() {
            let Modules { conv, norm } = (self.modules)(layer);
            let order = match layer.part {
                Part::Depthwise => AxisOrder::Depthwise,
                _ => AxisOrder::Convolution,
            };
            table.insert(layer.kernel(), Source { name: format!("{root}{conv}.weight"), order });
            for (here, keras) in BATCH_NORM {
                let name = format!("{root}{norm}.{here}");
                table.insert(layer.vector(keras), Source { name, order: AxisOrder::Kept });
            }
        }
        table
    }

    /// Returns whether a tensor is one of the net's as far as the module right below the root tells.
    pub(super) fn is_of_net(&self, root: &str, name: &str) -> bool {
        let below = name.strip_prefix(root).and_then(|name| name.split('.').next());
        below.is_some_and(self.owns)
    }
}

/// Whether a module is one of a sequence.
pub(super) fn is_index(module: &str) -> bool {
    !module.is_empty() && module.bytes().all(|byte| byte.is_ascii_digit())
}
