//! What can go wrong between a weight file, a model file and a net.

use std::path::PathBuf;

use icecap_foundation::shown::{escaped, plain};

use crate::container::ContainerKind;
use crate::error_text::{at_byte, called, hint, meant, net_hint};
use crate::hash_remedy::HashRemedy;
use crate::kind::Kind;
use crate::layout::Layout;
use crate::other_form::OtherForm;

/// An error of this crate. Each names the file, and the tensor, metadata key or byte where there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be read, was written meanwhile or is too large.
    #[cfg(feature = "files")]
    #[error(transparent)]
    File(#[from] icecap_kernels::Error),
    /// A file that cannot be written.
    #[cfg(feature = "files")]
    #[error(transparent)]
    Write(#[from] icecap_foundation::atomic_file::WriteError),
    /// Something above the limit that is set before memory is taken for it.
    #[error("{}: {got} {what}, above the limit of {limit}", escaped(path))]
    Limit {
        /// The file.
        path: PathBuf,
        /// The thing that is limited: bytes, tensors or others.
        what: &'static str,
        /// How many there are.
        got: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// A file that is none of the containers that are read.
    #[error(
        "{}: no weight file: its first bytes are none of safetensors', HDF5's (.h5), Keras' (.keras), PyTorch's (.pth), ONNX' or TFLite's",
        escaped(path)
    )]
    UnknownContainer {
        /// The file.
        path: PathBuf,
    },
    /// A file whose container is damaged.
    #[error("{}: {reason} at byte {offset}; the file is damaged or not {kind}", escaped(path))]
    Container {
        /// The file.
        path: PathBuf,
        /// The kind of container that it was read as.
        kind: ContainerKind,
        /// The byte at which it shows, from the start of the file.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A pickle that asks for more than plain tensors.
    #[error(
        "{}: {reason} at byte {offset} is not read, and nothing in such a file is run; \
         save `model.state_dict()` of plain tensors, best as safetensors",
        escaped(path)
    )]
    Pickle {
        /// The file.
        path: PathBuf,
        /// The byte at which it shows, from the start of the file.
        offset: u64,
        /// The operation, and what it asks for.
        reason: String,
    },
    /// A container that uses what is not read here.
    #[error("{}: {feature} at byte {offset}, which is not read from {kind}; {advice}", escaped(path))]
    Feature {
        /// The file.
        path: PathBuf,
        /// The kind of container that it was read as.
        kind: ContainerKind,
        /// The byte at which it shows, from the start of the file.
        offset: u64,
        /// The part of the format that is not read.
        feature: String,
        /// What to do.
        advice: &'static str,
    },
    /// A tensor that the container describes wrongly.
    #[error("{}: tensor '{tensor}' at byte {offset}: {reason}", escaped(path))]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The name of the tensor in the file.
        tensor: String,
        /// Where its values start, or should start.
        offset: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor whose values are not f32.
    #[error("{}: tensor '{tensor}' at byte {offset} is {dtype}; convert it to F32", escaped(path))]
    Dtype {
        /// The file.
        path: PathBuf,
        /// The name of the tensor in the file.
        tensor: String,
        /// Where its values start.
        offset: u64,
        /// The element type that the file states.
        dtype: String,
    },
    /// Tensor names of no layout that is read.
    #[error(
        "{}: its tensors ({names}) are named in no known layout; known: {}",
        escaped(path),
        Layout::ALL.map(|layout| format!("{layout} ('{}', …)", layout.example())).join(", ")
    )]
    UnknownLayout {
        /// The file.
        path: PathBuf,
        /// The first names in it.
        names: String,
    },
    /// A layer that Keras' description of the model has, and that is not followed.
    #[error("{}: {told}", escaped(path))]
    Layer {
        /// The file.
        path: PathBuf,
        /// The layer's name and class, and why it is not followed.
        told: String,
    },
    /// A net that was saved in another form than as a file of its tensors.
    #[error("{}: {form}", escaped(path))]
    OtherForm {
        /// The file.
        path: PathBuf,
        /// The form, and what saves the tensors.
        form: OtherForm,
    },
    /// Averaged weights were asked for, and the file has none.
    #[error("{}: no averaged weights (EMA) stand in the file beside its net", escaped(path))]
    NoAverages {
        /// The file.
        path: PathBuf,
    },
    /// A tensor that is not there, and whose shape nothing else in the file tells.
    #[error("{}: tensor '{tensor}' is missing; {}", escaped(path), hint(tensor))]
    MissingTensor {
        /// The file.
        path: PathBuf,
        /// What the file would call it.
        tensor: String,
    },
    /// Tensors that make no MobileNetV2.
    #[error("{}: {source}{}{}{}", escaped(path), called(.here.as_deref()), at_byte(*.offset), net_hint(source))]
    Net {
        /// The file.
        path: PathBuf,
        /// Where the tensor's values, or the wrong one among them, stand.
        offset: Option<u64>,
        /// What the file calls the tensor, where that is not Keras' name.
        here: Option<String>,
        /// Which tensor, and why.
        source: Box<icecap_graph::Error>,
    },
    /// An operator of a graph that no MobileNetV2 has at its place, or that is not read.
    #[error("{}: node '{node}' ({op}): {reason}", escaped(path))]
    Node {
        /// The file.
        path: PathBuf,
        /// The name of the node in the file.
        node: String,
        /// What the format calls the operator.
        op: String,
        /// What stands against it, and what to do.
        reason: String,
    },
    /// A graph that is no MobileNetV2.
    #[error("{}: {reason}", escaped(path))]
    Graph {
        /// The file.
        path: PathBuf,
        /// What stands against it, and what to do.
        reason: String,
    },
    /// A file of another kind, which is known and not read.
    #[error("{}: this is {what}; {advice}", escaped(path))]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// What it is.
        what: String,
        /// What to do.
        advice: String,
    },
    /// A model whose net is there in integers alone, where its trained tensors are needed.
    #[error(
        "{}: its net is in int8, as integers alone; what needs the tensors of its training needs the weights that it was \
         made of",
        escaped(path)
    )]
    IntegersOnly {
        /// The file.
        path: PathBuf,
    },
    /// A net that cannot be made ready to run in the precision that was asked for.
    #[error("{}: {source}", escaped(path))]
    Pack {
        /// The file.
        path: PathBuf,
        /// What stands against it.
        source: Box<icecap_graph::Error>,
    },
    /// A metadata value that cannot be used.
    #[error("{}: metadata '{key}' is '{value}': {reason}", escaped(path))]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The value, cut short if it is long.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A metadata key that a model file must have.
    #[error("{}: metadata '{key}' is missing; the file is no whole model", escaped(path))]
    MissingMetadata {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
    },
    /// A file that was not written as a model.
    #[error(
        "{}: no model file of ours: {reason}; a file with weights alone is opened as weights",
        escaped(path)
    )]
    NotAModel {
        /// The file.
        path: PathBuf,
        /// The sign that it is no model.
        reason: String,
    },
    /// A model file of a later format.
    #[error("{}: model format {got}, and this program reads up to {known}; update icecap", escaped(path))]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        got: u64,
        /// The latest format read here.
        known: u64,
    },
    /// A model whose parts do not fit each other, or cannot be saved.
    #[error("{}: {reason}", escaped(path))]
    Model {
        /// The file.
        path: PathBuf,
        /// The part, what is wrong with it, and what to do.
        reason: String,
    },
    /// A model file without a backbone, opened as weights.
    #[error(
        "{}: this model was saved without its backbone; open the weights that it was trained on \
         (params_sha256 {params_sha256})",
        escaped(path)
    )]
    NoBackbone {
        /// The file.
        path: PathBuf,
        /// The hash of the net that it was trained on, or `unknown`.
        params_sha256: String,
    },
    /// A name that no weights are known by.
    #[error("{}: no such file, and no weights of that name{}", plain(name), meant(.near))]
    UnknownName {
        /// The name that was asked for.
        name: String,
        /// Names that are like it.
        near: Vec<String>,
    },
    /// Weights that are known by name, and not in the cache.
    #[error("{name}: not in the cache ({}); fetch them first", escaped(path))]
    NotCached {
        /// The name of the weights.
        name: String,
        /// The path where their file would lie.
        path: PathBuf,
    },
    /// A file whose hash is not the one that was expected.
    #[error("{}: its sha256 is {got}, and {by} says {expected}; {remedy}", plain(place))]
    OtherHash {
        /// The file, or the address that it came from.
        place: String,
        /// Who stated the other hash.
        by: &'static str,
        /// The expected hash, or its first digits.
        expected: String,
        /// The hash of the file.
        got: String,
        /// What to do.
        remedy: HashRemedy,
    },
    /// A file that holds another net than its entry in the manifest says.
    #[error(
        "{}: {what} is {got}, and the manifest's entry '{name}' says {expected}; is it another file?",
        escaped(path)
    )]
    OtherNet {
        /// The file.
        path: PathBuf,
        /// The entry.
        name: String,
        /// The property that differs.
        what: &'static str,
        /// What the entry says.
        expected: String,
        /// What the file holds.
        got: String,
    },
    /// A file that could not be fetched.
    #[error(
        "{url}: {reason}; without a way there, copy that file to {} yourself, or name a proxy or a mirror",
        escaped(copy_to)
    )]
    Fetch {
        /// The address of the file.
        url: String,
        /// Why it could not be fetched.
        reason: String,
        /// The path where the file would lie.
        copy_to: PathBuf,
    },
    /// What was fetched, or lies in the cache, cannot be what was asked for.
    #[error("{url}: {reason}")]
    Fetched {
        /// The address or path of the file.
        url: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A setting of the network that cannot be used.
    #[error("{what} '{value}': {reason}")]
    Setting {
        /// The name of the setting.
        what: &'static str,
        /// The value that it was set to.
        value: String,
        /// Why the value cannot be used.
        reason: String,
    },
    /// The caller stopped the work.
    #[error("stopped")]
    Stopped,
    /// An entry of the manifest that cannot be used.
    #[error("manifest, {entry}: {reason}")]
    Manifest {
        /// The entry's name, or where in the file.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// The error for a path that cannot be read or written.
    #[cfg(feature = "files")]
    pub(crate) fn io(path: &std::path::Path, source: std::io::Error) -> Self {
        icecap_kernels::Error::Io { path: path.to_owned(), source }.into()
    }

    /// Returns the sort of trouble that the error tells.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            #[cfg(feature = "files")]
            Self::File(
                icecap_kernels::Error::FileTooLarge { .. } | icecap_kernels::Error::NoMemory { .. },
            ) => Kind::Limit,
            // What else a file can do.
            #[cfg(feature = "files")]
            Self::File(_) | Self::Write(_) => Kind::Io,
            Self::Limit { .. } => Kind::Limit,
            Self::UnknownName { .. } | Self::NotCached { .. } | Self::Fetch { .. } => Kind::Io,
            Self::Setting { .. } => Kind::Setting,
            Self::Stopped => Kind::Stopped,
            _ => Kind::Content,
        }
    }
}
