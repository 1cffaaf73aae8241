//! Pickles, read as data.
//!
//! A pickle is a program for a stack machine, and Python's machine calls whatever the program names: that is how such a
//! file takes over whoever opens it. This machine knows the operations that `torch.save` writes, looks a name up in a
//! short table ([`Global`]), and makes plain values of them. Whatever else a file asks for is refused by its name; there
//! is nothing here that could run it.
//!
//! Each operation makes at most one value and costs at most its own bytes, and what copies more is charged for it, so
//! one limit on the number of operations bounds time, memory, stack and memo together.
//!
//! # Source
//! Python's `pickletools` for the operations; what PyTorch's own `weights_only` reader accepts.

use std::collections::BTreeMap;

use super::value::{Global, Id, Storage, Value, View};
use crate::container::MAX_NAME;
use crate::error::shown;

/// The most operations of a pickle. A large published net takes 12,000, a checkpoint with its optimiser a few times that.
pub(super) const MAX_OPERATIONS: u64 = 1 << 19;
/// The most axes of a tensor, before a shape of ours refuses it by the tensor's name.
const MAX_AXES: usize = 8;

/// A pickle that was read to its end.
pub(super) struct Pickle<'a> {
    pub(super) values: Vec<Value<'a>>,
    pub(super) root: Id,
    pub(super) storages: Vec<Storage<'a>>,
    pub(super) views: Vec<View>,
    /// Its length in bytes.
    pub(super) length: usize,
}

/// Why a pickle was not read.
pub(super) enum Refusal {
    /// It breaks off or contradicts itself.
    Damaged { at: usize, reason: String },
    /// It asks for what is not read from any file.
    Refused { at: usize, reason: String },
    /// It has more operations than are read.
    Long,
}

type Step<T> = Result<T, Refusal>;

/// Reads the pickle that `bytes` start with.
pub(super) fn load(bytes: &[u8]) -> Step<Pickle<'_>> {
    let mut machine = Machine {
        bytes,
        at: 0,
        start: 0,
        spent: 0,
        values: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: BTreeMap::new(),
        storages: Vec::new(),
        places: BTreeMap::new(),
        views: Vec::new(),
    };
    let root = machine.run()?;
    let Machine { values, storages, views, at, .. } = machine;
    Ok(Pickle { values, root, storages, views, length: at })
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the operation in hand starts.
    start: usize,
    spent: u64,
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Stack heights.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Id>,
    storages: Vec<Storage<'a>>,
    /// Storages by key.
    places: BTreeMap<&'a str, usize>,
    views: Vec<View>,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Step<Id> {
        loop {
            self.start = self.at;
            self.spend(1)?;
            let [operation] = self.array()?;
            match operation {
                b'.' => return self.pop(),
                0x80 => match self.array()? {
                    [2..=5] => {}
                    [protocol] => return Err(self.refused(format!("pickle protocol {protocol}"))),
                },
                // A frame's length matters to those who read from a stream.
                0x95 => drop(self.take(8)?),
                b'(' => self.marks.push(self.stack.len()),
                b'q' | b'r' | 0x94 | b'h' | b'j' => self.memo(operation)?,
                b')' | b't' | 0x85..=0x87 | b']' | b'}' | 0x8f => self.container(operation)?,
                b'a' | b'e' | b's' | b'u' | 0x90 | 0x91 => self.fill(operation)?,
                b'c' | 0x93 => self.global(operation)?,
                b'R' | 0x81 => self.call(operation)?,
                b'b' => self.build()?,
                b'Q' => self.persistent()?,
                _ => self.scalar(operation)?,
            }
        }
    }

    fn damaged(&self, reason: impl Into<String>) -> Refusal {
        Refusal::Damaged { at: self.start, reason: reason.into() }
    }

    fn refused(&self, reason: impl Into<String>) -> Refusal {
        Refusal::Refused { at: self.start, reason: reason.into() }
    }

    fn spend(&mut self, operations: usize) -> Step<()> {
        self.spent += operations as u64;
        if self.spent > MAX_OPERATIONS { Err(Refusal::Long) } else { Ok(()) }
    }

    fn take(&mut self, length: u64) -> Step<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let Some(taken) = taken else { return Err(self.damaged("a pickle is cut short in the operation")) };
        self.at += taken.len();
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        let bytes = self.take(N as u64)?;
        bytes.try_into().map_err(|_| self.damaged("a pickle is cut short"))
    }

    /// Bytes after their length of `N` bytes.
    fn counted<const N: usize>(&mut self) -> Step<&'a [u8]> {
        let mut length = [0; 8];
        length[..N].copy_from_slice(&self.array::<N>()?);
        self.take(u64::from_le_bytes(length))
    }

    /// The text up to a line's end.
    fn line(&mut self) -> Step<&'a str> {
        let rest = &self.bytes[self.at..];
        let rest = &rest[..rest.len().min(MAX_NAME as usize + 1)];
        let line = rest.iter().position(|byte| *byte == b'\n').map(|end| &rest[..end]);
        let Some(text) = line.and_then(|line| std::str::from_utf8(line).ok()) else {
            return Err(self.damaged("a name in a pickle has no end or is no text"));
        };
        self.at += text.len() + 1;
        Ok(text)
    }

    fn text(&self, bytes: &'a [u8]) -> Step<Value<'a>> {
        let text = std::str::from_utf8(bytes).map_err(|_| self.damaged("a text in a pickle is not UTF-8"));
        text.map(Value::Text)
    }

    fn push(&mut self, value: Value<'a>) {
        self.stack.push(self.values.len() as Id);
        self.values.push(value);
    }

    /// Where the stack's part above the last mark starts.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Step<Id> {
        let id = (self.stack.len() > self.floor()).then(|| self.stack.pop()).flatten();
        id.ok_or_else(|| self.damaged("a pickle takes more than it has put down"))
    }

    fn top(&self) -> Step<Id> {
        let id = (self.stack.len() > self.floor()).then(|| self.stack.last().copied()).flatten();
        id.ok_or_else(|| self.damaged("a pickle takes more than it has put down"))
    }

    fn pop_mark(&mut self) -> Step<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| self.damaged("a pickle has no mark to go back to"))?;
        Ok(self.stack.split_off(mark))
    }

    fn value(&self, id: Id) -> &Value<'a> {
        // Places are made by `push` alone.
        &self.values[id as usize]
    }

    fn scalar(&mut self, operation: u8) -> Step<()> {
        let value = match operation {
            b'N' => Value::None,
            0x88 | 0x89 => Value::Ignored,
            b'K' => Value::Int(u8::from_le_bytes(self.array()?).into()),
            b'M' => Value::Int(u16::from_le_bytes(self.array()?).into()),
            b'J' => Value::Int(i32::from_le_bytes(self.array()?).into()),
            0x8a => long(self.counted::<1>()?),
            0x8b => long(self.counted::<4>()?),
            b'G' => self.take(8).map(|_| Value::Ignored)?,
            0x8c => self.counted::<1>().and_then(|bytes| self.text(bytes))?,
            b'X' => self.counted::<4>().and_then(|bytes| self.text(bytes))?,
            0x8d => self.counted::<8>().and_then(|bytes| self.text(bytes))?,
            // Texts of Python 2, or bytes.
            b'U' => self.counted::<1>().map(|bytes| self.text(bytes).unwrap_or(Value::Ignored))?,
            b'T' => self.counted::<4>().map(|bytes| self.text(bytes).unwrap_or(Value::Ignored))?,
            b'C' => self.counted::<1>().map(|_| Value::Ignored)?,
            b'B' => self.counted::<4>().map(|_| Value::Ignored)?,
            0x8e | 0x96 => self.counted::<8>().map(|_| Value::Ignored)?,
            _ => return Err(self.refused(format!("pickle operation {}", name(operation)))),
        };
        self.push(value);
        Ok(())
    }

    fn memo(&mut self, operation: u8) -> Step<()> {
        let key = match operation {
            b'q' | b'h' => u8::from_le_bytes(self.array()?).into(),
            b'r' | b'j' => u32::from_le_bytes(self.array()?),
            _ => self.memo.len() as u32,
        };
        if matches!(operation, b'h' | b'j') {
            let id = self.memo.get(&key).copied();
            let id = id.ok_or_else(|| self.damaged(format!("a pickle has kept nothing under {key}")))?;
            self.stack.push(id);
        } else {
            self.memo.insert(key, self.top()?);
        }
        Ok(())
    }

    /// Makes a container.
    fn container(&mut self, operation: u8) -> Step<()> {
        let value = match operation {
            b'}' => Value::Dict(Vec::new()),
            b']' => Value::List(Vec::new()),
            0x8f => Value::Ignored,
            b')' => Value::Tuple(Vec::new()),
            b't' => Value::Tuple(self.pop_mark()?),
            _ => {
                let mut items = (0..operation - 0x84).map(|_| self.pop()).collect::<Step<Vec<Id>>>()?;
                items.reverse();
                Value::Tuple(items)
            }
        };
        self.push(value);
        Ok(())
    }

    /// Fills a container that was made.
    fn fill(&mut self, operation: u8) -> Step<()> {
        let items = match operation {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.pop_mark()?,
        };
        if operation == 0x91 {
            self.push(Value::Ignored);
            return Ok(());
        }
        let target = self.top()?;
        match (operation, &mut self.values[target as usize]) {
            (b'a' | b'e', Value::List(list)) => list.extend(items),
            (b's' | b'u', Value::Dict(dict)) if items.len() % 2 == 0 => {
                dict.extend(items.as_chunks::<2>().0.iter().map(|[key, value]| (*key, *value)));
            }
            (_, Value::Ignored) => {}
            _ => return Err(self.damaged("a pickle fills what is no list or dict")),
        }
        Ok(())
    }

    fn global(&mut self, operation: u8) -> Step<()> {
        let (module, global) = if operation == b'c' {
            (self.line()?, self.line()?)
        } else {
            let (global, module) = (self.pop()?, self.pop()?);
            match (self.value(module), self.value(global)) {
                (Value::Text(module), Value::Text(global)) => (*module, *global),
                _ => return Err(self.damaged("a pickle asks for something by what is no text")),
            }
        };
        let Some(resolved) = Global::resolve(module, global) else {
            let wanted = shown(&format!("{module}.{global}"));
            return Err(self.refused(format!("pickle operation {} of '{wanted}'", name(operation))));
        };
        self.push(Value::Global(resolved));
        Ok(())
    }

    /// What a call of a known name would make.
    fn call(&mut self, operation: u8) -> Step<()> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let Value::Tuple(arguments) = self.value(arguments) else {
            return Err(self.damaged("a pickle calls something without a tuple of arguments"));
        };
        let arguments = arguments.get(..arguments.len().min(MAX_AXES)).unwrap_or_default().to_vec();
        let Value::Global(global) = *self.value(callee) else {
            return Err(
                self.refused(format!("pickle operation {} of what is no known name", name(operation)))
            );
        };
        match global {
            Global::OrderedDict => {
                let items = self.pairs(&arguments)?;
                self.push(Value::Dict(items));
            }
            Global::Size => match arguments.first().map(|id| self.value(*id)) {
                Some(Value::Tuple(_)) => self.stack.push(arguments[0]),
                None => self.push(Value::Tuple(Vec::new())),
                Some(_) => return Err(self.damaged("a size in a pickle is no tuple")),
            },
            Global::RebuildTensor if operation == b'R' => self.rebuild(&arguments)?,
            Global::RebuildParameter if operation == b'R' => {
                match arguments.first().map(|id| self.value(*id)) {
                    Some(Value::Tensor(_)) => self.stack.push(arguments[0]),
                    _ => return Err(self.damaged("a parameter in a pickle is no tensor")),
                }
            }
            Global::Ignored => self.push(Value::Ignored),
            _ => return Err(self.refused(format!("pickle operation {} of a type", name(operation)))),
        }
        Ok(())
    }

    /// The items of an `OrderedDict(…)`: none, or a list of pairs as Python 2 wrote them.
    fn pairs(&mut self, arguments: &[Id]) -> Step<Vec<(Id, Id)>> {
        let Some(list) = arguments.first() else { return Ok(Vec::new()) };
        let Value::List(list) = self.value(*list) else {
            return Err(self.damaged("an OrderedDict in a pickle is made of no list"));
        };
        let length = list.len();
        let pairs = list.iter().map(|pair| match self.value(*pair) {
            Value::List(pair) | Value::Tuple(pair) => pair.as_array().map(|[key, value]| (*key, *value)),
            _ => None,
        });
        // A list may be used many times over: its copies are charged for.
        let pairs =
            pairs.take(MAX_OPERATIONS.saturating_sub(self.spent) as usize).collect::<Option<Vec<_>>>();
        self.spend(length)?;
        pairs.ok_or_else(|| self.damaged("an OrderedDict in a pickle is made of no pairs"))
    }

    fn rebuild(&mut self, arguments: &[Id]) -> Step<()> {
        let wrong = || self.damaged("a tensor in a pickle is not described as PyTorch does");
        let [storage, offset, sizes, strides, ..] = *arguments else { return Err(wrong()) };
        let (&Value::Storage(storage), &Value::Int(offset)) = (self.value(storage), self.value(offset))
        else {
            return Err(wrong());
        };
        let numbers = |id: Id| match self.value(id) {
            Value::Tuple(items) if items.len() <= MAX_AXES => {
                let number = |id: &Id| match self.value(*id) {
                    Value::Int(value) => u64::try_from(*value).ok(),
                    _ => None,
                };
                items.iter().map(number).collect::<Option<Vec<u64>>>()
            }
            _ => None,
        };
        let view = (u64::try_from(offset).ok(), numbers(sizes), numbers(strides));
        let (Some(offset), Some(sizes), Some(strides)) = view else {
            let what = "a tensor's offset, sizes or strides are negative, too many or no numbers";
            return Err(self.damaged(what));
        };
        if sizes.len() != strides.len() {
            return Err(self.damaged("a tensor has more sizes than strides, or fewer"));
        }
        let place = self.views.len();
        self.views.push(View { storage, offset, sizes, strides });
        self.push(Value::Tensor(place));
        Ok(())
    }

    /// State that is given to an object: of a dict it is what Python keeps beside the items.
    fn build(&mut self) -> Step<()> {
        self.pop()?;
        match self.value(self.top()?) {
            Value::Dict(_) | Value::Ignored => Ok(()),
            _ => Err(self.refused("pickle operation BUILD of what is no dict")),
        }
    }

    /// A storage, by `('storage', type, key, device, count)` and, in older files, a view that must be none.
    fn persistent(&mut self) -> Step<()> {
        let id = self.pop()?;
        let Value::Tuple(items) = self.value(id) else {
            return Err(self.refused("pickle operation BINPERSID of no tuple"));
        };
        let parts: Vec<&Value<'a>> = items.iter().take(MAX_AXES).map(|id| self.value(*id)).collect();
        let storage = match *parts {
            [
                Value::Text("storage"),
                Value::Global(Global::Storage(element)),
                Value::Text(key),
                _,
                Value::Int(count),
            ]
            | [
                Value::Text("storage"),
                Value::Global(Global::Storage(element)),
                Value::Text(key),
                _,
                Value::Int(count),
                Value::None,
            ] => u64::try_from(*count).ok().map(|count| Storage { key, element: *element, count }),
            [
                Value::Text("storage"),
                Value::Global(Global::Storage(_)),
                Value::Text(_),
                _,
                Value::Int(_),
                _,
            ] => {
                return Err(self.refused("a storage that is a view of another"));
            }
            _ => None,
        };
        let Some(storage) = storage else {
            return Err(self.refused("pickle operation BINPERSID of what is no storage"));
        };
        let place = *self.places.entry(storage.key).or_insert(self.storages.len());
        match self.storages.get(place) {
            Some(known) if *known != storage => {
                return Err(
                    self.damaged(format!("storage '{}' is described in two ways", shown(storage.key)))
                );
            }
            Some(_) => {}
            None => self.storages.push(storage),
        }
        self.push(Value::Storage(place));
        Ok(())
    }
}

/// A little-endian integer in two's complement.
fn long(bytes: &[u8]) -> Value<'_> {
    let mut wide = [if bytes.last().is_some_and(|byte| *byte > 127) { 0xff } else { 0 }; 8];
    match wide.get_mut(..bytes.len()) {
        Some(low) => {
            low.copy_from_slice(bytes);
            Value::Int(i64::from_le_bytes(wide))
        }
        None => Value::Long(bytes),
    }
}

/// What Python calls an operation that is refused.
fn name(operation: u8) -> String {
    let name = match operation {
        b'c' => "GLOBAL",
        0x93 => "STACK_GLOBAL",
        b'R' => "REDUCE",
        0x81 => "NEWOBJ",
        0x92 => "NEWOBJ_EX",
        b'i' => "INST",
        b'o' => "OBJ",
        b'P' => "PERSID",
        0x82 => "EXT1",
        0x83 => "EXT2",
        0x84 => "EXT4",
        b'0' => "POP",
        b'1' => "POP_MARK",
        b'2' => "DUP",
        b'I' => "INT",
        b'L' => "LONG",
        b'F' => "FLOAT",
        b'S' => "STRING",
        b'V' => "UNICODE",
        b'p' => "PUT",
        b'g' => "GET",
        b'd' => "DICT",
        b'l' => "LIST",
        0x97 => "NEXT_BUFFER",
        0x98 => "READONLY_BUFFER",
        _ => return format!("{operation:#04x}"),
    };
    name.to_owned()
}
