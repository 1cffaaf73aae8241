//! Shapes: the sizes of a tensor's axes, outermost first.

use std::fmt;

use crate::error::Error;

/// The largest number of axes a [`Shape`] holds; `N H W C` needs four.
pub const MAX_RANK: usize = 4;

/// The sizes of a tensor's axes, outermost first, held inline.
///
/// Prints as `[1, 112, 112, 32]`. The product of the sizes always fits `usize`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    dims: [usize; MAX_RANK],
    rank: u8,
}

impl Shape {
    /// Returns the shape of these sizes; for sizes that come from outside the program.
    ///
    /// # Errors
    /// [`Error::Rank`] above [`MAX_RANK`] axes, [`Error::TooLarge`] if the product overflows.
    pub fn new(dims: &[usize]) -> Result<Self, Error> {
        if dims.len() > MAX_RANK {
            return Err(Error::Rank { got: dims.len(), max: MAX_RANK });
        }
        let elements = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
        if elements.and_then(|n| n.checked_mul(size_of::<f32>())).is_none() {
            return Err(Error::TooLarge { dims: dims.to_vec() });
        }
        let mut inline = [0; MAX_RANK];
        inline[..dims.len()].copy_from_slice(dims);
        Ok(Self { dims: inline, rank: dims.len() as u8 })
    }

    /// Returns the shape of these sizes; for sizes that our own code computed.
    ///
    /// # Panics
    /// If [`Shape::new`] would return an error.
    #[must_use]
    pub fn of<const RANK: usize>(dims: [usize; RANK]) -> Self {
        match Self::new(&dims) {
            Ok(shape) => shape,
            Err(error) => panic!("{error}"),
        }
    }

    /// The sizes, outermost first.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.dims[..usize::from(self.rank)]
    }

    /// The number of axes.
    #[must_use]
    pub fn rank(&self) -> usize {
        usize::from(self.rank)
    }

    /// The number of elements: the product of the sizes, 1 for a scalar.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.dims().iter().product()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.dims()).finish()
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_a_list() {
        assert_eq!(Shape::of([1, 112, 112, 32]).to_string(), "[1, 112, 112, 32]");
        assert_eq!(Shape::of([]).elements(), 1);
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert!(matches!(Shape::new(&[1; 5]), Err(Error::Rank { got: 5, .. })));
        assert!(matches!(Shape::new(&[usize::MAX, 2]), Err(Error::TooLarge { .. })));
    }
}
