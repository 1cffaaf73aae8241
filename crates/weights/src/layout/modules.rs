//! What PyTorch's layouts have in common: modules with a `weight`, and kernels whose output channels come first.
//!
//! A layout says what it calls each convolution and the BatchNorm behind it; the rest is the same for all.

use std::collections::BTreeMap;

use icecap_graph::BLOCKS;

use super::{AxisOrder, Source, keras};
use crate::container::Container;

/// Keras' names of a BatchNorm's variables, and PyTorch's.
const NORM: [(&str, &str); 4] = [
    ("gamma", "weight"),
    ("beta", "bias"),
    ("moving_mean", "running_mean"),
    ("moving_variance", "running_var"),
];
/// How many batches a BatchNorm has seen: of no use once it is trained.
const COUNTER: &str = "num_batches_tracked";
const TOP: &str = "predictions";

/// A convolution and the BatchNorm behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The first one.
    Stem,
    /// The one that widens this block; block 0 has none.
    Expand(usize),
    /// The depthwise one of this block.
    Depthwise(usize),
    /// The one that narrows this block.
    Project(usize),
    /// The last one.
    Last,
}

/// What a layout calls its modules.
pub(super) struct Names {
    /// A part's convolution and BatchNorm.
    pub(super) part: fn(Part) -> [String; 2],
    /// The classification top, the usual name first.
    pub(super) tops: &'static [&'static str],
    /// What may stand before every name of a part, or be left out.
    pub(super) prefix: &'static str,
}

/// A tensor of one of Keras' names, and what else it is called.
struct Pair {
    keras: String,
    /// Without the prefix.
    own: String,
    order: AxisOrder,
}

fn parts() -> impl Iterator<Item = Part> {
    let blocks = (0..BLOCKS).flat_map(|block| {
        let expand = (block > 0).then_some(Part::Expand(block));
        expand.into_iter().chain([Part::Depthwise(block), Part::Project(block)])
    });
    std::iter::once(Part::Stem).chain(blocks).chain([Part::Last])
}

/// What Keras calls a part's convolution and BatchNorm.
fn keras_names(part: Part) -> [String; 2] {
    let layer = |block: usize, step: &str| match block {
        0 => format!("expanded_conv_{step}"),
        _ => format!("block_{block}_{step}"),
    };
    let layer = match part {
        Part::Stem => return ["Conv1".to_owned(), "bn_Conv1".to_owned()],
        Part::Last => return ["Conv_1".to_owned(), "Conv_1_bn".to_owned()],
        Part::Expand(block) => layer(block, "expand"),
        Part::Depthwise(block) => layer(block, "depthwise"),
        Part::Project(block) => layer(block, "project"),
    };
    let norm = format!("{layer}_BN");
    [layer, norm]
}

/// The tensors of a part.
fn pairs(part: Part, names: &Names) -> Vec<Pair> {
    let ([keras, keras_norm], [conv, norm]) = (keras_names(part), (names.part)(part));
    let order =
        if matches!(part, Part::Depthwise(_)) { AxisOrder::Depthwise } else { AxisOrder::Convolution };
    let kernel = Pair { keras: format!("{keras}/kernel"), own: format!("{conv}.weight"), order };
    let norm = NORM.iter().map(|(variable, own)| Pair {
        keras: format!("{keras_norm}/{variable}"),
        own: format!("{norm}.{own}"),
        order: AxisOrder::Kept,
    });
    std::iter::once(kernel).chain(norm).collect()
}

fn top_pairs(top: &str) -> [Pair; 2] {
    let pair = |variable: &str, own: &str, order| Pair {
        keras: format!("{TOP}/{variable}"),
        own: format!("{top}.{own}"),
        order,
    };
    [pair("kernel", "weight", AxisOrder::Dense), pair("bias", "bias", AxisOrder::Kept)]
}

/// Where each of Keras' tensors stands in a file. What is none of them keeps its name, for others to refuse.
pub(super) fn sources(file: &Container<'_>, names: &Names) -> BTreeMap<String, Source> {
    let prefix = match file.names().any(|name| name.starts_with(names.prefix)) {
        true => names.prefix,
        false => "",
    };
    let mut known: BTreeMap<String, Pair> = BTreeMap::new();
    for pair in parts().flat_map(|part| pairs(part, names)) {
        known.insert(format!("{prefix}{}", pair.own), pair);
    }
    for pair in names.tops.iter().flat_map(|top| top_pairs(top)) {
        known.insert(pair.own.clone(), pair);
    }
    let counters: Vec<String> =
        parts().map(|part| format!("{prefix}{}.{COUNTER}", (names.part)(part)[1])).collect();
    let mut sources = BTreeMap::new();
    let mut others = Vec::new();
    for name in file.names().filter(|name| !counters.iter().any(|counter| counter == name)) {
        match known.get(name).filter(|pair| !sources.contains_key(&pair.keras)) {
            Some(pair) => {
                let source = Source { name: name.to_owned(), order: pair.order };
                sources.insert(pair.keras.clone(), source);
            }
            None => others.push(name),
        }
    }
    for name in others {
        // Keras' own name would be taken for the tensor.
        let key = if keras::owns(name) { format!("{name} beside others") } else { name.to_owned() };
        sources.insert(key, Source::kept(name));
    }
    sources
}

/// What a layout calls one of Keras' tensors.
pub(super) fn own_name(keras: &str, names: &Names) -> Option<String> {
    let parts = parts().flat_map(|part| pairs(part, names));
    let part = parts.into_iter().find(|pair| pair.keras == keras);
    let top = || names.tops.iter().take(1).flat_map(|top| top_pairs(top)).find(|pair| pair.keras == keras);
    part.map(|pair| format!("{}{}", names.prefix, pair.own)).or_else(|| top().map(|pair| pair.own))
}
