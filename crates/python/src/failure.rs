//! Errors of the library as Python's exceptions.

use std::error::Error as _;
use std::io;

use icecap::advanced::data::Error as DataError;
use icecap::advanced::foundation::shown::plain;
use icecap::advanced::weights::Error as WeightsError;
use icecap::{Error, Kind};
use pyo3::PyErr;
use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PyValueError};

pyo3::create_exception!(
    icecap,
    LimitError,
    PyValueError,
    "A photo or a file that is larger than icecap reads."
);

/// Returns the exception of an error: `OSError` or what is derived from it for a path, `LimitError` for a limit, and
/// `ValueError` for settings and contents. `photo` is told in front of the message.
pub(crate) fn exception(error: &Error, photo: Option<usize>) -> PyErr {
    let advice = advice(error);
    let message = match photo {
        Some(place) => format!("photo {place}: {error}{advice}"),
        None => format!("{error}{advice}"),
    };
    let message = plain(&message).into_owned();
    match error.kind() {
        Kind::Limit => LimitError::new_err(message),
        // Python makes FileNotFoundError, PermissionError and so on of an OSError that has the system's number.
        Kind::Path => match number(error) {
            Some(number) => PyOSError::new_err((number, message)),
            None => PyOSError::new_err(message),
        },
        Kind::Stopped => PyKeyboardInterrupt::new_err(()),
        _ => PyValueError::new_err(message),
    }
}

/// Returns what mends an error, where the library does not know how Python's half is called.
fn advice(error: &Error) -> String {
    match error {
        Error::Weights(WeightsError::NotCached { name, .. }) => {
            format!(": `icecap weights pull {name}` does, the program with the cache folder of this user")
        }
        Error::NeedsBackbone { .. } => "; pass them, opened, as backbone=Backbone.open(…)".to_owned(),
        _ => String::new(),
    }
}

/// The system's number of what is not there.
const NOT_FOUND: i32 = 2;

/// Returns the system's number of the error that is at the bottom of `error`.
fn number(error: &Error) -> Option<i32> {
    if let Error::Weights(WeightsError::UnknownName { .. } | WeightsError::NotCached { .. })
    | Error::Data(DataError::MissingFolder { .. }) = error
    {
        return Some(NOT_FOUND);
    }
    let mut below = error.source();
    while let Some(error) = below {
        if let Some(number) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return Some(number);
        }
        below = error.source();
    }
    None
}
