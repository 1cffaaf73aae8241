//! `--shard I/N`: one of N shares of the photos, for as many machines that work beside each other.
//!
//! A photo is in the share that the hash of its path below the dataset names. So it is in the same one whatever else lies there,
//! wherever the dataset lies and whether it is packed: a photo more or less moves no other, and shares that are made from
//! listings a day apart never hold a photo twice. Dealing out places in the sorted list would make shares even to one photo, and
//! move nearly all photos for each that comes; hashes leave shares of n photos apart by some square roots of n.

use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use icecap::advanced::foundation::Digest;

/// One of several shares, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    number: u32,
    of: u32,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers =
            text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            Some((_, of)) if of > 0 => Err(format!("shares are counted from 1: use 1/{of} to {of}/{of}")),
            _ => {
                Err("use the share's number and how many there are, as in 1/4 for the first of four"
                    .to_owned())
            }
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl Shard {
    /// Whether the photo at `path` is in the share; `roots` are the folders that paths are relative to, of which the first that
    /// holds it counts.
    pub(crate) fn holds(self, path: &Path, roots: &[PathBuf]) -> bool {
        let below = roots.iter().find_map(|root| path.strip_prefix(root).ok()).unwrap_or(path);
        let names: Vec<&[u8]> = below
            .components()
            .filter(|part| !matches!(part, Component::CurDir))
            .map(|part| part.as_os_str().as_encoded_bytes())
            .collect();
        let hash = Digest::of(&names.join(&b'/')).0;
        let number = hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        number % u64::from(self.of) == u64::from(self.number - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(of: u32) -> Vec<Shard> {
        (1..=of).map(|number| format!("{number}/{of}").parse().unwrap()).collect()
    }

    #[test]
    fn every_photo_is_in_one_share_wherever_the_dataset_lies() {
        for of in [1, 2, 4, 7] {
            let mut sizes = vec![0; of as usize];
            for photo in 0..2000 {
                let below = format!("class {}/{photo}.jpg", photo % 3);
                let held = |root: &str| -> Vec<usize> {
                    let path = Path::new(root).join(&below);
                    let roots = [root.into()];
                    shards(of)
                        .iter()
                        .enumerate()
                        .filter(|(_, shard)| shard.holds(&path, &roots))
                        .map(|(at, _)| at)
                        .collect()
                };
                let here = held("photos");
                assert_eq!(here.len(), 1, "{below}");
                for other in ["/mnt/data/photos", ".", "", "photos.zip"] {
                    assert_eq!(held(other), here, "{other}: {below}");
                }
                sizes[here[0]] += 1;
            }
            let even = 2000.0 / f64::from(of);
            assert!(
                sizes.iter().all(|size| (f64::from(*size) - even).abs() < 5.0 * even.sqrt()),
                "{sizes:?}"
            );
        }
    }

    #[test]
    fn shares_are_counted_from_one() {
        assert_eq!("2/4".parse::<Shard>().unwrap().to_string(), "2/4");
        for (text, said) in [
            ("0/4", "1/4 to 4/4"),
            ("5/4", "1/4 to 4/4"),
            ("1/0", "as in 1/4"),
            ("1", "as in 1/4"),
            ("a/b", "as in"),
        ] {
            assert!(text.parse::<Shard>().unwrap_err().contains(said), "{text}");
        }
        assert!("-1/4".parse::<Shard>().is_err() && "1/4/4".parse::<Shard>().is_err());
    }
}
