//! Texts in attributes: of one length in place, or each somewhere in the global heap.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::bytes::{Block, File};
use super::group::refuse_dense;
use super::header::{Object, kind};
use super::types::{Elements, Type, elements};
use crate::Error;

/// The collections of the global heap that were looked at, by address; their objects by index.
#[derive(Default)]
pub(super) struct Heap<'a> {
    collections: RefCell<BTreeMap<u64, BTreeMap<u16, Block<'a>>>>,
}

/// An attribute: what its elements are, and their bytes.
pub(super) struct Attribute<'a> {
    pub(super) elements: Elements,
    pub(super) data: Block<'a>,
}

/// The attribute of a name, where the object has one.
pub(super) fn attribute<'a>(
    file: &File<'a>,
    object: &Object<'a>,
    wanted: &str,
) -> Result<Option<Attribute<'a>>, Error> {
    for body in object.all(file, kind::ATTRIBUTE) {
        let body = body?;
        // Or a header full of them, searched for each part of a list, would take its length squared.
        file.step()?;
        if let Some(found) = parse(file, body, wanted)? {
            return Ok(Some(found));
        }
    }
    // Last: what stands in the header is there, whatever else is not.
    if let Some(body) = object.one(file, kind::ATTRIBUTE_INFO)? {
        refuse_dense(file, body, 2, "attributes in a fractal heap")?;
    }
    Ok(None)
}

/// The attribute of a message, where its name is the one that is wanted.
fn parse<'a>(file: &File<'a>, body: Block<'a>, wanted: &str) -> Result<Option<Attribute<'a>>, Error> {
    file.step()?;
    let mut cursor = file.within(body, "an attribute");
    let version = cursor.version(1..=3)?;
    let at = cursor.at();
    let flags = cursor.u8()?;
    let lengths = [cursor.u16()?, cursor.u16()?, cursor.u16()?].map(u64::from);
    // A character set: ASCII or UTF-8, which are read alike.
    cursor.skip(if version == 3 { 1 } else { 0 })?;
    // The first version fills each part up to eight bytes.
    let [name, of, space] =
        if version == 1 { lengths.map(|length| length.next_multiple_of(8)) } else { lengths };
    let name = cursor.take(name)?.bytes;
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    if name != wanted.as_bytes() {
        return Ok(None);
    }
    if version > 1 && flags != 0 {
        return Err(file.unread(at, "an attribute's type that is kept elsewhere"));
    }
    let (of, space) = (cursor.take(of)?, cursor.take(space)?);
    let elements = elements(file, space, of)?;
    let Some(bytes) = elements.bytes() else {
        return Err(cursor.damaged(&format!("'{wanted}' has more elements than can be counted")));
    };
    let data = cursor.take(bytes)?;
    Ok(Some(Attribute { elements, data }))
}

/// The texts of an attribute; `None` if its elements are no texts. Keras writes a list of no texts as no numbers.
pub(super) fn texts<'a>(
    file: &File<'a>,
    heap: &Heap<'a>,
    attribute: &Attribute<'a>,
) -> Result<Option<Vec<&'a str>>, Error> {
    let count = attribute.elements.bytes().map_or(0, |bytes| bytes / attribute.elements.size);
    if count == 0 {
        return Ok(Some(Vec::new()));
    }
    let mut cursor = file.within(attribute.data, "an attribute's value");
    let mut texts = Vec::new();
    for _ in 0..count {
        let block = match attribute.elements.kind {
            Type::Fixed { length, spaces } => {
                file.step_over(length as u64)?;
                let mut block = cursor.take(length as u64)?;
                block.bytes = trim(block.bytes, spaces);
                block
            }
            Type::Variable => {
                let length = cursor.u32()?;
                // One long text in the heap may be named many times.
                file.step_over(length.into())?;
                let at = cursor.at();
                let (address, index) = (cursor.offset()?, cursor.u32()?);
                match address.filter(|_| length > 0) {
                    Some(address) => heap.text(file, at, address, index, length)?,
                    None => Block { at, bytes: &[] },
                }
            }
            Type::Float { .. } | Type::Other(_) => return Ok(None),
        };
        match std::str::from_utf8(block.bytes) {
            Ok(text) => texts.push(text),
            Err(error) => {
                return Err(file.damaged(block.at + error.valid_up_to(), "a text is not UTF-8"));
            }
        }
    }
    Ok(Some(texts))
}

/// A text without what fills it up.
fn trim(bytes: &[u8], spaces: bool) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let bytes = &bytes[..end];
    if spaces { bytes.trim_ascii_end() } else { bytes }
}

impl<'a> Heap<'a> {
    /// `length` bytes of an object, named at byte `at` of the file.
    fn text(
        &self,
        file: &File<'a>,
        at: usize,
        address: u64,
        index: u32,
        length: u32,
    ) -> Result<Block<'a>, Error> {
        let mut collections = self.collections.borrow_mut();
        let objects = match collections.entry(address) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(collection(file, address)?),
        };
        let found = u16::try_from(index).ok().and_then(|index| objects.get(&index));
        let Some(object) = found else {
            return Err(file.damaged(at, format!("the heap has no object {index}, which is a text")));
        };
        let mut block = file.within(*object, "a text in the heap").take(u64::from(length))?;
        block.bytes = trim(block.bytes, false);
        Ok(block)
    }
}

/// The objects of a collection of the global heap.
fn collection<'a>(file: &File<'a>, address: u64) -> Result<BTreeMap<u16, Block<'a>>, Error> {
    const WHAT: &str = "a collection of the global heap";
    let mut cursor = file.from(address, WHAT)?;
    let start = cursor.at();
    cursor.signature(b"GCOL")?;
    cursor.version(1..=1)?;
    cursor.skip(3)?;
    let length = cursor.length()?;
    // This, and each object's, filled up to eight bytes.
    let header = (cursor.at() - start).next_multiple_of(8) as u64;
    let filled = (8 + file.lengths).next_multiple_of(8);
    let mut cursor = file.within(file.block(address, length, WHAT)?, WHAT);
    cursor.take(header)?;
    let mut objects = BTreeMap::new();
    // An index, how often it is used, four bytes for nothing, a length.
    while cursor.left() >= filled {
        let here = cursor.clone();
        let index = cursor.u16()?;
        cursor.skip(6)?;
        let length = cursor.length()?;
        cursor.skip(filled - 8 - file.lengths)?;
        // The rest is free.
        if index == 0 {
            break;
        }
        file.step()?;
        let object = cursor.take(length)?;
        cursor.take((length.next_multiple_of(8) - length).min(cursor.left() as u64))?;
        if objects.insert(index, object).is_some() {
            return Err(here.damaged(&format!("has object {index} twice")));
        }
    }
    Ok(objects)
}
