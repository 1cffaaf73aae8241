//! `icecap weights verify`: weights beside all that is stated of them.

use std::path::{Path, PathBuf};

use clap::Args;
use icecap::advanced::kernels::FileBytes;
use icecap::advanced::weights::{
    BackbonePart, Checked, Container, Digest, Entry, Error, IntegerBackbone, MAX_FILE, Manifest, Model,
    Store, Weights,
};
use icecap::model::WeightsSource;
use serde::Serialize;

use crate::options::manifest::ManifestOptions;
use crate::store::cache_folder;
use crate::store::weights_source::entry;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::quantized;
use crate::terminal::table::{print, print_json};
use crate::terminal::wording::{plain, plain_path};

#[derive(Args)]
pub(crate) struct Options {
    /// File of weights, or a name that `icecap weights list` shows
    #[arg(value_name = "FILE|NAME")]
    weights: PathBuf,
    #[command(flatten)]
    manifest: ManifestOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What was compared, and with what.
#[derive(Serialize)]
struct Report {
    file: String,
    file_sha256: String,
    params_sha256: String,
    /// The entry of the manifest that it is compared with.
    entry: Option<String>,
    compared: Vec<Compared>,
}

#[derive(Serialize)]
struct Compared {
    what: &'static str,
    with: String,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let manifest = options.manifest.read()?;
    let report = match WeightsSource::find::<Failure>(&options.weights, || Ok(manifest.clone()))? {
        WeightsSource::Starter => starter(&manifest)?,
        WeightsSource::File(path) => file(&path, &manifest)?,
        WeightsSource::Entry(entry) => stored(&entry, &cache_folder::store()?)?,
    };
    if options.json {
        return print_json(&report);
    }
    let lines: String =
        report.compared.iter().map(|row| format!("{:<15}{}\n", row.what, plain(&row.with))).collect();
    print(&format!("{}\n{lines}all of it holds\n", report.file))
}

fn starter(manifest: &Manifest) -> Result<Report, Failure> {
    let weights = icecap::advanced::weights::starter()?;
    let entry = entry("starter", manifest)?;
    let compared = known_file(&entry, &weights, Path::new("the starter backbone"))?;
    Ok(report("the starter backbone".to_owned(), &weights, Some(&entry), compared))
}

/// Returns the file of an entry in the cache. Nothing is fetched: there would be nothing to doubt.
fn stored(entry: &Entry, store: &Store) -> Result<Report, Failure> {
    let weights = store.read(entry)?;
    let path = store.file(entry).unwrap_or_default();
    let with = match store.check(entry, weights.record.file_sha256, &plain_path(&path))? {
        Checked::Pinned => "as the manifest states".to_owned(),
        Checked::Prefix => {
            format!("starts with {}, as the manifest states", entry.sha256_prefix.as_deref().unwrap_or(""))
        }
        Checked::Recorded => "as it was when it was seen first; its publisher states none".to_owned(),
        _ => "compared with nothing: its publisher states none, and none was kept".to_owned(),
    };
    let mut compared = vec![Compared { what: "file sha256", with }];
    let states_hash = states_hash(&path, &FileBytes::read(&path, MAX_FILE)?)?;
    compared.extend(net(&weights, states_hash, Some(entry)));
    Ok(report(plain_path(&path), &weights, Some(entry), compared))
}

/// Any other file: beside the entry that lists its hash, and beside a `.sha256` next to it.
fn file(path: &Path, manifest: &Manifest) -> Result<Report, Failure> {
    let note = beside(path)?;
    // Once: what is compared is one content, whatever becomes of the file.
    let bytes = FileBytes::read(path, MAX_FILE)?;
    let sha256 = Digest::of(&bytes);
    // Before the net: of a file that is not what it should be, that is the first thing to know.
    if let Some((place, expected)) = note.as_ref().filter(|(_, expected)| *expected != sha256) {
        let message =
            format!("{}: its sha256 is {sha256}, and {} says {expected}", path.display(), place.display());
        return Err(Failure::new(Code::Content, message));
    }
    let entry = manifest.find_file(sha256).or_else(|| called_so(path, manifest));
    if let Some(entry) = entry {
        entry.check_hash(sha256, &plain_path(path))?;
    }
    let weights = match icecap::advanced::weights::from_bytes(&bytes, &path.to_string_lossy()) {
        Err(Error::IntegersOnly { .. }) => return integers(path, &bytes, note.as_ref()),
        read => read?,
    };
    let mut compared = match entry {
        Some(entry) => known_file(entry, &weights, path)?,
        None => vec![beside_note(note.as_ref())],
    };
    compared.extend(net(&weights, states_hash(path, &bytes)?, entry));
    compared.extend(head(path, &bytes)?);
    Ok(report(plain_path(path), &weights, entry, compared))
}

/// What the head of a model file was compared with; `None` for a file without one.
fn head(path: &Path, bytes: &[u8]) -> Result<Option<Compared>, Failure> {
    let file = Container::parse(bytes, path)?;
    let texts = file.metadata();
    // Files of other programs have a format, too, which is no number.
    if texts.get("format").is_none_or(|format| format.parse::<u64>().is_err()) {
        return Ok(None);
    }
    Model::from_bytes(bytes, &path.to_string_lossy())?;
    let with = match texts.get("head_sha256") {
        Some(hash) => format!("sha256 {hash}, with classes and preprocessing, as the file states"),
        None => "compared with nothing: the file states no hash of it".to_owned(),
    };
    Ok(Some(Compared { what: "head", with }))
}

/// What the hash of a file that the manifest does not list was compared with.
fn beside_note(note: Option<&(PathBuf, Digest)>) -> Compared {
    let with = match note {
        Some((place, _)) => format!("as {} says", plain_path(place)),
        None => "compared with nothing: no name of the manifest has this one".to_owned(),
    };
    Compared { what: "file sha256", with }
}

/// A model whose net is in int8.
fn integers(path: &Path, bytes: &[u8], note: Option<&(PathBuf, Digest)>) -> Result<Report, Failure> {
    let model = Model::from_bytes(bytes, &path.to_string_lossy())?;
    let BackbonePart::Integers(IntegerBackbone { sha256, origin, .. }) = &model.backbone else {
        return Err(Error::IntegersOnly { path: path.to_owned() }.into());
    };
    let mut compared = vec![
        beside_note(note),
        Compared {
            what: "tensors",
            with: "each name, shape and value as a net in integers needs it".to_owned(),
        },
        Compared { what: "integers", with: format!("sha256 {sha256}, as the file states") },
        Compared { what: "precision", with: format!("int8, believed: {}", quantized::text(origin)) },
        Compared { what: "params sha256", with: "believed: its tensors are not in the file".to_owned() },
    ];
    compared.extend(head(path, bytes)?);
    Ok(Report {
        file: plain_path(path),
        file_sha256: Digest::of(bytes).to_string(),
        params_sha256: model.record.params_sha256.to_string(),
        entry: None,
        compared,
    })
}

/// Returns the entry that states a hash, or how it starts, of a file of this name.
fn called_so<'m>(path: &Path, manifest: &'m Manifest) -> Option<&'m Entry> {
    let name = path.file_name()?.to_str()?;
    let stated = |entry: &&Entry| entry.sha256.is_some() || entry.sha256_prefix.is_some();
    manifest.entries().iter().filter(stated).find(|entry| entry.file_name() == Some(name))
}

fn known_file(entry: &Entry, weights: &Weights, path: &Path) -> Result<Vec<Compared>, Failure> {
    entry.check(weights, path)?;
    let with = format!("as the manifest states for {}", entry.name);
    Ok(vec![Compared { what: "file sha256", with }])
}

/// Returns what opening a file has compared.
fn net(weights: &Weights, stated: bool, entry: Option<&Entry>) -> Vec<Compared> {
    let tensors = weights.params.tensors().count();
    let of_params = if stated { "as the file states" } else { "compared with nothing: the file states none" };
    let mut rows = vec![
        Compared {
            what: "tensors",
            with: format!("{tensors}, each name, shape and value as a net needs it"),
        },
        Compared { what: "params sha256", with: of_params.to_owned() },
    ];
    if let Some(entry) = entry {
        let with = format!("as the manifest states for {}", entry.name);
        rows.push(Compared { what: "layout, width", with });
    }
    rows
}

/// Returns whether a file states the hash of its net.
fn states_hash(path: &Path, bytes: &[u8]) -> Result<bool, Failure> {
    Ok(Container::parse(bytes, path)?.metadata().contains_key("params_sha256"))
}

fn report(file: String, weights: &Weights, entry: Option<&Entry>, compared: Vec<Compared>) -> Report {
    Report {
        file,
        file_sha256: weights.record.file_sha256.to_string(),
        params_sha256: weights.record.params_sha256.to_string(),
        entry: entry.map(|entry| entry.name.clone()),
        compared,
    }
}

/// Returns the `.sha256` beside a file, as `sha256sum` writes it, and the hash in it.
fn beside(path: &Path) -> Result<Option<(PathBuf, Digest)>, Failure> {
    const MAX_NOTE: u64 = 1 << 16;
    let mut name = path.as_os_str().to_owned();
    name.push(".sha256");
    let place = PathBuf::from(name);
    if !place.is_file() {
        return Ok(None);
    }
    let bytes = FileBytes::read(&place, MAX_NOTE)?;
    let text = String::from_utf8_lossy(&bytes);
    let digest = text.split_whitespace().next().unwrap_or("").parse();
    let digest = digest.map_err(|error| {
        Failure::new(Code::Content, format!("{}: {error}; delete it or write it anew", place.display()))
    })?;
    Ok(Some((place, digest)))
}
