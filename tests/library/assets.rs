//! Golden files: those committed under `tests/golden`, and those of the folder that `ICECAP_TEST_ASSETS` names.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::{Dtype, SafeTensors};

/// The root of the project.
pub(crate) fn project() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    while !path.join("tests/golden").is_dir() {
        assert!(path.pop(), "the project's tests folder");
    }
    path
}

/// The folder of large assets. Without it, says in one line that the test is skipped.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("ICECAP_TEST_ASSETS").filter(|value| !value.is_empty()).map(PathBuf::from);
    if folder.is_none() {
        // Past the harness, which keeps what a passing test prints to itself.
        let _ = std::io::stderr().write_all(b"skipped: ICECAP_TEST_ASSETS is not set\n");
    }
    folder
}

/// A golden file, or the tensors of one whose names end with `_part`.
pub(crate) struct Golden {
    pub(crate) name: String,
    bytes: Arc<Vec<u8>>,
    suffix: String,
}

impl Golden {
    pub(crate) fn committed(name: &str) -> Self {
        Self::read(&project().join("tests/golden"), name)
    }

    pub(crate) fn asset(assets: &Path, name: &str) -> Self {
        Self::read(&assets.join("golden"), name)
    }

    fn read(folder: &Path, name: &str) -> Self {
        let path = folder.join(format!("{name}.safetensors"));
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { name: name.to_owned(), bytes: Arc::new(bytes), suffix: String::new() }
    }

    pub(crate) fn part(&self, part: &str) -> Self {
        let suffix = format!("_{part}");
        Self { name: format!("{} {part}", self.name), bytes: Arc::clone(&self.bytes), suffix }
    }

    fn file(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    fn with<R>(&self, name: &str, read: impl FnOnce(&safetensors::tensor::TensorView<'_>) -> R) -> R {
        let full = format!("{name}{}", self.suffix);
        read(&self.file().tensor(&full).unwrap_or_else(|error| panic!("{} '{full}': {error}", self.name)))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let file = self.file();
        let names = file.names().into_iter().filter_map(|name| name.strip_suffix(self.suffix.as_str()));
        names.map(str::to_owned).collect()
    }

    pub(crate) fn shape(&self, name: &str) -> Vec<usize> {
        self.with(name, |tensor| tensor.shape().to_vec())
    }

    pub(crate) fn dtype(&self, name: &str) -> &'static str {
        self.with(name, |tensor| match tensor.dtype() {
            Dtype::U8 => "u8",
            Dtype::F32 => "f32",
            Dtype::F64 => "f64",
            Dtype::I64 => "i64",
            other => panic!("{name} is {other:?}"),
        })
    }

    pub(crate) fn u8s(&self, name: &str) -> Vec<u8> {
        assert_eq!(self.dtype(name), "u8");
        self.with(name, |tensor| tensor.data().to_vec())
    }

    pub(crate) fn f32s(&self, name: &str) -> Vec<f32> {
        assert_eq!(self.dtype(name), "f32");
        self.with(name, |tensor| {
            tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
        })
    }
}

impl Golden {
    pub(crate) fn f64s(&self, name: &str) -> Vec<f64> {
        assert_eq!(self.dtype(name), "f64");
        self.with(name, |tensor| tensor.data().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
    }

    pub(crate) fn i64s(&self, name: &str) -> Vec<i64> {
        assert_eq!(self.dtype(name), "i64");
        self.with(name, |tensor| tensor.data().as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect())
    }
}

/// How far two runs of values lie apart.
pub(crate) struct Difference {
    pub(crate) max: f64,
    pub(crate) mean: f64,
}

impl Difference {
    pub(crate) fn between(got: &[f32], expected: &[f32]) -> Self {
        assert_eq!(got.len(), expected.len());
        let apart: Vec<f64> =
            got.iter().zip(expected).map(|(&a, &b)| (f64::from(a) - f64::from(b)).abs()).collect();
        // A NaN must not hide in a maximum.
        let max = apart.iter().fold(0.0, |max, &d| if d > max || d.is_nan() { d } else { max });
        Self { max, mean: apart.iter().sum::<f64>() / apart.len().max(1) as f64 }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "max {:.2e}, mean {:.2e}", self.max, self.mean)
    }
}

pub(crate) fn softmax(scores: &[f32]) -> Vec<f32> {
    let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponents: Vec<f64> = scores.iter().map(|&s| f64::from(s - max).exp()).collect();
    let sum: f64 = exponents.iter().sum();
    exponents.iter().map(|e| (e / sum) as f32).collect()
}
