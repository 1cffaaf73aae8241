//! Room for the pixels of a photo: a shortage is an error about that photo, which names its size.

use icecap_kernels::memory::{self, Number};

use crate::{Error, Result};

/// Gives `values` the length that a picture of these sides asks for. New memory is taken from the system as it is written to,
/// so that a file which lacks the rows that it claims takes none for them.
pub(crate) fn set_len<T: Number>(
    values: &mut Vec<T>,
    count: usize,
    (width, height): (usize, usize),
) -> Result<()> {
    memory::set_len(values, count).map_err(|_| no_memory(width, height))
}

/// Makes room in `values`, which are empty, for what is cut out of a picture of these sides.
pub(crate) fn make_room<T>(values: &mut Vec<T>, count: usize, (width, height): (usize, usize)) -> Result<()> {
    memory::reserve_exact(values, count).map_err(|_| no_memory(width, height))
}

/// Makes room for a file of this length in `bytes`, which are empty.
pub(crate) fn for_file(bytes: &mut Vec<u8>, length: u64) -> Result<()> {
    // One byte more, by which a reader sees the end.
    let count = usize::try_from(length.saturating_add(1)).unwrap_or(usize::MAX);
    memory::reserve_exact(bytes, count)
        .map_err(|_| Error::Memory { what: format!("a file of {length} bytes") })
}

/// Says whether there is memory for `bytes` that a decoder of others takes for a picture of these sides: where it gets none, it
/// ends the process.
pub(crate) fn probe(bytes: u64, (width, height): (usize, usize)) -> Result<()> {
    memory::probe(bytes).map_err(|_| no_memory(width, height))
}

fn no_memory(width: usize, height: usize) -> Error {
    Error::Memory { what: format!("{width}x{height} pixels") }
}
