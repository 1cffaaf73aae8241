//! Files behind the model: an archive of zip at the end of it, whose entries' places count from the start of the model's
//! bytes. Readers of TFLite metadata find the class names there, and take them uncompressed.
//!
//! # Source
//! APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
/// The version that unpacks stored entries, 1.0.
const NEEDED: u16 = 10;
/// 1980-01-01, the first day that there is: a file is a function of the model alone.
const DATE: u16 = 1 << 5 | 1;

/// Appends an archive with one file. All together has less than 4 GiB.
pub(super) fn append(bytes: &mut Vec<u8>, name: &str, content: &[u8]) {
    let start = bytes.len() as u32;
    let about = about(name, content);
    bytes.extend(LOCAL);
    bytes.extend(&about);
    bytes.extend(name.as_bytes());
    bytes.extend(content);
    let directory = bytes.len() as u32;
    bytes.extend(CENTRAL);
    bytes.extend(NEEDED.to_le_bytes());
    bytes.extend(&about);
    // No comment, on the first disk, no attributes.
    bytes.extend([0; 10]);
    bytes.extend(start.to_le_bytes());
    bytes.extend(name.as_bytes());
    let directory_len = bytes.len() as u32 - directory;
    bytes.extend(END);
    // This disk, the directory's disk; its entries here and in all.
    for value in [0u16, 0, 1, 1] {
        bytes.extend(value.to_le_bytes());
    }
    for value in [directory_len, directory] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 2]);
}

/// What the local header and the directory both say of an entry.
fn about(name: &str, content: &[u8]) -> Vec<u8> {
    // Names are UTF-8.
    const FLAGS: u16 = 1 << 11;
    let mut bytes = Vec::new();
    for value in [NEEDED, FLAGS, 0, 0, DATE] {
        bytes.extend(value.to_le_bytes());
    }
    let len = content.len() as u32;
    for value in [crc32fast::hash(content), len, len] {
        bytes.extend(value.to_le_bytes());
    }
    for value in [name.len() as u16, 0] {
        bytes.extend(value.to_le_bytes());
    }
    bytes
}
