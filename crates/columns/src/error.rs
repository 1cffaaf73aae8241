//! What can be wrong with a table.

use parquet::errors::ParquetError;

/// Why a table, or a part of it, cannot be read. It names no file: whoever opened it knows which it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is none, is damaged, or has something that is not read.
    #[error("{0}")]
    Content(String),
    /// There is not enough memory for what the file states.
    #[error("there is no memory for {bytes} bytes of it")]
    Memory {
        /// How many bytes were asked for.
        bytes: u64,
    },
    /// The system does not give the file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Error {
    /// What is in the file, and why it is not read.
    pub(crate) fn content(what: impl Into<String>) -> Self {
        Self::Content(what.into())
    }
}

impl From<ParquetError> for Error {
    fn from(error: ParquetError) -> Self {
        let text = match error {
            // Whatever stands below the reader says it in its own words.
            ParquetError::External(source) => match source.downcast::<Self>().map_err(said_by_system) {
                Ok(own) => return *own,
                Err(Ok(own)) => return own,
                Err(Err(text)) => text,
            },
            ParquetError::General(text) => text,
            other => other.to_string(),
        };
        Self::Content(format!("is damaged: {text}"))
    }
}

/// What came up through a reader of bytes: an error of ours, of the system, or words of another.
fn said_by_system(error: Box<dyn std::error::Error + Send + Sync>) -> Result<Error, String> {
    let error = error.downcast::<std::io::Error>().map_err(|other| other.to_string())?;
    match error.downcast::<Error>() {
        Ok(own) => Ok(own),
        Err(system) if system.raw_os_error().is_some() => Ok(Error::Io(system)),
        Err(other) => Err(other.to_string()),
    }
}

impl From<Error> for ParquetError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}
