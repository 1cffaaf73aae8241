//! The folder of a run: found or made before the work begins, filled file by file at its end.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use icecap::advanced::foundation::atomic_file::replace_file;

use super::files::{
    ARGUMENTS, HISTORY, LABELS, METRICS, MODEL, PREDICTIONS, REPORT, SKIPPED, SPLIT, UNFINISHED,
    UNFINISHED_MODEL, UNFINISHED_SPLIT,
};
use crate::options::overwrite::OverwriteOption;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::stderr::{failure, note};
use crate::terminal::wording::plain_path;

/// The name of a run's folder if the user names none; later runs get a number behind it.
const NAME: &str = "icecap-run";
/// Folders of that name are tried up to this number.
const MOST: usize = 10_000;

/// Stands in a folder while a run is under way that will fill it, and holds the number of the run's process. It keeps the
/// folder from being empty, so that no other run takes it.
const MARK: &str = ".icecap-run.lock";

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
}

impl RunFolder {
    /// Returns the folder `asked`, made if it is missing; else the first of `icecap-run`, `icecap-run-2`, … that is
    /// missing or empty.
    ///
    /// # Errors
    /// Also if `asked` holds files of a run and nobody allows to replace them: by `overwrite`, or, on a terminal, by the answer
    /// to a question.
    pub(crate) fn create(asked: Option<&Path>, overwrite: OverwriteOption) -> Result<Self, Failure> {
        match asked {
            Some(path) => {
                replaceable(path, overwrite)?;
                Self::asked(path)
            }
            None => Self::next(Path::new("")),
        }
    }

    /// Takes the folder of a run that is gone on with.
    pub(crate) fn take_up(path: &Path) -> Result<Self, Failure> {
        Self::asked(path)
    }

    /// Takes the folder at `path`, whatever is in it: also one whose mark a run that was killed has left.
    fn asked(path: &Path) -> Result<Self, Failure> {
        let made = !path.exists();
        match fs::create_dir_all(path) {
            Ok(()) => {
                let run = Self { path: path.to_owned(), made };
                run.mark(OpenOptions::new().create(true).truncate(true))
                    .map_err(|error| unwritable(path, &error))?;
                Ok(run)
            }
            Err(_) if path.exists() && !path.is_dir() => Err(Failure::path(
                path,
                "a file stands where the run's folder should be; name another with --out",
            )),
            Err(error) => {
                Err(Failure::path(path, format!("cannot be made: {error}; name another folder with --out")))
            }
        }
    }

    /// Takes the first folder in `place` that is free.
    fn next(place: &Path) -> Result<Self, Failure> {
        for number in 1..=MOST {
            let path = match number {
                1 => place.join(NAME),
                _ => place.join(format!("{NAME}-{number}")),
            };
            let made = match fs::create_dir(&path) {
                Ok(()) => true,
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
            let run = Self { path, made };
            match run.mark(OpenOptions::new().create_new(true)) {
                // A run that ended since we looked has left its files.
                Ok(()) if entries(&run.path) == Some(1) => return Ok(run),
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {}
                Err(error) => return Err(unwritable(&run.path, &error)),
            }
        }
        Err(Failure::new(Code::Path, format!("{NAME}: {MOST} runs stand here; name a folder with --out")))
    }

    /// Makes the mark, which also fails now rather than after the work if nothing can be written.
    fn mark(&self, how: &mut OpenOptions) -> std::io::Result<()> {
        how.write(true).open(self.file(MARK))?.write_all(own_number().as_bytes())
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
        let mark = self.file(MARK);
        // A run that has taken the folder over still needs its mark.
        if fs::read_to_string(&mark).is_ok_and(|holder| holder == own_number()) {
            let _ = fs::remove_file(&mark);
        }
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

fn own_number() -> String {
    std::process::id().to_string()
}

/// Returns how many files and folders stand in a folder; `None` if it cannot be looked into.
fn entries(folder: &Path) -> Option<usize> {
    fs::read_dir(folder).ok().map(Iterator::count)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::path(path, format!("cannot be written: {error}; name another folder with --out"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        // Another run takes it over in turn, and keeps its mark when this one ends.
        fs::write(one.join(MARK), "another").unwrap();
        drop(asked);
        assert!(one.join(MARK).exists());
    }
}
