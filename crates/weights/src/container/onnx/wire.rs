//! Protocol buffers as they lie in a file: fields of a number and a value, one behind the other.
//!
//! ```text
//! field   key, a varint of number << 3 | kind | value
//! value   kind 0: a varint; 1: 8 bytes; 2: a length, a varint, and as many bytes; 5: 4 bytes
//! varint  7 bits a byte, lowest first; the highest bit says that another byte follows
//! ```
//!
//! Messages lie in bytes of other messages. Nothing is copied: a field's bytes are borrowed from the file, and who reads
//! them decides what they are. A reader of our own, because one that builds every message takes several times the file's
//! size in memory, and the place of an error is wanted.
//!
//! # Source
//! The page "Encoding" of the format's documentation.

/// The longest varint: 64 bits, 7 a byte.
const MAX_VARINT: usize = 10;

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Damage {
    /// The byte, from the start of the file.
    pub(super) at: u64,
    pub(super) reason: String,
}

/// The bytes of a message in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) bytes: &'a [u8],
    /// Where they start in the file.
    pub(super) start: u64,
}

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) number: u64,
    pub(super) value: Wire<'a>,
    /// Where it starts in the file.
    pub(super) at: u64,
}

/// The value of a field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Eight([u8; 8]),
    Bytes(Message<'a>),
    Four([u8; 4]),
}

impl<'a> Message<'a> {
    /// The whole file as a message.
    pub(super) fn file(bytes: &'a [u8]) -> Self {
        Self { bytes, start: 0 }
    }

    /// The fields in their order; after damage none follow.
    pub(super) fn fields(self) -> Fields<'a> {
        Fields { message: self, at: 0 }
    }

    /// The text that these bytes are.
    pub(super) fn text(self) -> Result<&'a str, Damage> {
        std::str::from_utf8(self.bytes).map_err(|error| Damage {
            at: self.start + error.valid_up_to() as u64,
            reason: "a text is not UTF-8".to_owned(),
        })
    }
}

/// The fields of a message, read one after the other.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    message: Message<'a>,
    at: usize,
}

impl<'a> Fields<'a> {
    fn damage(&mut self, reason: &str) -> Damage {
        let at = self.message.start + self.at.min(self.message.bytes.len()) as u64;
        self.at = self.message.bytes.len();
        Damage { at, reason: reason.to_owned() }
    }

    fn varint(&mut self) -> Result<u64, Damage> {
        let Some((value, length)) = varint(self.message.bytes.get(self.at..).unwrap_or_default()) else {
            return Err(self.damage("a number breaks off or is too long"));
        };
        self.at += length;
        Ok(value)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Damage> {
        let rest = self.message.bytes.get(self.at..).unwrap_or_default();
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let Some(taken) = taken else {
            return Err(self.damage(&format!("a field of {length} bytes, where {} are left", rest.len())));
        };
        self.at += taken.len();
        Ok(taken)
    }

    fn field(&mut self) -> Result<Field<'a>, Damage> {
        let at = self.message.start + self.at as u64;
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Eight(*self.take(8)?.first_chunk().unwrap_or(&[0; 8])),
            2 => {
                let length = self.varint()?;
                let start = self.message.start + self.at as u64;
                Wire::Bytes(Message { bytes: self.take(length)?, start })
            }
            5 => Wire::Four(*self.take(4)?.first_chunk().unwrap_or(&[0; 4])),
            _ => return Err(self.damage("no field stands")),
        };
        match key >> 3 {
            0 => Err(self.damage("a field of number 0 stands")),
            number => Ok(Field { number, value, at }),
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.at < self.message.bytes.len()).then(|| self.field())
    }
}

impl<'a> Field<'a> {
    fn wrong(&self) -> Damage {
        Damage { at: self.at, reason: format!("field {} is of another kind than it should be", self.number) }
    }

    pub(super) fn message(&self) -> Result<Message<'a>, Damage> {
        match self.value {
            Wire::Bytes(message) => Ok(message),
            _ => Err(self.wrong()),
        }
    }

    pub(super) fn text(&self) -> Result<&'a str, Damage> {
        self.message()?.text()
    }

    pub(super) fn integer(&self) -> Result<i64, Damage> {
        match self.value {
            Wire::Varint(value) => Ok(value.cast_signed()),
            _ => Err(self.wrong()),
        }
    }

    pub(super) fn float(&self) -> Result<f32, Damage> {
        match self.value {
            Wire::Four(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(self.wrong()),
        }
    }

    /// Adds the integers of a list, which is packed or has one in each field, up to `limit`.
    pub(super) fn integers(&self, into: &mut Vec<i64>, limit: usize) -> Result<(), Damage> {
        let long = || Damage { at: self.at, reason: format!("a list has more than {limit} numbers") };
        match self.value {
            Wire::Varint(value) if into.len() < limit => into.push(value.cast_signed()),
            Wire::Varint(_) => return Err(long()),
            Wire::Bytes(Message { mut bytes, start }) => {
                let length = bytes.len();
                while !bytes.is_empty() {
                    let Some((value, taken)) = varint(bytes) else {
                        let at = start + (length - bytes.len()) as u64;
                        return Err(Damage { at, reason: "a number breaks off or is too long".to_owned() });
                    };
                    if into.len() >= limit {
                        return Err(long());
                    }
                    into.push(value.cast_signed());
                    bytes = &bytes[taken..];
                }
            }
            _ => return Err(self.wrong()),
        }
        Ok(())
    }
}

/// Two texts: a key and its value.
pub(super) fn pair(message: Message<'_>) -> Result<[&str; 2], Damage> {
    let mut pair = ["", ""];
    for field in message.fields() {
        let field = field?;
        match field.number {
            1 => pair[0] = field.text()?,
            2 => pair[1] = field.text()?,
            _ => {}
        }
    }
    Ok(pair)
}

/// A varint at the start of these bytes, and its length.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate().take(MAX_VARINT) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_kind_are_read() {
        // Number 1: 300; number 2: "hi"; number 3: 1.0 in four bytes; number 4: eight bytes; number 5: -1, packed with 2.
        let bytes = [
            &[0x08, 0xac, 0x02, 0x12, 0x02, b'h', b'i', 0x1d, 0, 0, 0x80, 0x3f, 0x21][..],
            &1.5f64.to_le_bytes(),
            &[0x2a, 11, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x02],
        ]
        .concat();
        let fields: Vec<Field<'_>> = Message::file(&bytes).fields().collect::<Result<_, _>>().unwrap();
        assert_eq!(fields.iter().map(|field| field.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!((fields[0].integer(), fields[1].text()), (Ok(300), Ok("hi")));
        assert_eq!(fields[2].float(), Ok(1.0));
        assert!(matches!(fields[3].value, Wire::Eight(bytes) if f64::from_le_bytes(bytes) == 1.5));
        let mut list = vec![7];
        fields[4].integers(&mut list, 3).unwrap();
        assert_eq!(list, [7, -1, 2]);
        assert!(fields[4].integers(&mut list, 3).is_err() && fields[0].integers(&mut list, 3).is_err());
        assert!(fields[0].message().is_err() && fields[1].integer().is_err() && fields[3].float().is_err());
    }

    #[test]
    fn every_cut_and_every_wrong_kind_is_damage_with_its_place() {
        let whole = [0x08, 0xac, 0x02, 0x12, 0x02, b'h', b'i', 0x1d, 0, 0, 0x80, 0x3f];
        let ends = [0, 3, 7, 12];
        for length in 0..=whole.len() {
            let fields: Result<Vec<_>, _> = Message::file(&whole[..length]).fields().collect();
            assert_eq!(fields.is_ok(), ends.contains(&length), "{length}");
            if let Err(damage) = fields {
                assert!(damage.at <= length as u64);
            }
        }
        for wrong in [
            &[0x0b][..],
            &[0x0c],
            &[0x0f, 0],
            &[0x00, 0],
            &[0x80; 11],
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ] {
            assert!(Message::file(wrong).fields().collect::<Result<Vec<_>, _>>().is_err(), "{wrong:?}");
        }
    }
}
