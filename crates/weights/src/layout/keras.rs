//! Keras' own names and shapes, which are the canonical ones here: nothing is renamed or transposed.
//!
//! A file does not state its width multiplier; its shapes do. Each channel count stands in several tensors (the
//! kernel's last axis, four BatchNorm vectors, the input axis of the next kernel), and the count that most of
//! them agree on is taken. So a single wrong tensor cannot move the whole net to another width, and it is that
//! tensor that the error names, not its hundred neighbours.

use std::collections::BTreeMap;

use icecap_graph::{BATCH_NORM, BLOCKS, Spec};
use icecap_kernels::{Shape, Tensor, Threads};

use super::HEAD_PREFIX;
use crate::Error;
use crate::safetensors::File;

const TOP_KERNEL: &str = "predictions/kernel";
const TOP_BIAS: &str = "predictions/bias";

/// Whether Keras' MobileNetV2 has a layer of this tensor's name, as far as its start tells.
pub(super) fn owns(name: &str) -> bool {
    let layer = name.split_once('/').map(|(layer, _)| layer);
    layer.is_some_and(|layer| {
        matches!(layer, "Conv1" | "bn_Conv1" | "Conv_1" | "Conv_1_bn" | "predictions")
            || layer.starts_with("expanded_conv_")
            || layer.starts_with("block_")
    })
}

pub(super) fn read(file: &File<'_>, threads: &Threads) -> Result<(Spec, BTreeMap<String, Tensor>), Error> {
    let spec = spec(file)?;
    check_top(file, spec.feature_channels())?;
    let names = file.names().filter(|name| !name.starts_with(HEAD_PREFIX));
    Ok((spec, file.tensors(names, threads)?))
}

fn spec(file: &File<'_>) -> Result<Spec, Error> {
    let prefix = |block: usize| match block {
        0 => "expanded_conv".to_owned(),
        _ => format!("block_{block}"),
    };
    let stem = channels(file, "Conv1", "bn_Conv1", ("expanded_conv_depthwise/kernel", 2))?;
    let outputs: Result<Vec<usize>, Error> = (0..BLOCKS)
        .map(|block| {
            let project = format!("{}_project", prefix(block));
            let next = match block + 1 {
                BLOCKS => "Conv_1/kernel".to_owned(),
                next => format!("{}_expand/kernel", prefix(next)),
            };
            channels(file, &project, &format!("{project}_BN"), (&next, 2))
        })
        .collect();
    let head = channels(file, "Conv_1", "Conv_1_bn", (TOP_KERNEL, 0))?;
    Spec::from_channels(stem, &outputs?, head).map_err(|source| Error::Net {
        path: file.path().into(),
        offset: None,
        source: Box::new(source),
    })
}

/// Channels that leave the convolution `conv`: what most of the tensors that hold this count say, the kernel
/// first where they are of two minds. `next` is the tensor, and its axis, that takes these channels in.
fn channels(file: &File<'_>, conv: &str, norm: &str, next: (&str, usize)) -> Result<usize, Error> {
    let axis = |name: &str, rank: usize, axis: usize| {
        file.shape(name).filter(|shape| shape.rank() == rank).map(|shape| shape.dims()[axis])
    };
    let kernel = format!("{conv}/kernel");
    let vectors = BATCH_NORM.map(|variable| axis(&format!("{norm}/{variable}"), 1, 0));
    let next = axis(next.0, if next.1 == 0 { 2 } else { 4 }, next.1);
    let told: Vec<usize> = [axis(&kernel, 4, 3)].into_iter().chain(vectors).chain([next]).flatten().collect();
    let votes = |count: &usize| told.iter().filter(|other| *other == count).count();
    // The last of equals wins a `max_by_key`: from the back, that is the kernel.
    let most = told.iter().rev().max_by_key(|count| votes(count));
    most.copied().ok_or_else(|| Error::MissingTensor { path: file.path().into(), tensor: kernel })
}

/// Where a file has one of the top's tensors, it needs both, and they must fit: the number of classes stands
/// nowhere else.
fn check_top(file: &File<'_>, features: usize) -> Result<(), Error> {
    let missing = |tensor: &str| Error::MissingTensor { path: file.path().into(), tensor: tensor.to_owned() };
    let (kernel, bias) = match (file.shape(TOP_KERNEL), file.shape(TOP_BIAS)) {
        (None, None) => return Ok(()),
        (Some(_), None) => return Err(missing(TOP_BIAS)),
        (None, Some(_)) => return Err(missing(TOP_KERNEL)),
        (Some(kernel), Some(bias)) => (kernel, bias),
    };
    let classes = bias.dims().first().copied().unwrap_or(0);
    if classes == 0 || bias != Shape::of([classes]) || kernel.dims() != [features, classes] {
        let (kernel, bias) = (kernel.to_string(), bias.to_string());
        return Err(Error::Top { path: file.path().into(), kernel, bias, features });
    }
    Ok(())
}
