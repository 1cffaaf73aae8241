//! A photo, damaged a few times over.

use fastrand::Rng;
use icecap::advanced::data::Format;

use super::seeds::Seed;
use super::structure::{Field, Structure};
use crate::claims::crc;

/// Numbers at which readers go wrong.
const EDGES: [u64; 22] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    15,
    16,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x1_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    9_000,
    12_000,
];

/// A photo of one of the `formats`, and a damaged copy of it.
pub(super) fn drawn<'a>(formats: &'a [Vec<Seed>], random: &mut Rng) -> (&'a Seed, Vec<u8>) {
    let seeds = &formats[random.usize(..formats.len())];
    let (seed, other) = (&seeds[random.usize(..seeds.len())], &seeds[random.usize(..seeds.len())]);
    (seed, mutant(seed, other, random))
}

/// A damaged copy of `seed`, some of it perhaps from `other`, a photo of the same format.
fn mutant(seed: &Seed, other: &Seed, random: &mut Rng) -> Vec<u8> {
    let mut bytes = seed.bytes.clone();
    for _ in 0..=random.usize(..4) {
        let structure = Structure::of(seed.format, &bytes);
        damage(&mut bytes, &structure, other, random);
        if bytes.is_empty() {
            break;
        }
    }
    if random.bool() {
        mend(seed.format, &mut bytes);
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, structure: &Structure, other: &Seed, random: &mut Rng) {
    let length = bytes.len();
    let at = random.usize(..length);
    let run = at..(at + random.usize(1..=8)).min(length);
    match random.usize(..16) {
        0 | 1 => bytes[at] ^= 1 << random.u8(..8),
        2 => bytes[at] = random.u8(..),
        3 => bytes[at] = [0, 0xFF, 0x7F, 0x80, 1][random.usize(..5)],
        4 => drop(bytes.drain(run)),
        5 => {
            let copy = bytes[run].to_vec();
            bytes.splice(at..at, copy).for_each(drop);
        }
        6 => bytes.truncate(at),
        7..=11 if !structure.fields.is_empty() => {
            let field = structure.fields[random.usize(..structure.fields.len())];
            set(bytes, field, random);
        }
        12.. if !structure.parts.is_empty() => part(bytes, structure, other, random),
        _ => bytes[run].reverse(),
    }
}

/// Puts an edge, something near what is there, or anything into a field.
fn set(bytes: &mut [u8], field: Field, random: &mut Rng) {
    let Field { at, width, big_endian } = field;
    let own = &mut bytes[at..at + width];
    let value = match random.usize(..4) {
        0 => random.u64(..),
        1 => {
            let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
            let now = if big_endian { own.iter().fold(0, add) } else { own.iter().rev().fold(0, add) };
            now.wrapping_add([1, u64::MAX, 2, now, 8][random.usize(..5)])
        }
        _ => EDGES[random.usize(..EDGES.len())],
    };
    let digits = value.to_le_bytes();
    for (place, byte) in own.iter_mut().enumerate() {
        *byte = digits[if big_endian { width - 1 - place } else { place }];
    }
}

/// Leaves a part out, doubles it, exchanges it, or takes one of another photo.
fn part(bytes: &mut Vec<u8>, structure: &Structure, other: &Seed, random: &mut Rng) {
    let own = structure.parts[random.usize(..structure.parts.len())].clone();
    let copy = bytes[own.clone()].to_vec();
    match random.usize(..5) {
        0 => drop(bytes.drain(own)),
        1 => drop(bytes.splice(own.start..own.start, copy)),
        2 => {
            // To another place.
            bytes.drain(own);
            let parts = &structure.parts;
            let to = parts[random.usize(..parts.len())].start.min(bytes.len());
            drop(bytes.splice(to..to, copy));
        }
        3 => {
            let times = random.usize(1..40);
            drop(bytes.splice(own.start..own.start, copy.repeat(times)));
        }
        _ => {
            let parts = Structure::of(other.format, &other.bytes).parts;
            if parts.is_empty() {
                return;
            }
            let taken = other.bytes[parts[random.usize(..parts.len())].clone()].to_vec();
            let to = if random.bool() { own.clone() } else { own.start..own.start };
            drop(bytes.splice(to, taken));
        }
    }
}

/// Puts right what would keep damage from being read: the checksums of a PNG, the length of a WebP.
fn mend(format: Format, bytes: &mut [u8]) {
    match format {
        Format::Png => {
            for chunk in Structure::of(Format::Png, bytes).parts {
                let sum = crc(&bytes[chunk.start + 4..chunk.end - 4]).to_be_bytes();
                bytes[chunk.end - 4..chunk.end].copy_from_slice(&sum);
            }
        }
        Format::WebP if bytes.len() >= 8 => {
            let length = (bytes.len() as u32 - 8).to_le_bytes();
            bytes[4..8].copy_from_slice(&length);
        }
        _ => {}
    }
}
