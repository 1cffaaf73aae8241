//! Which photos belong together, by a rule on their paths: shots of one animal, patient or camera burst.
//!
//! ```text
//! rule ^(cow-\d+)_      photos/brown/cow-17_a.jpg  ->  cow-17        the first capture group
//! rule ^[^/]+/          photos/brown/farm-2/3.jpg  ->  farm-2/       without one: the whole match
//! ```
//!
//! A photo that the rule says nothing of is a group of its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

use crate::{Error, Result, Sample};

/// A rule that says which photos belong together: a regular expression on the path of a photo below its class folder,
/// with `/` between names on every system.
#[derive(Clone, Debug)]
pub struct GroupRule(Regex);

impl std::str::FromStr for GroupRule {
    type Err = Error;

    fn from_str(rule: &str) -> Result<Self> {
        let wrong =
            |error: regex_lite::Error| Error::GroupRule { rule: rule.to_owned(), reason: error.to_string() };
        Regex::new(rule).map(Self).map_err(wrong)
    }
}

impl GroupRule {
    /// Returns the name of the group of a photo of `class`, or `None` if the rule does not match.
    ///
    /// The rule sees the path below the last folder of the class' name, or the whole path if there is no such folder.
    #[must_use]
    pub fn group(&self, path: &Path, class: &str) -> Option<String> {
        let names: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
        let folders = &names[..names.len().saturating_sub(1)];
        let below = folders.iter().rposition(|name| name == class).map_or(0, |at| at + 1);
        let text = names[below..].join("/");
        let found = self.0.captures(&text)?;
        found.get(1).or_else(|| found.get(0)).map(|group| group.as_str().to_owned())
    }
}

/// The groups of some photos, numbered; photos of a group must not be on both sides of a split.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    of: HashMap<PathBuf, u32>,
    named: usize,
}

impl Groups {
    /// Returns the groups of `samples` by `rule`. Groups of one name are one group, even in different classes.
    #[must_use]
    pub fn new<'a>(rule: &GroupRule, samples: impl Iterator<Item = &'a Sample>, classes: &[String]) -> Self {
        let (mut of, mut numbers) = (HashMap::new(), HashMap::new());
        let mut next = 0;
        let mut named = 0;
        for sample in samples {
            let mut fresh = || {
                next += 1;
                next - 1
            };
            let number = match rule.group(&sample.path, &classes[sample.class]) {
                Some(name) => *numbers.entry(name).or_insert_with(|| {
                    named += 1;
                    fresh()
                }),
                None => fresh(),
            };
            of.insert(sample.path.clone(), number);
        }
        Self { of, named }
    }

    /// Returns the groups that `names` gives to paths. A photo without a name there is a group of its own.
    #[must_use]
    pub fn listed<'a>(samples: impl Iterator<Item = &'a Sample>, names: &HashMap<PathBuf, String>) -> Self {
        let (mut of, mut numbers) = (HashMap::new(), HashMap::new());
        for (next, sample) in samples.enumerate() {
            let number = match names.get(&sample.path) {
                Some(name) => *numbers.entry(name).or_insert(next as u32),
                None => next as u32,
            };
            of.insert(sample.path.clone(), number);
        }
        Self { of, named: numbers.len() }
    }

    /// Returns the number of the group of each of `samples`, which must be among those that the groups were made of. Groups
    /// are numbered in the order in which they come for the first time, so that what else lies in the folder, or came since,
    /// has no say in how they are dealt.
    #[must_use]
    pub fn numbers(&self, samples: &[Sample]) -> Vec<u32> {
        let mut numbers = HashMap::new();
        self.known(samples)
            .map(|group| {
                let next = numbers.len() as u32;
                *numbers.entry(group).or_insert(next)
            })
            .collect()
    }

    fn known<'a>(&'a self, samples: &'a [Sample]) -> impl Iterator<Item = Option<u32>> + 'a {
        samples.iter().map(|sample| self.of.get(&sample.path).copied())
    }

    /// How many groups have a name; photos that are alone have none.
    #[must_use]
    pub fn named(&self) -> usize {
        self.named
    }

    /// How many groups have photos both among `some` and among `others`.
    #[must_use]
    pub fn shared(&self, some: &[Sample], others: &[Sample]) -> usize {
        let mut both: Vec<Option<u32>> = self.known(some).collect();
        let others: std::collections::HashSet<Option<u32>> = self.known(others).collect();
        both.sort_unstable();
        both.dedup();
        both.into_iter().filter(|group| others.contains(group)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_sees_what_lies_below_the_class_folder() {
        let group =
            |rule: &str, path: &str| rule.parse::<GroupRule>().unwrap().group(Path::new(path), "brown");
        assert_eq!(group(r"^(cow-\d+)_", "in/brown/cow-17_a.jpg").as_deref(), Some("cow-17"));
        assert_eq!(group("^[^/]+/", "in/brown/farm-2/3.jpg").as_deref(), Some("farm-2/"));
        assert_eq!(group(r"^(cow-\d+)_", "in/brown/x.jpg"), None);
        // A folder of the class' name above the class folder, and a file of that name.
        assert_eq!(group("^.", "brown/in/brown/x.jpg").as_deref(), Some("x"));
        assert_eq!(group("^.+$", "in/brown/brown").as_deref(), Some("brown"));
        assert_eq!(group("^.+$", "elsewhere/y.jpg").as_deref(), Some("elsewhere/y.jpg"));
        assert!(matches!("(".parse::<GroupRule>(), Err(Error::GroupRule { .. })));
    }

    #[test]
    fn photos_without_a_group_are_alone() {
        let sample = |path: &str, class| Sample { path: path.into(), class };
        let classes = ["a", "b"].map(str::to_owned);
        let photos = [sample("a/x1_1", 0), sample("b/x1_2", 1), sample("a/loose", 0), sample("b/loose2", 1)];
        let groups = Groups::new(&"^(x[0-9])_".parse().unwrap(), photos.iter(), &classes);
        assert_eq!((groups.numbers(&photos), groups.named()), (vec![0, 0, 1, 2], 1));
        // Whatever is left of them.
        assert_eq!(groups.numbers(&[photos[3].clone(), photos[1].clone(), photos[0].clone()]), [0, 1, 1]);
        assert_eq!(
            (groups.shared(&photos[..1], &photos[1..]), groups.shared(&photos[2..3], &photos[3..])),
            (1, 0)
        );
    }
}
