//! A model behind a program: the tail of a bundle, which makes one file of both.
//!
//! ```text
//! the program's own bytes, then zeros up to a multiple of 64
//! head     64 bytes: "icecap bundle\n", zeros
//! model    a model file as `train` writes it, its backbone inside, then zeros up to a multiple of 64
//! net      that backbone packed, as the cache keeps it: a multiple of 64
//! tail     128 bytes, numbers little-endian:
//!    0  where the model starts, u64      56  the net's length in bytes, u64       72  zeros
//!    8  its length in bytes, u64         64  the model's CRC-32, u32             112  version, u32
//!   16  its SHA-256, 32 bytes            68  the tail's CRC-32, u32, with        116  "icecapBUNDLE"
//!   48  where the net starts, u64            zeros in its own place
//! ```
//!
//! A system that starts a program looks at its beginning and does not mind what follows, so what follows is found from
//! the end. The head says the same from the other side: one that stands right behind the program's own bytes, as its ELF
//! header counts them, without a tail at the end of the file, is what is left of a bundle that was cut short. Without it
//! such a file would take itself for a plain icecap. Programs that are no ELF lack that second look.
//!
//! The packed net is there for the bundle's own start, which reads neither the backbone's weights nor, by the CRC, their
//! hash: with ImageNet's weights at width 1.0 both would take three times as long as all else of a prediction. icecap
//! itself, for which a bundle is a model like any other, opens the model and compares its SHA-256.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use icecap::advanced::foundation::atomic_file::replace_program;
use icecap::advanced::kernels::FileReader;
use icecap::advanced::weights::{Digest, MAX_FILE};

use crate::terminal::failure::{Code, Failure};

const HEAD_MARK: &[u8; 14] = b"icecap bundle\n";
const TAIL_MARK: &[u8; 12] = b"icecapBUNDLE";
const VERSION: u32 = 1;
/// Bytes of the head, and what model and net start at a multiple of: a cache line.
const LINE: usize = 64;
const TAIL: usize = 128;
/// The longest program that a model is put behind, in bytes.
const MAX_PROGRAM: u64 = 1 << 30;
/// The longest bundle: the longest program, the longest model, and a net as long.
const MAX_BUNDLE: u64 = MAX_PROGRAM + 2 * MAX_FILE;

/// Where in a bundle its model and its packed net are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    model: Piece,
    sha256: Digest,
    crc: u32,
    net: Piece,
}

/// A range of bytes in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    start: u64,
    len: u64,
}

/// Writes the bundle of `program`, `model` and its packed `net` to `file`, in one step. Returns its length in
/// bytes.
pub(crate) fn write(program: &Path, model: &[u8], net: &[u8], file: &Path) -> Result<u64, Failure> {
    let source = File::open(program).map_err(|error| Failure::path(program, error))?;
    let own = source.metadata().map_err(|error| Failure::path(program, error))?.len();
    if own > MAX_PROGRAM {
        let message =
            format!("{}: a program of {own} bytes is above the limit of {MAX_PROGRAM}", program.display());
        return Err(Failure::new(Code::Limit, message));
    }
    let start = lines(own) + LINE as u64;
    let payload = Payload {
        model: Piece { start, len: model.len() as u64 },
        sha256: Digest::of(model),
        crc: crc32fast::hash(model),
        net: Piece { start: start + lines(model.len() as u64), len: net.len() as u64 },
    };
    let mut head = [0; LINE];
    head[..HEAD_MARK.len()].copy_from_slice(HEAD_MARK);
    let filling = |len: u64| vec![0; (lines(len) - len) as usize];
    Ok(replace_program(file, |out| {
        if std::io::copy(&mut source.take(own), out)? != own {
            return Err(std::io::Error::other("the program changed while it was copied; try again"));
        }
        for piece in [&filling(own), &head[..], model, &filling(payload.model.len), net, &payload.tail()] {
            out.write_all(piece)?;
        }
        out.stream_position()
    })?)
}

/// Returns `len` rounded up to whole lines.
fn lines(len: u64) -> u64 {
    len.next_multiple_of(LINE as u64)
}

/// Returns where the model in `file` is; `None` if it is no bundle, or cannot be opened: whoever opens it next will say why.
///
/// # Errors
/// If it is a damaged bundle.
pub(crate) fn find(file: &Path) -> Result<Option<Payload>, Failure> {
    // A pipe would wait for its writer.
    let Some(len) = std::fs::metadata(file).ok().filter(|about| about.is_file()).map(|about| about.len())
    else {
        return Ok(None);
    };
    let Ok(mut opened) = File::open(file) else { return Ok(None) };
    let mut at = |place: u64, bytes: &mut [u8]| {
        opened.seek(SeekFrom::Start(place)).ok().and_then(|_| opened.read_exact(bytes).ok())
    };
    let mut tail = [0; TAIL];
    let end = len.checked_sub(TAIL as u64).and_then(|place| at(place, &mut tail));
    if end.is_some() && tail.ends_with(TAIL_MARK) {
        return Payload::of_tail(&tail, len).map(Some).map_err(|reason| damaged(file, &reason));
    }
    let mut line = [0; LINE];
    let own = at(0, &mut line).and_then(|()| own_len(&line)?.checked_next_multiple_of(LINE as u64));
    match own.and_then(|own| at(own, &mut line)) {
        Some(()) if line.starts_with(HEAD_MARK) => Err(damaged(file, "its end is missing")),
        _ => Ok(None),
    }
}

impl Payload {
    /// Hands the model's bytes to `read`; a model whose hash is another is an error, whatever `read` made of it.
    pub(crate) fn with<R>(&self, file: &Path, read: impl FnOnce(&[u8]) -> R) -> Result<R, Failure> {
        self.with_checked(file, |model| Digest::of(model) == self.sha256, read)
    }

    /// Hands the model's bytes to `read`, and where in the file its packed net is. The bytes are checked by their CRC, which
    /// takes a fraction of the time of their hash.
    pub(crate) fn with_net<R>(
        &self,
        file: &Path,
        read: impl FnOnce(&[u8], Range<u64>) -> R,
    ) -> Result<R, Failure> {
        let net = self.net.start..self.net.start + self.net.len;
        self.with_checked(file, |model| crc32fast::hash(model) == self.crc, |model| read(model, net))
    }

    fn with_checked<R>(
        &self,
        file: &Path,
        is_whole: impl Fn(&[u8]) -> bool,
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, Failure> {
        let reader = FileReader::open(file, MAX_BUNDLE)?;
        let model = reader.read(self.model.start..self.model.start + self.model.len)?;
        reader.close()?;
        match is_whole(&model) {
            true => Ok(read(&model)),
            false => Err(damaged(file, "its bytes are not those that were written")),
        }
    }

    /// Returns the hash of the model file.
    pub(crate) fn sha256(&self) -> Digest {
        self.sha256
    }

    fn tail(&self) -> [u8; TAIL] {
        let mut tail = [0; TAIL];
        let numbers = [(0, self.model.start), (8, self.model.len), (48, self.net.start), (56, self.net.len)];
        for (at, number) in numbers {
            tail[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        tail[16..48].copy_from_slice(&self.sha256.0);
        tail[64..68].copy_from_slice(&self.crc.to_le_bytes());
        tail[112..116].copy_from_slice(&VERSION.to_le_bytes());
        tail[116..].copy_from_slice(TAIL_MARK);
        let crc = crc32fast::hash(&tail);
        tail[68..72].copy_from_slice(&crc.to_le_bytes());
        tail
    }

    /// Reads the tail of a file of `file_len` bytes. An error is the reason why it cannot be used.
    fn of_tail(tail: &[u8; TAIL], file_len: u64) -> Result<Self, String> {
        let number = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&tail[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let version = number(112) as u32;
        if version != VERSION {
            return Err(format!("it is of version {version}, this program knows {VERSION}"));
        }
        let mut sha256 = Digest([0; 32]);
        sha256.0.copy_from_slice(&tail[16..48]);
        let model = Piece { start: number(0), len: number(8) };
        let net = Piece { start: number(48), len: number(56) };
        let payload = Self { model, sha256, crc: number(64) as u32, net };
        let end = |piece: Piece| piece.len.checked_next_multiple_of(LINE as u64)?.checked_add(piece.start);
        let fits = model.start.is_multiple_of(LINE as u64)
            && end(model) == Some(net.start)
            && end(net).and_then(|end| end.checked_add(TAIL as u64)) == Some(file_len)
            // Its own CRC among the rest.
            && payload.tail() == *tail;
        if fits { Ok(payload) } else { Err(format!("what its end says does not fit {file_len} bytes")) }
    }
}

/// Returns the failure of a bundle whose packed net is not that of its model.
pub(crate) fn damaged_net(file: &Path) -> Failure {
    damaged(file, "its net is not the one that was written")
}

/// Returns how long a program is by its header: it ends where its table of sections does. `None` if it is no 64-bit
/// little-endian ELF.
fn own_len(elf: &[u8; LINE]) -> Option<u64> {
    const SECTIONS: usize = 0x28;
    const SECTION_SIZE: usize = 0x3a;
    if !elf.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let short = |at: usize| u64::from(u16::from_le_bytes([elf[at], elf[at + 1]]));
    let sections = u64::from_le_bytes(*elf[SECTIONS..].first_chunk()?);
    sections.checked_add(short(SECTION_SIZE) * short(SECTION_SIZE + 2)).filter(|own| *own > 0)
}

fn damaged(file: &Path, reason: &str) -> Failure {
    let message =
        format!("{}: the model in this program is damaged: {reason}; get the file again", file.display());
    Failure::new(Code::Content, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a program of 1000 bytes that starts as an ELF does, its table of sections last.
    fn program() -> Vec<u8> {
        let mut program = vec![7; 1000];
        program[..6].copy_from_slice(b"\x7fELF\x02\x01");
        program[0x28..0x30].copy_from_slice(&(1000u64 - 3 * 64).to_le_bytes());
        program[0x3a..0x3e].copy_from_slice(&[64, 0, 3, 0]);
        program
    }

    fn said(failure: Failure) -> String {
        format!("{failure:?}")
    }

    #[test]
    fn what_is_written_is_found_and_starts_on_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let (own, file) = (folder.path().join("own"), folder.path().join("bundle"));
        std::fs::write(&own, program()).unwrap();
        let net = [5; 128];
        for len in [0, 1, 63, 64, 65, 5000] {
            let model: Vec<u8> = (0..len).map(|index| index as u8).collect();
            let written = write(&own, &model, &net, &file).map_err(said).unwrap();
            assert_eq!(std::fs::metadata(&file).unwrap().len(), written);
            let payload = find(&file).map_err(said).unwrap().unwrap();
            assert_eq!((payload.model.start % 64, payload.model.len, payload.net.start % 64), (0, len, 0));
            assert_eq!(payload.with(&file, <[u8]>::to_vec).map_err(said).unwrap(), model);
            let bytes = std::fs::read(&file).unwrap();
            let both = payload.with_net(&file, |model, place| {
                (model.to_vec(), bytes[place.start as usize..place.end as usize].to_vec())
            });
            assert_eq!(both.map_err(said).unwrap(), (model, net.to_vec()));
        }
        assert_eq!(find(&own).map_err(said).unwrap(), None);
        assert_eq!(find(folder.path()).map_err(said).unwrap(), None);
        assert_eq!(find(&folder.path().join("none")).map_err(said).unwrap(), None);
    }

    #[test]
    fn cut_anywhere_behind_its_head_or_with_any_byte_of_model_or_tail_changed_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let (own, file) = (folder.path().join("own"), folder.path().join("bundle"));
        std::fs::write(&own, program()).unwrap();
        write(&own, &[9; 100], &[5; 64], &file).map_err(said).unwrap();
        let whole = std::fs::read(&file).unwrap();
        assert_eq!(whole.len(), 1024 + 64 + 128 + 64 + 128);
        let outcome = |bytes: &[u8], own: bool| {
            std::fs::write(&file, bytes).unwrap();
            let found = find(&file)?;
            let read = |payload: Payload| match own {
                true => payload.with_net(&file, |_, _| ()),
                false => payload.with(&file, |_| ()),
            };
            found.map(read).transpose()
        };
        for len in 1024 + 64..whole.len() {
            let said = said(outcome(&whole[..len], true).unwrap_err());
            assert!(said.contains("damaged"), "{len}: {said}");
        }
        assert!(outcome(&whole[..1024], true).is_ok_and(|found| found.is_none()));
        let (model, tail) = (1088..1088 + 100, whole.len() - 128..whole.len());
        for at in model.chain(tail) {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            // As icecap opens it, and as the bundle does itself.
            assert!([true, false].iter().all(|own| outcome(&changed, *own).is_err()), "byte {at}");
        }
    }
}
