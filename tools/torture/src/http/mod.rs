//! `icecap serve` among hostile clients: honest ones beside them are answered bit by bit as `icecap predict` answers, and
//! what the attack took is given back.
//!
//! Everything goes to this machine's own address, and every loop ends by count or by time.

mod exchange;
mod honest;
mod large;
mod leaving;
mod malformed;
mod requests;
mod server;
mod slow;
mod target;
mod tensors;
pub mod terms;

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use crate::images::bombs::bombs;
use crate::product::Product;
use crate::{Plan, Report, photos};
use exchange::{Came, Connection};
use server::{Held, Server};
use target::{Photo, Target};

/// Hostile clients at a time.
const HOSTILE: usize = 12;
/// Honest ones.
const HONEST: u64 = 4;
/// Connections that floods open, all together.
const FLOODED: u64 = 10_000;
/// After so many broken promises the rest tells nothing new.
const ENOUGH: u64 = 50;
/// What the C library's allocator may keep of it for its threads, in KiB: much beside the memory of a small server.
const KEPT: u64 = 12 << 10;
/// How long after the attack all has to be as it was.
const RECOVERY: Duration = Duration::from_secs(10);

/// What a hostile client does: how it was refused, or which promise broke.
type Attack = fn(&Target<'_>, &mut fastrand::Rng) -> Result<String, String>;

/// The attacks, and how often each is drawn.
const ATTACKS: [(u32, Attack); 15] = [
    (30, malformed::mutants),
    (6, malformed::ambiguous),
    (10, malformed::questions),
    (6, malformed::forms),
    (6, large::no_length),
    (6, large::declared),
    (2, large::chunked),
    (6, large::no_chunks),
    (6, large::headers),
    (6, large::bomb),
    (15, tensors::attack),
    (15, leaving::gone),
    (6, leaving::pipelined),
    (1, leaving::flood),
    (1, slow::attack),
];

/// Attacks a server of `binary` for `minutes`, or until all cases of `plan` were run, where it has a number.
///
/// # Errors
/// The report, where a promise broke or nothing was run; a sentence, where the campaign cannot be set up.
pub fn run(binary: &Path, plan: &Plan, minutes: f64) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let stage = Stage::set(binary, folder.path())?;
    let bombs: Vec<_> = bombs().into_iter().filter(|(_, bytes)| bytes.len() <= large::MAX_BODY).collect();
    let options = ["--max-body", &large::MAX_BODY.to_string(), "--log", "text"];
    let mut server = stage.server(&options)?;
    let time = Duration::try_from_secs_f64(minutes * 60.0).map_err(|e| e.to_string())?;
    let mut target = Target {
        address: server.address,
        photos: &stage.photos,
        bombs: &bombs,
        flood: AtomicU64::new(FLOODED),
        until: Instant::now(),
    };
    let mut report = Report::new("torture http", plan);

    stretched(&target)?;
    let ((), quiet) =
        honest::beside(&target, HONEST, || std::thread::sleep((time / 10).min(Duration::from_secs(15))));
    // What an attack needs once, such as memory that the system's allocator keeps, is not counted as lost.
    let Range { start, end } = plan.cases(u64::MAX);
    let quarter = if plan.only.is_some() { start } else { start + (end - start) / 4 };
    let mut storms = |cases: Range<u64>, time: Duration| {
        target.until = Instant::now() + time;
        let (next, tally) = honest::beside(&target, HONEST, || storm(&target, plan, cases, &mut report));
        std::thread::sleep(Duration::from_millis(500));
        (next, tally)
    };
    let (next, mut tally) = storms(start..quarter, (time / 4).min(Duration::from_secs(60)));
    let held = server.held();
    tally.add(storms(next..end, time).1);
    for (when, tally) in [("quiet", quiet), ("under attack", tally)] {
        report.count(format!("honest clients, {when}: answers"), tally.answered());
        report.count(format!("honest clients, {when}: full, 503"), tally.busy);
        report.count(format!("honest clients, {when}: p99 in microseconds"), tally.p99());
        if tally.answered() == 0 {
            report.fail_whole(format!("no honest client was answered, {when}"));
        }
        tally.broken.iter().for_each(|broken| report.fail_whole(broken));
    }
    if let Some(held) = held {
        recovered(&server, held, &mut report);
    }
    if !server.runs() {
        report.fail_whole("the server is gone");
    }
    server.terminate()?;
    match server.ended() {
        Ok(took) => report.count("milliseconds to a clean end", took.as_millis() as u64),
        Err(broken) => report.fail_whole(broken),
    }
    match server.log_is_clean() {
        Ok(lines) => report.count("lines in the log", lines),
        Err(broken) => report.fail_whole(broken),
    }
    report.finish()
}

/// A model, photos with their rows, and a place for logs.
struct Stage {
    product: Product,
    model: String,
    photos: Vec<Photo>,
    log: std::path::PathBuf,
}

impl Stage {
    fn set(binary: &Path, folder: &Path) -> Result<Self, String> {
        let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
        photos::folder(&folder.join("photos"), &["cat", "dog"], 4, 1)?;
        let product = Product::new(binary, &folder.join("cache"));
        let model = product.model(&path("photos"), &path("run"))?;
        let photos = target::photos(&product, &model, &folder.join("asked"))?;
        Ok(Self { product, model, photos, log: folder.join("log") })
    }

    fn server(&self, options: &[&str]) -> Result<Server, String> {
        Server::start(&self.product, &self.model, options, &self.log)
    }
}

/// Has the server read large photos, several at a time: what it keeps for the next of them is not counted as lost.
fn stretched(target: &Target<'_>) -> Result<(), String> {
    let photo = requests::photo(&target::large_photo());
    let ask = || {
        for _ in 0..3 {
            let mut connection = Connection::to(target.address)?;
            connection.send(&photo);
            match connection.answer(Duration::from_secs(60)) {
                Came::Answer(answer) if answer.status == 200 => {}
                came => return Err(format!("a large photo: {came:?}")),
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..HONEST).map(|_| scope.spawn(ask)).collect();
        let joined =
            threads.into_iter().map(|thread| thread.join().map_err(|_| "a client panicked".to_owned())?);
        joined.collect()
    })
}

/// Runs the attacks of these cases, several at a time, until the target's time is over, and keeps what became of each. Gives the
/// case that would be next.
fn storm(target: &Target<'_>, plan: &Plan, cases: Range<u64>, report: &mut Report) -> u64 {
    let (next, enough) = (AtomicU64::new(cases.start), AtomicBool::new(false));
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        for _ in 0..HOSTILE {
            let (next, enough, sender) = (&next, &enough, sender.clone());
            scope.spawn(move || {
                while Instant::now() < target.until && !enough.load(Ordering::Relaxed) {
                    let case = next.fetch_add(1, Ordering::Relaxed);
                    if case >= cases.end || !told(&sender, target, plan, case) {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut broken = 0;
        for (case, outcome) in receiver {
            broken += u64::from(outcome.is_err());
            enough.fetch_or(broken >= ENOUGH, Ordering::Relaxed);
            report.hear(case, outcome);
        }
    });
    next.into_inner().min(cases.end)
}

type Told = (u64, Result<String, String>);

/// Runs a case and tells what became of it; whether anybody heard.
fn told(sender: &Sender<Told>, target: &Target<'_>, plan: &Plan, case: u64) -> bool {
    let mut random = plan.random(case);
    sender.send((case, drawn(case, &mut random)(target, &mut random))).is_ok()
}

/// The attack of a case: each once, then as often as it weighs.
fn drawn(case: u64, random: &mut fastrand::Rng) -> Attack {
    if let Some((_, attack)) = usize::try_from(case).ok().and_then(|case| ATTACKS.get(case)) {
        return *attack;
    }
    let all: u32 = ATTACKS.iter().map(|(weight, _)| weight).sum();
    let mut left = random.u32(..all);
    for (weight, attack) in ATTACKS {
        match left.checked_sub(weight) {
            Some(rest) => left = rest,
            None => return attack,
        }
    }
    ATTACKS[0].1
}

/// Waits until the server holds what it held when it was quiet, memory within a tenth or what an allocator keeps.
fn recovered(server: &Server, quiet: Held, report: &mut Report) {
    let started = Instant::now();
    let is_little = |now: Held| now.memory.saturating_sub(quiet.memory) <= KEPT;
    let back = |now: Held| {
        now.descriptors <= quiet.descriptors && (now.memory * 10 <= quiet.memory * 11 || is_little(now))
    };
    let mut now = server.held();
    while now.is_some_and(|now| !back(now)) && started.elapsed() < RECOVERY {
        std::thread::sleep(Duration::from_millis(100));
        now = server.held();
    }
    report.count("descriptors, quiet", quiet.descriptors);
    report.count("memory in KiB, quiet", quiet.memory);
    match now {
        None => report.fail_whole("what the server holds cannot be read any more"),
        Some(now) => {
            report.count("descriptors, after the attack", now.descriptors);
            report.count("memory in KiB, after the attack", now.memory);
            if !back(now) {
                report.fail_whole(format!(
                    "{} s after the attack it holds {} descriptors and {} KiB, before {} and {}",
                    RECOVERY.as_secs(),
                    now.descriptors,
                    now.memory,
                    quiet.descriptors,
                    quiet.memory
                ));
            }
        }
    }
}
