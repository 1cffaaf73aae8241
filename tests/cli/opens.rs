//! docs/opens.md says what opens and what is refused, and says it of tests: a line `/// Opens: KIND | WHAT | HOW` or
//! `/// Refuses: KIND | WHAT | HOW` in the documentation of a test becomes a row. `ICECAP_WRITE_DOCS=1` writes the tables anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Sections of the page: the word that a row begins with, and the kinds in their order.
const TABLES: [(&str, &str); 2] =
    [("Opens", "how it is read"), ("Refuses", "what the message names or advises")];
const KINDS: [&str; 5] = ["Keras", "PyTorch", "other files of weights", "photos", "lists and folders"];

/// One thing that a test opens, or holds to be refused.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    /// Its place in `KINDS`.
    kind: usize,
    what: String,
    how: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every source file of the workspace.
fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The rows that the documentation of tests in `text` has for one table.
fn rows(text: &str, word: &str, place: &str, into: &mut BTreeSet<Row>) {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for (number, line) in lines.iter().enumerate() {
        let Some(row) =
            line.strip_prefix("/// ").and_then(|line| line.strip_prefix(word)?.strip_prefix(": "))
        else {
            continue;
        };
        let mut below =
            lines[number..].iter().take_while(|line| line.starts_with("///") || line.starts_with("#["));
        assert!(below.any(|line| *line == "#[test]"), "{place}:{}: of no test: {line}", number + 1);
        let parts: Vec<&str> = row.split('|').map(str::trim).collect();
        let [kind, what, how] = parts[..] else {
            panic!("{place}:{}: three parts, not {parts:?}", number + 1)
        };
        let kind = KINDS.iter().position(|known| *known == kind);
        let kind = kind.unwrap_or_else(|| panic!("{place}:{}: a kind is one of {KINDS:?}", number + 1));
        into.insert(Row { kind, what: what.to_owned(), how: how.to_owned() });
    }
}

/// A table of the page, as Markdown.
fn table(word: &str, heading: &str, files: &[PathBuf]) -> String {
    let mut all = BTreeSet::new();
    for file in files {
        rows(&std::fs::read_to_string(file).unwrap(), word, &file.display().to_string(), &mut all);
    }
    assert!(!all.is_empty(), "no test says what it {}", word.to_lowercase());
    let mut text = format!("| kind | what | {heading} |\n|---|---|---|\n");
    let mut before = None;
    for Row { kind, what, how } in all {
        let shown = if before == Some(kind) { "" } else { KINDS[kind] };
        text += &format!("| {shown} | {what} | {how} |\n");
        before = Some(kind);
    }
    text
}

/// `page` with what stands between the two marks of a table replaced.
fn with_table(page: &str, word: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {word}: made by tests -->\n"), format!("<!-- end of {word} -->\n"));
    let (before, rest) = page.split_once(&begin).expect("the mark of a table's begin");
    let (_, after) = rest.split_once(&end).expect("the mark of a table's end");
    format!("{before}{begin}{table}{end}{after}")
}

#[test]
fn the_page_of_what_opens_says_what_tests_open() {
    let mut files = Vec::new();
    for folder in ["crates", "tests"] {
        sources(&root().join(folder), &mut files);
    }
    // This file holds the marks as examples of themselves.
    files.retain(|file| file.file_name().is_none_or(|name| name != "opens.rs"));
    let path = root().join("docs/opens.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let mut made = page.clone();
    for (word, heading) in TABLES {
        made = with_table(&made, word, &table(word, heading, &files));
    }
    if std::env::var_os("ICECAP_WRITE_DOCS").is_some_and(|value| !value.is_empty()) {
        std::fs::write(&path, &made).unwrap();
    }
    let differs = made.lines().zip(page.lines()).find(|(made, page)| made != page);
    assert!(
        made == page,
        "docs/opens.md differs from what tests say, first at {differs:?}; ICECAP_WRITE_DOCS=1 writes it"
    );
}

#[test]
fn a_row_stands_over_a_test_and_has_three_parts() {
    let mut all = BTreeSet::new();
    rows("/// Opens: Keras | a | b\n#[test]\nfn x() {}\n", "Opens", "here", &mut all);
    rows("/// Opens: Keras | a | b\n/// More.\n#[cfg(unix)]\n#[test]\n", "Opens", "here", &mut all);
    assert_eq!(all.len(), 1);
    for wrong in [
        "/// Opens: Keras | a | b\nfn x() {}\n#[test]\n",
        "/// Opens: Keras | a\n#[test]\n",
        "/// Opens: no | a | b\n#[test]\n",
    ] {
        let read = || rows(wrong, "Opens", "here", &mut BTreeSet::new());
        assert!(std::panic::catch_unwind(read).is_err(), "{wrong}");
    }
}
