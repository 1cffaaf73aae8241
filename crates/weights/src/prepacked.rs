//! Packed nets kept on disk, mapped and used in place.
//!
//! Between a weight file and its net lie copying, hashing, folding and packing; for a program that predicts one photo
//! that is most of its time. A store keeps what comes out, a file for each net:
//!
//! ```text
//! FOLDER/packed/<params_sha256>.f32
//!
//! byte    0  "icecapPK"
//!         8  pack version, u32 of the machine's own byte order: of another order it is another version
//!        12  CRC-32 of the rest of this page and of all that follows it, u32
//!        16  params_sha256, 32 bytes
//!        48  BatchNorm's epsilon, f32; padding, u32: 0 same, 1 symmetric; pixel scaling, 6 x f32
//!        80  output channels of the stem, the 17 blocks, the last convolution, 19 x u32
//!       156  zeros
//!      4096  the packed values (`Net::packed_values`), each buffer from a multiple of 64 bytes on
//! ```
//!
//! A file is found by the hash that a model file states of its backbone, so the weights themselves need not be read. It is
//! written beside its place and renamed, never changed, and its CRC is compared whenever it is mapped: what is torn, stale
//! or of another version counts as missing, and the next who packs the net replaces it. Whoever can write to the store can
//! change what is predicted, as with any program's cache.
//!
//! One format serves every instruction set, as packed weights do. Files of a pack version that is gone are not removed.

use std::io::{Seek, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use icecap_foundation::atomic_file::replace_cache_file;
use icecap_graph::{BLOCKS, Net, Numerics, Padding, Scaling, Spec};
use icecap_kernels::{KeptFile, LINE_BYTES, PACK_VERSION};

use crate::{Digest, Error, MAX_FILE};

const MAGIC: &[u8; 8] = b"icecapPK";
/// What a file's name ends in: the element type of its values.
const PRECISION: &str = "f32";
/// Where the values start: a page of most systems, and a multiple of a cache line on all.
const HEADER: usize = 4096;
// A file with buffers on other lines would be another format.
const _: () = assert!(LINE_BYTES == 64);
/// Where what the CRC covers starts.
const COVERED: usize = 16;
const CHANNELS: usize = BLOCKS + 2;

/// A folder of packed nets, each in a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackStore {
    folder: PathBuf,
}

impl PackStore {
    /// Returns the store in `folder`, which need not exist.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.join("packed") }
    }

    /// Returns the path of the file of the net with this `params_sha256`, whether it exists or not.
    #[must_use]
    pub fn path(&self, params_sha256: Digest) -> PathBuf {
        self.folder.join(format!("{params_sha256}.{PRECISION}"))
    }

    /// Returns the net with this `params_sha256`, without a classification top; `None` if its file is missing, damaged
    /// or of another version.
    ///
    /// # Cost
    /// One pass over the file at the speed of memory.
    #[must_use]
    pub fn find(&self, params_sha256: Digest) -> Option<Net> {
        let file = KeptFile::open(&self.path(params_sha256), MAX_FILE).ok()?;
        read(&file, 0..file.bytes().len(), params_sha256)
    }

    /// Writes the file of `net`, whose params hash to `params_sha256`, in place of what may be there, and returns its
    /// path. A classification top is left out.
    ///
    /// # Errors
    /// [`Error::File`] where the folder or the file cannot be written.
    pub fn keep(&self, params_sha256: Digest, net: &Net) -> Result<PathBuf, Error> {
        let path = self.path(params_sha256);
        std::fs::create_dir_all(&self.folder).map_err(|source| Error::io(&self.folder, source))?;
        replace_cache_file(&path, |out| write(out, params_sha256, net))?;
        Ok(path)
    }
}

/// Returns the bytes of a packed net's file. Put into another file from a multiple of 64 bytes on, they are found by
/// [`packed_in`].
///
/// # Errors
/// None, as long as there is memory.
pub fn packed_bytes(params_sha256: Digest, net: &Net) -> std::io::Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    write(&mut bytes, params_sha256, net)?;
    Ok(bytes.into_inner())
}

/// Returns the packed net in the bytes `place` of the file at `path`; `None` if there is none with this
/// `params_sha256`, or it is damaged or of another version. The file stays mapped: it must be one of the caller's own
/// that is never written in place.
///
/// # Cost
/// One pass over these bytes at the speed of memory.
#[must_use]
pub fn packed_in(path: &Path, place: Range<usize>, params_sha256: Digest) -> Option<Net> {
    let file = KeptFile::open(path, u64::MAX).ok()?;
    read(&file, place, params_sha256)
}

fn read(file: &KeptFile, place: Range<usize>, params_sha256: Digest) -> Option<Net> {
    let bytes = file.bytes().get(place.clone())?;
    let header = bytes.first_chunk::<HEADER>()?;
    let word = |at: usize| header[at..].first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
    let known = header.starts_with(MAGIC)
        && word(8)? == PACK_VERSION
        && header[16..48] == params_sha256.0
        && word(12)? == crc32fast::hash(&bytes[COVERED..]);
    if !known {
        return None;
    }
    let real = |at: usize| word(at).map(f32::from_bits);
    let padding = match word(52)? {
        0 => Padding::Same,
        1 => Padding::Symmetric,
        _ => return None,
    };
    let scaling =
        Scaling { scale: [real(56)?, real(60)?, real(64)?], shift: [real(68)?, real(72)?, real(76)?] };
    let numerics = Numerics { epsilon: real(48)?, padding, scaling };
    let channels: Option<Vec<usize>> =
        (0..CHANNELS).map(|index| word(80 + 4 * index).map(|channels| channels as usize)).collect();
    let channels = channels?;
    let spec = Spec::from_channels(channels[0], &channels[1..=BLOCKS], channels[BLOCKS + 1]).ok()?;
    let mut next = HEADER;
    let net = Net::from_packed(spec, numerics, &mut |len| {
        let start = next;
        next = start.checked_add(len.checked_mul(size_of::<f32>())?)?.checked_next_multiple_of(LINE_BYTES)?;
        file.buffer(place.start.checked_add(start)?, len)
    })?;
    (next == bytes.len()).then_some(net)
}

/// Writes the file of a packed net to `out`, which is empty.
fn write(out: &mut (impl Write + Seek), params_sha256: Digest, net: &Net) -> std::io::Result<()> {
    let mut header = header(params_sha256, net);
    let mut crc = crc32fast::Hasher::new();
    crc.update(&header[COVERED..]);
    out.write_all(&header)?;
    for_each_line_of(net, |bytes| {
        crc.update(bytes);
        out.write_all(bytes)
    })?;
    header[12..16].copy_from_slice(&crc.finalize().to_ne_bytes());
    out.rewind()?;
    out.write_all(&header)
}

/// The first page, its CRC still zero.
fn header(params_sha256: Digest, net: &Net) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let mut end = 0;
    let mut put = |bytes: &[u8]| {
        header[end..end + bytes.len()].copy_from_slice(bytes);
        end += bytes.len();
    };
    put(MAGIC);
    put(&PACK_VERSION.to_ne_bytes());
    put(&[0; 4]);
    put(&params_sha256.0);
    let Numerics { epsilon, padding, scaling } = net.numerics();
    put(&epsilon.to_ne_bytes());
    let padding: u32 = match padding {
        Padding::Same => 0,
        Padding::Symmetric => 1,
    };
    put(&padding.to_ne_bytes());
    for value in scaling.scale.iter().chain(&scaling.shift) {
        put(&value.to_ne_bytes());
    }
    let spec = net.spec();
    let blocks = spec.blocks().iter().map(|block| block.output);
    for channels in std::iter::once(spec.stem_channels()).chain(blocks).chain([spec.feature_channels()]) {
        // At most four times the paper's 1280.
        put(&(channels as u32).to_ne_bytes());
    }
    header
}

/// Hands all packed values on as bytes, piece by piece, each buffer filled up to whole lines.
fn for_each_line_of(net: &Net, mut take: impl FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
    const PIECE: usize = 16 << 10;
    let mut bytes = [0u8; PIECE];
    for values in net.packed_values().map_err(std::io::Error::other)? {
        for piece in values.chunks(PIECE / size_of::<f32>()) {
            let filled = size_of_val(piece).next_multiple_of(LINE_BYTES);
            bytes[size_of_val(piece)..filled].fill(0);
            for (to, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(piece) {
                *to = value.to_ne_bytes();
            }
            take(&bytes[..filled])?;
        }
    }
    Ok(())
}
