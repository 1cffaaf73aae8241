//! What a pickle of tensors is made of, and the few names that it may ask for.

use crate::container::Element as Float;

/// A value's place among a pickle's values. Containers hold places, so that nothing here is ever walked in depth: a
/// value that stands in itself, or in a million others, costs what its bytes cost.
pub(super) type Id = u32;

#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    None,
    Int(i64),
    /// An integer beyond 64 bits, little-endian.
    Long(&'a [u8]),
    Text(&'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    /// A place among the pickle's storages.
    Storage(usize),
    /// A place among the pickle's tensors.
    Tensor(usize),
    /// A place among the pickle's objects.
    Object(usize),
    /// What no tensor is made of: truth values, floats, bytes, sets.
    Ignored,
}

/// What a pickle would make by calling a name that is not known here. It is not made: what the pickle says of it is kept,
/// for a dict of tensors may stand in it.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// The place of its class among the pickle's names; `None` where what is called has no name.
    pub(super) class: Option<usize>,
    /// What the call is given: a tuple.
    pub(super) arguments: Id,
    /// What stands under keys in it, if it is a kind of dict.
    pub(super) items: Vec<(Id, Id)>,
    /// The attributes that it is given.
    pub(super) state: Option<Id>,
}

/// What a pickle may ask for by name. None of it is run; each is read as the data that it would make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    /// `_rebuild_tensor_v3`: a tensor of bytes whose type stands beside them.
    RebuildTyped,
    /// `_rebuild_from_type_v2`: a tensor of a class of its own, by the call that would make a plain one.
    RebuildOfClass,
    RebuildParameter,
    Size,
    Storage(Element),
    Dtype(Element),
    /// Stands for itself.
    Constant,
    /// Makes what no tensor is made of.
    Ignored,
    /// Another name: its place among the pickle's names.
    Unknown(usize),
}

impl Global {
    /// Returns what is known of a name.
    pub(super) fn resolve(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_tensor_v3") => Self::RebuildTyped,
            ("torch._tensor", "_rebuild_from_type" | "_rebuild_from_type_v2") => Self::RebuildOfClass,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                Self::RebuildParameter
            }
            ("torch", "Size") => Self::Size,
            ("torch" | "torch.cuda", storage) if storage.ends_with("Storage") => {
                Self::Storage(Element::of_storage(storage)?)
            }
            ("torch.storage", "UntypedStorage") => Self::Storage(Element::BYTES),
            ("torch", "strided") => Self::Constant,
            ("torch", "device")
            | ("torch.serialization", "_get_layout")
            | ("collections", "Counter")
            | ("_codecs", "encode")
            | ("builtins" | "__builtin__", "set" | "frozenset" | "bytearray" | "complex") => Self::Ignored,
            ("torch", name) => Self::Dtype(Element::of_dtype(name)?),
            _ => return None,
        })
    }

    /// Whether a name has no place in a file of weights and does harm where a pickle is run: such a file is refused as a
    /// whole, so that nobody runs it elsewhere.
    pub(super) fn is_harmful(module: &str, name: &str) -> bool {
        const MODULES: [&str; 13] = [
            "os",
            "posix",
            "nt",
            "subprocess",
            "commands",
            "pty",
            "socket",
            "ctypes",
            "shutil",
            "runpy",
            "code",
            "webbrowser",
            "importlib",
        ];
        const BUILTINS: [&str; 8] =
            ["eval", "exec", "execfile", "compile", "__import__", "open", "input", "breakpoint"];
        match module.split('.').next().unwrap_or_default() {
            "builtins" | "__builtin__" => BUILTINS.contains(&name),
            // Paths and the environment are data.
            "os" => module == "os" && !name.starts_with(char::is_uppercase) && !name.starts_with('_'),
            root => MODULES.contains(&root),
        }
    }
}

/// The type of a storage's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// Floats that are read.
    Float(Float),
    /// A type that is not read: its name, and the bytes of one value.
    Other(&'static str, u64),
}

impl Element {
    /// What has no type of its own.
    const BYTES: Self = Self::Other("bytes", 1);

    fn of_dtype(name: &str) -> Option<Self> {
        Some(match name {
            "float32" => Self::Float(Float::F32),
            "float64" => Self::Float(Float::F64),
            "float16" => Self::Float(Float::F16),
            "bfloat16" => Self::Float(Float::Bf16),
            "float8_e4m3fn" => Self::Other("F8_E4M3", 1),
            "float8_e4m3fnuz" => Self::Other("F8_E4M3FNUZ", 1),
            "float8_e5m2" => Self::Other("F8_E5M2", 1),
            "float8_e5m2fnuz" => Self::Other("F8_E5M2FNUZ", 1),
            "float8_e8m0fnu" => Self::Other("F8_E8M0", 1),
            "int64" => Self::Other("I64", 8),
            "int32" => Self::Other("I32", 4),
            "int16" => Self::Other("I16", 2),
            "int8" => Self::Other("I8", 1),
            "uint64" => Self::Other("U64", 8),
            "uint32" => Self::Other("U32", 4),
            "uint16" => Self::Other("U16", 2),
            "uint8" => Self::Other("U8", 1),
            "bool" => Self::Other("BOOL", 1),
            "complex64" => Self::Other("C64", 8),
            "complex128" => Self::Other("C128", 16),
            _ => return None,
        })
    }

    fn of_storage(name: &str) -> Option<Self> {
        Some(match name {
            "FloatStorage" => Self::Float(Float::F32),
            "DoubleStorage" => Self::Float(Float::F64),
            "HalfStorage" => Self::Float(Float::F16),
            "BFloat16Storage" => Self::Float(Float::Bf16),
            "LongStorage" => Self::Other("I64", 8),
            "IntStorage" => Self::Other("I32", 4),
            "ShortStorage" => Self::Other("I16", 2),
            "CharStorage" => Self::Other("I8", 1),
            "ByteStorage" => Self::Other("U8", 1),
            "BoolStorage" => Self::Other("BOOL", 1),
            "ComplexFloatStorage" => Self::Other("C64", 8),
            "ComplexDoubleStorage" => Self::Other("C128", 16),
            "QInt8Storage" => Self::Other("QI8", 1),
            "QUInt8Storage" => Self::Other("QU8", 1),
            "QInt32Storage" => Self::Other("QI32", 4),
            _ => return None,
        })
    }

    /// Bytes of a value.
    pub(super) fn size(self) -> u64 {
        match self {
            Self::Float(float) => float.size() as u64,
            Self::Other(_, size) => size,
        }
    }
}

/// A run of values that tensors look into, as the pickle describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Storage<'a> {
    /// What the container calls it.
    pub(super) key: &'a str,
    pub(super) element: Element,
    /// Values in it.
    pub(super) count: u64,
}

/// A view of a storage. Counted in values of its own type; unchecked but for signs and the number of axes.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) storage: usize,
    pub(super) element: Element,
    pub(super) offset: u64,
    pub(super) sizes: Vec<u64>,
    pub(super) strides: Vec<u64>,
}
