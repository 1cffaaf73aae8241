//! Lists and parameters of a request's JSON, which have few entries: what has more is refused while it is read, before it takes the
//! memory of all of them.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The most entries: of inputs, outputs, axes of a shape, parameters.
const MOST: usize = 16;

/// A list of few entries; `null` is none.
#[derive(Debug)]
pub(crate) struct Few<T>(pub(crate) Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_unit<E: Error>(self) -> Result<Vec<T>, E> {
                Ok(Vec::new())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
                let mut few = Vec::new();
                while let Some(entry) = entries.next_element()? {
                    if few.len() == MOST {
                        return Err(A::Error::custom(format!("an array of more than {MOST} entries")));
                    }
                    few.push(entry);
                }
                Ok(few)
            }
        }

        deserializer.deserialize_any(Entries(PhantomData)).map(Self)
    }
}

/// The value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Count(u64),
    /// Anything else, of which nothing is kept.
    Other,
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
                Ok(Value::Flag(flag))
            }

            fn visit_u64<E: Error>(self, count: u64) -> Result<Value, E> {
                Ok(Value::Count(count))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_unit<E: Error>(self) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
                while values.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
                while values.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// Few parameters by name; `null` is none.
#[derive(Debug, Default)]
pub(crate) struct Named(pub(crate) BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Named;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_unit<E: Error>(self) -> Result<Named, E> {
                Ok(Named::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Named, A::Error> {
                let mut named = BTreeMap::new();
                while let Some((name, value)) = entries.next_entry()? {
                    if named.len() == MOST {
                        return Err(A::Error::custom(format!("more than {MOST} parameters")));
                    }
                    named.insert(name, value);
                }
                Ok(Named(named))
            }
        }

        deserializer.deserialize_any(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_entries_are_read_and_more_are_refused() {
        let list = |text: &str| serde_json::from_str::<Few<u64>>(text).map(|few| few.0).ok();
        assert_eq!(
            (list("[1, 2]"), list("null"), list("[]")),
            (Some(vec![1, 2]), Some(vec![]), Some(vec![]))
        );
        assert_eq!(
            (list(&format!("{:?}", [1; MOST])).map(|few| few.len()), list(&format!("{:?}", [1; MOST + 1]))),
            (Some(MOST), None)
        );
        assert_eq!((list("{}"), list("[-1]"), list("1")), (None, None, None));
        let named = |text: &str| serde_json::from_str::<Named>(text).map(|named| named.0).ok();
        let values = named(
            r#"{"a": true, "b": 7, "c": [[1, "x"], {"d": null}], "e": -1, "f": "g", "h": 1.5, "i": null}"#,
        )
        .unwrap();
        assert_eq!((values["a"], values["b"]), (Value::Flag(true), Value::Count(7)));
        assert!(["c", "e", "f", "h", "i"].iter().all(|name| values[*name] == Value::Other));
        let many: String = (0..=MOST).map(|n| format!("\"{n}\":0,")).collect();
        assert!(named(&format!("{{{}}}", many.trim_end_matches(','))).is_none());
        assert_eq!((named("null").map(|named| named.len()), named("[]")), (Some(0), None));
    }
}
