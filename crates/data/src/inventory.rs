//! What a search for photos finds: samples by part, their classes and groups, and what was passed over.

use std::collections::HashMap;
use std::path::PathBuf;

/// A part of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The photos that the head learns from.
    Train,
    /// The photos on which it is watched while it learns.
    Val,
    /// The photos on which it is tried at the end.
    Test,
}

impl Part {
    /// The name of the part: `train`, `val` or `test`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }

    /// Returns the part called `name`, or `None` if no part is.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Train, Self::Val, Self::Test].into_iter().find(|part| part.name() == name)
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Names that say part and not class.
pub(crate) const PART_NAMES: [&str; 7] =
    ["train", "training", "val", "valid", "validation", "test", "testing"];

/// A photo and its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The file of the photo.
    pub path: PathBuf,
    /// The index of its class among those of the dataset.
    pub class: usize,
}

/// A file or folder that is passed over, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file or folder.
    pub path: PathBuf,
    /// Why it is passed over.
    pub reason: SkipReason,
}

/// Why a file or folder is passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// Its name starts with a dot, or it is one of the files that systems leave in every folder (`Thumbs.db`).
    Hidden,
    /// A named pipe, a socket or a device.
    NotAFile,
    /// A link to nothing, or to a folder that has been visited.
    Link,
    /// A file that is no photo by its extension, which it holds, and by its first bytes.
    Foreign(String),
    /// Its name is not valid UTF-8, so that it could not be written down.
    NotText,
    /// It could not be looked at; holds what the system said.
    Unreadable(String),
    /// A photo that lies beside the class folders.
    NoClass,
}

impl SkipReason {
    /// Whether nobody needs to hear of it: systems leave such files behind, and nobody takes them for photos.
    #[must_use]
    pub fn is_clutter(&self) -> bool {
        matches!(self, Self::Hidden)
    }
}

impl std::fmt::Display for SkipReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hidden => f.write_str("a hidden file"),
            Self::NotAFile => f.write_str("not a regular file"),
            Self::Link => f.write_str("a link to nothing or in a circle"),
            Self::Foreign(extension) => write!(f, "a .{extension} file, no photo"),
            Self::NotText => f.write_str("the name is not valid UTF-8; rename it"),
            Self::Unreadable(cause) => write!(f, "could not be read: {cause}"),
            Self::NoClass => f.write_str("outside the class folders"),
        }
    }
}

/// A part without photos of a class that the training set has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingClass {
    /// The part.
    pub part: Part,
    /// The class.
    pub class: String,
}

impl std::fmt::Display for MissingClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no photo of class '{}' in {}", self.class, self.part)
    }
}

/// The samples of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The names of the classes, naturally sorted; a sample's class is an index into them.
    pub classes: Vec<String>,
    /// The training samples, by class and then naturally by path.
    pub train: Vec<Sample>,
    /// The validation samples; `None` if neither the folder nor the caller names any.
    pub val: Option<Vec<Sample>>,
    /// The test samples; `None` if the folder has no such part.
    pub test: Option<Vec<Sample>>,
    /// The files and folders that are passed over.
    pub skipped: Vec<Skipped>,
    /// Classes of the training set that another part lacks.
    pub missing: Vec<MissingClass>,
    /// The names of the groups that photos belong to, by their paths, if a [CSV file](crate::scan) says so. Photos of a
    /// group must not be on both sides of a split; a photo without a name here is alone.
    pub groups: HashMap<PathBuf, String>,
}

impl Inventory {
    /// Returns the number of photos of each class among `samples`.
    #[must_use]
    pub fn counts(&self, samples: &[Sample]) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for sample in samples {
            counts[sample.class] += 1;
        }
        counts
    }

    /// Notes the classes of which a part has no photo.
    pub(crate) fn tell_missing(&mut self, part: Part, samples: &[Sample]) {
        let counts = self.counts(samples);
        let missing = self.classes.iter().zip(counts).filter(|(_, count)| *count == 0);
        self.missing.extend(missing.map(|(class, _)| MissingClass { part, class: class.clone() }));
    }
}
