//! The folder of a run: found or made before the work begins, filled file by file at its end.

use std::fs;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use icecap::advanced::foundation::atomic_file::{make_folder, replace_file, sync_entry};

use super::files::{
    ARGUMENTS, HISTORY, LABELS, METRICS, MODEL, PREDICTIONS, REPORT, SKIPPED, SPLIT, UNFINISHED,
    UNFINISHED_MODEL, UNFINISHED_SPLIT,
};
use super::mark::{Mark, Refused};
use crate::options::overwrite::OverwriteOption;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::stderr::{failure, note};
use crate::terminal::wording::plain_path;

/// The name of a run's folder if the user names none; later runs get a number behind it.
const NAME: &str = "icecap-run";
/// Folders of that name are tried up to this number.
const MOST: usize = 10_000;

/// What a run leaves in its folder, and would take the place of.
const FILES: [&str; 12] = [
    MODEL,
    METRICS,
    HISTORY,
    ARGUMENTS,
    PREDICTIONS,
    SPLIT,
    SKIPPED,
    LABELS,
    REPORT,
    UNFINISHED,
    UNFINISHED_SPLIT,
    UNFINISHED_MODEL,
];

/// A folder that can be written to, marked as taken. When dropped, the mark goes, and the folder, too, if it was made
/// here and nothing was put into it.
pub(crate) struct RunFolder {
    path: PathBuf,
    made: bool,
    mark: Option<Mark>,
}

impl RunFolder {
    /// Returns the folder `asked`, made if it is missing; else the first of `icecap-run`, `icecap-run-2`, … that is
    /// missing or empty.
    ///
    /// # Errors
    /// Also if another run is filling `asked`, or if it holds files of a run and nobody allows to replace them: by `overwrite`,
    /// or, on a terminal, by the answer to a question.
    pub(crate) fn create(asked: Option<&Path>, overwrite: OverwriteOption) -> Result<Self, Failure> {
        let Some(path) = asked else { return Self::next(Path::new("")) };
        // Looked at when no other run can put anything there.
        let run = Self::asked(path)?;
        replaceable(path, overwrite)?;
        Ok(run)
    }

    /// Takes the folder of a run that is gone on with.
    pub(crate) fn take_up(path: &Path) -> Result<Self, Failure> {
        Self::asked(path)
    }

    /// Takes the folder at `path`, whatever is in it: also one whose mark a run that was killed has left, but not that of a
    /// run under way.
    fn asked(path: &Path) -> Result<Self, Failure> {
        let made = !path.exists();
        match make_folder(path) {
            Ok(()) => {}
            Err(_) if path.exists() && !path.is_dir() => {
                let reason = "a file stands where the run's folder should be; name another with --out";
                return Err(Failure::path(path, reason));
            }
            Err(error) => {
                let reason = format!("cannot be made: {error}; name another folder with --out");
                return Err(Failure::path(path, reason));
            }
        }
        let mut run = Self { path: path.to_owned(), made, mark: None };
        run.mark = Some(Mark::take(path).map_err(|refused| not_taken(path, refused))?);
        Ok(run)
    }

    /// Takes the first folder in `place` that is free.
    fn next(place: &Path) -> Result<Self, Failure> {
        for number in 1..=MOST {
            let path = match number {
                1 => place.join(NAME),
                _ => place.join(format!("{NAME}-{number}")),
            };
            let made = match fs::create_dir(&path) {
                Ok(()) => {
                    sync_entry(&path);
                    true
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
                Err(error) => {
                    let reason = format!("cannot be made: {error}; name a folder with --out");
                    return Err(Failure::path(&path, reason));
                }
            };
            if !made && entries(&path) != Some(0) {
                continue;
            }
            // Of several runs that find it empty one can make the mark.
            let mut run = Self { path, made, mark: None };
            match Mark::make(&run.path) {
                Ok(mark) => run.mark = Some(mark),
                Err(Refused::Io(error))
                    if !matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) =>
                {
                    return Err(unwritable(&run.path, &error));
                }
                Err(_) => continue,
            }
            // A run that ended since we looked has left its files.
            if entries(&run.path) == Some(1) {
                return Ok(run);
            }
        }
        Err(Failure::new(Code::Path, format!("{NAME}: {MOST} runs stand here; name a folder with --out")))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of one of its files.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Puts a file in place in one step.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        Ok(replace_file(&self.file(name), |out| out.write_all(text.as_bytes()))?)
    }

    /// Removes a file that an earlier run may have left.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Failure> {
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::path(&self.file(name), error)),
            _ => Ok(()),
        }
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        drop(self.mark.take());
        if self.made {
            // Refused where something is in it, which is what we want.
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// Fails where `folder` holds files of a run that must stay.
fn replaceable(folder: &Path, overwrite: OverwriteOption) -> Result<(), Failure> {
    let Some(first) = FILES.iter().find(|name| folder.join(name).exists()) else { return Ok(()) };
    let shown = plain_path(folder);
    if overwrite.is_given() {
        note(&format!("note: replacing the run in {shown}"));
        return Ok(());
    }
    let (what, other) = match folder.join(MODEL).exists() || !folder.join(UNFINISHED).exists() {
        true => ("a run is there already", ""),
        false => ("a run was interrupted there", ", go on with that one with --resume"),
    };
    if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        failure(&format!("{shown}: {what} ({first}). Replace it? Type yes or no:"));
        let mut answer = String::new();
        std::io::stdin()
            .read_line(&mut answer)
            .map_err(|error| Failure::path(Path::new("standard input"), error))?;
        interrupt::check()?;
        if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
            return Ok(());
        }
        return Err(Failure::new(
            Code::Path,
            format!("{shown}: left as it is; name another folder with --out"),
        ));
    }
    let message = format!(
        "{shown}: {what} ({first}), and is left as it is; name another folder with --out{other}, or replace it with --force"
    );
    Err(Failure::new(Code::Path, message))
}

/// Returns how many files and folders stand in a folder; `None` if it cannot be looked into.
fn entries(folder: &Path) -> Option<usize> {
    fs::read_dir(folder).ok().map(Iterator::count)
}

fn not_taken(path: &Path, refused: Refused) -> Failure {
    match refused {
        Refused::Held { process } => {
            let process = process.map_or(String::new(), |number| format!(" (process {number})"));
            let reason = format!(
                "another run{process} is filling this folder; wait until it ends, or name another with --out"
            );
            Failure::path(path, reason)
        }
        Refused::NoMark(mark) => {
            let reason = "stands where a run marks its folder, and is no file of a run; remove it, or name \
                          another folder with --out";
            Failure::path(&mark, reason)
        }
        Refused::Io(error) => unwritable(path, &error),
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::path(path, format!("cannot be written: {error}; name another folder with --out"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::mark::MARK;

    #[test]
    fn runs_at_the_same_time_have_folders_of_their_own() {
        let place = tempfile::tempdir().unwrap();
        let next = || RunFolder::next(place.path()).unwrap_or_else(|failure| panic!("{failure:?}"));
        let (first, second) = (next(), next());
        let (one, two) = (place.path().join(NAME), place.path().join(format!("{NAME}-2")));
        assert_eq!((first.path(), second.path()), (one.as_path(), two.as_path()));
        // One that fails takes its own folder with it and no other.
        drop(first);
        assert!(!one.exists() && two.join(MARK).exists());
        second.write("model", "x").unwrap_or_else(|failure| panic!("{failure:?}"));
        drop(second);
        let left: Vec<_> = fs::read_dir(&two).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["model"]);
    }

    #[test]
    fn the_mark_of_a_killed_run_is_passed_by_or_taken_over() {
        let place = tempfile::tempdir().unwrap();
        let one = place.path().join(NAME);
        fs::create_dir(&one).unwrap();
        fs::write(one.join(MARK), "x").unwrap();
        let next = RunFolder::next(place.path()).unwrap_or_else(|failure| panic!("{failure:?}"));
        assert_eq!(next.path(), place.path().join(format!("{NAME}-2")));
        let asked = RunFolder::take_up(&one).unwrap_or_else(|failure| panic!("{failure:?}"));
        let other = RunFolder::take_up(&one).err().map(|failure| failure.message().to_owned());
        assert!(other.is_some_and(|told| told.contains(&format!("process {}", std::process::id()))));
        drop(asked);
        // The folder was there before, so it stays.
        assert!(!one.join(MARK).exists() && one.exists());
    }
}
