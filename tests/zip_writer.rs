//! Zip archives as programs write them, and as they should not be.

/// A file in an archive.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    /// Its name; that of a folder ends in a slash.
    pub(crate) name: String,
    /// Its content.
    pub(crate) data: Vec<u8>,
    /// Method of compression: 0 or 8 are done, others are said.
    pub(crate) method: u16,
    /// Flags of the entry.
    pub(crate) flags: u16,
    /// Who packed it: 0 is DOS or Windows, 3 Unix.
    pub(crate) system: u8,
    /// Its mode on Unix.
    pub(crate) mode: u16,
    /// What the directory says, where that is not the truth: length, checksum, place of the local header.
    pub(crate) length: Option<u32>,
    pub(crate) crc: Option<u32>,
    pub(crate) header: Option<u32>,
    /// The data as it stands in the archive, where it is not what packing gives.
    pub(crate) stream: Option<Vec<u8>>,
}

impl Packed {
    /// A file that Unix packed, deflated.
    pub(crate) fn new(name: &str, data: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            data: data.to_vec(),
            method: 8,
            flags: 0,
            system: 3,
            mode: 0o100_644,
            length: None,
            crc: None,
            header: None,
            stream: None,
        }
    }
}

/// The checksum of zip archives, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// How an archive is written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Writing {
    /// Sizes stand in fields of 64 bits.
    pub(crate) wide: bool,
    /// Sizes stand behind the data.
    pub(crate) behind: bool,
}

/// Returns the bytes of an archive.
pub(crate) fn archive(files: &[Packed], how: Writing) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for file in files {
        let packed = file.stream.clone().unwrap_or_else(|| match file.method {
            8 => miniz_oxide::deflate::compress_to_vec(&file.data, 6),
            _ => file.data.clone(),
        });
        let header = file.header.unwrap_or(bytes.len() as u32);
        let flags = file.flags | if how.behind { 8 } else { 0 };
        let (length, crc) =
            (file.length.unwrap_or(file.data.len() as u32), file.crc.unwrap_or_else(|| crc(&file.data)));
        let short = |value: usize| (value as u16).to_le_bytes();
        let start = [20u16, flags, file.method, 0, 0].map(u16::to_le_bytes).concat();
        let sizes = [crc, packed.len() as u32, length].map(u32::to_le_bytes).concat();
        let wide_sizes = [&crc.to_le_bytes()[..], &[0xFF; 8]].concat();
        let extra = |fields: &[u64]| match how.wide {
            true => {
                let fields = fields.iter().flat_map(|field| field.to_le_bytes()).collect::<Vec<u8>>();
                [&short(1)[..], &short(fields.len()), &fields].concat()
            }
            false => Vec::new(),
        };
        let own = extra(&[u64::from(length), packed.len() as u64]);
        let said = if how.wide { &wide_sizes } else { &sizes };
        let local = if how.behind { &[0; 12][..] } else { said };
        bytes.extend([b"PK\x03\x04", &start[..], local, &short(file.name.len()), &short(own.len())].concat());
        bytes.extend([file.name.as_bytes(), &own, &packed].concat());
        if how.behind {
            bytes.extend([&b"PK\x07\x08"[..], &sizes].concat());
        }
        let own = extra(&[u64::from(length), packed.len() as u64, header.into()]);
        directory.extend([&b"PK\x01\x02\x14"[..], &[file.system], &start, said].concat());
        directory.extend([short(file.name.len()), short(own.len()), [0; 2], [0; 2], [0; 2], [0; 2]].concat());
        directory.extend(file.mode.to_le_bytes());
        directory.extend(if how.wide { u32::MAX } else { header }.to_le_bytes());
        directory.extend([file.name.as_bytes(), &own].concat());
    }
    let (start, size, count) = (bytes.len() as u64, directory.len() as u64, files.len() as u64);
    bytes.extend(directory);
    if how.wide {
        let at = bytes.len() as u64;
        bytes.extend([&b"PK\x06\x06"[..], &44u64.to_le_bytes(), &[45, 3, 45, 0], &[0; 8]].concat());
        bytes.extend([count, count, size, start].map(u64::to_le_bytes).concat());
        bytes.extend([&b"PK\x06\x07\0\0\0\0"[..], &at.to_le_bytes(), &[1, 0, 0, 0]].concat());
    }
    let count = if how.wide { u16::MAX } else { count as u16 }.to_le_bytes();
    bytes.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count].concat());
    bytes.extend([(size as u32).to_le_bytes(), (start as u32).to_le_bytes()].concat());
    bytes.extend([0; 2]);
    bytes
}
