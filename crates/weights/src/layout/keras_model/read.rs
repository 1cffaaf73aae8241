//! A whole description, read.

use icecap_graph::{BATCH_NORM, MAX_SIDE, MIN_SIDE, Padding, Part, Scaling, TOP_BIAS, TOP_KERNEL};
use icecap_kernels::jpeg::Dct;
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
use crate::layout::described::{Described, Stated};
use crate::layout::named::Source;
use crate::record::key;
use crate::{NOTES_OF_SCALING, NOTES_OF_SIZE, vocabulary};

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
    let windows = windows(&graph, &net, &input)?;
    let map = windows.map.map(|sides| sides.map(|side| side as u64));
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
    state(&graph, &input, windows.padding, &mut described);
    state_net(&graph, &net, input.size.is_some(), &mut described);
    Ok(described)
}

/// The side of inputs of models that state none: what MobileNetV2 was published for.
const USUAL_SIDE: usize = 224;

/// Zeros at the bottom and right alone.
const TRAILING: Padded = Padded::By([[0, 1]; 2]);

/// How the net's windows are padded, and the rows and columns of its map of features where the input's are stated.
struct Windows {
    padding: Padding,
    map: Option<[usize; 2]>,
}

/// # Errors
/// An input of a size that the net cannot have; a window that is padded as none of our nets pads it.
fn windows(graph: &Graph<'_>, net: &Base, input: &Input) -> Result<Windows, Refusal> {
    let range = MIN_SIDE as u64..=MAX_SIDE as u64;
    let told = |[rows, columns]: [u64; 2]| format!("{rows}x{columns}");
    if let Some(size) = input.size.filter(|sides| sides.iter().any(|side| !range.contains(side))) {
        let reason = format!("its input of {} pixels is none of {MIN_SIDE} to {MAX_SIDE}", told(size));
        return Err(graph.layers.refuse(0, reason));
    }
    let mut refused = None;
    // Where a net is padded as two rules say, the first is the usual one.
    let rules = [Padding::Same, Padding::Trailing];
    for padding in if input.size.is_some() { rules } else { [Padding::Trailing, Padding::Same] } {
        let mut at = input.size.map(|sides| sides.map(|side| side as usize));
        let wrong = net.convolutions.iter().find(|found| {
            let Some(padded) = found.padding else { return false };
            let is_stem = found.layer.part == Part::Stem;
            let rule = if is_stem { padding.of_stem() } else { padding };
            // The first window, too, may have its zeros from a layer, in nets of before 2020.
            let fits =
                fits(padded, rule, at, found.stride) || (is_stem && at.is_none() && padded == TRAILING);
            at = at.map(|sides| {
                sides.map(|side| {
                    let (before, behind) = rule.amounts(side, found.stride);
                    ((side + before + behind).saturating_sub(3)) / found.stride + 1
                })
            });
            !fits
        });
        match wrong {
            None => return Ok(Windows { padding, map: at }),
            Some(found) => refused = refused.or(Some(found)),
        }
    }
    let layer = refused.map_or(0, |found| found.pad);
    let size = input.size.map_or("any size".to_owned(), told);
    let reason = format!(
        "padding that is not that of a MobileNetV2 which Keras built for an input of {size}; build the net for that size, and \
         set its weights from this one"
    );
    Err(graph.layers.refuse(layer, reason))
}

/// Whether a window over an image of these sides, if they are known, is padded as a rule says.
fn fits(padded: Padded, rule: Padding, sides: Option<[usize; 2]>, stride: usize) -> bool {
    let wanted = |rule: Padding, side: usize| {
        let (before, behind) = rule.amounts(side, stride);
        [before as u64, behind as u64]
    };
    match (padded, sides) {
        (Padded::Same, Some(sides)) => {
            sides.map(|side| wanted(rule, side)) == sides.map(|side| wanted(Padding::Same, side))
        }
        (Padded::By(zeros), Some(sides)) => zeros == sides.map(|side| wanted(rule, side)),
        // Of any side: `same` is no fixed number of zeros where there is a stride.
        (Padded::Same, None) => rule == Padding::Same || stride == 1,
        (Padded::By(zeros), None) => rule == Padding::Trailing && zeros == [[0, 1]; 2],
    }
}

/// Fills in what the record has of the description, and what the person should know.
fn state(graph: &Graph<'_>, input: &Input, padding: Padding, described: &mut Described) {
    let mut put = |key: &'static str, text: String| described.texts.push((key, text));
    put(key::PADDING, vocabulary::padding_text(padding).to_owned());
    if input.scales {
        let scaling = Scaling {
            scale: input.scale.map(|scale| scale as f32),
            shift: input.shift.map(|shift| shift as f32),
        };
        put(key::SCALING, vocabulary::scaling_text(&scaling));
    } else {
        described.notes.push(format!(
            "{}; -1..1 is taken, to which Keras' preprocess_input scales them",
            NOTES_OF_SCALING[0]
        ));
    }
    // Keras reads folders by TensorFlow's decoder.
    put(key::DCT, Dct::Fast.to_string());
    match input.size {
        Some(size) => {
            put(key::SIZE, vocabulary::size_text(size.map(|side| side as usize)));
            put(key::RESIZE, input.resize.clone().unwrap_or_else(|| "squash".to_owned()));
        }
        None => {
            let size = vocabulary::size_text([USUAL_SIDE; 2]);
            described.notes.push(format!("{}; {size}x{size} is taken", NOTES_OF_SIZE[0]));
            put(key::SIZE, size);
        }
    }
    let types = graph.layers.0.iter().filter_map(|layer| dtype(layer.config));
    let mut low: Vec<&str> = types.filter(|name| name.contains("float16")).collect();
    low.dedup();
    if let Some(name) = low.first() {
        described.notes.push(format!("the model computes in {name}; here it is computed in f32"));
    }
    described.stated.extend(input.stated.iter().cloned());
}

fn state_net(graph: &Graph<'_>, net: &Base, is_sized: bool, described: &mut Described) {
    described.texts.push((key::EPSILON, (net.epsilon as f32).to_string()));
    let norm = net.convolutions[0].norm;
    described.stated.push(Stated {
        layer: graph.layers.path(norm),
        class: graph.layers.0[norm].class.to_owned(),
        text: format!("epsilon {}", net.epsilon),
    });
    if !is_sized && net.convolutions[0].padding == Some(TRAILING) {
        described.notes.push(
            "the first convolution of the model pads inputs of an odd size otherwise than is done here"
                .to_owned(),
        );
    }
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
