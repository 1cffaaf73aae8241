//! Bytes of any container, damaged where readers look.

use fastrand::Rng;

/// What stands in headers: signatures, operations of a pickle, the punctuation of JSON.
const PIECES: [&[u8]; 24] = [
    b"TREE",
    b"SNOD",
    b"HEAP",
    b"OHDR",
    b"OCHK",
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"TFL3",
    b"ctorch\nSize\n",
    b"cos\nsystem\n",
    b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"R",
    b"Q",
    b"t",
    b"(",
    b"[[[[[[[[",
    b"{\"a\":",
    b"null",
    b"\"F32\"",
    b"\\u0000",
    b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01",
    b"\x0A\x80\x80\x80\x80\x08",
    b"\0\0\0\0\0\0\0\0",
];

const EDGES: [u64; 14] = [
    0,
    1,
    2,
    0x7F,
    0xFF,
    0xFFFF,
    0x1_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x1_0000_0000,
    1 << 62,
    i64::MAX as u64,
    u64::MAX,
];

/// Damages a file in one place: near its start, near its end, or anywhere.
pub(super) fn damage(bytes: &mut Vec<u8>, random: &mut Rng) {
    const NEAR: usize = 1000;
    let length = bytes.len();
    if length == 0 {
        return;
    }
    let near = NEAR.min(length);
    let at = match random.usize(..4) {
        0 | 1 => random.usize(..near),
        2 => length - 1 - random.usize(..near),
        _ => random.usize(..length),
    };
    match random.usize(..12) {
        0 | 1 => bytes[at] ^= 1 << random.u8(..8),
        2 => bytes[at] = random.u8(..),
        3 => bytes.insert(at, random.u8(..)),
        4 => drop(bytes.remove(at)),
        5..=7 => {
            let edge = [EDGES[random.usize(..EDGES.len())], length as u64, at as u64][random.usize(..3)];
            let width = 1 << random.usize(..4);
            let at = if random.bool() { at & !(width - 1) } else { at };
            for (to, from) in bytes[at..].iter_mut().zip(&edge.to_le_bytes()[..width]) {
                *to = *from;
            }
        }
        8 => {
            let piece = PIECES[random.usize(..PIECES.len())];
            let end = if random.bool() { at } else { length.min(at + piece.len()) };
            drop(bytes.splice(at..end, piece.iter().copied()));
        }
        9 => {
            let from = random.usize(..length);
            let count = random.usize(1..=128).min(length - from.max(at));
            bytes.copy_within(from..from + count, at);
        }
        10 => drop(bytes.drain(at..length.min(at + random.usize(1..=64)))),
        _ => bytes.truncate(at),
    }
}
