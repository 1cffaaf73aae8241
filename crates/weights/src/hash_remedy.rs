//! What to do about a file with another hash than the expected one.

use std::fmt;

/// What to do about a file whose hash is not the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HashRemedy {
    /// Get the file again, or from elsewhere.
    GetAgain,
    /// Delete the file, which should hold a hash and does not.
    Delete,
    /// Fetch the weights of this name again.
    Fetch(String),
    /// Fetch the weights of this name again and accept the new hash, if the publisher has changed the file.
    Accept(String),
}

impl fmt::Display for HashRemedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GetAgain => "it is damaged or another file; get it again, or from elsewhere",
            Self::Delete => "delete the file",
            Self::Fetch(_) => "it was changed or damaged; fetch it again",
            Self::Accept(_) => {
                "if its publisher has changed it and you trust that, fetch it again and accept the new hash"
            }
        })
    }
}
