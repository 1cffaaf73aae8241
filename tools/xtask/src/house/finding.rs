//! The limits of the house, and a place that is measured by one of them.

use std::fmt;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Lines of a file, all of them.
    FileLines,
    /// Lines of a function, from `fn` to its closing brace.
    FunctionLines,
    /// Parameters of a function, the elements of a tuple one by one.
    Parameters,
    /// Modules that the command line's `main.rs` declares.
    CliModules,
    /// Names at the root of the facade, its public modules aside.
    FacadeNames,
    /// Files that no crate declares.
    Stray,
}

impl Rule {
    /// The most that a place may have.
    pub(super) fn limit(self) -> usize {
        match self {
            Self::FileLines => 400,
            Self::FunctionLines => 60,
            Self::Parameters => 5,
            Self::CliModules => 10,
            Self::FacadeNames => 16,
            Self::Stray => 0,
        }
    }
}

/// A place and what was counted there.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) rule: Rule,
    pub(super) path: String,
    pub(super) line: usize,
    /// The function, `Type::name` in an `impl`; empty where the place is a file.
    pub(super) function: String,
    pub(super) count: usize,
}

impl Finding {
    /// A place that is a whole file.
    pub(super) fn of_file(rule: Rule, path: &str, count: usize) -> Self {
        Self { rule, path: path.to_owned(), line: 1, function: String::new(), count }
    }

    pub(super) fn is_over(&self) -> bool {
        self.count > self.rule.limit()
    }

    /// How an exception names the place: the path, and the function behind it.
    pub(super) fn at(&self) -> String {
        format!("{} {}", self.path, self.function).trim_end().to_owned()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, path, line, function, count } = self;
        let limit = rule.limit();
        write!(f, "{path}:{line}: ")?;
        match rule {
            Rule::FileLines => write!(f, "{count} lines in a file, at most {limit}"),
            Rule::FunctionLines => write!(f, "`{function}` has {count} lines, at most {limit}"),
            Rule::Parameters => write!(f, "`{function}` has {count} parameters, at most {limit}"),
            Rule::CliModules => write!(f, "{count} modules declared here, at most {limit}"),
            Rule::FacadeNames => write!(f, "{count} public names at the root, at most {limit}"),
            Rule::Stray => write!(f, "no crate declares this file"),
        }
    }
}
