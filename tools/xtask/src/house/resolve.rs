//! From a path to the modules that define what it names.
//!
//! A path is walked from its first segment: `crate`, `self`, `super`, or a name of the module it stands in; then
//! through modules and through `use` lines, which are followed to where a name is defined. Past an item (a type, say)
//! nothing more is looked up. A name that a module does not bind is taken to come from one of its macros. A path that
//! begins with another crate's name leads nowhere.

use std::collections::BTreeSet;

use super::mentions::{Kind, Mention};
use super::modules::{Binding, Tree};

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// A module itself.
    Module(usize),
    /// Something that a module defines.
    Item(usize),
}

impl Target {
    pub(super) fn module(self) -> usize {
        match self {
            Self::Module(module) | Self::Item(module) => module,
        }
    }
}

/// Names that are being followed, so that a `use` line that leads to itself ends.
type Following = BTreeSet<(usize, String)>;

impl Tree {
    /// Everything in this crate that a mention can mean.
    pub(super) fn targets(&self, mention: &Mention) -> BTreeSet<Target> {
        let mut found = self.resolve(mention.module, &mention.path, &mut Following::new());
        if mention.path.len() == 1 {
            match mention.kind {
                // A module alone is neither a type nor a value.
                Kind::Code => found.retain(|target| matches!(target, Target::Item(_))),
                Kind::Macro if found.is_empty() => {
                    found.extend(self.macros.get(&mention.path[0]).map(|&module| Target::Item(module)));
                }
                _ => {}
            }
        }
        found
    }

    fn resolve(&self, module: usize, path: &[String], following: &mut Following) -> BTreeSet<Target> {
        let Some((first, mut rest)) = path.split_first() else { return BTreeSet::new() };
        let mut found: BTreeSet<Target> = match first.as_str() {
            "crate" => [Target::Module(0)].into(),
            "self" => [Target::Module(module)].into(),
            "super" => self.modules[module].parent.into_iter().map(Target::Module).collect(),
            name => self.lookup(module, name, following),
        };
        while let Some((next, behind)) = rest.split_first() {
            found = found.into_iter().flat_map(|target| self.step(target, next, following)).collect();
            rest = behind;
        }
        found
    }

    /// `name` behind a target.
    fn step(&self, target: Target, name: &str, following: &mut Following) -> BTreeSet<Target> {
        let Target::Module(module) = target else { return [target].into() };
        if name == "super" {
            return self.modules[module].parent.into_iter().map(Target::Module).collect();
        }
        let found = self.lookup(module, name, following);
        let unknown = found.is_empty() && !self.modules[module].bindings.contains_key(name);
        if unknown { [Target::Item(module)].into() } else { found }
    }

    /// What `name` means in a module.
    fn lookup(&self, module: usize, name: &str, following: &mut Following) -> BTreeSet<Target> {
        if !following.insert((module, name.to_owned())) {
            return BTreeSet::new();
        }
        let mut found = BTreeSet::new();
        for binding in self.modules[module].bindings.get(name).into_iter().flatten() {
            match binding {
                Binding::Item => drop(found.insert(Target::Item(module))),
                Binding::Module(inner) => drop(found.insert(Target::Module(*inner))),
                Binding::Import(path) => found.extend(self.resolve(module, path, following)),
            }
        }
        if found.is_empty() && !self.modules[module].bindings.contains_key(name) {
            for glob in &self.modules[module].globs {
                for target in self.resolve(module, glob, following) {
                    if let Target::Module(inner) = target {
                        found.extend(self.lookup(inner, name, following));
                    }
                }
            }
        }
        following.remove(&(module, name.to_owned()));
        found
    }
}
