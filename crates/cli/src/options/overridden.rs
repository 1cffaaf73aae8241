//! What options put in the place of what a file of weights states: told beside it, so that nothing is replaced in silence.

use std::path::Path;

use icecap::advanced::data::ResizeMode;
use icecap::advanced::graph::Scaling;
use icecap::advanced::kernels::jpeg::Dct;
use icecap::advanced::weights::{NOTES_OF_SCALING, NOTES_OF_SIZE, Record};

use crate::options::input_size::InputSize;
use crate::terminal::pixels;
use crate::terminal::stderr::note;
use crate::terminal::wording::plain_path;

/// What the options say of the input.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Overridden {
    pub(crate) size: Option<InputSize>,
    pub(crate) resize: Option<ResizeMode>,
    pub(crate) dct: Option<Dct>,
    pub(crate) scaling: Option<Scaling>,
}

impl Overridden {
    /// Whether a note of a file is about something that an option decides.
    pub(crate) fn settles(&self, note: &str) -> bool {
        let begins = |notes: &[&str]| notes.iter().any(|begin| note.starts_with(begin));
        (self.size.is_some() && begins(&NOTES_OF_SIZE))
            || (self.scaling.is_some() && begins(&NOTES_OF_SCALING))
    }

    /// Tells what is taken in the place of what `file`, with this record and these notes, states.
    pub(crate) fn tell(&self, file: &Path, record: &Record, notes: &[String]) {
        let states =
            |begins: &[&str]| !notes.iter().any(|note| begins.iter().any(|begin| note.starts_with(begin)));
        let line = |what: &str, taken: &str, stated: Option<String>| {
            if let Some(stated) = stated.filter(|stated| stated != taken) {
                note(&format!("note: {what} {taken} is taken, where {} has {stated}", plain_path(file)));
            }
        };
        if let Some(size) = self.size {
            let stated = record.size.filter(|_| states(&NOTES_OF_SIZE));
            line("the size", &size.sides(), stated.map(|size| InputSize(size).sides()));
        }
        if let Some(resize) = self.resize {
            line("the resize rule", &resize.to_string(), record.resize.clone());
        }
        if let Some(dct) = self.dct {
            line("the DCT of JPEGs", &dct.to_string(), record.dct.map(|dct| dct.to_string()));
        }
        if let Some(scaling) = self.scaling {
            let stated = Some(record.numerics.scaling).filter(|_| states(&NOTES_OF_SCALING));
            line("the pixel scaling", &pixels::scaling(&scaling), stated.as_ref().map(pixels::scaling));
        }
    }
}
