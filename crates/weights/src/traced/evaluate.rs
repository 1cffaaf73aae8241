//! Arithmetic on constants: what a graph computes from them alone, before a photo comes.
//!
//! An exporter leaves kernels to be turned around, scales to be multiplied and shapes to be put together at run time.
//! No result is larger than the larger of its operands, and each counts against the budget of its file.

use super::constant::Constant;
use super::refusal::{Budget, Refusal};
use super::step::Axis;

/// An operation on two values, element by element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
}

impl Binary {
    pub(crate) fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
            Self::Min => a.min(b),
            Self::Max => a.max(b),
        }
    }

    fn of_integers(self, a: i64, b: i64) -> i64 {
        match self {
            Self::Add => a.wrapping_add(b),
            Self::Sub => a.wrapping_sub(b),
            Self::Mul => a.wrapping_mul(b),
            Self::Div => a.checked_div(b).unwrap_or(0),
            Self::Min => a.min(b),
            Self::Max => a.max(b),
        }
    }
}

/// The constant with its axes in the order `axes`; `None` if they are no order of its axes.
pub(crate) fn transposed<'a>(
    constant: &Constant<'a>,
    axes: &[usize],
    budget: &mut Budget,
) -> Result<Option<Constant<'a>>, Refusal> {
    let rank = constant.shape.len();
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..rank) {
        return Ok(None);
    }
    let shape: Vec<usize> = axes.iter().map(|&axis| constant.shape[axis]).collect();
    let mut strides = vec![1; rank];
    for axis in (1..rank).rev() {
        strides[axis - 1] = strides[axis] * constant.shape[axis];
    }
    let strides: Vec<usize> = axes.iter().map(|&axis| strides[axis]).collect();
    if constant.is_integer() {
        let values = constant.integers()?;
        budget.take(values.len())?;
        let turned: Vec<i64> =
            places(&shape, &strides, values.len()).map(|at| values.get(at).copied().unwrap_or(0)).collect();
        return Ok(Some(Constant::of_integers(shape, &turned)));
    }
    let values = constant.floats(budget)?;
    let turned: Vec<f32> =
        places(&shape, &strides, values.len()).map(|at| values.get(at).copied().unwrap_or(0.0)).collect();
    Ok(Some(Constant::of_floats(shape, &turned, constant.offset)))
}

/// The constant with its values under another shape, in which one side may be -1; `None` if they do not fit.
pub(crate) fn reshaped<'a>(
    constant: &Constant<'a>,
    target: &[i64],
    budget: &mut Budget,
) -> Result<Option<Constant<'a>>, Refusal> {
    let Some(shape) = filled(target, constant) else { return Ok(None) };
    let per_axis = constant.steps.as_ref().is_some_and(|steps| steps.scales.len() > 1);
    if per_axis && shape != constant.shape {
        let values = constant.floats(budget)?;
        return Ok(Some(Constant::of_floats(shape, &values, constant.offset)));
    }
    budget.take(constant.len())?;
    Ok(Some(Constant { shape, ..constant.clone() }))
}

/// The shape that a target with zeros (as before) and one -1 (the rest) means for the values of a constant.
fn filled(target: &[i64], constant: &Constant<'_>) -> Option<Vec<usize>> {
    let side = |(axis, &side): (usize, &i64)| match side {
        0 => constant.shape.get(axis).copied(),
        -1 => Some(1),
        side => usize::try_from(side).ok(),
    };
    let mut shape: Vec<usize> = target.iter().enumerate().map(side).collect::<Option<_>>()?;
    let product = |shape: &[usize]| shape.iter().try_fold(1usize, |all, &side| all.checked_mul(side));
    let known = product(&shape)?;
    let mut open = target.iter().enumerate().filter(|(_, side)| **side == -1).map(|(axis, _)| axis);
    if let Some(axis) = open.next() {
        *shape.get_mut(axis)? = constant.len().checked_div(known)?;
    }
    (open.next().is_none() && product(&shape)? == constant.len()).then_some(shape)
}

/// Two constants combined element by element. `None` if the result has another shape than one of them.
pub(crate) fn combined(
    op: Binary,
    a: &Constant<'_>,
    b: &Constant<'_>,
    budget: &mut Budget,
) -> Result<Option<Constant<'static>>, Refusal> {
    let Some(shape) = broadcast(&a.shape, &b.shape) else { return Ok(None) };
    if shape != a.shape && shape != b.shape {
        return Ok(None);
    }
    let count = a.len().max(b.len());
    budget.take(count)?;
    let places = |of: &Constant<'_>| {
        let strides = strides_in(&of.shape, &shape);
        places(&shape, &strides, count).collect::<Vec<usize>>()
    };
    let (left, right) = (places(a), places(b));
    if a.is_integer() && b.is_integer() {
        let (a, b) = (a.integers()?, b.integers()?);
        let at = |(&x, &y): (&usize, &usize)| Some(op.of_integers(*a.get(x)?, *b.get(y)?));
        let values: Option<Vec<i64>> = left.iter().zip(&right).map(at).collect();
        return Ok(values.map(|values| Constant::of_integers(shape.clone(), &values)));
    }
    let (left_values, right_values) = (a.floats(budget)?, b.floats(budget)?);
    let at = |(&x, &y): (&usize, &usize)| {
        let (x, y) = (left_values.get(x)?, right_values.get(y)?);
        Some(op.of(f64::from(*x), f64::from(*y)) as f32)
    };
    let values: Option<Vec<f32>> = left.iter().zip(&right).map(at).collect();
    Ok(values.map(|values| Constant::of_floats(shape.clone(), &values, a.offset.max(b.offset))))
}

/// The number for each channel that a constant beside an image of these axes is, or the one for all; `None` if it
/// differs along another axis.
pub(crate) fn per_channel(
    constant: &Constant<'_>,
    axes: &[Axis],
    budget: &mut Budget,
) -> Result<Option<Vec<f64>>, Refusal> {
    let rank = constant.shape.len();
    let aligned = |axis: usize| (axis + axes.len()).checked_sub(rank).and_then(|at| axes.get(at));
    let mut wide = (0..rank).filter(|&axis| constant.shape[axis] != 1);
    let along_channels = match (wide.next(), wide.next()) {
        (None, _) => true,
        (Some(axis), None) => aligned(axis) == Some(&Axis::C),
        _ => false,
    };
    if !along_channels || rank > axes.len() {
        return Ok(None);
    }
    Ok(Some(constant.floats(budget)?.into_iter().map(f64::from).collect()))
}

/// NumPy's rule: sides are the same, or one of them is 1, from the last axis on.
fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let side = |of: &[usize], axis: usize| match (axis + of.len()).checked_sub(rank) {
        Some(at) => of[at],
        None => 1,
    };
    let sides = (0..rank).map(|axis| match (side(a, axis), side(b, axis)) {
        (x, y) if x == y => Some(x),
        (1, y) => Some(y),
        (x, 1) => Some(x),
        _ => None,
    });
    sides.collect()
}

/// For each axis of `wide` the step through the values of a narrower shape, 0 where that has one index for all.
fn strides_in(shape: &[usize], wide: &[usize]) -> Vec<usize> {
    let mut strides = vec![0; wide.len()];
    let mut step = 1;
    for axis in (0..shape.len()).rev() {
        if shape[axis] != 1 {
            strides[axis + wide.len() - shape.len()] = step;
        }
        step *= shape[axis];
    }
    strides
}

/// The places of `count` values of a shape in the order of their indices, by the step of each axis.
fn places<'s>(shape: &'s [usize], strides: &'s [usize], count: usize) -> impl Iterator<Item = usize> + 's {
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    (0..count).map(move |_| {
        let here = at;
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * index[axis];
            index[axis] = 0;
        }
        here
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(shape: &[usize]) -> Constant<'static> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|at| at as f32).collect();
        Constant::of_floats(shape.to_vec(), &values, 0)
    }

    fn values(constant: &Constant<'_>) -> Vec<f32> {
        constant.floats(&mut Budget::of_file(1 << 20)).unwrap()
    }

    #[test]
    fn a_transposed_constant_has_each_value_at_its_new_index() {
        let kernel = floats(&[2, 3, 4]);
        let turned = transposed(&kernel, &[2, 0, 1], &mut Budget::of_file(1 << 20)).unwrap().unwrap();
        assert_eq!(turned.shape, [4, 2, 3]);
        for (index, value) in values(&turned).iter().enumerate() {
            let (last, first, middle) = (index / 6, index / 3 % 2, index % 3);
            assert_eq!(*value, (first * 12 + middle * 4 + last) as f32);
        }
        for axes in [&[0, 1][..], &[0, 1, 1], &[0, 1, 3]] {
            assert!(transposed(&kernel, axes, &mut Budget::of_file(1 << 20)).unwrap().is_none());
        }
    }

    #[test]
    fn a_reshaped_constant_keeps_its_values_in_their_order() {
        let kernel = floats(&[2, 6]);
        let shape = |target: &[i64]| {
            reshaped(&kernel, target, &mut Budget::of_file(1 << 20)).unwrap().map(|one| one.shape)
        };
        assert_eq!(shape(&[3, -1]), Some(vec![3, 4]));
        assert_eq!(shape(&[0, 2, 3]), Some(vec![2, 2, 3]));
        assert_eq!(shape(&[12]), Some(vec![12]));
        for wrong in [&[5, -1][..], &[-1, -1], &[0, 0, 0], &[i64::MAX, 2], &[-2, 6], &[0, 7]] {
            assert_eq!(shape(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn constants_are_combined_along_the_axes_that_they_share() {
        let budget = &mut Budget::of_file(1 << 20);
        let (matrix, row) = (floats(&[2, 3]), floats(&[3]));
        let sum = combined(Binary::Sub, &row, &matrix, budget).unwrap().unwrap();
        assert_eq!(
            (sum.shape.as_slice(), values(&sum)),
            (&[2, 3][..], vec![0.0, 0.0, 0.0, -3.0, -3.0, -3.0])
        );
        let column = floats(&[2, 1]);
        let product = combined(Binary::Mul, &matrix, &column, budget).unwrap().unwrap();
        assert_eq!(values(&product), [0.0, 0.0, 0.0, 3.0, 4.0, 5.0]);
        // A column and a row would make a matrix, which no exporter leaves to be made, and a bomb does.
        assert!(combined(Binary::Add, &column, &row, budget).unwrap().is_none());
        let sizes = Constant::of_integers(vec![2], &[7, 8]);
        let halves = combined(Binary::Div, &sizes, &Constant::of_integers(vec![], &[2]), budget).unwrap();
        assert_eq!(halves.unwrap().integers().unwrap(), [3, 4]);
    }

    #[test]
    fn a_number_for_each_channel_stands_along_the_channels() {
        use super::super::step::{NCHW, NHWC};
        let budget = &mut Budget::of_file(1 << 20);
        let mut told = |shape: &[usize], axes: &[Axis]| {
            per_channel(&floats(shape), axes, budget).unwrap().map(|list| list.len())
        };
        assert_eq!(
            (told(&[3, 1, 1], &NCHW), told(&[1, 3, 1, 1], &NCHW), told(&[3], &NHWC)),
            (Some(3), Some(3), Some(3))
        );
        assert_eq!((told(&[], &NCHW), told(&[1, 1], &NHWC)), (Some(1), Some(1)));
        assert_eq!((told(&[3], &NCHW), told(&[3, 1, 1], &NHWC), told(&[1, 2, 3], &NHWC)), (None, None, None));
        assert_eq!(told(&[1, 1, 1, 1, 3], &NHWC), None);
    }
}
