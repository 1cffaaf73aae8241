//! Clients with manners, beside whom others have none: every answer that they get is held against `icecap predict`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::exchange::{Answer, Came, Connection};
use super::requests::{form, photo};
use super::target::{Photo, Target};

/// How long an answer may take, on a machine that is attacked.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of the requests of honest clients.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Of each answer, in microseconds.
    latencies: Vec<u64>,
    /// Answered with 503, or turned away with a new connection.
    pub(super) busy: u64,
    pub(super) broken: Vec<String>,
}

impl Tally {
    pub(super) fn answered(&self) -> u64 {
        self.latencies.len() as u64
    }

    /// The 99th percentile of the answers' times, in microseconds.
    pub(super) fn p99(&self) -> u64 {
        let mut ordered = self.latencies.clone();
        ordered.sort_unstable();
        ordered.get(ordered.len() * 99 / 100).copied().unwrap_or(0)
    }

    /// Takes in what became of others.
    pub(super) fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.busy += other.busy;
        self.broken.extend(other.broken);
    }
}

/// Runs `clients` of them for as long as `work` takes, and gives both results.
pub(super) fn beside<T>(target: &Target<'_>, clients: u64, work: impl FnOnce() -> T) -> (T, Tally) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|number| {
                let over = &over;
                scope.spawn(move || client(target, number, over))
            })
            .collect();
        let result = work();
        over.store(true, Ordering::Relaxed);
        let mut tally = Tally::default();
        for thread in threads {
            match thread.join() {
                Ok(other) => tally.add(other),
                Err(_) => tally.broken.push("a client of this program panicked".to_owned()),
            }
        }
        (result, tally)
    })
}

/// One client: a connection that is kept, a request at a time.
fn client(target: &Target<'_>, number: u64, over: &AtomicBool) -> Tally {
    let mut random = fastrand::Rng::with_seed(number);
    let (mut tally, mut connection, mut is_new) = (Tally::default(), None, true);
    while !over.load(Ordering::Relaxed) && tally.broken.len() < 5 {
        let mut open = match connection.take() {
            Some(open) => open,
            None => match Connection::to(target.address) {
                Ok(open) => {
                    is_new = true;
                    open
                }
                Err(why) => {
                    tally.broken.push(why);
                    continue;
                }
            },
        };
        let asked = Asked::drawn(target.photos, &mut random);
        let started = Instant::now();
        // An answer may be there before all is sent: that the server is full.
        open.send(&asked.request);
        match open.answer(PATIENCE) {
            Came::Answer(answer) if answer.status == 503 => {
                tally.broken.extend(answer.is_proper().err());
                tally.busy += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            Came::Answer(answer) => {
                match asked.holds(&answer) {
                    Ok(()) => tally.latencies.push(started.elapsed().as_micros() as u64),
                    Err(broken) => tally.broken.push(broken),
                }
                is_new = false;
                connection = (!answer.closes()).then_some(open);
            }
            // A server that has no room need not hear a request to turn it away.
            Came::Nothing if is_new => {
                tally.busy += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            came => tally.broken.push(format!("an honest client: {came:?}")),
        }
    }
    tally
}

/// A request, and the photos in it.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    photos: Vec<&'a Photo>,
    pub(super) request: Vec<u8>,
}

impl<'a> Asked<'a> {
    /// One photo as it is, or a form of up to eight.
    pub(super) fn drawn(photos: &'a [Photo], random: &mut fastrand::Rng) -> Self {
        let count = if random.u8(..4) == 0 { random.usize(1..=8) } else { 0 };
        let mut drawn = || &photos[random.usize(..photos.len())];
        if count == 0 {
            let one = drawn();
            return Self { photos: vec![one], request: photo(&one.bytes) };
        }
        let photos: Vec<&Photo> = (0..count).map(|_| drawn()).collect();
        let parts: Vec<_> = photos.iter().map(|one| (one.name.as_str(), one.bytes.as_slice())).collect();
        let request = form(&parts);
        Self { photos, request }
    }

    /// Whether this is the answer that `icecap predict` gives.
    pub(super) fn holds(&self, answer: &Answer) -> Result<(), String> {
        answer.is_proper()?;
        let rows: Vec<Value> = match serde_json::from_slice(&answer.body) {
            Ok(rows) if answer.status == 200 => rows,
            _ => return Err(format!("status {}: {}", answer.status, String::from_utf8_lossy(&answer.body))),
        };
        if rows.len() != self.photos.len() {
            return Err(format!("{} rows for {} photos", rows.len(), self.photos.len()));
        }
        self.photos.iter().zip(&rows).try_for_each(|(photo, row)| photo.has(row))
    }
}
