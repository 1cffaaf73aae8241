//! Parts of the sentences of errors.

use crate::layout::HEAD_PREFIX;
use crate::shown::shown;

/// Names that are like the one that was asked for.
pub(crate) fn meant(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [name] => format!("; did you mean {name}?"),
        [first @ .., last] => format!("; did you mean {} or {last}?", first.join(", ")),
    }
}

/// What to do about a tensor that is not there.
pub(crate) fn hint(tensor: &str) -> &'static str {
    if tensor.starts_with(HEAD_PREFIX) {
        "the file is no whole model; copy it again or train anew"
    } else {
        "is this a whole MobileNetV2?"
    }
}

/// What to do about tensors that make no net, where their names are the trouble.
pub(crate) fn net_hint(source: &icecap_graph::Error) -> String {
    match source {
        icecap_graph::Error::MissingTensor { name, .. } => format!("; {}", hint(name)),
        icecap_graph::Error::ExtraTensor { .. } => "; is this a MobileNetV2?".to_owned(),
        _ => String::new(),
    }
}

pub(crate) fn called(here: Option<&str>) -> String {
    here.map(|here| format!(" (here '{}')", shown(here))).unwrap_or_default()
}

pub(crate) fn at_byte(offset: Option<u64>) -> String {
    offset.map(|offset| format!(" (byte {offset} of the file)")).unwrap_or_default()
}
