//! Small photos of every format, from the project's golden files.

use std::path::Path;

use icecap::advanced::data::Format;
use safetensors::SafeTensors;

/// The largest file that is a seed.
const LARGEST: usize = 16 << 10;

/// A photo that is whole.
pub(super) struct Seed {
    pub(super) name: String,
    pub(super) format: Format,
    pub(super) bytes: Vec<u8>,
}

/// The seeds of each format, as many formats as there are.
///
/// # Errors
/// A sentence, where the golden files are not there.
pub(super) fn seeds(golden: &Path) -> Result<Vec<Vec<Seed>>, String> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let awkward = golden.join("awkward_photos.safetensors");
    let bytes = std::fs::read(&awkward).map_err(|error| failed(&awkward, &error))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| failed(&awkward, &error))?;
    let mut files: Vec<(String, Vec<u8>)> = file
        .tensors()
        .into_iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix("file ")?.to_owned(), tensor.data().to_vec())))
        .collect();
    let folder = golden.join("tf_decode");
    for entry in std::fs::read_dir(&folder).map_err(|error| failed(&folder, &error))? {
        let path = entry.map_err(|error| failed(&folder, &error))?.path();
        let bytes = std::fs::read(&path).map_err(|error| failed(&path, &error))?;
        files.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes));
    }
    // The order of a folder, and of a table, is not that of every machine.
    files.sort();
    let mut formats = Vec::new();
    for format in [Format::Jpeg, Format::Png, Format::Gif, Format::Bmp, Format::WebP, Format::Tiff] {
        let own = files
            .iter()
            .filter(|(_, bytes)| bytes.len() <= LARGEST && Format::of(bytes).ok() == Some(format));
        let seed =
            |(name, bytes): &(String, Vec<u8>)| Seed { name: name.clone(), format, bytes: bytes.clone() };
        let seeds: Vec<Seed> = own.map(seed).collect();
        if seeds.is_empty() {
            return Err(format!("no golden {format}"));
        }
        formats.push(seeds);
    }
    Ok(formats)
}
