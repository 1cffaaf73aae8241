//! A number of things to list.

/// Reads a number of at least one.
pub(crate) fn at_least_one(text: &str) -> Result<u16, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| format!("use a number from 1 to {}", u16::MAX))
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
    }
}
