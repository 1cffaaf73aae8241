//! Files that somebody gives as a model and that are weights: what they become a model by.

use std::path::Path;

use icecap::advanced::kernels::{FileBytes, Threads};
use icecap::advanced::weights::{Choices, Error, FileHead, HeadOutput, Inside, MAX_FILE, Weights, read_with};

use crate::terminal::failure::{Code, Failure};
use crate::terminal::wording::{counted, plain, plain_path, typed_path};

/// Classes of ImageNet, without and with one for none of them.
const IMAGENET: [usize; 2] = [1000, 1001];

/// Returns the failure of a command that was given the file at `path` as a model, which `error` says it is not.
pub(crate) fn failure(path: &Path, error: Error) -> Failure {
    // A model of ours that is damaged is no file of weights.
    if has_format(path) {
        return error.into();
    }
    match read_with(path, Choices::default(), &Threads::serial()) {
        Ok(weights) => Failure::new(
            Code::Content,
            format!("{}: no model yet but weights{}", plain_path(path), way(path, &weights)),
        ),
        // What it is otherwise, and the way out of that.
        Err(error) => error.into(),
    }
}

/// Whether the file states a format of our models.
fn has_format(path: &Path) -> bool {
    let Ok(bytes) = FileBytes::read(path, MAX_FILE) else { return false };
    Inside::parse(&bytes, path, Choices::default()).is_ok_and(|inside| {
        inside.file.metadata().get("format").is_some_and(|text| text.parse::<u64>().is_ok())
    })
}

/// What the weights have on their net, and the command that makes a model of it.
fn way(path: &Path, weights: &Weights) -> String {
    let file = typed_path(path);
    let train = format!("`icecap train PHOTOS --weights {file}`");
    let (outputs, labels) = match &weights.head {
        FileHead::Unreadable { reason } => {
            return format!(", whose head cannot be read: {}; {train} trains another", plain(reason));
        }
        FileHead::None => return format!(" without a head; {train} trains one"),
        FileHead::Top => (weights.params.classes().unwrap_or_default(), false),
        FileHead::Layers(head) => (head.outputs(), head.output() == HeadOutput::Sigmoids),
    };
    if IMAGENET.contains(&outputs) {
        return format!(
            " with a head for the classes of ImageNet: `icecap classify PHOTO --weights {file}` tells these, {train} \
             trains a head for your own"
        );
    }
    let (classes, noun) = if labels { (outputs, "label") } else { (outputs.max(2), "class") };
    let classes = counted(classes, noun);
    let names = if weights.classes.is_some() { "@" } else { "A,B,…" };
    format!(
        " with a head for {classes}: `icecap weights import {file} --classes {names} -o MODEL` makes a model of it"
    )
}
