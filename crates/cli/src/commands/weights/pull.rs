//! `icecap weights pull`: files of the manifest into the cache.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use icecap::advanced::weights::Checked;
use icecap::advanced::weights::download::{Fetched, Network, Wish};
use serde::Serialize;

use crate::options::manifest::ManifestOptions;
use crate::store::cache_folder;
use crate::store::fetch::fetch;
use crate::store::weights_source::entry;
use crate::terminal::failure::Failure;
use crate::terminal::interrupt;
use crate::terminal::table::{narrate, print_json};
use crate::terminal::wording::{megabytes, plain_path};

#[derive(Args)]
pub(crate) struct Options {
    /// Names that `icecap weights list` shows
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Fetch files from ADDRESS/FILE instead of their publishers [default: $ICECAP_MIRROR]
    #[arg(long, value_name = "ADDRESS")]
    mirror: Option<String>,
    /// Proxy, as http://HOST:PORT [default: $HTTPS_PROXY or $ALL_PROXY, but for the hosts of $NO_PROXY]
    #[arg(long, value_name = "ADDRESS")]
    proxy: Option<String>,
    /// Give up on a server that says nothing for so many seconds
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, default_value = "30", value_parser = seconds)]
    timeout: Duration,
    /// Try again so many times after a failure that may pass
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=100))]
    retries: u32,
    /// Fetch files even if they are in the cache
    #[arg(long)]
    force: bool,
    /// Accept a file with another hash than the one that was seen first, if its publisher states none
    #[arg(long)]
    accept_new_hash: bool,
    #[command(flatten)]
    manifest: ManifestOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    name: String,
    file: Option<String>,
    sha256: Option<String>,
    checked: &'static str,
    bytes: Option<u64>,
    received: u64,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let manifest = options.manifest.read()?;
    // All names first: a wrong one should not come out after minutes.
    let entries: Result<Vec<_>, Failure> = options.names.iter().map(|name| entry(name, &manifest)).collect();
    let store = cache_folder::store()?;
    let network = options.network();
    let wish = Wish { anew: options.force, accept_new_hash: options.accept_new_hash };
    let mut rows = Vec::new();
    for entry in entries? {
        interrupt::check()?;
        let row = match entry.file_name() {
            None => Row::built_in(entry.name),
            Some(_) => Row::of(entry.name.clone(), &fetch(&store, &entry, &network, wish)?),
        };
        if !options.json {
            narrate(&row.line())?;
        }
        rows.push(row);
    }
    if options.json {
        return print_json(&BTreeMap::from([("weights", rows)]));
    }
    Ok(())
}

impl Options {
    fn network(&self) -> Network {
        let from_env = Network::from_env();
        Network {
            mirror: self.mirror.clone().or(from_env.mirror),
            proxy: self.proxy.clone(),
            offline: from_env.offline,
            silence: self.timeout,
            retries: self.retries,
        }
    }
}

impl Row {
    fn of(name: String, fetched: &Fetched) -> Self {
        let checked = match fetched.checked {
            Checked::Pinned => "sha256",
            Checked::Prefix => "start of sha256",
            Checked::Recorded => "sha256 seen first",
            _ => "none, first seen",
        };
        Self {
            name,
            file: Some(plain_path(&fetched.path)),
            sha256: Some(fetched.sha256.to_string()),
            checked,
            bytes: Some(fetched.bytes),
            received: fetched.received,
        }
    }

    fn built_in(name: String) -> Self {
        Self { name, file: None, sha256: None, checked: "built in", bytes: None, received: 0 }
    }

    fn line(&self) -> String {
        let (Some(file), Some(bytes)) = (&self.file, self.bytes) else {
            return format!("{}: built in, nothing to fetch\n", self.name);
        };
        let came = if self.received == 0 { "in the cache already" } else { "fetched" };
        format!("{}: {came}, {}, checked: {}, {file}\n", self.name, megabytes(bytes), self.checked)
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "use seconds from 0.1 to 3600".to_owned())
}
