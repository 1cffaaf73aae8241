//! How many things stand at two doors: the modules that the command line's `main.rs` declares, and the names at the
//! root of the facade.
//!
//! A root of thirty modules or seventy names is a box: a reader cannot tell what to begin with. Public modules of the
//! facade are rooms behind the door and do not count; a `*` at its root counts as over any limit.

use super::finding::{Finding, Rule};
use super::source::Source;

const CLI: &str = "crates/cli/src/main.rs";
const FACADE: &str = "crates/icecap/src/lib.rs";

/// How many doors there are.
pub(super) const DOORS: usize = 2;

/// A count at each door that the tree has, with a line that tells it.
pub(super) fn counted(source: &Source) -> Vec<(Finding, String)> {
    let items = |path: &str| source.index(path).map(|file| &source.files[file].syntax.items);
    let mut counted = Vec::new();
    if let Some(items) = items(CLI) {
        let count = items.iter().filter(|item| matches!(item, syn::Item::Mod(_))).count();
        counted.push((Rule::CliModules, CLI, count, "modules declared"));
    }
    if let Some(items) = items(FACADE) {
        counted.push((Rule::FacadeNames, FACADE, items.iter().map(names).sum(), "public names at the root"));
    }
    let told = counted.into_iter();
    told.map(|(rule, path, count, what)| {
        (Finding::of_file(rule, path, count), format!("{path}: {count} {what}"))
    })
    .collect()
}

/// How many public names an item of the root brings, a module none.
fn names(item: &syn::Item) -> usize {
    let public = |vis: &syn::Visibility| usize::from(matches!(vis, syn::Visibility::Public(_)));
    match item {
        syn::Item::Const(item) => public(&item.vis),
        syn::Item::Enum(item) => public(&item.vis),
        syn::Item::Fn(item) => public(&item.vis),
        syn::Item::Static(item) => public(&item.vis),
        syn::Item::Struct(item) => public(&item.vis),
        syn::Item::Trait(item) => public(&item.vis),
        syn::Item::Type(item) => public(&item.vis),
        syn::Item::Use(item) if public(&item.vis) == 1 => leaves(&item.tree),
        _ => 0,
    }
}

fn leaves(tree: &syn::UseTree) -> usize {
    match tree {
        syn::UseTree::Path(inner) => leaves(&inner.tree),
        syn::UseTree::Group(group) => group.items.iter().map(leaves).sum(),
        syn::UseTree::Name(_) | syn::UseTree::Rename(_) => 1,
        syn::UseTree::Glob(_) => 1 + Rule::FacadeNames.limit(),
    }
}
