//! Packed nets kept on disk, used where they are read to.
//!
//! Between a weight file and its net lie copying, hashing, folding and packing; for a program that predicts one photo
//! that is most of its time. A store keeps what comes out, a file for each net:
//!
//! ```text
//! FOLDER/packed/<params_sha256>.f32
//! FOLDER/packed/<integers_sha256>.int8
//!
//! byte    0  "icecapPK"
//!         8  pack version, u32 of the machine's own byte order: of another order it is another version
//!        12  CRC-32 of the rest of this page and of all that follows it, u32
//!        16  params_sha256 or integers_sha256, 32 bytes
//!        48  BatchNorm's epsilon, f32; padding, u32: 0 same, 1 symmetric; pixel scaling, 6 x f32
//!        80  output channels of the stem, the 17 blocks, the last convolution, 19 x u32
//!       160  in int8: the step of what leaves each block, 17 x f64, and the byte of 0.0 there, 17 x u8,
//!            and whether it is read with all bits, 17 x u8, 1 or 0
//!            zeros
//!      4096  the packed values (`Net::packed_values`, `Net::packed_integers`), each buffer from a multiple of 64 bytes on
//! ```
//!
//! A file is found by the hash that a model file states of its backbone, so the weights themselves need not be read. It is
//! written beside its place and renamed, and whenever it is read, the CRC of what was read is compared: what is torn, stale,
//! changed or of another version counts as missing, and the next who packs the net replaces it. Whoever can write to the store can
//! change what is predicted, as with any program's cache.
//!
//! One format serves every instruction set, as packed weights do. Files of a pack version that is gone are not removed.

use std::io::{Seek, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use icecap_foundation::atomic_file::replace_cache_file;
use icecap_graph::int8::Bottleneck;
use icecap_graph::{BLOCKS, Net, Numerics, Padding, Precision, Scaling, Spec};
use icecap_kernels::int8::{INTEGER_PACK_VERSION, PackedBuffers, PackedValues};
use icecap_kernels::{Buffer, Element, FileBytes, FileReader, LINE_BYTES, PACK_VERSION, Threads};

use crate::crc::crc_of_shares;
use crate::{Digest, Error, MAX_FILE};

const MAGIC: &[u8; 8] = b"icecapPK";
/// Where the values start: a page of most systems, and a multiple of a cache line on all.
const HEADER: usize = 4096;
// A file with buffers on other lines would be another format.
const _: () = assert!(LINE_BYTES == 64);
/// Where what the CRC covers starts.
const COVERED: usize = 16;
const CHANNELS: usize = BLOCKS + 2;
/// Where the steps of a net in int8 start, and the zeros behind them.
const STEPS: usize = 160;
const ZEROS: usize = STEPS + BLOCKS * size_of::<f64>();
/// Where it says how each of them is read.
const FINE: usize = ZEROS + BLOCKS;

/// Which packed net is meant: its precision, and the hash of its params or integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedName {
    /// What the net computes with.
    pub precision: Precision,
    /// `params_sha256` in f32, `integers_sha256` in int8.
    pub sha256: Digest,
}

impl PackedName {
    /// Returns the name of the net in f32 of these params.
    #[must_use]
    pub fn f32(params_sha256: Digest) -> Self {
        Self { precision: Precision::F32, sha256: params_sha256 }
    }

    /// Returns the name of the net in int8 of these integers.
    #[must_use]
    pub fn int8(integers_sha256: Digest) -> Self {
        Self { precision: Precision::Int8, sha256: integers_sha256 }
    }

    fn version(self) -> u32 {
        match self.precision {
            Precision::F32 => PACK_VERSION,
            Precision::Int8 => INTEGER_PACK_VERSION,
        }
    }
}

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

    /// Returns the path of the file of the net of this name, whether it exists or not.
    #[must_use]
    pub fn path(&self, name: PackedName) -> PathBuf {
        self.folder.join(format!("{}.{}", name.sha256, name.precision))
    }

    /// Returns the net of this name, without a classification top; `None` if its file is missing, damaged or of another
    /// version. One in int8 runs, and does not know its integers.
    ///
    /// # Cost
    /// A copy of the file and one pass over it at the speed of memory.
    #[must_use]
    pub fn find(&self, name: PackedName) -> Option<Net> {
        self.find_on(name, &Threads::serial())
    }

    /// Returns what [`find`](Self::find) does; `threads` share the copy and the pass.
    #[must_use]
    pub fn find_on(&self, name: PackedName, threads: &Threads) -> Option<Net> {
        let path = self.path(name);
        let file = FileReader::open(&path, MAX_FILE).ok()?;
        let all = 0..file.len();
        read(file, all, name, threads)
    }

    /// Writes the file of `net`, which has this hash, in place of what may be there, and returns its path. A classification top is left out.
    ///
    /// # Errors
    /// [`Error::File`] where the folder or the file cannot be written.
    pub fn keep(&self, sha256: Digest, net: &Net) -> Result<PathBuf, Error> {
        let name = PackedName { precision: net.precision(), sha256 };
        let path = self.path(name);
        std::fs::create_dir_all(&self.folder).map_err(|source| Error::io(&self.folder, source))?;
        replace_cache_file(&path, |out| write(out, name, net))?;
        Ok(path)
    }
}

/// Returns the bytes of a packed net's file. Put into another file from a multiple of 64 bytes on, they are found by
/// [`packed_in`].
///
/// # Errors
/// None, as long as there is memory.
pub fn packed_bytes(sha256: Digest, net: &Net) -> std::io::Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    write(&mut bytes, PackedName { precision: net.precision(), sha256 }, net)?;
    Ok(bytes.into_inner())
}

/// Returns the packed net in the bytes `place` of the file at `path`; `None` if there is none of this name, or it is damaged or of another version.
///
/// # Cost
/// A copy of these bytes and one pass over them at the speed of memory, which `threads` share.
#[must_use]
pub fn packed_in(path: &Path, place: Range<u64>, name: PackedName, threads: &Threads) -> Option<Net> {
    if place.end.checked_sub(place.start)? > MAX_FILE {
        return None;
    }
    read(FileReader::open(path, u64::MAX).ok()?, place, name, threads)
}

fn read(file: FileReader<'_>, place: Range<u64>, name: PackedName, threads: &Threads) -> Option<Net> {
    let read = file.read_on(place, threads, |crc: &mut crc32fast::Hasher, at, piece| {
        let outside = (COVERED as u64).saturating_sub(at).min(piece.len() as u64);
        crc.update(&piece[outside as usize..]);
    });
    let (bytes, shares) = read.ok()?;
    file.close().ok()?;
    let header = bytes.first_chunk::<HEADER>()?;
    let word = |at: usize| header[at..].first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
    let known = header.starts_with(MAGIC)
        && word(8)? == name.version()
        && header[16..48] == name.sha256.0
        && word(12)? == crc_of_shares(&shares);
    if !known {
        return None;
    }
    let real = |at: usize| word(at).map(f32::from_bits);
    let padding = match word(52)? {
        0 => Padding::Same,
        1 => Padding::Symmetric,
        2 => Padding::Trailing,
        _ => return None,
    };
    let scaling =
        Scaling { scale: [real(56)?, real(60)?, real(64)?], shift: [real(68)?, real(72)?, real(76)?] };
    let numerics = Numerics { epsilon: real(48)?, padding, scaling };
    let channels: Option<Vec<usize>> =
        (0..CHANNELS).map(|index| word(80 + 4 * index).map(|channels| channels as usize)).collect();
    let channels = channels?;
    let spec = Spec::from_channels(channels[0], &channels[1..=BLOCKS], channels[BLOCKS + 1]).ok()?;
    let mut buffers = Buffers { bytes: &bytes, next: HEADER };
    let net = match name.precision {
        Precision::F32 => Net::from_packed(spec, numerics, &mut |len| buffers.next(len)),
        Precision::Int8 => Net::from_packed_integers(spec, numerics, outputs(header)?, &mut buffers),
    }?;
    (buffers.next == bytes.len()).then_some(net)
}

/// What leaves each block, as the first page says; `None` for steps that are none.
fn outputs(header: &[u8; HEADER]) -> Option<Vec<Bottleneck>> {
    let output = |block: usize| {
        let step = f64::from_ne_bytes(*header[STEPS + block * size_of::<f64>()..].first_chunk()?);
        let is_step = step > 0.0 && step.is_finite();
        is_step.then(|| Bottleneck { step, zero: header[ZEROS + block], fine: header[FINE + block] == 1 })
    };
    (0..BLOCKS).map(output).collect()
}

/// The buffers of a packed net one after the other.
struct Buffers<'a> {
    bytes: &'a FileBytes,
    /// Where the next buffer starts.
    next: usize,
}

impl PackedBuffers for Buffers<'_> {
    fn next<T: Element>(&mut self, len: usize) -> Option<Buffer<T>> {
        let start = self.next;
        let end = start.checked_add(len.checked_mul(size_of::<T>())?)?;
        self.next = end.checked_next_multiple_of(LINE_BYTES)?;
        self.bytes.buffer(start, len)
    }
}

/// Writes the file of a packed net to `out`, which is empty.
fn write(out: &mut (impl Write + Seek), name: PackedName, net: &Net) -> std::io::Result<()> {
    let mut header = header(name, net);
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
fn header(name: PackedName, net: &Net) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let mut end = 0;
    let mut put = |bytes: &[u8]| {
        header[end..end + bytes.len()].copy_from_slice(bytes);
        end += bytes.len();
    };
    put(MAGIC);
    put(&name.version().to_ne_bytes());
    put(&[0; 4]);
    put(&name.sha256.0);
    let Numerics { epsilon, padding, scaling } = net.numerics();
    put(&epsilon.to_ne_bytes());
    let padding: u32 = match padding {
        Padding::Same => 0,
        Padding::Symmetric => 1,
        Padding::Trailing => 2,
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
    if let Ok((_, outputs)) = net.packed_integers() {
        for (block, output) in outputs.iter().enumerate() {
            let at = STEPS + block * size_of::<f64>();
            header[at..at + size_of::<f64>()].copy_from_slice(&output.step.to_ne_bytes());
            header[ZEROS + block] = output.zero;
            header[FINE + block] = u8::from(output.fine);
        }
    }
    header
}

/// Hands all packed values on as bytes, piece by piece, each buffer filled up to whole lines.
fn for_each_line_of(net: &Net, mut take: impl FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
    let mut pieces = Pieces { bytes: [0; PIECE], take: &mut take };
    if let Ok((buffers, _)) = net.packed_integers() {
        return buffers.into_iter().try_for_each(|buffer| match buffer {
            PackedValues::I8(values) => pieces.hand_on(values, i8::to_ne_bytes),
            PackedValues::I16(values) => pieces.hand_on(values, i16::to_ne_bytes),
            PackedValues::I32(values) => pieces.hand_on(values, i32::to_ne_bytes),
            PackedValues::F32(values) => pieces.hand_on(values, f32::to_ne_bytes),
        });
    }
    let mut buffers = net.packed_values().map_err(std::io::Error::other)?;
    buffers.try_for_each(|values| pieces.hand_on(values, f32::to_ne_bytes))
}

/// Bytes that are handed on at a time.
const PIECE: usize = 16 << 10;

struct Pieces<'a> {
    bytes: [u8; PIECE],
    take: &'a mut dyn FnMut(&[u8]) -> std::io::Result<()>,
}

impl Pieces<'_> {
    /// Hands on a buffer.
    fn hand_on<T: Copy, const N: usize>(
        &mut self,
        values: &[T],
        bytes_of: impl Fn(T) -> [u8; N],
    ) -> std::io::Result<()> {
        for piece in values.chunks(PIECE / N) {
            let len = piece.len() * N;
            let filled = len.next_multiple_of(LINE_BYTES);
            self.bytes[len..filled].fill(0);
            for (to, value) in self.bytes.as_chunks_mut::<N>().0.iter_mut().zip(piece) {
                *to = bytes_of(*value);
            }
            (self.take)(&self.bytes[..filled])?;
        }
        Ok(())
    }
}
