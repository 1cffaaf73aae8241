//! The numbers alone, as NumPy keeps a matrix: a header of text, then the values.
//!
//! # Source
//! NumPy Enhancement Proposal 1, version 1.0 of the format.

use std::io::{Result, Write};

use crate::description::Description;
use crate::row::FeatureRow;
use crate::sink::Sink;

/// The magic bytes and the version.
const MAGIC: &[u8; 8] = b"\x93NUMPY\x01\x00";
/// The values begin at a multiple of so many bytes.
const ALIGNED: usize = 64;

/// A matrix under way. A photo without features has a row that is no number throughout, so that the row of a photo has the
/// photo's place in the list.
pub(crate) struct NpyFile<W> {
    out: W,
    /// A row as it stands in the file.
    bytes: Vec<u8>,
    /// The row of a photo without features.
    missing: Vec<f32>,
}

impl<W: Write> NpyFile<W> {
    pub(crate) fn begin(mut out: W, description: &Description, rows: usize) -> Result<Self> {
        let dims: Vec<String> = std::iter::once(rows)
            .chain(description.row.dims().iter().copied())
            .map(|n| n.to_string())
            .collect();
        let mut text =
            format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", dims.join(", "));
        // A line feed ends the header.
        let length = (MAGIC.len() + 2 + text.len() + 1).next_multiple_of(ALIGNED);
        text.extend(std::iter::repeat_n(' ', length - MAGIC.len() - 2 - text.len() - 1));
        text.push('\n');
        let count = u16::try_from(text.len()).map_err(std::io::Error::other)?;
        out.write_all(MAGIC)?;
        out.write_all(&count.to_le_bytes())?;
        out.write_all(text.as_bytes())?;
        let missing = vec![f32::NAN; description.row.elements()];
        Ok(Self { out, bytes: Vec::new(), missing })
    }
}

impl<W: Write> Sink for NpyFile<W> {
    fn push(&mut self, row: &FeatureRow<'_>) -> Result<()> {
        let values = row.features.unwrap_or(&self.missing);
        self.bytes.clear();
        self.bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self.out.write_all(&self.bytes)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use icecap::advanced::kernels::Shape;

    use super::*;

    #[test]
    fn values_begin_on_a_line_of_memory_and_a_missing_row_is_no_number() {
        let row = Shape::of([2, 3]);
        let description = Description { metadata: BTreeMap::new(), classes: Vec::new(), row };
        let mut bytes = Vec::new();
        let mut file = Box::new(NpyFile::begin(&mut bytes, &description, 2).unwrap());
        let of = |features| FeatureRow { path: "", class: None, sha256: None, sides: None, features };
        file.push(&of(Err("broken"))).unwrap();
        file.push(&of(Ok(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))).unwrap();
        file.finish().unwrap();
        let header = u16::from_le_bytes([bytes[8], bytes[9]]) as usize + 10;
        assert_eq!((header % ALIGNED, bytes[header - 1], bytes.len()), (0, b'\n', header + 2 * 6 * 4));
        let text = std::str::from_utf8(&bytes[10..header]).unwrap();
        assert!(text.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 3), }"), "{text}");
        let values: Vec<f32> =
            bytes[header..].as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
        assert!(values[..6].iter().all(|value| value.is_nan()));
        assert_eq!(values[6..], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }
}
