//! The temporary file that a file is written to before it is put in its place by a rename.
//!
//! ```text
//! .icecap-BOOT-PROCESS-NUMBER-NANOSECONDS.part    beside the file, or in a folder of temporary files on the same disk
//! ```
//!
//! Its process holds it locked, and removes it unless it is put in place. A process that is killed cannot; so whoever first
//! writes into a folder removes the temporary files there that nobody holds. A lock alone does not prove that nobody does:
//! on some drives locks are known to one machine only, or all succeed. Therefore the process must be gone, too, where it
//! is one that we would see: of this boot of this machine, and no other container's. Any other file must be free and
//! untouched for a week. Were one removed all the same while it is written, its rename would fail and be told: no file is ever half there.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PREFIX: &str = ".icecap-";
const SUFFIX: &str = ".part";
/// How long a file is left alone whose process we would not see.
const UNKNOWN_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Names that turn out to be removed by another process before they are locked are tried so often.
const TRIES: usize = 100;

/// The temporary files of this process that are not in place yet.
static OURS: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);
/// Read while a file is made and while it is put in place. Held for ever once the process gives up its files.
static PLACING: RwLock<()> = RwLock::new(());
/// The folders that were looked through.
static LOOKED_THROUGH: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);

/// Removes the temporary files of this process, for one that ends without unwinding. A file that is being put in place at this
/// moment is waited for, and none is made or put in place afterwards: threads that try wait for the end of the process.
pub fn give_up() {
    std::mem::forget(PLACING.write().unwrap_or_else(PoisonError::into_inner));
    for path in OURS.lock().unwrap_or_else(PoisonError::into_inner).take().into_iter().flatten() {
        let _ = std::fs::remove_file(path);
    }
}

/// A temporary file, locked. When dropped, it goes.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
    file: Option<File>,
}

impl Temporary {
    /// Makes one in `folder`, after removing there what killed processes have left. The user's umask takes away from the
    /// permissions `mode`, where permissions are bits.
    pub(crate) fn create(folder: &Path, mode: u32) -> std::io::Result<Self> {
        look_through(folder);
        for _ in 0..TRIES {
            // Before it is given up or not at all: after that nobody would remove it.
            let placing = PLACING.read().unwrap_or_else(PoisonError::into_inner);
            let path = folder.join(new_name());
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
            #[cfg(not(unix))]
            let _ = mode;
            let file = options.open(&path)?;
            note(&path);
            drop(placing);
            let temporary = Self { path, file: Some(file) };
            if temporary.is_held()? {
                return Ok(temporary);
            }
        }
        Err(ErrorKind::TimedOut.into())
    }

    pub(crate) fn file(&mut self) -> &mut File {
        self.file.as_mut().expect("it is there until it is dropped")
    }

    /// Puts it in the place of `target`, in one step. On an error it goes.
    pub(crate) fn put(mut self, target: &Path) -> std::io::Result<()> {
        let _placing = PLACING.read().unwrap_or_else(PoisonError::into_inner);
        // Windows renames no file that is open.
        if cfg!(windows) {
            self.file = None;
        }
        std::fs::rename(&self.path, target)?;
        forget(&self.path);
        self.path = PathBuf::new();
        Ok(())
    }

    /// Locks it; whether it still stands at its name then.
    fn is_held(&self) -> std::io::Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        match file.try_lock() {
            // Somebody looks at this moment whether it is left over.
            Err(TryLockError::WouldBlock) => return Ok(false),
            // No locks here: then nobody removes it for a week.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        stands_at(&self.path, file)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // While it is locked.
            let _ = std::fs::remove_file(&self.path);
            forget(&self.path);
        }
    }
}

/// Whether the open `file` is what stands at `path`, and not behind a link there.
///
/// # Errors
/// Where the system does not tell.
pub fn stands_at(path: &Path, file: &File) -> std::io::Result<bool> {
    let there = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        there => there?,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let own = file.metadata()?;
        Ok(there.is_file() && (there.dev(), there.ino()) == (own.dev(), own.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        Ok(there.is_file())
    }
}

fn note(path: &Path) {
    let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
    ours.get_or_insert_default().insert(path.to_owned());
}

fn forget(path: &Path) {
    if let Some(ours) = &mut *OURS.lock().unwrap_or_else(PoisonError::into_inner) {
        ours.remove(path);
    }
}

/// A name that no other thread or process uses, on this machine or on another that shares the folder.
fn new_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let (process, number) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    format!("{PREFIX}{}-{process}-{number}-{now:x}{SUFFIX}", *BOOT)
}

/// What tells this boot of this machine, and the numbering of its processes that a container has, from others; `none`
/// where the system does not say.
static BOOT: LazyLock<String> = LazyLock::new(|| {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let id: String = id.chars().filter(char::is_ascii_hexdigit).take(8).collect();
    let numbering = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let numbering: String = numbering.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    if id.is_empty() || numbering.is_empty() { "none".to_owned() } else { id + &numbering }
});

/// Removes from `folder` what killed processes have left there, once in a process.
fn look_through(folder: &Path) {
    {
        let mut looked = LOOKED_THROUGH.lock().unwrap_or_else(PoisonError::into_inner);
        let looked = looked.get_or_insert_default();
        if looked.contains(folder) {
            return;
        }
        looked.insert(folder.to_owned());
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if let Some(owner) = entry.file_name().to_str().and_then(Owner::of) {
            // What cannot be removed stays where it is.
            let _ = remove_if_left(&entry.path(), owner);
        }
    }
}

/// What becomes of a temporary file's process, by the file's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Owner {
    Gone,
    /// There is a process of its number.
    There,
    /// Of another machine or container, of an earlier boot, or of a version that did not say.
    Unknown,
}

impl Owner {
    /// `None` for what is no name that we give.
    fn of(name: &str) -> Option<Self> {
        let inner = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        let parts: Vec<&str> = inner.split('-').collect();
        let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match parts.as_slice() {
            // Of versions that locked nothing.
            [random] if random.len() == 6 && is_word(random) => Some(Self::Unknown),
            [boot, process, _, _] if parts.iter().all(is_word) => {
                Some(match *boot == *BOOT && *BOOT != "none" {
                    true if Path::new("/proc").join(process).exists() => Self::There,
                    true => Self::Gone,
                    false => Self::Unknown,
                })
            }
            _ => None,
        }
    }
}

/// Removes a temporary file that no process holds.
fn remove_if_left(path: &Path, owner: Owner) -> std::io::Result<()> {
    let there = std::fs::symlink_metadata(path)?;
    if !there.is_file() || owner == Owner::There {
        return Ok(());
    }
    if owner == Owner::Unknown {
        // One whose time lies ahead has a clock that tells nothing.
        let age = SystemTime::now().duration_since(there.modified()?).unwrap_or_default();
        if age < UNKNOWN_AGE {
            return Ok(());
        }
    }
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    if file.try_lock().is_ok() && stands_at(path, &file)? {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Every kind of name and age, held and free: only what is surely nobody's goes.
    #[test]
    fn only_what_nobody_can_be_writing_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let week_ago = SystemTime::now() - UNKNOWN_AGE - Duration::from_secs(60);
        let make = |name: String, old: bool| {
            let file = File::create_new(at(&name)).unwrap();
            if old {
                file.set_modified(week_ago).unwrap();
            }
            (name, file)
        };
        // No process has a number as high.
        let ours = |number: u32| format!(".icecap-{}-4200000-{number}-0.part", *BOOT);
        let mut gone = vec![
            make(".icecap-00000000-1-0-0.part".to_owned(), true),
            make(".icecap-aB3xYz.part".to_owned(), true),
        ];
        if *BOOT != "none" {
            gone.push(make(ours(0), false));
        }
        let mut held = vec![make(ours(1), true), make(".icecap-00000000-1-1-0.part".to_owned(), true)];
        held.iter().for_each(|(_, file)| file.lock().unwrap());
        held.extend([
            make(".icecap-00000000-1-2-0.part".to_owned(), false),
            make(".icecap-aB3xY0.part".to_owned(), false),
            make(format!(".icecap-{}-{}-9-0.part", *BOOT, std::process::id()), *BOOT != "none"),
            make(".icecap-notes.part".to_owned(), true),
            make(".icecap-a-b.part".to_owned(), true),
            make("photo.part".to_owned(), true),
        ]);
        let gone: Vec<String> = gone.into_iter().map(|(name, _)| name).collect();
        let mut stay: Vec<String> = held.iter().map(|(name, _)| name.clone()).collect();
        stay.sort();
        let temporary = Temporary::create(folder.path(), 0o600).unwrap();
        let mut left = names(folder.path());
        left.retain(|name| at(name) != temporary.path);
        assert_eq!(left, stay, "{gone:?} should go");
        drop(temporary);
        assert_eq!(names(folder.path()), stay);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_a_link_and_a_folder_of_such_a_name_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let name = |number: u32| folder.path().join(format!(".icecap-{}-4200000-{number}-0.part", *BOOT));
        std::fs::create_dir(name(0)).unwrap();
        let target = folder.path().join("target");
        std::fs::write(&target, "mine").unwrap();
        std::os::unix::fs::symlink(&target, name(1)).unwrap();
        let made = std::process::Command::new("mkfifo").arg(name(2)).status().unwrap();
        assert!(made.success());
        drop(Temporary::create(folder.path(), 0o600).unwrap());
        assert_eq!(names(folder.path()).len(), 4);
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "mine");
    }

    #[test]
    fn a_file_that_is_written_is_not_removed_by_another_that_looks() {
        let folder = tempfile::tempdir().unwrap();
        let temporary = Temporary::create(folder.path(), 0o600).unwrap();
        remove_if_left(&temporary.path, Owner::Gone).unwrap();
        temporary.put(&folder.path().join("model")).unwrap();
        assert_eq!(names(folder.path()), ["model"]);
    }
}
