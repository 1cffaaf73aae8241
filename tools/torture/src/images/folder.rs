//! A folder in which one photo of a hundred is damaged: these are left out, and the others have the same features, bit for bit,
//! as in a folder without damage.

use std::collections::HashMap;
use std::path::Path;

use fastrand::Rng;
use safetensors::SafeTensors;

use super::seeds::{Seed, seeds};
use crate::claims::png_of;
use crate::product::{Product, last_line};
use crate::{Plan, Report, photos};

const CLASSES: [&str; 2] = ["red", "blue"];
/// Of so many photos one is damaged.
const SHARE: u64 = 100;

/// Extracts a folder of photos before and after some of them are damaged.
///
/// # Errors
/// The report, where a case broke a promise or none ran.
pub fn run(binary: &Path, golden: &Path, plan: &Plan) -> Result<String, String> {
    let failed = |e: std::io::Error| e.to_string();
    let formats = seeds(golden)?;
    let place = tempfile::tempdir().map_err(failed)?;
    let product = Product::new(binary, &place.path().join("cache"));
    let folder = place.path().join("photos");
    for class in CLASSES {
        std::fs::create_dir_all(folder.join(class)).map_err(failed)?;
    }
    // A photo is a case, and takes the place that its number gives it.
    let name = |case: u64| folder.join(CLASSES[(case % 2) as usize]).join(case.to_string());
    let cases: Vec<u64> = plan.cases(10_000).collect();
    for &case in &cases {
        std::fs::write(name(case), photo(&formats, case, &mut plan.random(case))).map_err(failed)?;
    }
    let extract = |output: &str| -> Result<HashMap<String, Vec<u8>>, String> {
        let output = place.path().join(output);
        let words = ["extract", &text(&folder), "--output", &text(&output), "--no-cache"];
        product.succeed(&words)?;
        rows(&output)
    };
    let before = extract("before.safetensors")?;
    let mut report = Report::new("torture folder", plan);
    // With one case alone, that one.
    let is_damaged = |case: u64| case % SHARE == 7 || cases.len() == 1;
    for &case in cases.iter().filter(|case| is_damaged(**case)) {
        std::fs::write(name(case), damaged(&formats, case / SHARE)).map_err(failed)?;
    }
    if cases.len() > 1 {
        let after = extract("after.safetensors")?;
        for &case in &cases {
            let path = text(&name(case));
            match (is_damaged(case), before.get(&path), after.get(&path)) {
                (true, Some(_), None) => report.ran("damaged, left out"),
                (false, Some(old), Some(new)) if old == new => report.ran("whole, the same features"),
                (false, None, None) => report.ran("of a kind that is not read"),
                (damaged, old, new) => {
                    let (old, new) = (old.is_some(), new.is_some());
                    report.broke(case, format_args!("damaged {damaged}, before {old}, after {new}"));
                }
            }
        }
    }
    let strict =
        ["extract", &text(&folder), "--output", &text(&place.path().join("strict.parquet")), "--strict"];
    let output = product.run(&strict)?;
    report.ran("a strict run");
    if output.status.code() != Some(3) || last_line(&output).is_empty() {
        report.fail(0, format_args!("strict: {} {}", output.status, last_line(&output)));
    }
    report.finish()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Noise of its own as BMP, or, of every eighth, a golden photo.
fn photo(formats: &[Vec<Seed>], case: u64, random: &mut Rng) -> Vec<u8> {
    match case % 8 {
        // Those that are to be damaged are readable at first.
        3 if case % SHARE != 7 => {
            let seeds = &formats[random.usize(..formats.len())];
            seeds[random.usize(..seeds.len())].bytes.clone()
        }
        _ => photos::bitmap(random, (case % 2) as usize, 40),
    }
}

/// What no decoder may take for a photo, in ten ways.
fn damaged(formats: &[Vec<Seed>], number: u64) -> Vec<u8> {
    let format = &formats[number as usize % formats.len()];
    let seed = &format[number as usize / 10 % format.len()].bytes;
    match number % 10 {
        0 => Vec::new(),
        1 => b"<html><body>Not found</body></html>".to_vec(),
        2 => png_of(60_000, 60_000),
        3 => png_of(11_000, 10_000),
        4 => vec![0; 4096],
        5 => seed[..seed.len() / 10].to_vec(),
        _ => seed[..seed.len() / 3].to_vec(),
    }
}

/// The features in a file, by the paths of the photos.
fn rows(path: &Path) -> Result<HashMap<String, Vec<u8>>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = std::fs::read(path).map_err(|error| failed(&error))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| failed(&error))?;
    let features = file.tensor("features").map_err(|error| failed(&error))?;
    let paths = file.tensor("paths").map_err(|error| failed(&error))?;
    let names = String::from_utf8_lossy(paths.data()).into_owned();
    let len = features.shape()[1..].iter().product::<usize>() * size_of::<f32>();
    Ok(names.lines().map(str::to_owned).zip(features.data().chunks(len).map(<[u8]>::to_vec)).collect())
}
