//! What can go wrong where a user's shape, file or setting enters the kernels.

/// What goes wrong where a shape, a file or a setting of the user enters this crate. A message is lower case and says
/// what to do next if something can be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More axes than a [`Shape`](crate::Shape) holds.
    #[error("a tensor of {got} axes; at most {max} are supported")]
    Rank {
        /// Axes asked for.
        got: usize,
        /// Axes supported.
        max: usize,
    },
    /// A shape whose size in bytes does not fit the address space.
    #[error("a tensor of shape {dims:?} is larger than the address space")]
    TooLarge {
        /// The sizes asked for.
        dims: Vec<usize>,
    },
    /// Data whose length is not the product of its shape.
    #[error("{got} values for a tensor of shape {dims:?}, which holds {}", dims.iter().product::<usize>())]
    ElementCount {
        /// The sizes of the shape stated.
        dims: Vec<usize>,
        /// Values given.
        got: usize,
    },
    /// A convolution that has no output.
    #[error(
        "a {window}-wide window does not fit an input of {height}x{width} with its padding; use a larger image"
    )]
    EmptyOutput {
        /// Side of the window in pixels.
        window: usize,
        /// Input rows.
        height: usize,
        /// Input columns.
        width: usize,
    },
    /// A name that is none of the instruction sets.
    #[error("unknown instruction set '{name}'; use one of {known}")]
    UnknownIsa {
        /// The name given.
        name: String,
        /// The names known.
        known: String,
    },
    /// An instruction set that this processor lacks.
    #[error("this processor has no {name}; the best it can run is {best}")]
    UnsupportedIsa {
        /// The name given.
        name: &'static str,
        /// The best instruction set found.
        best: &'static str,
    },
    /// A word that names no inverse cosine transform.
    #[error("'{text}' is no transform of JPEGs; use accurate or fast")]
    UnknownDct {
        /// The word given.
        text: String,
    },
    /// A name that is in no table of kernels.
    #[error("no kernel is named '{name}'; the registry lists their names")]
    UnknownKernel {
        /// The name given.
        name: String,
    },
    /// A kernel of an instruction set that this processor lacks.
    #[error("this processor does not run the kernel {name}; its best instruction set is {best}")]
    UnsupportedKernel {
        /// The kernel.
        name: &'static str,
        /// The best instruction set found.
        best: &'static str,
    },
    /// The operating system gave no threads.
    #[error("could not start {count} threads: {reason}; ask for fewer")]
    Threads {
        /// Threads asked for.
        count: usize,
        /// What the system said.
        reason: String,
    },
    /// A file that could not be read.
    #[cfg(feature = "files")]
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that another program wrote while it was read.
    #[cfg(feature = "files")]
    #[error("{}: was written while it was read; try again when that is done", path.display())]
    FileChanged {
        /// The file.
        path: std::path::PathBuf,
    },
    /// A file for whose content the system has no memory.
    #[cfg(feature = "files")]
    #[error("{}: there is no memory for its {bytes} bytes", path.display())]
    NoMemory {
        /// The file.
        path: std::path::PathBuf,
        /// The bytes to be read.
        bytes: u64,
    },
    /// A file above the size that its reader allows.
    #[cfg(feature = "files")]
    #[error("{}: {got} bytes, above the limit of {limit}", path.display())]
    FileTooLarge {
        /// The file.
        path: std::path::PathBuf,
        /// The file's size in bytes.
        got: u64,
        /// The limit in bytes.
        limit: u64,
    },
}
