//! Values of a file that whoever reads it can do without.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Value;

/// Reads a value, for `#[serde(deserialize_with)]`: one of another type is as good as missing, not an error.
pub(super) fn spare<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    from: D,
) -> Result<T, D::Error> {
    Value::deserialize(from).map(or_default)
}

/// Reads a list: its values can each be done without, but keep their number.
pub(super) fn spare_each<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    Vec::<Value>::deserialize(from).map(|values| values.into_iter().map(or_default).collect())
}

fn or_default<T: DeserializeOwned + Default>(value: Value) -> T {
    serde_json::from_value(value).unwrap_or_default()
}
