//! `icecap summary`: the layers of a net as Keras lists them, the cap on top, frozen and trainable parameters.

use clap::Args;
use icecap::Backbone;
use icecap::advanced::graph::int8::IntegerNet;
use icecap::advanced::graph::{Layer, LayerKind, layers};
use icecap::advanced::tune::{Norms, Tail};
use icecap::learn::Unfreeze;
use icecap::model::{Head, Precision, Preprocessing};
use serde::Serialize;

use crate::options::input::BackboneOptions;
use crate::options::input_size::InputSize;
use crate::options::overridden::Overridden;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::table::{print, print_json, table};
use crate::terminal::wording::grouped;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    backbone: BackboneOptions,
    /// Side of the input in pixels, or HEIGHTxWIDTH [default: what the weights were made for]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    size: Option<InputSize>,
    /// Units of a hidden dense layer between the features and the classes [default: none]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = crate::options::count::hidden_units)]
    hidden: Option<u32>,
    /// Classes of the head
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 2, value_parser = classes)]
    classes: u32,
    /// Count what learns in a fine-tuning from this block on: block_16 (the last) to block_1, expanded_conv, all, Conv_1
    #[arg(long, value_name = "BLOCK", value_parser = crate::options::training::block)]
    unfreeze: Option<Unfreeze>,
    /// BatchNorm's scale and shift stay as they are in that fine-tuning
    #[arg(long, requires = "unfreeze")]
    freeze_norm: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    layer: String,
    #[serde(rename = "type")]
    kind: &'static str,
    output: String,
    parameters: usize,
    trainable: bool,
    /// How many of the parameters learn: of a BatchNorm at most scale and shift, half of them.
    #[serde(skip)]
    learning: usize,
}

#[derive(Serialize)]
struct Summary {
    weights: Option<String>,
    width: Option<f32>,
    params_sha256: String,
    precision: &'static str,
    input: String,
    layers: Vec<Row>,
    frozen_parameters: usize,
    trainable_parameters: usize,
}

fn classes(text: &str) -> Result<u32, String> {
    let classes = text.parse().ok().filter(|classes| (2..=100_000).contains(classes));
    classes.ok_or_else(|| "use a number of classes from 2 to 100000".to_owned())
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let overridden = Overridden { size: options.size, ..Overridden::default() };
    let backbone = options.backbone.open_in(options.backbone.runner.precision, overridden)?;
    let record = backbone.record();
    let mut input = Preprocessing::for_training(&backbone)?;
    if let Some(InputSize([height, width])) = options.size {
        (input.resize.height, input.resize.width) = (height, width);
    }
    let [height, width] = input.size();
    let spec = backbone.spec();
    let mut all = layers(spec, record.numerics.padding, None, [height, width])?;
    if let Some(integers) = backbone.integers()? {
        all = in_int8(all, &integers.net);
    }
    let hidden = options.hidden.map(|units| units as usize);
    let head = Head::untrained_with(backbone.features(), hidden, options.classes as usize, 0)?;
    if options.unfreeze.is_some() && backbone.precision() != Precision::F32 {
        let message = "--unfreeze: blocks learn in f32, and this net is in int8; leave --precision out, or name other weights";
        return Err(Failure::new(Code::Arguments, message));
    }
    let row = |layer: &str, kind, output: String, parameters, learning| Row {
        layer: layer.to_owned(),
        kind,
        output,
        parameters,
        trainable: learning > 0,
        learning,
    };
    let learned = learned(&backbone, options, [height, width])?;
    let mut rows = vec![row("input", "Input", format!("[1, {height}, {width}, 3]"), 0, 0)];
    rows.extend(
        all.iter()
            .map(|l| row(&l.name, l.kind.name(), l.output.to_string(), l.parameters, learning(l, &learned))),
    );
    rows.extend(head_rows(&head));
    let learning: usize = rows.iter().map(|row| row.learning).sum();
    let parameters: usize = rows.iter().map(|row| row.parameters).sum();
    let summary = Summary {
        weights: record.name.clone(),
        width: record.width,
        params_sha256: record.params_sha256.to_string(),
        precision: backbone.precision().name(),
        input: input.to_string(),
        frozen_parameters: parameters - learning,
        trainable_parameters: learning,
        layers: rows,
    };
    if options.json {
        return print_json(&summary);
    }
    print(&text(&summary))
}

/// The tensors that learn in the fine-tuning that is asked about, by name, each with how many values it has.
fn learned(
    backbone: &Backbone,
    options: &Options,
    size: [usize; 2],
) -> Result<Vec<(String, usize)>, Failure> {
    let Some(from) = options.unfreeze.and_then(Unfreeze::tap) else { return Ok(Vec::new()) };
    let norms = if options.freeze_norm { Norms::Frozen } else { Norms::Trained };
    let tail = Tail::new(&*backbone.params()?, from, size, norms).map_err(icecap::Error::from)?;
    Ok(tail.tensors().into_iter().map(|(name, tensor)| (name, tensor.data().len())).collect())
}

/// How many parameters of a layer of the net learn: those of the tensors that are named after it.
fn learning(layer: &Layer, learned: &[(String, usize)]) -> usize {
    let of = |name: &str| name.rsplit_once('/').is_some_and(|(owner, _)| owner == layer.name);
    learned.iter().filter(|(name, _)| of(name)).map(|(_, values)| values).sum()
}

/// The layers of a head: dropout stands before the last dense one.
fn head_rows(head: &Head) -> Vec<Row> {
    let mut rows = Vec::new();
    let last = head.layers().len() - 1;
    for (index, layer) in head.layers().enumerate() {
        let outputs = layer.bias.data().len();
        let inputs = layer.kernel.data().len() / outputs.max(1);
        let parameters = layer.kernel.data().len() + outputs;
        let row = |layer: &str, kind, width: usize, parameters| Row {
            layer: layer.to_owned(),
            kind,
            output: format!("[1, {width}]"),
            parameters,
            trainable: parameters > 0,
            learning: parameters,
        };
        if index == last {
            rows.push(row("dropout", "Dropout", inputs, 0));
        }
        let name = if index == last { "head" } else { "hidden" };
        rows.push(row(name, LayerKind::Dense { inputs }.name(), outputs, parameters));
        if index != last {
            rows.push(row("hidden_relu", "ReLU", outputs, 0));
        }
    }
    rows
}

/// The layers that a net in int8 has: BatchNorm is in the convolutions, whose numbers are whole.
fn in_int8(layers: Vec<Layer>, net: &IntegerNet) -> Vec<Layer> {
    let convolutions = layers.into_iter().filter(|layer| layer.kind != LayerKind::BatchNorm);
    let counted = |layer: Layer| match layer.convolution.filter(|_| layer.parameters > 0) {
        None => layer,
        Some(of) => {
            let conv = net.conv(of);
            Layer { parameters: conv.weights.len() + conv.bias.len(), ..layer }
        }
    };
    convolutions.map(counted).collect()
}

fn text(summary: &Summary) -> String {
    let lines = summary.layers.iter().map(|row| {
        let parameters = if row.parameters == 0 { String::new() } else { grouped(row.parameters as u64) };
        let trainable = if row.trainable { "trainable" } else { "" };
        vec![row.layer.clone(), row.kind.to_owned(), row.output.clone(), parameters, trainable.to_owned()]
    });
    let table = table(&["layer", "type", "output", "parameters", ""], &[3], lines);
    let width = summary.width.map_or("other".to_owned(), |width| width.to_string());
    format!(
        "MobileNetV2, width {width}, weights {}, in {}\ninput {}\n\n{table}\n\n{} frozen and {} trainable parameters\n",
        summary.weights.as_deref().unwrap_or(&summary.params_sha256[..12]),
        summary.precision,
        summary.input,
        grouped(summary.frozen_parameters as u64),
        grouped(summary.trainable_parameters as u64),
    )
}
