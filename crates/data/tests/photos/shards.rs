//! Tar archives in the place of folders, alone and as the shards of a dataset.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use icecap_data::{
    Digest, Error, ErrorKind, Inventory, SkipReason, dataset_folder, is_file, is_folder, is_there, real_path,
    scan, scan_known, scan_labeled, scan_photos, survey,
};
use proptest::prelude::*;
use tar::{Builder, EntryType, Header};

use crate::{loader, write_below as write};

/// A tar archive of these files.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (name, content) in files {
        append(&mut tar, name, content);
    }
    tar.into_inner().unwrap()
}

fn append(tar: &mut Builder<Vec<u8>>, name: &str, content: &[u8]) {
    let mut header = Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, content).unwrap();
}

/// An entry whose header says what no builder lets through.
fn odd(kind: EntryType, name: &str, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// An archive of entries.
fn ended(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// The hash of each sample's content, by class.
fn contents(found: &Inventory) -> BTreeMap<(String, String), Vec<String>> {
    let mut loader = loader();
    let mut by = BTreeMap::<_, Vec<String>>::new();
    let parts = [("train", Some(&found.train)), ("val", found.val.as_ref()), ("test", found.test.as_ref())];
    for (part, samples) in parts {
        for sample in samples.into_iter().flatten() {
            let key = (part.to_owned(), found.classes[sample.class].clone());
            by.entry(key).or_default().push(loader.open(&sample.path).unwrap().sha256().to_string());
        }
    }
    by.values_mut().for_each(|hashes| hashes.sort());
    by
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Opens: lists and folders | a tar file of class folders, `photos.tar`, in the place of a folder | in place, of GNU, ustar and pax; hard links are followed
    #[test]
    fn a_tar_archive_is_what_its_unpacked_folder_is(
        names in proptest::collection::btree_set(
            "(train/|val/|test/)?(a|b|c10|c9|__MACOSX|[.]b)/(deep/|(long){40}/)?([._]?[0-9]{1,2}[.](jpg|txt|tar)|[.]DS_Store)", 1..14),
        contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..1200), 14),
        dotted in any::<bool>(),
    ) {
        let place = tempfile::tempdir().unwrap();
        let (root, mut files) = (place.path().join("folder"), Builder::new(Vec::new()));
        if dotted {
            files.append_dir("./", place.path()).unwrap();
        }
        for (name, content) in names.iter().zip(&contents) {
            write(&root, name, content);
            append(&mut files, &if dotted { format!("./{name}") } else { name.clone() }, content);
        }
        let packed = write(place.path(), "photos.tar", files.into_inner().unwrap());
        let photos = |folder: &Path| -> Vec<(PathBuf, Digest)> {
            let mut loader = loader();
            let found = scan_photos(folder).unwrap().0.into_iter();
            found.map(|path| (path.strip_prefix(folder).unwrap().to_owned(), loader.open(&path).unwrap().sha256())).collect()
        };
        prop_assert_eq!(photos(&packed), photos(&root));
        let below = |root: &Path, found: icecap_data::Result<Inventory>| {
            let mut found = found.map_err(|error| error.to_string().replace(&*root.to_string_lossy(), "ROOT"))?;
            let samples = found.train.iter_mut().chain(found.val.iter_mut().flatten()).chain(found.test.iter_mut().flatten());
            samples.for_each(|sample| sample.path = sample.path.strip_prefix(root).unwrap().to_owned());
            Ok::<_, String>((found.classes, found.train, found.val, found.test))
        };
        prop_assert_eq!(below(&packed, scan(&packed, None)), below(&root, scan(&root, None)));
        prop_assert_eq!(survey(&packed, None).unwrap().photos.len(), survey(&root, None).unwrap().photos.len());
    }
}

/// A photo's content, which tells its number.
fn photo(number: usize) -> Vec<u8> {
    format!("content of photo {number} ").repeat(number % 50 + 1).into_bytes()
}

/// A shard of WebDataset with the photos of these numbers; the label is one of three words.
fn shard(numbers: std::ops::Range<usize>) -> Vec<u8> {
    let mut files = Builder::new(Vec::new());
    for number in numbers {
        let label = ["ant", "bee", "wasp"][number % 3];
        append(&mut files, &format!("{number:06}.jpg"), &photo(number));
        match number % 2 {
            0 => append(&mut files, &format!("{number:06}.cls"), format!("{label}\n").as_bytes()),
            _ => {
                let text = format!("{{\"key\": \"{number:06}\", \"label\": \"{label}\"}}");
                append(&mut files, &format!("{number:06}.json"), text.as_bytes());
            }
        }
        append(&mut files, &format!("{number:06}.seg.png"), b"no photo of its own");
        append(&mut files, &format!("{number:06}.txt"), b"a caption");
    }
    files.into_inner().unwrap()
}

/// The same photos in class folders.
fn unpacked(root: &Path, numbers: std::ops::Range<usize>) {
    for number in numbers {
        write(root, &format!("{}/{number:06}.jpg", ["ant", "bee", "wasp"][number % 3]), photo(number));
    }
}

/// Opens: lists and folders | a tar shard of WebDataset: a photo and its label, `7.jpg` beside `7.cls` or `7.json` (`label`, `class`, `cls`) | the label is the class
#[test]
fn labels_beside_photos_are_their_class_folders() {
    let place = tempfile::tempdir().unwrap();
    unpacked(&place.path().join("folder"), 0..30);
    let path = write(place.path(), "shard.tar", shard(0..30));
    let (one, other) = (scan(&path, None).unwrap(), scan(&place.path().join("folder"), None).unwrap());
    assert_eq!((&one.classes, contents(&one)), (&other.classes, contents(&other)));
    assert_eq!(one.train[0].path, path.join("ant/000000.jpg"));
    // Numbers are their own names, and what has no label lies beside the classes.
    let files: [(&str, &[u8]); 8] = [
        ("x/1.jpg", b"1"),
        ("x/1.cls", b"10"),
        ("x/1.json", b"{\"label\": 7}"),
        ("x/2.JPG", b"2"),
        ("x/2.json", b"{\"cls\": 9}"),
        ("3.png", b"3"),
        ("y/4.jpg", b"4"),
        ("y/4.cls", b" 9 "),
    ];
    let path = write(place.path(), "numbers.tar", tar(&files));
    let found = scan(&path, None).unwrap();
    assert_eq!(found.classes, ["9", "10"]);
    let names: Vec<&Path> =
        found.train.iter().map(|sample| sample.path.strip_prefix(&path).unwrap()).collect();
    assert_eq!(names, ["9/x/2.JPG", "9/y/4.jpg", "10/x/1.jpg"].map(Path::new));
    assert!(
        found
            .skipped
            .iter()
            .any(|skipped| skipped.reason == SkipReason::NoClass && skipped.path == path.join("3.png"))
    );
    for label in ["a/b", ".a", "..", "a\u{7}b", ""] {
        let files: [(&str, &[u8]); 2] = [("1.jpg", b"1"), ("1.cls", label.as_bytes())];
        let path = write(place.path(), "bad.tar", tar(&files));
        let error = scan(&path, None).unwrap_err();
        assert!(error.kind() == ErrorKind::Content && error.to_string().contains("1."), "{label:?}: {error}");
        fs::remove_file(path).unwrap();
    }
}

/// Opens: lists and folders | a folder of tar shards, or a pattern, `'shards/train-{000..099}.tar'`, `'shards/*.tar'` | all of them are one dataset; names that begin with `train`, `val`, `test` are parts
#[test]
fn shards_are_one_dataset_and_its_parts() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    unpacked(&root.join("folder/train"), 0..24);
    unpacked(&root.join("folder/val"), 24..36);
    let other = scan(&root.join("folder"), None).unwrap();
    for (number, name) in ["000", "001", "002"].into_iter().enumerate() {
        let bytes = shard(number * 8..number * 8 + 8);
        for path in ["flat/train-NAME.tar", "deep/train/NAME.tar", "one/NAME.tar"] {
            write(root, &path.replace("NAME", name), &bytes);
        }
    }
    for path in ["flat/validation-0.tar", "deep/valid/0.tar"] {
        write(root, path, shard(24..36));
    }
    for folder in ["flat", "deep"] {
        let found = scan(&root.join(folder), None).unwrap();
        assert_eq!((&found.classes, contents(&found)), (&other.classes, contents(&other)), "{folder}");
        let (known, _) = scan_known(&root.join(folder), &found.classes).unwrap();
        assert_eq!(Some(known), found.val, "{folder}");
        let looked = survey(&root.join(folder), None).unwrap();
        assert!(looked.problems.is_empty() && looked.photos.len() == 36, "{folder}: {:?}", looked.problems);
        let labeled = scan_labeled(&[root.join(folder)]).unwrap();
        assert_eq!((&labeled.classes, labeled.photos.len()), (&found.classes, 36), "{folder}");
        assert!(labeled.photos.iter().all(|(_, class)| class.is_some()), "{folder}");
        assert!(labeled.skipped.is_empty(), "{folder}: {:?}", labeled.skipped);
    }
    let train = scan(&root.join("folder/train"), None).unwrap();
    let val = root.join("flat/validation-0.tar");
    for one in ["one", "one/*.tar", "one/{000..002}.tar", "one/00{0,1,2}.tar", "flat/train-*.tar"] {
        let path = root.join(one);
        let found = scan(&path, None).unwrap();
        assert_eq!(contents(&found), contents(&train), "{one}");
        assert_eq!(scan(&path, Some(&val)).unwrap().val.unwrap().len(), 12, "{one}");
    }
    assert_eq!(dataset_folder(&root.join("one")), root.join("one/*.tar"));
    let first = root.join("one/*.tar/ant/001.tar/000009.jpg");
    assert!(
        is_file(&first)
            && is_there(&first)
            && is_folder(&root.join("one/*.tar"))
            && is_there(&root.join("one/*.tar"))
    );
    assert_eq!(
        real_path(&first),
        Some(root.canonicalize().unwrap().join("one/*.tar/ant/001.tar/000009.jpg"))
    );
    assert_eq!(loader().open(&first).unwrap().sha256(), Digest::of(&photo(9)));
    // What a range names has to be there.
    let error = scan(&root.join("one/{000..003}.tar"), None).unwrap_err();
    assert!(matches!(&error, Error::MissingFolder { path } if *path == root.join("one/003.tar")), "{error}");
    let deep = format!("{}.tar", "{a}".repeat(20));
    assert!(scan(&root.join("one").join(deep), None).is_err());
    assert!(scan(&root.join("one/x*.tar"), None).is_err() && scan(&root.join("one/{0.tar"), None).is_err());
}

/// Descriptions of photos that lie in class folders say nothing of their classes, and neither does one of the whole.
#[test]
fn descriptions_are_labels_where_every_photo_has_one() {
    let place = tempfile::tempdir().unwrap();
    let label = b"{\"class\": \"other\"}".as_slice();
    let files: [(&str, &[u8]); 6] = [
        ("a/1.jpg", b"1"),
        ("a/1.json", label),
        ("a/2.jpg", b"2"),
        ("b/3.jpg", b"3"),
        ("dataset.json", label),
        ("b/4.jpg", b"4"),
    ];
    let path = write(place.path(), "photos.tar", tar(&files));
    let found = scan(&path, None).unwrap();
    assert_eq!((found.classes.join(" "), found.train.len()), ("a b".to_owned(), 4));
    // An archive may begin as a bitmap does.
    let files: [(&str, &[u8]); 2] = [("BMW/1.jpg", b"1"), ("VW/2.jpg", b"2")];
    let path = write(place.path(), "cars.tar", tar(&files));
    assert_eq!(scan(&path, None).unwrap().classes, ["BMW", "VW"]);
}

#[test]
fn shards_of_no_part_beside_parts_are_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    for (names, odd) in [
        (["train-0.tar", "val-0.tar", "extra.tar"], Some("extra.tar")),
        (["train-0.tar", "val-0.tar", "trainer.tar"], Some("trainer.tar")),
        (["train-0.tar", "val-0.tar", "valid-1.tar"], None),
        (["Train-0.tar", "VAL-0.tar", "Train-1.TAR"], None),
        (["training-0.tar", "validation-0.tar", "testing-0.tar"], None),
    ] {
        let root = tempfile::tempdir_in(place.path()).unwrap();
        for (number, name) in names.iter().enumerate() {
            write(root.path(), name, shard(number * 6..number * 6 + 6));
        }
        match (scan(root.path(), None), odd) {
            (Ok(found), None) => assert!(found.val.is_some_and(|val| val.len() % 6 == 0), "{names:?}"),
            (Err(Error::MixedShards { shard, .. }), Some(odd)) => assert_eq!(shard, odd),
            (other, _) => panic!("{names:?}: {other:?}"),
        }
    }
}

#[test]
fn a_shard_that_comes_goes_or_changes_is_noticed() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("shards");
    write(&root, "0.tar", shard(0..6));
    write(&root, "1.tar", shard(6..12));
    assert_eq!(scan(&root, None).unwrap().train.len(), 12);
    std::thread::sleep(std::time::Duration::from_millis(20));
    write(&root, "2.tar", shard(12..18));
    let found = scan(&root, None).unwrap();
    assert_eq!(found.train.len(), 18);
    // Replaced behind our back: an error, and then the new one.
    let other = write(place.path(), "other.tar", shard(18..30));
    fs::copy(other, root.join("1.tar")).unwrap();
    let of_it = found.train.iter().find(|sample| sample.path.to_string_lossy().contains("1.tar/")).unwrap();
    let error = loader().open(&of_it.path).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("changed while it was read"), "{error}");
    assert_eq!(scan(&root, None).unwrap().train.len(), 24);
}

#[test]
fn a_cut_archive_is_refused_wherever_it_is_cut() {
    let place = tempfile::tempdir().unwrap();
    let whole = shard(0..6);
    let end = whole.len() - 1024;
    let mut told = 0;
    for at in (0..whole.len()).step_by(7).chain((0..whole.len()).step_by(512)) {
        let path = write(place.path(), &format!("{at}.tar"), &whole[..at]);
        match scan(&path, None) {
            // The blocks of zeros are cut, and every entry is whole.
            Ok(found) => assert!(at >= end + 512 && found.train.len() == 6, "{at}"),
            Err(error) => {
                let text = error.to_string();
                assert!(at < end + 512 && error.kind() == ErrorKind::Content, "{at}: {text}");
                assert!(text.contains(&format!("{at}.tar: byte ")), "{text}");
                told += usize::from(text.contains("cut"));
            }
        }
        fs::remove_file(path).unwrap();
    }
    assert!(told > 200, "{told}");
}

#[test]
fn a_header_with_a_changed_bit_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let files: [(&str, &[u8]); 3] = [("a/1.jpg", b"first"), ("a/2.jpg", b"second"), ("b/3.jpg", b"third")];
    let whole = tar(&files);
    for header in [0, 1024, 2048] {
        for at in header..header + 512 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            let path = write(place.path(), &format!("{at}.tar"), bytes);
            match scan(&path, None) {
                // A checksum may be written in several ways.
                Ok(found) => assert!((148..156).contains(&(at - header)) && found.train.len() == 3, "{at}"),
                Err(error) => assert!(!error.to_string().contains(char::is_control), "{error:?}"),
            }
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn archives_that_can_be_read_in_two_ways_or_not_at_all_are_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    let refused = |bytes: Vec<u8>, expected: &str| {
        let path = write(place.path(), "bad.tar", bytes);
        let error = scan(&path, None).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Content, "{text}");
        assert!(text.contains("bad.tar: byte ") && text.contains(expected), "{text}");
        assert!(!text.contains(char::is_control), "{text:?}");
        fs::remove_file(path).unwrap();
    };
    let file = |name: &str| odd(EntryType::Regular, name, "", b"content");
    let (a, b) = (file("a/1.jpg"), file("b/2.jpg"));
    let with = |other: Vec<u8>| ended(&[a.clone(), b.clone(), other]);
    for name in ["../x.jpg", "/x.jpg", "a/./x.jpg", "a//x.jpg", "c:/x.jpg", "a/..", "a\\x.jpg"] {
        refused(with(file(name)), "unpack it");
    }
    refused(with(file("a/1.jpg")), "'a/1.jpg' stands twice");
    refused(with(file("b")), "a file and a folder");
    refused(with(odd(EntryType::Symlink, "a/3.jpg", "1.jpg", b"")), "is a link");
    refused(with(odd(EntryType::Link, "a/3.jpg", "a/9.jpg", b"")), "a link to no file");
    refused(with(odd(EntryType::Fifo, "a/3.jpg", "", b"")), "is a link, a device");
    let mut holes = Header::new_gnu();
    holes.set_entry_type(EntryType::GNUSparse);
    holes.set_size(0);
    holes.as_old_mut().name[..7].copy_from_slice(b"a/3.jpg");
    holes.as_gnu_mut().unwrap().set_real_size(0);
    holes.set_cksum();
    refused(with(holes.as_bytes().to_vec()), "unpack it");
    refused([ended(&[a.clone(), b.clone()]), ended(&[file("a/4.jpg")])].concat(), "another archive");
    refused(b"no archive at all".to_vec(), "ends in a header");
    refused(vec![b'x'; 2000], "no tar header");
    refused(Vec::new(), "cut");
    let mut long = odd(EntryType::GNULongName, "././@LongLink", "", &vec![b'a'; 2 << 20]);
    long.extend(file("a/3.jpg"));
    refused(with(long), "a header of more than 1 MiB");
    let mut far = Header::new_gnu();
    far.set_size(u64::MAX - 600);
    far.as_old_mut().name[..7].copy_from_slice(b"a/3.jpg");
    far.set_entry_type(EntryType::Regular);
    far.set_cksum();
    refused(with(far.as_bytes().to_vec()), "get the file again");
    // A hard link is the file that it names.
    let linked = write(place.path(), "linked.tar", with(odd(EntryType::Link, "b/3.jpg", "./a/1.jpg", b"")));
    assert_eq!(loader().open(&linked.join("b/3.jpg")).unwrap().sha256(), Digest::of(b"content"));
}
