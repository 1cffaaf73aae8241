//! `icecap weights list`: the manifest as a table.

use std::collections::BTreeMap;

use clap::Args;
use icecap::advanced::weights::{Entry, Manifest, Store};
use serde::Serialize;

use crate::options::manifest::ManifestOptions;
use crate::store::cache_folder;
use crate::store::entry_size::about;
use crate::terminal::failure::Failure;
use crate::terminal::table::{print, print_json, table};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    manifest: ManifestOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// An entry as a program reads it; null where nobody states it.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    aliases: &'a [String],
    url: Option<&'a str>,
    file: Option<String>,
    cached: bool,
    bytes: Option<u64>,
    sha256: Option<String>,
    sha256_prefix: Option<&'a str>,
    layout: &'static str,
    width: f32,
    size: [usize; 2],
    resize: &'a str,
    top: bool,
    top1: Option<f32>,
    licence: &'a str,
    note: Option<&'a str>,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let manifest = options.manifest.read()?;
    let store = cache_folder::store();
    if options.json {
        let store = store.ok();
        let rows: Vec<Row<'_>> = manifest.entries().iter().map(|entry| row(entry, store.as_ref())).collect();
        return print_json(&BTreeMap::from([("weights", rows)]));
    }
    print(&text(&manifest, store.ok().as_ref()))
}

fn row<'a>(entry: &'a Entry, store: Option<&Store>) -> Row<'a> {
    Row {
        name: &entry.name,
        aliases: &entry.aliases,
        url: entry.url.as_deref(),
        file: store.and_then(|store| store.file(entry)).map(|file| file.display().to_string()),
        cached: store.is_some_and(|store| store.has(entry)),
        bytes: entry.bytes,
        sha256: entry.sha256.map(|sha256| sha256.to_string()),
        sha256_prefix: entry.sha256_prefix.as_deref(),
        layout: entry.layout.name(),
        width: entry.width,
        size: entry.size,
        resize: &entry.resize,
        top: entry.top,
        top1: entry.top1,
        licence: &entry.licence,
        note: entry.note.as_deref(),
    }
}

fn text(manifest: &Manifest, store: Option<&Store>) -> String {
    let rows = manifest.entries().iter().map(|entry| {
        let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
        let size = match (entry.bytes, about(entry)) {
            (Some(bytes), _) => megabytes(bytes),
            (None, Some(bytes)) => format!("~{}", megabytes(bytes)),
            (None, None) => String::new(),
        };
        let [rows, columns] = entry.size;
        let cached = match (entry.file_name(), store.is_some_and(|store| store.has(entry))) {
            (None, _) => "built in",
            (_, true) => "yes",
            (_, false) => "",
        };
        vec![
            std::iter::once(&entry.name).chain(&entry.aliases).cloned().collect::<Vec<_>>().join(", "),
            size,
            entry.width.to_string(),
            if rows == columns { rows.to_string() } else { format!("{rows}x{columns}") },
            if entry.top { "yes" } else { "" }.to_owned(),
            entry.top1.map_or(String::new(), |top1| format!("{top1:.1}")),
            entry.licence.clone(),
            cached.to_owned(),
        ]
    });
    let header = ["name", "MB", "width", "input", "classes", "top-1 %", "license", "cached"];
    let table = table(&header, &[1, 2, 3, 5], rows);
    format!(
        "{table}\n\nclasses: with the classification top, for `icecap classify`. top-1: as the publisher reports it, on \
         ImageNet.\n~: about, computed from the net. Terms and sources: `icecap weights list --json`.\n\
         Use one: `--weights NAME`. It is fetched once, or by `icecap weights pull NAME`.\n"
    )
}
