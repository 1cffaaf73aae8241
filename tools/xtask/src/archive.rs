//! A `.tar.gz` whose bytes follow from its entries alone: in the order of their names, of one time, of nobody.

use std::collections::BTreeMap;
use std::io::Write;

use crate::outcome::Outcome;

/// A file of an archive.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_program: bool,
}

/// Returns the archive of `entries`, by their paths below the folder `root`. Every time in it is `time`, in seconds since
/// 1970.
pub(crate) fn tar_gz(root: &str, entries: &BTreeMap<String, Entry>, time: u64) -> Outcome<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, entry) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(entry.bytes.len() as u64);
        header.set_mode(if entry.is_program { 0o755 } else { 0o644 });
        header.set_mtime(time);
        let path = format!("{root}/{path}");
        tar.append_data(&mut header, &path, entry.bytes.as_slice())
            .map_err(|error| format!("{path}: {error}"))?;
    }
    gzip(&tar.into_inner().map_err(|error| format!("the archive cannot be made: {error}"))?)
}

/// A gzip file (RFC 1952) without a name and a time.
fn gzip(bytes: &[u8]) -> Outcome<Vec<u8>> {
    /// Magic, deflate, no flags, no time, the slowest method, an unknown system.
    const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];
    let mut file = HEAD.to_vec();
    file.extend(miniz_oxide::deflate::compress_to_vec(bytes, 9));
    let tail = [crc32fast::hash(bytes), bytes.len() as u32];
    tail.iter()
        .try_for_each(|number| file.write_all(&number.to_le_bytes()))
        .map_err(|error| error.to_string())?;
    Ok(file)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Read;

    use super::*;

    /// The files of an archive by their paths, with their modes and times.
    pub(crate) fn unpacked(archive: &[u8]) -> BTreeMap<String, (Vec<u8>, u32, u64)> {
        let (body, tail) = archive[10..].split_at(archive.len() - 18);
        let bytes = miniz_oxide::inflate::decompress_to_vec(body).unwrap();
        assert_eq!(tail[..4], crc32fast::hash(&bytes).to_le_bytes());
        assert_eq!(tail[4..], (bytes.len() as u32).to_le_bytes());
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_str().unwrap().to_owned();
            let (mode, time) = (entry.header().mode().unwrap(), entry.header().mtime().unwrap());
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(path, (content, mode, time));
        }
        files
    }

    #[test]
    fn what_is_packed_is_unpacked_and_the_bytes_follow_from_it() {
        let long = format!("{}/{}", "folder".repeat(15), "name".repeat(15));
        let entries: BTreeMap<String, Entry> = [("b", true), ("a/c", false), (&*long, false)]
            .map(|(path, is_program)| (path.to_owned(), Entry { bytes: path.repeat(999).into(), is_program }))
            .into();
        let archive = tar_gz("root", &entries, 86_400).unwrap();
        assert_eq!(archive, tar_gz("root", &entries.clone(), 86_400).unwrap());
        let files = unpacked(&archive);
        assert_eq!(files.len(), 3);
        for (path, Entry { bytes, is_program }) in entries {
            let mode = if is_program { 0o755 } else { 0o644 };
            assert_eq!(files[&format!("root/{path}")], (bytes, mode, 86_400), "{path}");
        }
    }
}
