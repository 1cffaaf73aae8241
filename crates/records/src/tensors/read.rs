//! Reading tensors: the header and what is small at once, the features row by row.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use icecap::advanced::foundation::{Digest, regular_file};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::{HASH, NO_CLASS};
use crate::error::Error;
use crate::row::{RowHead, TakeRow};

/// The longest header that is read, in bytes; metadata and four tensors come to far less.
const LONGEST_HEADER: u64 = 16 << 20;

/// A safetensors file of features, opened.
pub(crate) struct StoredTensors {
    path: PathBuf,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) heads: Vec<RowHead>,
    /// Values of a row.
    pub(crate) len: usize,
    /// Where the features begin in the file.
    begin: u64,
}

impl StoredTensors {
    /// Opens the file at `path`, whose classes are called as its metadata says.
    pub(crate) fn open(
        path: &Path,
        classes: impl Fn(&BTreeMap<String, String>) -> Option<Vec<String>>,
    ) -> Result<Self, Error> {
        let mut tensors = Tensors::open(path)?;
        let (features, len) = tensors.features()?;
        let rows = features.shape[0];
        let wrong = |reason: &str| Error::content(path, reason.to_owned());
        let classes = classes(&tensors.metadata).ok_or_else(|| {
            wrong("its metadata has no list of classes; name a file that icecap extract wrote")
        })?;
        let labels = tensors.bytes("labels", Dtype::I64, &[rows])?;
        let paths = String::from_utf8(tensors.text("paths")?).map_err(|_| wrong("its paths are no UTF-8"))?;
        let hashes = match tensors.of.contains_key("sha256") {
            true => Some(tensors.bytes("sha256", Dtype::U8, &[rows, HASH])?),
            // Files of earlier versions have none.
            false => None,
        };
        let paths: Vec<&str> = if rows == 0 { Vec::new() } else { paths.split('\n').collect() };
        if paths.len() != rows {
            return Err(wrong(&format!("it has {} paths for {rows} rows", paths.len())));
        }
        let mut heads = Vec::with_capacity(rows);
        for (row, (name, label)) in paths.iter().zip(labels.as_chunks::<8>().0).enumerate() {
            let label = match i64::from_le_bytes(*label) {
                NO_CLASS => None,
                class => {
                    let known = usize::try_from(class).ok().and_then(|class| classes.get(class));
                    let known = known.ok_or_else(|| {
                        wrong(&format!("row {row} is of class {class}, which it does not name"))
                    })?;
                    Some(known.clone())
                }
            };
            let sha256 =
                hashes.as_ref().map(|hashes| Digest(std::array::from_fn(|at| hashes[row * HASH + at])));
            heads.push(RowHead { path: (*name).to_owned(), label, sha256, error: None });
        }
        let begin = tensors.begin + features.data_offsets.0 as u64;
        Ok(Self { path: path.to_owned(), metadata: tensors.metadata, heads, len, begin })
    }

    /// Hands over the features of every row, with its number.
    pub(crate) fn each(&self, take: &mut TakeRow<'_>) -> Result<(), Error> {
        let io = Error::io(&self.path);
        let mut file = BufReader::with_capacity(1 << 20, regular_file::open(&self.path).map_err(&io)?);
        file.seek(SeekFrom::Start(self.begin)).map_err(&io)?;
        let (mut bytes, mut values) = (vec![0; self.len * 4], vec![0.0; self.len]);
        for row in 0..self.heads.len() {
            file.read_exact(&mut bytes).map_err(&io)?;
            for (value, bytes) in values.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *value = f32::from_le_bytes(*bytes);
            }
            take(row, &values)?;
        }
        Ok(())
    }
}

/// The tensors of a file by their names.
struct Tensors<'p> {
    path: &'p Path,
    file: File,
    metadata: BTreeMap<String, String>,
    of: HashMap<String, TensorInfo>,
    /// Where values begin in the file.
    begin: u64,
}

impl<'p> Tensors<'p> {
    fn open(path: &'p Path) -> Result<Self, Error> {
        let io = Error::io(path);
        let mut file = regular_file::open(path).map_err(&io)?;
        let length = file.metadata().map_err(&io)?.len();
        let mut head = Vec::new();
        (&mut file).take(8).read_to_end(&mut head).map_err(&io)?;
        let text = head.first_chunk().map(|length| u64::from_le_bytes(*length));
        let Some(text) = text.filter(|text| *text <= LONGEST_HEADER && text + 8 <= length) else {
            return Err(Error::content(path, "is no safetensors file, or is cut short"));
        };
        (&mut file).take(text).read_to_end(&mut head).map_err(&io)?;
        // Reading it checks that tensors are as long as their shapes say, and lie one behind the other.
        let about: Metadata = serde_json::from_slice(&head[8..])
            .map_err(|error| Error::content(path, format!("is damaged: {error}")))?;
        let of: HashMap<String, TensorInfo> =
            about.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
        let end = of.values().map(|info| info.data_offsets.1 as u64).max().unwrap_or(0);
        if text + 8 + end != length {
            let reason =
                format!("has {length} bytes where its header asks for {}; it is cut short", text + 8 + end);
            return Err(Error::content(path, reason));
        }
        let metadata = about.metadata().clone().unwrap_or_default().into_iter().collect();
        Ok(Self { path, file, metadata, of, begin: text + 8 })
    }

    /// The tensor of the features, and how many values a row has.
    fn features(&self) -> Result<(TensorInfo, usize), Error> {
        let info = self.info("features")?;
        match (info.dtype, &info.shape[..]) {
            (Dtype::F32, &[_, len]) => Ok((info.clone(), len)),
            (Dtype::F32, [_, _, _, _]) => {
                let reason = "holds whole feature maps, and a head is trained on pooled features: extract without --maps";
                Err(Error::content(self.path, reason))
            }
            (dtype, shape) => {
                let reason = format!("'features' is {dtype:?} {shape:?}, where F32 [N, C] is needed");
                Err(Error::content(self.path, reason))
            }
        }
    }

    fn info(&self, name: &str) -> Result<&TensorInfo, Error> {
        let missing = || {
            Error::content(
                self.path,
                format!("has no tensor '{name}'; name a file that icecap extract wrote"),
            )
        };
        self.of.get(name).ok_or_else(missing)
    }

    /// The bytes of a tensor of a known shape.
    fn bytes(&mut self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<Vec<u8>, Error> {
        let info = self.info(name)?;
        if info.dtype != dtype || info.shape != shape {
            let (is, of) = (info.dtype, &info.shape);
            return Err(Error::content(
                self.path,
                format!("'{name}' is {is:?} {of:?}, where {dtype:?} {shape:?} is needed"),
            ));
        }
        self.text(name)
    }

    /// The bytes of a tensor, which the file was measured to have.
    fn text(&mut self, name: &str) -> Result<Vec<u8>, Error> {
        let (from, to) = self.info(name)?.data_offsets;
        let io = Error::io(self.path);
        self.file.seek(SeekFrom::Start(self.begin + from as u64)).map_err(&io)?;
        let mut bytes = Vec::new();
        (&mut self.file).take((to - from) as u64).read_to_end(&mut bytes).map_err(&io)?;
        match bytes.len() == to - from {
            true => Ok(bytes),
            false => Err(Error::content(self.path, "was cut short while it was read")),
        }
    }
}
