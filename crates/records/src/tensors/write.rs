//! Writing tensors while they are made.
//!
//! How many photos can be read is known at the end, and the header stands at the front. So a header for all of them is
//! measured first and its place left empty; the one for those that were read has no longer numbers in it, and fits.

use std::collections::BTreeMap;
use std::io::{Result, Seek, SeekFrom, Write};

use icecap::advanced::kernels::Shape;
use icecap::advanced::weights::safetensors::{Element, header, pad_header};

use super::{HASH, NO_CLASS};
use crate::description::Description;
use crate::row::FeatureRow;
use crate::sink::Sink;

/// A file of tensors under way. A photo without features has no row.
pub(crate) struct TensorFile<W> {
    out: W,
    metadata: BTreeMap<String, String>,
    row: Shape,
    /// Bytes in front of the features.
    reserved: usize,
    labels: Vec<i64>,
    /// The paths so far, a line each.
    paths: Vec<u8>,
    hashes: Vec<u8>,
    /// A row as it stands in the file.
    bytes: Vec<u8>,
}

impl<W: Write + Seek> TensorFile<W> {
    /// Begins a file of at most as many rows as `paths`.
    pub(crate) fn begin(mut out: W, description: Description, paths: &[String]) -> Result<Self> {
        let Description { metadata, row, .. } = description;
        let text = paths.iter().map(|path| path.len() + 1).sum::<usize>().saturating_sub(1);
        let reserved = head(&metadata, row, paths.len(), text)?.len();
        out.write_all(&vec![b' '; reserved])?;
        let (labels, paths, hashes, bytes) = Default::default();
        Ok(Self { out, metadata, row, reserved, labels, paths, hashes, bytes })
    }
}

impl<W: Write + Seek> Sink for TensorFile<W> {
    fn push(&mut self, row: &FeatureRow<'_>) -> Result<()> {
        let Ok(features) = row.features else { return Ok(()) };
        self.bytes.clear();
        self.bytes.extend(features.iter().flat_map(|value| value.to_le_bytes()));
        self.out.write_all(&self.bytes)?;
        if !self.labels.is_empty() {
            self.paths.push(b'\n');
        }
        self.paths.extend(row.path.as_bytes());
        self.labels.push(row.class.map_or(NO_CLASS, |class| class as i64));
        self.hashes.extend(row.sha256.map_or([0; HASH], |sha256| sha256.0));
        Ok(())
    }

    /// Writes what follows the features, then the header into its place.
    fn finish(mut self: Box<Self>) -> Result<()> {
        for label in &self.labels {
            self.out.write_all(&label.to_le_bytes())?;
        }
        self.out.write_all(&self.paths)?;
        self.out.write_all(&self.hashes)?;
        let mut head = head(&self.metadata, self.row, self.labels.len(), self.paths.len())?;
        assert!(head.len() <= self.reserved, "a header for fewer rows is longer");
        pad_header(&mut head, self.reserved);
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&head)
    }
}

/// Returns the header for `rows` photos whose paths have `text` bytes.
fn head(metadata: &BTreeMap<String, String>, row: Shape, rows: usize, text: usize) -> Result<Vec<u8>> {
    let dims: Vec<usize> = std::iter::once(rows).chain(row.dims().iter().copied()).collect();
    let features = Shape::new(&dims).map_err(std::io::Error::other)?;
    let tensors = [
        ("features", Element::F32, features),
        ("labels", Element::I64, Shape::of([rows])),
        ("paths", Element::U8, Shape::of([text])),
        ("sha256", Element::U8, Shape::of([rows, HASH])),
    ];
    Ok(header(metadata, &tensors))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use icecap::advanced::foundation::Digest;

    use super::*;

    #[test]
    fn the_header_of_fewer_rows_fits_where_that_of_all_was_measured() {
        for (all, read) in [(1, 1), (10, 9), (1000, 0), (101, 100), (12, 2)] {
            let paths: Vec<String> = (0..all).map(|i| format!("photo {i}")).collect();
            let mut bytes = Cursor::new(Vec::new());
            let description =
                Description { metadata: BTreeMap::new(), classes: Vec::new(), row: Shape::of([2, 3]) };
            let mut file = Box::new(TensorFile::begin(&mut bytes, description, &paths).unwrap());
            for (i, path) in paths.iter().enumerate() {
                let values = [i as f32; 6];
                let row = FeatureRow {
                    path,
                    class: (i > 0).then_some(i),
                    sha256: Some(Digest([i as u8; HASH])),
                    sides: None,
                    features: if i < read { Ok(&values) } else { Err("broken") },
                };
                file.push(&row).unwrap();
            }
            file.finish().unwrap();
            let bytes = bytes.into_inner();
            let opened = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            assert_eq!(opened.tensor("features").unwrap().shape(), [read, 2, 3]);
            let labels: Vec<u8> =
                (0..read as i64).flat_map(|i| if i > 0 { i } else { -1 }.to_le_bytes()).collect();
            assert_eq!(opened.tensor("labels").unwrap().data(), labels);
            assert_eq!(opened.tensor("paths").unwrap().data(), paths[..read].join("\n").as_bytes());
            let hashes: Vec<u8> = (0..read).flat_map(|i| [i as u8; HASH]).collect();
            assert_eq!(opened.tensor("sha256").unwrap().data(), hashes);
        }
    }
}
