//! Thousands of damaged files. Nothing panics, every refusal is one readable line, what is read is as long as its
//! shape says and stands inside the file.
//!
//! `ICECAP_MUTANTS` sets how many (default 3,000), `ICECAP_SEED` which.

use icecap_kernels::rng::{Purpose, Stream};

use super::cut::length_field;
use super::fixtures::READ;
use super::{assert_readable, parse};

const EDGES: [u64; 14] = [
    0,
    1,
    2,
    7,
    8,
    255,
    65535,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 62,
    i64::MAX as u64,
    u64::MAX - 1,
    u64::MAX,
];

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is '{text}', expected a number")),
        Err(_) => default,
    }
}

/// A byte of the file that a reader looks at, most likely: most of a file is unused space of its parts.
fn place(bytes: &[u8], random: &mut Stream) -> usize {
    let mut at = random.below(bytes.len() as u32) as usize;
    if random.below(8) > 0 {
        while at > 0 && bytes[at] == 0 {
            at -= 1;
        }
        at += random.below(4) as usize;
    }
    at.min(bytes.len() - 1)
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Stream) {
    let at = place(bytes, random);
    let room = bytes.len() - at;
    let width = (1 << random.below(4)).min(room);
    match random.below(9) {
        0 | 1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[at] = random.next_u32() as u8,
        3 | 4 => {
            // An edge, the file's own length or another place in it.
            let value = match random.below(4) {
                0 => bytes.len() as u64,
                1 => place(bytes, random) as u64,
                _ => EDGES[random.below(EDGES.len() as u32) as usize],
            };
            bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        }
        5 => {
            // A field that is a little off, or an address of something else.
            let mut field = [0; 8];
            field[..width].copy_from_slice(&bytes[at..at + width]);
            let value = u64::from_le_bytes(field).wrapping_add(u64::from(random.below(33))).wrapping_sub(16);
            bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        }
        6 | 7 => {
            let from = place(bytes, random);
            let length = [4, 8, 16, 40, 256][random.below(5) as usize].min(room).min(bytes.len() - from);
            bytes.copy_within(from..from + length, at);
        }
        _ => {
            bytes.truncate(at.max(1));
            let (field, width) = own_length(bytes);
            let length = (bytes.len() as u64).to_le_bytes();
            bytes[field..field + width].copy_from_slice(&length[..width]);
        }
    }
}

fn own_length(bytes: &[u8]) -> (usize, usize) {
    let whole = bytes.len() > 600 && bytes.windows(8).any(|window| window == b"\x89HDF\r\n\x1a\n");
    if whole { length_field(bytes) } else { (0, 0) }
}

/// The most memory that this process has held, in bytes.
#[cfg(target_os = "linux")]
pub(crate) fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn peak() -> u64 {
    0
}

#[test]
fn mutated_files_are_refused_or_read() {
    // Other tests of this process run beside it.
    const ALLOWED: u64 = 128 << 20;
    let (count, seed) = (setting("ICECAP_MUTANTS", 3000), setting("ICECAP_SEED", 1));
    println!("{count} mutants of seed {seed}");
    let (mut accepted, before) = (0, peak());
    for index in 0..count as u32 {
        let mut random = Stream::new(seed, Purpose::Test, 0, index);
        let mut bytes = READ[random.below(READ.len() as u32) as usize].1.to_vec();
        for _ in 0..=random.below(4) {
            mutate(&mut bytes, &mut random);
        }
        match parse(&bytes) {
            Err(error) => assert_readable(&error),
            Ok(file) => {
                accepted += 1;
                for name in file.names() {
                    let offset = file.offset(name).unwrap();
                    assert!(offset <= bytes.len() as u64, "{index}: {name}");
                    match file.tensor(name) {
                        Ok(tensor) => assert!(
                            tensor.shape().elements() as u64 * 4 <= bytes.len() as u64 - offset,
                            "{index}: {name}"
                        ),
                        Err(error) => assert_readable(&error),
                    }
                }
            }
        }
    }
    println!("{accepted} of {count} read, {} KiB more memory", (peak() - before) / 1024);
    assert!(peak() - before < ALLOWED, "{} bytes", peak() - before);
    // A generator that makes only rubbish, or only good files, tests nothing.
    assert!(count < 100 || (accepted > count / 50 && accepted < count * 4 / 5), "{accepted} of {count} read");
}
