//! Buffers that one tape leaves to the next.
//!
//! Every step of a training run records the same shapes, so what a tape allocated is what its successor needs. A
//! buffer that the successor did not ask for is freed when that one ends: the memory held is that of one step,
//! also where shapes change.

use icecap_kernels::{Shape, Tensor};

/// The memory of training steps, reused from one [`Tape`](crate::Tape) to the next.
///
/// Values never travel through it: results are the same with a new workspace for every tape.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Left by the previous tape.
    free: Vec<Tensor>,
    /// Given back since.
    released: Vec<Tensor>,
    tapes: u64,
}

impl Workspace {
    /// Returns a workspace that holds nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes back tensors whose values are no longer needed, such as the gradients of the last step.
    pub fn recycle(&mut self, tensors: impl IntoIterator<Item = Tensor>) {
        self.released.extend(tensors);
    }

    /// The number of the tape that begins.
    pub(crate) fn begin(&mut self) -> u64 {
        self.tapes += 1;
        self.tapes
    }

    pub(crate) fn end(&mut self) {
        self.free.clear();
        std::mem::swap(&mut self.free, &mut self.released);
    }

    /// A tensor with any values: the caller writes every one.
    pub(crate) fn unset(&mut self, shape: Shape) -> Tensor {
        for buffers in [&mut self.free, &mut self.released] {
            let fits = |tensor: &Tensor| tensor.shape().elements() == shape.elements();
            if let Some(index) = buffers.iter().position(fits)
                && let Ok(tensor) = buffers.swap_remove(index).reshape(shape)
            {
                return tensor;
            }
        }
        Tensor::zeros(shape)
    }

    pub(crate) fn zeros(&mut self, shape: Shape) -> Tensor {
        let mut tensor = self.unset(shape);
        tensor.data_mut().fill(0.0);
        tensor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_found_again_by_its_size_and_freed_when_a_tape_had_no_use_for_it() {
        let mut workspace = Workspace::new();
        let tensor = Tensor::from_slice(Shape::of([2, 3]), &[1.0; 6]).unwrap();
        let address = tensor.data().as_ptr();
        workspace.recycle([tensor, Tensor::zeros(Shape::of([5]))]);
        workspace.end();
        let again = workspace.zeros(Shape::of([3, 2]));
        assert_eq!((again.data().as_ptr(), again.data()), (address, &[0.0; 6][..]));
        assert_eq!(workspace.free.len(), 1);
        workspace.end();
        assert!(workspace.free.is_empty());
    }
}
