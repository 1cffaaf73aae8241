//! Which paths an item mentions: the leaves of its `use` lines, every path in its code, and what looks like a path
//! among the tokens of macros and attributes.
//!
//! Names that come by a method call or a field are not seen: the type that owns them had to be named somewhere. A name
//! alone that a function binds itself (a parameter, a `let`) is no mention.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A path in the source.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    /// The module that it is read from.
    pub(super) module: usize,
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    pub(super) kind: Kind,
}

/// Where a path stands, because that decides what it can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// In a `use` line that only this module sees.
    Use,
    /// In a `use` line with a visibility.
    Reexport,
    /// Before a `!`.
    Macro,
    /// In code.
    Code,
}

/// Gathers what one item mentions and imports.
pub(super) struct Collector {
    module: usize,
    /// Lower-case names that the functions around the place bind.
    locals: Vec<BTreeSet<String>>,
    pub(super) mentions: Vec<Mention>,
    /// Names that `use` lines bind, with their paths.
    pub(super) imports: Vec<(String, Vec<String>)>,
    /// Paths before a `*`.
    pub(super) globs: Vec<Vec<String>>,
}

impl Collector {
    pub(super) fn new(module: usize) -> Self {
        Self { module, locals: Vec::new(), mentions: Vec::new(), imports: Vec::new(), globs: Vec::new() }
    }

    pub(super) fn collect(&mut self, item: &syn::Item) {
        self.visit_item(item);
    }

    fn mention(&mut self, path: Vec<String>, line: usize, kind: Kind) {
        let alone = kind == Kind::Code && path.len() == 1;
        let known = |name: &String| name == "Self" || self.locals.iter().any(|locals| locals.contains(name));
        if path.is_empty() || path[0] == "Self" || alone && known(&path[0]) {
            return;
        }
        self.mentions.push(Mention { module: self.module, path, line, kind });
    }

    fn use_tree(&mut self, tree: &syn::UseTree, before: &[String], kind: Kind) {
        let mut path = before.to_vec();
        match tree {
            syn::UseTree::Path(inner) => {
                path.push(inner.ident.to_string());
                self.use_tree(&inner.tree, &path, kind);
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, before, kind);
                }
            }
            syn::UseTree::Name(name) => self.leaf(path, &name.ident, &name.ident, kind),
            syn::UseTree::Rename(rename) => self.leaf(path, &rename.ident, &rename.rename, kind),
            syn::UseTree::Glob(glob) => {
                self.globs.push(path.clone());
                self.mention(path, glob.star_token.spans[0].start().line, kind);
            }
        }
    }

    /// `name` behind `path`, bound as `bound`. `{self}` names the path itself.
    fn leaf(&mut self, mut path: Vec<String>, name: &syn::Ident, bound: &syn::Ident, kind: Kind) {
        let mut bound = bound.to_string();
        if name == "self" && !path.is_empty() {
            if bound == "self" {
                bound.clone_from(&path[path.len() - 1]);
            }
        } else {
            path.push(name.to_string());
        }
        self.imports.push((bound, path.clone()));
        self.mention(path, name.span().start().line, kind);
    }

    /// Paths among tokens: names with `::` between them. What stands behind a dot or a `$` is none, `$crate` is one.
    fn scan(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is = |at: Option<usize>, c: char| {
            at.and_then(|at| tokens.get(at))
                .is_some_and(|t| matches!(t, TokenTree::Punct(p) if p.as_char() == c))
        };
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.scan(group.stream()),
                TokenTree::Ident(word) => {
                    let line = word.span().start().line;
                    let before = at.checked_sub(1);
                    let unbound = is(before, '.') || is(before, ':') && is(at.checked_sub(2), ':');
                    let fragment = is(before, '$') && word != "crate";
                    let mut path = vec![word.to_string()];
                    while is(Some(at + 1), ':') && is(Some(at + 2), ':') {
                        let Some(TokenTree::Ident(word)) = tokens.get(at + 3) else { break };
                        path.push(word.to_string());
                        at += 3;
                    }
                    let kind =
                        if path.len() == 1 && is(Some(at + 1), '!') { Kind::Macro } else { Kind::Code };
                    if !unbound && !fragment {
                        self.mention(path, line, kind);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn function(&mut self, bound: Bound, visit: impl FnOnce(&mut Self)) {
        self.locals.push(bound.names);
        visit(self);
        self.locals.pop();
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let kind = if matches!(item.vis, syn::Visibility::Inherited) { Kind::Use } else { Kind::Reexport };
        if item.leading_colon.is_none() {
            self.use_tree(&item.tree, &[], kind);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let words: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            let line = path.segments[0].ident.span().start().line;
            self.mention(words, line, Kind::Code);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        if item.path.leading_colon.is_none() {
            let words: Vec<String> =
                item.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            let line = item.path.segments[0].ident.span().start().line;
            self.mention(words, line, Kind::Macro);
        }
        self.scan(item.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        match &attribute.meta {
            syn::Meta::List(list) => {
                self.scan(list.tokens.clone());
            }
            // Docs among them: their text is no path.
            syn::Meta::NameValue(_) | syn::Meta::Path(_) => {}
        }
    }

    /// `pub(in path)` uses nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let mut bound = Bound::default();
        bound.visit_item_fn(item);
        self.function(bound, |inner| visit::visit_item_fn(inner, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !has_test_attribute(&item.attrs) {
            let mut bound = Bound::default();
            bound.visit_impl_item_fn(item);
            self.function(bound, |inner| visit::visit_impl_item_fn(inner, item));
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        let mut bound = Bound::default();
        bound.visit_trait_item_fn(item);
        self.function(bound, |inner| visit::visit_trait_item_fn(inner, item));
    }
}

/// Names that a function binds.
#[derive(Default)]
struct Bound {
    names: BTreeSet<String>,
}

impl<'ast> Visit<'ast> for Bound {
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        let name = pattern.ident.to_string();
        if name.starts_with(|c: char| c.is_lowercase() || c == '_') {
            self.names.insert(name);
        }
        visit::visit_pat_ident(self, pattern);
    }
}

/// Whether an item is compiled for tests only.
pub(super) fn is_for_tests(item: &syn::Item) -> bool {
    let attributes = match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => return false,
    };
    has_test_attribute(attributes)
}

/// `#[cfg(test)]`, also as one of several conditions; `not(test)` is none.
pub(super) fn has_test_attribute(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        let text = list.tokens.to_string();
        !text.contains("not") && text.split(|c: char| !c.is_alphanumeric()).any(|word| word == "test")
    })
}

/// The file that `#[path = "…"]` names.
pub(super) fn path_attribute(attributes: &[syn::Attribute]) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.path().is_ident("path"))?;
    let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value else { return None };
    Some(text.value())
}
