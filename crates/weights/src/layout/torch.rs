//! Files of PyTorch's layouts: which of their tensors are the net's, which make a head, and which are neither.

use std::collections::BTreeMap;

use icecap_graph::{ConvLayer, INPUT_CHANNELS, Scaling, TOP_BIAS, TOP_KERNEL};
use icecap_kernels::Shape;

use super::kind::Layout;
use super::named::Source;
use super::naming::COUNTER;
use super::nets::FoundNet;
use super::order::AxisOrder;
use super::timm;
use super::torch_head::{Given, Head};
use crate::container::Container;
use crate::shown::shown;
use crate::{Activation, Error, FileHead};

/// Modules that only a training has, whose tensors are no part of what a net computes.
const TRAINING: [&str; 8] =
    ["criterion", "loss", "losses", "loss_fn", "loss_func", "metric", "metrics", "accuracy"];
/// Ends of the names of such modules.
const TRAINING_ENDS: [&str; 6] = ["_loss", "_criterion", "_metric", "_metrics", "_acc", "_accuracy"];

/// A net in a file, and what else is known of the file.
pub(super) struct Place<'f> {
    pub(super) file: &'f Container<'f>,
    pub(super) net: &'f FoundNet,
    /// Other nets in the file.
    pub(super) beside: &'f [FoundNet],
    /// The activation of a head that does not tell its own.
    pub(super) activation: Option<Activation>,
}

/// Where a file's tensors stand.
pub(super) struct Found {
    /// By Keras' names.
    pub(super) sources: BTreeMap<String, Source>,
    /// Where those of a whole net stand.
    pub(super) table: BTreeMap<String, Source>,
    pub(super) head: FileHead,
    /// The scaling of pixels that the model does itself.
    pub(super) scaling: Option<Scaling>,
    pub(super) notes: Vec<String>,
}

/// What PyTorch calls the parts of a net that learn ranges for quantization.
const QUANTIZATION: [&str; 2] = ["fake_quant", "activation_post_process"];
/// What it calls values that a layer's weights are computed from.
const ORIGINALS: [&str; 3] = [".weight_orig", ".parametrizations.", ".weight_v"];

/// A file's tensors by what they belong to.
#[derive(Default)]
struct Sorted {
    /// The net's, by Keras' names.
    sources: BTreeMap<String, Source>,
    /// What may make a head.
    tensors: BTreeMap<String, Shape>,
    /// The names of those of the training.
    training: Vec<String>,
    /// A kernel beside the net whose values are of a type that is not read.
    unread: Option<String>,
}

impl Place<'_> {
    /// Returns the net's tensors that the file has, and under their own names those that the net should not have: it will
    /// refuse these.
    ///
    /// # Errors
    /// [`Error::Tensor`] for a tensor whose own name is the Keras name of another, and for blocks that MobileNetV2 does not
    /// have.
    pub(super) fn read(&self) -> Result<Found, Error> {
        let file = self.file;
        let table = self.net.naming.table(&self.net.root);
        self.check_statistics(&table)?;
        let Sorted { mut sources, mut tensors, training, unread } = self.sorted(&table)?;
        let mut notes = Vec::new();
        if !training.is_empty() {
            notes.push(format!("{} of the training was passed over", training.join(", ")));
        }
        let scaling = self.scaling(&mut tensors, &mut notes);
        let features =
            sources.get(&ConvLayer::LAST.kernel()).and_then(|last: &Source| file.shape(&last.name));
        let features = features.and_then(|shape| shape.dims().first().copied()).unwrap_or(0);
        let given = Given { file, tensors, features, activation: self.activation };
        let Head { head, top, notes: told } = match unread {
            Some(name) => Head::unreadable(format!(
                "'{}' is {}, which is not read; save values of f32, or f16",
                shown(&name),
                shown(file.dtype(&name).unwrap_or_default())
            )),
            None => given.read(),
        };
        if head.unreadable().is_some() {
            self.check_colors(&given.tensors)?;
        }
        notes.extend(told);
        if let Some((module, bias)) = top {
            let of = |variable: &str| match &*module {
                "" => variable.to_owned(),
                module => format!("{module}.{variable}"),
            };
            let kernel = Source { name: of("weight"), order: AxisOrder::Dense };
            insert(file, &mut sources, TOP_KERNEL.to_owned(), kernel)?;
            if bias {
                insert(file, &mut sources, TOP_BIAS.to_owned(), Source::kept(&of("bias")))?;
            }
        }
        Ok(Found { sources, table, head, scaling, notes })
    }

    /// Tells the net's tensors from all others.
    fn sorted(&self, table: &BTreeMap<String, Source>) -> Result<Sorted, Error> {
        let (file, net) = (self.file, self.net);
        let known: BTreeMap<&str, (&String, AxisOrder)> =
            table.iter().map(|(keras, source)| (source.name.as_str(), (keras, source.order))).collect();
        let features = table.get(&ConvLayer::LAST.kernel()).and_then(|source| file.shape(&source.name));
        let features = features.and_then(|shape| shape.dims().first().copied());
        let mut sorted = Sorted::default();
        for name in file.names().filter(|name| name.rsplit('.').next() != Some(COUNTER)) {
            let (keras, order) = match known.get(name) {
                Some((keras, order)) => ((*keras).clone(), *order),
                None if net.naming.is_of_net(&net.root, name) => {
                    self.check_depth(name)?;
                    (name.to_owned(), AxisOrder::Kept)
                }
                None => {
                    if self.is_of_another(name) {
                        continue;
                    }
                    if !file.is_float(name) {
                        // Counts and masks are passed over, and a kernel is none.
                        let is_kernel = file.shape(name).is_some_and(|shape| shape.rank() > 1)
                            && name.ends_with("weight");
                        sorted.unread = sorted.unread.or(is_kernel.then(|| name.to_owned()));
                        continue;
                    }
                    match file.shape(name) {
                        _ if is_of_training(name) => sorted.training.push(shown(name)),
                        // What makes three colors of something else stands before the net: it is refused as a part of it.
                        Some(shape) if makes_colors(shape, features) => {
                            insert(file, &mut sorted.sources, name.to_owned(), Source::kept(name))?;
                        }
                        shape => sorted.tensors.extend(shape.map(|shape| (name.to_owned(), shape))),
                    }
                    continue;
                }
            };
            insert(file, &mut sorted.sources, keras, Source { name: name.to_owned(), order })?;
        }
        Ok(sorted)
    }

    /// Whether a tensor belongs to another model in the file: the one with the longest name that stands before it owns it.
    fn is_of_another(&self, name: &str) -> bool {
        let length = |net: &FoundNet| net.has(name).then(|| net.model().len());
        let others = self.beside.iter().filter_map(length).max();
        others.is_some_and(|other| length(self.net).is_none_or(|own| own < other))
    }

    /// Refuses a net without any of BatchNorm's statistics by what it lacks.
    fn check_statistics(&self, table: &BTreeMap<String, Source>) -> Result<(), Error> {
        const STATISTICS: &str = ".running_mean";
        let mut means = table.values().map(|source| &source.name).filter(|name| name.ends_with(STATISTICS));
        let first = means.next().filter(|_| self.net.is_most_of_it());
        let Some(first) = first.filter(|first| self.file.shape(first).is_none()) else { return Ok(()) };
        if means.any(|name| self.file.shape(name).is_some()) {
            return Ok(());
        }
        Err(Error::Tensor {
            path: self.file.path().into(),
            tensor: shown(first),
            offset: 0,
            reason: "it is missing, as are all statistics of BatchNorm: the parameters alone make no net; save the whole \
                     `model.state_dict()`"
                .to_owned(),
        })
    }

    /// Refuses a BatchNorm of three colors, which can stand before the net alone where it fits no head.
    fn check_colors(&self, tensors: &BTreeMap<String, Shape>) -> Result<(), Error> {
        let is = |(name, shape): &(&String, &Shape)| {
            shape.dims() == [INPUT_CHANNELS] && name.rsplit('.').next() == Some("running_mean")
        };
        let Some((name, _)) = tensors.iter().find(is) else { return Ok(()) };
        Err(Error::Tensor {
            path: self.file.path().into(),
            tensor: shown(name),
            offset: self.file.offset(name).unwrap_or(0),
            reason: "it is of a BatchNorm of three colors before the net, which is not followed; save the net without it, and \
                     scale pixels as it does: (x - running_mean) / sqrt(running_var + 1e-5) * weight + bias"
                .to_owned(),
        })
    }

    /// Takes the mean and the deviation of three colors out of `tensors`, by which a model normalizes its pixels itself: of
    /// pixels from 0 to 1 if they are so small, else of those from 0 to 255.
    fn scaling(&self, tensors: &mut BTreeMap<String, Shape>, notes: &mut Vec<String>) -> Option<Scaling> {
        let of_colors = |name: &str| {
            tensors.get(name).filter(|shape| shape.elements() == INPUT_CHANNELS)?;
            self.file.tensor(name).ok()?.data().try_into().ok()
        };
        let (mean_name, std_name) = tensors.keys().find_map(|name| {
            let module =
                name.strip_suffix("mean").filter(|module| module.is_empty() || module.ends_with('.'))?;
            let std = format!("{module}std");
            (of_colors(name).is_some() && of_colors(&std).is_some()).then(|| (name.clone(), std))
        })?;
        let (mean, std): ([f32; 3], [f32; 3]) = (of_colors(&mean_name)?, of_colors(&std_name)?);
        let scaling = if mean.iter().all(|mean| mean.abs() <= 1.5) {
            Scaling::mean_std(mean, std)
        } else {
            Scaling {
                scale: std.map(|std| 1.0 / std),
                shift: [0, 1, 2].map(|color| -mean[color] / std[color]),
            }
        };
        notes.push(format!(
            "pixels are normalized by '{}' and '{}' of the file",
            shown(&mean_name),
            shown(&std_name)
        ));
        tensors.remove(&mean_name);
        tensors.remove(&std_name);
        Some(scaling)
    }

    /// Refuses a block that MobileNetV2 does not have by what it is, and what only a net has that rounds as it computes.
    fn check_depth(&self, name: &str) -> Result<(), Error> {
        let below = name.strip_prefix(&*self.net.root).unwrap_or(name);
        let has = |modules: &[&str]| modules.iter().any(|module| below.contains(module));
        let reason = if has(&QUANTIZATION) {
            "it is of a training for quantization, whose net rounds what it computes; save the `state_dict()` of a net that was \
             not prepared for that (`prepare_qat`)"
        } else if has(&ORIGINALS) {
            "the layer computes its weights from this and from others (pruning, a norm of weights); make them plain in Python, \
             with `prune.remove`, `remove_weight_norm` or `remove_parametrizations`, and save the `state_dict()` then"
        } else {
            ""
        };
        if !reason.is_empty() {
            return Err(Error::Tensor {
                path: self.file.path().into(),
                tensor: shown(name),
                offset: self.file.offset(name).unwrap_or(0),
                reason: reason.to_owned(),
            });
        }
        match timm::extra_block(below).filter(|_| self.net.layout() == Layout::Timm) {
            Some(block) => Err(Error::Tensor {
                path: self.file.path().into(),
                tensor: shown(name),
                offset: self.file.offset(name).unwrap_or(0),
                reason: format!(
                    "'{block}' is a block more than MobileNetV2 has: the net is a deeper one, such as timm's \
                     mobilenetv2_110d and mobilenetv2_120d; take mobilenetv2_100 or mobilenetv2_140"
                ),
            }),
            None => Ok(()),
        }
    }
}

fn insert(
    file: &Container<'_>,
    sources: &mut BTreeMap<String, Source>,
    keras: String,
    source: Source,
) -> Result<(), Error> {
    let name = source.name.clone();
    match sources.insert(keras, source) {
        Some(twin) => {
            let reason = format!("the file has it as '{}' too", shown(&twin.name));
            let (path, offset) = (file.path().into(), file.offset(&name).unwrap_or(0));
            Err(Error::Tensor { path, tensor: shown(&name), offset, reason })
        }
        None => Ok(()),
    }
}

/// Whether a kernel makes three colors of something else than features, of which it would make three classes.
fn makes_colors(shape: Shape, features: Option<usize>) -> bool {
    matches!(*shape.dims(), [INPUT_CHANNELS, inputs, _, _] if Some(inputs) != features)
}

/// Whether a tensor is of a module that only a training has.
fn is_of_training(name: &str) -> bool {
    let mut modules = name.rsplit('.').skip(1).map(str::to_ascii_lowercase);
    modules
        .any(|module| TRAINING.contains(&&*module) || TRAINING_ENDS.iter().any(|end| module.ends_with(end)))
}
