//! CSV as RFC 4180 has it, with the line ends of this house.

/// One record; fields are quoted where they have to be.
pub(crate) fn record<S: AsRef<str>>(fields: impl IntoIterator<Item = S>) -> String {
    let mut line = String::new();
    for (index, field) in fields.into_iter().enumerate() {
        let field = field.as_ref();
        if index > 0 {
            line.push(',');
        }
        let spaces = field.starts_with(' ') || field.ends_with(' ');
        if field.contains([',', '"', '\n', '\r']) || spaces {
            line.extend(["\"", &field.replace('"', "\"\""), "\""]);
        } else {
            line.push_str(field);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::record;

    #[test]
    fn fields_are_quoted_where_they_have_to_be() {
        assert_eq!(record(["a", "", "b c", "0.5"]), "a,,b c,0.5\n");
        assert_eq!(
            record(["a,b", "say \"x\"", "two\nlines", " x"]),
            "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\" x\"\n"
        );
    }
}
