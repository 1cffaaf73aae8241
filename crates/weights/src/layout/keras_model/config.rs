//! The values in a layer's description, whichever version of Keras wrote them.

use serde_json::Value;

/// A number, or a flag where Keras wrote one for it.
pub(super) fn number(config: &Value, key: &str) -> Option<f64> {
    config.get(key).and_then(Value::as_f64)
}

/// A flag; `absent` where the description does not have it.
pub(super) fn flag(config: &Value, key: &str, absent: bool) -> bool {
    config.get(key).and_then(Value::as_bool).unwrap_or(absent)
}

/// A text; `None` also for a value that is none.
pub(super) fn text<'a>(config: &'a Value, key: &str) -> Option<&'a str> {
    config.get(key).and_then(Value::as_str)
}

/// One whole number for both directions, or a list of two: rows, columns.
pub(super) fn pair(config: &Value, key: &str) -> Option<[u64; 2]> {
    match config.get(key)? {
        Value::Array(sides) => match sides.as_slice() {
            [one] => one.as_u64().map(|side| [side, side]),
            [rows, columns] => Some([rows.as_u64()?, columns.as_u64()?]),
            _ => None,
        },
        side => side.as_u64().map(|side| [side, side]),
    }
}

/// The numbers of a constant that is one number, or one for each channel: its outer axes have one place each.
///
/// Keras writes numbers, lists, and arrays as `{"class_name": "__numpy__", "config": {"value": …}}`.
pub(super) fn constants(value: &Value) -> Option<Vec<f64>> {
    let mut value = value;
    for _ in 0..8 {
        match value {
            Value::Object(fields) => {
                let config = fields.get("config").unwrap_or(value);
                value = config.get("value").or_else(|| fields.get("value"))?;
            }
            Value::Array(values) => match values.as_slice() {
                [one @ (Value::Array(_) | Value::Object(_))] => value = one,
                values => return values.iter().map(Value::as_f64).collect(),
            },
            one => return one.as_f64().map(|number| vec![number]),
        }
    }
    None
}

/// The name of a data type or of a policy of types: `float32`, `mixed_float16`.
pub(super) fn dtype(config: &Value) -> Option<&str> {
    match config.get("dtype")? {
        Value::String(name) => Some(name),
        policy => {
            let config = policy.get("config")?;
            // A policy of quantized weights has a mode.
            ["name", "mode", "source_name"].iter().find_map(|key| text(config, key))
        }
    }
}

/// A shape with the places that are left open: `[null, 160, 160, 3]`. Keras 3 also writes the shapes of several inputs by
/// their names; such a one is `None`.
pub(super) fn shape(value: &Value) -> Option<Vec<Option<u64>>> {
    value
        .as_array()?
        .iter()
        .map(|side| if side.is_null() { Some(None) } else { side.as_u64().map(Some) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn constants_of_every_form_are_read() {
        for (written, wanted) in [
            (json!(127.5), Some(vec![127.5])),
            (json!(255), Some(vec![255.0])),
            (json!([0.5]), Some(vec![0.5])),
            (json!([1, 2.5, 3]), Some(vec![1.0, 2.5, 3.0])),
            (json!([[[[1, 2, 3]]]]), Some(vec![1.0, 2.0, 3.0])),
            (
                json!({"class_name": "__numpy__", "config": {"value": [1.0, 2.0, 3.0], "dtype": "float32"}}),
                Some(vec![1.0, 2.0, 3.0]),
            ),
            (
                json!({"class_name": "__tensor__", "config": {"value": 2.0, "dtype": "float32"}}),
                Some(vec![2.0]),
            ),
            // One for each row, which is no constant of a channel.
            (json!([[1], [2], [3]]), None),
            (json!("127.5"), None),
            (json!(null), None),
            (json!([[[[[[[[[[1]]]]]]]]]]), None),
        ] {
            assert_eq!(constants(&written), wanted, "{written}");
        }
    }

    #[test]
    fn pairs_and_shapes_are_read_in_both_forms() {
        let config = json!({"a": 3, "b": [2, 1], "c": [2], "d": [1, 2, 3], "e": "3"});
        let pairs = ["a", "b", "c", "d", "e", "f"].map(|key| pair(&config, key));
        assert_eq!(pairs, [Some([3, 3]), Some([2, 1]), Some([2, 2]), None, None, None]);
        assert_eq!(shape(&json!([null, 96, 128, 3])), Some(vec![None, Some(96), Some(128), Some(3)]));
        assert_eq!(shape(&json!({"a": [null, 96]})), None);
        assert_eq!(shape(&json!([null, -1])), None);
    }

    #[test]
    fn policies_of_types_have_their_name() {
        assert_eq!(dtype(&json!({"dtype": "float32"})), Some("float32"));
        let policy = json!({"dtype": {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}});
        assert_eq!(dtype(&policy), Some("mixed_float16"));
        assert_eq!(dtype(&json!({})), None);
    }
}
