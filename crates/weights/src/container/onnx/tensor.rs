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

/// The element type of this number in the schema; `None` for one that is not read.
fn stored(element: i64) -> Option<Stored> {
    Some(match element {
        1 => Stored::F32,
        // Truth values are bytes of 0 and 1.
        2 | 9 => Stored::U8,
        3 => Stored::I8,
        4 => Stored::U16,
        5 => Stored::I16,
        6 => Stored::I32,
        7 => Stored::I64,
        10 => Stored::F16,
        11 => Stored::F64,
        16 => Stored::Bf16,
        _ => return None,
    })
}

/// An element type by its name in the schema.
fn told(element: i64) -> String {
    const NAMES: [&str; 25] = [
        "UNDEFINED",
        "FLOAT",
        "UINT8",
        "INT8",
        "UINT16",
        "INT16",
        "INT32",
        "INT64",
        "STRING",
        "BOOL",
        "FLOAT16",
        "DOUBLE",
        "UINT32",
        "UINT64",
        "COMPLEX64",
        "COMPLEX128",
        "BFLOAT16",
        "FLOAT8E4M3FN",
        "FLOAT8E4M3FNUZ",
        "FLOAT8E5M2",
        "FLOAT8E5M2FNUZ",
        "UINT4",
        "INT4",
        "FLOAT4E2M1",
        "FLOAT8E8M0",
    ];
    usize::try_from(element)
        .ok()
        .and_then(|at| NAMES.get(at))
        .map_or_else(|| element.to_string(), |name| (*name).to_owned())
}
