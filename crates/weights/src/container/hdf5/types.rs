//! Dataspaces and datatypes: how many elements there are, and what each is.

use super::bytes::{Block, Cursor, File};
use crate::Error;
use crate::container::Element;

/// What an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// IEEE's floats of 16, 32 and 64 bits, and bfloat16.
    Float {
        element: Element,
        /// The highest byte first.
        big: bool,
    },
    /// A text of so many bytes, filled up with zeros or, where `spaces`, with spaces.
    Fixed { length: usize, spaces: bool },
    /// A text in the global heap.
    Variable,
    /// Anything else.
    Other(&'static str),
}

impl Type {
    /// Bytes of which HDF5 knows nothing.
    pub(super) const OPAQUE: Self = Self::Other("opaque bytes");
}

/// Elements of an attribute or a dataset.
#[derive(Clone, Debug)]
pub(super) struct Elements {
    pub(super) kind: Type,
    /// Bytes of each.
    pub(super) size: u64,
    /// How many along each axis; empty for a single one.
    pub(super) dims: Vec<u64>,
    /// The number of all elements; `None` if it does not fit 64 bits.
    pub(super) count: Option<u64>,
}

impl Elements {
    /// Bytes of all, where that many can be.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.count?.checked_mul(self.size)
    }
}

/// Reads a dataspace message and a datatype message.
pub(super) fn elements(file: &File<'_>, space: Block<'_>, kind: Block<'_>) -> Result<Elements, Error> {
    let dims = dims(&mut file.within(space, "a dataspace"))?;
    let (kind, size) = datatype(&mut file.within(kind, "a datatype"))?;
    let Some(dims) = dims else {
        return Ok(Elements {
            kind: Type::Other("a dataset without a value"),
            size,
            dims: Vec::new(),
            count: Some(0),
        });
    };
    // A zero anywhere makes none, whatever the others multiply to.
    let count = if dims.contains(&0) {
        Some(0)
    } else {
        dims.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim))
    };
    Ok(Elements { kind, size, dims, count })
}

/// The sizes of the axes; `None` if the dataspace says that there is nothing.
fn dims(cursor: &mut Cursor<'_, '_>) -> Result<Option<Vec<u64>>, Error> {
    const NULL: u8 = 2;
    let version = cursor.version(1..=2)?;
    let rank = cursor.u8()?;
    // Flags: whether the largest sizes follow, which do not matter.
    cursor.skip(1)?;
    let null = match version {
        1 => {
            cursor.skip(5)?;
            false
        }
        _ => cursor.u8()? == NULL,
    };
    let dims = (0..rank).map(|_| cursor.length()).collect::<Result<Vec<u64>, Error>>()?;
    Ok((!null).then_some(dims))
}

/// What an element is, and its size in bytes.
fn datatype(cursor: &mut Cursor<'_, '_>) -> Result<(Type, u64), Error> {
    let here = cursor.clone();
    let class = cursor.u8()?;
    let bits = cursor.uint(3)?;
    let size = u64::from(cursor.u32()?);
    // A class, and a version that changed nothing for those that are read here.
    let kind = match (class & 0x0f, size) {
        (_, 0) => return Err(here.damaged("has elements of no bytes")),
        (0, _) => Type::Other(integer(size, bits & 0x08 != 0)),
        (1, _) => float(cursor, size, bits)?,
        (3, length) => Type::Fixed { length: length as usize, spaces: bits & 0x0f == 2 },
        (9, _) if bits & 0x0f == 1 => Type::Variable,
        (9, _) => Type::Other("sequences"),
        (2, _) => Type::Other("times"),
        (4, _) => Type::Other("bit fields"),
        (5, _) => Type::OPAQUE,
        (6, _) => Type::Other("compounds"),
        (7, _) => Type::Other("references"),
        (8, _) => Type::Other("enumerations"),
        (10, _) => Type::Other("arrays"),
        (other, _) => return Err(here.damaged(&format!("has class {other}, which is not known"))),
    };
    if matches!(kind, Type::Variable) && size != 8 + cursor.file.offsets as u64 {
        return Err(here.damaged(&format!("has texts of the heap in {size} bytes")));
    }
    Ok((kind, size))
}

/// IEEE's floats and bfloat16, in either order.
fn float(cursor: &mut Cursor<'_, '_>, size: u64, bits: u64) -> Result<Type, Error> {
    /// How many bytes, where the sign is, where the exponent starts and how many bits it has, how many the mantissa below it
    /// has, and what is added to the exponent.
    const FORMATS: [(Element, u64, u64, [u8; 2], u8, u32); 4] = [
        (Element::F32, 4, 31, [23, 8], 23, 127),
        (Element::F64, 8, 63, [52, 11], 52, 1023),
        (Element::F16, 2, 15, [10, 5], 10, 15),
        (Element::Bf16, 2, 15, [7, 8], 7, 127),
    ];
    let (start, precision) = (cursor.u16()?, cursor.u16()?);
    let exponent = [cursor.u8()?, cursor.u8()?];
    let mantissa = [cursor.u8()?, cursor.u8()?];
    let bias = cursor.u32()?;
    // Bits 0 and 6 tell the order, 4 and 5 that the mantissa's first bit is left out, 8 to 15 where the sign is.
    let (order, implied, sign) = (bits & 0x41, bits >> 4 & 3 == 2, bits >> 8 & 0xff);
    let whole = start == 0 && u64::from(precision) == size * 8 && implied && order <= 1;
    let format = FORMATS.into_iter().find(|(_, bytes, sign_at, exponent_at, fraction, offset)| {
        (*bytes, *sign_at, *offset) == (size, sign, bias)
            && (*exponent_at, [0, *fraction]) == (exponent, mantissa)
    });
    Ok(match format.filter(|_| whole) {
        Some((element, ..)) => Type::Float { element, big: order == 1 },
        None => Type::Other("a float of another kind"),
    })
}

fn integer(size: u64, signed: bool) -> &'static str {
    match (size, signed) {
        (1, false) => "U8",
        (2, false) => "U16",
        (4, false) => "U32",
        (8, false) => "U64",
        (1, true) => "I8",
        (2, true) => "I16",
        (4, true) => "I32",
        (8, true) => "I64",
        _ => "an integer of another size",
    }
}
