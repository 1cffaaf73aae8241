//! The HDF5 container: what Keras and h5py write, and what is refused.

mod cut;
mod fixtures;
mod hostile;
mod mutants;

use icecap_weights::{Container, Error, Kind};

fn parse(bytes: &[u8]) -> Result<Container<'_>, Error> {
    Container::parse(bytes, "file".as_ref())
}

/// One line, naming the file, and not as long as a hostile name could make it.
fn assert_readable(error: &Error) {
    let text = error.to_string();
    assert!(text.starts_with("file: ") && !text.contains(char::is_control) && text.len() < 700, "{text:?}");
    assert_ne!(error.kind(), Kind::Io);
}
