//! The feature cache: right or missing, never wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use icecap_data::{Cache, CacheKey, CacheKeyParts, Digest, ExifPolicy, Limits, Loader, Stamp};
use icecap_kernels::Isa;

const PARTS: CacheKeyParts<'static> = CacheKeyParts {
    photo: Digest([1; 32]),
    params: Digest([2; 32]),
    preprocessing: "160x160 squash",
    tap: "out_relu",
    numerics: "1 avx2",
};

fn key(photo: u8) -> CacheKey {
    CacheKey::new(&CacheKeyParts { photo: Digest([photo; 32]), ..PARTS })
}

/// The files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn an_entry_comes_back_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(&folder.path().join("made/when/needed"));
    let values = [0.0, -0.0, 1.5, f32::MIN_POSITIVE, f32::NAN, f32::INFINITY];
    let mut back = [7.0; 6];
    assert!(!cache.get(&key(1), &mut back));
    cache.put(&key(1), &values);
    assert!(cache.get(&key(1), &mut back));
    assert_eq!(back.map(f32::to_bits), values.map(f32::to_bits));
    assert!(!cache.get(&key(2), &mut back), "another photo");
    assert!(!cache.get(&key(1), &mut [0.0; 5]), "another length");
    assert!(!cache.get(&key(1), &mut [0.0; 7]), "another length");
    assert!(cache.warning().is_none());
}

#[test]
fn every_part_of_the_key_counts() {
    let base = CacheKey::new(&PARTS);
    let others = [
        CacheKeyParts { photo: Digest([9; 32]), ..PARTS },
        CacheKeyParts { params: Digest([9; 32]), ..PARTS },
        CacheKeyParts { preprocessing: "160x161 squash", ..PARTS },
        CacheKeyParts { tap: "block_16_project_BN", ..PARTS },
        CacheKeyParts { numerics: "1 avx512", ..PARTS },
        // The same letters, divided otherwise.
        CacheKeyParts { preprocessing: "160x160 squasho", tap: "ut_relu", ..PARTS },
    ];
    for other in others {
        assert_ne!(CacheKey::new(&other), base, "{other:?}");
    }
    assert_eq!(CacheKey::new(&PARTS), base);
}

#[test]
fn a_changed_cut_or_exchanged_entry_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path());
    let values = [1.0, 2.0, 3.0];
    cache.put(&key(1), &values);
    let path = files(folder.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let missing = |content: &[u8]| {
        fs::write(&path, content).unwrap();
        let mut back = [7.0; 3];
        let found = cache.get(&key(1), &mut back);
        assert!(found || back == [7.0; 3], "values were touched");
        !found
    };
    for at in 0..whole.len() {
        for bit in [1, 0x80] {
            let mut changed = whole.clone();
            changed[at] ^= bit;
            assert!(missing(&changed), "byte {at}");
        }
        assert!(missing(&whole[..at]), "cut at {at}");
    }
    assert!(missing(&[&whole[..], b"x"].concat()));
    assert!(missing(&vec![0; whole.len()]));
    assert!(!missing(&whole));

    cache.put(&key(2), &[4.0, 5.0, 6.0]);
    let other = files(folder.path()).into_iter().find(|file| *file != path).unwrap();
    fs::copy(&other, &path).unwrap();
    assert!(!cache.get(&key(1), &mut [0.0; 3]), "another photo's entry under this name");
    cache.put(&key(1), &values);
    assert!(cache.get(&key(1), &mut [0.0; 3]), "a damaged entry is replaced");
}

#[test]
fn a_folder_that_cannot_be_written_is_one_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let cache = Cache::new(&file);
    for photo in 0..3 {
        cache.put(&key(photo), &[1.0]);
        assert!(!cache.get(&key(photo), &mut [0.0]));
    }
    let warning = cache.warning().unwrap();
    assert!(warning.contains("file") && warning.contains("not kept"), "{warning}");
    assert_eq!(fs::read(&file).unwrap(), b"in the way");
}

#[test]
fn many_writers_of_one_folder_never_show_a_wrong_value() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let cache = Cache::new(folder.path());
                for round in 0..200u32 {
                    let photo = (round % 7) as u8;
                    let expected = [f32::from(photo); 50];
                    cache.put(&key(photo), &expected);
                    let mut back = [0.0; 50];
                    assert!(cache.get(&key(photo), &mut back) && back == expected);
                }
                assert!(cache.warning().is_none());
            });
        }
    });
    assert_eq!(files(folder.path()).len(), 7, "no temporary file is left");
}

#[test]
fn a_real_sets_entries_are_read_in_milliseconds() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path());
    let keys: Vec<CacheKey> = (0..398u32)
        .map(|photo| CacheKey::new(&CacheKeyParts { photo: Digest::of(&photo.to_le_bytes()), ..PARTS }))
        .collect();
    let values = vec![0.5f32; 1280];
    keys.iter().for_each(|key| cache.put(key, &values));
    let mut back = vec![0.0f32; 1280];
    let start = Instant::now();
    assert!(keys.iter().all(|key| cache.get(key, &mut back)));
    println!("398 entries of 1,280 values read in {:?}", start.elapsed());
    assert!(files(folder.path()).len() == 398 && back == values);
}

/// The stamp that the loader gives for the file at `path`, and the hash.
fn stamp(path: &Path) -> (Option<Stamp>, Digest) {
    let mut loader = Loader::new(Isa::best(), Limits::default(), ExifPolicy::default());
    let photo = loader.open(path).unwrap();
    (photo.stamp(), photo.sha256())
}

#[test]
fn a_file_is_known_again_until_anything_of_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let photo = folder.path().join("photo");
    fs::write(&photo, "first").unwrap();
    assert_eq!(stamp(&photo).0, None, "just written: another write might not show");
    std::thread::sleep(Duration::from_millis(2100));
    let (stamped, sha256) = stamp(&photo);
    let Some(stamped) = stamped else {
        // A file system of whole seconds, or a system without such times: nothing is ever known there.
        if cfg!(target_os = "linux") {
            panic!("Linux' own file systems tell nanoseconds");
        }
        return;
    };
    let caches = folder.path().join("cache");
    let cache = Cache::new(&caches);
    assert_eq!(cache.known(&photo), None);
    cache.remember(stamped, sha256);
    assert_eq!(cache.known(&photo), Some(sha256));
    drop(cache);
    assert_eq!(Cache::new(&caches).known(&photo), Some(sha256), "kept from process to process");
    let table = files(&caches).remove(0);
    let whole = fs::read(&table).unwrap();

    // The same length, and the time of the last change put back as it was.
    let before = fs::metadata(&photo).unwrap().modified().unwrap();
    fs::write(&photo, "other").unwrap();
    fs::File::options().write(true).open(&photo).unwrap().set_modified(before).unwrap();
    assert_eq!(fs::metadata(&photo).unwrap().modified().unwrap(), before);
    assert_eq!(Cache::new(&caches).known(&photo), None, "the content is another");
    assert_eq!(Cache::new(&caches).known(&folder.path().join("missing")), None);
    assert_eq!(Cache::new(&caches).known(folder.path()), None);

    // One more to be known, then a table that is damaged in every place.
    std::thread::sleep(Duration::from_millis(2100));
    let cache = Cache::new(&caches);
    let (stamped, sha256) = stamp(&photo);
    cache.remember(stamped.unwrap(), sha256);
    drop(cache);
    let longer = fs::read(&table).unwrap();
    assert!(longer.len() > whole.len());
    for at in 0..longer.len() {
        let mut changed = longer.clone();
        changed[at] ^= 1;
        fs::write(&table, &changed).unwrap();
        assert_eq!(Cache::new(&caches).known(&photo), None, "byte {at}");
        fs::write(&table, &longer[..at]).unwrap();
        assert_eq!(Cache::new(&caches).known(&photo), None, "cut at {at}");
    }
    fs::write(&table, &longer).unwrap();
    assert_eq!(Cache::new(&caches).known(&photo), Some(sha256));
}
