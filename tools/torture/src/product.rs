//! The binary under test, run as a person runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The binary under test, with a cache folder of its own.
#[derive(Clone, Debug)]
pub struct Product {
    binary: PathBuf,
    cache: PathBuf,
}

impl Product {
    /// The product at `binary`, whose cache is the folder `cache`, which need not exist.
    #[must_use]
    pub fn new(binary: &Path, cache: &Path) -> Self {
        Self { binary: binary.to_owned(), cache: cache.to_owned() }
    }

    /// The binary.
    #[must_use]
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// The folder of its cache.
    #[must_use]
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// A command that is ready to start: no input, output kept, none of the caller's own settings.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ICECAP_") {
                command.env_remove(name);
            }
        }
        command.args(arguments).env("ICECAP_CACHE", &self.cache);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// A sentence, where it does not start.
    pub fn run(&self, arguments: &[&str]) -> Result<Output, String> {
        self.command(arguments).output().map_err(|e| format!("{}: {e}", self.binary.display()))
    }

    /// Runs a command that has to end well.
    ///
    /// # Errors
    /// What it says, where it does not.
    pub fn succeed(&self, arguments: &[&str]) -> Result<Output, String> {
        let output = self.run(arguments)?;
        match output.status.success() {
            true => Ok(output),
            false => Err(format!("{arguments:?} ends with {}: {}", output.status, last_line(&output))),
        }
    }

    /// Trains for one epoch on a folder of photos and returns the path of the model, in the new folder `run`.
    ///
    /// # Errors
    /// What the program says, where that does not end well.
    pub fn model(&self, photos: &str, run: &str) -> Result<String, String> {
        self.succeed(&["train", photos, "--epochs", "1", "-q", "--no-report", "--out", run])?;
        Ok(format!("{run}/model.safetensors"))
    }
}

/// The first line of `text` with a character that a terminal obeys and does not show, where there is one. Which these are
/// is written anew here: the program's own list is what is tested.
#[must_use]
pub fn raw(text: &str) -> Option<&str> {
    text.split('\n').find(|line| line.contains(is_raw))
}

fn is_raw(letter: char) -> bool {
    let number = u32::from(letter);
    let ranges = [0..=31, 127..=159, 0x61c..=0x61c, 0x200e..=0x200f, 0x2028..=0x202e, 0x2066..=0x2069];
    ranges.iter().any(|range| range.contains(&number))
}

/// The last line that a program wrote on standard error.
#[must_use]
pub fn last_line(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim_end().lines().last().unwrap_or_default().to_owned()
}
