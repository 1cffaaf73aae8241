//! What a TFLite file says of itself beside its graph: how a pixel becomes its input, and the names of its classes, which
//! lie in a zip archive behind the model.

use std::path::Path;

use icecap_graph::{INPUT_CHANNELS, Scaling};

use super::message::Model;
use super::table::{Damage, Table};
use crate::container::{ContainerKind, zip};

/// The name of TFLite's own metadata, and the letters that it begins with.
const METADATA: &str = "TFLITE_METADATA";
const METADATA_KIND: &[u8; 4] = b"M001";
/// The name of ours.
pub(super) const OWN: &str = "icecap";
/// The kind of a process unit that scales.
const NORMALIZATION: u8 = 1;
/// Kinds of files with a name for each output.
const LABELS: [u8; 2] = [2, 3];
/// The most tables of one kind, and the most names.
const MAX_TABLES: usize = 256;
const MAX_LABELS: usize = 1 << 16;
/// The longest file of names, in bytes.
const MAX_LABELS_BYTES: usize = 4 << 20;

/// What the metadata says.
#[derive(Debug, Default)]
pub(super) struct About {
    /// What becomes of a pixel before it is an input of real numbers.
    pub(super) scaling: Option<Scaling>,
    /// The name of the file with the names of the classes.
    labels: Option<String>,
}

/// Reads TFLite's metadata; nothing if the file has none.
pub(super) fn about(model: &Model<'_>) -> Result<About, Damage> {
    let mut about = About::default();
    let Some((_, bytes, base)) = model.metadata.iter().find(|(name, ..)| *name == METADATA) else {
        return Ok(about);
    };
    if bytes.get(4..8) != Some(METADATA_KIND) {
        return Ok(about);
    }
    let graphs = Table::root(bytes, *base)?.tables(3, MAX_TABLES)?;
    let Some(graph) = graphs.first() else { return Ok(about) };
    for input in graph.tables(2, MAX_TABLES)?.iter().take(1) {
        for unit in input.tables(4, MAX_TABLES)? {
            if unit.byte(0, 0)? == NORMALIZATION {
                let next = unit.table(1)?.map(scaling).transpose()?.flatten();
                about.scaling = match about.scaling {
                    Some(first) => next.map(|next| behind(&first, &next)),
                    None => next,
                };
            }
        }
    }
    for output in graph.tables(3, MAX_TABLES)? {
        for file in output.tables(6, MAX_TABLES)? {
            if about.labels.is_none() && LABELS.contains(&file.byte(2, 0)?) {
                about.labels = Some(file.text(0)?.to_owned());
            }
        }
    }
    Ok(about)
}

/// One scaling behind another.
fn behind(first: &Scaling, next: &Scaling) -> Scaling {
    let product = |c: usize| (f64::from(first.scale[c]) * f64::from(next.scale[c])) as f32;
    let sum = |c: usize| f64::from(first.shift[c]) * f64::from(next.scale[c]) + f64::from(next.shift[c]);
    Scaling { scale: std::array::from_fn(product), shift: std::array::from_fn(|c| sum(c) as f32) }
}

/// `(v - mean) / std` of one number or one for each color; `None` for other lists.
fn scaling(options: Table<'_>) -> Result<Option<Scaling>, Damage> {
    let colors = |list: Vec<f32>| -> Option<[f32; INPUT_CHANNELS]> {
        match list[..] {
            [all] => Some([all; INPUT_CHANNELS]),
            _ => list.try_into().ok(),
        }
    };
    let (mean, std) = (colors(options.floats(0, MAX_TABLES)?), colors(options.floats(1, MAX_TABLES)?));
    let scaling = mean.zip(std).map(|(mean, std)| Scaling {
        scale: std::array::from_fn(|c| (1.0 / f64::from(std[c])) as f32),
        shift: std::array::from_fn(|c| (-f64::from(mean[c]) / f64::from(std[c])) as f32),
    });
    Ok(scaling.filter(|one| one.scale.iter().all(|scale| scale.is_normal())))
}

impl About {
    /// The names of the classes, from the file that the metadata names, or the only text in the archive; what is wrong
    /// with them where something is.
    pub(super) fn labels(&self, bytes: &[u8], path: &Path) -> Result<Option<Vec<String>>, String> {
        let is_list =
            |name: &str| self.labels.as_deref().map_or(name.ends_with(".txt"), |wanted| wanted == name);
        let entries = match zip::entries(bytes, path, ContainerKind::Tflite, is_list) {
            Ok(entries) => entries,
            // Without an archive there are no names.
            Err(_) if self.labels.is_none() => return Ok(None),
            Err(error) => return Err(format!("the names of its classes are not read: {error}")),
        };
        let [entry] = &entries[..] else { return Ok(None) };
        let text = std::str::from_utf8(&entry.bytes).ok().filter(|text| text.len() <= MAX_LABELS_BYTES);
        let text =
            text.ok_or_else(|| format!("'{}' is no text of names", crate::shown::shown(entry.name)))?;
        let text = text.trim_start_matches('\u{feff}').trim_end();
        let names: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
        Ok(Some(names).filter(|names| !text.is_empty() && names.len() <= MAX_LABELS))
    }
}
