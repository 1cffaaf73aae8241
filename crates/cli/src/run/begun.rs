//! `unfinished.toml` and `unfinished.csv`: what began a run that is under way, or was interrupted.

use std::path::{Path, PathBuf};

use icecap::advanced::data::{Inventory, Part, Sample, read_split};
use serde::{Deserialize, Serialize};

use super::files::{UNFINISHED, UNFINISHED_SPLIT};
use super::text_file::toml_file;
use crate::terminal::failure::{Code, Failure};

/// The longest file that is read, in bytes: nobody's words and classes come to that.
const MOST: u64 = 16 << 20;
/// What to do with marks that cannot be used.
pub(crate) const BEGIN_ANEW: &str = "begin anew";

/// What stands in `unfinished.toml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Begun {
    pub(crate) version: String,
    /// The words behind the program's name.
    pub(crate) words: Vec<String>,
    /// The folder in which they were typed.
    pub(crate) directory: PathBuf,
    pub(crate) classes: Vec<String>,
    pub(crate) params_sha256: String,
    pub(crate) isa: String,
}

impl Begun {
    /// Reads the `unfinished.toml` of the run in the folder `run`.
    pub(crate) fn read(run: &Path) -> Result<Self, Failure> {
        toml_file(&run.join(UNFINISHED), MOST, BEGIN_ANEW)
    }

    /// Returns `inventory` with the photos that were there when the run began, in the order that they had then.
    ///
    /// # Errors
    /// If the classes are others now, or `unfinished.csv` cannot be used.
    pub(crate) fn inventory(&self, run: &Path, inventory: Inventory) -> Result<Inventory, Failure> {
        if self.classes != inventory.classes {
            let message = format!(
                "{}: the classes were {} when the run began, and are {} now; begin anew",
                run.display(),
                self.classes.join(", "),
                inventory.classes.join(", ")
            );
            return Err(Failure::new(Code::Content, message));
        }
        let file = run.join(UNFINISHED_SPLIT);
        let [mut train, mut val, mut test] = [const { Vec::new() }; 3];
        for row in read_split(&file)? {
            let class = self.classes.iter().position(|class| *class == row.class).ok_or_else(|| {
                let message =
                    format!("{}: class '{}' is none of the run's; begin anew", file.display(), row.class);
                Failure::new(Code::Content, message)
            })?;
            let part = match row.part {
                Part::Train => &mut train,
                Part::Val => &mut val,
                Part::Test => &mut test,
            };
            part.push(Sample { path: row.path, class });
        }
        let [val, test] = [val, test].map(|part| Some(part).filter(|part| !part.is_empty()));
        Ok(Inventory { train, val, test, ..inventory })
    }
}
