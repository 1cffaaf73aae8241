//! What can go wrong between a folder of photos and pixels.

use std::path::{Path, PathBuf};

use icecap_foundation::shown::{escaped, plain};

use crate::Format;

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of this crate. A message is lower case, without a full stop, and says what to do next if something can be
/// done. It is one line whatever stands in a file or a name: what a terminal would obey is spelt out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error about one photo, with its path.
    #[error("{}: {source}", escaped(path))]
    Photo {
        /// The photo's file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// A file or folder that could not be read or written.
    #[error("{}: {source}", escaped(path))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An archive that cannot be used, or not safely.
    #[error("{}: {}{}", escaped(path), offset.map_or(String::new(), |at| format!("byte {at}: ")), plain(reason))]
    Archive {
        /// The archive.
        path: PathBuf,
        /// Where in the file, if it is a matter of bytes.
        offset: Option<u64>,
        /// What is wrong there.
        reason: String,
    },
    /// A file in an archive that cannot be taken out of it.
    #[error("{}", plain(reason))]
    Member {
        /// What is wrong with it.
        reason: String,
    },
    /// A photo's file that could not be read.
    #[error("could not be read: {0}")]
    Read(#[source] std::io::Error),
    /// Something that is no regular file: a folder, a named pipe, a socket, a device.
    #[error("not a regular file")]
    NotAFile,
    /// A file of no bytes.
    #[error("the file is empty")]
    Empty,
    /// Pixels in memory that do not fit the size that was given with them.
    #[error("a photo of {width}x{height} pixels has three bytes for each of them; {got} bytes were given")]
    Pixels {
        /// Columns, as given.
        width: usize,
        /// Rows, as given.
        height: usize,
        /// Bytes given.
        got: usize,
    },
    /// A picture in a format that is not read, and that other programs turn into one that is.
    #[error("{found}, which is not read; make a JPEG or PNG of it first, as by `{command}`")]
    Convertible {
        /// What the file is.
        found: &'static str,
        /// A command of another program that converts it.
        command: &'static str,
    },
    /// A file in none of the formats that are read.
    #[error("{found}; the formats read are JPEG, PNG, GIF, BMP, WebP and TIFF")]
    UnknownFormat {
        /// What the first bytes look like.
        found: &'static str,
    },
    /// A variant of a format that is not read.
    #[error("{format} with {feature} is not supported; save it as a plain {format}")]
    Unsupported {
        /// The format.
        format: Format,
        /// What is not supported.
        feature: String,
    },
    /// A file that ends, or whose data ends, before all rows of the image.
    #[error("the {format} ends before the whole image: {reason}; get the file again")]
    Truncated {
        /// The format.
        format: Format,
        /// What is missing.
        reason: String,
    },
    /// A file that breaks its format's rules.
    #[error("broken {format}: {reason}")]
    Broken {
        /// The format.
        format: Format,
        /// What the decoder said.
        reason: String,
    },
    /// A file above one of the [`Limits`](crate::Limits).
    #[error("{what} of {got} is above the limit of {limit}")]
    Limit {
        /// What is limited, with its unit.
        what: &'static str,
        /// What the file asks for.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// A file whose decoder would need more than the [`Limits`](crate::Limits).
    #[error("the {format} asks for more than the limits allow: {reason}")]
    OverLimit {
        /// The format.
        format: Format,
        /// What the decoder said.
        reason: String,
    },
    /// Less memory than a photo takes while it is read and decoded.
    #[error("there is not enough memory for {what}; free some, use fewer threads, or make the photo smaller")]
    Memory {
        /// What there is no memory for, with its size.
        what: String,
    },
    /// A resize rule that cannot be read.
    #[error(
        "'{}' is no resize rule; use squash, center-crop, crop or cut, as in '160x160 squash' or '224x224 center-crop 0.875'",
        plain(text)
    )]
    ResizeSpec {
        /// The text given.
        text: String,
    },
    /// A list of what may differ from view to view that cannot be read.
    #[error(
        "'{}' is no augmentation; use one or more of flip, crop:SHARE, rotate:DEGREES, color:STRENGTH, as in \
         flip,crop:0.8 (each once; shares from 0.2 to below 1, degrees up to 180, strengths between 0 and 1)",
        plain(text)
    )]
    Augment {
        /// The text given.
        text: String,
    },
    /// A rule for EXIF orientation that cannot be read.
    #[error("'{}' is no rule for EXIF orientation; use apply or ignore", plain(text))]
    ExifPolicy {
        /// The text given.
        text: String,
    },
    /// A folder of shards of which some are called as parts are, and another otherwise.
    #[error(
        "{}: '{}' is of no part beside shards of parts; rename it, or name 'train-*.tar' and --val 'val-*.tar'",
        escaped(path),
        plain(shard)
    )]
    MixedShards {
        /// The folder.
        path: PathBuf,
        /// The name of the shard.
        shard: String,
    },
    /// A folder that is not there.
    #[error("{}: no such file or folder", escaped(path))]
    MissingFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A file where a folder should be.
    #[error(
        "{}: a file, not a folder; name the folder that holds the photos, or a list of them whose name ends in .csv, or an \
         archive of them whose name ends in .zip{}",
        escaped(path), if cfg!(feature = "parquet") { ", .tar or .parquet" } else { " or .tar" }
    )]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// A folder with no class folder in it.
    #[error(
        "{}: no class folders; put the photos of each class into a folder of its own inside it{}", escaped(path),
        or_list(list.as_deref())
    )]
    NoClasses {
        /// The folder.
        path: PathBuf,
        /// A file in it that lists photos with their classes.
        list: Option<PathBuf>,
    },
    /// A folder with a single class.
    #[error(
        "{}: only one class, '{}'; a classifier needs at least two class folders{}", escaped(path), plain(class),
        or_list(list.as_deref())
    )]
    OneClass {
        /// The folder.
        path: PathBuf,
        /// The class found.
        class: String,
        /// A file in the folder that lists photos with their classes.
        list: Option<PathBuf>,
    },
    /// A folder whose only folder is a dataset.
    #[error("{}: the class folders lie further down; name {} instead", escaped(path), escaped(inside))]
    TooHigh {
        /// The folder.
        path: PathBuf,
        /// The folder that has class folders, or `train` with such.
        inside: PathBuf,
    },
    /// A class folder without a photo.
    #[error("{}: no photo in this class folder; add photos or remove the folder", escaped(path))]
    EmptyClass {
        /// The class folder.
        path: PathBuf,
    },
    /// A folder without a photo.
    #[error("{}: no photo found", escaped(path))]
    NoPhotos {
        /// The folder.
        path: PathBuf,
    },
    /// A class folder outside the training set whose name is no class of the training set.
    #[error(
        "{}: '{}' is no class of the training set ({}); {}rename or remove the folder", escaped(path), plain(class), plain(known),
        meant.as_ref().map_or(String::new(), |meant| format!("did you mean '{}'? ", plain(meant)))
    )]
    UnknownClass {
        /// The class folder.
        path: PathBuf,
        /// The name of the class folder.
        class: String,
        /// The classes of the training set.
        known: String,
        /// The class that was likely meant.
        meant: Option<String>,
    },
    /// A path that cannot be written as text.
    #[error("{}: the name is not valid UTF-8; rename it", escaped(path))]
    PathNotText {
        /// The path.
        path: PathBuf,
    },
    /// A share that is no share.
    #[error("a validation share of {got} cannot be used; use one from 0 up to, not including, 1")]
    Share {
        /// The share given.
        got: f64,
    },
    /// Folds that a class is too small for.
    #[error(
        "{folds} folds cannot be made: class number {class} has too few photos, or too few groups of them; use fewer \
         folds (2 or more), or add photos"
    )]
    Folds {
        /// How many were asked for.
        folds: usize,
        /// The class' index.
        class: usize,
    },
    /// A rule for groups that is no regular expression.
    #[error("'{}' is no regular expression: {}; as in '^(cow-[0-9]+)'", plain(rule), plain(reason))]
    GroupRule {
        /// The rule given.
        rule: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A list of photos, a `split.csv` or a list of classes that cannot be used.
    #[error("{}: line {line}: {}", escaped(path), plain(reason))]
    Listing {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A class of which a list of exclusions leaves nothing.
    #[error(
        "{}: every training photo of class '{}' is on this list; leave some",
        escaped(path),
        plain(class)
    )]
    AllExcluded {
        /// The list.
        path: PathBuf,
        /// The class.
        class: String,
    },
    /// A class of the photos that a list of classes does not name.
    #[error("{}: class '{}' is not in this list; {}", escaped(path), plain(class), did_you_mean(meant.as_deref()))]
    ClassNotListed {
        /// The list.
        path: PathBuf,
        /// The class.
        class: String,
        /// The name in the list that was likely meant.
        meant: Option<String>,
    },
    /// A class in a list of classes of which there is no photo.
    #[error(
        "{}: no training photo of class '{}'; add photos or remove the name",
        escaped(path),
        plain(class)
    )]
    ClassWithoutPhotos {
        /// The list.
        path: PathBuf,
        /// The class.
        class: String,
    },
}

/// The end of a message about a folder in which a file lists photos.
pub(crate) fn or_list(list: Option<&Path>) -> String {
    list.map_or(String::new(), |list| {
        format!("; or name {}, which lists photos with their classes", escaped(list))
    })
}

/// The numbers of Unix for a device that fails, and for a system, or a process, that has too many files open.
const GAVE_OUT: [i32; 3] = [5, 23, 24];

fn did_you_mean(meant: Option<&str>) -> String {
    meant.map_or("add it".to_owned(), |meant| format!("did you mean '{}'?", plain(meant)))
}

/// The kind of an [`Error`], for callers that have to react to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Content that cannot be used: unreadable photos, no photos, one class, unknown classes.
    Content,
    /// Content above a limit.
    Limit,
    /// A path that is missing, unreadable or unwritable.
    Path,
    /// A setting that cannot be used.
    Setting,
}

impl Error {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Photo { source, .. } => source.kind(),
            Self::Limit { .. } | Self::OverLimit { .. } | Self::Memory { .. } => ErrorKind::Limit,
            Self::Io { .. } | Self::Read(_) | Self::MissingFolder { .. } | Self::NotAFolder { .. } => {
                ErrorKind::Path
            }
            Self::ResizeSpec { .. }
            | Self::Augment { .. }
            | Self::ExifPolicy { .. }
            | Self::Share { .. }
            | Self::Folds { .. }
            | Self::GroupRule { .. } => ErrorKind::Setting,
            _ => ErrorKind::Content,
        }
    }

    /// Returns what is wrong with a photo without its path, which stands beside it or is nobody's business.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Photo { source, .. } => source.to_string(),
            other => other.to_string(),
        }
    }

    /// Returns whether the system gave out, and not the photo: too many files are open, or a disk or a network failed. Nothing is
    /// known of the photo then, and the next one will fare no better.
    #[must_use]
    pub fn is_of_the_system(&self) -> bool {
        let gave_out = |error: &std::io::Error| {
            cfg!(unix) && error.raw_os_error().is_some_and(|code| GAVE_OUT.contains(&code))
        };
        match self {
            Self::Photo { source, .. } => source.is_of_the_system(),
            Self::Io { source, .. } | Self::Read(source) => gave_out(source),
            _ => false,
        }
    }

    /// Returns the error with the path of its photo.
    #[must_use]
    pub(crate) fn of(self, path: &Path) -> Self {
        Self::Photo { path: path.to_owned(), source: Box::new(self) }
    }

    /// A map from what the system said about `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}
