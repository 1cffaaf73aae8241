//! A model behind a program: the tail of a bundle, which makes one file of both.
//!
//! ```text
//! the program's own bytes, then zeros up to a multiple of 64
//! head     64 bytes: "icecap bundle\n", zeros
//! model    a model file as `train` writes it, then zeros up to a multiple of 64
//! tail     64 bytes, numbers little-endian:
//!    0  where the model starts, u64       16  its SHA-256, 32 bytes     52  "icecapBUNDLE"
//!    8  its length in bytes, u64          48  version, u32
//! ```
//!
//! A system that starts a program looks at its beginning and does not mind what follows, so what follows is found from
//! the end. The head says the same from the other side: one that stands right behind the program's own bytes, as its ELF
//! header counts them, without a tail at the end of the file, is what is left of a bundle that was cut short. Without it
//! such a file would take itself for a plain icecap. Programs that are no ELF lack that second look.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use icecap::kernels::{replace_program, with_mapped_file};
use icecap::weights::{Digest, MAX_FILE};

use crate::failure::{Code, Failure};

const HEAD_MARK: &[u8; 14] = b"icecap bundle\n";
const TAIL_MARK: &[u8; 12] = b"icecapBUNDLE";
const VERSION: u32 = 1;
/// Bytes of head and tail, and what the model starts at a multiple of: a cache line.
const LINE: usize = 64;
/// The longest program that a model is put behind, in bytes.
const MAX_PROGRAM: u64 = 1 << 30;

/// Where in a bundle its model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    start: u64,
    len: u64,
    sha256: Digest,
}

/// Writes the bundle of `program` and `model` to `file`, in one step. Gives its length in bytes.
pub(crate) fn write(program: &Path, model: &[u8], file: &Path) -> Result<u64, Failure> {
    let source = File::open(program).map_err(|error| Failure::path(program, error))?;
    let own = source.metadata().map_err(|error| Failure::path(program, error))?.len();
    if own > MAX_PROGRAM {
        let message =
            format!("{}: a program of {own} bytes is above the limit of {MAX_PROGRAM}", program.display());
        return Err(Failure::new(Code::Limit, message));
    }
    let start = own.next_multiple_of(LINE as u64) + LINE as u64;
    let payload = Payload { start, len: model.len() as u64, sha256: Digest::of_file(model) };
    let mut head = [0; LINE];
    head[..HEAD_MARK.len()].copy_from_slice(HEAD_MARK);
    let filling = |len: u64| [0; LINE].into_iter().take((len.next_multiple_of(LINE as u64) - len) as usize);
    Ok(replace_program(file, |out| {
        if std::io::copy(&mut source.take(own), out)? != own {
            return Err(std::io::Error::other("the program changed while it was copied; try again"));
        }
        out.write_all(&filling(own).collect::<Vec<u8>>())?;
        out.write_all(&head)?;
        out.write_all(model)?;
        out.write_all(&filling(payload.len).collect::<Vec<u8>>())?;
        out.write_all(&payload.tail())?;
        out.stream_position()
    })?)
}

/// The payload of `file`; none where it is no bundle, or cannot be opened: whoever opens it next will say why.
///
/// # Errors
/// That it is a damaged bundle.
pub(crate) fn find(file: &Path) -> Result<Option<Payload>, Failure> {
    // A pipe would wait for its writer.
    let Some(len) = std::fs::metadata(file).ok().filter(|about| about.is_file()).map(|about| about.len())
    else {
        return Ok(None);
    };
    let Ok(mut opened) = File::open(file) else { return Ok(None) };
    let mut at = |place: u64| -> Option<[u8; LINE]> {
        let mut bytes = [0; LINE];
        opened.seek(SeekFrom::Start(place)).ok()?;
        opened.read_exact(&mut bytes).ok().map(|()| bytes)
    };
    let Some(tail) = len.checked_sub(LINE as u64).and_then(&mut at) else { return Ok(None) };
    if tail.ends_with(TAIL_MARK) {
        return Payload::of_tail(&tail, len).map(Some).map_err(|reason| damaged(file, &reason));
    }
    let head = at(0).and_then(|elf| own_len(&elf)).and_then(|own| own.checked_next_multiple_of(LINE as u64));
    match head.and_then(at) {
        Some(head) if head.starts_with(HEAD_MARK) => Err(damaged(file, "its end is missing")),
        _ => Ok(None),
    }
}

impl Payload {
    /// Hands the model's bytes to `read`; a model whose hash is another is an error, whatever `read` made of it.
    pub(crate) fn with<R>(&self, file: &Path, read: impl FnOnce(&[u8]) -> R) -> Result<R, Failure> {
        let read = with_mapped_file(file, MAX_PROGRAM + MAX_FILE, |bytes| {
            let model = bytes.get(self.start as usize..)?.get(..self.len as usize)?;
            std::thread::scope(|scope| {
                let hash = scope.spawn(|| Digest::of_file(model));
                let read = read(model);
                (hash.join().ok()? == self.sha256).then_some(read)
            })
        })?;
        read.ok_or_else(|| damaged(file, "its SHA-256 is not the one that is stated"))
    }

    /// The hash of the model file.
    pub(crate) fn sha256(&self) -> Digest {
        self.sha256
    }

    fn tail(&self) -> [u8; LINE] {
        let mut tail = [0; LINE];
        tail[..8].copy_from_slice(&self.start.to_le_bytes());
        tail[8..16].copy_from_slice(&self.len.to_le_bytes());
        tail[16..48].copy_from_slice(&self.sha256.0);
        tail[48..52].copy_from_slice(&VERSION.to_le_bytes());
        tail[52..].copy_from_slice(TAIL_MARK);
        tail
    }

    /// What the tail of a file of `file_len` bytes says.
    fn of_tail(tail: &[u8; LINE], file_len: u64) -> Result<Self, String> {
        let number = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&tail[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let version = number(48) as u32;
        if version != VERSION {
            return Err(format!("it is of version {version}, this program knows {VERSION}"));
        }
        let mut sha256 = Digest([0; 32]);
        sha256.0.copy_from_slice(&tail[16..48]);
        let payload = Self { start: number(0), len: number(8), sha256 };
        let end = payload.len.checked_next_multiple_of(LINE as u64);
        let end = end.and_then(|filled| filled.checked_add(payload.start)?.checked_add(LINE as u64));
        match end {
            Some(end) if end == file_len && payload.start.is_multiple_of(LINE as u64) => Ok(payload),
            _ => Err(format!(
                "{} bytes from byte {} on do not fit a file of {file_len}",
                payload.len, payload.start
            )),
        }
    }
}

/// How long a program is by its header, which ends where its table of sections does; none for what is no 64-bit
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

    /// A program of 1000 bytes that starts as an ELF does, its table of sections last.
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
        for len in [0, 1, 63, 64, 65, 5000] {
            let model: Vec<u8> = (0..len).map(|index| index as u8).collect();
            let written = write(&own, &model, &file).unwrap_or_else(|failure| panic!("{failure:?}"));
            assert_eq!(std::fs::metadata(&file).unwrap().len(), written);
            let payload = find(&file).map_err(said).unwrap().unwrap();
            assert_eq!((payload.start % 64, payload.len), (0, len));
            assert_eq!(payload.with(&file, <[u8]>::to_vec).map_err(said).unwrap(), model);
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
        write(&own, &[9; 100], &file).map_err(said).unwrap();
        let whole = std::fs::read(&file).unwrap();
        assert_eq!(whole.len(), 1024 + 64 + 128 + 64);
        let outcome = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            let found = find(&file)?;
            found.map(|payload| payload.with(&file, |_| ())).transpose()
        };
        for len in 1024 + 64..whole.len() {
            let said = said(outcome(&whole[..len]).unwrap_err());
            assert!(said.contains("damaged"), "{len}: {said}");
        }
        assert!(outcome(&whole[..1024]).is_ok_and(|found| found.is_none()));
        let model = 1088..1088 + 100;
        let tail = whole.len() - 64..whole.len();
        for at in model.chain(tail) {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(outcome(&changed).is_err(), "byte {at}");
        }
    }
}
