//! The names of the 1,000 ImageNet classes, in the order of the published tops.

/// Classes of the published classification tops.
pub(crate) const COUNT: usize = 1000;
/// Classes of Google's own tops: the first is for what is none of the others.
const WITH_BACKGROUND: usize = COUNT + 1;
const BACKGROUND: &str = "background";

/// The name of a class of a top with `classes` outputs; its index where that is not ImageNet's number, with or without
/// a class for the background.
pub(crate) fn label(class: usize, classes: usize) -> String {
    let known = match classes {
        COUNT => NAMES.lines().nth(class),
        WITH_BACKGROUND => std::iter::once(BACKGROUND).chain(NAMES.lines()).nth(class),
        _ => None,
    };
    known.map_or_else(|| format!("class {class}"), str::to_owned)
}

const NAMES: &str = include_str!("imagenet_classes.txt");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_name_for_each_class_and_none_for_other_tops() {
        assert_eq!(NAMES.lines().filter(|name| !name.trim().is_empty()).count(), COUNT);
        assert_eq!([label(0, COUNT), label(88, COUNT)], ["tench", "macaw"]);
        assert_eq!([label(0, 1001), label(1, 1001), label(89, 1001)], ["background", "tench", "macaw"]);
        assert_eq!([label(1000, 1001), label(1001, 1001)], ["toilet tissue", "class 1001"]);
        assert_eq!(label(88, 10), "class 88");
    }
}
