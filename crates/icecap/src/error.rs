//! What can go wrong between a folder of photos and a classifier.

use std::path::PathBuf;

use icecap_foundation::shown::{escaped, plain};
use icecap_graph::Precision;
use icecap_weights::Record;

/// What can go wrong. Most are errors of the crates below, with their path, tensor or number; [`Error::kind`] sorts them by
/// who can do something about them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A weight file or a model file that cannot be used.
    #[error(transparent)]
    Weights(#[from] icecap_weights::Error),
    /// A photo, a folder of photos, a split or a cache that cannot be used.
    #[error(transparent)]
    Data(#[from] icecap_data::Error),
    /// A size, a layer or a net that does not exist.
    #[error(transparent)]
    Graph(#[from] icecap_graph::Error),
    /// A training setting that cannot be used, or shapes that do not fit.
    #[error(transparent)]
    Autograd(#[from] icecap_autograd::Error),
    /// A shape, an instruction set or a number of threads that cannot be had.
    #[error(transparent)]
    Kernel(#[from] icecap_kernels::Error),
    /// Blocks of a net that cannot learn.
    #[error(transparent)]
    Tune(#[from] icecap_tune::Error),
    /// A file that cannot be written.
    #[error(transparent)]
    Write(#[from] icecap_foundation::atomic_file::WriteError),
    /// A model file without its backbone, opened without one.
    #[error(
        "{}: the backbone is not in this file; give the weights whose params_sha256 is {params_sha256}",
        escaped(path)
    )]
    NeedsBackbone {
        /// The model file.
        path: PathBuf,
        /// The hash of the net it was trained on.
        params_sha256: String,
    },
    /// A model file without its backbone, opened with another than it was trained on.
    #[error("{}: trained on the weights with params_sha256 {expected}, these have {got}", escaped(path))]
    OtherBackbone {
        /// The model file.
        path: PathBuf,
        /// The hash of the net it was trained on.
        expected: String,
        /// The hash of the net given.
        got: String,
    },
    /// A model file whose head was trained on features of another precision than was asked for.
    #[error("{}: its head was trained on features in {model}, and {asked} was asked for", escaped(path))]
    OtherPrecision {
        /// The model file.
        path: PathBuf,
        /// The precision of the model.
        model: Precision,
        /// The precision that was asked for.
        asked: Precision,
        /// What is known of the weights that the model's net came from.
        record: Box<Record>,
    },
    /// A model file in int8 whose net was to be trained on, or run, in another precision.
    #[error(
        "{}: its net is in int8, whole numbers alone, and {asked} was asked for; that needs the weights that it was made of, {}",
        escaped(path),
        made_of(record)
    )]
    IntegersAlone {
        /// The model file.
        path: PathBuf,
        /// The precision that was asked for.
        asked: Precision,
        /// What is known of the weights that the net was made of.
        record: Box<Record>,
    },
    /// A model file whose head is for features of another length than its backbone gives.
    #[error(
        "{}: a head for {got} features on a backbone that gives {expected}; the file is damaged",
        escaped(path)
    )]
    OtherFeatures {
        /// The model file.
        path: PathBuf,
        /// Features of the backbone.
        expected: usize,
        /// Features of the head.
        got: usize,
    },
    /// Weights whose head cannot be read, where it is needed.
    #[error(
        "the head of these weights cannot be read: {reason}; their backbone can be used with another head"
    )]
    UnreadableHead {
        /// The layer or tensor, and why it cannot be read.
        reason: String,
    },
    /// A packed net that is damaged, or not that of the model it is to serve.
    #[error("{}: the packed net in this file is damaged, or not that of the model", escaped(path))]
    PackedNet {
        /// The file that holds the net.
        path: PathBuf,
    },
    /// No photo of a class could be read.
    #[error("class '{}' has no readable photo for {part}; add photos or remove the class", plain(class))]
    EmptyClass {
        /// The class.
        class: String,
        /// What the photos were for: training or validation.
        part: &'static str,
    },
    /// Nothing is left to validate with.
    #[error(
        "no photo is left for validation: a share of {share} of classes this small is none; \
         each class needs two photos, or name validation photos of their own"
    )]
    NoValidation {
        /// The share of the photos that was to be held back.
        share: f64,
    },
    /// Groups that leave all photos of a class on one side of a split, or are too few for so many folds.
    #[error("{}", by_groups(class, *parts))]
    Groups {
        /// The class.
        class: String,
        /// Sides of the split, or folds.
        parts: usize,
    },
    /// More folds than a class has training photos.
    #[error(
        "{folds} folds cannot be made: class '{}' has {photos} training photo{}; use fewer folds, or add photos",
        plain(class), if *photos == 1 { "" } else { "s" }
    )]
    Folds {
        /// Folds asked for.
        folds: usize,
        /// The class.
        class: String,
        /// Its training photos.
        photos: usize,
    },
    /// No photo at all could be read.
    #[error("no readable photo for {part}; add some to it")]
    NoPhotos {
        /// What the photos were for.
        part: &'static str,
    },
    /// Photos that cannot be read, if the caller asked that to be an error.
    #[error("{skipped} of {photos} photos cannot be read, the first: {first}")]
    Skipped {
        /// Photos that cannot be read.
        skipped: usize,
        /// Photos in all.
        photos: usize,
        /// The first one's error.
        first: String,
    },
    /// More photos than can be compared with each other.
    #[error(
        "{photos} photos cannot be compared with each other, {most} at most: their features have to be in memory at once; \
         compare fewer, or say by a list or a rule which photos belong together"
    )]
    TooManyPhotos {
        /// The photos.
        photos: usize,
        /// So many can be compared.
        most: usize,
    },
    /// A setting whose value cannot be used.
    #[error("{what}: {}", plain(reason))]
    Setting {
        /// Which setting.
        what: &'static str,
        /// Why it cannot be used, and what could.
        reason: String,
    },
    /// A head whose loss is no number any more.
    #[error("the training diverged in epoch {epoch}: the loss is {loss}; use a smaller learning rate")]
    Diverged {
        /// The epoch, counted from 1.
        epoch: u32,
        /// The loss.
        loss: f32,
    },
    /// The caller stopped the work.
    #[error("stopped")]
    Stopped,
}

/// What an [`Error`] means to whoever has to react to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A setting that cannot be used: another value helps.
    Setting,
    /// A photo, a file or a dataset whose content cannot be used.
    Content,
    /// A photo or a file that is larger than this crate reads.
    Limit,
    /// A path that is missing, unreadable or unwritable.
    Path,
    /// The caller stopped the work: nothing is wrong.
    Stopped,
}

/// Returns which weights a net was made of.
fn made_of(record: &Record) -> String {
    let hash = record.params_sha256;
    match &record.name {
        Some(name) => format!("'{name}' (params_sha256 {hash})"),
        None => format!("those whose params_sha256 is {hash}"),
    }
}

/// Returns the message of [`Error::Groups`].
fn by_groups(class: &str, parts: usize) -> String {
    let class = plain(class);
    match parts {
        0..=2 => format!(
            "the training photos of class '{class}' cannot be parted, by their groups: nearly all are of one; add photos \
             of other groups, or group more finely"
        ),
        _ => format!(
            "{parts} folds cannot be made: the groups of class '{class}' are too few for them; use fewer folds, or group \
             more finely"
        ),
    }
}

impl Error {
    /// Returns what the error means to whoever has to react to it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Weights(error) => match error.kind() {
                icecap_weights::Kind::Limit => Kind::Limit,
                icecap_weights::Kind::Io => Kind::Path,
                icecap_weights::Kind::Setting => Kind::Setting,
                icecap_weights::Kind::Stopped => Kind::Stopped,
                _ => Kind::Content,
            },
            Self::Data(error) => match error.kind() {
                icecap_data::ErrorKind::Limit => Kind::Limit,
                icecap_data::ErrorKind::Path => Kind::Path,
                icecap_data::ErrorKind::Setting => Kind::Setting,
                _ => Kind::Content,
            },
            Self::Kernel(icecap_kernels::Error::Io { .. } | icecap_kernels::Error::FileChanged { .. })
            | Self::Write(_) => Kind::Path,
            Self::Kernel(
                icecap_kernels::Error::FileTooLarge { .. } | icecap_kernels::Error::NoMemory { .. },
            ) => Kind::Limit,
            Self::Graph(icecap_graph::Error::NoTop) => Kind::Content,
            Self::Graph(_) | Self::Autograd(_) | Self::Kernel(_) | Self::Tune(_) => Kind::Setting,
            Self::OtherPrecision { .. }
            | Self::IntegersAlone { .. }
            | Self::Setting { .. }
            | Self::Diverged { .. }
            | Self::Groups { .. }
            | Self::Folds { .. } => Kind::Setting,
            Self::NeedsBackbone { .. }
            | Self::OtherBackbone { .. }
            | Self::OtherFeatures { .. }
            | Self::UnreadableHead { .. }
            | Self::PackedNet { .. } => Kind::Content,
            Self::NoValidation { .. }
            | Self::EmptyClass { .. }
            | Self::NoPhotos { .. }
            | Self::Skipped { .. } => Kind::Content,
            Self::TooManyPhotos { .. } => Kind::Limit,
            Self::Stopped => Kind::Stopped,
        }
    }
}
