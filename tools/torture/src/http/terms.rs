//! `icecap serve` asked to end while it works: what it has begun it answers in full, what it has not is refused or closed without
//! a byte of an answer, and it ends by itself, soon and well.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Stage;
use super::exchange::{Came, Connection};
use super::honest::Asked;
use super::requests::{get, photo};
use super::target::Photo;
use crate::{Plan, Report};

/// Clients that ask without a pause.
const ASKING: u64 = 6;
/// How long a client waits for an answer: longer than the server may take to end.
const PATIENCE: Duration = Duration::from_secs(15);
/// A request that was sent so long before the server was asked to end has been taken in.
const TAKEN_IN: Duration = Duration::from_millis(500);

/// Asks a server of `binary` to end 50 times where `plan` says nothing else.
///
/// # Errors
/// The report, where a promise broke; a sentence, where the campaign cannot be set up.
pub fn run(binary: &Path, plan: &Plan) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let stage = Stage::set(binary, folder.path())?;
    let mut report = Report::new("torture terms", plan);
    let mut slowest = Duration::ZERO;
    for case in plan.cases(50) {
        let outcome = ended(&stage, &mut plan.random(case));
        if let Ok(seen) = &outcome {
            slowest = slowest.max(seen.took);
            for (what, times) in &seen.counts {
                report.count(*what, *times);
            }
        }
        report.hear(case, outcome.map(|_| "a clean end".to_owned()));
    }
    report.count("milliseconds of the slowest end", slowest.as_millis() as u64);
    report.finish()
}

/// What was seen of an end.
struct Seen {
    took: Duration,
    counts: Vec<(&'static str, u64)>,
}

/// The moment at which the server was asked to end, and whether it has.
struct Moment {
    asked: AtomicBool,
    over: AtomicBool,
}

fn ended(stage: &Stage, random: &mut fastrand::Rng) -> Result<Seen, String> {
    let mut server = stage.server(&["--log", "text"])?;
    let (address, wait) = (server.address, Duration::from_millis(random.u64(..400)));
    let moment = Moment { asked: AtomicBool::new(false), over: AtomicBool::new(false) };
    let seeds: Vec<u64> = (0..ASKING).map(|_| random.u64(..)).collect();
    // Asked to end in the middle of everything: these two are in the middle of a body, and of nothing.
    let mut half = Connection::to(address)?;
    let request = photo(&stage.photos[0].bytes);
    half.send(&request[..request.len() / 2]);
    let mut idle = Connection::to(address)?;
    idle.send(&get("/models"));
    std::thread::scope(|scope| {
        let threads: Vec<_> = seeds
            .iter()
            .map(|&seed| {
                let (moment, photos) = (&moment, stage.photos.as_slice());
                scope.spawn(move || asking(address, photos, moment, seed))
            })
            .collect();
        std::thread::sleep(wait);
        moment.asked.store(true, Ordering::SeqCst);
        let ended = server.terminate().and_then(|()| {
            std::thread::sleep(Duration::from_millis(20));
            half.send(&request[request.len() / 2..]);
            server.ended()
        });
        moment.over.store(true, Ordering::SeqCst);
        let mut tally = Tally::default();
        for thread in threads {
            let other = thread.join().map_err(|_| "a client of this program panicked".to_owned())??;
            tally.add(&other);
        }
        let took = ended?;
        let of_half = match half.answer(PATIENCE) {
            Came::Answer(answer) if answer.status == 200 => ("half a body: answered", 1),
            Came::Answer(answer) => {
                answer.is_proper()?;
                ("half a body: refused", 1)
            }
            Came::Nothing => ("half a body: closed", 1),
            came => return Err(format!("half a body: {came:?}")),
        };
        server.log_is_clean()?;
        Ok(Seen { took, counts: tally.counts().into_iter().chain([of_half]).collect() })
    })
}

/// What became of the requests of a client.
#[derive(Default)]
struct Tally {
    before: u64,
    after: u64,
    full: u64,
    closed: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.before += other.before;
        self.after += other.after;
        self.full += other.full;
        self.closed += other.closed;
    }

    fn counts(&self) -> [(&'static str, u64); 4] {
        [
            ("requests answered before", self.before),
            ("requests answered after", self.after),
            ("requests refused with 503", self.full),
            ("requests closed without a byte", self.closed),
        ]
    }
}

/// Asks until the server is gone.
fn asking(address: SocketAddr, photos: &[Photo], moment: &Moment, seed: u64) -> Result<Tally, String> {
    let asked = || moment.asked.load(Ordering::SeqCst);
    let (mut random, mut tally, mut connection) = (fastrand::Rng::with_seed(seed), Tally::default(), None);
    let give_up = Instant::now() + Duration::from_secs(60);
    while !moment.over.load(Ordering::SeqCst) && Instant::now() < give_up {
        let mut open = match connection.take() {
            Some(open) => open,
            None => match Connection::to(address) {
                Ok(open) => open,
                // It listens no more.
                Err(_) if asked() => break,
                Err(why) => return Err(why),
            },
        };
        let question = Asked::drawn(photos, &mut random);
        let (sent, was_asked) = (Instant::now(), asked());
        let all_sent = open.send(&question.request);
        match open.answer(PATIENCE) {
            Came::Answer(answer) if answer.status == 503 => {
                answer.is_proper()?;
                tally.full += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            Came::Answer(answer) => {
                question.holds(&answer)?;
                *(if was_asked { &mut tally.after } else { &mut tally.before }) += 1;
                let keep = !answer.closes() && random.u8(..8) > 0;
                connection = keep.then_some(open);
            }
            Came::Nothing if !asked() => {
                return Err("a request is not answered, and nobody asked it to end".to_owned());
            }
            Came::Nothing if all_sent && !was_asked && sent.elapsed() > TAKEN_IN => {
                return Err(format!("a request is not answered that was sent {:?} before", sent.elapsed()));
            }
            Came::Nothing => tally.closed += 1,
            came => return Err(format!("{came:?}")),
        }
    }
    Ok(tally)
}
