//! From a pickle's values to named tensors: the state dict in it, and each tensor's values out of its storage.

use std::borrow::Cow;
use std::collections::BTreeMap;

use icecap_kernels::Shape;

use super::pickle::Pickle;
use super::reader::Reader;
use super::storage::{Order, Stored};
use super::value::{Element, Id, Value, View};
use crate::Error;
use crate::container::{Entry, Values, check_name};
use crate::shown::shown;

/// Keys under which a checkpoint keeps the tensors, the first that does counts.
const NESTED: [&str; 4] = ["state_dict", "model_state_dict", "model", "model_ema"];
/// What training on several devices puts before every name.
const PARALLEL: &str = "module.";
/// The most bytes that tensors have beyond the file's own length. Tensors may share a storage, and each is copied.
const MAX_SHARED: u64 = 64 << 20;

/// The tensors that the pickle names.
pub(super) fn entries<'a>(
    reader: &Reader<'_>,
    pickle: &Pickle<'_>,
    stored: &[Option<Stored<'a>>],
    order: Order,
    place: &dyn Fn(usize) -> u64,
) -> Result<BTreeMap<String, Entry<'a>>, Error> {
    let start = place(0);
    let Some(named) = state_dict(pickle) else {
        return Err(reader.refused(start, "a pickle without tensors by name".to_owned()));
    };
    reader.check_count(named.len())?;
    let mut room = reader.length + MAX_SHARED;
    let mut entries = BTreeMap::new();
    for (name, index) in named {
        let name = name.strip_prefix(PARALLEL).unwrap_or(name);
        let view = &pickle.views[index];
        let offset = stored[view.storage].as_ref().map_or(start, |stored| stored.offset);
        let refuse = |reason: String| reader.tensor(name, offset, reason);
        check_name(name).map_err(refuse)?;
        let entry = read(pickle, view, stored, order, &mut room).map_err(refuse)?;
        if entries.insert(name.to_owned(), entry).is_some() {
            return Err(refuse("the name stands twice".to_owned()));
        }
    }
    Ok(entries)
}

/// The tensors of the dict in the pickled one that checkpoints keep them in, or of the pickled one itself. The inner one
/// goes first: a checkpoint may hold a loss beside it, which is a tensor too.
fn state_dict<'a>(pickle: &Pickle<'a>) -> Option<Vec<(&'a str, usize)>> {
    let items = |id: Id| match &pickle.values[id as usize] {
        Value::Dict(items) => &items[..],
        _ => &[],
    };
    let key = |id: Id| match pickle.values[id as usize] {
        Value::Text(key) => Some(key),
        _ => None,
    };
    let tensors = |id: Id| {
        let named = items(id).iter().filter_map(|(name, value)| match pickle.values[*value as usize] {
            Value::Tensor(index) => Some((key(*name)?, index)),
            _ => None,
        });
        let named: Vec<(&str, usize)> = named.collect();
        (!named.is_empty()).then_some(named)
    };
    let top = items(pickle.root);
    let nested = NESTED.iter().find_map(|wanted| {
        // Of equal keys the last counts, as in a dict; to look at each would take as long as their number squared.
        let of_it = top.iter().rev().find(|(name, _)| key(*name) == Some(wanted));
        of_it.and_then(|(_, inner)| tensors(*inner))
    });
    nested.or_else(|| tensors(pickle.root))
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
    if end > count || elements > count {
        return Err(format!(
            "shape {shape} at {} with strides {:?} does not fit its storage of {} values",
            view.offset, view.strides, count
        ));
    }
    let offset =
        stored.offset + if matches!(stored.bytes, Cow::Borrowed(_)) { view.offset * size } else { 0 };
    if let Element::Other(dtype, _) = view.element {
        return Ok(Entry { shape, offset, values: Values::Other(dtype.to_owned()) });
    }
    let left = elements.checked_mul(size).and_then(|bytes| room.checked_sub(bytes));
    *room = left.ok_or("tensors share storages too often; save each with a storage of its own")?;
    let values = values(view, shape, stored, order);
    Ok(Entry { shape, offset, values: Values::F32(values) })
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

/// The values that a checked view of f32 looks at, in its own order: as they lie in the file where they do so in one
/// run.
fn values<'a>(view: &View, shape: Shape, stored: &Stored<'a>, order: Order) -> Cow<'a, [u8]> {
    const SIZE: usize = size_of::<f32>();
    let start = view.offset as usize * SIZE;
    let length = shape.elements() * SIZE;
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
        values.to_mut().as_chunks_mut::<SIZE>().0.iter_mut().for_each(|value| value.reverse());
    }
    values
}

/// Copies values that do not lie in one run, such as those saved in `channels_last`.
fn gather(view: &View, shape: Shape, bytes: &[u8]) -> Vec<u8> {
    const SIZE: usize = size_of::<f32>();
    let mut values = Vec::with_capacity(shape.elements() * SIZE);
    let mut index = vec![0; view.sizes.len()];
    let mut at = view.offset;
    for _ in 0..shape.elements() {
        let start = at as usize * SIZE;
        values.extend_from_slice(&bytes[start..start + SIZE]);
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
