//! Numbers on their way to numpy.

use icecap::advanced::kernels::Shape;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// A block of float32 numbers that numpy takes over without a copy: `numpy.asarray` finds the memory by
/// `__array_interface__` and keeps this object alive as long as it needs the memory.
///
/// Nothing here looks at the numbers once they are out, so an array may be written to.
#[pyclass(frozen, module = "icecap._icecap")]
pub(crate) struct Array {
    /// Keeps the memory. It is never touched again.
    _values: Vec<f32>,
    address: usize,
    dims: Vec<usize>,
}

impl Array {
    /// Makes a block of rows, each of the shape `row`.
    pub(crate) fn of_rows(mut values: Vec<f32>, row: &Shape) -> Self {
        let rows = values.len() / row.elements().max(1);
        let address = values.as_mut_ptr().expose_provenance();
        let dims = std::iter::once(rows).chain(row.dims().iter().copied()).collect();
        Self { _values: values, address, dims }
    }
}

#[pymethods]
impl Array {
    /// Where the numbers lie and how, as numpy's documentation describes it.
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("typestr", if cfg!(target_endian = "little") { "<f4" } else { ">f4" })?;
        interface.set_item("shape", PyTuple::new(py, &self.dims)?)?;
        interface.set_item("data", (self.address, false))?;
        Ok(interface)
    }
}
