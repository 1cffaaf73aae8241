//! Names in an archive: which are good, and their order.
//!
//! Good is a path below the archive that every system reads alike: parts between slashes, none of them empty, `.` or `..`,
//! no NUL, no backslash, no drive. Old programs on Windows write backslashes for slashes; where the entry says
//! that Windows packed it they are turned before. Elsewhere a backslash is refused: it is a letter for one system and a
//! folder for another.

use std::cmp::Ordering;

use icecap_foundation::shown::shown;

/// The longest name, in bytes: what a system takes for a path.
const LONGEST: usize = 4096;

/// Why a name is refused, if it is.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    let part = |part: &str| matches!(part, "" | "." | "..");
    let whole = name.strip_suffix('/').unwrap_or(name);
    let what = if whole.is_empty() || whole.split('/').any(part) {
        "leads out of the archive, or to no file"
    } else if name.contains('\0') {
        "has a NUL in its name"
    } else if name.contains('\\') {
        "has a backslash in its name, which not every system reads alike"
    } else if name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic() {
        "begins with a drive of Windows"
    } else if name.len() > LONGEST {
        "has a name of more than 4,096 bytes"
    } else {
        return Ok(());
    };
    Err(what)
}

/// Whether a text is a good name of one file or folder that nothing passes over as hidden.
pub(super) fn is_visible(name: &str) -> bool {
    check(name).is_ok()
        && !name.contains('/')
        && !name.starts_with('.')
        && !name.chars().any(char::is_control)
}

/// Why a label cannot be the name of a folder, if it cannot.
pub(super) fn check_label(label: &str) -> Result<(), String> {
    match is_visible(label) {
        true => Ok(()),
        false => Err(format!("has the label '{}', which cannot be the name of a class folder", shown(label))),
    }
}

/// The order of names in which everything in a folder follows the folder: byte by byte, the slash before all others.
pub(super) fn order(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let differ = a.iter().zip(b).find(|(a, b)| a != b);
    let rank = |byte: u8| if byte == b'/' { 0 } else { u16::from(byte) + 1 };
    differ.map_or(a.len().cmp(&b.len()), |(a, b)| rank(*a).cmp(&rank(*b)))
}

/// Whether two names, which follow each other, cannot both be in one folder: a name twice, or a file in which others lie.
pub(super) fn clash(a: &str, b: &str) -> bool {
    a == b || (!a.ends_with('/') && b.strip_prefix(a).is_some_and(|rest| rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_lies_in_a_folder_stands_together_behind_it(
            mut names in proptest::collection::vec("[ab! ]{1,2}(/[ab!]{1,2}){0,2}/?", 1..24),
        ) {
            names.sort_by(|a, b| order(a, b));
            // A clash anywhere is one between neighbors.
            let any = names.iter().enumerate().any(|(at, a)| names[at + 1..].iter().any(|b| clash(a, b)));
            prop_assert_eq!(any, names.windows(2).any(|pair| clash(&pair[0], &pair[1])));
            for folder in ["a/", "a!/", "ab/b/"] {
                let inside: Vec<usize> =
                    (0..names.len()).filter(|&at| names[at].starts_with(folder)).collect();
                prop_assert!(inside.windows(2).all(|pair| pair[0] + 1 == pair[1]));
                let first = names.partition_point(|name| order(name, folder) == Ordering::Less);
                prop_assert!(inside.first().is_none_or(|at| *at == first));
            }
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for good in ["a", "a/b.jpg", "a/", "..a/b..", "ä/…", "a b", "ab:c", "Icon\r"] {
            assert!(check(good).is_ok(), "{good}");
        }
        let long = "a/".repeat(2049);
        for bad in ["", "/", "/a", "../a", "a/../b", "a/.", "a//b", "a\\b", "c:/a", "a\0", "a//", &long] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
