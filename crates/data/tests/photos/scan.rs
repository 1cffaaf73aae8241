//! Folders as people have them.

use std::fs;
use std::path::{Path, PathBuf};

use icecap_data::{Error, Inventory, Part, SkipReason, scan, scan_known, scan_photos};

use crate::make::{Jpeg, rgb_jpeg};

/// A folder with these files, each holding its own path.
fn tree(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, file).unwrap();
    }
    folder
}

fn names(root: &Path, paths: impl Iterator<Item = PathBuf>) -> Vec<String> {
    paths.map(|path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()).collect()
}

fn train(root: &Path, found: &Inventory) -> Vec<String> {
    names(root, found.train.iter().map(|sample| sample.path.clone()))
}

/// Opens: lists and folders | a folder for each class | classes in natural order
#[test]
fn classes_and_photos_are_in_natural_order() {
    let folder = tree(&[
        "normal_10/b.jpg",
        "normal_2/img_10.jpg",
        "normal_2/img_2.jpg",
        "normal_2/deep/er/x.png",
        "normal_2/IMG",
        "README.md",
    ]);
    let found = scan(folder.path(), None).unwrap();
    assert_eq!(found.classes, ["normal_2", "normal_10"]);
    assert_eq!(
        train(folder.path(), &found),
        [
            "normal_2/IMG",
            "normal_2/deep/er/x.png",
            "normal_2/img_2.jpg",
            "normal_2/img_10.jpg",
            "normal_10/b.jpg"
        ]
    );
    assert_eq!(found.counts(&found.train), [4, 1]);
    assert!(found.val.is_none() && found.skipped.is_empty());
    assert_eq!(found, scan(folder.path(), None).unwrap());
}

/// Opens: lists and folders | `train/`, `val/` and `test/` with a folder for each class | also capitalized
#[test]
fn parts_are_found_and_mapped_by_name() {
    let folder = tree(&[
        "train/a/1.jpg",
        "train/b/1.jpg",
        "train/c/1.jpg",
        "val/c/2.jpg",
        "val/a/3.jpg",
        "test/b/4.jpg",
    ]);
    let found = scan(folder.path(), None).unwrap();
    assert_eq!(found.classes, ["a", "b", "c"]);
    let val = found.val.as_ref().unwrap();
    assert_eq!(val.iter().map(|s| s.class).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(found.test.as_ref().unwrap()[0].class, 1);
    let missing: Vec<_> = found.missing.iter().map(|m| (m.part, m.class.as_str())).collect();
    assert_eq!(missing, [(Part::Val, "b"), (Part::Test, "a"), (Part::Test, "c")]);

    fs::create_dir(folder.path().join("val/d")).unwrap();
    let error = scan(folder.path(), None).unwrap_err();
    assert!(matches!(&error, Error::UnknownClass { class, .. } if class == "d"), "{error}");
    assert!(error.to_string().contains("a, b, c"));
}

#[test]
fn parts_may_be_capitalised_and_what_systems_leave_is_no_class() {
    let folder = tree(&[
        "Train/a/1.jpg",
        "Train/b/2.jpg",
        "Train/__MACOSX/._1.jpg",
        "VAL/a/3.jpg",
        "VAL/b/4.jpg",
        "__MACOSX/x/5.jpg",
    ]);
    let found = scan(folder.path(), None).unwrap();
    assert_eq!(found.classes, ["a", "b"]);
    assert_eq!((found.train.len(), found.val.map(|val| val.len())), (2, Some(2)));
    assert!(found.skipped.iter().all(|skipped| skipped.reason.is_clutter()));
}

#[test]
fn a_validation_folder_of_the_callers_comes_before_one_inside() {
    let folder = tree(&["data/train/a/1.jpg", "data/train/b/1.jpg", "data/val/a/2.jpg", "other/b/3.jpg"]);
    let found = scan(&folder.path().join("data"), Some(&folder.path().join("other"))).unwrap();
    assert_eq!(names(folder.path(), found.val.unwrap().into_iter().map(|s| s.path)), ["other/b/3.jpg"]);
}

#[test]
fn a_class_may_be_called_train() {
    let folder = tree(&["train/1.jpg", "bus/1.jpg", "car/deep/1.jpg"]);
    let found = scan(folder.path(), None).unwrap();
    assert_eq!(found.classes, ["bus", "car", "train"]);
    let folder = tree(&["train/a/1.jpg", "train/b/1.jpg", "valid/a/1.jpg"]);
    assert_eq!(scan(folder.path(), None).unwrap().val.unwrap().len(), 1);
}

#[test]
fn evaluation_uses_the_models_classes_and_the_test_part_first() {
    let classes: Vec<String> = ["x", "b", "a"].map(ToOwned::to_owned).to_vec();
    let folder = tree(&["a/1.jpg", "b/2.jpg"]);
    let (samples, about) = scan_known(folder.path(), &classes).unwrap();
    assert_eq!(samples.iter().map(|s| s.class).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(about.missing.len(), 1);
    let folder = tree(&["train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "test/b/1.jpg"]);
    let (samples, _) = scan_known(folder.path(), &classes).unwrap();
    assert_eq!(names(folder.path(), samples.into_iter().map(|s| s.path)), ["test/b/1.jpg"]);
    let folder = tree(&["other/1.jpg"]);
    assert!(matches!(scan_known(folder.path(), &classes), Err(Error::UnknownClass { .. })));
}

#[test]
fn evaluation_of_a_folder_with_training_photos_only_takes_these() {
    let names_of = |classes: [&str; 2]| classes.map(ToOwned::to_owned).to_vec();
    let folder = tree(&["train/a/1.jpg", "train/b/2.jpg", "README.md"]);
    let (samples, about) = scan_known(folder.path(), &names_of(["b", "a"])).unwrap();
    assert_eq!(samples.iter().map(|s| s.class).collect::<Vec<_>>(), [0, 1]);
    assert!(about.missing.is_empty() && about.skipped.is_empty());
    // Of a model that knows a class of that name, it is the class.
    let (samples, _) = scan_known(folder.path(), &names_of(["bus", "train"])).unwrap();
    assert_eq!(samples.iter().map(|s| s.class).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_photo_under_the_name_of_something_else_is_found() {
    let folder = tree(&["a/notes.txt", "a/empty.csv", "a/page.html"]);
    let jpeg = rgb_jpeg(8, 8, Jpeg::PLAIN);
    fs::write(folder.path().join("a/x.txt"), &jpeg).unwrap();
    fs::write(folder.path().join("a/cut.zip"), &jpeg[..9]).unwrap();
    fs::write(folder.path().join("a/empty.csv"), "").unwrap();
    fs::write(folder.path().join("a/page.html"), "<!DOCTYPE html>").unwrap();
    let (photos, skipped) = scan_photos(folder.path()).unwrap();
    assert_eq!(names(folder.path(), photos.into_iter()), ["a/cut.zip", "a/x.txt"]);
    let foreign = ["csv", "txt", "html"].map(|extension| SkipReason::Foreign(extension.to_owned()));
    assert_eq!(skipped.into_iter().map(|s| s.reason).collect::<Vec<_>>(), foreign);
}

#[test]
fn errors_say_what_to_do() {
    let said = |files: &[&str], folders: &[&str]| {
        let folder = tree(files);
        for inner in folders {
            fs::create_dir_all(folder.path().join(inner)).unwrap();
        }
        scan(folder.path(), None).unwrap_err()
    };
    assert!(matches!(said(&[], &[]), Error::NoClasses { .. }));
    assert!(matches!(said(&["1.jpg", "2.jpg"], &[]), Error::NoClasses { .. }));
    assert!(matches!(said(&["a/1.jpg"], &[]), Error::OneClass { class, .. } if class == "a"));
    assert!(matches!(said(&["a/1.jpg"], &["b"]), Error::EmptyClass { .. }));
    assert!(matches!(said(&["a/1.jpg", "b/notes.txt"], &[]), Error::EmptyClass { .. }));
    assert!(matches!(said(&["train/a/1.jpg", "train/b/1.jpg"], &["val"]), Error::NoPhotos { .. }));
    let missing = scan(Path::new("/no/such/folder"), None).unwrap_err();
    assert!(
        matches!(&missing, Error::MissingFolder { .. }) && missing.to_string().contains("/no/such/folder")
    );
}

#[test]
fn what_is_no_photo_is_passed_over_and_named() {
    let folder = tree(&[
        "a/1.jpg",
        "a/.DS_Store",
        "a/Thumbs.db",
        "a/notes.txt",
        "a/.hidden/2.jpg",
        "b/1.jpg",
        "beside.jpg",
        "labels.csv",
        ".git/config",
    ]);
    let found = scan(folder.path(), None).unwrap();
    let skipped: Vec<(String, bool)> = found
        .skipped
        .iter()
        .map(|s| {
            (
                format!("{}: {}", names(folder.path(), [s.path.clone()].into_iter())[0], s.reason),
                s.reason.is_clutter(),
            )
        })
        .collect();
    let expected = [
        ("beside.jpg: outside the class folders", false),
        ("a/.DS_Store: a hidden file", true),
        ("a/.hidden: a hidden file", true),
        ("a/Thumbs.db: a hidden file", true),
        ("a/notes.txt: a .txt file, no photo", false),
    ];
    assert_eq!(skipped, expected.map(|(text, clutter)| (text.to_owned(), clutter)));
    let (photos, _) = scan_photos(folder.path()).unwrap();
    assert_eq!(names(folder.path(), photos.into_iter()), ["a/1.jpg", "b/1.jpg", "beside.jpg"]);
}

#[cfg(unix)]
#[test]
fn pipes_sockets_and_links_in_circles_hang_nothing() {
    use std::os::unix::fs::symlink;
    let folder = tree(&["a/1.jpg", "b/1.jpg"]);
    let a = folder.path().join("a");
    let made = std::process::Command::new("mkfifo").args([a.join("pipe.jpg"), a.join("pipe.txt")]).status();
    let _socket = std::os::unix::net::UnixListener::bind(a.join("socket.jpg")).unwrap();
    symlink(&a, a.join("circle")).unwrap();
    symlink(folder.path(), a.join("wider circle")).unwrap();
    symlink(a.join("self"), a.join("self")).unwrap();
    symlink("/no/such/file", a.join("nothing.jpg")).unwrap();
    symlink(folder.path().join("b/1.jpg"), a.join("2.jpg")).unwrap();
    let found = scan(folder.path(), None).unwrap();
    // The wider circle leads to class b once more, as links may.
    let expected = ["a/1.jpg", "a/2.jpg", "a/wider circle/b/1.jpg", "b/1.jpg"];
    assert_eq!(train(folder.path(), &found), expected);
    let reasons = |reason: SkipReason| found.skipped.iter().filter(|s| s.reason == reason).count();
    assert_eq!(reasons(SkipReason::NotAFile), 1 + 2 * usize::from(made.is_ok_and(|status| status.success())));
    assert_eq!(reasons(SkipReason::Link), 4);
}

#[cfg(unix)]
#[test]
fn names_that_are_no_text_are_left_out_and_no_classes() {
    use std::os::unix::ffi::OsStrExt;
    let odd = std::ffi::OsStr::from_bytes(b"caf\xE9.jpg");
    let folder = tree(&["a/1.jpg", "b/1.jpg"]);
    fs::write(folder.path().join("a").join(odd), "x").unwrap();
    fs::create_dir(folder.path().join("b").join(odd)).unwrap();
    fs::write(folder.path().join("b").join(odd).join("1.jpg"), "x").unwrap();
    let found = scan(folder.path(), None).unwrap();
    assert_eq!(found.train.len(), 2);
    let left_out = found.skipped.iter().filter(|item| item.reason == SkipReason::NotText);
    assert!(left_out.map(|item| &item.path).eq(&["a", "b"].map(|class| folder.path().join(class).join(odd))));
    fs::create_dir(folder.path().join(odd)).unwrap();
    assert!(matches!(scan(folder.path(), None), Err(Error::PathNotText { .. })));
}
