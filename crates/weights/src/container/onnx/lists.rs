//! Short lists of whole numbers that a graph puts together from constants: amounts of padding, shapes.

use crate::traced::{Constant, Refusal};

/// The longest list that is put together.
const MAX_LENGTH: usize = 4096;

/// A list of rows: the first axis, and how many numbers a row has.
struct Rows {
    numbers: Vec<i64>,
    count: usize,
    each: usize,
    /// The shape of a row.
    inner: Vec<usize>,
}

impl Rows {
    /// The rows of a constant; `None` if it is no short list of whole numbers.
    fn of(constant: &Constant<'_>) -> Result<Option<Self>, Refusal> {
        let [count, inner @ ..] = &constant.shape[..] else { return Ok(None) };
        if !constant.is_integer() || constant.len() > MAX_LENGTH || *count == 0 {
            return Ok(None);
        }
        let numbers = constant.integers()?;
        Ok(Some(Self { each: numbers.len() / count, numbers, count: *count, inner: inner.to_vec() }))
    }

    fn row(&self, index: usize) -> &[i64] {
        self.numbers.get(index * self.each..(index + 1) * self.each).unwrap_or_default()
    }

    /// The rows at these places, one behind the other.
    fn picked(&self, places: &[usize]) -> Constant<'static> {
        let numbers: Vec<i64> = places.iter().flat_map(|&place| self.row(place)).copied().collect();
        let shape: Vec<usize> = std::iter::once(places.len()).chain(self.inner.iter().copied()).collect();
        Constant::of_integers(shape, &numbers)
    }

    /// The index that a number counts from either end; `None` if there is no such row.
    fn index(&self, number: i64) -> Option<usize> {
        let from_end = if number < 0 { number.checked_add(self.count as i64)? } else { number };
        usize::try_from(from_end).ok().filter(|index| *index < self.count)
    }
}

/// Several lists one behind the other along their first axis; `None` if that is not what it is.
pub(super) fn joined(constants: &[&Constant<'_>], axis: i64) -> Result<Option<Constant<'static>>, Refusal> {
    let mut numbers = Vec::new();
    let (mut count, mut inner) = (0, None);
    for constant in constants {
        let Some(rows) = Rows::of(constant)? else { return Ok(None) };
        if axis != 0 && !(axis == -1 && rows.inner.is_empty()) {
            return Ok(None);
        }
        if inner.get_or_insert_with(|| rows.inner.clone()) != &rows.inner
            || numbers.len() + rows.numbers.len() > MAX_LENGTH
        {
            return Ok(None);
        }
        count += rows.count;
        numbers.extend(rows.numbers);
    }
    let shape: Vec<usize> = std::iter::once(count).chain(inner.unwrap_or_default()).collect();
    Ok(Some(Constant::of_integers(shape, &numbers)))
}

/// The rows of a list at these indices: a list of them, or one without the axis.
pub(super) fn gathered(
    list: &Constant<'_>,
    indices: &Constant<'_>,
) -> Result<Option<Constant<'static>>, Refusal> {
    let Some(rows) = Rows::of(list)? else { return Ok(None) };
    if indices.shape.len() > 1 || indices.len() > MAX_LENGTH || !indices.is_integer() {
        return Ok(None);
    }
    let places: Option<Vec<usize>> = indices.integers()?.into_iter().map(|at| rows.index(at)).collect();
    let Some(places) = places.filter(|places| places.len() * rows.each <= MAX_LENGTH) else {
        return Ok(None);
    };
    let mut picked = rows.picked(&places);
    if indices.shape.is_empty() {
        picked.shape.remove(0);
    }
    Ok(Some(picked))
}

/// The rows from one index on to before another, in steps that may lead back.
pub(super) fn sliced(
    list: &Constant<'_>,
    [start, end, step]: [i64; 3],
) -> Result<Option<Constant<'static>>, Refusal> {
    let Some(rows) = Rows::of(list)? else { return Ok(None) };
    let count = rows.count as i64;
    let place = |number: i64, low: i64, high: i64| {
        (if number < 0 { number.saturating_add(count) } else { number }).clamp(low, high)
    };
    let mut places = Vec::new();
    let mut put = |at: i64| places.extend(usize::try_from(at));
    if step > 0 {
        let (mut at, end) = (place(start, 0, count), place(end, 0, count));
        while at < end {
            put(at);
            at = at.saturating_add(step);
        }
    } else if step < 0 {
        let (mut at, end) = (place(start, -1, count - 1), place(end, -1, count - 1));
        while at > end {
            put(at);
            at = at.saturating_add(step);
        }
    }
    Ok(if places.is_empty() { None } else { Some(rows.picked(&places)) })
}

/// A list of one number, so long as a shape of one axis says.
pub(super) fn filled(shape: &Constant<'_>, number: i64) -> Result<Option<Constant<'static>>, Refusal> {
    if !shape.is_integer() || shape.len() != 1 {
        return Ok(None);
    }
    let length = shape.integers()?.first().and_then(|&length| usize::try_from(length).ok());
    Ok(length
        .filter(|length| *length <= MAX_LENGTH)
        .map(|length| Constant::of_integers(vec![length], &vec![number; length])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(numbers: &[i64]) -> Constant<'static> {
        Constant::of_integers(vec![numbers.len()], numbers)
    }

    fn numbers(constant: Option<Constant<'_>>) -> Vec<i64> {
        constant.unwrap().integers().unwrap()
    }

    #[test]
    fn lists_are_joined_picked_and_turned_around() {
        let (a, b) = (list(&[0, 1, 0, 1]), list(&[7]));
        assert_eq!(numbers(joined(&[&a, &b], 0).unwrap()), [0, 1, 0, 1, 7]);
        assert!(joined(&[&a, &b], 1).unwrap().is_none());
        assert_eq!(numbers(gathered(&a, &list(&[1, -4])).unwrap()), [1, 0]);
        let one = gathered(&a, &Constant::of_integers(Vec::new(), &[3])).unwrap().unwrap();
        assert_eq!((one.shape.len(), one.integers().unwrap()), (0, vec![1]));
        assert!(
            gathered(&a, &list(&[4])).unwrap().is_none() && gathered(&a, &list(&[-5])).unwrap().is_none()
        );
        assert_eq!(numbers(sliced(&list(&[1, 2, 3, 4]), [1, i64::MAX, 2]).unwrap()), [2, 4]);
        assert_eq!(numbers(sliced(&list(&[1, 2, 3, 4]), [-1, i64::MIN + 1, -1]).unwrap()), [4, 3, 2, 1]);
        // Rows stay together: pairs of amounts, the last axis first.
        let pairs = Constant::of_integers(vec![3, 2], &[1, 2, 3, 4, 5, 6]);
        let turned = sliced(&pairs, [-1, i64::MIN, -1]).unwrap().unwrap();
        assert_eq!(
            (turned.shape.as_slice(), turned.integers().unwrap()),
            (&[3, 2][..], vec![5, 6, 3, 4, 1, 2])
        );
        assert_eq!(numbers(filled(&list(&[3]), 0).unwrap()), [0, 0, 0]);
        assert!(filled(&list(&[1 << 40]), 0).unwrap().is_none() && sliced(&a, [0, 4, 0]).unwrap().is_none());
        assert!(sliced(&a, [0, i64::MAX, i64::MAX]).unwrap().is_some());
    }
}
