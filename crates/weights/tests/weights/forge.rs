//! Files that no library would write, from their parts: superblock 3, headers of version 2, checksums left zero.

pub(crate) const UNDEFINED: u64 = u64::MAX;
/// Where the first object of a forged file starts.
pub(crate) const FIRST: u64 = 48;

const F32: [u8; 20] = [0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0];

/// A message of a header.
pub(crate) type Message = (u8, Vec<u8>);

/// A file in the making. Objects are linked to by the address they are about to have.
#[derive(Default)]
pub(crate) struct Forge {
    body: Vec<u8>,
}

impl Forge {
    /// The address of what is added next.
    pub(crate) fn next(&self) -> u64 {
        FIRST + self.body.len() as u64
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> u64 {
        let at = self.next();
        self.body.extend_from_slice(bytes);
        at
    }

    pub(crate) fn object(&mut self, messages: &[Message]) -> u64 {
        let packed = packed(messages);
        let mut bytes = b"OHDR\x02\x02".to_vec();
        bytes.extend((packed.len() as u32).to_le_bytes());
        bytes.extend(packed);
        bytes.extend([0; 4]);
        self.bytes(&bytes)
    }

    pub(crate) fn dataset(&mut self, dims: &[u64], address: u64, length: u64) -> u64 {
        self.object(&[space(dims), (0x03, F32.to_vec()), contiguous(address, length)])
    }

    /// A dataset with values.
    pub(crate) fn values(&mut self, values: &[f32]) -> u64 {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let address = self.bytes(&bytes);
        self.dataset(&[values.len() as u64], address, bytes.len() as u64)
    }

    /// The whole file, with its root.
    pub(crate) fn file(&self, root: u64) -> Vec<u8> {
        let mut file = b"\x89HDF\r\n\x1a\n\x03\x08\x08\x00".to_vec();
        for address in [0, UNDEFINED, self.next(), root] {
            file.extend(address.to_le_bytes());
        }
        file.extend([0; 4]);
        assert_eq!(file.len() as u64, FIRST);
        file.extend(&self.body);
        file
    }
}

pub(crate) fn packed(messages: &[Message]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, body) in messages {
        bytes.push(*kind);
        bytes.extend((body.len() as u16).to_le_bytes());
        bytes.push(0);
        bytes.extend(body);
    }
    bytes
}

pub(crate) fn space(dims: &[u64]) -> Message {
    let mut body = vec![2, dims.len() as u8, 0, 1];
    body.extend(dims.iter().flat_map(|dim| dim.to_le_bytes()));
    (0x01, body)
}

pub(crate) fn contiguous(address: u64, length: u64) -> Message {
    (0x08, [&[3, 1][..], &address.to_le_bytes(), &length.to_le_bytes()].concat())
}

pub(crate) fn link(name: &str, object: u64) -> Message {
    let length = (name.len() as u16).to_le_bytes();
    (0x06, [&[1, 1][..], &length, name.as_bytes(), &object.to_le_bytes()].concat())
}

pub(crate) fn continuation(address: u64, length: u64) -> Message {
    (0x10, [address.to_le_bytes(), length.to_le_bytes()].concat())
}

pub(crate) fn symbol_table(tree: u64, heap: u64) -> Message {
    (0x11, [tree.to_le_bytes(), heap.to_le_bytes()].concat())
}

/// An attribute that is a list of texts of one length.
pub(crate) fn list(name: &str, texts: &[&str]) -> Message {
    let size = texts.iter().map(|text| text.len()).max().unwrap_or(0).max(1);
    let mut data = Vec::new();
    for text in texts {
        data.extend(text.bytes().chain(std::iter::repeat(0)).take(size));
    }
    attribute(name, &[0x13, 0, 0, 0], size as u32, &[texts.len() as u64], &data)
}

/// An attribute of any type.
pub(crate) fn attribute(name: &str, class: &[u8; 4], size: u32, dims: &[u64], data: &[u8]) -> Message {
    let kind = [&class[..], &size.to_le_bytes()].concat();
    let space = space(dims).1;
    let mut body = vec![3, 0];
    for length in [name.len() + 1, kind.len(), space.len()] {
        body.extend((length as u16).to_le_bytes());
    }
    body.push(0);
    body.extend(name.bytes().chain([0]));
    (0x0c, [&body, &kind, &space, data].concat())
}
