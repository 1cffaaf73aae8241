//! Which of the names that exist a mistyped one was meant to be.
//!
//! Names are compared by slips: a letter left out, put in or replaced, or two neighbors that changed places, one slip
//! each (Damerau, "A technique for computer detection and correction of spelling errors", 1964); case does not count.
//! How many slips are forgiven grows with a name, by [`forgiven`]: among short names everything is a few slips from
//! everything. Whose letters are counted, and what else makes two names alike, is for each list of names to say: a path
//! may lack its extension, the name of weights may be cut short. [`nearest`] is the answer for names without such rules.

use strsim::generic_damerau_levenshtein;

/// The letters of a name that are compared: the table behind the count grows with the square.
const LONGEST: usize = 256;

/// Returns the number of slips between two names, whose case does not count. Of longer names the first 256 letters are
/// compared.
#[must_use]
pub fn slips(asked: &str, known: &str) -> usize {
    let letters = |name: &str| lower_case(name).take(LONGEST).collect::<Vec<char>>();
    generic_damerau_levenshtein(&letters(asked), &letters(known))
}

/// Returns how many slips are forgiven in a name of so many letters: one, and one more for every four.
#[must_use]
pub fn forgiven(letters: usize) -> usize {
    1 + letters / 4
}

/// Returns the one of `known` that `asked` was most likely meant to be, or `None` if none is like it.
///
/// Two names that differ in case, spaces, dashes, underscores and dots alone are alike. Others are if both have at
/// least three letters and the shorter one is forgiven the slips between them. The one with the fewest slips is
/// returned, the first of several; never `asked` itself.
#[must_use]
pub fn nearest<'a>(asked: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let meant = folded(asked);
    let apart = |candidate: &str| {
        let candidate = folded(candidate);
        let letters = candidate.len().min(meant.len());
        let apart = generic_damerau_levenshtein(&meant, &candidate);
        (apart == 0 || (letters >= 3 && apart <= forgiven(letters))).then_some(apart)
    };
    let others = known.into_iter().filter(|known| *known != asked);
    others
        .filter_map(|known| Some((apart(known)?, known)))
        .min_by_key(|(apart, _)| *apart)
        .map(|(_, known)| known)
}

fn lower_case(name: &str) -> impl Iterator<Item = char> {
    name.chars().flat_map(char::to_lowercase)
}

fn folded(name: &str) -> Vec<char> {
    lower_case(name).filter(|c| !" -_.".contains(*c)).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_meant_is_found_and_nothing_else() {
        let known = ["ants", "bees", "golden_retriever", "cat", "cats and dogs", "a", "b"];
        for (name, meant) in [
            ("Ants", Some("ants")),
            ("ant", Some("ants")),
            ("beees", Some("bees")),
            ("Golden Retriever", Some("golden_retriever")),
            ("golden-retreiver", Some("golden_retriever")),
            ("cats", Some("cat")),
            ("A", Some("a")),
            ("c", None),
            ("wasps", None),
            ("", None),
            // The name itself is no suggestion.
            ("bees", None),
        ] {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
    }

    proptest! {
        #[test]
        fn each_kind_of_slip_counts_once(name in "[a-z]{4,20}", at in 0usize..3) {
            let letters: Vec<char> = name.chars().collect();
            let text = |letters: &[char]| letters.iter().collect::<String>();
            prop_assert_eq!(slips(&name, &name.to_uppercase()), 0);
            let mut other = letters.clone();
            other.remove(at);
            prop_assert_eq!(slips(&text(&other), &name), 1);
            other = letters.clone();
            other.insert(at, '7');
            prop_assert_eq!(slips(&text(&other), &name), 1);
            other = letters.clone();
            other[at] = '7';
            prop_assert_eq!(slips(&text(&other), &name), 1);
            other = letters.clone();
            other.swap(at, at + 1);
            prop_assert_eq!(slips(&text(&other), &name), usize::from(letters[at] != letters[at + 1]));
        }

        #[test]
        fn a_name_with_one_slip_is_found_among_strangers(name in "[a-z]{4,20}", at in 0usize..4) {
            let mut letters: Vec<char> = name.chars().collect();
            letters[at] = '7';
            let asked: String = letters.into_iter().collect();
            prop_assert_eq!(nearest(&asked, ["0123456", &name, "98"]), Some(name.as_str()));
        }
    }
}
