//! Files as `torch.save` writes them, made by code of this test's own.

/// A pickle under construction: one method an operation.
#[derive(Clone, Default)]
pub(crate) struct Pickle(pub(crate) Vec<u8>);

impl Pickle {
    pub(crate) fn new() -> Self {
        Self(vec![0x80, 2])
    }

    pub(crate) fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend(bytes.as_ref());
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.raw([b'X']).raw((text.len() as u32).to_le_bytes()).raw(text)
    }

    pub(crate) fn int(self, value: i64) -> Self {
        self.raw([0x8a, 8]).raw(value.to_le_bytes())
    }

    pub(crate) fn global(self, module: &str, name: &str) -> Self {
        self.raw("c").raw(module).raw("\n").raw(name).raw("\n")
    }

    pub(crate) fn ints(self, values: &[i64]) -> Self {
        values.iter().fold(self.raw("("), |pickle, value| pickle.int(*value)).raw("t")
    }

    pub(crate) fn storage(self, kind: &str, key: &str, count: i64) -> Self {
        self.raw("(").text("storage").global("torch", kind).text(key).text("cpu").int(count).raw("tQ")
    }

    pub(crate) fn view(self, tensor: &Tensor) -> Self {
        let Tensor { kind, key, count, offset, sizes, strides, .. } = tensor;
        self.global("torch._utils", "_rebuild_tensor_v2")
            .raw("(")
            .storage(kind, key, *count)
            .int(*offset)
            .ints(sizes)
            .ints(strides)
            .raw([0x89])
            .global("collections", "OrderedDict")
            .raw(")RtR")
    }

    pub(crate) fn tensor(self, tensor: &Tensor) -> Self {
        self.text(&tensor.name).view(tensor)
    }

    pub(crate) fn end(self) -> Vec<u8> {
        self.raw(".").0
    }
}

/// A tensor, and the storage that it looks into.
#[derive(Clone)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) key: String,
    pub(crate) count: i64,
    pub(crate) offset: i64,
    pub(crate) sizes: Vec<i64>,
    pub(crate) strides: Vec<i64>,
    /// The storage's bytes; none where another tensor brings them.
    pub(crate) bytes: Option<Vec<u8>>,
}

impl Tensor {
    /// A tensor of f32 in a storage of its own, as it lies in memory.
    pub(crate) fn plain(name: &str, key: usize, sizes: &[usize], values: &[f32]) -> Self {
        let mut strides = vec![1; sizes.len()];
        for axis in (1..sizes.len()).rev() {
            strides[axis - 1] = strides[axis] * sizes[axis] as i64;
        }
        Self {
            name: name.to_owned(),
            kind: "FloatStorage",
            key: key.to_string(),
            count: values.len() as i64,
            offset: 0,
            sizes: sizes.iter().map(|size| *size as i64).collect(),
            strides,
            bytes: Some(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        }
    }

    /// What a BatchNorm counts.
    pub(crate) fn counter(name: &str, key: usize) -> Self {
        let bytes = Some(7i64.to_le_bytes().to_vec());
        let own = Self::plain(name, key, &[], &[0.0]);
        Self { kind: "LongStorage", bytes, ..own }
    }
}

/// The pickle of a state dict.
pub(crate) fn state_dict(tensors: &[Tensor]) -> Vec<u8> {
    let start = Pickle::new().global("collections", "OrderedDict").raw(")R(");
    tensors.iter().fold(start, Pickle::tensor).raw("u}").text("_metadata").raw("}sb").end()
}

/// An archive of stored entries.
pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let at = (bytes.len() as u32).to_le_bytes();
        let sizes = [(data.len() as u32).to_le_bytes(); 2].concat();
        let fields = [&[0; 6], &[0; 4][..], &crc32fast::hash(data).to_le_bytes(), &sizes].concat();
        let name_len = (name.len() as u16).to_le_bytes();
        bytes.extend([b"PK\x03\x04", &fields[..], &name_len, &[0; 2], name.as_bytes(), data].concat());
        directory
            .extend([b"PK\x01\x02\0\0", &fields[..], &name_len, &[0; 12], &at, name.as_bytes()].concat());
    }
    let (start, size) = ((bytes.len() as u32).to_le_bytes(), (directory.len() as u32).to_le_bytes());
    let count = (entries.len() as u16).to_le_bytes();
    bytes.extend(directory);
    bytes.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &start, &[0; 2]].concat());
    bytes
}

/// A file as PyTorch writes it.
pub(crate) fn torch_zip(pickle: &[u8], tensors: &[Tensor]) -> Vec<u8> {
    let names: Vec<String> = tensors.iter().map(|tensor| format!("net/data/{}", tensor.key)).collect();
    let mut entries: Vec<(&str, &[u8])> = vec![("net/data.pkl", pickle), ("net/byteorder", b"little")];
    let stored =
        names.iter().zip(tensors).filter_map(|(name, tensor)| Some((&**name, tensor.bytes.as_deref()?)));
    entries.extend(stored);
    entries.push(("net/version", b"3\n"));
    zip(&entries)
}

/// What an older file starts with, up to the object.
pub(crate) fn legacy_start() -> Vec<u8> {
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    [&magic[..], b"\x80\x02M\xe9\x03.", &Pickle::new().raw("}").text("little_endian").raw(b"\x88s").end()]
        .concat()
}

/// A file as PyTorch wrote it before version 1.6.
pub(crate) fn torch_legacy(pickle: &[u8], tensors: &[Tensor]) -> Vec<u8> {
    let stored: Vec<&Tensor> = tensors.iter().filter(|tensor| tensor.bytes.is_some()).collect();
    let keys =
        stored.iter().fold(Pickle::new().raw("]("), |keys, tensor| keys.text(&tensor.key)).raw("e").end();
    let mut bytes = [&legacy_start()[..], pickle, &keys].concat();
    for tensor in stored {
        bytes.extend(tensor.count.to_le_bytes());
        bytes.extend(tensor.bytes.as_ref().unwrap());
    }
    bytes
}
