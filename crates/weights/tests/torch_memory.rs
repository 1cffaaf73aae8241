//! Hostile PyTorch files take little more memory than they are long. A process of its own: the peak counts.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

#[allow(dead_code, reason = "what the other tests use of it")]
#[path = "weights/draft.rs"]
mod draft;

use draft::{Pickle, Tensor, state_dict, torch_legacy, torch_zip};
use icecap_weights::from_bytes;

/// What the kernel tells of this process' memory, in bytes.
fn memory(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// The most memory that this process has held.
fn peak() -> u64 {
    memory("VmHWM:")
}

/// Forgets the peak so far: making the files took memory too. Where the kernel keeps it, the peak is what counts from.
fn reset_peak() -> u64 {
    match std::fs::write("/proc/self/clear_refs", "5") {
        Ok(()) => memory("VmRSS:"),
        Err(_) => peak(),
    }
}

/// An archive whose last entry is deflated from zeros, of the length that it states.
fn deflated_zeros(entries: &[(&str, &[u8])], name: &str, length: usize) -> Vec<u8> {
    let zeros = vec![0; length];
    let packed = miniz_oxide::deflate::compress_to_vec(&zeros, 1);
    let mut bytes = draft::zip(&[entries, &[(name, &packed)]].concat());
    let crc = crc32fast::hash(&zeros).to_le_bytes();
    let find = |magic: &[u8; 4]| bytes.windows(4).rposition(|window| window == magic).unwrap();
    for fields in [find(b"PK\x03\x04") + 8, find(b"PK\x01\x02") + 10] {
        bytes[fields] = 8;
        bytes[fields + 6..][..4].copy_from_slice(&crc);
        bytes[fields + 14..][..4].copy_from_slice(&(length as u32).to_le_bytes());
    }
    bytes
}

#[test]
fn hostile_files_take_little_memory() {
    const ALLOWED: u64 = 256 << 20;
    let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
    for length in [95 << 20, 97 << 20] {
        files.push(("zeros", deflated_zeros(&[], "n/data.pkl", length)));
        let pickle = ("n/data.pkl", &b"\x80\x02}."[..]);
        files.push(("zeros", deflated_zeros(&[pickle], "n/byteorder", length)));
    }
    // Everything at once: a storage from nothing, tensors that must be gathered from it, a pickle as long as is read.
    let storage = Tensor::plain("0", 0, &[1 << 10, 1 << 10], &[]);
    let gathered: Vec<Tensor> = (0..15)
        .map(|name| Tensor {
            name: name.to_string(),
            count: 95 << 18,
            strides: vec![1, 1 << 10],
            ..storage.clone()
        })
        .collect();
    let padding = Pickle::new().raw("}(").text("padding").raw("](").raw(b"}\x94".repeat(250_000)).raw("e");
    let pickle = gathered.iter().fold(padding, Pickle::tensor).raw("u").end();
    files.push(("all", deflated_zeros(&[("n/data.pkl", &pickle)], "n/data/0", 95 << 20)));
    // Four thousand tensors of one storage of 4 MiB: 16 GiB, were they all copied.
    let whole = Tensor::plain("0", 0, &[1 << 10, 1 << 10], &vec![0.5; 1 << 20]);
    let mut shared: Vec<Tensor> = (0..4096)
        .map(|name| Tensor {
            name: name.to_string(),
            bytes: None,
            strides: vec![1, 1 << 10],
            ..whole.clone()
        })
        .collect();
    shared[0] = whole;
    let full = |unit: &[u8]| Pickle::new().raw(unit.repeat((1 << 19) / unit.len() - 8)).end();
    let pickles = [
        ("shared", state_dict(&shared), &shared[..]),
        ("lists", full(b"]"), &[]),
        ("kept", full(b"]\x94"), &[]),
        ("marks", full(b"("), &[]),
        ("dicts", full(b"}NNs"), &[]),
        ("integers", full(b"\x8b\0\0\0\0"), &[]),
        (
            "long",
            Pickle::new().raw(b"\x8b").raw(0xff_0000u32.to_le_bytes()).raw(vec![7; 0xff_0000]).end(),
            &[],
        ),
    ];
    for (name, pickle, tensors) in &pickles {
        files.extend([(*name, torch_zip(pickle, tensors)), (*name, torch_legacy(pickle, tensors))]);
    }
    drop(pickles);
    let before = reset_peak();
    for (name, bytes) in &files {
        let error = from_bytes(bytes, "file").expect_err(name).to_string();
        println!("{name}: {} bytes, {} KiB more; {error}", bytes.len(), (peak() - before) / 1024);
        assert!(peak() - before < ALLOWED, "{} bytes for {name}", peak() - before);
    }
}
