//! Archives in which PyTorch saves a net as a program: TorchScript's and `torch.export`'s. They are named, with the lines of
//! Python that save what is read.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use icecap_foundation::shown::escaped;

use super::super::{ContainerKind, zip};
use crate::{Error, OtherForm};

/// Refuses an archive that is a program.
///
/// # Errors
/// [`Error::OtherForm`]; what is wrong with the archive is found again by its reader.
pub(super) fn check(bytes: &[u8], path: &Path) -> Result<(), Error> {
    let found = RefCell::new(Found::default());
    // No entry is asked for: only their names are looked at.
    drop(zip::entries(bytes, path, ContainerKind::TorchZip, |name| {
        found.borrow_mut().see(name);
        false
    }));
    let shown = escaped(path);
    let (what, state) = match found.into_inner().kind() {
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

/// What the names in an archive tell of it.
#[derive(Debug, Default)]
struct Found {
    is_exported: bool,
    is_script: bool,
    /// Folders with code, and those with the description that TorchScript once wrote beside it.
    code: BTreeSet<String>,
    described: BTreeSet<String>,
}

impl Found {
    fn see(&mut self, name: &str) {
        let (folder, rest) = name.split_once('/').unwrap_or(("", name));
        match rest {
            "archive_format" | "serialized_exported_program.json" => self.is_exported = true,
            "constants.pkl" | "bytecode.pkl" => self.is_script = true,
            "model.json" => drop(self.described.insert(folder.to_owned())),
            _ if rest.starts_with("code/") => drop(self.code.insert(folder.to_owned())),
            _ => {}
        }
    }

    /// A folder of code alone may be anybody's, beside weights.
    fn kind(&self) -> Option<Kind> {
        match (self.is_exported, self.is_script || !self.code.is_disjoint(&self.described)) {
            (true, _) => Some(Kind::Exported),
            (false, true) => Some(Kind::Script),
            (false, false) => None,
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Script,
    Exported,
}
