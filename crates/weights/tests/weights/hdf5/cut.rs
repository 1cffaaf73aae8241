//! Files cut short, as they are and with a superblock that says that they are whole.

use icecap_weights::Error;

use super::fixtures::READ;
use super::{assert_readable, parse};

/// Where the file's length stands in the superblock, and in how many bytes.
pub(crate) fn length_field(bytes: &[u8]) -> (usize, usize) {
    let start = bytes.windows(8).position(|window| window == b"\x89HDF\r\n\x1a\n").unwrap();
    match bytes[start + 8] {
        0 if bytes[start + 13] == 4 => (start + 32, 4),
        0 => (start + 40, 8),
        _ => (start + 28, 8),
    }
}

/// Every start of a structure, and the bytes beside it.
fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let known = [b"TREE", b"SNOD", b"HEAP", b"GCOL", b"OHDR", b"OCHK"];
    let starts = bytes.windows(4).enumerate().filter(|(_, window)| known.iter().any(|known| window == known));
    starts.flat_map(|(at, _)| [at - 1, at, at + 1, at + 4, at + 8]).collect()
}

#[test]
fn the_length_is_where_these_tests_think() {
    for (name, bytes) in READ {
        let (at, width) = length_field(bytes);
        let mut length = [0; 8];
        length[..width].copy_from_slice(&bytes[at..at + width]);
        assert_eq!(u64::from_le_bytes(length), bytes.len() as u64, "{name}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused_with_the_place() {
    for (name, whole) in READ {
        let (field, width) = length_field(whole);
        let edges = boundaries(whole);
        assert!(edges.len() > 10, "{name}");
        for length in (0..whole.len()).step_by(97).chain(edges).chain(0..field + width + 40) {
            let mut bytes = whole[..length].to_vec();
            let error = parse(&bytes).unwrap_err();
            assert_readable(&error);
            match &error {
                Error::UnknownContainer { .. } | Error::Foreign { .. } => {
                    assert!(length < field, "{name}, {length}: {error}")
                }
                Error::Container { offset, .. } => {
                    assert!(*offset <= length as u64, "{name}, {length}: {error}")
                }
                _ => panic!("{name}, {length}: {error}"),
            }
            if length >= field + width {
                bytes[field..field + width].copy_from_slice(&(length as u64).to_le_bytes()[..width]);
                // What is cut off may be free space, or an optimizer.
                if let Err(error) = parse(&bytes) {
                    assert_readable(&error);
                }
            }
        }
    }
}
