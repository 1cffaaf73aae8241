//! The constants of an ONNX file.

use std::borrow::Cow;

use super::wire::{Damage, Field, Message, Wire, pair};
use crate::shown::shown;
use crate::traced::{Constant, Stored};

/// The longest list of integers in an attribute, and the most axes.
pub(super) const MAX_LIST: usize = 256;
/// The most values of a constant that is not in one run of bytes.
pub(super) const MAX_LISTED: usize = 4 << 20;

/// A constant, or why its values cannot be had.
pub(super) type Stock<'a> = Result<Constant<'a>, NoValues>;

/// Why a constant's values are not there.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum NoValues {
    /// They lie in another file, of this name.
    External(String),
    /// They are of a type that is not read, or do not fit their shape.
    Unread(String),
}

/// What a tensor's message holds.
#[derive(Default)]
struct Parts<'a> {
    dims: Vec<i64>,
    element: i64,
    name: &'a str,
    raw: Option<Message<'a>>,
    listed: Vec<u8>,
    /// Where its list of values starts.
    at: u64,
    external: bool,
    file: &'a str,
}

/// A constant by its name. What only makes its values unreadable is no damage: another may be all that is needed.
pub(super) fn tensor(message: Message<'_>) -> Result<(&str, Stock<'_>), Damage> {
    let mut parts = Parts { at: message.start, ..Parts::default() };
    for field in message.fields() {
        let field = field?;
        match field.number {
            1 => field.integers(&mut parts.dims, MAX_LIST)?,
            2 => parts.element = field.integer()?,
            8 => parts.name = field.text()?,
            9 => parts.raw = Some(field.message()?),
            13 => {
                parts.external = true;
                let [key, value] = pair(field.message()?)?;
                if key == "location" {
                    parts.file = value;
                }
            }
            14 => parts.external |= field.integer()? == 1,
            _ => {}
        }
    }
    // A second pass, because a list of values is read by its type, which may stand behind it.
    for field in message.fields() {
        let field = field?;
        if matches!(field.number, 4 | 5 | 7 | 10 | 11) {
            listed(&field, &mut parts)?;
        }
    }
    Ok((parts.name, parts.constant()))
}

/// Adds the values of one of the lists that a constant may have instead of bytes in one run.
fn listed<'a>(field: &Field<'a>, parts: &mut Parts<'a>) -> Result<(), Damage> {
    let before = parts.listed.len();
    match field.value {
        Wire::Four(bytes) => parts.listed.extend(bytes),
        Wire::Eight(bytes) => parts.listed.extend(bytes),
        // Floats and doubles, packed: bytes in one run after all.
        Wire::Bytes(message) if matches!(field.number, 4 | 10) && before == 0 && parts.raw.is_none() => {
            parts.raw = Some(message);
        }
        Wire::Bytes(message) if matches!(field.number, 4 | 10) => parts.listed.extend(message.bytes),
        _ => {
            let mut list = Vec::new();
            field.integers(&mut list, MAX_LISTED)?;
            let size = stored(parts.element).map_or(8, Stored::size);
            parts.listed.extend(list.iter().flat_map(|value| value.to_le_bytes().into_iter().take(size)));
        }
    }
    if parts.listed.len() > MAX_LISTED * size_of::<i64>() {
        return Err(Damage { at: field.at, reason: format!("a list has more than {MAX_LISTED} numbers") });
    }
    Ok(())
}

impl<'a> Parts<'a> {
    fn constant(self) -> Stock<'a> {
        if self.external {
            return Err(NoValues::External(shown(self.file)));
        }
        let Some(stored) = stored(self.element) else {
            return Err(NoValues::Unread(format!("its values are of type {}", told(self.element))));
        };
        let dims: Option<Vec<usize>> = self.dims.iter().map(|&side| usize::try_from(side).ok()).collect();
        let dims = dims.ok_or_else(|| NoValues::Unread(format!("its shape is {:?}", self.dims)))?;
        let (bytes, offset) = match self.raw {
            Some(raw) if self.listed.is_empty() => (Cow::Borrowed(raw.bytes), raw.start),
            _ => (Cow::Owned(self.listed), self.at),
        };
        Constant::new(dims, stored, bytes, offset).map_err(NoValues::Unread)
    }
}

/// The element types by their numbers in the schema, from 0 on: the name, and how values are stored where they are read.
/// Truth values are bytes of 0 and 1.
const ELEMENTS: [(&str, Option<Stored>); 25] = [
    ("UNDEFINED", None),
    ("FLOAT", Some(Stored::F32)),
    ("UINT8", Some(Stored::U8)),
    ("INT8", Some(Stored::I8)),
    ("UINT16", Some(Stored::U16)),
    ("INT16", Some(Stored::I16)),
    ("INT32", Some(Stored::I32)),
    ("INT64", Some(Stored::I64)),
    ("STRING", None),
    ("BOOL", Some(Stored::U8)),
    ("FLOAT16", Some(Stored::F16)),
    ("DOUBLE", Some(Stored::F64)),
    ("UINT32", None),
    ("UINT64", None),
    ("COMPLEX64", None),
    ("COMPLEX128", None),
    ("BFLOAT16", Some(Stored::Bf16)),
    ("FLOAT8E4M3FN", None),
    ("FLOAT8E4M3FNUZ", None),
    ("FLOAT8E5M2", None),
    ("FLOAT8E5M2FNUZ", None),
    ("UINT4", None),
    ("INT4", None),
    ("FLOAT4E2M1", None),
    ("FLOAT8E8M0", None),
];
/// The number of truth values.
const BOOL: i64 = 9;

fn element(number: i64) -> Option<&'static (&'static str, Option<Stored>)> {
    ELEMENTS.get(usize::try_from(number).ok()?)
}

/// How values of the element type of this number are stored; `None` for one that is not read.
fn stored(number: i64) -> Option<Stored> {
    element(number)?.1
}

/// Whether the element type of this number is one of floats.
pub(super) fn is_real(number: i64) -> bool {
    stored(number).is_some_and(Stored::is_float)
}

/// Whether the element type of this number is one of whole numbers.
pub(super) fn is_integer(number: i64) -> bool {
    number != BOOL && stored(number).is_some_and(|stored| !stored.is_float())
}

/// An element type by its name in the schema.
pub(super) fn told(number: i64) -> String {
    element(number).map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned())
}
