//! Damaged images: each is a photo or an error in one line, soon and for little memory, whatever is in it.
//!
//! | campaign | cases |
//! |---|---|
//! | [`mutants`] | golden photos, damaged by what their formats are made of |
//! | [`prefixes`] | small golden photos, cut at every byte |
//! | [`bombs`] | small files that ask for much |
//! | [`folder::run`] | a folder in which one photo of a hundred is damaged |
//! | [`whole::run`] | damaged photos through the whole program |

pub mod bombs;
pub mod folder;
mod mutate;
mod reader;
mod seeds;
mod structure;
pub mod whole;

use std::path::Path;

pub use reader::hush;

use crate::report::of_file;
use crate::{Plan, Report};
use mutate::drawn;
use reader::Reader;
use seeds::{Seed, seeds};

/// Runs damaged photos through the decoder.
///
/// # Errors
/// The report, where a case broke a promise or none ran.
pub fn mutants(golden: &Path, plan: &Plan) -> Result<String, String> {
    let (formats, mut report) = (seeds(golden)?, Report::new("torture images", plan));
    let mut reader = Reader::new();
    for case in plan.cases(200_000) {
        let mut random = plan.random(case);
        let (seed, bytes) = drawn(&formats, &mut random);
        report.hear(case, of_file(&seed.name, reader.read(&bytes)));
    }
    report.finish()
}

/// Cuts small photos of every format at every byte.
///
/// # Errors
/// The report, where a case broke a promise or none ran.
pub fn prefixes(golden: &Path, plan: &Plan) -> Result<String, String> {
    const FILES: usize = 20;
    const LONGEST: usize = 8 << 10;
    let (formats, mut report) = (seeds(golden)?, Report::new("torture prefixes", plan));
    let mut random = plan.random(0);
    // From every format in turn, until there are so many.
    let mut files: Vec<&Seed> = Vec::new();
    while files.len() < FILES {
        let seeds = &formats[files.len() % formats.len()];
        let seed = &seeds[random.usize(..seeds.len())];
        if seed.bytes.len() <= LONGEST && !files.iter().any(|file| file.name == seed.name) {
            files.push(seed);
        }
    }
    let ends = files.iter().flat_map(|seed| (0..seed.bytes.len()).map(move |end| (*seed, end)));
    let mut reader = Reader::new();
    let (cases, all) = (plan.cases(u64::MAX), ends.count());
    let ends = files.iter().flat_map(|seed| (0..seed.bytes.len()).map(move |end| (*seed, end)));
    report.count("files", files.len() as u64);
    for (case, (seed, end)) in (0..all as u64).zip(ends).filter(|(case, _)| cases.contains(case)) {
        report.hear(case, of_file(&seed.name, reader.cut(&seed.bytes, end)));
    }
    report.finish()
}
