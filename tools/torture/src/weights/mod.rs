//! Damaged weight files: each opens as a whole net or is an error in one line, soon and for little memory, and what is taken for a
//! safetensors file is one for the `safetensors` crate, with the same names, shapes and bytes.

mod damage;
mod reader;
mod seeds;

use std::path::Path;

use fastrand::Rng;
use icecap_kernels::rng::{Purpose, Stream};

use crate::report::of_file;
use crate::safetensors_draft::{Draft, agrees};
use crate::{Plan, Report};
use damage::damage;
use reader::Reader;
use seeds::{Seed, seeds};

/// Of so many cases all but one are headers of safetensors, damaged in what they mean; one is bytes of any container.
const HEADERS: u64 = 6;

/// Runs damaged files through the readers.
///
/// # Errors
/// The report, where a case broke a promise or none ran.
pub fn mutants(golden: &Path, plan: &Plan) -> Result<String, String> {
    let (seeds, mut report) = (seeds(golden)?, Report::new("torture weights", plan));
    let mut reader = Reader::new();
    for case in plan.cases(120_000) {
        if case % HEADERS != 0 {
            // Told by numbers of 32 bits each.
            let mut random = Stream::new(plan.seed, Purpose::Test, (case >> 32) as u32, case as u32);
            let mut draft = Draft::new();
            for _ in 0..=random.below(3) {
                draft.mutate(&mut random);
            }
            let bytes = draft.bytes();
            let outcome = reader.read(&bytes).and_then(|_| match agrees(&bytes)? {
                true => Ok("safetensors, as the crate reads it".to_owned()),
                false => Ok("safetensors, refused".to_owned()),
            });
            report.hear(case, of_file("safetensors", outcome));
            continue;
        }
        let mut random: Rng = plan.random(case);
        let seed = &seeds[random.usize(..seeds.len())];
        let mut bytes = seed.bytes.clone();
        for _ in 0..=random.usize(..4) {
            damage(&mut bytes, &mut random);
        }
        report.hear(case, of_file(&seed.name, reader.read(&bytes)));
    }
    report.finish()
}

/// Cuts files of every container at every byte of what is not values, and at some of the others.
///
/// # Errors
/// The report, where a case broke a promise or none ran.
pub fn cuts(golden: &Path, plan: &Plan) -> Result<String, String> {
    /// Heads and directories are shorter.
    const EVERY: usize = 8 << 10;
    const STEP: usize = 101;
    let (seeds, mut report) = (seeds(golden)?, Report::new("torture cuts", plan));
    let mut reader = Reader::new();
    let places = seeds.iter().flat_map(|seed| {
        let length = seed.bytes.len();
        let edges = EVERY.min(length)..length.saturating_sub(EVERY).max(EVERY.min(length));
        let ends = (0..length).filter(move |end| !edges.contains(end) || end % STEP == 0);
        ends.map(move |end| (seed, end))
    });
    let cases = plan.cases(u64::MAX);
    report.count("files", seeds.len() as u64);
    for (case, (seed, end)) in (0..).zip(places).filter(|(case, _)| cases.contains(case)) {
        let Seed { name, bytes } = seed;
        report.hear(case, of_file(name, reader.cut(bytes, end)));
    }
    report.finish()
}
