//! The Rust files of the workspace: their text, their syntax, and which of them are the roots of crates.

use std::path::Path;

use crate::outcome::Outcome;

/// Folders of a checkout that hold source; everything else is data, records or output.
const FOLDERS: [&str; 5] = ["crates", "tests", "benches", "tools", "examples"];

/// A parsed file.
pub(super) struct File {
    /// From the root of the workspace, with `/` between folders.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) syntax: syn::File,
}

/// Every file, sorted by path.
pub(crate) struct Source {
    pub(super) files: Vec<File>,
}

impl Source {
    /// Reads and parses every Rust file below `root`.
    ///
    /// # Errors
    /// A file or folder that cannot be read, or that is no Rust.
    pub(crate) fn read(root: &Path) -> Outcome<Self> {
        let mut texts = Vec::new();
        for folder in FOLDERS {
            if root.join(folder).is_dir() {
                collect(root, folder, &mut texts)?;
            }
        }
        Self::parse(texts)
    }

    /// Parses files that are given as path and text.
    ///
    /// # Errors
    /// The first text that is no Rust, with its place.
    pub(crate) fn parse(mut texts: Vec<(String, String)>) -> Outcome<Self> {
        texts.sort();
        let parsed = texts.into_iter().map(|(path, text)| match syn::parse_file(&text) {
            Ok(syntax) => Ok(File { path, text, syntax }),
            Err(e) => Err(format!("{path}:{}: {e}", e.span().start().line)),
        });
        Ok(Self { files: parsed.collect::<Outcome<_>>()? })
    }

    /// Path and text of every file.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|file| (file.path.as_str(), file.text.as_str()))
    }

    /// The index of the file at `path`.
    pub(super) fn index(&self, path: &str) -> Option<usize> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()
    }

    /// The files from which cargo builds something: libraries, binaries, tests, benches, examples, fuzz targets.
    pub(super) fn roots(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.files.len()).filter(|&file| is_root(&self.files[file].path))
    }

    /// A line of a file, counted from 1, without the blanks around it; empty where there is none.
    pub(super) fn line(&self, file: usize, line: usize) -> &str {
        self.files[file].text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim()
    }
}

fn collect(root: &Path, folder: &str, texts: &mut Vec<(String, String)>) -> Outcome {
    let at = |e: std::io::Error| format!("{folder}: {e}");
    for entry in std::fs::read_dir(root.join(folder)).map_err(at)? {
        let entry = entry.map_err(at)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if entry.file_type().map_err(at)?.is_dir() {
            if name != "target" && !name.starts_with('.') {
                collect(root, &path, texts)?;
            }
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(entry.path()).map_err(|e| format!("{path}: {e}"))?;
            texts.push((path, text));
        }
    }
    Ok(())
}

fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let folders = &parts[..parts.len() - 1];
    let name = parts[parts.len() - 1];
    match folders.iter().position(|&folder| folder == "src") {
        Some(at) if at + 1 == folders.len() => matches!(name, "lib.rs" | "main.rs"),
        Some(at) => folders[at + 1..] == ["bin"],
        None => match folders
            .iter()
            .rposition(|f| matches!(*f, "tests" | "benches" | "examples" | "fuzz_targets"))
        {
            Some(at) if at + 1 == folders.len() => true,
            Some(at) => at + 2 == folders.len() && name == "main.rs",
            None => name == "build.rs",
        },
    }
}
