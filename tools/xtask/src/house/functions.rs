//! Every function of a file, its length and its parameters.
//!
//! A function's lines are counted from `fn` to its closing brace, blank lines and comments with them, docs and
//! attributes without. Each parameter counts once and a tuple once per element, also a tuple behind a reference or
//! inside a tuple: three numbers in brackets are three things to remember at the call. `self` does not count. Closures
//! have no limits of their own, their lines belong to the function around them.
//!
//! Functions written in a macro's body or arguments are found by their tokens: `fn`, a name, brackets, braces.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::finding::{Finding, Rule};

/// A function and what is limited of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    /// `Type::name` in an `impl`, `Trait::name` in a trait.
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) lines: usize,
    pub(super) parameters: usize,
}

impl Function {
    /// What was counted, over its limit or not.
    pub(super) fn findings(self, path: &str) -> [Finding; 2] {
        [(Rule::FunctionLines, self.lines), (Rule::Parameters, self.parameters)].map(|(rule, count)| {
            Finding { rule, path: path.to_owned(), line: self.line, function: self.name.clone(), count }
        })
    }
}

/// The functions of a file in their order.
pub(super) fn functions(file: &syn::File) -> Vec<Function> {
    let mut collector = Collector::default();
    collector.visit_file(file);
    collector.found
}

#[derive(Default)]
struct Collector {
    /// The type or trait around the place.
    owner: Option<String>,
    found: Vec<Function>,
}

impl Collector {
    fn add(&mut self, signature: &syn::Signature, body: Option<&syn::Block>) {
        let first = signature.fn_token.span.start().line;
        let last = body.map_or(signature.paren_token.span, |body| body.brace_token.span).close().end().line;
        let parameters = signature.inputs.iter().map(|input| match input {
            syn::FnArg::Receiver(_) => 0,
            syn::FnArg::Typed(typed) => width(&typed.ty),
        });
        let name = signature.ident.to_string();
        self.found.push(Function {
            name: self.owner.as_ref().map_or_else(|| name.clone(), |owner| format!("{owner}::{name}")),
            line: first,
            lines: last - first + 1,
            parameters: parameters.sum(),
        });
    }

    fn inside(&mut self, owner: Option<String>, visit: impl FnOnce(&mut Self)) {
        let around = std::mem::replace(&mut self.owner, owner);
        visit(self);
        self.owner = around;
    }

    /// Functions among the tokens of a macro.
    fn scan(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(word) if word == "fn" => self.found.extend(among_tokens(&tokens[at..])),
                TokenTree::Group(group) => self.scan(group.stream()),
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.inside(None, |inner| {
            inner.add(&item.sig, Some(&item.block));
            visit::visit_item_fn(inner, item);
        });
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, Some(&item.block));
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.add(&item.sig, item.default.as_ref());
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let owner = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
            _ => None,
        };
        self.inside(owner, |inner| visit::visit_item_impl(inner, item));
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.inside(Some(item.ident.to_string()), |inner| visit::visit_item_trait(inner, item));
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.inside(None, |inner| inner.scan(item.tokens.clone()));
    }
}

/// How many parameters a type is: the elements of a tuple, one for everything else.
fn width(ty: &syn::Type) -> usize {
    match ty {
        syn::Type::Tuple(tuple) => tuple.elems.iter().map(width).sum::<usize>().max(1),
        syn::Type::Reference(reference) => width(&reference.elem),
        syn::Type::Paren(paren) => width(&paren.elem),
        syn::Type::Group(group) => width(&group.elem),
        _ => 1,
    }
}

/// The function that begins at the first token. `None` for a function pointer's type, and where a name or a body is
/// not there.
fn among_tokens(tokens: &[TokenTree]) -> Option<Function> {
    let named = match tokens.get(1)? {
        TokenTree::Ident(_) => 1,
        // `fn $name`.
        TokenTree::Punct(dollar) if dollar.as_char() == '$' => 2,
        _ => return None,
    };
    let TokenTree::Ident(name) = tokens.get(named)? else { return None };
    let mut parameters = None;
    for token in &tokens[named + 1..] {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
                parameters.get_or_insert_with(|| among_brackets(group.stream()));
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let first = tokens[0].span().start().line;
                let lines = group.span_close().end().line - first + 1;
                return Some(Function {
                    name: name.to_string(),
                    line: first,
                    lines,
                    parameters: parameters?,
                });
            }
            TokenTree::Punct(end) if end.as_char() == ';' => return None,
            _ => {}
        }
    }
    None
}

/// Parameters between a function's brackets, as far as they are Rust; a macro's own patterns count by their colons.
fn among_brackets(tokens: TokenStream) -> usize {
    let parser = syn::punctuated::Punctuated::<syn::FnArg, syn::Token![,]>::parse_terminated;
    match syn::parse::Parser::parse2(parser, tokens.clone()) {
        Ok(inputs) => inputs
            .iter()
            .map(|input| if let syn::FnArg::Typed(typed) = input { width(&typed.ty) } else { 0 })
            .sum(),
        Err(_) => {
            let tokens: Vec<TokenTree> = tokens.into_iter().collect();
            // The two colons of a path stand together, a parameter's stands alone.
            let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
            (0..tokens.len()).filter(|&at| colon(at) && !colon(at + 1) && (at == 0 || !colon(at - 1))).count()
        }
    }
}
