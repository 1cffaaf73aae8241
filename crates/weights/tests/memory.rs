//! Hostile files take no more memory than their own length calls for. A process of its own: the peak counts.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

use icecap_weights::{Model, from_bytes};

/// The most memory that this process has held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn hostile_headers_take_little_memory() {
    const HEADER: usize = 1 << 20;
    const ALLOWED: u64 = 64 << 20;
    let fill = |start: &str, unit: &str, end: &str| {
        let units = (HEADER - start.len() - end.len()) / unit.len();
        format!("{start}{}{end}", unit.repeat(units))
    };
    let headers = [
        fill(r#"{"a":{"dtype":"F32","data_offsets":[0,0],"shape":["#, "0,", "0]}}"),
        fill(r#"{"a":{"dtype":"F32","data_offsets":[0,0],"shape":[0],"b":["#, "[],", "0]}}"),
        fill("{", r#""a":{"dtype":"","shape":[],"data_offsets":[0,0]},"#, r#""b":0}"#),
        fill(r#"{"__metadata__":{"a":""#, r"\u0000", r#""}}"#),
        fill(r#"{"__metadata__":{"#, r#""":"","#, r#""b":""}}"#),
        r#"{"a":{"dtype":"F32","shape":[1152921504606846976],"data_offsets":[0,4611686018427387904]}}"#
            .to_owned(),
        r#"{"Conv1/kernel":{"dtype":"F32","shape":[0,4611686018427387903],"data_offsets":[0,0]}}"#.to_owned(),
        r#"{"bn_Conv1/gamma":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#.to_owned(),
    ];
    let before = peak();
    for header in headers {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        let shown: String = header.chars().take(60).collect();
        from_bytes(&bytes, "file").expect_err(&shown);
        Model::from_bytes(&bytes, "file").expect_err(&shown);
        assert!(peak() - before < ALLOWED, "{} bytes for {shown}", peak() - before);
    }
    println!("{} KiB for headers of 1 MiB", (peak() - before) / 1024);
}
