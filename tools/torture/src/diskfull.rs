//! Disks that are full, and calls that fail: exit 5 and a line that says so, the earlier file untouched, nothing
//! half-written taken for whole. A cache that is full is a warning, and the work goes on.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::product::{Product, last_line};
use crate::stage::{Stage, leftovers, no_small_disk, no_strace, strace};
use crate::{Plan, Report};

/// What fails, by the names of the call, and with which errors.
const FAILURES: [(&str, &str); 6] = [
    ("write", "ENOSPC"),
    ("write", "EIO"),
    ("fsync", "EIO"),
    ("mkdir,mkdirat", "ENOSPC"),
    ("rename,renameat,renameat2", "ENOSPC"),
    ("open,openat", "EMFILE"),
];

/// The number of the first case in which a call fails.
const AT_CALLS: u64 = 1_000_000;
/// The numbers of the cases of one command and one failure.
const EACH: u64 = 10_000;
/// The smallest and the largest disk, in bytes.
const DISKS: (f64, f64) = (16e3, 6e6);

/// Fills 100 disks of all sizes where `plan` says nothing else; and has every `stride`th call of each kind fail, or none
/// for 0.
///
/// # Errors
/// The report, where a promise broke; a sentence, where the campaign cannot be set up.
pub fn run(binary: &Path, plan: &Plan, stride: u64) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let stage = Stage::set(binary, folder.path())?;
    let mut report = Report::new("diskfull", plan);
    if let Some(why) = no_small_disk().or_else(no_strace) {
        return Err(format!("diskfull: {why}"));
    }
    for case in plan.cases(100) {
        match case.checked_sub(AT_CALLS) {
            None => tell(&mut report, case, on_a_disk(&stage, plan, case)?),
            Some(at) => tell(&mut report, case, at_a_call(&stage, at)?),
        };
    }
    if stride > 0 && plan.only.is_none() {
        for kind in 0..(stage.works.len() * FAILURES.len()) as u64 {
            // Until a command comes to its end before that call.
            for at in (0..EACH).step_by(stride as usize) {
                if !tell(&mut report, AT_CALLS + kind * EACH + at, at_a_call(&stage, kind * EACH + at)?) {
                    break;
                }
            }
        }
    }
    report.finish()
}

/// Keeps what became of a case; whether something failed in it.
fn tell(report: &mut Report, case: u64, outcome: Result<String, String>) -> bool {
    match outcome {
        Ok(told) => {
            let failed = !told.ends_with(THROUGH);
            report.ran(told);
            failed
        }
        Err(broken) => {
            report.broke(case, broken);
            true
        }
    }
}

/// What is told of a command in which nothing failed.
const THROUGH: &str = "nothing failed";

/// A folder for a case, empty but for the earlier file of a work.
fn place(stage: &Stage, which: usize) -> Result<PathBuf, String> {
    for name in ["place", "cold"] {
        let folder = stage.folder.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
    }
    let place = stage.folder.join("place");
    std::fs::create_dir_all(&place).map_err(|e| e.to_string())?;
    std::fs::write(place.join(stage.works[which].file), &stage.earlier[which]).map_err(|e| e.to_string())?;
    Ok(place)
}

/// Runs a command whose folder, or whose cache, lies on a small disk.
fn on_a_disk(stage: &Stage, plan: &Plan, case: u64) -> Result<Result<String, String>, String> {
    let mut random = plan.random(case);
    let which = random.usize(..stage.works.len());
    let work = &stage.works[which];
    let is_cache = random.u8(..3) == 0;
    let place = place(stage, which)?;
    let disk = stage.folder.join("disk");
    std::fs::create_dir_all(&disk).map_err(|e| e.to_string())?;
    // Evenly by their logarithms.
    let share = random.f64();
    let size = (DISKS.0 * (DISKS.1 / DISKS.0).powf(share)) as u64 / 4096 * 4096;
    let (on, cache) =
        if is_cache { (place.clone(), disk.clone()) } else { (disk.clone(), stage.folder.join("cold")) };
    let product = Product::new(&stage.binary, &cache);
    let mut words = work.words(&on);
    words.push("--force".to_owned());
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != "-q").collect();
    let output = mounted(&product.command(&words), &disk, size, (&on, &place))?;
    let about = format!(
        "{} with its {} on a disk of {size} bytes",
        work.name,
        if is_cache { "cache" } else { "folder" }
    );
    let told = if is_cache {
        judged_with_full_cache(stage, which, &place, &output)
    } else {
        judged(stage, which, &place, &output)
    };
    Ok(told
        .map(|told| format!("{}: {told}", if is_cache { "cache on a small disk" } else { "small disk" }))
        .map_err(|broken| format!("{about}: {broken}")))
}

/// Runs a command where a disk of `size` bytes is mounted at `disk`, with the earlier file of `kept` on it, and brings what
/// then stands in the folder `on` back to `kept`.
fn mounted(command: &Command, disk: &Path, size: u64, (on, kept): (&Path, &Path)) -> Result<Output, String> {
    let script = "mount -t tmpfs -o size=$1,nr_inodes=0 t \"$2\" || exit 99\n\
                  disk=$2 on=$3 kept=$4; shift 4\n\
                  if [ \"$on\" = \"$disk\" ]; then cp \"$kept\"/* \"$disk\" 2>/dev/null || rm -f \"$disk\"/*; rm -rf \"$kept\"/*; fi\n\
                  \"$@\"; code=$?\n\
                  if [ \"$on\" = \"$disk\" ]; then cp -r \"$disk\"/. \"$kept\" || exit 98; fi\n\
                  exit $code";
    let mut shell = Command::new("unshare");
    shell.args(["-rm", "sh", "-c", script, "sh", &size.to_string()]).args([disk, on, kept]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let output = shell.stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
    match output.status.code() {
        Some(code @ (98 | 99)) => Err(format!("diskfull: exit {code}, {}", last_line(&output))),
        _ => Ok(output),
    }
}

/// Has a call of the system fail, from the one that `at` stands for on.
fn at_a_call(stage: &Stage, at: u64) -> Result<Result<String, String>, String> {
    let (kind, nth) = ((at / EACH) as usize, at % EACH + 1);
    let (which, (calls, error)) =
        (kind / FAILURES.len() % stage.works.len(), FAILURES[kind % FAILURES.len()]);
    let work = &stage.works[which];
    let place = place(stage, which)?;
    let mut words = work.words(&place);
    words.push("--force".to_owned());
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != "-q").collect();
    let product = stage.product("cold");
    let options =
        ["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:error={error}:when={nth}+")];
    let mut command =
        strace(&product.command(&words), &options.map(str::to_owned), &stage.folder.join("log"));
    let output = command.output().map_err(|e| e.to_string())?;
    let log = std::fs::read_to_string(stage.folder.join("log")).unwrap_or_default();
    let about = format!("{} where {calls} fails with {error} from call {nth} on", work.name);
    if !log.contains("(INJECTED)") {
        return Ok(Ok(format!("{}: {THROUGH}", work.name)));
    }
    Ok(judged(stage, which, &place, &output)
        .map(|told| format!("{calls} fails: {told}"))
        .map_err(|broken| format!("{about}: {broken}")))
}

/// What became of a command that could not write everything.
fn judged(stage: &Stage, which: usize, place: &Path, output: &Output) -> Result<String, String> {
    let (work, earlier) = (&stage.works[which], &stage.earlier[which]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("did you mean") || said.contains("a bug of ours") {
        return Err(format!("it says \"{}\"", said.trim_end()));
    }
    let there = std::fs::read(place.join(work.file)).ok();
    let is_whole = there.as_ref() == Some(&work.whole);
    match (output.status.code(), output.status.signal()) {
        (Some(0), _) if is_whole => {}
        (Some(0), _) => return Err("exit 0, and not the whole file".to_owned()),
        (Some(5), _) => {}
        // What the system loads before the program begins.
        (Some(127), _) if said.contains("loading shared libraries") => return Ok("not started".to_owned()),
        (code, signal) => {
            return Err(format!("exit {code:?}, signal {signal:?}, \"{}\"", last_line(output)));
        }
    }
    match &there {
        None => {}
        Some(bytes) if is_whole || bytes == earlier => {}
        Some(bytes) => return Err(format!("a file of {} bytes, neither old nor new", bytes.len())),
    }
    let parts = leftovers(&[place, &stage.folder.join("cold")]);
    match parts.iter().find(|name| name.ends_with(".part")) {
        Some(part) => Err(format!("it leaves {part}")),
        None if output.status.success() => Ok("exit 0, the whole file".to_owned()),
        None => Ok("exit 5, said".to_owned()),
    }
}

/// What became of a command whose cache may be full.
fn judged_with_full_cache(
    stage: &Stage,
    which: usize,
    place: &Path,
    output: &Output,
) -> Result<String, String> {
    if !output.status.success() {
        return Err(format!("{}, \"{}\"", output.status, last_line(output)));
    }
    judged(stage, which, place, output)?;
    let said = String::from_utf8_lossy(&output.stderr);
    match said.matches("not kept").count() {
        0 => Ok("exit 0, room enough".to_owned()),
        1 => Ok("exit 0, one warning".to_owned()),
        many => Err(format!("{many} warnings")),
    }
}
