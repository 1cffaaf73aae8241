//! `icecap bundle`: this program and a model in one file, which then is a classifier that needs nothing beside it.

use std::path::{Path, PathBuf};

use clap::Args;
use icecap::advanced::kernels::FileBytes;
use icecap::advanced::weights::MAX_FILE;
use icecap::{Classifier, Error, SaveBackbone};
use serde::Serialize;

use crate::bundle::payload;
use crate::options::model::ModelOptions;
use crate::options::overwrite::OverwriteOption;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::table::{narrate, print_json};
use crate::terminal::wording::{counted, megabytes, plain_path, typed_path};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    model: ModelOptions,
    /// The program to write
    #[arg(short, long = "out", alias = "output", value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    overwrite: OverwriteOption,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    program: String,
    bytes: u64,
    model_bytes: usize,
    classes: &'a [String],
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let (source, file) = (&options.model.model, &options.output);
    if payload::find(source)?.is_some() {
        let reason = "is a bundle already; copy it, or name the model file that it was made of";
        return Err(Failure::new(Code::Arguments, format!("{}: {reason}", source.display())));
    }
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(Code::Path, format!("cannot find this program's own file: {error}")))?;
    check_output(file, [source, &program])?;
    options.overwrite.check(file)?;
    let (classifier, model) = read(&options.model)?;
    let bytes = payload::write(&program, &model, &classifier.backbone().to_packed_bytes(), file)?;
    let classes = classifier.classes();
    if options.json {
        let program = file.to_string_lossy().into_owned();
        return print_json(&Report { program, bytes, model_bytes: model.len(), classes });
    }
    // What a shell looks for in its path without a folder in front.
    let here = file.parent().is_none_or(|folder| folder.as_os_str().is_empty());
    let typed = if here { typed_path(&Path::new(".").join(file)) } else { typed_path(file) };
    narrate(&format!(
        "program     {} ({}, {} of them the model), for {}; needs nothing beside it\n\
         next        {typed} PHOTO…\n            {typed} --help\n",
        plain_path(file),
        megabytes(bytes),
        megabytes(model.len() as u64),
        counted(classes.len(), "class"),
    ))
}

/// What must not be written over.
fn check_output(file: &Path, kept: [&Path; 2]) -> Result<(), Failure> {
    if file.is_dir() {
        return Err(Failure::path(file, "is a folder; name a file to write"));
    }
    let real = file.canonicalize().ok();
    if real.is_some() && kept.iter().any(|kept| kept.canonicalize().ok() == real) {
        let message = format!("{}: is what the bundle is made of; name another file", file.display());
        return Err(Failure::new(Code::Arguments, message));
    }
    Ok(())
}

/// Returns the model, checked whole, and the bytes of its file with the backbone inside.
fn read(options: &ModelOptions) -> Result<(Classifier, Vec<u8>), Failure> {
    if options.weights.is_none() {
        let path = &options.model;
        let bytes = FileBytes::read(path, MAX_FILE)?;
        match Classifier::builder().settings(options.settings()).bytes(&bytes, &path.to_string_lossy()) {
            Err(Error::NeedsBackbone { .. }) => {}
            opened => return Ok((opened?, bytes.to_vec())),
        }
    }
    let classifier = options.open()?;
    let bytes = classifier.to_bytes(SaveBackbone::Embedded)?;
    Ok((classifier, bytes))
}
