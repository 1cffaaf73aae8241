//! Object headers: the list of messages that says what a group or a dataset is.
//!
//! Version 1 starts with a count and pads its messages to eight bytes; version 2 starts with `OHDR` and packs them.
//! Both go on in further pieces wherever a continuation message points.

use super::bytes::{Block, Cursor, File};
use crate::Error;

/// Kinds of messages.
pub(super) mod kind {
    pub(crate) const DATASPACE: u16 = 0x01;
    pub(crate) const LINK_INFO: u16 = 0x02;
    pub(crate) const DATATYPE: u16 = 0x03;
    pub(crate) const LINK: u16 = 0x06;
    pub(crate) const EXTERNAL_FILES: u16 = 0x07;
    pub(crate) const LAYOUT: u16 = 0x08;
    pub(crate) const ATTRIBUTE: u16 = 0x0c;
    pub(crate) const CONTINUATION: u16 = 0x10;
    pub(crate) const SYMBOL_TABLE: u16 = 0x11;
    pub(crate) const ATTRIBUTE_INFO: u16 = 0x15;
}

/// The message's body is elsewhere.
const SHARED: u8 = 0x02;
const WHAT: &str = "an object header";

/// A message of an object header.
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) body: Block<'a>,
    /// Its body is only the address of one elsewhere.
    pub(super) shared: bool,
}

/// An object of the file.
pub(super) struct Object<'a> {
    /// Where its header starts, from the start of the file.
    pub(super) at: usize,
    messages: Vec<Message<'a>>,
}

impl<'a> Object<'a> {
    /// The messages of a kind.
    pub(super) fn all<'f>(
        &'f self,
        file: &'f File<'a>,
        kind: u16,
    ) -> impl Iterator<Item = Result<Block<'a>, Error>> + 'f {
        let messages = self.messages.iter().filter(move |message| message.kind == kind);
        messages.map(|message| match message.shared {
            true => Err(file.unread(message.body.at, "a message that is kept elsewhere")),
            false => Ok(message.body),
        })
    }

    /// The first message of a kind.
    pub(super) fn one(&self, file: &File<'a>, kind: u16) -> Result<Option<Block<'a>>, Error> {
        self.all(file, kind).next().transpose()
    }

    pub(super) fn has(&self, kind: u16) -> bool {
        self.messages.iter().any(|message| message.kind == kind)
    }
}

/// The pieces of a header that are still to be read, and what was found in those that are.
struct Pieces<'f, 'a> {
    file: &'f File<'a>,
    /// Bytes between a message's flags and its body, where the version has messages packed.
    packed: Option<usize>,
    /// How many messages there are, where that is said.
    left: u64,
    messages: Vec<Message<'a>>,
    next: Vec<Block<'a>>,
}

/// Reads the object header at an address.
pub(super) fn read<'a>(file: &File<'a>, address: u64) -> Result<Object<'a>, Error> {
    let mut cursor = file.from(address, WHAT)?;
    let at = cursor.at();
    let mut pieces = match cursor.clone().signature(b"OHDR") {
        Ok(()) => version_2(file, &mut cursor)?,
        Err(_) => version_1(file, &mut cursor)?,
    };
    while let Some(block) = pieces.next.pop() {
        let mut cursor = file.within(block, WHAT);
        while pieces.message(&mut cursor)? {}
    }
    Ok(Object { at, messages: pieces.messages })
}

fn version_1<'f, 'a>(file: &'f File<'a>, cursor: &mut Cursor<'f, 'a>) -> Result<Pieces<'f, 'a>, Error> {
    cursor.version(1..=1)?;
    cursor.skip(1)?;
    let left = u64::from(cursor.u16()?);
    // How often it is linked to.
    cursor.skip(4)?;
    let length = cursor.u32()?;
    cursor.skip(4)?;
    let first = cursor.take(u64::from(length))?;
    Ok(Pieces { file, packed: None, left, messages: Vec::new(), next: vec![first] })
}

fn version_2<'f, 'a>(file: &'f File<'a>, cursor: &mut Cursor<'f, 'a>) -> Result<Pieces<'f, 'a>, Error> {
    cursor.signature(b"OHDR")?;
    cursor.version(2..=2)?;
    let flags = cursor.u8()?;
    // Four times, and when attributes go elsewhere.
    let times = if flags & 0x20 != 0 { 16 } else { 0 };
    cursor.skip(times + if flags & 0x10 != 0 { 4 } else { 0 })?;
    let length = cursor.uint(1 << (flags & 3))?;
    let first = cursor.take(length)?;
    // The order in which it was made.
    let order = if flags & 0x04 != 0 { 2 } else { 0 };
    Ok(Pieces { file, packed: Some(order), left: u64::MAX, messages: Vec::new(), next: vec![first] })
}

impl<'a> Pieces<'_, 'a> {
    /// Reads one more message, where there is one.
    fn message(&mut self, cursor: &mut Cursor<'_, 'a>) -> Result<bool, Error> {
        // Before the checksum may stand a gap that no message fits in.
        let least = self.packed.map_or(8, |order| 4 + order);
        if self.left == 0 || cursor.left() < least {
            return Ok(false);
        }
        self.left -= 1;
        self.file.step()?;
        let kind = if self.packed.is_some() { u16::from(cursor.u8()?) } else { cursor.u16()? };
        let length = cursor.u16()?;
        let flags = cursor.u8()?;
        cursor.skip(self.packed.unwrap_or(3))?;
        let body = cursor.take(u64::from(length))?;
        if kind == kind::CONTINUATION {
            self.follow(body)?;
        } else {
            self.messages.push(Message { kind, body, shared: flags & SHARED != 0 });
        }
        Ok(true)
    }

    /// Notes the piece that a continuation message points at.
    fn follow(&mut self, body: Block<'a>) -> Result<(), Error> {
        let mut cursor = self.file.within(body, "a continuation message");
        let (address, length) = (cursor.address("the next piece")?, cursor.length()?);
        let mut block = self.file.block(address, length, "a header's next piece")?;
        if self.packed.is_some() {
            let mut cursor = self.file.within(block, "a header's next piece");
            cursor.signature(b"OCHK")?;
            let messages = (cursor.left() as u64).saturating_sub(4);
            block = cursor.take(messages)?;
        }
        self.next.push(block);
        Ok(())
    }
}
