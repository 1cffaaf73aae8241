//! Archives in which PyTorch saves a net as a program: TorchScript's and `torch.export`'s. They are named, with the lines of
//! Python that save what is read.

use std::cell::Cell;
use std::path::Path;

use super::super::{ContainerKind, zip};
use crate::{Error, OtherForm};

/// Refuses an archive that is a program.
///
/// # Errors
/// [`Error::OtherForm`]; what is wrong with the archive is found again by its reader.
pub(super) fn check(bytes: &[u8], path: &Path) -> Result<(), Error> {
    let found = Cell::new(None);
    // No entry is asked for: only their names are looked at.
    drop(zip::entries(bytes, path, ContainerKind::TorchZip, |name| {
        found.set(match (found.get(), kind(name)) {
            (Some(Kind::Exported), _) | (_, Some(Kind::Exported)) => Some(Kind::Exported),
            (before, here) => before.or(here),
        });
        false
    }));
    let shown = path.display();
    let (what, state) = match found.get() {
        None => return Ok(()),
        Some(Kind::Script) => {
            ("a TorchScript archive", format!("torch.jit.load('{shown}', map_location='cpu').state_dict()"))
        }
        Some(Kind::Exported) => {
            ("an archive of torch.export", format!("torch.export.load('{shown}').state_dict"))
        }
    };
    let way = OtherForm::saving(&format!("dict({state})"));
    Err(Error::OtherForm { path: path.into(), form: OtherForm::Program { what, way } })
}

/// What an entry of this name tells of its archive.
fn kind(name: &str) -> Option<Kind> {
    let mut parts = name.split('/').skip(1);
    match (parts.next().unwrap_or(name), parts.next()) {
        ("code", Some(_)) | ("constants.pkl" | "bytecode.pkl", None) => Some(Kind::Script),
        ("archive_format" | "serialized_exported_program.json", None) => Some(Kind::Exported),
        ("models", Some(model)) if model.ends_with(".json") => Some(Kind::Exported),
        _ => None,
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Script,
    Exported,
}
