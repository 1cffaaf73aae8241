//! Small trees, each with one fault.

use super::*;

/// The report on files that are given as path and text, without exceptions.
fn report(files: &[(&str, &str)]) -> Report {
    excused(files, &[])
}

fn excused(files: &[(&str, &str)], exceptions: &[Exception]) -> Report {
    let texts = files.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect();
    survey(&Source::parse(texts).expect("Rust"), exceptions).expect("complete")
}

/// A library of which each file is named without its folder.
fn library(files: &[(&str, &str)]) -> Report {
    let paths: Vec<String> = files.iter().map(|(name, _)| format!("crates/a/src/{name}.rs")).collect();
    let files: Vec<(&str, &str)> =
        paths.iter().zip(files).map(|(path, (_, text))| (path.as_str(), *text)).collect();
    report(&files)
}

fn found(report: &Report) -> Vec<(Rule, String, usize)> {
    report.findings.iter().map(|finding| (finding.rule, finding.at(), finding.count)).collect()
}

/// Trees whose files `a` and `b` use each other, in every way that a file can use another.
#[test]
fn a_circle_is_found_whatever_way_it_is_closed() {
    let thing = "use crate::a::A; pub struct B(A);";
    for (way, a) in [
        ("a use line", "use crate::b::B; pub struct A(B);"),
        ("a use line of the module", "use super::b; pub struct A(b::B);"),
        ("a group", "use crate::{b::{self, B as C}, c}; pub struct A;"),
        ("a use line in a function", "pub struct A; fn f() { use super::b::B; }"),
        ("an inline path", "pub struct A(crate::b::B);"),
        ("a path in an expression", "pub struct A; fn f() { crate::b::B::new(); }"),
        ("a re-export by the root", "use crate::B; pub struct A(B);"),
        ("a re-export under another name", "use crate::Renamed; pub struct A(Renamed);"),
        ("a re-export by a star, through another module", "pub struct A(crate::c::deeper::B);"),
        ("a star of its own", "use crate::c::deeper::*; pub struct A(B);"),
        ("a macro's arguments", "pub struct A; fn f() { println!(\"{}\", crate::b::B); }"),
        ("a macro's body", "pub struct A; macro_rules! m { () => { $crate::b::B::new() } }"),
        ("a macro of the other file", "pub struct A; fn f() { made!(); }"),
        ("an attribute's arguments", "#[arg(value_parser = super::b::parse)] pub struct A;"),
        ("an impl for the other's type", "pub struct A; impl crate::b::B { }"),
        ("a re-export of what is not below", "pub use crate::b::B; pub struct A;"),
        (
            "a name that a macro of the other file makes",
            "pub struct A; fn f() { super::b::made_by_a_macro(); }",
        ),
    ] {
        let report = library(&[
            ("lib", "mod a; mod b; mod c; pub use b::B; pub use b::B as Renamed;"),
            ("a", a),
            ("b", &format!("{thing} macro_rules! made {{ () => {{}} }}")),
            ("c", "pub mod deeper { pub use crate::b::*; }"),
        ]);
        assert_eq!(report.circles.len(), 1, "{way}: {:?}", report.circles);
        let text = &report.circles[0];
        assert!(text.starts_with("circle of 2 files:\n  crates/a/src/a.rs:1: "), "{way}: {text}");
        assert!(text.contains("crates/a/src/b.rs:1: use crate::a::A;"), "{way}: {text}");
        report.outcome().expect_err(way);
    }
}

#[test]
fn a_parent_that_uses_a_child_that_uses_it_is_a_circle() {
    for (parent, child) in [
        ("mod child; fn f() { child::g() } pub struct P;", "use super::P; pub fn g() {}"),
        // The re-export is a way in, the use of the re-exported name is not.
        ("mod child; pub use child::C; pub struct P(C);", "pub struct C(Box<super::P>);"),
        ("mod child; use child::C; pub struct P(C);", "pub struct C(Box<super::P>);"),
    ] {
        let report = library(&[("lib", parent), ("child", child)]);
        assert_eq!(report.circles.len(), 1, "{parent}");
    }
}

#[test]
fn what_makes_no_circle() {
    for (why, root, child) in [
        ("a way in", "mod child; pub use child::C; pub struct P;", "pub struct C(Box<super::P>);"),
        ("a way in by a star", "mod child; pub use child::*; pub struct P;", "pub struct C(Box<crate::P>);"),
        (
            "a test's module",
            "mod child; pub struct P; #[cfg(test)] mod t { use crate::child::C; }",
            "use super::P; pub struct C(P);",
        ),
        (
            "a test's item",
            "mod child; pub struct P; #[cfg(test)] fn f() { child::g() }",
            "use super::P; pub fn g() {}",
        ),
        (
            "another crate",
            "mod child; fn f() { other::child::g(); ::child::g() } pub struct P;",
            "pub struct C(super::P);",
        ),
        (
            "a local name",
            "mod child; pub use child::g; fn f(g: u8) -> u8 { g } pub struct P;",
            "pub fn g(_: super::P) {}",
        ),
        ("a word in an attribute", "mod child; #[arg(child)] pub struct P;", "pub struct C(super::P);"),
        ("a visibility", "mod child; pub struct P;", "use super::P; pub(in crate) struct C(P);"),
        (
            "a field and a method",
            "mod child; pub use child::g; fn f(p: P) { p.g(p.g) } pub struct P;",
            "pub fn g(_: super::P) {}",
        ),
    ] {
        let report = library(&[("lib", root), ("child", child)]);
        assert_eq!(report.circles, Vec::<String>::new(), "{why}");
        assert!(report.arrows > 0, "{why}");
    }
}

/// A ring of any length is told once, with all its steps, and a knot in as many circles as cut it.
#[test]
fn a_ring_is_told_step_by_step() {
    for length in 2..12 {
        let name = |at: usize| format!("m{:02}", at % length);
        let root: String = (0..length).map(|at| format!("mod {};", name(at))).collect();
        let texts: Vec<(String, String)> = (0..length)
            .map(|at| (name(at), format!("\nuse crate::{}::T as U; pub struct T;", name(at + 1))))
            .collect();
        let mut files = vec![("lib", root.as_str())];
        files.extend(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())));
        let report = library(&files);
        assert_eq!(report.circles.len(), 1);
        let lines: Vec<&str> = report.circles[0].lines().collect();
        assert_eq!(lines.len(), length + 1);
        for at in 0..length {
            let step = format!("{}.rs:2: use crate::{}::T", name(at), name(at + 1));
            assert!(lines.iter().any(|line| line.contains(&step)), "{step} in {lines:?}");
        }
    }
    let hub = library(&[
        ("lib", "mod hub; mod a; mod b;"),
        ("hub", "use crate::{a, b}; pub struct H;"),
        ("a", "use crate::hub::H;"),
        ("b", "use crate::hub::H;"),
    ]);
    assert_eq!(hub.circles.len(), 2);
}

#[test]
fn modules_are_found_where_cargo_finds_them() {
    let report = report(&[
        ("crates/a/src/main.rs", "mod folder; mod plain; mod inline { mod inner; } fn main() {}"),
        ("crates/a/src/folder/mod.rs", "mod child;"),
        ("crates/a/src/folder/child.rs", ""),
        ("crates/a/src/plain.rs", "mod below; #[path = \"../shared.rs\"] mod shared;"),
        ("crates/a/src/plain/below.rs", ""),
        ("crates/a/shared.rs", ""),
        ("crates/a/src/inline/inner.rs", "use crate::plain::below;"),
        ("tests/cli/main.rs", "#[path = \"../place/mod.rs\"] mod place;"),
        ("tests/place/mod.rs", ""),
    ]);
    assert_eq!(found(&report), []);
    assert_eq!((report.crates, report.files, report.arrows), (2, 9, 1));
}

#[test]
fn a_file_that_nobody_declares_is_found() {
    let report = library(&[("lib", "mod a;"), ("a", ""), ("b", "")]);
    assert_eq!(found(&report), [(Rule::Stray, "crates/a/src/b.rs".to_owned(), 1)]);
    let missing =
        Source::parse(vec![("crates/a/src/lib.rs".to_owned(), "\nmod a;".to_owned())]).expect("Rust");
    let error = survey(&missing, &[]).expect_err("no file");
    assert_eq!(error, "crates/a/src/lib.rs:2: no file for the module `a`");
}

#[test]
fn the_limits_lie_where_they_are_said_to() {
    let lines = Rule::FileLines.limit();
    for (over, count) in [(0, 0), (1, 1)] {
        let report = library(&[("lib", &"//\n".repeat(lines + over))]);
        assert_eq!(report.findings.len(), count);
    }
    for (signature, name) in [
        ("fn f()", "f"),
        ("impl T { fn f()", "T::f"),
        ("impl Deref for T { fn f()", "T::f"),
        ("trait T { fn f()", "T::f"),
        ("fn outer() { fn f()", "f"),
        ("m! { fn f()", "f"),
        ("macro_rules! m { () => { fn f()", "f"),
    ] {
        let open = signature.matches('{').count();
        for over in [0, 1] {
            let limit = Rule::FunctionLines.limit();
            let body = "\n".repeat(limit - 1 + over);
            let report = library(&[("lib", &format!("{signature} {{{body}}}{}", "}".repeat(open)))]);
            let of_it: Vec<_> =
                found(&report).into_iter().filter(|(_, at, _)| at.ends_with(&format!(" {name}"))).collect();
            let expected = (Rule::FunctionLines, format!("crates/a/src/lib.rs {name}"), limit + 1);
            assert_eq!(of_it, if over == 0 { vec![] } else { vec![expected] }, "{signature}");
        }
    }
}

#[test]
fn parameters_are_counted_through_tuples_and_without_self() {
    let parameters = |text: &str| {
        let file = syn::parse_file(text).expect("Rust");
        functions::functions(&file).pop().expect("a function").parameters
    };
    for (list, count) in [
        ("", 0),
        ("a: u8", 1),
        ("(a, b): (u8, u8)", 2),
        ("a: (u8, (u8, u8)), b: &mut (u8, u8)", 5),
        ("a: (), b: [u8; 3], c: impl Fn(u8, u8) -> u8, d: Option<(u8, u8)>, e: Vec<u8>, f: &[(u8, u8)]", 6),
    ] {
        assert_eq!(parameters(&format!("fn f({list}) {{}}")), count, "{list}");
        assert_eq!(parameters(&format!("impl T {{ fn f(&mut self, {list}) {{}} }}")), count, "{list}");
        assert_eq!(
            parameters(&format!("trait T {{ fn f<const N: usize>(self, {list}); }}")),
            count,
            "{list}"
        );
        assert_eq!(parameters(&format!("m! {{ pub fn f({list}) -> u8 {{ 1 }} }}")), count, "{list}");
    }
    assert_eq!(parameters("macro_rules! m { ($x:ty) => { fn f(a: $x, b: std::vec::Vec<$x>) {} } }"), 2);
}

#[test]
fn doors_are_counted() {
    let modules: String = (0..11).map(|at| format!("mod m{at} {{}}")).collect();
    let names = "pub use a::{A, B, c::{D, E as F}}; pub mod room {} mod own {} use x::Y; pub(crate) use x::Z; pub struct S;";
    let doors = |facade: &str| {
        let report = report(&[("crates/cli/src/main.rs", &modules), ("crates/icecap/src/lib.rs", facade)]);
        (found(&report), report.doors)
    };
    let cli = (Rule::CliModules, "crates/cli/src/main.rs".to_owned(), 11);
    let (findings, told) = doors(names);
    assert_eq!(findings, std::slice::from_ref(&cli));
    assert_eq!(
        told,
        [
            "crates/cli/src/main.rs: 11 modules declared",
            "crates/icecap/src/lib.rs: 5 public names at the root"
        ]
    );
    let (findings, _) = doors("pub use a::*;");
    assert_eq!(findings, [cli, (Rule::FacadeNames, "crates/icecap/src/lib.rs".to_owned(), 17)]);
}

#[test]
fn an_exception_excuses_what_it_names_and_nothing_more() {
    let at = "crates/a/src/lib.rs wide";
    let files = [("crates/a/src/lib.rs", "fn wide(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8) {}")];
    let exception = |rule, at, most| [Exception { rule, at, most, reason: "a test" }];
    let excused_by = |exception: [Exception; 1]| excused(&files, &exception);
    let right = excused_by(exception(Rule::Parameters, at, 6));
    assert_eq!((right.findings.len(), right.idle.len()), (0, 0));
    for other in [
        exception(Rule::Parameters, at, 5),
        exception(Rule::FunctionLines, at, 6),
        exception(Rule::Parameters, "crates/a/src/lib.rs narrow", 6),
    ] {
        let report = excused_by(other);
        assert_eq!((report.findings.len(), report.idle.len()), (1, 1));
        assert_eq!(report.lines().len(), 2);
    }
}

#[test]
fn a_check_that_found_nothing_fails() {
    report(&[]).outcome().expect_err("nothing");
    // Without the two doors.
    library(&[("lib", "mod a; fn f() { a::g() }"), ("a", "pub fn g() {}")]).outcome().expect_err("no doors");
    let complete = [
        ("crates/cli/src/main.rs", "mod a; fn main() { a::g() }"),
        ("crates/cli/src/a.rs", "pub fn g() {}"),
        ("crates/icecap/src/lib.rs", ""),
    ];
    report(&complete).outcome().expect("complete");
}

#[test]
fn every_exception_has_a_reason() {
    for exception in EXCEPTIONS {
        assert!(exception.reason.split_whitespace().count() > 3, "{}", exception.at);
        assert!(exception.most > exception.rule.limit(), "{}", exception.at);
    }
}
