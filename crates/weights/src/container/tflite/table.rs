//! FlatBuffers as they lie in a file: tables whose fields are found through a list of places.
//!
//! ```text
//! file    offset of the root table, u32 | 4 letters | …
//! table   distance back to its list, i32 | fields
//! list    its bytes, the table's bytes, then for each field where it stands in the table, 0 if it is left out, all u16
//! vector  its length, u32 | elements: numbers, or distances on to tables and texts
//! ```
//!
//! Every place is checked before it is read: a table and its list within the file, a field within its table, a vector
//! within the file. Distances to tables and vectors point on, so nothing leads back to where it came from.
//!
//! # Source
//! The page "FlatBuffer Internals" of the format's documentation.

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Damage {
    /// The byte, from the start of the file.
    pub(super) at: u64,
    pub(super) reason: String,
}

/// A table in the bytes of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    /// Where the bytes start in the file.
    base: u64,
    at: usize,
    list: usize,
    /// Bytes of the list, and of the table.
    sizes: [usize; 2],
}

/// A vector: where its first element stands, and how many there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vector {
    at: usize,
    count: usize,
}

impl<'a> Table<'a> {
    /// The root table of a FlatBuffer that starts at `base` in the file.
    pub(super) fn root(bytes: &'a [u8], base: u64) -> Result<Self, Damage> {
        let at = number(bytes, 0).and_then(|at| usize::try_from(at).ok());
        Self::at(bytes, base, at.ok_or_else(|| cut(base, 0))?)
    }

    fn at(bytes: &'a [u8], base: u64, at: usize) -> Result<Self, Damage> {
        let list = number(bytes, at).and_then(|back| (at as i64).checked_sub(i64::from(back.cast_signed())));
        let list = list.and_then(|list| usize::try_from(list).ok()).ok_or_else(|| cut(base, at))?;
        let sizes = [list, list.saturating_add(2)].map(|place| short(bytes, place));
        let [Some(list_size), Some(size)] = sizes else { return Err(cut(base, list)) };
        let within =
            |place: usize, size: usize| place.checked_add(size).is_some_and(|end| end <= bytes.len());
        if list_size < 4 || !within(list, list_size) || size < 4 || !within(at, size) {
            return Err(cut(base, at));
        }
        Ok(Self { bytes, base, at, list, sizes: [list_size, size] })
    }

    /// Where the table starts in the file.
    pub(super) fn place(self) -> u64 {
        self.base + self.at as u64
    }

    /// Where a field of so many bytes stands; `None` if it is left out.
    fn field(self, number: usize, size: usize) -> Result<Option<usize>, Damage> {
        let slot = 4 + 2 * number;
        if slot + 2 > self.sizes[0] {
            return Ok(None);
        }
        let Some(offset) = short(self.bytes, self.list + slot) else { return Err(cut(self.base, self.list)) };
        match offset {
            0 => Ok(None),
            offset if offset + size <= self.sizes[1] => Ok(Some(self.at + offset)),
            _ => Err(Damage {
                at: self.place(),
                reason: format!("field {number} stands outside of its table"),
            }),
        }
    }

    pub(super) fn byte(self, number: usize, default: u8) -> Result<u8, Damage> {
        let at = self.field(number, 1)?;
        Ok(at.and_then(|at| self.bytes.get(at)).copied().unwrap_or(default))
    }

    pub(super) fn int(self, field: usize, default: i32) -> Result<i32, Damage> {
        let at = self.field(field, 4)?;
        Ok(at.and_then(|at| number(self.bytes, at)).map_or(default, u32::cast_signed))
    }

    pub(super) fn float(self, number: usize, default: f32) -> Result<f32, Damage> {
        Ok(f32::from_bits(self.int(number, default.to_bits().cast_signed())?.cast_unsigned()))
    }

    /// Whether a field is there.
    pub(super) fn has(self, number: usize) -> Result<bool, Damage> {
        Ok(self.field(number, 1)?.is_some())
    }

    /// Where a field's distance leads.
    fn target(self, field: usize) -> Result<Option<usize>, Damage> {
        let Some(at) = self.field(field, 4)? else { return Ok(None) };
        follow(self.bytes, self.base, at).map(Some)
    }

    pub(super) fn table(self, number: usize) -> Result<Option<Self>, Damage> {
        self.target(number)?.map(|at| Self::at(self.bytes, self.base, at)).transpose()
    }

    /// A vector whose elements have so many bytes; none if it is left out.
    fn vector(self, field: usize, size: usize) -> Result<Vector, Damage> {
        let Some(at) = self.target(field)? else { return Ok(Vector { at: 0, count: 0 }) };
        let count = number(self.bytes, at).and_then(|count| usize::try_from(count).ok());
        let count = count.ok_or_else(|| cut(self.base, at))?;
        let end = count.checked_mul(size).and_then(|length| length.checked_add(at + 4));
        if end.is_none_or(|end| end > self.bytes.len()) {
            let reason = format!("a vector of {count} elements is longer than the file");
            return Err(Damage { at: self.base + at as u64, reason });
        }
        Ok(Vector { at: at + 4, count })
    }

    /// The bytes of a vector, and where they start in the file.
    pub(super) fn bytes(self, number: usize) -> Result<(&'a [u8], u64), Damage> {
        let Vector { at, count } = self.vector(number, 1)?;
        Ok((&self.bytes[at..at + count], self.base + at as u64))
    }

    pub(super) fn text(self, number: usize) -> Result<&'a str, Damage> {
        let (bytes, at) = self.bytes(number)?;
        std::str::from_utf8(bytes).map_err(|_| Damage { at, reason: "a text is not UTF-8".to_owned() })
    }

    /// Numbers of a vector, copied: at most `limit`, since many tables may share one.
    pub(super) fn ints(self, number: usize, limit: usize) -> Result<Vec<i32>, Damage> {
        let elements = self.elements(number, 4, limit)?;
        Ok(elements.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect())
    }

    pub(super) fn longs(self, number: usize, limit: usize) -> Result<Vec<i64>, Damage> {
        let elements = self.elements(number, 8, limit)?;
        Ok(elements.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect())
    }

    pub(super) fn floats(self, number: usize, limit: usize) -> Result<Vec<f32>, Damage> {
        let elements = self.elements(number, 4, limit)?;
        Ok(elements.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    fn elements(self, number: usize, size: usize, limit: usize) -> Result<&'a [u8], Damage> {
        let Vector { at, count } = self.vector(number, size)?;
        if count > limit {
            let reason = format!("a list of {count} numbers, more than {limit}");
            return Err(Damage { at: self.base + at as u64, reason });
        }
        Ok(&self.bytes[at..at + count * size])
    }

    /// The tables of a vector, at most `limit`.
    pub(super) fn tables(self, number: usize, limit: usize) -> Result<Vec<Self>, Damage> {
        let Vector { at, count } = self.vector(number, 4)?;
        if count > limit {
            let reason = format!("{count} tables, more than {limit}");
            return Err(Damage { at: self.base + at as u64, reason });
        }
        let places = (0..count).map(|index| follow(self.bytes, self.base, at + 4 * index));
        places.map(|place| Self::at(self.bytes, self.base, place?)).collect()
    }
}

/// Where the distance at a place leads.
fn follow(bytes: &[u8], base: u64, at: usize) -> Result<usize, Damage> {
    let distance = number(bytes, at).and_then(|distance| usize::try_from(distance).ok());
    let target = distance.filter(|distance| *distance > 0).and_then(|distance| at.checked_add(distance));
    target.filter(|target| *target < bytes.len()).ok_or_else(|| cut(base, at))
}

fn cut(base: u64, at: usize) -> Damage {
    Damage { at: base + at as u64, reason: "a table or vector stands outside of the file".to_owned() }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|bytes| u32::from_le_bytes(*bytes))
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|bytes| u16::from_le_bytes(*bytes).into())
}
