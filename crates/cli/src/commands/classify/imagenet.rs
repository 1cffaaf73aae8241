//! The names of the 1,000 ImageNet classes, in the order of the published tops.

/// Classes of the published classification tops.
pub(crate) const COUNT: usize = 1000;
/// What Google's own tops have before them.
const BACKGROUND: &str = "background";

/// Returns the name of a class of a top with `classes` outputs; its index if that is not ImageNet's number, nor that
/// with Google's background.
pub(crate) fn label(class: usize, classes: usize) -> String {
    let known = match classes {
        COUNT => NAMES.lines().nth(class),
        n if n == COUNT + 1 => std::iter::once(BACKGROUND).chain(NAMES.lines()).nth(class),
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
        assert_eq!([label(0, COUNT + 1), label(89, COUNT + 1)], ["background", "macaw"]);
        assert_eq!(label(88, 10), "class 88");
    }
}
