//! `icecap weights inspect`: all that a file says, as far as it can be read.

use std::path::{Path, PathBuf};

use clap::Args;
use icecap::advanced::kernels::{FileBytes, Threads};
use icecap::advanced::weights::{
    BackbonePart, Choices, Container, Digest, Error, FileHead, Inside, MAX_FILE, Model, Record, STARTER,
    Weights, parse_scaling, read_with,
};
use icecap::model::WeightsSource;
use serde::Serialize;

use super::integers::Integers;
use super::trained_head::{TrainedHead, head_of};
use crate::options::input::AveragesOption;
use crate::options::manifest::ManifestOptions;
use crate::store::weights_source::provided;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::pixels;
use crate::terminal::table::{print, print_json, table};
use crate::terminal::wording::{grouped, plain, plain_path};

/// Keys of the metadata that say how a net wants to be used.
const STATED: [&str; 3] = ["scaling", "bn_epsilon", "size"];
/// A key of the metadata that every model of ours has, and no weights.
const MODEL_CLASSES: &str = "classes";

#[derive(Args)]
pub(crate) struct Options {
    /// File of weights, or a name that `icecap weights list` shows
    #[arg(value_name = "FILE|NAME")]
    weights: PathBuf,
    #[command(flatten)]
    averages: AveragesOption,
    #[command(flatten)]
    manifest: ManifestOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    file: String,
    bytes: u64,
    container: &'static str,
    /// The keys of a checkpoint under which the tensors stand, joined by points.
    under: Option<String>,
    /// What stands before the names of the model's tensors.
    prefix: Option<String>,
    /// Classes of objects in a pickle, none of which was made.
    passed_over: Vec<String>,
    file_sha256: String,
    /// What the net's tensors and the metadata say; `None` if they make no net.
    net: Option<Net>,
    /// The reason why they make no net.
    no_net: Option<String>,
    metadata: Vec<(String, String)>,
    values: u64,
    tensors: Vec<Tensor>,
}

#[derive(Serialize)]
struct Net {
    name: Option<String>,
    licence: Option<String>,
    layout: &'static str,
    width: Option<f32>,
    classes: Option<usize>,
    /// The names of the classes, where the file states them.
    #[serde(skip_serializing_if = "Option::is_none")]
    class_names: Option<Vec<String>>,
    /// The layers on the features, or why they cannot be read; `None` if there are none.
    head: Option<String>,
    /// What else a model of ours says of its head.
    #[serde(skip_serializing_if = "Option::is_none")]
    trained: Option<TrainedHead>,
    notes: Vec<String>,
    /// What the layers of the file's model state.
    stated: Vec<Stated>,
    bn_epsilon: f32,
    padding: String,
    scaling: String,
    size: [usize; 2],
    resize: String,
    dct: String,
    /// Trained values; none of them is in a file in int8.
    parameters: u64,
    params_sha256: String,
    /// What the net was before it was fine-tuned.
    #[serde(skip_serializing_if = "Option::is_none")]
    tuned: Option<TunedFrom>,
    /// What a net in int8 has instead of trained values.
    #[serde(skip_serializing_if = "Option::is_none")]
    int8: Option<Integers>,
}

#[derive(Serialize)]
struct TunedFrom {
    params_sha256: String,
    block: String,
    norms: &'static str,
}

impl TunedFrom {
    fn text(&self) -> String {
        let Self { params_sha256, block, norms } = self;
        format!("{params_sha256}, {block} and all behind it, BatchNorm's scale and shift {norms}")
    }
}

#[derive(Serialize)]
struct Stated {
    layer: String,
    class: String,
    text: String,
}

impl Stated {
    fn of(stated: &icecap::advanced::weights::Stated) -> Self {
        let icecap::advanced::weights::Stated { layer, class, text } = stated.clone();
        Self { layer, class, text }
    }
}

#[derive(Serialize)]
struct Tensor {
    name: String,
    shape: String,
    dtype: String,
    offset: u64,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let choices = options.averages.choices();
    let report = match WeightsSource::find(&options.weights, || options.manifest.read())? {
        WeightsSource::Starter => {
            let path = Path::new("the starter backbone");
            report(STARTER, path, choices, icecap::advanced::weights::starter())?
        }
        WeightsSource::File(path) => of_file(&path, choices, read_with(&path, choices, &Threads::serial()))?,
        WeightsSource::Entry(entry) => {
            let store = provided(&entry)?;
            let path = store.file(&entry).unwrap_or_default();
            of_file(&path, choices, store.read(&entry))?
        }
    };
    if options.json {
        return print_json(&report);
    }
    print(&text(&report))
}

fn of_file(path: &Path, choices: Choices, opened: Result<Weights, Error>) -> Result<Report, Failure> {
    if let (true, Err(error)) = (path.is_dir(), &opened) {
        return Err(Failure::new(Code::Content, error.to_string()));
    }
    report(&FileBytes::read(path, MAX_FILE)?, path, choices, opened)
}

fn report(
    bytes: &[u8],
    path: &Path,
    choices: Choices,
    opened: Result<Weights, Error>,
) -> Result<Report, Failure> {
    let Inside { file, prefix } = Inside::parse(bytes, path, choices)?;
    let tensors: Vec<Tensor> = file
        .names()
        .map(|name| Tensor {
            name: name.to_owned(),
            shape: file.shape(name).map_or(String::new(), |shape| shape.to_string()),
            dtype: file.dtype(name).unwrap_or_default().to_owned(),
            offset: file.offset(name).unwrap_or(0),
        })
        .collect();
    let values = file.names().filter_map(|name| file.shape(name)).map(|shape| shape.elements() as u64).sum();
    let read = match opened {
        Err(Error::IntegersOnly { .. }) => in_int8(bytes, path),
        opened => opened.map(|weights| with_model(net(&weights), &file, bytes, path)),
    };
    let (net, no_net) = match read {
        Ok(net) => (Some(net), None),
        Err(error) => {
            let told = error.to_string();
            let place = format!("{}: ", path.display());
            (None, Some(told.strip_prefix(&place).unwrap_or(&told).to_owned()))
        }
    };
    Ok(Report {
        file: plain_path(path),
        bytes: bytes.len() as u64,
        container: file.kind().name(),
        under: Some(file.place().to_owned()).filter(|place| !place.is_empty()),
        prefix: Some(prefix).filter(|prefix| !prefix.is_empty()),
        passed_over: file.passed_over().to_vec(),
        file_sha256: Digest::of(bytes).to_string(),
        net,
        no_net,
        metadata: file.metadata().iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        values,
        tensors,
    })
}

fn net(weights: &Weights) -> Net {
    let parameters = weights.params.tensors().map(|(_, tensor)| tensor.data().len() as u64).sum();
    Net {
        classes: match &weights.head {
            FileHead::Layers(head) => Some(head.outputs()),
            _ => weights.params.classes(),
        },
        class_names: weights.classes.clone(),
        head: head(weights),
        notes: weights.notes.clone(),
        stated: weights.stated.iter().map(Stated::of).collect(),
        ..of_record(&weights.record, parameters)
    }
}

/// What a model of ours has on its net: classes and head.
fn with_model(net: Net, file: &Container<'_>, bytes: &[u8], path: &Path) -> Net {
    if !file.metadata().contains_key(MODEL_CLASSES) {
        return net;
    }
    match Model::from_bytes(bytes, &path.to_string_lossy()) {
        Ok(model) => net.of_model(&model, path),
        Err(_) => net,
    }
}

impl Net {
    fn of_model(self, model: &Model, path: &Path) -> Self {
        let (head, trained) = (head_of(model), Some(TrainedHead::of(model, path)));
        let names = model.classes.clone();
        Self { classes: Some(names.len()), class_names: Some(names), head, trained, ..self }
    }
}

/// The net of a model file in int8, whose integers are all looked at.
fn in_int8(bytes: &[u8], path: &Path) -> Result<Net, Error> {
    let model = Model::from_bytes(bytes, &path.to_string_lossy())?;
    match &model.backbone {
        BackbonePart::Integers(backbone) => {
            let integers = Integers::of(backbone);
            Ok(Net { int8: Some(integers), ..of_record(&model.record, 0) }.of_model(&model, path))
        }
        _ => Err(Error::IntegersOnly { path: path.to_owned() }),
    }
}

fn of_record(record: &Record, parameters: u64) -> Net {
    // In the words of a record.
    let texts = record.to_metadata();
    let text = |key: &str| texts.get(key).cloned().unwrap_or_default();
    Net {
        name: record.name.clone(),
        licence: record.licence.clone(),
        layout: record.layout.name(),
        width: record.width,
        classes: None,
        class_names: None,
        head: None,
        trained: None,
        notes: Vec::new(),
        stated: Vec::new(),
        bn_epsilon: record.numerics.epsilon,
        padding: text("padding"),
        scaling: text("scaling"),
        size: record.train_size(),
        resize: record.resize_rule().to_owned(),
        dct: record.jpeg_dct().to_string(),
        parameters,
        params_sha256: record.params_sha256.to_string(),
        tuned: record.tuned.as_ref().map(|tuned| TunedFrom {
            params_sha256: tuned.from.to_string(),
            block: tuned.block.clone(),
            norms: tuned.norms(),
        }),
        int8: None,
    }
}

/// Tells what is on the features.
fn head(weights: &Weights) -> Option<String> {
    match &weights.head {
        FileHead::None => None,
        FileHead::Top => weights.params.classes().map(|outputs| match outputs {
            1 => "dense 1, sigmoid".to_owned(),
            _ => format!("dense {outputs}, softmax"),
        }),
        FileHead::Layers(head) => Some(head.to_string()),
        FileHead::Unreadable { reason } => Some(format!("cannot be read: {reason}")),
    }
}

fn text(report: &Report) -> String {
    let mut lines = vec![
        ("file", report.file.clone()),
        ("container", format!("{}, {} bytes", report.container, grouped(report.bytes))),
        ("file sha256", report.file_sha256.clone()),
    ];
    lines.extend(whereabouts(report));
    if let Some(net) = &report.net {
        let [rows, columns] = net.size;
        let unknown = || "not stated".to_owned();
        lines.extend([
            ("name", net.name.clone().unwrap_or_else(unknown)),
            ("license", net.licence.clone().unwrap_or_else(unknown)),
            ("layout", net.layout.to_owned()),
            ("width", net.width.map_or("of its own".to_owned(), |width| width.to_string())),
            ("classes", classes(net)),
            (
                "numerics",
                format!("epsilon {}, padding {}, pixels {}", net.bn_epsilon, net.padding, pixels(net)),
            ),
            ("input", format!("{rows}x{columns}, {}, JPEGs by the {} DCT", net.resize, net.dct)),
        ]);
        match &net.int8 {
            None => lines.push(("parameters", grouped(net.parameters))),
            Some(integers) => lines.extend(integers.lines()),
        }
        let believed = if net.int8.is_some() { ", believed: those tensors are not in the file" } else { "" };
        lines.push(("params sha256", format!("{}{believed}", net.params_sha256)));
        lines.extend(net.tuned.iter().map(|tuned| ("tuned from", tuned.text())));
        lines.extend(net.head.iter().map(|head| ("head", head.clone())));
        lines.extend(net.trained.iter().flat_map(TrainedHead::lines));
        let stated = |stated: &Stated| format!("{} ({}): {}", stated.layer, stated.class, stated.text);
        lines.extend(net.stated.iter().map(|line| ("stated by", stated(line))));
        lines.extend(net.notes.iter().map(|text| ("note", text.clone())));
        if net.stated.is_empty() && !report.metadata.iter().any(|(key, _)| STATED.contains(&key.as_str())) {
            let layout =
                "epsilon, padding, pixels and input as nets of this layout usually have them".to_owned();
            lines.push(("not stated", layout));
        }
    }
    if let Some(reason) = &report.no_net {
        lines.push(("no net", reason.clone()));
    }
    let texts = report.metadata.iter().take(TEXTS);
    lines.extend(texts.map(|(key, value)| ("metadata", format!("{}: {}", cut(key), cut(value)))));
    if report.metadata.len() > TEXTS {
        let more = report.metadata.len() - TEXTS;
        lines.push(("", format!("and {more} more texts, which --json shows")));
    }
    lines.push(("tensors", format!("{}, {} values", report.tensors.len(), grouped(report.values))));
    let head: String = lines.iter().map(|(key, value)| format!("{key:<15}{}\n", plain(value))).collect();
    let rows = report.tensors.iter().map(|tensor| {
        let offset = grouped(tensor.offset);
        vec![plain(&tensor.name).into_owned(), tensor.shape.clone(), tensor.dtype.clone(), offset]
    });
    format!("{head}\n{}\n", table(&["tensor", "shape", "type", "at byte"], &[3], rows))
}

/// How many classes there are, and their names as far as they fit a line.
fn classes(net: &Net) -> String {
    match (net.classes, &net.class_names) {
        (None, _) => "no head for classes".to_owned(),
        (Some(count), None) => count.to_string(),
        (Some(count), Some(names)) => format!("{count}: {}", cut(&names.join(", "))),
    }
}

fn pixels(net: &Net) -> String {
    parse_scaling(&net.scaling).map_or_else(|_| net.scaling.clone(), |scaling| pixels::scaling(&scaling))
}

/// Where in a checkpoint the net stands, and what else is in it.
fn whereabouts(report: &Report) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(under) = &report.under {
        lines.push(("tensors under", format!("'{under}'")));
    }
    if let Some(prefix) = &report.prefix {
        lines.push(("names behind", format!("'{prefix}'")));
    }
    if !report.passed_over.is_empty() {
        lines.push((
            "passed over",
            format!("{}: nothing of it was made or run", report.passed_over.join(", ")),
        ));
    }
    lines
}

/// Texts of a file's metadata that are shown: all that our own files have. Keras 3 has one for each layer.
const TEXTS: usize = 24;

/// Returns a text of a file as far as it fits a line.
fn cut(text: &str) -> String {
    const SHOWN: usize = 100;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
