//! Names that are like a mistyped one: `Ants` for `ants`, `golden retriever` for `golden_retriever`.

use strsim::generic_damerau_levenshtein;

/// The name among `known` that `name` was most likely meant to be: the same but for case, spaces, dashes and
/// underscores, else the one with the fewest letters changed where these are few. Of two that are as near, the first.
#[must_use]
pub fn near_name<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let meant = folded(name);
    let away = |candidate: &str| {
        let candidate = folded(candidate);
        let letters = candidate.len().min(meant.len());
        let away = generic_damerau_levenshtein(&meant, &candidate);
        // One letter of four may be off. Of names of two letters nothing can be said.
        (away == 0 || (letters >= 3 && away <= 1 + letters / 4)).then_some(away)
    };
    let near = known.into_iter().filter(|known| *known != name);
    near.filter_map(|known| Some((away(known)?, known))).min_by_key(|(away, _)| *away).map(|(_, known)| known)
}

/// Longer names are compared by their beginning: the table of a distance grows with the square.
const LONGEST: usize = 256;

fn folded(name: &str) -> Vec<char> {
    let letters = name.chars().flat_map(char::to_lowercase).filter(|c| !" -_.".contains(*c));
    letters.take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
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
            assert_eq!(near_name(name, known), meant, "{name}");
        }
    }
}
