//! `icecap weights import`: any file that opens becomes safetensors with Keras' names and the whole record; or, where the
//! classes of its top are named, a model that `icecap predict` takes.

use std::path::{Path, PathBuf};

use clap::Args;
use icecap::advanced::data::ResizeMode;
use icecap::advanced::graph::Scaling;
use icecap::advanced::kernels::FileBytes;
use icecap::advanced::kernels::jpeg::Dct;
use icecap::advanced::weights::{Activation, Choices, Digest, FileHead, NOTE_OF_CHOICE, Weights};
use icecap::model::WeightsSource;
use icecap::{Classifier, SaveBackbone, Settings};

use crate::options::class_names::class_names;
use crate::options::input::{AveragesOption, tell};
use crate::options::input_size::InputSize;
use crate::options::manifest::ManifestOptions;
use crate::options::overridden::Overridden;
use crate::options::overwrite::OverwriteOption;
use crate::store::weights_source;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::stderr::note;
use crate::terminal::table::{narrate, print};
use crate::terminal::wording::{counted, plain, plain_path, typed_path};

/// What stands for the names that the file of weights states.
const OWN_CLASSES: &str = "@";

#[derive(Args)]
pub(crate) struct Options {
    /// File of weights, or a name that `icecap weights list` shows
    #[arg(value_name = "FILE|NAME")]
    weights: PathBuf,
    /// The file to write
    #[arg(short, long = "out", alias = "output", value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    overwrite: OverwriteOption,
    /// The classes of its head, in the order of the outputs: writes a model. `@FILE` reads them from a file, one a line, as
    /// Teachable Machine's labels.txt; `@` takes the names that the file of weights states itself
    #[arg(long, value_name = "A,B,…")]
    classes: Option<String>,
    /// Side of the model's input in pixels, or HEIGHTxWIDTH [default: what the weights were made for]
    #[arg(long, value_name = "S")]
    size: Option<InputSize>,
    /// How a photo becomes that size: squash, center-crop, crop or cut [default: what the file states]
    #[arg(long, value_name = "RULE")]
    resize: Option<ResizeMode>,
    /// How JPEGs are decoded: accurate or fast [default: fast for a model file of Keras]
    ///
    /// Accurate is what most programs show, fast what TensorFlow's decode_jpeg gives. Other weights than a model file of Keras
    /// have the accurate one.
    #[arg(long, value_name = "DCT")]
    dct: Option<Dct>,
    /// Pixel scaling: '-1..1', '0..1', 'mean R,G,B std R,G,B' or 'scale R,G,B shift R,G,B' [default: what the file states]
    #[arg(long, value_name = "RULE", value_parser = icecap::advanced::weights::parse_scaling, allow_hyphen_values = true)]
    scaling: Option<Scaling>,
    #[command(flatten)]
    averages: AveragesOption,
    /// What stands between the dense layers of a head that has several and does not tell: none, relu or relu6 [default:
    /// relu, and a note]
    #[arg(long, value_name = "NAME", requires = "classes")]
    activation: Option<Activation>,
    #[command(flatten)]
    manifest: ManifestOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if options.output.is_dir() {
        return Err(Failure::path(&options.output, "is a folder; name a file to write"));
    }
    options.overwrite.check(&options.output)?;
    let asked = options.classes.as_deref();
    let classes = asked.filter(|text| *text != OWN_CLASSES).map(class_names).transpose()?;
    let choices = Choices { activation: options.activation, ..options.averages.choices() };
    let source = WeightsSource::find(&options.weights, || options.manifest.read())?;
    let weights = weights_source::weights(&source, choices)?;
    let weights = with_options(options, weights)?;
    let classes = match asked {
        Some(OWN_CLASSES) => Some(own_classes(options, &weights)?),
        _ => classes,
    };
    match classes {
        Some(classes) => {
            tell(&options.weights, &weights.notes, &FileHead::None, &options.overridden());
            usable_head(options, &weights)?;
            import_model(options, weights, classes)
        }
        None => {
            tell(&options.weights, &weights.notes, &weights.head, &options.overridden());
            if let FileHead::Layers(head) = &weights.head {
                note(&format!(
                    "note: its head ({head}) is left out, as a file of weights has no place for it; --classes A,B,… makes \
                     a model with it"
                ));
            }
            if let (Some(names), false) = (&weights.classes, matches!(weights.head, FileHead::None)) {
                let count = names.len();
                note(&format!(
                    "note: the file names its {count} classes; `--classes @` makes a model of them"
                ));
            }
            import_weights(options, &weights)
        }
    }
}

impl Options {
    /// Returns what stands above what the file states.
    fn overridden(&self) -> Overridden {
        Overridden { size: self.size, resize: self.resize, dct: self.dct, scaling: self.scaling }
    }
}

/// Refuses a head that makes no model, and an option about a head that leaves nothing open.
fn usable_head(options: &Options, weights: &Weights) -> Result<(), Failure> {
    let file = plain_path(&options.weights);
    let train = format!("`icecap train PHOTOS --weights {}`", typed_path(&options.weights));
    let refuse = |message: String| Err(Failure::new(Code::Content, message));
    match &weights.head {
        FileHead::Unreadable { reason } => {
            return refuse(format!(
                "{file}: its head cannot be read: {}; the net below it can be used: {train} trains another head",
                plain(reason)
            ));
        }
        FileHead::None => {
            return refuse(format!(
                "{file}: no head is in it, so --classes names nothing; {train} trains one"
            ));
        }
        FileHead::Top | FileHead::Layers(_) => {}
    }
    if options.activation.is_some() && !weights.notes.iter().any(|note| note.contains(NOTE_OF_CHOICE)) {
        let message =
            format!("--activation: {file} leaves nothing open between the layers of its head; leave it out");
        return Err(Failure::new(Code::Arguments, message));
    }
    Ok(())
}

/// Returns the names of the classes that the file of weights states.
fn own_classes(options: &Options, weights: &Weights) -> Result<Vec<String>, Failure> {
    weights.classes.clone().ok_or_else(|| {
        let file = plain_path(&options.weights);
        let message = format!(
            "{file}: names no classes; name them with --classes A,B,…, or --classes @FILE, one a line"
        );
        Failure::new(Code::Content, message)
    })
}

/// Puts what the options say in the place of what the file states, and tells both.
fn with_options(options: &Options, mut weights: Weights) -> Result<Weights, Failure> {
    options.overridden().tell(&options.weights, &weights.record, &weights.notes);
    if let Some(scaling) = options.scaling {
        weights = weights.with_scaling(scaling)?;
    }
    let record = &mut weights.record;
    record.size = options.size.map(|InputSize(size)| size).or(record.size);
    record.resize = options.resize.map(|mode| mode.to_string()).or_else(|| record.resize.take());
    record.dct = options.dct.or(record.dct);
    Ok(weights)
}

fn import_model(options: &Options, weights: Weights, classes: Vec<String>) -> Result<(), Failure> {
    let layout = weights.record.layout;
    let classifier = Classifier::from_weights(weights, classes, Settings::threads(1))?;
    classifier.save(&options.output, SaveBackbone::Embedded)?;
    let record = classifier.backbone().record();
    let input = classifier.preprocessing().to_string();
    if options.json {
        let report = serde_json::json!({
            "file": plain_path(&options.output),
            "file_sha256": hash(&options.output)?,
            "params_sha256": record.params_sha256.to_string(),
            "from_layout": layout.name(),
            "classes": classifier.classes(),
            "input": input,
        });
        return print(&format!("{report}\n"));
    }
    narrate(&format!(
        "{0}: a model with {1} classes from the layout {layout}, input {input}\ntry it: icecap predict {0} PHOTO\n",
        plain_path(&options.output),
        classifier.classes().len(),
    ))
}

fn hash(path: &Path) -> Result<String, Failure> {
    Ok(Digest::of(&FileBytes::read(path, u64::MAX)?).to_string())
}

fn import_weights(options: &Options, weights: &Weights) -> Result<(), Failure> {
    weights.save(&options.output)?;
    let record = &weights.record;
    let tensors = weights.params.tensors().count();
    let width = record.width.map_or("of its own".to_owned(), |width| width.to_string());
    let classes = weights.params.classes();
    if options.json {
        let report = serde_json::json!({
            "file": plain_path(&options.output),
            "file_sha256": hash(&options.output)?,
            "params_sha256": record.params_sha256.to_string(),
            "from_layout": record.layout.name(),
            "width": record.width,
            "classes": classes,
            "tensors": tensors,
        });
        return print(&format!("{report}\n"));
    }
    let top = classes.map_or("no classification top".to_owned(), |classes| counted(classes, "class"));
    narrate(&format!(
        "{}: {} from the layout {}, width {width}, {}, params_sha256 {}\n",
        plain_path(&options.output),
        counted(tensors, "tensor"),
        record.layout,
        top,
        record.params_sha256
    ))
}
