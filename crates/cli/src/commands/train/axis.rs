//! A setting and the values of it that are to be tried: `l2=0.01,0.1,1`.

use std::str::FromStr;

use icecap::advanced::foundation::did_you_mean::nearest;

/// The settings that may vary, by the names of their options.
const MAY_VARY: [&str; 16] = [
    "size",
    "resize",
    "augment",
    "views",
    "optimizer",
    "lr",
    "l2",
    "epochs",
    "warmup",
    "batch",
    "dropout",
    "hidden",
    "label-smoothing",
    "class-weight",
    "schedule",
    "early-stop",
];
/// Settings that can be left off, and the word for it.
const LEFT_OFF: [&str; 3] = ["augment", "hidden", "early-stop"];
const NONE: &str = "none";

/// One setting and what it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// The name of its option.
    pub(super) name: &'static str,
    /// Its values, as they were typed.
    pub(super) values: Vec<String>,
}

impl Axis {
    /// Returns the name by which the command line's parser knows the option.
    pub(super) fn id(&self) -> String {
        self.name.replace('-', "_")
    }
}

/// Returns the word that gives the option `name` this value; `None` if the value leaves it off.
pub(super) fn word(name: &str, value: &str) -> Option<String> {
    if value == NONE && LEFT_OFF.contains(&name) {
        return None;
    }
    // A comma parts values here, and changes there.
    let value = if name == "augment" { value.replace('+', ",") } else { value.to_owned() };
    Some(format!("--{name}={value}"))
}

impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((asked, values)) = text.split_once('=') else {
            return Err("use NAME=VALUE,VALUE,… as in l2=0.01,0.1,1".to_owned());
        };
        let asked = asked.trim().trim_start_matches('-').replace('_', "-");
        let Some(name) = MAY_VARY.into_iter().find(|name| *name == asked) else {
            let near = nearest(&asked, MAY_VARY);
            let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
            return Err(format!("{asked} may not vary; what may is {}{near}", MAY_VARY.join(", ")));
        };
        let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
        if values.iter().any(String::is_empty) {
            return Err(format!("a value of {name} is empty; use {name}=VALUE,VALUE,…"));
        }
        Ok(Self { name, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_a_name_that_may_vary_and_values() {
        let axis: Axis = "label_smoothing=0, 0.1".parse().unwrap();
        assert_eq!((axis.name, axis.id().as_str()), ("label-smoothing", "label_smoothing"));
        assert_eq!(axis.values, ["0", "0.1"]);
        for (text, named) in [
            ("l2", "NAME=VALUE"),
            ("=1", "may not vary"),
            ("weights=a,b", "weights may not vary; what may is size, "),
            ("optimiser=adam", "did you mean optimizer?"),
            ("l2=", "empty"),
            ("l2=1,,2", "empty"),
        ] {
            let error = text.parse::<Axis>().unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn a_value_is_the_word_of_its_option() {
        assert_eq!(word("augment", "flip+crop:0.8").unwrap(), "--augment=flip,crop:0.8");
        assert_eq!(word("l2", "-1").unwrap(), "--l2=-1");
        assert_eq!((word("hidden", "none"), word("class-weight", "none").is_some()), (None, true));
    }
}
