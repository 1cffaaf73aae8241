//! The value of a training option, as it is written down.

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
