//! One thing that would help a run.

use super::Run;

/// What another net, another size and other views need, by what a command then has: the photos.
const OF_PHOTOS: [&str; 4] = ["--weights ", "--size ", "--augment ", "--unfreeze "];

/// A way to better results.
#[derive(Debug, PartialEq, Eq)]
pub struct Lead {
    /// Why, and what to expect; a sentence.
    pub text: String,
    /// What to type.
    pub command: Option<String>,
}

impl Lead {
    /// Returns it without a command that `run`, which `own` began, cannot follow: features that were extracted are those of one
    /// net and one size.
    pub(super) fn possible(self, run: &Run, own: &str) -> Self {
        let value = |command: &str, option: &str| {
            let behind = command.split_once(option)?.1;
            Some(behind.split(' ').next().unwrap_or_default().to_owned())
        };
        let is_possible = |command: &String| {
            !run.arguments.contains_key("features")
                || OF_PHOTOS.iter().all(|option| value(command, option) == value(own, option))
        };
        Self { command: self.command.filter(is_possible), ..self }
    }
}
