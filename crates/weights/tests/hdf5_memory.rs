//! HDF5 files made to take memory take no more than a bound, and no long time. A process of its own: the peak counts.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

#[allow(dead_code, reason = "shared with the other tests of the container")]
#[path = "hdf5/forge.rs"]
mod forge;

use std::ffi::OsStr;
use std::io::Write;
use std::process::Command;
use std::time::Instant;

use forge::{FIRST, Forge, Message, attribute, continuation, link, list, packed};
use icecap_weights::{Container, Error};

/// Set for a process that only parses a file, so that what the file was made in does not count.
const FILE: &str = "ICECAP_HDF5_FILE";

/// The most memory that this process has held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Parses a file and prints what that took.
fn measure(path: &OsStr) {
    let bytes = std::fs::read(path).unwrap();
    let (before, start) = (peak(), Instant::now());
    let result = Container::parse(&bytes, "file".as_ref()).map(|file| file.names().count());
    println!("took {} bytes, {} ms", peak() - before, start.elapsed().as_millis());
    assert!(matches!(result, Ok(0) | Err(Error::Limit { .. })), "{result:?}");
}

/// What `measure` prints of a file, in a process of its own.
fn measured(bytes: &[u8]) -> (u64, u64) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--nocapture"]).env(FILE, file.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let numbers = text.split("took ").nth(1).unwrap().split_whitespace().filter_map(|word| word.parse().ok());
    let numbers: Vec<u64> = numbers.collect();
    (numbers[0], numbers[1])
}

/// As many messages as fit what is counted, and more.
const MANY: usize = 300_000;

fn with_root(messages: &[Message]) -> Vec<u8> {
    let mut forge = Forge::default();
    let root = forge.object(messages);
    forge.file(root)
}

/// As many groups as are read, and a link to each.
fn groups() -> Vec<u8> {
    let mut forge = Forge::default();
    let links: Vec<Message> =
        (0..MANY / 6).map(|index| link(&format!("{index}"), forge.object(&[]))).collect();
    let root = forge.object(&links);
    forge.file(root)
}

/// A root and a group that links to itself, whose lists name paths through it.
fn winding() -> Vec<u8> {
    let mut forge = Forge::default();
    let path = ["a"; 128].join("/");
    let weights = list("weight_names", &[]);
    let group = forge.object(&[link("a", FIRST), weights]);
    let layers = (0..20).map(|index| list(&format!("layer_names{index}"), &[&path[..]; 200]));
    let root = forge.object(&std::iter::once(link("a", group)).chain(layers).collect::<Vec<_>>());
    forge.file(root)
}

#[test]
fn hostile_files_take_little_memory_and_time() {
    const ALLOWED: u64 = 64 << 20;
    if let Some(path) = std::env::var_os(FILE) {
        return measure(&path);
    }
    let names: Vec<String> = (0..MANY).map(|index| format!("{index:06}")).collect();
    let links: Vec<Message> = names.iter().map(|name| link(name, FIRST)).collect();
    // One list of 65,000 texts behind many continuations: little file, many texts.
    let repeated = {
        let mut forge = Forge::default();
        let lists: Vec<Message> =
            (0..20).map(|index| list(&format!("layer_names{index}"), &["x"; 60_000])).collect();
        let piece = packed(&lists);
        let at = forge.bytes(&[b"OCHK", &piece[..], &[0; 4]].concat());
        let root = forge.object(&vec![continuation(at, piece.len() as u64 + 8); 100]);
        forge.file(root)
    };
    let big = attribute("model_config", &[0x13, 0, 0, 0], 60_000, &[1], &[b'x'; 60_000]);
    let files = [
        ("links", with_root(&links)),
        ("empty messages", with_root(&vec![(0, Vec::new()); MANY])),
        ("groups", groups()),
        ("repeated lists", repeated),
        ("winding paths", winding()),
        ("long texts", with_root(&vec![big; 100])),
    ];
    for (name, bytes) in files {
        let (memory, time) = measured(&bytes);
        println!("{name}: {} bytes take {} KiB, {time} ms", bytes.len(), memory / 1024);
        assert!(memory < ALLOWED && time < 20_000, "{name}: {memory} bytes, {time} ms");
    }
}
