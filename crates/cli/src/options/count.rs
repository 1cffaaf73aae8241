//! Numbers of things: to list, or in a layer.

/// Reads a number of at least one.
pub(crate) fn at_least_one(text: &str) -> Result<u16, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| format!("use a number from 1 to {}", u16::MAX))
}

/// The most units of a hidden layer.
const MOST_UNITS: u32 = 4096;

/// Reads the units of a hidden layer.
pub(crate) fn hidden_units(text: &str) -> Result<u32, String> {
    let units = text.parse().ok().filter(|units| (1..=MOST_UNITS).contains(units));
    units.ok_or_else(|| format!("use a number of units from 1 to {MOST_UNITS}, or leave it out for none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_one_or_more() {
        assert_eq!(at_least_one("1"), Ok(1));
        for wrong in ["0", "-1", "65536", "a", ""] {
            assert!(at_least_one(wrong).is_err(), "{wrong}");
        }
        assert_eq!((hidden_units("1"), hidden_units("4096")), (Ok(1), Ok(4096)));
        for wrong in ["0", "-1", "4097", "a", ""] {
            assert!(hidden_units(wrong).is_err(), "{wrong}");
        }
    }
}
