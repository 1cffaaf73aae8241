//! The values of a tensor in JSON: numbers or texts, in a flat array or nested as the shape is.
//!
//! They are read straight into bytes, and none is kept as a JSON value, which would be thirty times as large.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use crate::limits::PHOTOS;

/// The values, in row-major order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Data {
    /// There is none.
    #[default]
    Empty,
    /// Numbers from 0 to 255.
    Numbers(Vec<u8>),
    /// Texts.
    Texts(Vec<String>),
}

impl<'de> serde::Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut data = Self::Empty;
        Level { data: &mut data, is_outermost: true }.deserialize(deserializer)?;
        Ok(data)
    }
}

/// An array, or a value in one.
struct Level<'a> {
    data: &'a mut Data,
    is_outermost: bool,
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.is_outermost {
            true => deserializer.deserialize_seq(self),
            false => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of whole numbers from 0 to 255, or of texts")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        let out_of_range = || E::custom(format!("{value} where a number from 0 to 255 is asked for"));
        let value = u8::try_from(value).map_err(|_| out_of_range())?;
        match self.data {
            Data::Numbers(numbers) => numbers.push(value),
            Data::Empty => *self.data = Data::Numbers(vec![value]),
            Data::Texts(_) => return Err(E::custom("numbers and texts in one tensor")),
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        match self.data {
            Data::Texts(texts) if texts.len() == PHOTOS => {
                return Err(E::custom(format!("more than {PHOTOS} texts in one tensor")));
            }
            Data::Texts(texts) => texts.push(value.to_owned()),
            Data::Empty => *self.data = Data::Texts(vec![value.to_owned()]),
            Data::Numbers(_) => return Err(E::custom("numbers and texts in one tensor")),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while values.next_element_seed(Level { data: self.data, is_outermost: false })?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_out_in_order_however_they_are_nested() {
        let read = |text: &str| serde_json::from_str::<Data>(text).ok();
        let numbers = |values: &[u8]| Some(Data::Numbers(values.to_vec()));
        let texts =
            |values: &[&str]| Some(Data::Texts(values.iter().map(|text| (*text).to_owned()).collect()));
        for (text, data) in [
            ("[]", Some(Data::Empty)),
            ("[[], [[]]]", Some(Data::Empty)),
            ("[1, 2, 255, 0]", numbers(&[1, 2, 255, 0])),
            ("[[1, 2], [255, 0]]", numbers(&[1, 2, 255, 0])),
            (r#"["a", ["b"]]"#, texts(&["a", "b"])),
        ] {
            assert_eq!(read(text), data, "{text}");
        }
        for wrong in [
            "1",
            "\"a\"",
            "null",
            "{}",
            "[256]",
            "[-1]",
            "[1.5]",
            "[1, \"a\"]",
            "[\"a\", 1]",
            "[null]",
            "[true]",
            "[{}]",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        let many = |count: usize| read(&format!("{:?}", vec!["a"; count])).is_some();
        assert!(many(PHOTOS) && !many(PHOTOS + 1));
        // Deeper than a shape can be is refused by its depth, not by the end of the stack.
        assert_eq!(read(&"[".repeat(100_000)), None);
    }
}
