//! The value of a training option, as it is written down and read again.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::error::Error;

/// The value of an option. As text (`Display`) it is what a model's metadata hold.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A whole number.
    Count(u64),
    /// Any other number.
    Number(f32),
    /// A word.
    Text(String),
    /// The option is off; `none` as text.
    Off,
}

impl Value {
    /// The number, or the word `open` if there is none yet.
    pub(crate) fn number_or(number: Option<f32>, open: &str) -> Self {
        number.map_or_else(|| Self::Text(open.to_owned()), Self::Number)
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Off => f.write_str("none"),
        }
    }
}

/// Texts of options by name.
pub(crate) struct Texts<'a>(pub(crate) &'a BTreeMap<String, String>);

impl Texts<'_> {
    /// Reads the text of an option; `None` if it is not there.
    pub(crate) fn value<T, E>(
        &self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Error> {
        let Some(text) = self.0.get(key) else { return Ok(None) };
        let wrong = |_| Error::Setting { what: key, reason: format!("'{text}' is not one of its values") };
        read(text).map(Some).map_err(wrong)
    }

    /// Reads an option that `word` leaves open: then the inner value is `None`.
    pub(crate) fn open<T: FromStr>(&self, key: &'static str, word: &str) -> Result<Option<Option<T>>, Error> {
        self.value(key, |text| if text == word { Ok(None) } else { text.parse().map(Some) })
    }
}
