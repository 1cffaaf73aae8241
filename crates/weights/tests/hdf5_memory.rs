//! HDF5 files made to take memory take no more than a bound, and no long time. A process of its own: the peak counts.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

#[allow(dead_code, reason = "what the other tests use of it")]
#[path = "weights/draft.rs"]
mod draft;
#[allow(dead_code, reason = "shared with the other tests of the container")]
#[path = "weights/forge.rs"]
mod forge;

use std::ffi::OsStr;
use std::io::Write;
use std::process::Command;
use std::time::Instant;

use forge::{FIRST, Forge, Message, attribute, continuation, link, list, packed};
use icecap_weights::from_bytes;

/// Set for a process that only parses a file, so that what the file was made in does not count.
const FILE: &str = "ICECAP_HDF5_FILE";

/// The most memory that this process has held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// What a file took to open: bytes, milliseconds, and what was told of it.
struct Took {
    memory: u64,
    time: u64,
    told: String,
}

/// Opens a file and prints what that took.
fn measure(path: &OsStr) {
    let bytes = std::fs::read(path).unwrap();
    let (before, start) = (peak(), Instant::now());
    let error = from_bytes(&bytes, "file").unwrap_err();
    println!("took\n{}\n{}\n{error}", peak() - before, start.elapsed().as_millis());
}

/// What `measure` prints of a file, in a process of its own.
fn measured(bytes: &[u8]) -> Took {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--nocapture"]).env(FILE, file.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let mut lines = text.split("took\n").nth(1).unwrap().lines();
    let mut line = || lines.next().unwrap();
    Took { memory: line().parse().unwrap(), time: line().parse().unwrap(), told: line().to_owned() }
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

/// A long text in the global heap that lists name as often as their headers have room for.
fn named_often() -> Vec<u8> {
    const LENGTH: usize = 4 << 20;
    let mut forge = Forge::default();
    let length = (LENGTH as u64 + 48).to_le_bytes();
    let object =
        [&[1, 0, 1, 0, 0, 0, 0, 0][..], &(LENGTH as u64).to_le_bytes(), &vec![b'x'; LENGTH]].concat();
    let heap = forge.bytes(&[b"GCOL\x01\0\0\0", &length[..], &object, &[0; 16]].concat());
    let name = [&(LENGTH as u32).to_le_bytes()[..], &heap.to_le_bytes(), &1u32.to_le_bytes()].concat();
    let list =
        |index| attribute(&format!("layer_names{index}"), &[0x19, 1, 0, 0], 16, &[4000], &name.repeat(4000));
    let root = forge.object(&(0..20).map(list).collect::<Vec<_>>());
    forge.file(root)
}

/// A long text in place, mostly spaces, that many groups have for a name.
fn shared_text() -> Vec<u8> {
    let mut forge = Forge::default();
    let text = attribute("name", &[0x13, 2, 0, 0], 60_000, &[1], &[&b"x"[..], &[b' '; 59_999]].concat());
    let piece = packed(&[text]);
    let at = forge.bytes(&[b"OCHK", &piece[..], &[0; 4]].concat());
    let links: Vec<Message> = (0..MANY / 20)
        .map(|index| {
            let variables = forge.object(&[continuation(at, piece.len() as u64 + 8)]);
            link(&format!("{index}"), forge.object(&[link("vars", variables)]))
        })
        .collect();
    let root = forge.object(&links);
    forge.file(root)
}

/// A tensor of Keras' and a description of the model.
fn described(config: &str) -> Vec<u8> {
    let mut forge = Forge::default();
    let kernel = forge.values(&[1.0]);
    let layer = forge.object(&[link("kernel", kernel)]);
    let length = (config.len() as u64 + 48).next_multiple_of(8);
    let mut heap = [b"GCOL\x01\0\0\0", &length.to_le_bytes()[..], &[1, 0, 1, 0, 0, 0, 0, 0]].concat();
    heap.extend([&(config.len() as u64).to_le_bytes(), config.as_bytes()].concat());
    heap.resize(length as usize, 0);
    let heap = forge.bytes(&heap);
    let name = [&(config.len() as u32).to_le_bytes()[..], &heap.to_le_bytes(), &1u32.to_le_bytes()].concat();
    let config = attribute("model_config", &[0x19, 1, 0, 0], 16, &[1], &name);
    let root = forge.object(&[link("Conv1", layer), config]);
    forge.file(root)
}

/// A `.keras` archive with an entry that is zeros, deflated.
fn deflated(name: &str, length: usize) -> Vec<u8> {
    let zeros = vec![0; length];
    let packed = miniz_oxide::deflate::compress_to_vec(&zeros, 1);
    let weights = described("{}");
    let mut bytes = draft::zip(&[("model.weights.h5", &weights), (name, &packed)]);
    let crc = crc32fast::hash(&zeros).to_le_bytes();
    let find = |magic: &[u8; 4]| bytes.windows(4).rposition(|window| window == magic).unwrap();
    for fields in [find(b"PK\x03\x04") + 8, find(b"PK\x01\x02") + 10] {
        bytes[fields] = 8;
        bytes[fields + 6..][..4].copy_from_slice(&crc);
        bytes[fields + 14..][..4].copy_from_slice(&(length as u32).to_le_bytes());
    }
    bytes
}

/// One list of 60,000 texts behind many continuations: little file, many texts.
fn repeated_lists() -> Vec<u8> {
    let mut forge = Forge::default();
    let lists: Vec<Message> =
        (0..20).map(|index| list(&format!("layer_names{index}"), &["x"; 60_000])).collect();
    let piece = packed(&lists);
    let at = forge.bytes(&[b"OCHK", &piece[..], &[0; 4]].concat());
    let root = forge.object(&vec![continuation(at, piece.len() as u64 + 8); 100]);
    forge.file(root)
}

/// A file: its name, its bytes, how much more memory than others it may take, and what
/// is told of it.
type Case = (&'static str, Vec<u8>, u64, &'static str);

/// Files of HDF5's own structures.
fn structures() -> Vec<Case> {
    const COUNTED: &str = "messages, links and texts, above the limit";
    const NO_NET: &str = "no known layout";
    let links: Vec<Message> = (0..MANY).map(|index| link(&format!("{index:06}"), FIRST)).collect();
    let big = attribute("model_config", &[0x13, 0, 0, 0], 60_000, &[1], &[b'x'; 60_000]);
    vec![
        ("links", with_root(&links), 0, COUNTED),
        ("empty messages", with_root(&vec![(0, Vec::new()); MANY]), 0, COUNTED),
        ("groups", groups(), 0, NO_NET),
        ("repeated lists", repeated_lists(), 0, COUNTED),
        ("winding paths", winding(), 0, COUNTED),
        ("long texts", with_root(&vec![big; 100]), 0, "save the model anew"),
        ("a text named often", named_often(), 0, COUNTED),
        ("a text of many groups", shared_text(), 0, COUNTED),
    ]
}

/// Descriptions of models, in the file and beside it in an archive.
fn descriptions() -> Vec<Case> {
    const PARSED: u64 = 64 << 20;
    const UNPACKED: u64 = 96 << 20;
    const OPENED: &str = "the description of the model (model_config) cannot be read";
    let objects = |length: usize| format!("[{}0]", r#"{"":0},"#.repeat(length / 7));
    let config = |length| deflated("config.json", length);
    vec![
        ("many objects", described(&objects(1 << 20)), PARSED, OPENED),
        ("a long one", described(&objects(20 << 20)), 0, "bytes of model_config, above the limit"),
        ("a packed one", config(95 << 20), UNPACKED, "bytes of config.json, above the limit"),
        ("one too long to unpack", config(97 << 20), 0, "bytes in compressed entries, above the limit"),
        ("an entry of another name", deflated("other", 97 << 20), 0, OPENED),
    ]
}

#[test]
fn hostile_files_take_little_memory_and_time() {
    const ALLOWED: u64 = 64 << 20;
    if let Some(path) = std::env::var_os(FILE) {
        return measure(&path);
    }
    for (name, bytes, more, expected) in structures().into_iter().chain(descriptions()) {
        let Took { memory, time, told } = measured(&bytes);
        println!("{name}: {} bytes take {} KiB, {time} ms; {told}", bytes.len(), memory / 1024);
        assert!(memory < ALLOWED + more && time < 20_000, "{name}: {memory} bytes, {time} ms");
        assert!(told.contains(expected), "{name}: {told}");
    }
}
