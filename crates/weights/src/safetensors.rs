//! The safetensors container: eight bytes of header length, a JSON header, raw little-endian values.
//!
//! ```text
//! u64 n | {"__metadata__": {"key": "text", …}, "name": {"dtype": "F32", "shape": […], "data_offsets": [from, to]}, …} | data
//! ```
//!
//! The `safetensors` crate validates and slices; what it accepts is what is read. Before it, the header is walked
//! once more here, because a person with a damaged file needs the tensor and the byte, and because three things
//! are nobody's error there: a name that stands twice (the last one wins), a header of a hundred megabytes, and
//! offsets near 2^64. All checks come before memory is taken for values; nothing allocates more than the file is
//! long, and a header's text is held a few times over.
//!
//! Values need no alignment in the file: they are copied into aligned tensors byte by byte.
//!
//! # Source
//! The format's page in huggingface/safetensors; the attacks kept beside it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ::safetensors::{Dtype, SafeTensors};
use icecap_kernels::{Shape, Tensor, Threads, in_slabs};
use serde::de::{Deserialize, Error as _, MapAccess, Visitor};
use serde::{Deserializer, Serialize, Serializer};

use crate::Error;
use crate::error::shown;

/// The longest file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 30;
/// The longest header that is read or written, in bytes.
pub const MAX_HEADER: u64 = 1 << 20;
/// The most tensors in a file.
pub const MAX_TENSORS: u64 = 4096;
/// The longest tensor name, in bytes.
pub const MAX_NAME: u64 = 256;

/// Bytes before the header: its length.
const PREFIX: usize = 8;
/// The header's key that is no tensor.
const METADATA: &str = "__metadata__";

/// A container whose header was checked whole. Values are copied out of it by name.
#[derive(Debug)]
pub struct File<'a> {
    path: PathBuf,
    metadata: BTreeMap<String, String>,
    entries: BTreeMap<String, Entry>,
    views: SafeTensors<'a>,
}

#[derive(Debug)]
struct Entry {
    dtype: Dtype,
    shape: Shape,
    /// Where the values start, from the start of the file.
    offset: u64,
}

impl<'a> File<'a> {
    /// Checks the header of a whole file held in memory. Errors name it by `path`.
    ///
    /// # Errors
    /// [`Error::Limit`], [`Error::Container`], [`Error::Tensor`], [`Error::Dtype`] for an element type that the
    /// format does not have.
    pub fn parse(bytes: &'a [u8], path: &Path) -> Result<Self, Error> {
        let container = |offset: usize, reason: String| Error::Container {
            path: path.into(),
            offset: offset as u64,
            reason,
        };
        limit(path, "bytes", bytes.len() as u64, MAX_FILE)?;
        let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX>() else {
            return Err(container(bytes.len(), "the file ends before the header's length".to_owned()));
        };
        let length = u64::from_le_bytes(*prefix);
        // In a file of another kind the length is noise, and to call it too large would mislead.
        if rest.first().is_some_and(|first| *first != b'{') {
            return Err(container(PREFIX, "no header starts".to_owned()));
        }
        limit(path, "bytes of header", length, MAX_HEADER)?;
        let Some((text, data)) = rest.split_at_checked(length as usize) else {
            return Err(container(bytes.len(), format!("the file ends inside its header of {length} bytes")));
        };
        let text = std::str::from_utf8(text)
            .map_err(|error| container(PREFIX + error.valid_up_to(), "the header is not UTF-8".to_owned()))?;
        let header: Header = serde_json::from_str(text).map_err(|error| {
            let line: usize =
                text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
            let reason = error.to_string();
            let reason = reason.rsplit_once(" at line ").map_or(&*reason, |(reason, _)| reason);
            container(PREFIX + line + error.column(), format!("the header is wrong: {}", shown(reason)))
        })?;
        limit(path, "tensors", header.tensors.len() as u64, MAX_TENSORS)?;
        let start = (PREFIX + text.len()) as u64;
        let entries = check_entries(path, header.tensors, start, data.len() as u64)?;
        let views =
            SafeTensors::deserialize(bytes).map_err(|error| container(0, shown(&error.to_string())))?;
        Ok(Self { path: path.into(), metadata: header.metadata, entries, views })
    }

    /// What errors call the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The `__metadata__` of the header.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The names of the tensors, in byte order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.entries.keys().map(String::as_str)
    }

    /// The shape of a tensor, where there is one of that name.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<Shape> {
        self.entries.get(name).map(|entry| entry.shape)
    }

    /// Where a tensor's values start, in bytes from the start of the file.
    #[must_use]
    pub fn offset(&self, name: &str) -> Option<u64> {
        self.entries.get(name).map(|entry| entry.offset)
    }

    /// A copy of a tensor.
    ///
    /// # Errors
    /// [`Error::MissingTensor`]; [`Error::Dtype`] where its values are not f32.
    pub fn tensor(&self, name: &str) -> Result<Tensor, Error> {
        let mut tensor = self.zeros(name)?;
        self.copy_to(name, &mut tensor)?;
        Ok(tensor)
    }

    /// Zeros in the shape of a tensor.
    fn zeros(&self, name: &str) -> Result<Tensor, Error> {
        let missing = || Error::MissingTensor { path: self.path.clone(), tensor: shown(name) };
        let entry = self.entries.get(name).ok_or_else(missing)?;
        if entry.dtype != Dtype::F32 {
            return Err(dtype_error(&self.path, name, entry.offset, &entry.dtype.to_string()));
        }
        Ok(Tensor::zeros(entry.shape))
    }

    /// Copies the values of a tensor into what [`File::zeros`] made for it.
    fn copy_to(&self, name: &str, tensor: &mut Tensor) -> Result<(), Error> {
        let missing = || Error::MissingTensor { path: self.path.clone(), tensor: shown(name) };
        let view = self.views.tensor(name).map_err(|_| missing())?;
        for (value, bytes) in tensor.data_mut().iter_mut().zip(view.data().as_chunks::<4>().0) {
            *value = f32::from_le_bytes(*bytes);
        }
        Ok(())
    }

    /// Copies of several tensors by name, made on `threads`: most of the time goes into memory that is touched for the
    /// first time.
    ///
    /// # Errors
    /// As [`File::tensor`], of the first of `names` that has one.
    pub fn tensors<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
        threads: &Threads,
    ) -> Result<BTreeMap<String, Tensor>, Error> {
        let mut copies = in_slabs(|| {
            let zeros = names.map(|name| Ok((name, self.zeros(name)?)));
            zeros.collect::<Result<Vec<_>, Error>>()
        })?;
        // The largest first, so that no thread is left alone with one at the end.
        copies.sort_by_key(|(_, tensor)| Reverse(tensor.data().len()));
        let failed = OnceLock::new();
        threads.for_each_chunk(&mut vec![(); threads.count()], &mut copies, 1, |(), _, copy| {
            let (name, tensor) = &mut copy[0];
            if let Err(error) = self.copy_to(name, tensor) {
                let _ = failed.set(error);
            }
        });
        match failed.into_inner() {
            Some(error) => Err(error),
            None => Ok(copies.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect()),
        }
    }
}

/// Refuses to write a header, length included, that [`File::parse`] would not read.
///
/// # Errors
/// [`Error::Limit`].
pub fn check_header_length(path: &Path, length: usize) -> Result<(), Error> {
    limit(path, "bytes of header", length.saturating_sub(PREFIX) as u64, MAX_HEADER)
}

fn limit(path: &Path, what: &'static str, got: u64, limit: u64) -> Result<(), Error> {
    if got > limit {
        return Err(Error::Limit { path: path.into(), what, got, limit });
    }
    Ok(())
}

fn dtype_error(path: &Path, tensor: &str, offset: u64, dtype: &str) -> Error {
    Error::Dtype { path: path.into(), tensor: shown(tensor), offset, dtype: shown(dtype) }
}

/// The header as it stands, in the order of the file.
struct Header {
    metadata: BTreeMap<String, String>,
    tensors: Vec<(String, Info)>,
}

#[derive(serde::Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut metadata = None;
                let mut tensors = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == METADATA {
                        let texts = map.next_value::<Option<Texts>>()?.unwrap_or_default();
                        if metadata.replace(texts.0).is_some() {
                            return Err(A::Error::custom("'__metadata__' stands twice"));
                        }
                        continue;
                    }
                    let info = map.next_value();
                    // The inner error's position is found again in the outer one's text.
                    let named = |error| A::Error::custom(format_args!("'{}': {error}", shown(&name)));
                    tensors.push((name.clone(), info.map_err(named)?));
                }
                Ok(Header { metadata: metadata.unwrap_or_default(), tensors })
            }
        }
        deserializer.deserialize_map(Walk)
    }
}

/// Texts by name, each name once.
#[derive(Default)]
struct Texts(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
                let mut texts = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, String>()? {
                    if texts.contains_key(&key) {
                        return Err(A::Error::custom(format_args!("key '{}' stands twice", shown(&key))));
                    }
                    texts.insert(key, value);
                }
                Ok(Texts(texts))
            }
        }
        deserializer.deserialize_map(Walk)
    }
}

/// Checks that the tensors follow each other from the first byte of the data to the last, each as long as its
/// shape says, and no name twice.
fn check_entries(
    path: &Path,
    mut tensors: Vec<(String, Info)>,
    start: u64,
    length: u64,
) -> Result<BTreeMap<String, Entry>, Error> {
    let refuse = |name: &str, info: &Info, reason: String| {
        let offset = start.saturating_add(info.data_offsets.0);
        Error::Tensor { path: path.into(), tensor: shown(name), offset, reason }
    };
    // Before anything else: of two tensors of one name the crate sees only the last, and so may whoever looks for
    // what is wrong.
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some([_, (name, info)]) = tensors.array_windows().find(|[a, b]| a.0 == b.0) {
        return Err(refuse(name, info, "the name stands twice in the header".to_owned()));
    }
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    let mut entries = BTreeMap::new();
    let mut next = 0;
    for (name, info) in tensors {
        let offset = start.saturating_add(info.data_offsets.0);
        let (entry, end) = check_entry(&name, &info, offset, next..length).map_err(|why| match why {
            Refusal::Dtype => dtype_error(path, &name, offset, &info.dtype),
            Refusal::Reason(reason) => refuse(&name, &info, reason),
        })?;
        next = end;
        entries.insert(name, entry);
    }
    if next != length {
        let reason = format!("{} bytes belong to no tensor", length - next);
        return Err(Error::Container { path: path.into(), offset: start + next, reason });
    }
    Ok(entries)
}

enum Refusal {
    Dtype,
    Reason(String),
}

/// Checks a tensor that must start at `range.start` of the data and end within it; returns where it ends.
fn check_entry(
    name: &str,
    info: &Info,
    offset: u64,
    range: std::ops::Range<u64>,
) -> Result<(Entry, u64), Refusal> {
    let refuse = |reason: String| Err(Refusal::Reason(reason));
    if name.is_empty() || name.len() as u64 > MAX_NAME || name.chars().any(char::is_control) {
        return refuse(format!("a name is 1 to {MAX_NAME} bytes without control characters"));
    }
    let dtype = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(&info.dtype);
    let dtype = Dtype::deserialize(dtype).map_err(|_| Refusal::Dtype)?;
    let dims: Result<Vec<usize>, _> = info.shape.iter().map(|&dim| usize::try_from(dim)).collect();
    let Ok(dims) = dims else { return refuse(format!("shape {:?} does not fit memory", info.shape)) };
    let shape = Shape::new(&dims).map_err(|error| Refusal::Reason(error.to_string()))?;
    let (from, to) = info.data_offsets;
    if from != range.start {
        return refuse(format!("offset {from} of the data, where {} is next", range.start));
    }
    if to < from || to > range.end {
        return refuse(format!(
            "offsets {from} to {to} in {} bytes of data; the file is cut short",
            range.end
        ));
    }
    // In u128: eight bits times what a Shape may hold goes beyond 64.
    let bits = shape.elements() as u128 * dtype.bitsize() as u128;
    if bits != u128::from(to - from) * 8 {
        return refuse(format!("shape {shape} of {dtype} does not take {} bytes", to - from));
    }
    Ok((Entry { dtype, shape, offset }, to))
}

/// The type of a tensor's values, of those that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit floating point.
    F32,
    /// 64-bit integers.
    I64,
    /// Bytes.
    U8,
}

impl Element {
    /// What the format calls it.
    fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::I64 => "I64",
            Self::U8 => "U8",
        }
    }

    /// Bytes of a value.
    fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::I64 => 8,
            Self::U8 => 1,
        }
    }
}

/// The bytes before the data of a file with these tensors, which follow in the order given.
///
/// The same content always gives the same bytes: metadata stands in the order of its keys. The header is padded
/// with spaces so that the data starts at a multiple of 8.
#[must_use]
pub fn header(metadata: &BTreeMap<String, String>, tensors: &[(&str, Element, Shape)]) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Item<'a> {
        Metadata(&'a BTreeMap<String, String>),
        Tensor { dtype: &'static str, shape: &'a [usize], data_offsets: [usize; 2] },
    }
    let mut end = 0;
    let tensors = tensors.iter().map(|(name, element, shape)| {
        let from = end;
        end += shape.elements() * element.size();
        (*name, Item::Tensor { dtype: element.name(), shape: shape.dims(), data_offsets: [from, end] })
    });
    let items = std::iter::once((METADATA, Item::Metadata(metadata))).chain(tensors);
    let mut bytes = vec![0; PREFIX];
    // Writing texts and numbers into memory has no way to fail.
    let written = serde_json::Serializer::new(&mut bytes).collect_map(items);
    debug_assert!(written.is_ok());
    pad_header(&mut bytes, PREFIX);
    bytes
}

/// Pads what [`header`] gave with spaces to at least `length` bytes in all, for a file whose data was written before
/// its header was known.
pub fn pad_header(header: &mut Vec<u8>, length: usize) {
    header.resize(header.len().max(length).next_multiple_of(PREFIX), b' ');
    let text = (header.len() - PREFIX) as u64;
    header[..PREFIX].copy_from_slice(&text.to_le_bytes());
}
