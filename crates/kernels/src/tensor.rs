//! Tensors: f32, contiguous, row-major (images are `N H W C`), 64-byte aligned. No strides, no broadcasting:
//! a kernel that needs another layout packs into its own type.

use crate::{buffer::Buffer, error::Error, shape::Shape};

/// A tensor that owns its values.
#[derive(Clone)]
pub struct Tensor {
    shape: Shape,
    data: Buffer,
}

impl Tensor {
    /// A tensor of zeros.
    #[must_use]
    pub fn zeros(shape: Shape) -> Self {
        Self { shape, data: Buffer::zeros(shape.elements()) }
    }

    /// A tensor with a copy of `values`.
    ///
    /// # Errors
    /// [`Error::ElementCount`] if their number is not the shape's.
    pub fn from_slice(shape: Shape, values: &[f32]) -> Result<Self, Error> {
        TensorRef::new(shape, values).map(TensorRef::to_owned)
    }

    /// The sizes of the axes.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The values, last axis fastest.
    #[must_use]
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The values, last axis fastest, for writing.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The whole tensor, borrowed for reading.
    #[must_use]
    pub fn view(&self) -> TensorRef<'_> {
        TensorRef { shape: self.shape, data: &self.data }
    }

    /// The whole tensor, borrowed for writing.
    pub fn view_mut(&mut self) -> TensorMut<'_> {
        TensorMut { shape: self.shape, data: &mut self.data }
    }

    /// Returns the tensor with its values in the same order and another shape.
    ///
    /// # Errors
    /// [`Error::ElementCount`] if the two shapes hold different numbers of values.
    pub fn reshape(mut self, shape: Shape) -> Result<Self, Error> {
        if shape.elements() != self.data.len() {
            return Err(Error::ElementCount { dims: shape.dims().to_vec(), got: self.data.len() });
        }
        self.shape = shape;
        Ok(self)
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor {}", self.shape)
    }
}

/// A tensor borrowed for reading.
#[derive(Clone, Copy)]
pub struct TensorRef<'a> {
    shape: Shape,
    data: &'a [f32],
}

impl<'a> TensorRef<'a> {
    /// A view of `data` as `shape`.
    ///
    /// # Errors
    /// [`Error::ElementCount`] if the lengths differ.
    pub fn new(shape: Shape, data: &'a [f32]) -> Result<Self, Error> {
        if shape.elements() != data.len() {
            return Err(Error::ElementCount { dims: shape.dims().to_vec(), got: data.len() });
        }
        Ok(Self { shape, data })
    }

    /// The sizes of the axes.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The values, last axis fastest.
    #[must_use]
    pub fn data(&self) -> &'a [f32] {
        self.data
    }

    /// A copy that owns its values and starts on a 64-byte line.
    #[must_use]
    pub fn to_owned(self) -> Tensor {
        Tensor { shape: self.shape, data: Buffer::from_slice(self.data) }
    }
}

/// A tensor borrowed for writing.
pub struct TensorMut<'a> {
    shape: Shape,
    data: &'a mut [f32],
}

impl<'a> TensorMut<'a> {
    /// A writable view of `data` as `shape`.
    ///
    /// # Errors
    /// [`Error::ElementCount`] if the lengths differ.
    pub fn new(shape: Shape, data: &'a mut [f32]) -> Result<Self, Error> {
        if shape.elements() != data.len() {
            return Err(Error::ElementCount { dims: shape.dims().to_vec(), got: data.len() });
        }
        Ok(Self { shape, data })
    }

    /// The sizes of the axes.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The values, last axis fastest.
    pub fn data_mut(&mut self) -> &mut [f32] {
        self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_holds_exactly_its_shape() {
        let shape = Shape::of([2, 3]);
        assert!(matches!(TensorRef::new(shape, &[0.0; 5]), Err(Error::ElementCount { got: 5, .. })));
        let tensor = Tensor::from_slice(shape, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!(tensor.reshape(Shape::of([3, 2])).unwrap().data()[5], 6.0);
    }
}
