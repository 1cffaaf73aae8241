//! The arrows between the files of one crate, and the circles that they close.
//!
//! A file has an arrow to each file that defines something it mentions, with the first line that mentions it. A `mod`
//! line is no arrow, and neither is a `pub use` of what lies below the module that says it: both only make a way in. A
//! `pub use` of anything else is one. Whoever takes a name by way of such a re-export has an arrow to the file that
//! defines it, not to the file that re-exports it.
//!
//! Files that can reach each other form a knot. A knot is told as circles, the shortest first, each without the arrows
//! of those before it: when all of them are cut, the knot is gone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::mentions::{Kind, Mention};
use super::modules::Tree;
use super::resolve::Target;
use super::source::Source;

/// What makes an arrow: the line that mentions the other file first.
type Lines = BTreeMap<usize, usize>;

/// The arrows of a crate: from a file to others.
pub(super) struct Arrows {
    from: BTreeMap<usize, Lines>,
}

/// Files of which each uses the next and the last one the first, with the lines that do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Circle {
    pub(super) steps: Vec<Step>,
}

/// A file, and its line that uses the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) file: usize,
    pub(super) line: usize,
}

impl Arrows {
    /// The arrows of a crate.
    pub(super) fn of(tree: &Tree) -> Self {
        let mut arrows = Self { from: BTreeMap::new() };
        for mention in &tree.mentions {
            let from = tree.modules[mention.module].file;
            for target in tree.targets(mention) {
                let to = tree.modules[target.module()].file;
                if to != from && !is_way_in(tree, mention, target) {
                    let line = arrows.from.entry(from).or_default().entry(to).or_insert(mention.line);
                    *line = mention.line.min(*line);
                }
            }
        }
        arrows
    }

    pub(super) fn count(&self) -> usize {
        self.from.values().map(BTreeMap::len).sum()
    }

    /// Circles that cover every knot, the shortest first.
    pub(super) fn circles(mut self) -> Vec<Circle> {
        let mut circles = Vec::new();
        while let Some(circle) = self.shortest() {
            let next = circle.steps.iter().cycle().skip(1);
            for (step, next) in circle.steps.iter().zip(next) {
                self.from.get_mut(&step.file).and_then(|lines| lines.remove(&next.file));
            }
            circles.push(circle);
        }
        circles
    }

    fn shortest(&self) -> Option<Circle> {
        self.from.keys().filter_map(|&file| self.back_to(file)).min_by_key(|circle| circle.steps.len())
    }

    /// The shortest circle through a file: breadth first from it until an arrow leads back.
    fn back_to(&self, start: usize) -> Option<Circle> {
        let mut reached_from: BTreeMap<usize, usize> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(file) = queue.pop_front() {
            for &next in self.from.get(&file).into_iter().flat_map(BTreeMap::keys) {
                if next == start {
                    return Some(self.chain(start, file, &reached_from));
                }
                if let std::collections::btree_map::Entry::Vacant(vacant) = reached_from.entry(next) {
                    vacant.insert(file);
                    queue.push_back(next);
                }
            }
        }
        None
    }

    /// The steps from `start` to `last`, from where an arrow leads back to `start`.
    fn chain(&self, start: usize, last: usize, reached_from: &BTreeMap<usize, usize>) -> Circle {
        let mut files = vec![last];
        while files[files.len() - 1] != start {
            files.push(reached_from[&files[files.len() - 1]]);
        }
        files.reverse();
        let next = files.iter().cycle().skip(1);
        let steps = files.iter().zip(next).map(|(&file, next)| Step { file, line: self.from[&file][next] });
        Circle { steps: steps.collect() }
    }
}

/// A re-export of what lies below.
fn is_way_in(tree: &Tree, mention: &Mention, target: Target) -> bool {
    mention.kind == Kind::Reexport && tree.is_below(target.module(), mention.module)
}

impl Circle {
    /// The circle for a person: a line an arrow, with the source that makes it.
    pub(super) fn describe(&self, source: &Source) -> String {
        let files: BTreeSet<usize> = self.steps.iter().map(|step| step.file).collect();
        let mut text = format!("circle of {} files:", files.len());
        for step in &self.steps {
            let path = &source.files[step.file].path;
            text += &format!("\n  {path}:{}: {}", step.line, source.line(step.file, step.line));
        }
        text
    }
}
