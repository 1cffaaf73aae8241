//! A whole description, read.

use icecap_graph::{BATCH_NORM, MAX_SIDE, MIN_SIDE, Padding, Scaling, TOP_BIAS, TOP_KERNEL, feature_side};
use icecap_kernels::{Shape, Tensor};
use serde_json::Value;

use super::base::{self, Base, Padded};
use super::config::{dtype, flag};
use super::graph::Graph;
use super::head::{self, Does, Head, Output};
use super::input::{self, Input};
use super::path::Path;
use super::refusal::Refusal;
use super::stored::Stored;
use crate::container::Container;
use crate::dense_head::{FileHead, HeadBuilder, HeadOutput};
use crate::layout::described::{Described, Fact};
use crate::layout::named::Source;
use crate::record::key;
use crate::vocabulary;

/// Reads the description of a model whose tensors `file` has.
///
/// # Errors
/// The first layer up to the features that is not followed. A layer behind them makes the head unreadable.
pub(super) fn read(description: &Value, file: &Container<'_>) -> Result<Described, Refusal> {
    let graph = Graph::read(description)?;
    let path = Path::of(&graph)?;
    let stored = Stored::new(&graph.layers, file);
    let (input, at) = input::follow(&graph, &path, &stored)?;
    let net = base::follow(&graph, &path, at)?;
    let mut described = Described::default();
    for found in &net.convolutions {
        let source = Source::kept(stored.tensor(found.conv, "kernel")?);
        described.sources.insert(found.layer.kernel(), source);
        for variable in BATCH_NORM {
            let source = Source::kept(stored.tensor(found.norm, variable)?);
            described.sources.insert(found.layer.vector(variable), source);
        }
    }
    let map = sides(&graph, &net, &input)?.map(|sides| sides.map(|side| feature_side(side as usize) as u64));
    let read = head::follow(&graph, &path, &stored, net.features, map).and_then(|head| {
        head.map_or(Ok(None), |head| Ok(Some((file_head(&graph, &stored, &head, &net)?, head))))
    });
    match read {
        Ok(None) => {}
        Ok(Some((FileHead::Top, head))) => {
            let layer = head.steps[0].layer;
            described.sources.insert(TOP_KERNEL.to_owned(), Source::kept(stored.tensor(layer, "kernel")?));
            if flag(graph.layers.0[layer].config, "use_bias", true) {
                described.sources.insert(TOP_BIAS.to_owned(), Source::kept(stored.tensor(layer, "bias")?));
            }
        }
        Ok(Some((head, _))) => described.head = head,
        Err(refusal) => described.head = FileHead::Unreadable { reason: refusal.told() },
    }
    state(&graph, &input, &net, &mut described);
    Ok(described)
}

/// Rows and columns of the net's input, if they are stated; each window in it is then padded as ours.
fn sides(graph: &Graph<'_>, net: &Base, input: &Input) -> Result<Option<[u64; 2]>, Refusal> {
    let range = MIN_SIDE as u64..=MAX_SIDE as u64;
    if let Some([rows, columns]) = input.size.filter(|sides| sides.iter().any(|side| !range.contains(side))) {
        let reason = format!("its input of {rows}x{columns} pixels is none of {MIN_SIDE} to {MAX_SIDE}");
        return Err(graph.layers.refuse(0, reason));
    }
    let mut at = input.size.map(|sides| sides.map(|side| side as usize));
    for found in &net.convolutions {
        let Some(Padded::By(padding)) = found.padding else {
            at = at.map(|sides| sides.map(|side| side.div_ceil(found.stride)));
            continue;
        };
        let wanted = at.map_or([[0, 1]; 2], |sides| {
            sides.map(|side| {
                let (before, behind) = Padding::Same.amounts(side, found.stride);
                [before as u64, behind as u64]
            })
        });
        if padding != wanted {
            let size =
                input.size.map_or("any size".to_owned(), |[rows, columns]| format!("{rows}x{columns}"));
            let reason = format!(
                "a layer before it pads by {padding:?}, where a MobileNetV2 that was built for an input of {size} pads by \
                 {wanted:?}; build the net for the size of its input, and set its weights from this one"
            );
            return Err(graph.layers.refuse(found.conv, reason));
        }
        at = at.map(|sides| sides.map(|side| side.div_ceil(found.stride)));
    }
    Ok(input.size)
}

/// Fills in what the record has of the description, and what the person should know.
fn state(graph: &Graph<'_>, input: &Input, net: &Base, described: &mut Described) {
    let mut put = |key: &'static str, text: String| described.texts.push((key, text));
    put(key::EPSILON, (net.epsilon as f32).to_string());
    put(key::PADDING, vocabulary::padding_text(Padding::Same).to_owned());
    if input.scales {
        let scaling = Scaling {
            scale: input.scale.map(|scale| scale as f32),
            shift: input.shift.map(|shift| shift as f32),
        };
        put(key::SCALING, vocabulary::scaling_text(&scaling));
    } else {
        described.notes.push(
            "no layer of the model scales its pixels; -1..1 is taken, to which Keras' preprocess_input scales them".to_owned(),
        );
    }
    match input.size {
        Some(size) => {
            put(key::SIZE, vocabulary::size_text(size.map(|side| side as usize)));
            put(key::RESIZE, input.resize.clone().unwrap_or_else(|| "squash".to_owned()));
        }
        None => {
            let pads = net.convolutions.iter().any(|found| matches!(found.padding, Some(Padded::By(_))));
            let sizes =
                if pads { "; of other sizes than multiples of 16 Keras pads it otherwise" } else { "" };
            described.notes.push(format!("the model states no size of its input{sizes}"));
        }
    }
    let types = graph.layers.0.iter().filter_map(|layer| dtype(layer.config));
    let mut low: Vec<&str> = types.filter(|name| name.contains("float16")).collect();
    low.dedup();
    if let Some(name) = low.first() {
        described.notes.push(format!("the model computes in {name}; here it is computed in f32"));
    }
    described.facts.extend(input.facts.iter().cloned());
    let norm = net.convolutions[0].norm;
    described.facts.push(Fact {
        layer: graph.layers.path(norm),
        class: graph.layers.0[norm].class.to_owned(),
        text: format!("epsilon {}", net.epsilon),
    });
}

/// What a head is in our terms; its tensors are read, and all that is linear in it is folded into its dense layers.
fn file_head(
    graph: &Graph<'_>,
    stored: &Stored<'_, '_>,
    head: &Head,
    net: &Base,
) -> Result<FileHead, Refusal> {
    let units = head
        .steps
        .iter()
        .rev()
        .find_map(|step| if let Does::Dense(units) = step.does { Some(units) } else { None });
    let output = match (head.output, units) {
        (Output::Logits, _) => HeadOutput::Logits,
        (Output::Softmax, _) => HeadOutput::Softmax,
        (Output::Sigmoid, Some(1)) => HeadOutput::Sigmoid,
        (Output::Sigmoid, _) => HeadOutput::Sigmoids,
    };
    let is_top = matches!(head.steps.as_slice(), [step] if matches!(step.does, Does::Dense(_)));
    let last = net.convolutions.last().map_or(0, |last| last.conv);
    let file = stored.file();
    let shape = |layer| stored.tensor(layer, "kernel").map(|name| file.shape(name));
    if is_top
        && output != HeadOutput::Sigmoids
        && shape(head.steps[0].layer)?.is_some_and(|shape| shape.rank() == 2)
    {
        return Ok(FileHead::Top);
    }
    let features = shape(last)?.and_then(|shape| shape.dims().last().copied()).unwrap_or(0);
    let mut builder = HeadBuilder::new(features);
    for step in &head.steps {
        let refuse = |reason: String| graph.layers.refuse(step.layer, reason);
        match &step.does {
            Does::Dense(units) => {
                let kernel = matrix(stored, step.layer)?;
                let bias = flag(graph.layers.0[step.layer].config, "use_bias", true);
                let bias = bias.then(|| stored.vector(step.layer, "bias")).transpose()?;
                builder.dense(&kernel, bias.as_deref()).map_err(refuse)?;
                if builder.width() as u64 != *units {
                    return Err(refuse(format!(
                        "it has {units} outputs, and its kernel {}",
                        builder.width()
                    )));
                }
            }
            Does::Affine(affine) => builder.affine(&affine.scale, &affine.offset).map_err(refuse)?,
            Does::Relu => builder.relu().map_err(refuse)?,
            Does::Relu6 => builder.relu6().map_err(refuse)?,
        }
    }
    let layer = head.steps.last().map_or(0, |step| step.layer);
    let head = builder.end(output).map_err(|reason| graph.layers.refuse(layer, reason))?;
    Ok(FileHead::Layers(head))
}

/// The kernel of a dense layer, or of a 1x1 convolution that is one.
fn matrix(stored: &Stored<'_, '_>, layer: usize) -> Result<Tensor, Refusal> {
    let refuse = |reason: String| stored.refuse(layer, reason);
    let name = stored.tensor(layer, "kernel")?;
    let kernel = stored.file().tensor(name).map_err(|error| refuse(error.to_string()))?;
    match kernel.shape().dims() {
        &[1, 1, inputs, outputs] => {
            let mut matrix = Tensor::zeros(Shape::of([inputs, outputs]));
            matrix.data_mut().copy_from_slice(kernel.data());
            Ok(matrix)
        }
        _ => Ok(kernel),
    }
}
