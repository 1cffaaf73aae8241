//! The tables of a TFLite file, as far as a net's weights need them.
//!
//! The numbers are those of the public schema, `schema.fbs`.

use std::borrow::Cow;

use super::table::{Damage, Table};
use crate::container::limit::MAX_TENSORS;
use crate::traced::{Constant, Steps, Stored};

/// The four letters of a TFLite file.
pub(super) const KIND: &[u8; 4] = b"TFL3";
/// The most operators of a graph: hundreds of nets.
const MAX_OPERATORS: usize = 1 << 14;
/// The most values that an operator reads or gives, or that the graph does.
const MAX_PORTS: usize = 128;
/// The most sides of a shape.
const MAX_SIDES: usize = 64;
/// The most scales of a tensor, and of all tensors: many may share a list, and each copies it.
const MAX_SCALES: usize = 1 << 17;
const MAX_ALL_SCALES: usize = 4 << 20;
/// The most tables of another kind.
const MAX_TABLES: usize = 2 * MAX_TENSORS as usize;

/// A file's first graph, and its metadata.
#[derive(Debug)]
pub(super) struct Model<'a> {
    pub(super) description: &'a str,
    /// How many graphs the file has; the first is read.
    pub(super) graphs: usize,
    pub(super) tensors: Vec<Tensor<'a>>,
    pub(super) inputs: Vec<i32>,
    pub(super) outputs: Vec<i32>,
    pub(super) operators: Vec<Operator<'a>>,
    /// Pieces of metadata by their names, with where each starts in the file.
    pub(super) metadata: Vec<(&'a str, &'a [u8], u64)>,
}

/// A tensor: a constant, or a value that is computed.
#[derive(Debug)]
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    /// The number of the element type.
    pub(super) element: u8,
    pub(super) shape: Vec<i32>,
    /// The same with -1 for sides that are open; empty if none is.
    pub(super) signature: Vec<i32>,
    /// What its integers stand for.
    pub(super) steps: Option<Steps>,
    /// `None` for a value that is computed.
    pub(super) constant: Option<Result<Constant<'a>, String>>,
}

/// An operator.
#[derive(Debug)]
pub(super) struct Operator<'a> {
    pub(super) code: i32,
    /// The name of an operator of somebody's own.
    pub(super) custom: &'a str,
    pub(super) inputs: Vec<i32>,
    pub(super) outputs: Vec<i32>,
    pub(super) options: Option<Table<'a>>,
}

/// Reads a whole file.
pub(super) fn model(bytes: &[u8]) -> Result<Model<'_>, Damage> {
    let root = Table::root(bytes, 0)?;
    let buffers = root.tables(4, MAX_TABLES)?;
    let graphs = root.tables(2, MAX_TABLES)?;
    let Some(graph) = graphs.first() else {
        return Err(Damage { at: root.place(), reason: "the file holds no graph".to_owned() });
    };
    let codes: Vec<(i32, &str)> =
        root.tables(1, MAX_TABLES)?.into_iter().map(code).collect::<Result<_, _>>()?;
    let (mut tensors, mut scales) = (Vec::new(), 0);
    for table in graph.tables(0, MAX_TABLES)? {
        let tensor = tensor(table, &buffers)?;
        scales += tensor.steps.as_ref().map_or(0, |steps| steps.scales.len());
        if scales > MAX_ALL_SCALES {
            let reason = format!("more than {MAX_ALL_SCALES} scales in all");
            return Err(Damage { at: table.place(), reason });
        }
        tensors.push(tensor);
    }
    let operators = graph.tables(3, MAX_OPERATORS)?.into_iter().map(|table| operator(table, &codes));
    let operators = operators.collect::<Result<_, _>>()?;
    let mut metadata = Vec::new();
    for table in root.tables(6, MAX_TABLES)? {
        let index = usize::try_from(table.int(1, 0)?).ok();
        if let Some(buffer) = index.and_then(|index| buffers.get(index)) {
            let (content, at) = buffer.bytes(0)?;
            metadata.push((table.text(0)?, content, at));
        }
    }
    Ok(Model {
        description: root.text(3)?,
        graphs: graphs.len(),
        tensors,
        inputs: graph.ints(1, MAX_PORTS)?,
        outputs: graph.ints(2, MAX_PORTS)?,
        operators,
        metadata,
    })
}

/// The code of an operator: in the one byte that it had at first, or where that does not suffice.
fn code(table: Table<'_>) -> Result<(i32, &str), Damage> {
    let code = table.int(3, 0)?.max(i32::from(table.byte(0, 0)?.cast_signed()));
    Ok((code, table.text(1)?))
}

fn operator<'a>(table: Table<'a>, codes: &[(i32, &'a str)]) -> Result<Operator<'a>, Damage> {
    let index = usize::try_from(table.int(0, 0)?).ok();
    let Some(&(code, custom)) = index.and_then(|index| codes.get(index)) else {
        return Err(Damage {
            at: table.place(),
            reason: "an operator of a code that is not listed".to_owned(),
        });
    };
    Ok(Operator {
        code,
        custom,
        inputs: table.ints(1, MAX_PORTS)?,
        outputs: table.ints(2, MAX_PORTS)?,
        options: table.table(4)?,
    })
}

fn tensor<'a>(table: Table<'a>, buffers: &[Table<'a>]) -> Result<Tensor<'a>, Damage> {
    let (element, shape) = (table.byte(1, 0)?, table.ints(0, MAX_SIDES)?);
    let index = usize::try_from(table.int(2, 0)?).ok();
    let Some(buffer) = index.and_then(|index| buffers.get(index)) else {
        return Err(Damage {
            at: table.place(),
            reason: "a tensor of a buffer that is not there".to_owned(),
        });
    };
    let steps = table.table(4)?.map(steps).transpose()?.flatten();
    let (values, at) = buffer.bytes(0)?;
    // Values may lie behind the FlatBuffer, in files of more than 2 GiB.
    let elsewhere = buffer.has(1)?;
    let constant = match (values.is_empty(), elsewhere) {
        (true, false) => None,
        (true, true) => Some(Err("its values lie behind the tables".to_owned())),
        _ if table.has(6)? => Some(Err("its values are sparse".to_owned())),
        _ => Some(constant((element, &shape), values, at, steps.clone())),
    };
    Ok(Tensor { name: table.text(3)?, element, shape, signature: table.ints(7, MAX_SIDES)?, steps, constant })
}

fn constant<'a>(
    (element, shape): (u8, &[i32]),
    values: &'a [u8],
    at: u64,
    steps: Option<Steps>,
) -> Result<Constant<'a>, String> {
    let stored = stored(element).ok_or_else(|| format!("its values are of type {}", told(element)))?;
    let sides: Option<Vec<usize>> = shape.iter().map(|&side| usize::try_from(side).ok()).collect();
    let sides = sides.ok_or_else(|| format!("its shape is {shape:?}"))?;
    let mut constant = Constant::new(sides, stored, Cow::Borrowed(values), at)?;
    if let Some(steps) = steps.filter(|_| !stored.is_float()) {
        let many = steps.scales.len() > 1;
        if many && constant.shape.get(steps.axis) != Some(&steps.scales.len()) {
            return Err(format!("{} scales for a shape of {shape:?}", steps.scales.len()));
        }
        constant.steps = Some(steps);
    }
    Ok(constant)
}

/// What integers stand for; `None` if they stand for themselves.
fn steps(table: Table<'_>) -> Result<Option<Steps>, Damage> {
    let (scales, zeros) = (table.floats(2, MAX_SCALES)?, table.longs(3, MAX_SCALES)?);
    if scales.is_empty() {
        return Ok(None);
    }
    let axis = usize::try_from(table.int(6, 0)?).unwrap_or(usize::MAX);
    if zeros.len() > 1 && zeros.len() != scales.len() {
        return Err(Damage { at: table.place(), reason: "as many zeros as scales were expected".to_owned() });
    }
    let axis = if scales.len() == 1 { 0 } else { axis };
    Ok(Some(Steps { scales, zeros, axis }))
}

/// The element types by their numbers in the schema, from 0 on: the name, and how values are stored where they are read.
/// Truth values are bytes of 0 and 1.
const ELEMENTS: [(&str, Option<Stored>); 23] = [
    ("FLOAT32", Some(Stored::F32)),
    ("FLOAT16", Some(Stored::F16)),
    ("INT32", Some(Stored::I32)),
    ("UINT8", Some(Stored::U8)),
    ("INT64", Some(Stored::I64)),
    ("STRING", None),
    ("BOOL", Some(Stored::U8)),
    ("INT16", Some(Stored::I16)),
    ("COMPLEX64", None),
    ("INT8", Some(Stored::I8)),
    ("FLOAT64", Some(Stored::F64)),
    ("COMPLEX128", None),
    ("UINT64", None),
    ("RESOURCE", None),
    ("VARIANT", None),
    ("UINT32", None),
    ("UINT16", Some(Stored::U16)),
    ("INT4", None),
    ("BFLOAT16", Some(Stored::Bf16)),
    ("INT2", None),
    ("UINT4", None),
    ("FLOAT8_E4M3FN", None),
    ("FLOAT8_E5M2", None),
];

/// How values of the element type of this number are stored; `None` for one that is not read.
pub(super) fn stored(number: u8) -> Option<Stored> {
    ELEMENTS.get(usize::from(number))?.1
}

/// An element type by its name in the schema.
fn told(number: u8) -> String {
    ELEMENTS.get(usize::from(number)).map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned())
}
