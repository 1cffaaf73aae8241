//! `icecap weights import`: any file that opens becomes safetensors with Keras' names and the whole record; or, where the
//! classes of its top are named, a model that `icecap predict` takes.

use std::path::{Path, PathBuf};

use clap::Args;
use icecap::advanced::data::ResizeMode;
use icecap::advanced::graph::Scaling;
use icecap::advanced::kernels::jpeg::Dct;
use icecap::advanced::weights::{Activation, Choices, Digest, FileHead, Weights};
use icecap::{Classifier, SaveBackbone, Settings};

use crate::options::input::{AveragesOption, InputSize, tell};
use crate::options::manifest::ManifestOptions;
use crate::store::weights_source::WeightsSource;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::stderr::note;
use crate::terminal::table::print;
use crate::terminal::wording::plain_path;

/// The longest file of class names that is read, in bytes.
const MAX_NAMES: u64 = 1 << 20;

/// What stands for the names that the file of weights states.
const OWN_CLASSES: &str = "@";

#[derive(Args)]
pub(crate) struct Options {
    /// File of weights, or a name that `icecap weights list` shows
    #[arg(value_name = "FILE|NAME")]
    weights: PathBuf,
    /// The file to write
    #[arg(short, long = "output", alias = "out", value_name = "FILE")]
    output: PathBuf,
    /// The classes of its top, in the order of the outputs: writes a model. `@FILE` reads them from a file, one a line;
    /// `@` takes the names that the file of weights states itself
    #[arg(long, value_name = "A,B,…")]
    classes: Option<String>,
    /// Side of the model's input in pixels, or HEIGHTxWIDTH [default: what the weights were made for]
    #[arg(long, value_name = "S")]
    size: Option<InputSize>,
    /// How a photo becomes that size: squash, center-crop, crop or cut [default: what the file states]
    #[arg(long, value_name = "RULE")]
    resize: Option<ResizeMode>,
    /// How JPEGs are decoded: accurate, as most programs do, or fast, as TensorFlow does [default: as the file's own program does]
    #[arg(long, value_name = "DCT")]
    dct: Option<Dct>,
    /// Pixel scaling: '-1..1', 'mean R,G,B std R,G,B' or 'scale R,G,B shift R,G,B' [default: what the file states]
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
    let asked = options.classes.as_deref();
    let classes = asked.filter(|text| *text != OWN_CLASSES).map(class_names).transpose()?;
    let choices = Choices { activation: options.activation, ..options.averages.choices() };
    let weights = WeightsSource::find_in(&options.weights, || options.manifest.read())?.weights(choices)?;
    let weights = overridden(options, weights)?;
    let classes = match asked {
        Some(OWN_CLASSES) => Some(own_classes(options, &weights)?),
        _ => classes,
    };
    match classes {
        Some(classes) => {
            tell(&options.weights, &weights.notes, &FileHead::None);
            import_model(options, weights, classes)
        }
        None => {
            tell(&options.weights, &weights.notes, &weights.head);
            if let FileHead::Layers(_) = weights.head {
                note("note: its head is no single layer and is left out; with --classes it becomes a model");
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

/// Returns the names of the classes that the file of weights states.
fn own_classes(options: &Options, weights: &Weights) -> Result<Vec<String>, Failure> {
    weights.classes.clone().ok_or_else(|| {
        let file = plain_path(&options.weights);
        Failure::new(Code::Content, format!("{file}: names no classes; state them with --classes A,B,…"))
    })
}

/// Puts what the options say in the place of what the file states, and tells both.
fn overridden(options: &Options, mut weights: Weights) -> Result<Weights, Failure> {
    let before = weights.record.to_metadata();
    if let Some(scaling) = options.scaling {
        weights = weights.with_scaling(scaling)?;
    }
    let record = &mut weights.record;
    record.size = options.size.map(|InputSize(size)| size).or(record.size);
    record.resize = options.resize.map(|mode| mode.to_string()).or_else(|| record.resize.take());
    record.dct = options.dct.or(record.dct);
    let after = weights.record.to_metadata();
    for key in ["scaling", "size", "resize", "dct"] {
        let asked = match key {
            "scaling" => options.scaling.is_some(),
            "size" => options.size.is_some(),
            "dct" => options.dct.is_some(),
            _ => options.resize.is_some(),
        };
        let (stated, taken) = (before.get(key), after.get(key));
        if asked && stated != taken {
            let stated = stated.map_or("nothing", String::as_str);
            let taken = taken.map_or("nothing", String::as_str);
            note(&format!("note: {key} {taken} is taken, where the file has {stated}"));
        }
    }
    Ok(weights)
}

/// Returns the names of the classes: in the text itself, or in the file that it names behind an `@`.
fn class_names(text: &str) -> Result<Vec<String>, Failure> {
    let names =
        |names: std::str::Split<'_, char>| names.map(|name| name.trim().to_owned()).collect::<Vec<_>>();
    let Some(path) = text.strip_prefix('@').map(Path::new) else { return Ok(names(text.split(','))) };
    let lines = icecap::advanced::kernels::with_mapped_file(path, MAX_NAMES, |bytes| {
        let lines = std::str::from_utf8(bytes).ok()?;
        // Some editors begin a text with a byte order mark, and end it with empty lines.
        let mut names = names(lines.strip_prefix('\u{feff}').unwrap_or(lines).split('\n'));
        names.retain(|name| !name.is_empty());
        Some(names)
    })?;
    lines.ok_or_else(|| {
        Failure::new(Code::Content, format!("{}: is no text; name a class on each line", path.display()))
    })
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
    print(&format!(
        "{0}: a model with {1} classes from the layout {layout}, input {input}\ntry it: icecap predict {0} PHOTO\n",
        plain_path(&options.output),
        classifier.classes().len(),
    ))
}

fn hash(path: &Path) -> Result<String, Failure> {
    Ok(icecap::advanced::kernels::with_mapped_file(path, u64::MAX, Digest::of)?.to_string())
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
    let top = classes.map_or("no classification top".to_owned(), |classes| format!("{classes} classes"));
    print(&format!(
        "{}: {tensors} tensors from the layout {}, width {width}, {}, params_sha256 {}\n",
        plain_path(&options.output),
        record.layout,
        top,
        record.params_sha256
    ))
}
