//! `icecap export`: a trained model in the formats of others.

mod class_order;
mod layers;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use icecap::Classifier;
use icecap::advanced::foundation::atomic_file::replace_file;
use icecap::advanced::graph::{Padding, Precision, Scaling};
use icecap::advanced::weights::{HeadLayout, OnnxPixels};
use icecap::judge::THRESHOLD;
use serde::Serialize;

use crate::options::model::ModelOptions;
use crate::options::overwrite::OverwriteOption;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::stderr::note;
use crate::terminal::table::{narrate, print};
use crate::terminal::wording::{counted, plain, plain_path, sized};

#[derive(Args)]
#[command(
    override_usage = "icecap export <MODEL> --onnx <FILE> [OPTIONS]",
    group = ArgGroup::new("formats").required(true).multiple(true)
)]
pub(crate) struct Options {
    #[command(flatten)]
    model: ModelOptions,
    /// ONNX file to write; its input is scaled pixels, f32 [N, 3, height, width]
    #[arg(long, value_name = "FILE", group = "formats")]
    onnx: Option<PathBuf>,
    /// ONNX file to write; its input is pixels of 0 to 255, u8 [N, height, width, 3], scaled inside
    #[arg(long, value_name = "FILE", group = "formats")]
    onnx_u8: Option<PathBuf>,
    /// TFLite file to write; its input is scaled pixels, f32 [1, height, width, 3]; with --int8 pixels of 0 to 255, u8
    #[arg(long, value_name = "FILE", group = "formats")]
    tflite: Option<PathBuf>,
    /// Write the net of ONNX and TFLite files in int8: a quarter of the size, and faster
    #[arg(long)]
    int8: bool,
    /// File for the class names, one a line [default: labels.txt beside an ONNX file]
    #[arg(long, value_name = "FILE", group = "formats")]
    labels: Option<PathBuf>,
    /// File for the backbone alone, with Keras' names and shapes: for Keras, and for `train --weights`
    #[arg(long, value_name = "FILE", group = "formats")]
    backbone: Option<PathBuf>,
    /// File for the head alone, with Keras' names and shapes
    #[arg(long, value_name = "FILE", group = "formats")]
    safetensors_keras: Option<PathBuf>,
    /// File for the head alone, with torchvision's names and shapes
    #[arg(long, value_name = "FILE", group = "formats")]
    safetensors_torchvision: Option<PathBuf>,
    #[command(flatten)]
    overwrite: OverwriteOption,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What is to be written.
#[derive(Clone, Copy, PartialEq)]
enum Content {
    Onnx(OnnxPixels, Precision),
    Tflite(Precision),
    Labels,
    Backbone,
    Head(HeadLayout),
}

/// A file to write.
struct Output {
    path: PathBuf,
    content: Content,
    /// Whether somebody named it, and not only the file beside it.
    named: bool,
}

#[derive(Serialize)]
struct Report {
    model: String,
    classes: Vec<String>,
    files: Vec<Written>,
}

#[derive(Serialize)]
struct Written {
    path: String,
    content: &'static str,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<Value>,
}

/// What goes into a graph or comes out of it.
#[derive(Serialize)]
struct Value {
    name: &'static str,
    #[serde(rename = "type")]
    element: &'static str,
    /// `N` stands for any number of images.
    shape: Vec<serde_json::Value>,
}

impl Value {
    fn of(name: &'static str, element: &'static str, images: &'static str, image: &[usize]) -> Self {
        let images = images.parse::<usize>().map_or_else(|_| images.into(), serde_json::Value::from);
        let sides = image.iter().map(|&side| side.into());
        Self { name, element, shape: std::iter::once(images).chain(sides).collect() }
    }
}

/// What a graph takes.
struct Input {
    element: &'static str,
    /// How many images at once: `N` for any number.
    images: &'static str,
    /// The shape of one.
    shape: [usize; 3],
    /// Whether the values have to be scaled before.
    scaled: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let outputs = options.outputs();
    options.check(&outputs)?;
    let classifier = options.model.open()?;
    let in_f32 = |output: &Output| {
        matches!(output.content, Content::Onnx(_, Precision::F32) | Content::Tflite(Precision::F32))
    };
    let in_integers = classifier.precision() == Precision::Int8;
    if in_integers && outputs.iter().any(|output| output.content == Content::Backbone) {
        let message = format!(
            "{}: its net is in int8 and has no trained tensors any more; take them from a model that was trained with \
             --precision f32",
            options.model.model.display()
        );
        return Err(Failure::new(Code::Arguments, message));
    }
    if in_integers && outputs.iter().any(in_f32) {
        let message =
            format!("{}: its net is in int8; write it as that with --int8", options.model.model.display());
        return Err(Failure::new(Code::Arguments, message));
    }
    // Everything is made before anything is written.
    let mut files = Vec::new();
    for output in outputs {
        let bytes = bytes(&classifier, output.content)?;
        if !output.named && !options.overwrite.is_given() {
            keep_others(&output.path, &bytes)?;
        }
        files.push((output, bytes));
    }
    for (output, bytes) in &files {
        replace_file(&output.path, |out| out.write_all(bytes))?;
    }
    class_order::tell(classifier.classes());
    tell(options, &classifier, &files)
}

impl Options {
    /// Writes every file that was asked for, and the class names beside each ONNX file.
    fn outputs(&self) -> Vec<Output> {
        let int8 = self.int8 || self.model.settings().precision == Some(Precision::Int8);
        let precision = if int8 { Precision::Int8 } else { Precision::F32 };
        let asked = [
            (&self.onnx, Content::Onnx(OnnxPixels::Scaled, precision)),
            (&self.onnx_u8, Content::Onnx(OnnxPixels::Bytes, precision)),
            (&self.tflite, Content::Tflite(precision)),
            (&self.labels, Content::Labels),
            (&self.backbone, Content::Backbone),
            (&self.safetensors_keras, Content::Head(HeadLayout::Keras)),
            (&self.safetensors_torchvision, Content::Head(HeadLayout::Torchvision)),
        ];
        let asked = asked.into_iter().filter_map(|(path, content)| Some((path.clone()?, content)));
        let mut outputs: Vec<Output> =
            asked.map(|(path, content)| Output { path, content, named: true }).collect();
        if self.labels.is_none() {
            let onnx = [&self.onnx, &self.onnx_u8].into_iter().flatten();
            let mut beside: Vec<PathBuf> = onnx.map(|path| path.with_file_name("labels.txt")).collect();
            beside.dedup();
            outputs.extend(beside.into_iter().map(|path| Output {
                path,
                content: Content::Labels,
                named: false,
            }));
        }
        outputs
    }

    /// Refuses, before any work, a file that cannot be written or that would take another's place.
    fn check(&self, outputs: &[Output]) -> Result<(), Failure> {
        let net = |output: &Output| matches!(output.content, Content::Onnx(..) | Content::Tflite(_));
        if self.int8 && !outputs.iter().any(net) {
            let message = "--int8: says how a net is written, and none is; name its file with --onnx, --onnx-u8 or \
                           --tflite, or leave --int8 out";
            return Err(Failure::new(Code::Arguments, message));
        }
        let read = [Some(&self.model.model), self.model.weights.as_ref()];
        let mut taken: Vec<PathBuf> = read.into_iter().flatten().map(|path| real(path)).collect();
        for Output { path, .. } in outputs {
            if path.is_dir() {
                return Err(Failure::path(path, "is a folder; name a file to write"));
            }
            if !folder(path).is_dir() {
                return Err(Failure::path(path, "no such folder; make it or name another"));
            }
            let place = real(path);
            if taken.contains(&place) {
                let message = format!(
                    "{}: the model or another output has this place; name another file",
                    plain_path(path)
                );
                return Err(Failure::new(Code::Arguments, message));
            }
            taken.push(place);
        }
        let mut named = outputs.iter().filter(|output| output.named);
        named.try_for_each(|output| self.overwrite.check(&output.path))
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns where a file really lies, or would.
fn real(path: &Path) -> PathBuf {
    let in_folder = || Some(fs::canonicalize(folder(path)).ok()?.join(path.file_name()?));
    fs::canonicalize(path).ok().or_else(in_folder).unwrap_or_else(|| path.to_owned())
}

fn bytes(classifier: &Classifier, content: Content) -> Result<Vec<u8>, Failure> {
    Ok(match content {
        Content::Onnx(pixels, Precision::F32) => classifier.to_onnx(pixels)?,
        Content::Onnx(pixels, Precision::Int8) => classifier.to_onnx_int8(pixels)?,
        Content::Tflite(Precision::F32) => classifier.to_tflite()?,
        Content::Tflite(Precision::Int8) => classifier.to_tflite_int8()?,
        Content::Labels => classifier.labels().into_bytes(),
        Content::Backbone => classifier.backbone_to_bytes()?,
        Content::Head(layout) => classifier.head_to_bytes(layout)?,
    })
}

/// A file that stands in the default place of the class names and holds others may be anyone's.
fn keep_others(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let same = |about: &fs::Metadata| {
        let readable = about.is_file() && about.len() == bytes.len() as u64;
        readable && fs::read(path).is_ok_and(|there| there == bytes)
    };
    match fs::metadata(path) {
        Ok(about) if !same(&about) => Err(Failure::path(
            path,
            "holds something else and is left as it is; name a file for the class names with --labels, or replace this one with \
             --force",
        )),
        _ => Ok(()),
    }
}

fn tell(options: &Options, classifier: &Classifier, files: &[(Output, Vec<u8>)]) -> Result<(), Failure> {
    for (output, _) in files {
        match output.content {
            Content::Head(layout) => fits_elsewhere(classifier, layout),
            Content::Backbone => fits_elsewhere(classifier, HeadLayout::Keras),
            _ => {}
        }
    }
    let size = classifier.preprocessing().size();
    let (classes, logits) = (classifier.classes(), classifier.head().logits());
    if options.json {
        let written = |(output, bytes): &(Output, Vec<u8>)| {
            let graph = output.content.input(size);
            let values = [("probabilities", classes.len()), ("logits", logits)];
            let outputs =
                |images| values.map(|(name, columns)| Value::of(name, "float32", images, &[columns]));
            Written {
                path: output.path.to_string_lossy().into_owned(),
                content: output.content.name(),
                bytes: bytes.len(),
                outputs: graph.as_ref().map_or(Vec::new(), |graph| outputs(graph.images).into()),
                input: graph.map(|graph| Value::of("pixels", graph.element, graph.images, &graph.shape)),
            }
        };
        let report = Report {
            model: options.model.model.to_string_lossy().into_owned(),
            classes: classes.to_vec(),
            files: files.iter().map(written).collect(),
        };
        return print(&format!("{}\n", serde_json::json!(report)));
    }
    let mut text = String::new();
    for (output, bytes) in files {
        let about = output.content.about(classifier);
        text += &format!("{} ({}): {}\n", plain_path(&output.path), sized(bytes.len() as u64), about);
    }
    if classifier.threshold() != THRESHOLD {
        let (class, from) = (plain(&classes[1]), classifier.threshold());
        text += &format!(
            "threshold: {class} from a probability of {from} on, stated in the metadata of each file\n"
        );
    }
    narrate(&text)
}

impl Content {
    fn name(self) -> &'static str {
        match self {
            Self::Onnx(OnnxPixels::Scaled, Precision::F32) => "onnx",
            Self::Onnx(OnnxPixels::Bytes, Precision::F32) => "onnx-u8",
            Self::Onnx(OnnxPixels::Scaled, Precision::Int8) => "onnx-int8",
            Self::Onnx(OnnxPixels::Bytes, Precision::Int8) => "onnx-u8-int8",
            Self::Tflite(Precision::F32) => "tflite",
            Self::Tflite(Precision::Int8) => "tflite-int8",
            Self::Labels => "labels",
            Self::Backbone => "backbone",
            Self::Head(HeadLayout::Keras) => "safetensors-keras",
            Self::Head(HeadLayout::Torchvision) => "safetensors-torchvision",
        }
    }

    /// Returns what a graph takes; `None` for a file without one.
    fn input(self, size: [usize; 2]) -> Option<Input> {
        let (pixels, images, shape) = match self {
            Self::Onnx(pixels, _) => (pixels, "N", pixels.shape(size)),
            Self::Tflite(precision) => {
                let pixels = if precision == Precision::F32 { OnnxPixels::Scaled } else { OnnxPixels::Bytes };
                (pixels, "1", OnnxPixels::Bytes.shape(size))
            }
            Self::Labels | Self::Backbone | Self::Head(_) => return None,
        };
        Some(Input { element: pixels.element(), images, shape, scaled: pixels == OnnxPixels::Scaled })
    }

    /// Returns what the file is, and how it is used.
    fn about(self, classifier: &Classifier) -> String {
        let (classes, logits) = (classifier.classes().len(), classifier.head().logits());
        let features = classifier.backbone().features();
        let graph = |precision: Precision, engines: &str| {
            let precision = if precision == Precision::F32 { "" } else { " in int8" };
            let input = self.input(classifier.preprocessing().size());
            let input = input.map_or_else(String::new, |input| {
                let Input { element, images, shape: [a, b, c], scaled } = input;
                let values = match scaled {
                    true => scaling(classifier.backbone().record().numerics.scaling),
                    false => "RGB of 0 to 255 as they are".to_owned(),
                };
                format!(
                    "  in   pixels {element} [{images}, {a}, {b}, {c}], {values}\n  out  probabilities [{images}, \
                     {classes}], logits [{images}, {logits}]; class names in the metadata"
                )
            });
            format!("backbone{precision} and head for {engines}\n{input}")
        };
        match self {
            Self::Onnx(_, precision) => graph(precision, "ONNX Runtime and others"),
            Self::Tflite(precision) => graph(precision, "LiteRT, on phones and elsewhere"),
            Self::Labels => {
                format!("{}, one a line, in the order of the outputs", counted(classes, "class name"))
            }
            Self::Backbone => "the backbone for Keras, and for train --weights".to_owned(),
            Self::Head(HeadLayout::Keras) => {
                format!("the head for Keras, on {features} features{}", layers::keras(classifier.head()))
            }
            Self::Head(HeadLayout::Torchvision) => format!(
                "the head for torchvision\n  model.load_state_dict(load_file(…), strict=False), where \
                 {}",
                layers::torchvision(classifier.head())
            ),
        }
    }
}

/// Returns what is to be done with a pixel.
fn scaling(scaling: Scaling) -> String {
    let each = |values: [f32; 3]| match values {
        [r, g, b] if r == g && g == b => r.to_string(),
        _ => format!("[{}]", values.map(|value| value.to_string()).join(", ")),
    };
    format!("RGB of 0 to 255, times {} plus {}", each(scaling.scale), each(scaling.shift))
}

/// Says so where the framework's own MobileNetV2 makes other features than those that the head was trained on.
fn fits_elsewhere(classifier: &Classifier, layout: HeadLayout) {
    let (maker, own) = match layout {
        HeadLayout::Keras => ("Keras", Padding::Same),
        HeadLayout::Torchvision => ("torchvision", Padding::Symmetric),
    };
    if classifier.backbone().record().numerics.padding != own {
        note(&format!(
            "note: the backbone of this model pads its images otherwise than {maker}'s MobileNetV2 does, so {maker} \
             makes other features of a photo, and the head does not fit them; --onnx takes the backbone along"
        ));
    }
}
