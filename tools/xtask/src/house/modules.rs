//! The modules of a crate: which file each lies in, which names it binds, and what it mentions.
//!
//! A module's names are its items (functions, types, constants, macros), the modules it declares, and what its `use`
//! lines bring in. Everything under `#[cfg(test)]` belongs to its file, but what it uses is no arrow: a test stands
//! above whatever it tests, and nothing that ships uses a test.

use std::collections::BTreeMap;

use super::mentions::{self, Mention};
use super::source::Source;
use crate::outcome::Outcome;

/// What a name stands for in a module.
#[derive(Debug, Clone)]
pub(super) enum Binding {
    /// Something that the module defines itself.
    Item,
    /// A module that it declares.
    Module(usize),
    /// A path that a `use` line gives the name to.
    Import(Vec<String>),
}

/// A module, in a file of its own or within one.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) file: usize,
    pub(super) parent: Option<usize>,
    pub(super) bindings: BTreeMap<String, Vec<Binding>>,
    /// Paths behind a `*`.
    pub(super) globs: Vec<Vec<String>>,
    /// Under `#[cfg(test)]`, itself or a module around it.
    tests: bool,
}

impl Module {
    pub(super) fn bind(&mut self, name: String, binding: Binding) {
        self.bindings.entry(name).or_default().push(binding);
    }
}

/// A crate: its modules, the root first, and every path that they mention.
pub(super) struct Tree {
    pub(super) modules: Vec<Module>,
    pub(super) mentions: Vec<Mention>,
    /// Where each `macro_rules!` is defined, for those that are used by textual scope.
    pub(super) macros: BTreeMap<String, usize>,
}

/// Where the modules that a module declares are looked for.
struct Place {
    module: usize,
    /// The folder of the declaring file, for `#[path]`.
    beside: String,
    /// The folder of its children.
    below: String,
}

impl Tree {
    /// Follows the `mod` lines from the file at `root`.
    ///
    /// # Errors
    /// A module whose file is not there.
    pub(super) fn load(source: &Source, root: usize) -> Outcome<Self> {
        let mut tree = Self { modules: Vec::new(), mentions: Vec::new(), macros: BTreeMap::new() };
        let module = tree.add(root, None, false);
        let folder = parent(&source.files[root].path).to_owned();
        let place = Place { module, beside: folder.clone(), below: folder };
        tree.items(source, &source.files[root].syntax.items, &place)?;
        Ok(tree)
    }

    fn add(&mut self, file: usize, parent: Option<usize>, tests: bool) -> usize {
        let tests = tests || parent.is_some_and(|parent| self.modules[parent].tests);
        self.modules.push(Module { file, parent, bindings: BTreeMap::new(), globs: Vec::new(), tests });
        self.modules.len() - 1
    }

    fn items(&mut self, source: &Source, items: &[syn::Item], place: &Place) -> Outcome {
        for item in items {
            if let syn::Item::Mod(item) = item {
                self.module(source, item, place)?;
            } else if !self.modules[place.module].tests && !mentions::is_for_tests(item) {
                self.item(item, place.module);
            }
        }
        Ok(())
    }

    /// A `mod` line, or a module within its file.
    fn module(&mut self, source: &Source, item: &syn::ItemMod, place: &Place) -> Outcome {
        let name = item.ident.to_string();
        let name = name.strip_prefix("r#").unwrap_or(&name);
        let tests = mentions::has_test_attribute(&item.attrs);
        let declaring = self.modules[place.module].file;
        if let Some((_, items)) = &item.content {
            let module = self.add(declaring, Some(place.module), tests);
            self.modules[place.module].bind(name.to_owned(), Binding::Module(module));
            let below = join(&place.below, name);
            return self.items(source, items, &Place { module, beside: below.clone(), below });
        }
        let candidates = match mentions::path_attribute(&item.attrs) {
            Some(path) => vec![join(&place.beside, &path)],
            None => {
                [format!("{name}.rs"), format!("{name}/mod.rs")].map(|file| join(&place.below, &file)).into()
            }
        };
        let Some(file) = candidates.iter().find_map(|path| source.index(path)) else {
            let line = item.ident.span().start().line;
            return Err(format!("{}:{line}: no file for the module `{name}`", source.files[declaring].path));
        };
        let module = self.add(file, Some(place.module), tests);
        self.modules[place.module].bind(name.to_owned(), Binding::Module(module));
        let path = &source.files[file].path;
        let beside = parent(path).to_owned();
        let own_folder = path.ends_with("/mod.rs") || mentions::path_attribute(&item.attrs).is_some();
        let below = if own_folder { beside.clone() } else { path.trim_end_matches(".rs").to_owned() };
        self.items(source, &source.files[file].syntax.items, &Place { module, beside, below })
    }

    /// Anything but a module: what it names, and what it mentions.
    fn item(&mut self, item: &syn::Item, module: usize) {
        let mut name = |ident: &syn::Ident| self.modules[module].bind(ident.to_string(), Binding::Item);
        match item {
            syn::Item::Const(item) => name(&item.ident),
            syn::Item::Enum(item) => name(&item.ident),
            syn::Item::Fn(item) => name(&item.sig.ident),
            syn::Item::Static(item) => name(&item.ident),
            syn::Item::Struct(item) => name(&item.ident),
            syn::Item::Trait(item) => name(&item.ident),
            syn::Item::TraitAlias(item) => name(&item.ident),
            syn::Item::Type(item) => name(&item.ident),
            syn::Item::Union(item) => name(&item.ident),
            syn::Item::Macro(item) => {
                if let Some(ident) = &item.ident {
                    name(ident);
                    self.macros.insert(ident.to_string(), module);
                }
            }
            _ => {}
        }
        let mut found = mentions::Collector::new(module);
        found.collect(item);
        for (name, path) in found.imports {
            self.modules[module].bind(name, Binding::Import(path));
        }
        self.modules[module].globs.append(&mut found.globs);
        self.mentions.append(&mut found.mentions);
    }

    /// Whether `module` lies in `ancestor`, at any depth.
    pub(super) fn is_below(&self, module: usize, ancestor: usize) -> bool {
        let mut above = self.modules[module].parent;
        while let Some(module) = above {
            if module == ancestor {
                return true;
            }
            above = self.modules[module].parent;
        }
        false
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// `path` seen from `folder`, without `..`.
fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
