//! What a model keeps of the photos that it has learned from, to tell photos that are unlike them: a mean direction for
//! each class (or for some of many), how much each feature counts, and the distance that is still usual.
//!
//! It is a text of the metadata, so that a program that does not know it opens the file as before, and has a checksum of its
//! own, since the hash of the head leaves it out:
//!
//! ```text
//! novelty 1 limit 1.625 photos 245 weights 8f7a… center 0.00049 1402… center 0.00051 0f00… crc32 9ab0c1d2
//! ```
//! Two hexadecimal digits a feature: `weights` times 1/255, a `center` times the number before it. The checksum of it all
//! stands in a text of its own, `novelty_crc32`: without it a key or a version with a flipped bit would be nothing that anybody misses.

use std::collections::BTreeMap;

use crate::Error;
use crate::record::Metadata;

/// The metadata key.
pub(crate) const NOVELTY: &str = "novelty";
const NOVELTY_CRC32: &str = "novelty_crc32";

/// The version of the text that is written, and read.
const VERSION: &str = "1";

/// The most centers: more would not fit a header beside the names of the classes.
pub const MAX_CENTERS: usize = 128;

/// What a model keeps of the photos that it has learned from.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredNovelty {
    /// The distance that is still usual, above 0.
    pub limit: f32,
    /// How many photos that distance was taken from.
    pub photos: usize,
    /// How much each feature counts, in parts of 255.
    pub weights: Vec<u8>,
    /// Mean directions of pooled features.
    pub centers: Vec<StoredCenter>,
}

/// A mean direction of pooled features: each value is a whole number times `step`.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCenter {
    /// What the values count in: 0 or more.
    pub step: f32,
    /// The values, as many as there are features.
    pub values: Vec<u8>,
}

impl StoredNovelty {
    /// The text that stands for it.
    fn text(&self) -> String {
        let mut text =
            format!("{VERSION} limit {} photos {} weights {}", self.limit, self.photos, hex(&self.weights));
        for StoredCenter { step, values } in &self.centers {
            text += &format!(" center {step} {}", hex(values));
        }
        let checksum = crc32fast::hash(text.as_bytes());
        text + &format!(" crc32 {checksum:08x}")
    }

    /// Adds what the file states of it.
    pub(super) fn state(&self, metadata: &mut BTreeMap<String, String>) {
        let text = self.text();
        metadata.insert(NOVELTY_CRC32.to_owned(), format!("{:08x}", crc32fast::hash(text.as_bytes())));
        metadata.insert(NOVELTY.to_owned(), text);
    }

    /// Says what does not fit each other, or the number of features.
    pub(super) fn check(&self, features: usize) -> Result<(), String> {
        let fits = |values: &[u8]| values.len() == features;
        if self.centers.is_empty() || self.centers.len() > MAX_CENTERS {
            return Err(format!("novelty by {} centers; expected 1 to {MAX_CENTERS}", self.centers.len()));
        }
        if !fits(&self.weights) || !self.centers.iter().all(|center| fits(&center.values)) {
            return Err(format!("novelty by other features than the {features} of the head"));
        }
        let steps = self.centers.iter().all(|center| center.step >= 0.0 && center.step.is_finite());
        if !(steps && self.limit > 0.0 && self.limit.is_finite()) {
            return Err("novelty by numbers that are none".to_owned());
        }
        Ok(())
    }
}

/// Returns what a file states of it; `None` if that is nothing, or in the words of a later version.
pub(super) fn read(metadata: &Metadata<'_>) -> Result<Option<StoredNovelty>, Error> {
    let text = metadata.map.get(NOVELTY);
    if let Some(stated) = metadata.map.get(NOVELTY_CRC32) {
        let got = text.map(|text| format!("{:08x}", crc32fast::hash(text.as_bytes())));
        if got.as_ref() != Some(stated) {
            let got = got.map_or("there is none".to_owned(), |got| format!("it has {got}"));
            let reason = format!("that of 'novelty', and {got}; the file is damaged, copy it again");
            return Err(metadata.refuse(NOVELTY_CRC32, reason));
        }
    }
    Ok(metadata.get(NOVELTY, parse)?.flatten())
}

fn parse(text: &str) -> Result<Option<StoredNovelty>, String> {
    let expected = || "expected what a training writes there; the file is damaged, copy it again".to_owned();
    let (version, _) = text.split_once(' ').ok_or_else(expected)?;
    if version != VERSION && version.parse::<u32>().is_ok() {
        return Ok(None);
    }
    let (said, checksum) = text.rsplit_once(" crc32 ").ok_or_else(expected)?;
    if u32::from_str_radix(checksum, 16) != Ok(crc32fast::hash(said.as_bytes())) {
        return Err(expected());
    }
    let mut words = said.split(' ').skip(1);
    let limit = after(&mut words, "limit").and_then(|word| word.parse().ok()).ok_or_else(expected)?;
    let photos = after(&mut words, "photos").and_then(|word| word.parse().ok()).ok_or_else(expected)?;
    let weights = after(&mut words, "weights").and_then(bytes).ok_or_else(expected)?;
    let mut centers = Vec::new();
    while let Some(step) = after(&mut words, "center") {
        let step = step.parse().map_err(|_| expected())?;
        let values = words.next().and_then(bytes).ok_or_else(expected)?;
        centers.push(StoredCenter { step, values });
    }
    let stored = StoredNovelty { limit, photos, weights, centers };
    // Nothing stands there that is not read.
    if stored.text() == text { Ok(Some(stored)) } else { Err(expected()) }
}

/// The word behind the next one, if that is `name`.
fn after<'a>(words: &mut impl Iterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    let known = words.next()? == name;
    words.next().filter(|_| known)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| (digit as char).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some(16 * digit(high)? + digit(low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> StoredNovelty {
        let center = |step, values: [u8; 3]| StoredCenter { step, values: values.to_vec() };
        let centers = vec![center(0.1, [0, 1, 255]), center(1e-7, [9, 8, 7])];
        StoredNovelty { limit: 1.0 / 3.0, photos: 245, weights: vec![255, 0, 16], centers }
    }

    #[test]
    fn what_is_written_is_read_again_and_any_change_is_told() {
        let (written, text) = (some(), some().text());
        assert_eq!(parse(&text), Ok(Some(written.clone())));
        assert_eq!((written.check(3), written.check(4).is_err()), (Ok(()), true));
        for end in 0..text.len() {
            assert!(parse(&text[..end]).is_err(), "cut at {end}");
        }
        for at in 2..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'5' { b'6' } else { b'5' };
            assert!(parse(std::str::from_utf8(&changed).unwrap()).is_err(), "changed at {at}");
        }
        // Words that nothing asks for, under a checksum that holds.
        let said = text.rsplit_once(" crc32 ").unwrap().0;
        for more in [" center", " center 0.1", " more words", " limit 2", " "] {
            let said = format!("{said}{more}");
            let checksum = crc32fast::hash(said.as_bytes());
            assert!(parse(&format!("{said} crc32 {checksum:08x}")).is_err(), "{more}");
        }
        // A later build's words are none of ours.
        assert_eq!(parse("2 anything at all"), Ok(None));
        assert!(parse("limit 1 photos 2").is_err());
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for limit in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(StoredNovelty { limit, ..some() }.check(3).is_err(), "{limit}");
        }
        assert!(StoredNovelty { centers: Vec::new(), ..some() }.check(3).is_err());
        let step = StoredCenter { step: f32::NAN, values: vec![0; 3] };
        assert!(StoredNovelty { centers: vec![step], ..some() }.check(3).is_err());
    }
}
