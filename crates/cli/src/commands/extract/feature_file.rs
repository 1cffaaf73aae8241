//! A file of features, written while they are made: `docs/feature-file.md`.
//!
//! How many photos can be read is known at the end, and the header stands at the front. So a header for all of them is
//! measured first and its place left empty; the one for those that were read has no longer numbers in it, and fits.

use std::collections::BTreeMap;
use std::io::{Result, Seek, SeekFrom, Write};
use std::path::Path;

use icecap::advanced::kernels::Shape;
use icecap::advanced::weights::safetensors::{Element, header, pad_header};

/// The number of the layout, in the metadata.
pub(crate) const FORMAT: &str = "1";
/// The label of a photo without a class.
pub(crate) const NO_CLASS: i64 = -1;

/// A feature file under way.
pub(crate) struct FeatureFile<W> {
    out: W,
    metadata: BTreeMap<String, String>,
    row: Shape,
    /// Bytes in front of the features.
    reserved: usize,
    labels: Vec<i64>,
    /// The paths so far, a line each.
    paths: Vec<u8>,
    /// A row as it stands in the file.
    bytes: Vec<u8>,
}

impl<W: Write + Seek> FeatureFile<W> {
    /// Begins a file of at most as many rows as `paths`, each of shape `row`.
    pub(crate) fn begin<'p>(
        mut out: W,
        metadata: BTreeMap<String, String>,
        row: Shape,
        paths: impl ExactSizeIterator<Item = &'p str>,
    ) -> Result<Self> {
        let rows = paths.len();
        let text = paths.map(|path| path.len() + 1).sum::<usize>().saturating_sub(1);
        let reserved = head(&metadata, row, rows, text)?.len();
        out.write_all(&vec![b' '; reserved])?;
        Ok(Self { out, metadata, row, reserved, labels: Vec::new(), paths: Vec::new(), bytes: Vec::new() })
    }

    /// Writes the features of one photo.
    pub(crate) fn push(&mut self, path: &str, class: Option<usize>, features: &[f32]) -> Result<()> {
        self.bytes.clear();
        self.bytes.extend(features.iter().flat_map(|value| value.to_le_bytes()));
        self.out.write_all(&self.bytes)?;
        if !self.labels.is_empty() {
            self.paths.push(b'\n');
        }
        self.paths.extend(path.as_bytes());
        self.labels.push(class.map_or(NO_CLASS, |class| class as i64));
        Ok(())
    }

    /// Returns how many photos there are.
    pub(crate) fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Writes what follows the features, then the header into its place.
    pub(crate) fn finish(mut self) -> Result<()> {
        for label in &self.labels {
            self.out.write_all(&label.to_le_bytes())?;
        }
        self.out.write_all(&self.paths)?;
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
    ];
    Ok(header(metadata, &tensors))
}

/// Returns why a path cannot stand in the file; `None` if it can.
pub(crate) fn refuse(path: &Path) -> Option<String> {
    match path.to_str() {
        None => Some(format!("{}: the name is not valid UTF-8; rename it", path.display())),
        Some(text) if text.contains('\n') => {
            Some(format!("{}: the name has a line break in it; rename it", path.display()))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn the_header_of_fewer_rows_fits_where_that_of_all_was_measured() {
        for (all, read) in [(1, 1), (10, 9), (1000, 0), (101, 100), (12, 2)] {
            let paths: Vec<String> = (0..all).map(|i| format!("photo {i}")).collect();
            let mut bytes = Cursor::new(Vec::new());
            let row = Shape::of([2, 3]);
            let names = paths.iter().map(String::as_str);
            let mut file = FeatureFile::begin(&mut bytes, BTreeMap::new(), row, names).unwrap();
            for (i, path) in paths.iter().take(read).enumerate() {
                file.push(path, (i > 0).then_some(i), &[i as f32; 6]).unwrap();
            }
            file.finish().unwrap();
            let bytes = bytes.into_inner();
            let opened = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            assert_eq!(opened.tensor("features").unwrap().shape(), [read, 2, 3]);
            let labels: Vec<u8> =
                (0..read as i64).flat_map(|i| if i > 0 { i } else { -1 }.to_le_bytes()).collect();
            assert_eq!(opened.tensor("labels").unwrap().data(), labels);
            assert_eq!(opened.tensor("paths").unwrap().data(), paths[..read].join("\n").as_bytes());
        }
    }
}
