//! Archives written here, by the format's description, and what is made of damaged ones.
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

use super::*;

/// An entry to write.
#[derive(Clone)]
struct Draft {
    name: Vec<u8>,
    data: Vec<u8>,
    deflated: bool,
    /// The length that the directory states, where it is not the true one.
    stated: Option<u32>,
    flags: u16,
    /// What the local header calls it, where it is not the same.
    local: Option<Vec<u8>>,
    /// Where the directory says that it stands, where it does not.
    header: Option<u32>,
}

fn entry(name: &str, data: &[u8], deflated: bool) -> Draft {
    let (name, data) = (name.as_bytes().to_vec(), data.to_vec());
    Draft { name, data, deflated, stated: None, flags: 0, local: None, header: None }
}

fn archive(entries: &[Draft], wide: bool) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let packed = match entry.deflated {
            true => miniz_oxide::deflate::compress_to_vec(&entry.data, 6),
            false => entry.data.clone(),
        };
        let header = entry.header.unwrap_or(bytes.len() as u32);
        let method = if entry.deflated { 8u16 } else { 0 };
        let length = entry.stated.unwrap_or(entry.data.len() as u32);
        let mut fields =
            [20u16.to_le_bytes(), entry.flags.to_le_bytes(), method.to_le_bytes(), [0; 2], [0; 2]].concat();
        fields.extend(crc32fast::hash(&entry.data).to_le_bytes());
        fields.extend((packed.len() as u32).to_le_bytes());
        fields.extend(if wide { u32::MAX } else { length }.to_le_bytes());
        let local = entry.local.as_ref().unwrap_or(&entry.name);
        bytes
            .extend([&MAGIC[..], &fields, &(local.len() as u16).to_le_bytes(), &3u16.to_le_bytes()].concat());
        bytes.extend([local, &b"pad"[..], &packed].concat());
        let extra = match wide {
            true => [&[9, 0, 1, 0, 7, 1, 0, 8, 0][..], &u64::from(length).to_le_bytes()].concat(),
            false => Vec::new(),
        };
        directory
            .extend([&b"PK\x01\x02\x14\0"[..], &fields, &(entry.name.len() as u16).to_le_bytes()].concat());
        directory.extend([&(extra.len() as u16).to_le_bytes()[..], &[0; 10], &header.to_le_bytes()].concat());
        directory.extend([&entry.name[..], &extra].concat());
    }
    let (start, size, count) = (bytes.len() as u64, directory.len() as u64, entries.len() as u64);
    bytes.extend(directory);
    if wide {
        let at = bytes.len() as u64;
        bytes.extend([&b"PK\x06\x06"[..], &44u64.to_le_bytes(), &[45, 0, 45, 0], &[0; 8]].concat());
        bytes.extend([count, count, size, start].map(u64::to_le_bytes).concat());
        bytes.extend([&b"PK\x06\x07\0\0\0\0"[..], &at.to_le_bytes(), &[1, 0, 0, 0]].concat());
    }
    let count = if wide { u16::MAX } else { count as u16 }.to_le_bytes();
    bytes.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count].concat());
    bytes.extend([&(size as u32).to_le_bytes()[..], &(start as u32).to_le_bytes(), &[2, 0], b"hi"].concat());
    bytes
}

fn read(bytes: &[u8]) -> Result<Vec<ZipEntry<'_>>, Error> {
    entries(bytes, "file".as_ref(), ContainerKind::Safetensors, |_| true)
}

#[track_caller]
fn refused(bytes: &[u8], expected: &str) {
    let error = read(bytes).unwrap_err().to_string();
    assert!(error.starts_with("file: ") && error.contains(expected), "{error}");
    assert!(!error.contains(char::is_control) && error.len() < 400, "{error:?}");
}

fn drafts() -> [Draft; 4] {
    let long = b"abcabcabd".repeat(999);
    [
        entry("a/data.pkl", b"values", false),
        entry("a/", b"", false),
        entry("b", &long, true),
        entry("é", b"", true),
    ]
}

#[test]
fn names_offsets_and_bytes_come_back() {
    for wide in [false, true] {
        let bytes = archive(&drafts(), wide);
        let read = read(&bytes).unwrap();
        for (entry, draft) in read.iter().zip(&drafts()) {
            assert_eq!((entry.name.as_bytes(), &*entry.bytes), (&*draft.name, &*draft.data));
            assert_eq!(matches!(entry.bytes, Cow::Borrowed(_)), !draft.deflated);
            if !draft.deflated {
                assert_eq!(&bytes[entry.offset as usize..][..draft.data.len()], &*draft.data);
            }
        }
        assert_eq!(read.len(), 4);
        let some = entries(&bytes, "file".as_ref(), ContainerKind::Safetensors, |name| name == "b").unwrap();
        assert_eq!(some.iter().map(|entry| entry.name).collect::<Vec<_>>(), ["b"]);
    }
    assert_eq!(read(&archive(&[], false)).unwrap().len(), 0);
}

#[test]
fn a_cut_or_longer_archive_is_refused() {
    for wide in [false, true] {
        let bytes = archive(&drafts(), wide);
        for length in 0..bytes.len() {
            refused(&bytes[..length], "byte");
        }
        refused(&[&bytes[..], b"x"].concat(), "no zip directory");
        refused(&[b"x", &bytes[..]].concat(), "byte");
    }
}

#[test]
fn a_changed_byte_is_refused_or_changes_nothing() {
    for wide in [false, true] {
        let bytes = archive(&drafts(), wide);
        let mut refusals = 0;
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[at] ^= 1 << bit;
                match read(&other) {
                    Ok(entries) => {
                        // A name may change in both places only; the bytes are what the checksum says.
                        assert!(
                            entries.iter().zip(&drafts()).all(|(entry, draft)| *entry.bytes == draft.data)
                        );
                    }
                    Err(error) => {
                        assert!(!error.to_string().contains(char::is_control), "{error:?}");
                        refusals += 1;
                    }
                }
            }
        }
        assert!(refusals > bytes.len() * 4, "{refusals}");
    }
}

#[test]
fn what_two_readers_would_read_differently_is_refused() {
    let two = |change: fn(&mut Draft)| {
        let mut drafts = [entry("first", b"one", false), entry("second", b"two", false)];
        change(&mut drafts[1]);
        archive(&drafts, false)
    };
    assert_eq!(read(&two(|_| ())).unwrap().len(), 2);
    refused(&two(|entry| entry.name = b"first".to_vec()), "zip entry 'first' stands twice");
    refused(&two(|entry| entry.local = Some(b"third".to_vec())), "local header of another entry");
    refused(&two(|entry| entry.header = Some(0)), "local header of another entry");
    refused(&two(|entry| entry.header = Some(u32::MAX - 1)), "'second' has no local header");
    refused(&two(|entry| entry.flags = 1), "'second' is encrypted");
    refused(&two(|entry| entry.name = b"\xff".to_vec()), "not UTF-8");
    refused(&two(|entry| entry.stated = Some(4)), "more or fewer bytes");
    refused(&two(|entry| (entry.deflated, entry.stated) = (true, Some(2))), "unpack to the length");
    refused(&two(|entry| (entry.deflated, entry.stated) = (true, Some(4))), "unpack to the length");
    // One entry inside another's data.
    let inner = archive(&[entry("inner", b"data", false)], false);
    let mut inside = entry("inner", b"data", false);
    inside.header = Some(30 + 5 + 3);
    refused(&archive(&[entry("outer", &inner, false), inside], false), "'inner' overlaps another");
    let mut bytes = two(|_| ());
    let at = bytes.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    bytes[at + 10] = 12;
    refused(&bytes, "local header of another entry");
    bytes[8] = 12;
    refused(&bytes, "compressed by method 12");
}

#[test]
fn sizes_are_bounded_before_memory_is_taken() {
    let zeros = vec![0; 40 << 20];
    let bomb: Vec<Draft> = (0..4).map(|index| entry(&index.to_string(), &zeros, true)).collect();
    let bytes = archive(&bomb, false);
    assert!(bytes.len() < 1 << 20);
    let error = read(&bytes).unwrap_err();
    assert!(matches!(error, Error::Limit { got, limit: MAX_UNPACKED, .. } if got == 160 << 20), "{error}");
    // Unpacked are those that are wanted.
    entries(&bytes, "file".as_ref(), ContainerKind::Safetensors, |name| name == "2").unwrap();
    // A length that deflate cannot reach is not believed.
    let mut liar = entry("liar", b"short", true);
    liar.stated = Some(MAX_UNPACKED as u32);
    refused(&archive(&[liar], false), "'liar' does not unpack");
    let many: Vec<Draft> = (0..=MAX_ENTRIES).map(|index| entry(&index.to_string(), b"", false)).collect();
    let error = read(&archive(&many, false)).unwrap_err();
    assert!(matches!(error, Error::Limit { limit: MAX_ENTRIES, .. }), "{error}");
    assert_eq!(read(&archive(&many[1..], false)).unwrap().len() as u64, MAX_ENTRIES);
}
