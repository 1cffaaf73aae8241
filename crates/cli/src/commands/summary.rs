//! `icecap summary`: the layers of a net as Keras lists them, the cap on top, frozen and trainable parameters.

use clap::Args;
use icecap::advanced::graph::int8::IntegerNet;
use icecap::advanced::graph::{Layer, LayerKind, layers};
use icecap::model::{Head, Preprocessing};
use serde::Serialize;

use crate::options::input::{BackboneOptions, InputOptions};
use crate::terminal::failure::Failure;
use crate::terminal::table::{print, print_json, table};
use crate::terminal::wording::grouped;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    backbone: BackboneOptions,
    #[command(flatten)]
    input: InputOptions,
    /// Classes of the head
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    classes: u32,
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

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let backbone = options.backbone.open()?;
    let record = backbone.record();
    let input = options.input.over(Preprocessing::for_training(&backbone)?);
    let [height, width] = input.size();
    let spec = backbone.spec();
    let mut all = layers(spec, record.numerics.padding, None, [height, width])?;
    if let Some(integers) = backbone.integers()? {
        all = in_int8(all, &integers.net);
    }
    let head = Head::untrained(backbone.features(), options.classes as usize, 0)?;
    let row = |layer: &str, kind, output: String, parameters, trainable| Row {
        layer: layer.to_owned(),
        kind,
        output,
        parameters,
        trainable,
    };
    let mut rows = vec![row("input", "Input", format!("[1, {height}, {width}, 3]"), 0, false)];
    rows.extend(all.iter().map(|l| row(&l.name, l.kind.name(), l.output.to_string(), l.parameters, false)));
    let features = format!("[1, {}]", backbone.features());
    rows.push(row("dropout", "Dropout", features, 0, false));
    let dense = LayerKind::Dense { inputs: backbone.features() };
    let parameters = head.parameter_count();
    rows.push(row("head", dense.name(), format!("[1, {}]", head.logits()), parameters, true));
    let sum =
        |trainable| rows.iter().filter(|row| row.trainable == trainable).map(|row| row.parameters).sum();
    let summary = Summary {
        weights: record.name.clone(),
        width: record.width,
        params_sha256: record.params_sha256.to_string(),
        precision: backbone.precision().name(),
        input: input.to_string(),
        frozen_parameters: sum(false),
        trainable_parameters: sum(true),
        layers: rows,
    };
    if options.json {
        return print_json(&summary);
    }
    print(&text(&summary))
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
