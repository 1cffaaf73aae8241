//! Class names as lines of text.

/// Returns the names of the classes in the order of their indices, one a line. Whatever would break a line in a name
/// becomes a space, so that the line's number stays the class' index.
#[must_use]
pub fn label_lines(classes: &[String]) -> String {
    let breaks = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
    let line = |name: &String| name.replace(breaks, " ") + "\n";
    classes.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::label_lines;

    #[test]
    fn a_class_is_a_line_whatever_its_name() {
        let classes = ["ants", "be\nes", "\u{2028}wä\rsps\t", "a\u{85}b"].map(str::to_owned);
        assert_eq!(label_lines(&classes), "ants\nbe es\n wä sps \na b\n");
    }
}
