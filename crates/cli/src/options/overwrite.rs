//! `--force`: the one rule for files that stand where a command is to write. They are somebody's work until somebody says
//! that they are not.

use std::path::Path;

use clap::Args;

use crate::terminal::failure::{Code, Failure};
use crate::terminal::wording::plain_path;

/// Whether what is there may be replaced.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct OverwriteOption {
    /// Replace what is there already
    #[arg(long)]
    force: bool,
}

impl OverwriteOption {
    /// Whether what is there may be replaced.
    pub(crate) fn is_given(self) -> bool {
        self.force
    }

    /// Refuses a file that is there already, before any work is done for it. A device or a pipe is no file, and neither is a
    /// folder: what writes says what to do about these.
    pub(crate) fn check(self, file: &Path) -> Result<(), Failure> {
        if self.force || !file.is_file() {
            return Ok(());
        }
        Err(Self::kept(file, "is there already, and is left as it is; name another file"))
    }

    /// Refuses a folder that holds something, for a command that fills it with many files.
    pub(crate) fn check_folder(self, folder: &Path) -> Result<(), Failure> {
        let holds =
            |folder: &Path| std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        if self.force || !holds(folder) {
            return Ok(());
        }
        Err(Self::kept(folder, "holds files already, which are left as they are; name another folder"))
    }

    fn kept(path: &Path, reason: &str) -> Failure {
        Failure::new(
            Code::Path,
            format!("{}: {reason}, or replace what is there with --force", plain_path(path)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_and_what_is_none_is_left_to_the_writer() {
        let place = tempfile::tempdir().unwrap();
        let (file, missing) = (place.path().join("file"), place.path().join("missing"));
        assert!(OverwriteOption::default().check_folder(place.path()).is_ok());
        std::fs::write(&file, "mine").unwrap();
        let (kept, forced) = (OverwriteOption::default(), OverwriteOption { force: true });
        assert!(kept.check(&missing).is_ok() && kept.check(place.path()).is_ok());
        assert!(kept.check_folder(&missing).is_ok());
        for refused in [kept.check(&file), kept.check_folder(place.path())] {
            let failure = refused.unwrap_err();
            assert!(failure.message().ends_with("or replace what is there with --force"), "{failure:?}");
        }
        assert!(forced.check(&file).is_ok() && forced.check_folder(place.path()).is_ok());
        #[cfg(unix)]
        assert!(kept.check(Path::new("/dev/null")).is_ok());
    }
}
