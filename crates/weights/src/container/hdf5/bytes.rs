//! A file's bytes, read with a name for what is being read and no way past the end.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use super::{MAX_STEPS, STEP_BYTES};
use crate::Error;
use crate::container::{ContainerKind, limit};

/// A file from its superblock on. Addresses in the format count from there.
pub(super) struct File<'a> {
    pub(super) path: PathBuf,
    bytes: &'a [u8],
    /// Where the superblock starts.
    base: usize,
    /// Bytes of an address.
    pub(super) offsets: usize,
    /// Bytes of a length.
    pub(super) lengths: usize,
    steps: Cell<u64>,
}

/// A piece of the file.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    /// Where it starts, from the start of the file.
    pub(super) at: usize,
    pub(super) bytes: &'a [u8],
}

impl<'a> File<'a> {
    pub(super) fn new(bytes: &'a [u8], path: &Path, base: usize) -> Self {
        Self { path: path.into(), bytes, base, offsets: 8, lengths: 8, steps: Cell::new(0) }
    }

    /// The file is damaged at a byte.
    pub(super) fn damaged(&self, at: usize, reason: impl Into<String>) -> Error {
        let kind = ContainerKind::Hdf5;
        Error::Container { path: self.path.clone(), kind, offset: at as u64, reason: reason.into() }
    }

    /// The file is whole, and has what is not read here.
    pub(super) fn unread(&self, at: usize, feature: impl Into<String>) -> Error {
        let feature = feature.into();
        let advice = "save the weights anew with Keras or h5py and their defaults";
        Error::Feature {
            path: self.path.clone(),
            kind: ContainerKind::Hdf5,
            offset: at as u64,
            feature,
            advice,
        }
    }

    /// Counts one more piece of work.
    pub(super) fn step(&self) -> Result<(), Error> {
        self.step_over(0)
    }

    /// Counts a piece of work that reads `bytes` bytes.
    pub(super) fn step_over(&self, bytes: u64) -> Result<(), Error> {
        self.steps.set(self.steps.get().saturating_add(1 + bytes / STEP_BYTES));
        limit(&self.path, "messages, links and texts", self.steps.get(), MAX_STEPS)
    }

    /// Where an address points, from the start of the file, which it need not be inside of.
    pub(super) fn place(&self, address: u64) -> usize {
        usize::try_from(address).unwrap_or(usize::MAX).saturating_add(self.base)
    }

    /// Bytes of the file from the superblock on.
    pub(super) fn length(&self) -> u64 {
        (self.bytes.len() - self.base) as u64
    }

    /// The address of a place in the file, at or behind the superblock.
    pub(super) fn address_of(&self, at: usize) -> u64 {
        (at - self.base) as u64
    }

    /// A cursor from an address to the end of the file.
    pub(super) fn from(&self, address: u64, what: &'static str) -> Result<Cursor<'_, 'a>, Error> {
        let at = self.place(address);
        match self.bytes.get(at..) {
            Some(bytes) => Ok(self.within(Block { at, bytes }, what)),
            None => Err(self.damaged(at, format!("{what} should stand behind the end of the file"))),
        }
    }

    /// `length` bytes from an address.
    pub(super) fn block(&self, address: u64, length: u64, what: &'static str) -> Result<Block<'a>, Error> {
        self.from(address, what)?.take(length)
    }

    /// A reader of a block.
    pub(super) fn within(&self, block: Block<'a>, what: &'static str) -> Cursor<'_, 'a> {
        Cursor { file: self, rest: block, what }
    }
}

/// What is still to be read of something in the file.
#[derive(Clone)]
pub(super) struct Cursor<'f, 'a> {
    pub(super) file: &'f File<'a>,
    rest: Block<'a>,
    /// What is read, for errors.
    what: &'static str,
}

impl<'a> Cursor<'_, 'a> {
    /// Where the next byte stands, from the start of the file.
    pub(super) fn at(&self) -> usize {
        self.rest.at
    }

    pub(super) fn left(&self) -> usize {
        self.rest.bytes.len()
    }

    /// What is read here is not as it must be.
    pub(super) fn damaged(&self, why: &str) -> Error {
        self.file.damaged(self.rest.at, format!("{} {why}", self.what))
    }

    pub(super) fn take(&mut self, length: u64) -> Result<Block<'a>, Error> {
        let split = usize::try_from(length).ok().and_then(|length| self.rest.bytes.split_at_checked(length));
        let Some((bytes, rest)) = split else {
            let left = self.left();
            return Err(self.damaged(&format!("is cut short: {length} bytes wanted, {left} left")));
        };
        let taken = Block { at: self.rest.at, bytes };
        self.rest = Block { at: self.rest.at + bytes.len(), bytes: rest };
        Ok(taken)
    }

    pub(super) fn skip(&mut self, length: usize) -> Result<(), Error> {
        self.take(length as u64).map(drop)
    }

    /// An unsigned number of up to eight bytes, the lowest first.
    pub(super) fn uint(&mut self, width: usize) -> Result<u64, Error> {
        let bytes = self.take(width as u64)?.bytes;
        Ok(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    pub(super) fn u8(&mut self) -> Result<u8, Error> {
        self.uint(1).map(|value| value as u8)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Error> {
        self.uint(2).map(|value| value as u16)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        self.uint(4).map(|value| value as u32)
    }

    pub(super) fn length(&mut self) -> Result<u64, Error> {
        self.uint(self.file.lengths)
    }

    /// An address; all ones stand for none.
    pub(super) fn offset(&mut self) -> Result<Option<u64>, Error> {
        let width = self.file.offsets;
        let value = self.uint(width)?;
        Ok((value != u64::MAX >> (64 - 8 * width)).then_some(value))
    }

    /// An address that must be there.
    pub(super) fn address(&mut self, of: &str) -> Result<u64, Error> {
        let at = self.at();
        match self.offset()? {
            Some(address) => Ok(address),
            None => Err(self.file.damaged(at, format!("{} has no address of {of}", self.what))),
        }
    }

    /// Four letters that a structure starts with.
    pub(super) fn signature(&mut self, expected: &[u8; 4]) -> Result<(), Error> {
        let here = self.clone();
        if self.take(4)?.bytes != expected {
            let expected = String::from_utf8_lossy(expected);
            return Err(here.damaged(&format!("does not start with '{expected}'")));
        }
        Ok(())
    }

    /// A version number, one of `known`.
    pub(super) fn version(&mut self, known: std::ops::RangeInclusive<u8>) -> Result<u8, Error> {
        let here = self.clone();
        let version = self.u8()?;
        if !known.contains(&version) {
            return Err(here.damaged(&format!("has version {version}, which is not known")));
        }
        Ok(version)
    }
}
