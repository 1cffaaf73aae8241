//! From a pickle's values to named tensors: the dicts of tensors in it, and each tensor's values out of its storage.

use std::borrow::Cow;
use std::collections::BTreeMap;

use icecap_kernels::Shape;

use super::dicts::{Found, find};
use super::pickle::Pickle;
use super::reader::Reader;
use super::storage::{Order, Stored};
use super::value::{Element, View};
use crate::container::{Container, Dict, Element as Float, Entry, Values, check_name};
use crate::shown::shown;
use crate::{Error, OtherForm};

/// The most bytes that tensors have beyond the file's own length. Tensors may share a storage, and each is copied.
const MAX_SHARED: u64 = 64 << 20;

/// A pickle that was read, and the storages that its tensors look into.
pub(super) struct Tensors<'t, 'p, 'a> {
    pub(super) pickle: &'t Pickle<'p>,
    pub(super) stored: &'t [Option<Stored<'a>>],
    pub(super) order: Order,
    /// Where the pickle starts.
    pub(super) start: u64,
}

impl<'a> Tensors<'_, '_, 'a> {
    /// The file's dicts of tensors, the one with the most in hand.
    pub(super) fn container(&self, reader: &Reader<'_>) -> Result<Container<'a>, Error> {
        let found = find(self.pickle);
        let mut room = reader.length + MAX_SHARED;
        let mut dicts = found.dicts.iter().map(|dict| Dict {
            place: dict.place.clone(),
            names: dict
                .named
                .iter()
                .map(|named| named.0)
                .chain(dict.others.iter().map(|other| other.0))
                .map(str::to_owned)
                .collect(),
            entries: self.entries(reader, dict, &mut room),
        });
        let Some(first) = dicts.next() else {
            return Err(match found.module {
                Some(class) => {
                    let way = OtherForm::saving(&format!("{}.state_dict()", OtherForm::loading(reader.path)));
                    let form = OtherForm::WholeModule { class: shown(&class), way };
                    Error::OtherForm { path: reader.path.into(), form }
                }
                None => reader.refused(self.start, "a pickle without tensors by name".to_owned()),
            });
        };
        let others = dicts.collect();
        let container = Container::new(reader.path, reader.kind, BTreeMap::new(), first.entries?);
        Ok(container.among(first.place, others, found.passed_over))
    }

    /// The tensors of one dict. `room` is how many bytes of values may still be had.
    fn entries(
        &self,
        reader: &Reader<'_>,
        dict: &Found<'_>,
        room: &mut u64,
    ) -> Result<BTreeMap<String, Entry<'a>>, Error> {
        reader.check_count(dict.named.len())?;
        if let Some((name, maker)) = dict.others.first() {
            let kind = match *maker {
                "_rebuild_qtensor" => "quantized".to_owned(),
                "_rebuild_sparse_tensor" | "_rebuild_sparse_csr_tensor" => "sparse".to_owned(),
                maker => format!("made by '{}'", shown(maker)),
            };
            let reason = format!("it is {kind}, which is not read; save plain values of f32, or f16");
            return Err(reader.tensor(name, self.start, reason));
        }
        let mut entries = BTreeMap::new();
        for &(name, index) in &dict.named {
            let view = &self.pickle.views[index];
            let offset = self.stored[view.storage].as_ref().map_or(self.start, |stored| stored.offset);
            let refuse = |reason: String| reader.tensor(name, offset, reason);
            check_name(name).map_err(refuse)?;
            let entry = read(self.pickle, view, self.stored, self.order, room).map_err(refuse)?;
            if entries.insert(name.to_owned(), entry).is_some() {
                return Err(refuse("the name stands twice".to_owned()));
            }
        }
        Ok(entries)
    }
}

/// One tensor. `room` is how many bytes of values may still be had.
fn read<'a>(
    pickle: &Pickle<'_>,
    view: &View,
    stored: &[Option<Stored<'a>>],
    order: Order,
    room: &mut u64,
) -> Result<Entry<'a>, String> {
    let storage = pickle.storages[view.storage];
    let Some(stored) = &stored[view.storage] else {
        return Err(format!("its storage '{}' is not in the file", shown(storage.key)));
    };
    let length = stored.bytes.len() as u64;
    if storage.count.checked_mul(storage.element.size()) != Some(length) {
        return Err(format!(
            "its storage has {length} bytes, where {} values are stated; the file is cut short",
            storage.count
        ));
    }
    let size = view.element.size();
    let count = length / size;
    let dims: Option<Vec<usize>> = view.sizes.iter().map(|&size| usize::try_from(size).ok()).collect();
    let dims = dims.ok_or_else(|| format!("shape {:?} does not fit memory", view.sizes))?;
    let shape = Shape::new(&dims).map_err(|error| error.to_string())?;
    let elements = shape.elements() as u64;
    let end = end(view).ok_or("its sizes and strides overflow")?;
    // A stride of zero repeats values, so there may be more of them than the storage has: `room` is their limit.
    if end > count {
        return Err(format!(
            "shape {shape} at {} with strides {:?} does not fit its storage of {} values",
            view.offset, view.strides, count
        ));
    }
    let offset =
        stored.offset + if matches!(stored.bytes, Cow::Borrowed(_)) { view.offset * size } else { 0 };
    let float = match view.element {
        Element::Float(float) => float,
        Element::Other(dtype, _) => {
            return Ok(Entry { shape, offset, values: Values::Other(dtype.to_owned()) });
        }
    };
    let left = elements.checked_mul(size).and_then(|bytes| room.checked_sub(bytes));
    *room = left.ok_or("tensors share storages too often; save each with a storage of its own")?;
    let values = values(view, shape, stored, order);
    let values = match float {
        Float::F32 => Values::F32(values),
        _ => Values::Typed(float, values),
    };
    Ok(Entry { shape, offset, values })
}

/// The place behind the last value that a view looks at, in values of its storage.
fn end(view: &View) -> Option<u64> {
    if view.sizes.contains(&0) {
        return Some(view.offset);
    }
    let mut last = view.offset;
    for (size, stride) in view.sizes.iter().zip(&view.strides) {
        last = last.checked_add((size - 1).checked_mul(*stride)?)?;
    }
    last.checked_add(1)
}

/// The values that a checked view of floats looks at, in its own order: as they lie in the file where they do so in one
/// run.
fn values<'a>(view: &View, shape: Shape, stored: &Stored<'a>, order: Order) -> Cow<'a, [u8]> {
    let size = view.element.size() as usize;
    let start = view.offset as usize * size;
    let length = shape.elements() * size;
    let mut next = 1;
    let dense = view.sizes.iter().zip(&view.strides).rev().all(|(size, stride)| {
        let here = *size == 1 || *stride == next;
        next = next.saturating_mul(*size);
        here
    });
    let mut values = if shape.elements() == 0 {
        Cow::Borrowed(&[][..])
    } else if dense {
        match &stored.bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[start..start + length]),
            Cow::Owned(bytes) => Cow::Owned(bytes[start..start + length].to_vec()),
        }
    } else {
        Cow::Owned(gather(view, shape, &stored.bytes))
    };
    if order == Order::Big {
        values.to_mut().chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    values
}

/// Copies values that do not lie in one run, such as those saved in `channels_last`.
fn gather(view: &View, shape: Shape, bytes: &[u8]) -> Vec<u8> {
    let size = view.element.size() as usize;
    let mut values = Vec::with_capacity(shape.elements() * size);
    let mut index = vec![0; view.sizes.len()];
    let mut at = view.offset;
    for _ in 0..shape.elements() {
        let start = at as usize * size;
        values.extend_from_slice(&bytes[start..start + size]);
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            // The stride of an axis of one value may be anything: it goes out as it came in.
            at = at.wrapping_add(view.strides[axis]);
            if index[axis] < view.sizes[axis] {
                break;
            }
            at = at.wrapping_sub(view.strides[axis].wrapping_mul(view.sizes[axis]));
            index[axis] = 0;
        }
    }
    values
}
