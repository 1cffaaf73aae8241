//! The house check: rules about the shape of the source that neither the compiler nor clippy keeps.
//!
//! It parses every Rust file of the workspace and fails on
//! - a **circle of files** within a crate: a file that uses, directly or through others, a file that uses it;
//! - a file or a function that is too long, a function with too many parameters;
//! - too many modules in the command line's `main.rs`, too many names at the root of the facade;
//! - a file that no crate declares.
//!
//! The limits stand in [`finding`]. What counts as an arrow is said in [`circles`], [`modules`] and [`mentions`], what
//! counts as a line or a parameter in [`functions`]. A limit has exceptions, each by name and with its reason, in
//! [`exceptions`]; one that excuses nothing any more is a failure itself, and circles have none. The check also fails
//! where it found nothing to read.

mod circles;
mod doors;
mod exceptions;
mod finding;
mod functions;
mod mentions;
mod modules;
mod resolve;
mod source;

#[cfg(test)]
mod tests;

use std::path::Path;

use crate::outcome::Outcome;
use circles::Arrows;
use exceptions::{EXCEPTIONS, Exception};
use finding::{Finding, Rule};
pub(crate) use source::Source;

/// What a run looked at, and what it found.
#[derive(Debug, Default)]
struct Report {
    crates: usize,
    files: usize,
    arrows: usize,
    functions: usize,
    doors: Vec<String>,
    circles: Vec<String>,
    findings: Vec<Finding>,
    /// Exceptions that no file needs any more.
    idle: Vec<&'static str>,
}

/// Checks the tree at `root` and prints what was looked at and found.
///
/// # Errors
/// Any finding, a file that cannot be read or parsed, and a tree without crates, files, arrows or functions.
pub(crate) fn check(root: &Path) -> Outcome {
    let report = survey(&Source::read(root)?, EXCEPTIONS)?;
    println!(
        "house: {} crates, {} files, {} arrows between files, {} functions",
        report.crates, report.files, report.arrows, report.functions
    );
    for door in &report.doors {
        println!("house: {door}");
    }
    for line in report.lines() {
        println!("{line}");
    }
    report.outcome()
}

/// Looks at all of `source` and lets `exceptions` excuse what they name.
fn survey(source: &Source, exceptions: &[Exception]) -> Outcome<Report> {
    let mut report = Report { files: source.files.len(), ..Report::default() };
    let mut reached = vec![false; source.files.len()];
    for root in source.roots() {
        let tree = modules::Tree::load(source, root)?;
        let arrows = Arrows::of(&tree);
        report.crates += 1;
        report.arrows += arrows.count();
        for module in &tree.modules {
            reached[module.file] = true;
        }
        for circle in arrows.circles() {
            let text = circle.describe(source);
            // Files that two test binaries share are in both trees.
            if !report.circles.contains(&text) {
                report.circles.push(text);
            }
        }
    }
    for (file, reached) in source.files.iter().zip(reached) {
        let lines = file.text.lines().count();
        report.findings.push(Finding::of_file(Rule::FileLines, &file.path, lines));
        if !reached {
            report.findings.push(Finding::of_file(Rule::Stray, &file.path, 1));
        }
        let functions = functions::functions(&file.syntax);
        report.functions += functions.len();
        for function in functions {
            report.findings.extend(function.findings(&file.path));
        }
    }
    for (door, line) in doors::counted(source) {
        report.findings.push(door);
        report.doors.push(line);
    }
    report.findings.retain(Finding::is_over);
    report.excuse(exceptions);
    Ok(report)
}

impl Report {
    fn excuse(&mut self, exceptions: &[Exception]) {
        for exception in exceptions {
            let before = self.findings.len();
            self.findings.retain(|finding| !exception.excuses(finding));
            if self.findings.len() == before {
                self.idle.push(exception.at);
            }
        }
    }

    /// Every failure as text for a person: limits first, circles after them.
    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.findings.iter().map(Finding::to_string).collect();
        let idle = self.idle.iter();
        lines.extend(
            idle.map(|at| format!("{at}: an exception of the house check that excuses nothing any more")),
        );
        lines.extend(self.circles.iter().cloned());
        lines
    }

    fn outcome(&self) -> Outcome {
        if [self.crates, self.files, self.arrows, self.functions].contains(&0)
            || self.doors.len() < doors::DOORS
        {
            return Err("house: something that is to be checked was not found".to_owned());
        }
        let (limits, circles) = (self.findings.len() + self.idle.len(), self.circles.len());
        if limits + circles > 0 {
            return Err(format!("house: {circles} circles of files, {limits} other findings"));
        }
        println!("house: 0 circles of files");
        Ok(())
    }
}
