//! Many processes on one cache, some of them killed, with locks and without: every result is that of a process alone. And
//! entries that were changed: each is noticed, and written anew.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use crate::product::last_line;
use crate::stage::{Stage, no_strace, strace};
use crate::{Plan, Report, photos};

/// Processes at once.
const PROCESSES: usize = 8;
/// How many of them are killed.
const KILLED: usize = 2;

/// The number of the first case that poisons a cache.
const POISONED: u64 = 1_000_000;

/// Runs 50 rounds of processes on one cache where `plan` says nothing else, and changes `poisoned` entries.
///
/// # Errors
/// The report, where a promise broke; a sentence, where the campaign cannot be set up.
pub fn run(binary: &Path, plan: &Plan, poisoned: u64) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let stage = Stage::set(binary, folder.path())?;
    let mut report = Report::new("cache-storm", plan);
    let without_locks = no_strace().is_none();
    for case in plan.cases(50).filter(|case| *case < POISONED) {
        let stubbed = case % 2 == 1 && without_locks;
        match round(&stage, &mut plan.random(case), stubbed)? {
            Ok(through) => {
                report.ran(if stubbed { "a round without locks" } else { "a round with locks" });
                report.count("processes that came to their end", through as u64);
                report.count("processes killed", KILLED as u64);
            }
            Err(broken) => report.broke(case, broken),
        }
    }
    let rounds = match plan.only {
        Some(only) => only.checked_sub(POISONED).map(|at| at..at + 1).unwrap_or_default(),
        None => 0..poisoned.div_ceil(EACH as u64 * 2),
    };
    let poison = if rounds.is_empty() { None } else { Some(Poison::set(&stage)?) };
    for at in rounds {
        let Some(poison) = &poison else { break };
        match poison.round(&mut plan.random(POISONED + at))? {
            Ok(entries) => {
                report.ran("a poisoned cache changed nothing");
                report.count("poisoned entries noticed", entries as u64);
            }
            Err(broken) => report.broke(POISONED + at, broken),
        }
    }
    report.finish()
}

/// A process of a round.
struct Running {
    child: Child,
    work: usize,
    place: PathBuf,
    killed: bool,
}

/// One round; how many processes came to their end.
fn round(stage: &Stage, random: &mut fastrand::Rng, stubbed: bool) -> Result<Result<usize, String>, String> {
    let storm = stage.folder.join("storm");
    if storm.exists() {
        std::fs::remove_dir_all(&storm).map_err(|e| e.to_string())?;
    }
    // Half of the rounds find what earlier ones have left.
    let cache = stage.folder.join("shared");
    if random.bool() && cache.exists() {
        std::fs::remove_dir_all(&cache).map_err(|e| e.to_string())?;
    }
    let mut running = Vec::new();
    for number in 0..PROCESSES {
        let work = number % stage.works.len();
        let place = storm.join(number.to_string());
        std::fs::create_dir_all(&place).map_err(|e| e.to_string())?;
        let words = stage.works[work].words(&place);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let command = stage.product("shared").command(&words);
        let mut command = if stubbed { without_locks(&command) } else { command };
        let child = command.spawn().map_err(|e| e.to_string())?;
        running.push(Running { child, work, place, killed: number < KILLED });
    }
    for running in &mut running[..KILLED] {
        let takes = stage.works[running.work].takes[0];
        std::thread::sleep(takes.mul_f64(random.f64()).min(Duration::from_secs(2)));
        kill(&mut running.child);
    }
    let mut through = 0;
    let mut broken = Ok(());
    for running in running {
        let work = &stage.works[running.work];
        let output = running.child.wait_with_output().map_err(|e| e.to_string())?;
        if running.killed {
            continue;
        }
        through += 1;
        let there = std::fs::read(running.place.join(work.file)).ok();
        if !output.status.success() || there.as_ref() != Some(&work.whole) {
            let what = if there.is_some() { "other bytes than alone" } else { "nothing" };
            broken =
                Err(format!("{} leaves {what}: {}, \"{}\"", work.name, output.status, last_line(&output)));
        }
    }
    Ok(broken.map(|()| through))
}

/// A command for which every lock is had at once.
fn without_locks(command: &Command) -> Command {
    let options = ["-e", "trace=flock", "-e", "inject=flock:retval=0"].map(str::to_owned);
    strace(command, &options, "/dev/null".as_ref())
}

/// Kills a process, and the one that it traces.
fn kill(child: &mut Child) {
    let below = format!("/proc/{0}/task/{0}/children", child.id());
    for traced in std::fs::read_to_string(below).unwrap_or_default().split_whitespace() {
        let _ = Command::new("kill").args(["-9", traced]).status();
    }
    let _ = child.kill();
}

/// Photos of each class for the poisoned cache: an entry is one photo's.
const EACH: usize = 20;

/// A cache whose entries are changed.
struct Poison<'a> {
    stage: &'a Stage,
    data: String,
    /// The features that an empty cache gives.
    whole: Vec<u8>,
    entries: Vec<(PathBuf, Vec<u8>)>,
}

impl<'a> Poison<'a> {
    fn set(stage: &'a Stage) -> Result<Self, String> {
        let data = stage.folder.join("many");
        photos::folder(&data, &["cat", "dog"], EACH, 2)?;
        let data = data.to_string_lossy().into_owned();
        let mut poison = Self { stage, data, whole: Vec::new(), entries: Vec::new() };
        poison.whole = poison.features()?;
        for folder in 0..16 {
            let folder = stage.folder.join(format!("poisoned/features/{folder:x}"));
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let bytes = std::fs::read(entry.path()).map_err(|e| e.to_string())?;
                poison.entries.push((entry.path(), bytes));
            }
        }
        match poison.entries.len() == EACH * 2 {
            true => Ok(poison),
            false => Err(format!("{} entries in the cache of {} photos", poison.entries.len(), EACH * 2)),
        }
    }

    fn features(&self) -> Result<Vec<u8>, String> {
        let file = self.stage.folder.join("features.safetensors");
        let out = file.to_string_lossy().into_owned();
        let words = ["extract", &self.data, "-q", "--force", "-o", &out];
        self.stage.product("poisoned").succeed(&words)?;
        std::fs::read(&file).map_err(|e| e.to_string())
    }

    /// Changes every entry; how many were noticed.
    fn round(&self, random: &mut fastrand::Rng) -> Result<Result<usize, String>, String> {
        for index in 0..self.entries.len() {
            self.change(index, random).map_err(|e| e.to_string())?;
        }
        if self.features()? != self.whole {
            return Ok(Err("other features than with an empty cache".to_owned()));
        }
        for (path, bytes) in &self.entries {
            let is_file = std::fs::symlink_metadata(path).is_ok_and(|there| there.is_file());
            if !is_file || std::fs::read(path).ok().as_ref() != Some(bytes) {
                let reason = format!("{} was not written anew", path.display());
                // For the next round.
                let _ = std::fs::remove_file(path);
                std::fs::write(path, bytes).map_err(|e| e.to_string())?;
                return Ok(Err(reason));
            }
        }
        Ok(Ok(self.entries.len()))
    }

    /// Changes an entry in one of the ways in which disks, copies and people do.
    fn change(&self, index: usize, random: &mut fastrand::Rng) -> std::io::Result<()> {
        let (path, bytes) = &self.entries[index];
        let mut changed = bytes.clone();
        match random.u8(..10) {
            0 => changed.truncate(random.usize(..bytes.len())),
            1 => changed.extend_from_slice(&bytes[..random.usize(1..bytes.len())]),
            2 => {
                let other = (index + random.usize(1..self.entries.len())) % self.entries.len();
                changed.clone_from(&self.entries[other].1);
            }
            3 => changed.fill(0),
            4 => {
                std::fs::remove_file(path)?;
                return Command::new("mkfifo").arg(path).status().map(drop);
            }
            5 => {
                std::fs::remove_file(path)?;
                return std::os::unix::fs::symlink("nowhere", path);
            }
            _ => changed[random.usize(..bytes.len())] ^= 1 << random.u8(..8),
        }
        std::fs::write(path, changed)
    }
}
