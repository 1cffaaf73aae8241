//! The formats of files of features, by the ending of their name.

use std::path::Path;

/// A format of files of features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Tensors: `docs/feature-file.md`.
    Safetensors,
    /// A table of columns.
    Parquet,
    /// Comma-separated values, a number a column.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// The matrix alone, as NumPy keeps it.
    Npy,
}

/// A name that ends as that of no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ending of the name says the format, and is none of {}", endings())]
pub struct UnknownFormat;

impl Format {
    /// All formats that this build writes.
    pub const ALL: &'static [Self] = &[
        Self::Safetensors,
        #[cfg(feature = "parquet")]
        Self::Parquet,
        Self::Csv,
        Self::Jsonl,
        Self::Npy,
    ];

    /// Returns the format of the file called `path`, by the ending of its name, in letters of either case.
    ///
    /// # Errors
    /// [`UnknownFormat`] if it is that of none that this build writes.
    pub fn of(path: &Path) -> Result<Self, UnknownFormat> {
        let ending = path.extension().ok_or(UnknownFormat)?;
        Self::ALL
            .iter()
            .copied()
            .find(|format| ending.eq_ignore_ascii_case(format.ending()))
            .ok_or(UnknownFormat)
    }

    /// Returns what names of such files end in, without the dot.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Npy => "npy",
        }
    }

    /// Returns whether a row has the sides of its photo.
    #[must_use]
    pub fn has_sides(self) -> bool {
        matches!(self, Self::Parquet | Self::Csv | Self::Jsonl)
    }

    /// Returns whether a file can hold whole feature maps.
    #[must_use]
    pub fn takes_maps(self) -> bool {
        matches!(self, Self::Safetensors | Self::Npy)
    }

    /// Returns whether a file can be read back: it says which photos its rows are of, and which net made them.
    #[must_use]
    pub fn is_read(self) -> bool {
        matches!(self, Self::Safetensors | Self::Parquet)
    }

    /// Returns why a photo cannot stand in such a file by its path; `None` if it can.
    #[must_use]
    pub fn refuse(self, path: &Path) -> Option<String> {
        match path.to_str() {
            None => Some(format!("{}: the name is not valid UTF-8; rename it", path.display())),
            // Paths are joined by line breaks there.
            Some(text) if self == Self::Safetensors && text.contains('\n') => {
                Some(format!("{}: the name has a line break in it; rename it", path.display()))
            }
            Some(_) => None,
        }
    }
}

/// The endings of all formats, as a person reads them.
fn endings() -> String {
    let endings: Vec<String> = Format::ALL.iter().map(|format| format!(".{}", format.ending())).collect();
    endings.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_the_format() {
        for &format in Format::ALL {
            let name = format!("a.b/c.d.{}", format.ending());
            assert_eq!(Format::of(Path::new(&name)), Ok(format));
            assert_eq!(Format::of(Path::new(&name.to_uppercase())), Ok(format));
        }
        for name in ["", "parquet", ".parquet", "a.parquet.gz", "a.csv/b", "a.json", "a."] {
            assert_eq!(Format::of(Path::new(name)), Err(UnknownFormat), "{name}");
        }
        assert!(UnknownFormat.to_string().ends_with(".csv, .jsonl, .npy"));
    }

    #[test]
    fn a_line_break_is_refused_where_lines_part_paths() {
        for &format in Format::ALL {
            let refused = format.refuse(Path::new("a\nb")).is_some();
            assert_eq!(refused, format == Format::Safetensors, "{format:?}");
            assert_eq!(format.refuse(Path::new("a b")), None);
        }
    }
}
