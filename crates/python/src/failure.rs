//! Errors of the library as Python's exceptions.

use std::error::Error as _;
use std::io;

use icecap::advanced::data::Error as DataError;
use icecap::advanced::foundation::shown::plain;
use icecap::advanced::weights::Error as WeightsError;
use icecap::{Error, Kind};
use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;

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

/// Returns an exception of Python's with the place of the photo that it is about: in front of the message of the kinds that are
/// raised for photos, and as a note on others, where Python has notes.
pub(crate) fn in_place(py: Python<'_>, error: &PyErr, place: usize) -> PyErr {
    let kind = error.get_type(py);
    let known = [py.get_type::<PyValueError>(), py.get_type::<PyTypeError>(), py.get_type::<LimitError>()];
    if known.iter().any(|known| known.is(&kind)) {
        let placed = PyErr::from_type(kind, format!("photo {place}: {}", error.value(py)));
        placed.set_traceback(py, error.traceback(py));
        return placed;
    }
    // Python 3.10 has none; the exception is told all the same.
    let _ = error.value(py).call_method1("add_note", (format!("photo {place}"),));
    error.clone_ref(py)
}

/// Returns the exception of a run whose page cannot be made.
pub(crate) fn unshown(error: &icecap_report::Error) -> PyErr {
    let message = plain(&error.to_string()).into_owned();
    match error.kind() {
        Kind::Limit => LimitError::new_err(message),
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
        let own = error.downcast_ref::<io::Error>();
        // A kind of the library's own words has no number of the system.
        let missing = own.filter(|error| error.kind() == io::ErrorKind::NotFound).map(|_| NOT_FOUND);
        if let Some(number) = own.and_then(io::Error::raw_os_error).or(missing) {
            return Some(number);
        }
        below = error.source();
    }
    None
}
