//! Processes killed at random moments and at every call that writes: afterwards the file is the earlier or the whole new
//! one, the run goes on to the bytes of an unbroken one, and nothing is left behind.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Output;

use crate::product::{Product, last_line};
use crate::stage::{Stage, Work, leftovers, no_strace, strace};
use crate::{Plan, Report};

/// Calls at which a process is killed, before they are done, each with the names it goes by.
const CALLS: [&str; 6] =
    ["write", "fsync", "rename,renameat,renameat2", "openat", "mkdir,mkdirat", "unlink,unlinkat"];

/// The number of the first case that kills at a call.
const AT_CALLS: u64 = 1_000_000;
/// The numbers of the cases of one command and one kind of call.
const EACH: u64 = 10_000;

/// Kills `binary` 500 times where `plan` says nothing else; and at every `stride`th call of each kind, or at none for 0.
///
/// # Errors
/// The report, where a promise broke; a sentence, where the campaign cannot be set up.
pub fn run(binary: &std::path::Path, plan: &Plan, stride: u64) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let stage = Stage::set(binary, folder.path())?;
    let mut report = Report::new("kill", plan);
    for case in plan.cases(500) {
        match case.checked_sub(AT_CALLS) {
            None => tell(&mut report, case, at_a_moment(&stage, plan, case)?),
            Some(at) => tell(&mut report, case, at_a_call(&stage, at, plan, case)?),
        };
    }
    if stride > 0 && plan.only.is_none() {
        if let Some(why) = no_strace() {
            return Err(format!("kill: {why}"));
        }
        let mut killed = 0;
        for kind in 0..(stage.works.len() * CALLS.len()) as u64 {
            // Until a command comes to its end before that call.
            for at in (0..EACH).step_by(stride as usize) {
                let case = AT_CALLS + kind * EACH + at;
                if !tell(&mut report, case, at_a_call(&stage, kind * EACH + at, plan, case)?) {
                    break;
                }
                killed += 1;
            }
        }
        if killed == 0 {
            report.fail(AT_CALLS, "no process was killed at a call");
        }
    }
    report.finish()
}

/// Keeps what became of a case; whether a process was killed in it.
fn tell(report: &mut Report, case: u64, outcome: Result<Killed, String>) -> bool {
    match outcome {
        Ok(Killed { was, told }) => {
            report.ran(told);
            was
        }
        Err(broken) => {
            report.broke(case, broken);
            true
        }
    }
}

struct Killed {
    was: bool,
    told: String,
}

/// A command in a folder of its own, perhaps with an earlier file in it and features in the cache.
struct Trial<'a> {
    work: &'a Work,
    earlier: &'a [u8],
    product: Product,
    place: PathBuf,
    has_earlier: bool,
}

impl<'a> Trial<'a> {
    fn set(stage: &'a Stage, which: usize, random: &mut fastrand::Rng) -> Result<Self, String> {
        let work = &stage.works[which];
        let (place, cold) = (stage.folder.join("place"), stage.folder.join("cold"));
        for gone in [&place, &cold] {
            if gone.exists() {
                std::fs::remove_dir_all(gone).map_err(|e| format!("{}: {e}", gone.display()))?;
            }
        }
        let has_earlier = random.bool();
        if has_earlier || !work.is_training() {
            std::fs::create_dir_all(&place).map_err(|e| e.to_string())?;
        }
        let earlier = &stage.earlier[which];
        if has_earlier {
            std::fs::write(place.join(work.file), earlier).map_err(|e| e.to_string())?;
        }
        let product = stage.product(if random.bool() { "cold" } else { "warm" });
        Ok(Self { work, earlier, product, place, has_earlier })
    }

    fn words(&self) -> Vec<String> {
        let mut words = self.work.words(&self.place);
        words.extend(self.has_earlier.then(|| "--force".to_owned()));
        words
    }

    /// What stands there after a kill must be whole, and the next start must come to the end that an unbroken one has.
    fn goes_on(&self) -> Result<String, String> {
        let file = self.place.join(self.work.file);
        let there = std::fs::read(&file).ok();
        let stood = match &there {
            None if self.has_earlier => return Err("the earlier file is gone".to_owned()),
            None => "no file",
            Some(bytes) if *bytes == self.work.whole => "the new file",
            Some(bytes) if bytes == self.earlier && self.has_earlier => "the earlier file",
            Some(bytes) => return Err(format!("a file of {} bytes, neither old nor new", bytes.len())),
        };
        let place = self.place.to_string_lossy().into_owned();
        if self.work.is_training() && there.is_some() {
            // The last model loads.
            let model = file.to_string_lossy().into_owned();
            self.product.succeed(&["weights", "inspect", &model])?;
        }
        let begun = self.place.join("unfinished.toml").exists();
        let how = if begun {
            self.product.succeed(&["train", "--resume", &place, "-q"])?;
            "resumed"
        } else {
            let mut words = self.work.words(&self.place);
            words.push("--force".to_owned());
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            self.product.succeed(&words)?;
            "begun again"
        };
        if std::fs::read(&file).ok().as_ref() != Some(&self.work.whole) {
            return Err(format!("{how}, it leaves other bytes than an unbroken run"));
        }
        match leftovers(&[&self.place, self.product.cache()]).as_slice() {
            [] => Ok(format!("{}: {stood} stood there, {how}", self.work.name)),
            left => Err(format!("{how}, it leaves {}", left.join(", "))),
        }
    }

    /// What became of a process that was to be killed.
    fn judged(&self, output: &Output) -> Result<Killed, String> {
        match (output.status.code(), output.status.signal()) {
            (_, Some(9)) => self.goes_on().map(|told| Killed { was: true, told }),
            (Some(0), _) => self
                .goes_on()
                .map(|_| Killed { was: false, told: format!("{}: was through before", self.work.name) }),
            (code, signal) => Err(format!("exit {code:?}, signal {signal:?}, \"{}\"", last_line(output))),
        }
    }
}

/// Kills a command at a moment of the time that it takes.
fn at_a_moment(stage: &Stage, plan: &Plan, case: u64) -> Result<Result<Killed, String>, String> {
    let mut random = plan.random(case);
    let trial = Trial::set(stage, random.usize(..stage.works.len()), &mut random)?;
    let words = trial.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let takes = trial.work.takes[usize::from(trial.product.cache().exists())];
    let moment = takes.mul_f64(random.f64());
    let mut child = trial.product.command(&words).spawn().map_err(|e| e.to_string())?;
    std::thread::sleep(moment);
    let _ = child.kill();
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    let about = format!(
        "{} killed after {:.1} of {:.1} ms",
        trial.work.name,
        moment.as_secs_f64() * 1e3,
        takes.as_secs_f64() * 1e3
    );
    Ok(trial.judged(&output).map_err(|broken| format!("{about}: {broken}")))
}

/// Kills a command at the call that `at` stands for.
fn at_a_call(stage: &Stage, at: u64, plan: &Plan, case: u64) -> Result<Result<Killed, String>, String> {
    let (kind, nth) = ((at / EACH) as usize, at % EACH + 1);
    let (which, calls) = (kind / CALLS.len() % stage.works.len(), CALLS[kind % CALLS.len()]);
    let trial = Trial::set(stage, which, &mut plan.random(case))?;
    let words = trial.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let options = ["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:signal=KILL:when={nth}")];
    let options = options.map(str::to_owned);
    let command = trial.product.command(&words);
    let output = strace(&command, &options, "/dev/null".as_ref()).output().map_err(|e| e.to_string())?;
    let about = format!("{} killed at call {nth} of {calls}", trial.work.name);
    Ok(trial.judged(&output).map_err(|broken| format!("{about}: {broken}")))
}
