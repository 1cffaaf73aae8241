//! Keras' own names and shapes, which are the canonical ones here: nothing is transposed, and names are only freed of
//! what the way of saving put around them.
//!
//! | saved as | a name in the file |
//! |---|---|
//! | safetensors | `Conv1/kernel` |
//! | weights of Keras 2, `.h5` | `Conv1/Conv1/kernel:0`, `block_1_depthwise/block_1_depthwise/depthwise_kernel:0` |
//! | the net inside a user's model | `mobilenetv2_1.00_160/Conv1/kernel:0` |
//! | `.weights.h5`, `.keras` | `layers/conv2d/vars/0`, where the group `layers/conv2d/vars` may say that it is `Conv1` |
//!
//! Keras 3 numbers the layers of a model class by class, in the model's order. Where no group says which layer it is,
//! the number does: the n-th `conv2d` is the n-th of MobileNetV2's convolutions.
//!
//! A user's own classifier on the net is one dense layer on the pooled features, whatever it is called: it becomes
//! `predictions`. Other layers of vectors and matrices are a head that cannot be read; a convolution that is none of the
//! net's stays under its own name, and is refused by it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use icecap_graph::{BATCH_NORM, ConvLayer, Part, TOP_KERNEL};

use super::kind::HEAD_PREFIX;
use super::named::Source;
use crate::container::Container;
use crate::error::Error;
use crate::shown::shown;

/// The group in which Keras 3 keeps a layer's variables, each under a number.
const VARIABLES: &str = "vars";
/// The layer of the classification top.
const TOP: &str = "predictions";
/// The groups of what Keras keeps beside the weights: the state of training, which no inference needs.
const STATE: [&str; 8] = [
    "optimizer",
    "optimizer_weights",
    "metrics",
    "_metrics",
    "compile_metrics",
    "_compile_metrics",
    "loss_tracker",
    "_loss_tracker",
];
/// The group in which Keras keeps the state of a random layer.
const SEED: &str = "seed_generator";

/// A tensor's name taken apart.
struct Place<'n> {
    /// The part before the variable.
    group: &'n str,
    /// The layer's name, or the one that Keras 3 makes of its class and a number.
    layer: &'n str,
    variable: &'n str,
    /// Whether the variable has a number for its name.
    numbered: bool,
}

impl<'n> Place<'n> {
    fn of(name: &'n str) -> Option<Self> {
        let (group, variable) = name.rsplit_once(['/', '\\'])?;
        let variable = variable.strip_suffix(":0").unwrap_or(variable);
        let (above, last) = group.rsplit_once(['/', '\\']).unwrap_or(("", group));
        let numbered = last == VARIABLES;
        let layer = if numbered { above.rsplit(['/', '\\']).next().unwrap_or_default() } else { last };
        Some(Self { group, layer, variable, numbered })
    }

    /// Returns the groups around the layer: its number counts the layers in these.
    fn model(&self) -> &'n str {
        let layer = self.group.strip_suffix(VARIABLES).filter(|_| self.numbered).unwrap_or(self.group);
        layer.trim_end_matches(['/', '\\']).strip_suffix(self.layer).unwrap_or_default()
    }

    /// Returns Keras' name of the variable; a number picks it from `names`.
    fn variable(&self, names: &[&'n str]) -> &'n str {
        let number = self.numbered.then(|| self.variable.parse::<usize>().ok()).flatten();
        match (number.and_then(|number| names.get(number)), self.variable) {
            (Some(name), _) => name,
            (None, "depthwise_kernel") => "kernel",
            (None, variable) => variable,
        }
    }
}

/// Kinds of layers with weights, as Keras 3 calls their groups.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Convolution,
    Depthwise,
    BatchNorm,
    Dense,
}

impl Class {
    /// Reads a group's name as a class and a number.
    fn numbered(group: &str) -> Option<(Self, u32)> {
        let (name, number) = match group.rsplit_once('_') {
            Some((name, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                (name, digits.parse().ok()?)
            }
            _ => (group, 0),
        };
        let class = match name {
            "conv2d" => Self::Convolution,
            "depthwise_conv2d" => Self::Depthwise,
            "batch_normalization" => Self::BatchNorm,
            "dense" => Self::Dense,
            _ => return None,
        };
        Some((class, number))
    }

    /// Returns the class of a convolution of the net.
    fn of_part(part: Part) -> Self {
        match part {
            Part::Depthwise => Self::Depthwise,
            Part::Stem | Part::Expand | Part::Project | Part::Last => Self::Convolution,
        }
    }

    /// Returns the class of a layer that is named as one of the net's, as far as the end of its name tells.
    fn of(layer: &str) -> Self {
        match layer {
            TOP => Self::Dense,
            _ if layer == "bn_Conv1" || layer.ends_with("_bn") || layer.ends_with("_BN") => Self::BatchNorm,
            _ if layer.ends_with("_depthwise") => Self::Depthwise,
            _ => Self::Convolution,
        }
    }

    /// Returns the variables of a layer of this class in the order of their numbers.
    fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Convolution | Self::Depthwise | Self::Dense => &["kernel", "bias"],
            Self::BatchNorm => &BATCH_NORM,
        }
    }
}

/// Whether a layer is named as one of Keras' MobileNetV2, as far as the beginning of its name tells: an eighteenth
/// block is then refused by its own name.
fn is_layer(layer: &str) -> bool {
    matches!(layer, "Conv1" | "bn_Conv1" | "Conv_1" | "Conv_1_bn" | TOP)
        || layer.starts_with("expanded_conv_")
        || layer.starts_with("block_")
}

/// Whether Keras' MobileNetV2 has a tensor of this name, as far as the name of its layer tells.
pub(super) fn owns(name: &str) -> bool {
    Place::of(name).is_some_and(|place| {
        is_layer(place.layer) || (place.numbered && Class::numbered(place.layer).is_some())
    })
}

/// Whether a tensor is state of training or of a random layer.
fn is_state(name: &str) -> bool {
    let mut groups = name.split(['/', '\\']);
    groups.next().is_some_and(|first| STATE.contains(&first)) || groups.any(|group| group.starts_with(SEED))
}

/// Where a file's tensors stand.
pub(super) struct Found {
    /// By Keras' names.
    pub(super) sources: BTreeMap<String, Source>,
    /// Why what the file has on the net's features cannot be read, where it cannot; its tensors are left out.
    pub(super) unreadable: Option<String>,
}

/// Finds a file's tensors by Keras' names.
///
/// # Errors
/// [`Error::Tensor`] if two tensors have the same such name.
pub(super) fn sources(file: &Container<'_>) -> Result<Found, Error> {
    let names: Vec<&str> =
        file.names().filter(|name| !name.starts_with(HEAD_PREFIX) && !is_state(name)).collect();
    let places = numbered(file, &names);
    let mut sources = BTreeMap::new();
    let mut others = Vec::new();
    for name in names {
        let Some(place) = Place::of(name) else {
            insert(file, &mut sources, name.to_owned(), name)?;
            continue;
        };
        let stored = if place.numbered { file.metadata().get(place.group).map(String::as_str) } else { None };
        let layer = match (stored, place.numbered) {
            (Some(stored), _) => Some(stored),
            (None, true) => places.get(place.group).map(String::as_str),
            (None, false) => Some(place.layer),
        };
        match layer.filter(|layer| is_layer(layer)) {
            Some(layer) => {
                let variable = place.variable(Class::of(layer).variables());
                insert(file, &mut sources, format!("{layer}/{variable}"), name)?;
            }
            None => others.push((name, place)),
        }
    }
    let top = top(file, &sources, &others);
    let mut unreadable = top.as_ref().err().cloned();
    for (name, place) in others {
        match top {
            Ok(Some(group)) if group == place.group => {
                let canonical = format!("{TOP}/{}", place.variable(Class::Dense.variables()));
                insert(file, &mut sources, canonical, name)?;
            }
            _ if is_of_head(file, name, &place) => {
                let reason =
                    || format!("'{}' is of another layer than one dense layer on the features", shown(name));
                unreadable.get_or_insert_with(reason);
            }
            // A convolution or a normalization may stand before the net, which then sees something else than a photo.
            _ => insert(file, &mut sources, name.to_owned(), name)?,
        }
    }
    Ok(Found { sources, unreadable })
}

/// Whether a tensor that is none of the net's is of a dense layer or a BatchNorm, which work on pooled features.
fn is_of_head(file: &Container<'_>, name: &str, place: &Place<'_>) -> bool {
    let rank = file.shape(name).map_or(0, |shape| shape.rank());
    match Class::numbered(place.layer).filter(|_| place.numbered) {
        Some((Class::Dense | Class::BatchNorm, _)) => rank <= 2,
        Some(_) => false,
        None => match place.variable {
            "kernel" => rank == 2,
            // The bias of a convolution is passed over with a kernel that is refused.
            "bias" => rank == 1,
            variable => BATCH_NORM.contains(&variable) && rank == 1,
        },
    }
}

fn insert(
    file: &Container<'_>,
    sources: &mut BTreeMap<String, Source>,
    canonical: String,
    name: &str,
) -> Result<(), Error> {
    match sources.entry(canonical) {
        Entry::Vacant(place) => {
            place.insert(Source::kept(name));
            Ok(())
        }
        Entry::Occupied(place) => {
            let (canonical, other) = (shown(place.key()), shown(&place.get().name));
            Err(refuse(
                file,
                name,
                format!("it is Keras' '{canonical}', and so is '{other}'; keep one net in the file"),
            ))
        }
    }
}

fn refuse(file: &Container<'_>, name: &str, reason: String) -> Error {
    let offset = file.offset(name).unwrap_or_default();
    Error::Tensor { path: file.path().into(), tensor: shown(name), offset, reason }
}

/// Returns the net's layers by the groups of their variables, told from the numbers in the groups' names: in each
/// model, the n-th group of a class is the net's n-th layer of that class.
fn numbered(file: &Container<'_>, names: &[&str]) -> BTreeMap<String, String> {
    let mut groups: BTreeMap<(&str, Class), BTreeMap<u32, &str>> = BTreeMap::new();
    for name in names {
        let Some(place) = Place::of(name).filter(|place| place.numbered) else { continue };
        let Some((class, number)) = Class::numbered(place.layer) else { continue };
        if !file.metadata().contains_key(place.group) && class != Class::Dense {
            groups.entry((place.model(), class)).or_default().insert(number, place.group);
        }
    }
    let layers: Vec<(Class, String)> = ConvLayer::all()
        .flat_map(|layer| [(Class::of_part(layer.part), layer.name()), (Class::BatchNorm, layer.norm())])
        .collect();
    let mut places = BTreeMap::new();
    for ((_, class), groups) in groups {
        let of_class = layers.iter().filter(|(other, _)| *other == class);
        for (group, (_, layer)) in groups.into_values().zip(of_class) {
            places.insert(group.to_owned(), layer.clone());
        }
    }
    places
}

/// Returns the group of the one dense layer that a user put on the net's pooled features; `None` if there is none, and an
/// error if there are several.
fn top<'n>(
    file: &Container<'_>,
    sources: &BTreeMap<String, Source>,
    others: &[(&'n str, Place<'n>)],
) -> Result<Option<&'n str>, String> {
    let shape = |name: &str| file.shape(name);
    let dense: Vec<&(&str, Place<'_>)> = others
        .iter()
        .filter(|(name, place)| {
            let is_kernel = place.variable(Class::Dense.variables()) == "kernel";
            is_kernel && shape(name).is_some_and(|shape| shape.rank() == 2)
        })
        .collect();
    let own = sources.get(TOP_KERNEL).map(|source| source.name.as_str());
    let mut kernels = own.into_iter().chain(dense.iter().map(|(name, _)| *name));
    if let (Some(first), Some(second)) = (kernels.next(), kernels.next()) {
        return Err(format!("'{}' is a dense layer, and so is '{}'", shown(second), shown(first)));
    }
    let features = sources.get(&ConvLayer::LAST.kernel()).and_then(|source| shape(&source.name));
    let features = features.and_then(|shape| shape.dims().last().copied());
    let fits = |(name, _): &&&(&str, Place<'_>)| {
        features.is_some() && shape(name).and_then(|shape| shape.dims().first().copied()) == features
    };
    Ok(dense.first().filter(fits).map(|(_, place)| place.group))
}
