//! Pickles, read as data.
//!
//! A pickle is a program for a stack machine, and Python's machine calls whatever the program names: that is how such a
//! file takes over whoever opens it. This machine knows the operations that `torch.save` writes, looks a name up in a
//! short table ([`Global`]), and makes plain values of them. Whatever else a file asks for is passed over: what it would be
//! made of is noted ([`Object`]), and there is nothing here that could make it. A file that asks for what only harm is done
//! with is refused by that name.
//!
//! Each operation makes at most one value and costs at most its own bytes, and what copies more is charged for it, so
//! one limit on the number of operations bounds time, memory, stack and memo together.
//!
//! # Source
//! Python's `pickletools` for the operations; what PyTorch's own `weights_only` reader accepts.

use std::collections::BTreeMap;

use super::value::{Global, Id, Object, Storage, Value, View};
use crate::container::MAX_NAME;
use crate::shown::shown;

/// The most operations of a pickle. A large published net takes 12,000, a checkpoint with its optimizer a few times that.
pub(super) const MAX_OPERATIONS: u64 = 1 << 19;

/// A pickle that was read to its end.
pub(super) struct Pickle<'a> {
    pub(super) values: Vec<Value<'a>>,
    pub(super) root: Id,
    pub(super) storages: Vec<Storage<'a>>,
    pub(super) views: Vec<View>,
    pub(super) objects: Vec<Object>,
    /// Names that are not known here, by module and name.
    pub(super) names: Vec<(&'a str, &'a str)>,
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

pub(super) type Step<T> = Result<T, Refusal>;

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
        objects: Vec::new(),
        names: Vec::new(),
    };
    let root = machine.run()?;
    let Machine { values, storages, views, objects, names, at, .. } = machine;
    Ok(Pickle { values, root, storages, views, objects, names, length: at })
}

pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the operation in hand starts.
    start: usize,
    pub(super) spent: u64,
    pub(super) values: Vec<Value<'a>>,
    pub(super) stack: Vec<Id>,
    /// Stack heights.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Id>,
    pub(super) storages: Vec<Storage<'a>>,
    /// Storages by key.
    pub(super) places: BTreeMap<&'a str, usize>,
    pub(super) views: Vec<View>,
    pub(super) objects: Vec<Object>,
    names: Vec<(&'a str, &'a str)>,
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
                b'q' | b'r' | 0x94 | b'h' | b'j' | b'p' | b'g' => self.memo(operation)?,
                b')' | b't' | 0x85..=0x87 | b']' | b'}' | 0x8f | b'l' | b'd' => self.container(operation)?,
                b'a' | b'e' | b's' | b'u' | 0x90 | 0x91 => self.fill(operation)?,
                b'c' | 0x93 => self.global(operation)?,
                b'R' | 0x81 | 0x92 | b'i' | b'o' => self.call(operation)?,
                b'b' => self.build()?,
                b'Q' | b'P' => self.persistent(operation)?,
                b'0' | b'1' | b'2' => self.shuffle(operation)?,
                _ => self.scalar(operation)?,
            }
        }
    }

    pub(super) fn damaged(&self, reason: impl Into<String>) -> Refusal {
        Refusal::Damaged { at: self.start, reason: reason.into() }
    }

    pub(super) fn refused(&self, reason: impl Into<String>) -> Refusal {
        Refusal::Refused { at: self.start, reason: reason.into() }
    }

    pub(super) fn spend(&mut self, operations: usize) -> Step<()> {
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
    pub(super) fn line(&mut self) -> Step<&'a str> {
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

    pub(super) fn push(&mut self, value: Value<'a>) {
        let id = self.kept(value);
        self.stack.push(id);
    }

    /// The place of a value that is not on the stack.
    pub(super) fn kept(&mut self, value: Value<'a>) -> Id {
        self.values.push(value);
        (self.values.len() - 1) as Id
    }

    /// Where the stack's part above the last mark starts.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(super) fn pop(&mut self) -> Step<Id> {
        let id = (self.stack.len() > self.floor()).then(|| self.stack.pop()).flatten();
        id.ok_or_else(|| self.damaged("a pickle takes more than it has put down"))
    }

    pub(super) fn top(&self) -> Step<Id> {
        let id = (self.stack.len() > self.floor()).then(|| self.stack.last().copied()).flatten();
        id.ok_or_else(|| self.damaged("a pickle takes more than it has put down"))
    }

    pub(super) fn pop_mark(&mut self) -> Step<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| self.damaged("a pickle has no mark to go back to"))?;
        Ok(self.stack.split_off(mark))
    }

    pub(super) fn value(&self, id: Id) -> &Value<'a> {
        // Places are made by `kept` alone.
        &self.values[id as usize]
    }

    /// Throws away, or puts down again, what is on the stack.
    fn shuffle(&mut self, operation: u8) -> Step<()> {
        match operation {
            b'2' => self.stack.push(self.top()?),
            // Above a mark alone, it is the mark that goes.
            b'0' if self.marks.last() != Some(&self.stack.len()) => drop(self.pop()?),
            _ => drop(self.pop_mark()?),
        }
        Ok(())
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
            b'I' | b'L' => {
                let line = self.line()?;
                line.trim_end_matches('L').parse().map_or(Value::Ignored, Value::Int)
            }
            b'F' | b'S' => self.line().map(|_| Value::Ignored)?,
            b'V' => match self.line()? {
                escaped if escaped.contains('\\') => Value::Ignored,
                text => Value::Text(text),
            },
            _ => return Err(self.refused(format!("pickle operation {}", name(operation)))),
        };
        self.push(value);
        Ok(())
    }

    fn memo(&mut self, operation: u8) -> Step<()> {
        let key = match operation {
            b'q' | b'h' => u8::from_le_bytes(self.array()?).into(),
            b'r' | b'j' => u32::from_le_bytes(self.array()?),
            b'p' | b'g' => {
                let key = self.line()?.parse();
                key.map_err(|_| self.damaged("a pickle keeps something under what is no number"))?
            }
            _ => self.memo.len() as u32,
        };
        if matches!(operation, b'h' | b'j' | b'g') {
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
            b'l' => Value::List(self.pop_mark()?),
            b'd' => match self.pop_mark()?.as_chunks::<2>() {
                (pairs, []) => Value::Dict(pairs.iter().map(|[key, value]| (*key, *value)).collect()),
                _ => return Err(self.damaged("a dict in a pickle has a key without a value")),
            },
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
        if let Value::Object(place) = self.values[target as usize] {
            if matches!(operation, b's' | b'u') {
                let pairs = items.as_chunks::<2>().0.iter().map(|[key, value]| (*key, *value));
                self.objects[place].items.extend(pairs);
            }
            return Ok(());
        }
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
        let resolved = self.named(module, global)?;
        self.push(Value::Global(resolved));
        Ok(())
    }

    /// What a name stands for.
    pub(super) fn named(&mut self, module: &'a str, name: &'a str) -> Step<Global> {
        if Global::is_harmful(module, name) {
            let wanted = shown(&format!("{module}.{name}"));
            return Err(self.refused(format!("a call of '{wanted}', which no weights need,")));
        }
        Ok(Global::resolve(module, name).unwrap_or_else(|| {
            self.names.push((module, name));
            Global::Unknown(self.names.len() - 1)
        }))
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
pub(super) fn name(operation: u8) -> String {
    let name = match operation {
        b'R' => "REDUCE",
        0x81 => "NEWOBJ",
        0x92 => "NEWOBJ_EX",
        b'i' => "INST",
        b'o' => "OBJ",
        0x82 => "EXT1",
        0x83 => "EXT2",
        0x84 => "EXT4",
        0x97 => "NEXT_BUFFER",
        0x98 => "READONLY_BUFFER",
        _ => return format!("{operation:#04x}"),
    };
    name.to_owned()
}
