//! Where `unsafe` stands in the source: in two crates alone, and held against a list that is kept, so that no unsafe code
//! comes in unseen.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::house::Source;
use crate::outcome::Outcome;

/// The list that is kept, from the root.
const LIST: &str = "tools/xtask/unsafe-map.txt";

/// The only folders that may have unsafe code: arithmetic, and the boundary to C with its tests, which call it as C does.
const ROOMS: [&str; 2] = ["crates/capi/src/", "crates/kernels/"];

/// How often each use of the word stands in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    blocks: usize,
    /// Functions, and those that are exported under their names.
    functions: usize,
    /// Implementations and traits.
    implementations: usize,
}

/// Counts the uses of `unsafe` in every file and holds them against the list; with `write`, writes the list anew.
///
/// # Errors
/// Unsafe code outside of its room, a file with other counts than the list has, a list that cannot be read or written.
pub(crate) fn check(root: &Path, write: bool) -> Outcome {
    let map = map(&Source::read(root)?)?;
    let is_inside = |path: &String| ROOMS.iter().any(|room| path.starts_with(room));
    if let Some(outside) = map.keys().find(|path| !is_inside(path)) {
        return Err(format!("{outside}: unsafe code outside of {}", ROOMS.join(", ")));
    }
    let found = render(&map);
    let path = root.join(LIST);
    if write {
        std::fs::write(&path, &found).map_err(|e| format!("{LIST}: {e}"))?;
    }
    print!("{found}");
    let kept = std::fs::read_to_string(&path).map_err(|e| format!("{LIST}: {e}"))?;
    match difference(&kept, &found) {
        lines if lines.is_empty() => Ok(()),
        lines => Err(format!(
            "unsafe code changed:\n{lines}where it should, `cargo run -p xtask -- unsafe --write` keeps that in {LIST}"
        )),
    }
}

/// The files with unsafe code, with the counts of each.
fn map(source: &Source) -> Outcome<BTreeMap<String, Counts>> {
    let mut map = BTreeMap::new();
    for (path, text) in source.texts() {
        let tokens: TokenStream = text.parse().map_err(|e| format!("{path}: {e}"))?;
        let mut counts = Counts::default();
        counts.add(tokens);
        if counts != Counts::default() {
            map.insert(path.to_owned(), counts);
        }
    }
    Ok(map)
}

impl Counts {
    /// Counts in tokens, those of macros among them, which no parser looks into.
    fn add(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.add(group.stream()),
                TokenTree::Ident(word) if word == "unsafe" => match tokens.peek() {
                    Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                        self.blocks += 1;
                    }
                    Some(TokenTree::Ident(next)) if *next == "impl" || *next == "trait" => {
                        self.implementations += 1;
                    }
                    // `unsafe fn`, `unsafe extern`, and an attribute's.
                    _ => self.functions += 1,
                },
                _ => {}
            }
        }
    }
}

fn render(map: &BTreeMap<String, Counts>) -> String {
    let width = map.keys().map(String::len).max().unwrap_or(0).max(5);
    let mut text = format!("{:width$}  blocks  functions  implementations\n", "file");
    let mut all = Counts::default();
    for (path, counts) in map {
        let Counts { blocks, functions, implementations } = *counts;
        let _ = writeln!(text, "{path:width$}  {blocks:>6}  {functions:>9}  {implementations:>15}");
        all.blocks += blocks;
        all.functions += functions;
        all.implementations += implementations;
    }
    let Counts { blocks, functions, implementations } = all;
    let _ = writeln!(text, "{:width$}  {blocks:>6}  {functions:>9}  {implementations:>15}", "all");
    text
}

/// The lines that only one of two lists has.
fn difference(kept: &str, found: &str) -> String {
    let squeezed = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    let (kept, found) = (squeezed(kept), squeezed(found));
    let gone = kept.iter().filter(|line| !found.contains(line)).map(|line| format!("- {line}\n"));
    let new = found.iter().filter(|line| !kept.contains(line)).map(|line| format!("+ {line}\n"));
    gone.chain(new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_use_is_counted_in_macros_too_and_none_in_texts() {
        let text = r#"
            //! unsafe in a comment
            macro_rules! m { () => { unsafe fn f() { unsafe { g() } } }; }
            #[unsafe(no_mangle)]
            extern "C" fn exported() {}
            unsafe impl Send for A {}
            unsafe trait T {}
            fn s() -> &'static str { "unsafe { }" }
        "#;
        let source = Source::parse(vec![("crates/a/src/lib.rs".to_owned(), text.to_owned())]);
        let map = map(&source.unwrap()).unwrap();
        let expected = Counts { blocks: 1, functions: 2, implementations: 2 };
        assert_eq!(map.into_iter().collect::<Vec<_>>(), [("crates/a/src/lib.rs".to_owned(), expected)]);
    }

    #[test]
    fn a_file_that_gains_or_loses_a_block_is_told() {
        let list = |blocks| {
            let counts = Counts { blocks, ..Counts::default() };
            render(&BTreeMap::from([("a.rs".to_owned(), counts), ("bb.rs".to_owned(), Counts::default())]))
        };
        assert_eq!(difference(&list(1), &list(1)), "");
        let told = difference(&list(1), &list(2));
        assert!(told.contains("- a.rs 1 0 0\n") && told.contains("+ a.rs 2 0 0\n"), "{told}");
    }
}
