//! Numbers that a caller sets: one outside its range is refused with the range that is allowed.

use crate::Error;

/// Refuses a number outside `range`.
pub(crate) fn setting(
    what: &'static str,
    value: f64,
    range: impl std::ops::RangeBounds<f64>,
    allowed: &'static str,
) -> Result<(), Error> {
    if range.contains(&value) { Ok(()) } else { Err(Error::Setting { what, value, allowed }) }
}
