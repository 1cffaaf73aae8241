//! CSV as RFC 4180 has it, with the line ends of this house.

use std::iter::Peekable;
use std::str::Chars;

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

/// The records of a CSV text, each with the line that it starts on; the line of a quote that is not closed as the error.
pub(crate) struct Records<'a> {
    letters: Peekable<Chars<'a>>,
    line: usize,
}

impl<'a> Records<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { letters: text.chars().peekable(), line: 1 }
    }
}

impl Iterator for Records<'_> {
    type Item = Result<(usize, Vec<String>), usize>;

    fn next(&mut self) -> Option<Self::Item> {
        self.letters.peek()?;
        let started = self.line;
        let (mut fields, mut field, mut in_quotes) = (Vec::new(), String::new(), false);
        while let Some(letter) = self.letters.next() {
            self.line += usize::from(letter == '\n');
            match letter {
                '"' if in_quotes && self.letters.peek() == Some(&'"') => {
                    self.letters.next();
                    field.push('"');
                }
                '"' if in_quotes || field.is_empty() => in_quotes = !in_quotes,
                _ if in_quotes => field.push(letter),
                ',' => fields.push(std::mem::take(&mut field)),
                '\r' if self.letters.peek() == Some(&'\n') => {}
                '\n' => break,
                _ => field.push(letter),
            }
        }
        if in_quotes {
            // Nothing that follows can be trusted.
            self.letters = "".chars().peekable();
            return Some(Err(started));
        }
        fields.push(field);
        Some(Ok((started, fields)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Records, record};

    #[test]
    fn what_is_written_is_read_with_its_lines() {
        let rows = [["a", "", "b c"], ["a,b", "say \"x\"", "two\nlines"], [" x", "é\r\n", ","]];
        let text: String = rows.iter().map(record).collect();
        let read: Vec<_> = Records::new(&text).map(Result::unwrap).collect();
        assert_eq!(read.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2, 4]);
        assert!(read.iter().zip(rows).all(|((_, read), row)| *read == row), "{read:?}");
        assert_eq!(Records::new("a,b\r\nc").map(Result::unwrap).last(), Some((2, vec!["c".to_owned()])));
        assert_eq!(Records::new("a\n\"b\nc\nd").collect::<Vec<_>>(), [Ok((1, vec!["a".to_owned()])), Err(2)]);
    }

    #[test]
    fn fields_are_quoted_where_they_have_to_be() {
        assert_eq!(record(["a", "", "b c", "0.5"]), "a,,b c,0.5\n");
        assert_eq!(
            record(["a,b", "say \"x\"", "two\nlines", " x"]),
            "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\" x\"\n"
        );
    }
}
