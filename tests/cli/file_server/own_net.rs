//! A net of one's own, known by a manifest of one's own: the starter's file under another name.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::place::{Place, Run};

/// The starter's file.
pub(crate) fn file() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../weights/starter_0.35_96.safetensors");
    fs::read(path).unwrap()
}

/// A file of weights that is not the starter's, as long as it is.
pub(crate) fn other_file() -> Vec<u8> {
    let mut file = file();
    // The last digit of the last value.
    let value = file.len() - 4;
    file[value] ^= 1;
    file
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The line of a manifest that pins the starter's file.
pub(crate) fn pinned() -> String {
    format!("sha256 = \"{}\"", sha256(&file()))
}

/// What a manifest says of the weights `own` at `url`, with `lines` beside what it has to say.
pub(crate) fn manifest(url: &str, lines: &str) -> String {
    format!(
        "[[weights]]\nname = \"own\"\nurl = \"{url}\"\n{lines}\nlicence = \"our own\"\nlayout = \"keras\"\nwidth = 0.35\n\
         bn_epsilon = 0.001\npadding = \"same\"\nscaling = \"-1..1\"\nsize = \"64\"\nresize = \"center-crop 0.9\"\n\
         top = false\n"
    )
}

/// A place whose manifest knows `own`.
pub(crate) fn place(url: &str, lines: &str) -> Place {
    let place = Place::new();
    fs::write(place.path("own.toml"), manifest(url, lines)).unwrap();
    place
}

/// The folder of `own` in the cache.
pub(crate) fn cached(place: &Place, name: &str) -> PathBuf {
    place.path("cache/weights/own").join(name)
}

/// The binary, with the place's manifest and none of the variables that lead to a network.
pub(crate) fn command(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.command(arguments);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    for name in ["ICECAP_MIRROR", "ICECAP_OFFLINE", "SSL_CERT_FILE"] {
        command.env_remove(name);
    }
    command.env("ICECAP_MANIFEST", place.path("own.toml")).stdin(Stdio::null());
    command
}

/// Pulls `own`, and is quick to give up.
pub(crate) fn pull_command(place: &Place, more: &[&str]) -> Command {
    command(place, &[&["weights", "pull", "own", "--timeout", "0.6", "--retries", "1"], more].concat())
}

pub(crate) fn pull(place: &Place, more: &[&str]) -> Run {
    Run::of(pull_command(place, more).output().unwrap())
}

/// Starts to pull, with enough patience for a server that holds.
pub(crate) fn start(place: &Place) -> Child {
    let mut command = command(place, &["weights", "pull", "own", "--timeout", "30"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until so many bytes have come.
pub(crate) fn wait_for_part(place: &Place, bytes: usize) {
    let part = cached(place, "own.safetensors.part");
    wait_until(|| fs::metadata(&part).is_ok_and(|part| part.len() >= bytes as u64));
}

pub(crate) fn wait_until(holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The file is there, whole, with its hash beside it and nothing else.
#[track_caller]
pub(crate) fn is_whole(place: &Place, expected: &[u8]) {
    let names = place.names("cache/weights/own");
    assert_eq!(names, [".lock", "own.safetensors", "own.safetensors.sha256"]);
    assert!(fs::read(cached(place, "own.safetensors")).unwrap() == expected);
    let note = fs::read_to_string(cached(place, "own.safetensors.sha256")).unwrap();
    assert_eq!(note, format!("{}  own.safetensors\n", sha256(expected)));
}

/// Nothing of a file is there.
#[track_caller]
pub(crate) fn is_empty(place: &Place) {
    assert_eq!(place.names("cache/weights/own"), [".lock"]);
}

/// Ended with `code` and one line that holds all of `texts`.
#[track_caller]
pub(crate) fn fails(run: &Run, code: i32, texts: &[&str]) {
    let line = run.fails(code);
    for text in texts {
        assert!(line.contains(text), "'{text}' in: {line}");
    }
}
