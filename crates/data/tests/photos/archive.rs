//! Zip archives in the place of folders.

use std::fs;
use std::path::{Path, PathBuf};

use icecap_data::{
    Cache, Digest, Error, ErrorKind, ExifPolicy, Inventory, Limits, Loader, ResizeMode, ResizeSpec,
    SkipReason, file_digest, is_file, is_folder, is_there, names_in, scan, scan_known, scan_labeled,
    scan_photos, survey,
};
use icecap_kernels::Isa;
use proptest::prelude::*;

use crate::loader;
use crate::make::{Jpeg, rgb_jpeg};
use crate::zip_writer::{Packed, Writing, archive};

/// Writes an archive and returns its path.
fn zip(folder: &Path, name: &str, files: &[Packed], how: Writing) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, archive(files, how)).unwrap();
    path
}

/// A small archive of two classes.
fn two_classes() -> Vec<Packed> {
    let mut files = vec![
        Packed::new("a/", b""),
        Packed::new("a/1.jpg", b"content of the first"),
        Packed::new("a/2.jpg", &b"long ".repeat(99)),
        Packed::new("b/3.jpg", b"third"),
    ];
    files[3].method = 0;
    files
}

/// What is found in `root`, with every path below `root`.
fn below(root: &Path, found: icecap_data::Result<Inventory>) -> Result<Inventory, String> {
    let text = |error: Error| error.to_string().replace(&*root.to_string_lossy(), "ROOT");
    let mut found = found.map_err(text)?;
    let strip = |path: &mut PathBuf| *path = path.strip_prefix(root).unwrap().to_owned();
    let samples = found.train.iter_mut().chain(found.val.iter_mut().flatten());
    samples.chain(found.test.iter_mut().flatten()).for_each(|sample| strip(&mut sample.path));
    found.skipped.iter_mut().for_each(|skipped| strip(&mut skipped.path));
    found.skipped.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn photos(folder: &Path) -> Vec<(PathBuf, Digest)> {
    let mut loader = loader();
    let read = |path: PathBuf| {
        let below = path.strip_prefix(folder).unwrap().to_owned();
        (below, loader.open(&path).unwrap().sha256())
    };
    scan_photos(folder).unwrap().0.into_iter().map(read).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Opens: lists and folders | a zip file of photos, `photos.zip`, in the place of a folder | in place, stored or deflated, zip64 too; paths are `photos.zip/cat/1.jpg`
    #[test]
    fn an_archive_is_what_its_unpacked_folder_is(
        names in proptest::collection::btree_set(
            "(train/|val/|test/)?(a|b|c10|c9|__MACOSX|[.]b)/(deep/)?([._]?[0-9]{1,2}[.](jpg|txt|zip)|[.]DS_Store)", 1..14),
        contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 14),
        (wide, behind, windows, folders) in any::<(bool, bool, bool, bool)>(),
        stored in any::<u16>(),
    ) {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("folder");
        let mut files = Vec::new();
        for (number, (name, content)) in names.iter().zip(&contents).enumerate() {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            let mut file = Packed::new(name, content);
            if stored >> number & 1 == 1 {
                file.method = 0;
            }
            if windows {
                (file.system, file.name) = (0, name.replace('/', "\\"));
            }
            files.push(file);
        }
        if folders {
            for folder in ["a", "empty"] {
                fs::create_dir_all(root.join(folder)).unwrap();
                files.push(Packed { method: 0, mode: 0o40_755, ..Packed::new(&format!("{folder}/"), b"") });
            }
        }
        let how = Writing { wide, behind };
        let packed = zip(place.path(), "photos.zip", &files, how);
        prop_assert_eq!(photos(&packed), photos(&root));
        prop_assert_eq!(below(&packed, scan(&packed, None)), below(&root, scan(&root, None)));
        let classes = ["a", "b", "c9", "c10"].map(str::to_owned);
        let known = |folder| scan_known(folder, &classes).map(|(_, found)| found);
        prop_assert_eq!(below(&packed, known(&packed)), below(&root, known(&root)));
        let labeled = |folder: &Path| scan_labeled(&[folder.to_owned()]).unwrap();
        prop_assert_eq!(labeled(&packed).classes, labeled(&root).classes);
        prop_assert_eq!(survey(&packed, None).unwrap().photos.len(), survey(&root, None).unwrap().photos.len());
    }
}

/// Opens: lists and folders | a zip file with one folder around it all | that folder is the dataset
#[test]
fn a_single_folder_around_the_dataset_is_taken_for_it() {
    let place = tempfile::tempdir().unwrap();
    let mut files: Vec<Packed> = two_classes();
    files.iter_mut().for_each(|file| file.name.insert_str(0, "my photos/"));
    files.push(Packed::new("__MACOSX/my photos/a/._1.jpg", b"notes"));
    let path = zip(place.path(), "photos.ZIP", &files, Writing::default());
    let found = scan(&path, Some(&path)).unwrap();
    assert_eq!(found.classes, ["a", "b"]);
    assert_eq!(found.train[0].path, path.join("my photos/a/1.jpg"));
    assert_eq!(found.val.unwrap().len(), 3);
    assert_eq!(scan_known(&path, &found.classes).unwrap().0, found.train);
    assert_eq!(scan_labeled(std::slice::from_ref(&path)).unwrap().classes, ["a", "b"]);
    assert!(survey(&path, None).unwrap().problems.is_empty());
    assert_eq!(scan(&path.join("my photos"), None).unwrap().train, found.train);
}

#[test]
fn pixels_warnings_and_other_questions_are_answered_inside_as_outside() {
    let place = tempfile::tempdir().unwrap();
    let jpeg = rgb_jpeg(40, 30, Jpeg::PLAIN);
    fs::write(place.path().join("1.jpg"), &jpeg).unwrap();
    let files = [
        Packed::new("a/1.jpg", &jpeg),
        Packed::new("a/list.csv", b"path,label\n"),
        Packed::new("a/x.zip/1", b"x"),
    ];
    let path = zip(place.path(), "x.zip", &files, Writing::default());
    let spec = ResizeSpec { height: 16, width: 16, mode: ResizeMode::Squash };
    let load = |path: &Path| loader().load(path, &spec).unwrap();
    let (inside, outside) = (load(&path.join("a/../a/./1.jpg")), load(&place.path().join("1.jpg")));
    assert_eq!((inside.pixels, inside.sha256), (outside.pixels, outside.sha256));
    assert_eq!(file_digest(&path.join("a/1.jpg"), &Limits::default()), Some(Digest::of(&jpeg)));
    assert!(is_folder(&path) && is_folder(&path.join("a")) && is_folder(&path.join("a/x.zip")));
    assert!(is_file(&path.join("a/1.jpg")) && !is_file(&path.join("a")) && !is_there(&path.join("b")));
    assert!(!is_folder(&path.join("a/1.jpg")) && !is_folder(&path.join("a/1")));
    assert_eq!(names_in(&path), [("a".to_owned(), true)]);
    let missing = loader().open(&path.join("a/2.jpg")).unwrap_err();
    assert!(matches!(&missing, Error::Photo { .. }) && missing.kind() == ErrorKind::Path, "{missing}");
    assert!(matches!(scan(&path.join("b"), None), Err(Error::MissingFolder { .. })));
    assert!(matches!(scan(&path.join("a/1.jpg"), None), Err(Error::NotAFolder { .. })));
    // An archive in an archive is a file like others, and a photo may be called as it likes.
    let odd = zip(
        place.path(),
        "odd.zip",
        &[Packed::new("a/in.zip", &fs::read(&path).unwrap())],
        Writing::default(),
    );
    assert_eq!(scan_photos(&odd).unwrap().1[0].reason, SkipReason::Foreign("zip".to_owned()));
    let photo = place.path().join("photo.zip");
    fs::write(&photo, &jpeg).unwrap();
    assert_eq!(scan_photos(&photo).unwrap().0, std::slice::from_ref(&photo));
    assert_eq!(load(&photo).sha256, Digest::of(&jpeg));
    fs::create_dir_all(place.path().join("folder.zip/a")).unwrap();
    assert!(is_folder(&place.path().join("folder.zip/a")));
}

/// Opens: lists and folders | a CSV in a zip file, `photos.zip/train.csv` | paths are relative to its place in there
#[test]
fn a_list_in_an_archive_lists_its_photos() {
    let place = tempfile::tempdir().unwrap();
    let list = b"id,breed\n1,a\n2,a\n3,b\n";
    let mut files = two_classes();
    files.push(Packed::new("list.csv", list));
    files.iter_mut().for_each(|file| file.name = file.name.replace("a/", "train/").replace("b/", "train/"));
    let path = zip(place.path(), "photos.zip", &files, Writing::default());
    let found = scan(&path.join("list.csv"), None).unwrap();
    assert_eq!(found.classes, ["a", "b"]);
    let photos = ["1", "2", "3"].map(|name| path.join(format!("train/{name}.jpg")));
    assert_eq!(found.train.iter().map(|sample| sample.path.clone()).collect::<Vec<_>>(), photos);
    let error = scan(&path, None).unwrap_err().to_string();
    assert!(error.contains("or name") && error.contains("photos.zip/list.csv"), "{error}");
}

#[test]
fn archives_that_can_be_read_in_two_ways_or_not_at_all_are_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    let refused = |change: &dyn Fn(&mut Vec<Packed>), expected: &str| {
        let mut files = two_classes();
        change(&mut files);
        let path = zip(place.path(), "bad.zip", &files, Writing::default());
        let error = scan(&path, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Content, "{error}");
        let text = error.to_string();
        assert!(text.contains("bad.zip: byte ") && text.contains(expected), "{text}");
        assert!(!text.contains(char::is_control), "{text:?}");
        fs::remove_file(path).unwrap();
    };
    let renamed = |name: &'static str| move |files: &mut Vec<Packed>| files[2].name = name.to_owned();
    for name in ["../x.jpg", "/x.jpg", "a/./x.jpg", "a//x.jpg", "c:/x.jpg", "a/..", "x\0.jpg"] {
        refused(&renamed(name), "unzip it");
    }
    refused(&renamed("a\\x.jpg"), "backslash");
    refused(&renamed("a/1.jpg"), "'a/1.jpg' stands twice");
    refused(&renamed("b"), "a file and a folder");
    for (method, name) in [(9, "deflate64"), (12, "bzip2"), (93, "zstd"), (42, "method 42")] {
        refused(&move |files| (files[1].method, files[1].length) = (method, None), name);
    }
    refused(&|files| files[1].flags = 1, "'a/1.jpg' is encrypted; unzip it");
    refused(&|files| files[1].mode = 0o120_777, "'a/1.jpg' is a link");
    refused(&|files| files[3].header = Some(0), "overlaps another");
    refused(&|files| files[3].header = Some(u32::MAX - 1), "is longer than the file");
    // Two entries over the same data, as the small bombs have them.
    refused(&|files| (files[2].header, files[2].stream) = (Some(40), Some(vec![0; 4])), "overlaps another");
    for (bytes, name) in [(&b""[..], "empty"), (b"no archive", "none"), (b"PK\x03\x04", "start")] {
        let path = place.path().join(format!("{name}.zip"));
        fs::write(&path, bytes).unwrap();
        let error = scan(&path, None).unwrap_err().to_string();
        assert!(error.contains("no zip directory stands at the end"), "{error}");
    }
}

#[test]
fn a_member_that_lies_about_itself_is_refused_alone_and_takes_neither_memory_nor_time() {
    let place = tempfile::tempdir().unwrap();
    let lies = |change: &dyn Fn(&mut Packed), expected: &str| {
        let mut files = two_classes();
        change(&mut files[1]);
        let path = zip(place.path(), "lies.zip", &files, Writing::default());
        let mut loader = Loader::new(Isa::best(), Limits::of_pixels(1), ExifPolicy::Apply);
        let error = loader.open(&path.join("a/1.jpg")).unwrap_err().to_string();
        assert!(error.contains("lies.zip/a/1.jpg: ") && error.contains(expected), "{error}");
        assert!(loader.open(&path.join("a/2.jpg")).is_ok() && loader.open(&path.join("b/3.jpg")).is_ok());
        fs::remove_file(path).unwrap();
    };
    lies(&|file| file.crc = Some(5), "does not have the checksum");
    lies(&|file| file.length = Some(3), "does not unpack to the length");
    lies(&|file| file.length = Some(30), "does not unpack to the length");
    lies(&|file| (file.method, file.length) = (0, Some(30)), "more or fewer bytes");
    // More than the limit of a photo, more than deflate can reach, far more than is stated, and a stream of nothing.
    lies(&|file| file.length = Some(65 << 20), "a file size in bytes of 68157440 is above the limit");
    lies(&|file| file.length = Some(60 << 20), "does not unpack to the length");
    lies(
        &|file| file.stream = Some(miniz_oxide::deflate::compress_to_vec(&vec![0; 9 << 20], 6)),
        "takes far more",
    );
    lies(&|file| (file.data, file.length) = (vec![0; 9 << 20], Some(9000)), "does not unpack to the length");
    lies(&|file| file.stream = Some([0, 0, 0, 0xFF, 0xFF].repeat(9999)), "takes far more");
    lies(&|file| file.stream = Some(b"\xFF\xFF\xFF".to_vec()), "is damaged");
    lies(&|file| file.data.clear(), "the file is empty");
}

/// The directory says one thing and the local header another: two programs would read two photos.
#[test]
fn a_local_header_that_disagrees_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let whole = archive(&two_classes(), Writing::default());
    let first = whole.windows(4).skip(4).position(|bytes| bytes == b"PK\x03\x04").unwrap() + 4;
    for (at, expected) in
        [(8, "another entry"), (14, "sizes"), (18, "sizes"), (22, "sizes"), (30, "another entry")]
    {
        let mut bytes = whole.clone();
        bytes[first + at] ^= 1;
        let path = place.path().join(format!("{at}.zip"));
        fs::write(&path, bytes).unwrap();
        let error = loader().open(&path.join("a/1.jpg")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_changed_archive_gives_the_right_photos_or_none() {
    let place = tempfile::tempdir().unwrap();
    for how in
        [Writing::default(), Writing { wide: true, behind: false }, Writing { wide: false, behind: true }]
    {
        let files = two_classes();
        let whole = archive(&files, how);
        let mut loader = loader();
        let (mut refused, mut number) = (0, 0);
        let mut check = |bytes: &[u8]| {
            number += 1;
            // A name of its own: what is written within one tick of the clock could be taken for what was there.
            let path = place.path().join(format!("{number}.zip"));
            fs::write(&path, bytes).unwrap();
            match scan_photos(&path) {
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().contains(char::is_control), "{error:?}");
                }
                Ok((photos, _)) => {
                    for photo in photos {
                        let Ok(open) = loader.open(&photo) else { continue };
                        let known = files.iter().any(|file| Digest::of(&file.data) == open.sha256());
                        assert!(known, "{}", photo.display());
                    }
                }
            }
            fs::remove_file(path).unwrap();
        };
        for at in 0..whole.len() {
            check(&whole[..at]);
            for bit in 0..8 {
                let mut other = whole.clone();
                other[at] ^= 1 << bit;
                check(&other);
            }
        }
        assert!(refused > whole.len(), "{refused}");
    }
}

#[test]
fn an_archive_that_is_replaced_is_read_anew() {
    let place = tempfile::tempdir().unwrap();
    let path = zip(place.path(), "photos.zip", &two_classes(), Writing::default());
    let mut loader = loader();
    let one = path.join("a/1.jpg");
    assert_eq!(loader.open(&one).unwrap().sha256(), Digest::of(b"content of the first"));
    let mut files = two_classes();
    files[1].data = b"another content".to_vec();
    let other = zip(place.path(), "other.zip", &files, Writing::default());
    fs::rename(other, &path).unwrap();
    assert_eq!(loader.open(&one).unwrap().sha256(), Digest::of(b"another content"));
    fs::remove_file(&path).unwrap();
    assert_eq!(loader.open(&one).unwrap_err().kind(), ErrorKind::Path);
}

#[test]
fn members_of_an_archive_that_has_settled_are_known_by_it() {
    let place = tempfile::tempdir().unwrap();
    let path = zip(place.path(), "photos.zip", &two_classes(), Writing::default());
    let (one, two) = (path.join("a/1.jpg"), path.join("a/2.jpg"));
    let stamp = |photo: &Path| {
        let mut loader = loader();
        let open = loader.open(photo).unwrap();
        (open.stamp(), open.sha256())
    };
    assert_eq!(stamp(&one).0, None, "just written: another write might not show");
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let (Some(first), sha256) = stamp(&one) else {
        if cfg!(target_os = "linux") {
            panic!("Linux' own file systems tell nanoseconds");
        }
        return;
    };
    let cache = Cache::new(&place.path().join("cache"));
    cache.remember(first, sha256);
    assert_eq!(cache.known(&one), Some(sha256));
    assert_eq!((cache.known(&two), cache.known(&path)), (None, None));
    fs::write(&path, archive(&two_classes()[..2], Writing::default())).unwrap();
    assert_eq!(cache.known(&one), None, "the archive is another");
}
