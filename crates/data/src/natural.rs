//! The order of paths that people expect: `img_2` before `img_10`.

use std::cmp::Ordering;
use std::path::Path;

/// Natural order of paths: component by component, numbers by their value. Names that this leaves equal, as it passes
/// over spaces, are told apart byte by byte before the next component is looked at: otherwise `a b/1`, `ab/2` and
/// `a  b/3` would stand in a circle, and sorting may panic on one.
pub(crate) fn natural(a: &Path, b: &Path) -> Ordering {
    let mut components = a.components().zip(b.components());
    let by_name = components.find_map(|(a, b)| {
        let (a, b) = (a.as_os_str(), b.as_os_str());
        let order = natord::compare(&a.to_string_lossy(), &b.to_string_lossy()).then_with(|| a.cmp(b));
        Some(order).filter(|order| order.is_ne())
    });
    by_name.unwrap_or_else(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    /// Paths of few letters, so that many differ only in spaces, zeros and where a folder ends.
    fn awkward() -> impl Strategy<Value = PathBuf> {
        "[a01 ]{1,3}(/[a1 ]{1,2}){0,2}".prop_map(PathBuf::from)
    }

    fn check(a: &Path, b: &Path, c: &Path) -> std::result::Result<(), TestCaseError> {
        let order = natural(a, b);
        prop_assert_eq!(order, natural(b, a).reverse());
        prop_assert_eq!(order.is_eq(), a == b);
        if order.is_le() && natural(b, c).is_le() {
            prop_assert!(natural(a, c).is_le(), "{:?} <= {:?} <= {:?}", a, b, c);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_order_is_total(a in awkward(), b in awkward(), c in awkward()) {
            check(&a, &b, &c)?;
        }
    }

    #[test]
    fn names_that_differ_only_in_spaces_are_in_no_circle() {
        let names =
            ["a b", "ab", "a  b", "a b/c", "ab/c", "a  b/c", "a b/d", "ab/d", "a  b/d", "ab/c/x", "a b/"];
        for a in names {
            for b in names {
                for c in names {
                    check(Path::new(a), Path::new(b), Path::new(c)).unwrap();
                }
            }
        }
    }
}
