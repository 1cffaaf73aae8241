//! CSV as RFC 4180 has it: commas, quotes around what needs them, line ends of either kind; written with those of this
//! house.

use std::iter::Peekable;
use std::str::Chars;

/// Returns one record as a line; fields are quoted if they have to be.
pub fn csv_record<S: AsRef<str>>(fields: impl IntoIterator<Item = S>) -> String {
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

/// The records of a text, one after the other.
#[derive(Debug)]
pub struct CsvRecords<'a> {
    letters: Peekable<Chars<'a>>,
    line: usize,
    separator: char,
}

/// A record that ends inside its quotes, with the line on which it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenQuote(pub usize);

impl<'a> CsvRecords<'a> {
    /// Returns the records of `text`; the byte order mark that spreadsheets put in front of it is passed over.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { letters: text.chars().peekable(), line: 1, separator: ',' }
    }

    /// Returns the records of `text` as [`CsvRecords::new`] does, their fields between the semicolons or tabs that
    /// spreadsheets put where a comma stands in numbers: those of the first line, if it has no comma.
    #[must_use]
    pub fn of_spreadsheet(text: &'a str) -> Self {
        let first = text.lines().next().unwrap_or_default();
        let separator = match (first.contains(','), first.find([';', '\t'])) {
            (false, Some(at)) if first[at..].starts_with('\t') => '\t',
            (false, Some(_)) => ';',
            _ => ',',
        };
        Self { separator, ..Self::new(text) }
    }
}

impl Iterator for CsvRecords<'_> {
    /// The line on which a record starts, counted from 1, and its fields.
    type Item = Result<(usize, Vec<String>), OpenQuote>;

    fn next(&mut self) -> Option<Self::Item> {
        self.letters.peek()?;
        let started = self.line;
        let mut fields = Vec::new();
        let mut field = String::new();
        let mut in_quotes = false;
        while let Some(letter) = self.letters.next() {
            self.line += usize::from(letter == '\n');
            match letter {
                '"' if in_quotes && self.letters.peek() == Some(&'"') => {
                    self.letters.next();
                    field.push('"');
                }
                '"' if in_quotes || field.is_empty() => in_quotes = !in_quotes,
                _ if in_quotes => field.push(letter),
                _ if letter == self.separator => fields.push(std::mem::take(&mut field)),
                '\r' if self.letters.peek() == Some(&'\n') => {}
                '\n' => break,
                _ => field.push(letter),
            }
        }
        if in_quotes {
            // What follows is inside the quotes, too.
            self.letters = "".chars().peekable();
            return Some(Err(OpenQuote(started)));
        }
        fields.push(field);
        Some(Ok((started, fields)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(rows in proptest::collection::vec(
            proptest::collection::vec("[a,\"\n\r é]{0,6}", 2..4), 0..20,
        )) {
            let text: String = rows.iter().map(csv_record).collect();
            let read: Vec<Vec<String>> = CsvRecords::new(&text).map(|record| record.unwrap().1).collect();
            prop_assert_eq!(read, rows);
        }
    }

    #[test]
    fn fields_are_quoted_where_they_have_to_be() {
        assert_eq!(csv_record(["a", "", "b c", "0.5"]), "a,,b c,0.5\n");
        assert_eq!(
            csv_record(["a,b", "say \"x\"", "two\nlines", " x"]),
            "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\" x\"\n"
        );
    }

    #[test]
    fn spreadsheets_have_semicolons_and_tabs() {
        let fields = |text: &str| -> Vec<Vec<String>> {
            CsvRecords::of_spreadsheet(text).map(|record| record.unwrap().1).collect()
        };
        assert_eq!(fields("a;b\n1,5;\"x;y\"\n"), [["a", "b"], ["1,5", "x;y"]]);
        assert_eq!(fields("a\tb\n1;2\t3\n"), [["a", "b"], ["1;2", "3"]]);
        assert_eq!(fields("a,b;c\n1,2\n"), [["a", "b;c"], ["1", "2"]]);
        assert_eq!(fields("a\n1,2\n"), [vec!["a"], vec!["1", "2"]]);
    }

    #[test]
    fn lines_are_counted_through_quotes_and_an_open_quote_is_an_end() {
        let read: Vec<_> = CsvRecords::new("\u{feff}a,b\r\n\"x\ny\",2\nlast,\n\"open\nc,d").collect();
        let fields = |texts: [&str; 2]| texts.map(str::to_owned).to_vec();
        assert_eq!(
            read,
            [
                Ok((1, fields(["a", "b"]))),
                Ok((2, fields(["x\ny", "2"]))),
                Ok((4, fields(["last", ""]))),
                Err(OpenQuote(5)),
            ]
        );
        assert_eq!(CsvRecords::new("").count(), 0);
    }
}
