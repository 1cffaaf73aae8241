//! Datasets: a shape, a type, and where the values are.

use std::borrow::Cow;

use icecap_kernels::Shape;

use super::bytes::{Block, File};
use super::header::{Object, kind};
use super::types::{Elements, Type, elements};
use crate::Error;
use crate::container::{Element, Entry, Values, check_name};
use crate::shown::shown;

/// Whether an object is a dataset.
pub(super) fn is(object: &Object<'_>) -> bool {
    object.has(kind::DATASPACE)
}

/// A dataset whose values lie in the file as many as its shape says.
pub(super) struct Dataset<'a> {
    elements: Elements,
    shape: Shape,
    pub(super) data: Block<'a>,
}

/// Reads a dataset's header. Errors call it `name`.
pub(super) fn read<'a>(file: &File<'a>, object: &Object<'a>, name: &str) -> Result<Dataset<'a>, Error> {
    let refuse = |at: usize, reason: String| Error::Tensor {
        path: file.path.clone(),
        tensor: shown(name),
        offset: at as u64,
        reason,
    };
    check_name(name).map_err(|reason| refuse(object.at, reason))?;
    let message = |kind: u16, what: &str| {
        let missing = || refuse(object.at, format!("its object header has no {what}, so it is no dataset"));
        object.one(file, kind)?.ok_or_else(missing)
    };
    let space = message(kind::DATASPACE, "dataspace")?;
    let elements = elements(file, space, message(kind::DATATYPE, "datatype")?)?;
    let layout = message(kind::LAYOUT, "layout")?;
    if object.has(kind::EXTERNAL_FILES) {
        return Err(file.unread(object.at, format!("'{}' with its values in other files", shown(name))));
    }
    let dims: Result<Vec<usize>, _> = elements.dims.iter().map(|&dim| usize::try_from(dim)).collect();
    let Ok(dims) = dims else {
        return Err(refuse(space.at, format!("shape {:?} does not fit memory", elements.dims)));
    };
    let shape = Shape::new(&dims).map_err(|error| refuse(space.at, error.to_string()))?;
    let data = values(file, layout, name)?;
    let length = data.bytes.len();
    if elements.bytes() != Some(length as u64) {
        let size = elements.size;
        let reason = format!("shape {shape} of elements of {size} bytes does not take {length} bytes");
        return Err(refuse(data.at, reason));
    }
    Ok(Dataset { elements, shape, data })
}

/// Where a layout message says that the values are.
fn values<'a>(file: &File<'a>, layout: Block<'a>, name: &str) -> Result<Block<'a>, Error> {
    const COMPACT: u8 = 0;
    const CONTIGUOUS: u8 = 1;
    let unread = |what: &str| Err(file.unread(layout.at, format!("'{}' {what}", shown(name))));
    let mut cursor = file.within(layout, "a dataset's layout");
    if !matches!(cursor.version(1..=5)?, 3 | 4) {
        return unread("in another layout than HDF5 has written since 1.6.3");
    }
    let here = cursor.clone();
    match cursor.u8()? {
        COMPACT => {
            let length = cursor.u16()?;
            cursor.take(u64::from(length))
        }
        CONTIGUOUS => {
            let here = cursor.clone();
            let (address, length) = (cursor.offset()?, cursor.length()?);
            match address {
                Some(address) => file.block(address, length, "a dataset's values"),
                // Space is only taken when something is written.
                None if length == 0 => Ok(Block { at: layout.at, bytes: &[] }),
                None => Err(here.damaged(&format!("says that '{}' was never written", shown(name)))),
            }
        }
        2 => unread("in chunks"),
        3 => unread("made of other datasets"),
        class => Err(here.damaged(&format!("has class {class}, which is not known"))),
    }
}

impl<'a> Dataset<'a> {
    /// Whether the elements are pairs of bytes of which HDF5 knows nothing else.
    pub(super) fn is_opaque_pairs(&self) -> bool {
        self.elements.kind == Type::OPAQUE && self.elements.size == 2
    }

    /// This dataset with its pairs of bytes understood as bfloat16, which HDF5 has no type for.
    pub(super) fn of_bfloat16(mut self) -> Self {
        self.elements.kind = Type::Float { element: Element::Bf16, big: false };
        self
    }

    /// The tensor: its values as they stand in the file, where they are little-endian.
    pub(super) fn entry(self) -> Entry<'a> {
        let values = match self.elements.kind {
            Type::Float { element, big } => {
                let mut bytes = Cow::Borrowed(self.data.bytes);
                if big {
                    bytes.to_mut().chunks_exact_mut(element.size()).for_each(<[u8]>::reverse);
                }
                match element {
                    Element::F32 => Values::F32(bytes),
                    _ => Values::Typed(element, bytes),
                }
            }
            Type::Fixed { .. } | Type::Variable => Values::Other("texts".to_owned()),
            Type::Other(name) => Values::Other(name.to_owned()),
        };
        Entry { shape: self.shape, offset: self.data.at as u64, values }
    }
}
