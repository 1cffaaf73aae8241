//! The order of a tensor's axes, here and in a file.

use icecap_kernels::Shape;

/// The order in which a file has a tensor's axes, against Keras' order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AxisOrder {
    /// Keras' own order.
    Kept,
    /// A convolution: [out, in, rows, columns] in the file, [rows, columns, in, out] in Keras.
    Convolution,
    /// A depthwise convolution: [channels, 1, rows, columns] in the file, [rows, columns, channels, 1] in Keras.
    Depthwise,
    /// A dense layer: [out, in] in the file, [in, out] in Keras.
    Dense,
}

impl AxisOrder {
    /// Returns for each of Keras' axes the file's axis that it is; `None` if the orders are the same.
    fn axes(self) -> Option<&'static [usize]> {
        match self {
            Self::Kept => None,
            Self::Convolution => Some(&[2, 3, 1, 0]),
            Self::Depthwise => Some(&[2, 3, 0, 1]),
            Self::Dense => Some(&[1, 0]),
        }
    }

    /// Returns a file's shape in Keras' order. A shape of another rank stays as it is: the check of shapes refuses it.
    pub(crate) fn shape(self, file: Shape) -> Shape {
        match self.axes().filter(|axes| axes.len() == file.rank()) {
            // The same sizes in another order are a shape again.
            Some(axes) => {
                let dims: Vec<usize> = axes.iter().map(|&axis| file.dims()[axis]).collect();
                Shape::new(&dims).unwrap_or(file)
            }
            None => file,
        }
    }

    /// Copies little-endian values from the file's order to Keras' order.
    ///
    /// # Shapes
    /// `file` is the file's shape; `from` and `to` hold as many values as it says.
    pub(crate) fn copy(self, file: Shape, from: &[[u8; 4]], to: &mut [f32]) {
        let Some(axes) = self.axes().filter(|axes| axes.len() == file.rank()) else {
            for (value, bytes) in to.iter_mut().zip(from) {
                *value = f32::from_le_bytes(*bytes);
            }
            return;
        };
        let mut file_strides = vec![1; file.rank()];
        for axis in (1..file.rank()).rev() {
            file_strides[axis - 1] = file_strides[axis] * file.dims()[axis];
        }
        let dims: Vec<usize> = axes.iter().map(|&axis| file.dims()[axis]).collect();
        let strides: Vec<usize> = axes.iter().map(|&axis| file_strides[axis]).collect();
        let last = dims.len() - 1;
        let (row, step) = (dims[last].max(1), strides[last]);
        let mut index = vec![0; last];
        for values in to.chunks_exact_mut(row) {
            let start: usize = index.iter().zip(&strides).map(|(at, stride)| at * stride).sum();
            for (at, value) in values.iter_mut().enumerate() {
                *value = f32::from_le_bytes(from[start + at * step]);
            }
            for axis in (0..last).rev() {
                index[axis] += 1;
                if index[axis] < dims[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_goes_where_the_formula_says() {
        let sizes = [3, 2, 4, 5];
        let file = Shape::of(sizes);
        let from: Vec<[u8; 4]> = (0..file.elements()).map(|i| (i as f32).to_le_bytes()).collect();
        let mut to = vec![f32::NAN; from.len()];
        let [o, i, h, w] = sizes;
        assert_eq!(AxisOrder::Convolution.shape(file), Shape::of([h, w, i, o]));
        AxisOrder::Convolution.copy(file, &from, &mut to);
        for (index, value) in to.iter().enumerate() {
            let (y, x, input, output) = (index / (w * i * o), index / (i * o) % w, index / o % i, index % o);
            assert_eq!(*value, (((output * i + input) * h + y) * w + x) as f32);
        }

        let file = Shape::of([3, 1, 4, 5]);
        let from = &from[..file.elements()];
        let mut to = vec![f32::NAN; from.len()];
        assert_eq!(AxisOrder::Depthwise.shape(file), Shape::of([4, 5, 3, 1]));
        AxisOrder::Depthwise.copy(file, from, &mut to);
        for (index, value) in to.iter().enumerate() {
            let (y, x, c) = (index / 15, index / 3 % 5, index % 3);
            assert_eq!(*value, ((c * 4 + y) * 5 + x) as f32);
        }

        let file = Shape::of([3, 20]);
        assert_eq!(AxisOrder::Dense.shape(file), Shape::of([20, 3]));
        let mut to = vec![f32::NAN; from.len()];
        AxisOrder::Dense.copy(file, from, &mut to);
        for (index, value) in to.iter().enumerate() {
            assert_eq!(*value, ((index % 3) * 20 + index / 3) as f32);
        }
        AxisOrder::Kept.copy(file, from, &mut to);
        assert!(to.iter().enumerate().all(|(index, value)| *value == index as f32));
    }
}
