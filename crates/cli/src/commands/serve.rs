//! `icecap serve`: trained models, asked over HTTP.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use icecap::advanced::data::Limits;
use icecap::advanced::kernels::memory;
use icecap::{Backbone, Classifier};
use icecap_serve::{LogFormat, ModelFile, Models, Options as ServerOptions, Server, Token};

use crate::options::model::ModelOptions;
use crate::options::photo::PhotoOptions;
use crate::options::runner::{RunnerOptions, ThreadOptions};
use crate::run::files::MODEL;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::stderr::{self, note};
use crate::terminal::wording::{plain, plain_path};

#[derive(Args)]
pub(crate) struct Options {
    /// Model files that `icecap train` has left, as FILE or NAME=FILE; without a name a model is called as its file, and one in
    /// a run's folder as the folder. The first is asked where a request names none
    #[arg(value_name = "MODEL", required = true)]
    models: Vec<PathBuf>,
    /// Address and port to listen at; port 0 takes one that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
    #[command(flatten)]
    threads: ThreadOptions,
    /// Photos that may wait for a thread; who comes above that is told to come again
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_queue: u32,
    /// Largest body of a request in bytes, as in 32M; all bodies together take eight times as much memory
    #[arg(long, value_name = "BYTES", default_value = "32M", value_parser = bytes)]
    max_body: usize,
    #[command(flatten)]
    photo: PhotoOptions,
    /// File with a secret that every client has to send, as in 'Authorization: Bearer SECRET'; health and the page's own files
    /// are told without it
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Weights, by name or file, for models that were saved with --head-only
    #[arg(long, value_name = "NAME|FILE")]
    weights: Option<PathBuf>,
    /// How requests are logged on standard error [default: text, none with --quiet]
    #[arg(long, value_enum)]
    log: Option<Log>,
}

/// How requests are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Log {
    /// A line for people
    Text,
    /// A JSON object a line
    Json,
    /// Not at all
    None,
}

/// The longest name of a model.
const LONGEST_NAME: usize = 100;
/// The longest file of a token that is read: a token and what an editor adds.
const LONGEST_TOKEN_FILE: u64 = 16 << 10;

/// Free memory that each thread may keep: above most photos of the web, so that few of them cost a system call, and small beside
/// what one thread's net takes.
const KEPT: u32 = 1 << 20;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    memory::keep_at_most(KEPT);
    let listen = address(&options.listen)?;
    let token = options.token_file.as_deref().map(token).transpose()?;
    let files = named(&options.models)?;
    let server = ServerOptions {
        listen,
        threads: options.threads.count(),
        max_queue: options.max_queue as usize,
        max_body: options.max_body,
        token,
        log: match options.log {
            Some(Log::Text) => LogFormat::Text,
            Some(Log::Json) => LogFormat::Json,
            Some(Log::None) => LogFormat::Quiet,
            None if stderr::is_quiet() => LogFormat::Quiet,
            None => LogFormat::Text,
        },
    };
    let is_open = !listen.ip().is_loopback() && server.token.is_none();
    let (limits, threads, weights) = (options.photo.limits(), options.threads, options.weights.clone());
    let models = Models::open(files, move |path, backbones| {
        opened(path, backbones, ModelOptions::of(path.to_owned(), weights.clone(), runner(threads)), limits)
    })?;
    let failed = |error: std::io::Error| {
        let message = format!("{listen}: {error}; name another address or port with --listen");
        Failure::new(Code::Path, message)
    };
    let server = Server::bind(server, models).map_err(failed)?;
    let at = server.address().map_err(failed)?;
    // Whoever has started this reads the port from it.
    stderr::failure(&format!("listening on http://{at}"));
    if is_open {
        note(&format!(
            "warning: {at} is reached from other machines, and everybody may ask; give --token-file, and put a proxy with TLS \
             in front"
        ));
    }
    server.run();
    Ok(())
}

fn runner(threads: ThreadOptions) -> RunnerOptions {
    RunnerOptions { threads, precision: None }
}

/// Opens a model on a backbone that is open already, if it was trained on that, or else on its own.
fn opened(
    path: &Path,
    backbones: &[Backbone],
    options: ModelOptions,
    limits: Limits,
) -> Result<Classifier, Failure> {
    let shared =
        backbones.iter().find_map(|backbone| Classifier::builder().backbone(backbone).open(path).ok());
    match shared {
        Some(classifier) => Ok(classifier),
        None => options.within(limits).open(),
    }
}

/// Returns the files with the names that they are served by.
fn named(models: &[PathBuf]) -> Result<Vec<ModelFile>, Failure> {
    let mut files: Vec<ModelFile> = Vec::with_capacity(models.len());
    for model in models {
        let file = with_name(model)?;
        if let Some(other) = files.iter().find(|other| other.name == file.name) {
            let message = format!(
                "{} and {} would both be called '{}'; name one of them, as in other={}",
                plain_path(&other.path),
                plain_path(&file.path),
                file.name,
                plain_path(&file.path)
            );
            return Err(Failure::new(Code::Arguments, message));
        }
        files.push(file);
    }
    Ok(files)
}

/// Parts NAME=FILE, or names the file.
fn with_name(model: &Path) -> Result<ModelFile, Failure> {
    // A file whose own name has such a sign is meant as it stands.
    let parted = model.to_str().and_then(|text| text.split_once('=')).filter(|_| !model.exists());
    let (name, path) = match parted {
        Some((name, path)) => (name.to_owned(), PathBuf::from(path)),
        None => (own_name(model), model.to_owned()),
    };
    let is_sign = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '_' | '-');
    if path.as_os_str().is_empty() {
        let message = format!("{}: no file behind the name; use NAME=FILE", plain_path(model));
        return Err(Failure::new(Code::Arguments, message));
    }
    // A name of dots alone is a folder in an address.
    let is_name = name.chars().all(is_sign) && name.contains(|sign| sign != '.');
    if !is_name || name.len() > LONGEST_NAME {
        let message = format!(
            "{}: a model cannot be called '{}' in an address; use letters, digits, '.', '_' and '-', as in bees={}",
            plain_path(model),
            plain(&name),
            plain_path(&path)
        );
        return Err(Failure::new(Code::Arguments, message));
    }
    Ok(ModelFile { name, path })
}

/// The name of a model's file without its ending; of a file that is called as in every run's folder, the folder's name.
fn own_name(model: &Path) -> String {
    let stem = model.file_stem().unwrap_or_default();
    let folder = model.parent().and_then(|folder| folder.canonicalize().ok());
    let folder = folder.as_deref().and_then(Path::file_name);
    let name = match folder {
        Some(folder) if model.file_name() == Some(MODEL.as_ref()) => folder,
        _ => stem,
    };
    name.to_string_lossy().into_owned()
}

fn address(text: &str) -> Result<SocketAddr, Failure> {
    let wrong = |reason: String| {
        Failure::new(
            Code::Arguments,
            format!("--listen {}: {reason}; use an address and a port, as in 127.0.0.1:8080", plain(text)),
        )
    };
    let mut found = text.to_socket_addrs().map_err(|error| wrong(error.to_string()))?;
    found.next().ok_or_else(|| wrong("no such address".to_owned()))
}

fn token(file: &Path) -> Result<Token, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::path(file, error);
    let about = std::fs::metadata(file).map_err(|error| failed(&error))?;
    if !about.is_file() || about.len() > LONGEST_TOKEN_FILE {
        return Err(failed(
            &"no regular file of up to 16 KiB; name one that holds a word of 16 characters or more",
        ));
    }
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    Token::read(&text).map_err(|why| Failure::new(Code::Content, format!("{}: {why}", plain_path(file))))
}

/// The least that is a body with a photo.
const LEAST_BODY: u64 = 1 << 10;
/// The most: eight of them have to be counted.
const MOST_BODY: u64 = 4 << 30;

fn bytes(text: &str) -> Result<usize, String> {
    let units = [('K', 10), ('M', 20), ('G', 30)];
    let unit = units.iter().find(|(unit, _)| text.ends_with([*unit, unit.to_ascii_lowercase()]));
    let (digits, shift) = unit.map_or((text, 0), |(_, shift)| (&text[..text.len() - 1], *shift));
    let bytes = digits.parse().ok().and_then(|count: u64| count.checked_mul(1 << shift));
    let bytes = bytes.filter(|bytes| (LEAST_BODY..=MOST_BODY).contains(bytes));
    let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or_else(|| "use a number of bytes from 1K to 4G, as in 32M".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_a_unit_or_none() {
        for (text, count) in [("1024", 1 << 10), ("1k", 1 << 10), ("32M", 32 << 20), ("4G", 4 << 30)] {
            assert_eq!(bytes(text), Ok(count), "{text}");
        }
        for wrong in ["", "0", "M", "-1", "1023", "5G", "1.5M", "99999999999999999999G", "32 M", "32MB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_model_has_the_name_that_it_is_given_or_that_of_its_file_or_folder() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("bees-2");
        std::fs::create_dir(&run).unwrap();
        std::fs::write(folder.path().join("a=b.safetensors"), "").unwrap();
        let name = |text: &str| with_name(Path::new(text)).ok().map(|file| file.name);
        let model = run.join(MODEL);
        assert_eq!(name(model.to_str().unwrap()).as_deref(), Some("bees-2"));
        assert_eq!(name(&format!("wasps={}", model.display())).as_deref(), Some("wasps"));
        assert_eq!(name("some/where.safetensors").as_deref(), Some("where"));
        assert_eq!(name(&format!("{}/a=b.safetensors", folder.path().display())), None);
        for wrong in ["a b.safetensors", "é.safetensors", "=x", "a/b=c", "a=", "..=x", ".=x", ""] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
        let two = [model.clone(), model];
        assert!(named(&two).is_err());
    }
}
