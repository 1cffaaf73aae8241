//! Reading the header.
//!
//! The `safetensors` crate validates and slices; what it accepts is what is read. Before it, the header is walked
//! once more here, because a person with a damaged file needs the tensor and the byte, and because three things
//! are nobody's error there: a name that stands twice (the last one wins), a header of a hundred megabytes, and
//! offsets near 2^64. All checks come before memory is taken for values; nothing allocates more than the file is
//! long, and a header's text is held a few times over.
//!
//! Values need no alignment in the file: they are copied into aligned tensors byte by byte.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

#[cfg(feature = "files")]
use ::safetensors::tensor::TensorInfo;
use ::safetensors::{Dtype, SafeTensors};
use icecap_kernels::Shape;
#[cfg(feature = "files")]
use icecap_kernels::{FileReader, Threads};
use serde::Deserializer;
use serde::de::{Deserialize, Error as _, MapAccess, Visitor};

use super::{MAX_HEADER, METADATA, PREFIX};
use crate::Error;
use crate::container::{
    Container, ContainerKind, Element, Entry, MAX_FILE, MAX_TENSORS, Values, check_name, dtype_error, limit,
};
#[cfg(feature = "files")]
use crate::crc::crc_of_shares;
use crate::shown::shown;

/// Checks the header of a whole safetensors file held in memory and lists its tensors. Errors call it `path`.
///
/// # Errors
/// [`Error::Limit`] for a file, a header or a list of tensors that is too long; [`Error::Container`] for a damaged
/// header; [`Error::Tensor`] for a tensor with a wrong name, place or length; [`Error::Dtype`] for an element type that
/// the format does not have.
pub fn parse<'a>(bytes: &'a [u8], path: &Path) -> Result<Container<'a>, Error> {
    let Head { metadata, checked } = head(bytes, bytes.len() as u64, path)?;
    let container = |error: ::safetensors::SafeTensorError| {
        let reason = shown(&error.to_string());
        Error::Container { path: path.into(), kind: ContainerKind::Safetensors, offset: 0, reason }
    };
    let views = SafeTensors::deserialize(bytes).map_err(container)?;
    let mut entries = BTreeMap::new();
    for (name, Checked { dtype, shape, offset }) in checked {
        let data = || views.tensor(&name).map(|view| Cow::Borrowed(view.data())).map_err(container);
        let values = match element(dtype) {
            Some(Element::F32) => Values::F32(data()?),
            Some(element) => Values::Typed(element, data()?),
            None => Values::Other(dtype.to_string()),
        };
        entries.insert(name, Entry { shape, offset, values });
    }
    Ok(Container::new(path, ContainerKind::Safetensors, metadata, entries))
}

/// Lists the tensors of a safetensors file of which only some are wanted, without reading the others into memory. Returns
/// it with the CRC-32 of all bytes behind the header, over which `threads` go together.
///
/// `None` for a file that is damaged, is another or was written meanwhile: [`parse`] finds out what is wrong with it.
#[cfg(feature = "files")]
pub(crate) fn parse_some(
    path: &Path,
    is_wanted: impl Fn(&str) -> bool,
    threads: &Threads,
) -> Option<(Container<'static>, u32)> {
    let file = FileReader::open(path, MAX_FILE).ok()?;
    let prefix = file.read(0..PREFIX as u64).ok()?;
    let length = u64::from_le_bytes(*prefix.first_chunk()?);
    let start = PREFIX as u64 + Some(length).filter(|length| *length <= MAX_HEADER)?;
    let Head { metadata, checked } = head(&file.read(0..start).ok()?, file.len(), path).ok()?;
    // What the crate would check of the whole file.
    let info = |(name, Checked { dtype, shape, offset }): (&String, &Checked)| {
        let from = (offset - start) as usize;
        let data_offsets = (from, from + shape.elements() * dtype.bitsize() / 8);
        (name.clone(), TensorInfo { dtype: *dtype, shape: shape.dims().to_vec(), data_offsets })
    };
    ::safetensors::tensor::Metadata::new(None, checked.iter().map(info).collect()).ok()?;
    let sum = |crc: &mut crc32fast::Hasher, _, piece: &[u8]| crc.update(piece);
    let shares = file.scan_on(start..file.len(), threads, sum).ok()?;
    let mut entries = BTreeMap::new();
    for (name, Checked { dtype, shape, offset }) in checked {
        let values = match element(dtype).filter(|_| is_wanted(&name)) {
            None => Values::Other(dtype.to_string()),
            Some(element) => {
                let end = offset + (shape.elements() * element.size()) as u64;
                let data = Cow::Owned(file.read(offset..end).ok()?.to_vec());
                if element == Element::F32 { Values::F32(data) } else { Values::Typed(element, data) }
            }
        };
        entries.insert(name, Entry { shape, offset, values });
    }
    file.close().ok()?;
    Some((Container::new(path, ContainerKind::Safetensors, metadata, entries), crc_of_shares(&shares)))
}

/// The element of a type of the format that is read.
fn element(dtype: Dtype) -> Option<Element> {
    Element::ALL.into_iter().find(|element| element.name() == dtype.to_string())
}

/// What a header says, once it was checked.
struct Head {
    metadata: BTreeMap<String, String>,
    checked: BTreeMap<String, Checked>,
}

/// Checks the header of a file of `len` bytes, of which at least the header is in `bytes`.
fn head(bytes: &[u8], len: u64, path: &Path) -> Result<Head, Error> {
    let container = |offset: usize, reason: String| Error::Container {
        path: path.into(),
        kind: ContainerKind::Safetensors,
        offset: offset as u64,
        reason,
    };
    limit(path, "bytes", len, MAX_FILE)?;
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX>() else {
        return Err(container(bytes.len(), "the file ends before the header's length".to_owned()));
    };
    let length = u64::from_le_bytes(*prefix);
    // In a file of another kind the length is noise, and to call it too large would mislead.
    if rest.first().is_some_and(|first| *first != b'{') {
        return Err(container(PREFIX, "no header starts".to_owned()));
    }
    limit(path, "bytes of header", length, MAX_HEADER)?;
    let Some(text) = rest.get(..length as usize) else {
        return Err(container(bytes.len(), format!("the file ends inside its header of {length} bytes")));
    };
    let text = std::str::from_utf8(text)
        .map_err(|error| container(PREFIX + error.valid_up_to(), "the header is not UTF-8".to_owned()))?;
    let header: Header = serde_json::from_str(text).map_err(|error| {
        let line: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let reason = error.to_string();
        let reason = reason.rsplit_once(" at line ").map_or(&*reason, |(reason, _)| reason);
        container(PREFIX + line + error.column(), format!("the header is wrong: {}", shown(reason)))
    })?;
    limit(path, "tensors", header.tensors.len() as u64, MAX_TENSORS)?;
    let start = (PREFIX + text.len()) as u64;
    let checked = check_entries(path, header.tensors, start, len.saturating_sub(start))?;
    Ok(Head { metadata: header.metadata, checked })
}

/// Returns the values of a file that was parsed: all bytes behind its header.
#[cfg(feature = "files")]
pub(crate) fn values(bytes: &[u8]) -> &[u8] {
    let length = bytes.first_chunk::<PREFIX>().map_or(0, |prefix| u64::from_le_bytes(*prefix) as usize);
    bytes.get(PREFIX + length..).unwrap_or_default()
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

/// A tensor whose place and length fit.
struct Checked {
    dtype: Dtype,
    shape: Shape,
    /// Where the values start, from the start of the file.
    offset: u64,
}

/// Checks that the tensors follow each other from the first byte of the data to the last, each as long as its
/// shape says, and no name twice.
fn check_entries(
    path: &Path,
    mut tensors: Vec<(String, Info)>,
    start: u64,
    length: u64,
) -> Result<BTreeMap<String, Checked>, Error> {
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
        let kind = ContainerKind::Safetensors;
        return Err(Error::Container { path: path.into(), kind, offset: start + next, reason });
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
) -> Result<(Checked, u64), Refusal> {
    let refuse = |reason: String| Err(Refusal::Reason(reason));
    check_name(name).map_err(Refusal::Reason)?;
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
    Ok((Checked { dtype, shape, offset }, to))
}
