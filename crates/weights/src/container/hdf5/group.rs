//! What a group links to: an old group through a symbol table, a new one by messages in its header.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::bytes::{Block, Cursor, File};
use super::header::{Object, kind};
use crate::Error;
use crate::shown::shown;

/// Where a link leads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// The address of an object header.
    Object(u64),
    /// A path, in this file or another one; the number is where the link itself stands.
    Soft(usize),
}

/// The links of a group by their names.
pub(super) type Links<'a> = BTreeMap<&'a str, Target>;

/// Reads the links of an object; `None` if it is no group.
pub(super) fn links<'a>(file: &File<'a>, object: &Object<'a>) -> Result<Option<Links<'a>>, Error> {
    let mut links = Links::new();
    if let Some(body) = object.one(file, kind::SYMBOL_TABLE)? {
        let mut cursor = file.within(body, "a symbol table message");
        let (tree, heap) = (cursor.address("its tree")?, cursor.address("its heap")?);
        let table = Table { file, names: heap_data(file, heap)? };
        table.node(tree, None, &mut links)?;
        return Ok(Some(links));
    }
    let info = object.one(file, kind::LINK_INFO)?;
    if let Some(body) = info {
        refuse_dense(file, body, 8, "links in a fractal heap")?;
    }
    for body in object.all(file, kind::LINK) {
        link_message(file, body?, &mut links)?;
    }
    Ok((info.is_some() || object.has(kind::LINK)).then_some(links))
}

/// Refuses what a link info or attribute info message says to be in a fractal heap. `order` bytes may stand before.
pub(super) fn refuse_dense(file: &File<'_>, body: Block<'_>, order: usize, what: &str) -> Result<(), Error> {
    let mut cursor = file.within(body, "an info message");
    cursor.version(0..=0)?;
    let flags = cursor.u8()?;
    cursor.skip(if flags & 1 != 0 { order } else { 0 })?;
    let at = cursor.at();
    match cursor.offset()? {
        Some(_) => Err(file.unread(at, what)),
        None => Ok(()),
    }
}

fn insert<'a>(
    links: &mut Links<'a>,
    name: Block<'a>,
    target: Target,
    cursor: &Cursor<'_, 'a>,
) -> Result<(), Error> {
    cursor.file.step()?;
    let damaged = |why: String| Err(cursor.file.damaged(name.at, why));
    let Ok(text) = std::str::from_utf8(name.bytes) else {
        return damaged("a link's name is not UTF-8".to_owned());
    };
    if text.is_empty() || text.contains('/') {
        return damaged(format!("'{}' is no link's name", shown(text)));
    }
    match links.entry(text) {
        Entry::Occupied(_) => damaged(format!("the name '{}' stands twice in its group", shown(text))),
        Entry::Vacant(place) => {
            place.insert(target);
            Ok(())
        }
    }
}

fn link_message<'a>(file: &File<'a>, body: Block<'a>, links: &mut Links<'a>) -> Result<(), Error> {
    const HARD: u8 = 0;
    let mut cursor = file.within(body, "a link message");
    cursor.version(1..=1)?;
    let flags = cursor.u8()?;
    let kind = if flags & 0x08 != 0 { cursor.u8()? } else { HARD };
    // Its place in the order of making, and the character set of its name, all of which are UTF-8.
    cursor.skip(if flags & 0x04 != 0 { 8 } else { 0 })?;
    cursor.skip(if flags & 0x10 != 0 { 1 } else { 0 })?;
    let length = cursor.uint(1 << (flags & 3))?;
    let name = cursor.take(length)?;
    let target =
        if kind == HARD { Target::Object(cursor.address("its object")?) } else { Target::Soft(body.at) };
    insert(links, name, target, &cursor)
}

/// The names of a symbol table: the data of a local heap.
fn heap_data<'a>(file: &File<'a>, address: u64) -> Result<Block<'a>, Error> {
    let mut cursor = file.from(address, "a local heap")?;
    cursor.signature(b"HEAP")?;
    cursor.version(0..=0)?;
    cursor.skip(3)?;
    let length = cursor.length()?;
    // Where free space starts.
    cursor.length()?;
    let data = cursor.address("its data")?;
    file.block(data, length, "the data of a local heap")
}

struct Table<'f, 'a> {
    file: &'f File<'a>,
    names: Block<'a>,
}

impl<'a> Table<'_, 'a> {
    /// Reads a node of the tree, which stands at `level` where its parent says so, and all below it. A node that is
    /// reached twice gives its names twice, which is refused; levels go down, so that no chain is longer than 256.
    fn node(&self, address: u64, level: Option<u8>, links: &mut Links<'a>) -> Result<(), Error> {
        self.file.step()?;
        let mut cursor = self.file.from(address, "a node of a group's tree")?;
        cursor.signature(b"TREE")?;
        let here = cursor.clone();
        if cursor.u8()? != 0 {
            return Err(here.damaged("is of another tree"));
        }
        let here = cursor.clone();
        let own = cursor.u8()?;
        if level.is_some_and(|level| level != own) {
            return Err(here.damaged(&format!("is at level {own}, which its parent is not above")));
        }
        let count = cursor.u16()?;
        // Its neighbors.
        cursor.offset()?;
        cursor.offset()?;
        for _ in 0..count {
            // The names between which the child's stand.
            cursor.length()?;
            let child = cursor.address("a child")?;
            match own.checked_sub(1) {
                Some(below) => self.node(child, Some(below), links)?,
                None => self.symbols(child, links)?,
            }
        }
        Ok(())
    }

    /// Reads a leaf: some of the group's links.
    fn symbols(&self, address: u64, links: &mut Links<'a>) -> Result<(), Error> {
        const SOFT: u32 = 2;
        self.file.step()?;
        let mut cursor = self.file.from(address, "a symbol table node")?;
        cursor.signature(b"SNOD")?;
        cursor.version(1..=1)?;
        cursor.skip(1)?;
        for _ in 0..cursor.u16()? {
            let at = cursor.at();
            let width = self.file.offsets;
            let name = self.name(cursor.uint(width)?, at)?;
            let here = cursor.clone();
            let object = cursor.offset()?;
            let soft = cursor.u32()? == SOFT;
            cursor.skip(20)?;
            let target = match object {
                _ if soft => Target::Soft(at),
                Some(object) => Target::Object(object),
                None => return Err(here.damaged("links to nothing")),
            };
            insert(links, name, target, &cursor)?;
        }
        Ok(())
    }

    /// The name at an offset of the heap's data, up to its zero; `at` is where the offset stands.
    fn name(&self, offset: u64, at: usize) -> Result<Block<'a>, Error> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(bytes) = self.names.bytes.get(start..) else {
            return Err(self.file.damaged(at, "a link's name should stand behind the end of its heap"));
        };
        // Looked at no further than a path is long, or many links to one unending name would take a while each.
        let bytes = &bytes[..bytes.len().min(super::MAX_LINK + 1)];
        match bytes.iter().position(|byte| *byte == 0) {
            Some(end) => Ok(Block { at: self.names.at + start, bytes: &bytes[..end] }),
            None => Err(self.file.damaged(self.names.at + start, "a link's name does not end")),
        }
    }
}
