//! Datasets that a CSV file lists.

use std::fs;
use std::path::{Path, PathBuf};

use icecap_data::{Error, ListedFiles, Part, Problem, scan, scan_known, scan_labeled, scan_listed, survey};

/// A file with this content in a folder of its own.
fn listing(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("photos.csv");
    fs::write(&file, text).unwrap();
    (folder, file)
}

#[test]
fn classes_and_samples_are_in_natural_order_whatever_the_order_of_lines() {
    let (folder, file) = listing(
        "\u{feff}Label,width,path\r\nn10,5,b.jpg\r\nn2,5,img_10.jpg\r\nn2,7,\"a, b/img_2.jpg\"\r\n\r\nn2,1,/abs.jpg\r\n"
            .as_bytes(),
    );
    let found = scan(&file, None).unwrap();
    assert_eq!(found.classes, ["n2", "n10"]);
    let paths: Vec<(&Path, usize)> = found.train.iter().map(|s| (s.path.as_path(), s.class)).collect();
    let at = |name: &str| folder.path().join(name);
    let [first, second, third] = ["a, b/img_2.jpg", "img_10.jpg", "b.jpg"].map(at);
    // Of absolute paths and others the absolute ones are before or behind, as the folder's name has it.
    assert!(paths.contains(&(Path::new("/abs.jpg"), 0)));
    let relative: Vec<_> = paths.into_iter().filter(|(path, _)| *path != Path::new("/abs.jpg")).collect();
    assert_eq!(relative, [(first.as_path(), 0), (second.as_path(), 0), (third.as_path(), 1)]);
    assert_eq!((found.val, found.test, found.groups.len()), (None, None, 0));
}

/// Opens: lists and folders | a CSV with the columns `path` and `label` | also `split` and `group`
#[test]
fn parts_and_groups_are_those_of_the_columns() {
    let (_folder, file) = listing(
        b"path,label,split,group\n1,a,train,g1\n2,b,Train,\n3,a,valid,g2\n4,b,test,\n5,a,validation,g1\n6,a,train,g2\n",
    );
    let found = scan(&file, None).unwrap();
    let classes = |samples: &[icecap_data::Sample]| samples.iter().map(|s| s.class).collect::<Vec<_>>();
    assert_eq!(classes(&found.train), [0, 0, 1]);
    assert_eq!(classes(&found.val.clone().unwrap()), [0, 0]);
    assert_eq!(classes(&found.test.clone().unwrap()), [1]);
    let group = |samples: &[icecap_data::Sample]| -> Vec<Option<&str>> {
        samples.iter().map(|sample| found.groups.get(&sample.path).map(String::as_str)).collect()
    };
    assert_eq!(group(&found.train), [Some("g1"), Some("g2"), None]);
    assert_eq!(group(found.val.as_deref().unwrap()), [Some("g2"), Some("g1")]);
    let missing: Vec<String> = found.missing.iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["no photo of class 'b' in val", "no photo of class 'a' in test"]);

    // What is evaluated is the test part, and the classes are the model's.
    let classes = ["b".to_owned(), "a".to_owned()];
    let (samples, inventory) = scan_known(&file, &classes).unwrap();
    assert_eq!(samples.len(), 1);
    assert_eq!((samples[0].class, inventory.missing[0].part), (0, Part::Test));
    let labeled = scan_labeled(std::slice::from_ref(&file)).unwrap();
    assert_eq!((labeled.classes.len(), labeled.photos.len()), (2, 6));
}

#[test]
fn a_runs_split_is_taken_with_its_own_paths() {
    let (_folder, file) = listing(b"part,class,path\ntrain,a,photos/1\ntrain,b,photos/2\nval,a,photos/3\n");
    let found = scan(&file, None).unwrap();
    assert_eq!(found.train[0].path, Path::new("photos/1"));
    assert_eq!(found.val.unwrap()[0].path, Path::new("photos/3"));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, said) in [
        (&b""[..], "line 1: the header '' names no column 'path'"),
        (b"path;name\n", "line 1: the header 'path,name' names no column 'label'"),
        (b"path\tlabel\n", "no photo is listed"),
        (b"photograph,label\nx,a\n", "no column 'path'"),
        (
            b"image,filename,label\nx,y,a\n",
            "'image' and 'filename' may both be the path; call the one that is 'path'",
        ),
        (b"id,species,breed\nx,a,b\n", "'species' and 'breed' may both be the label"),
        (b"path,labl\nx,a\n", "line 1: no column is called 'labl'; did you mean 'label'?"),
        (b"path,label,splt\nx,a,val\n", "did you mean 'split'?"),
        (b"path,label,class\nx,a,b\n", "two columns are called label"),
        (b"path,label\n", "no photo is listed"),
        (b"path,label\n1,a\n2\n", "line 3: 1 fields where the header has 2"),
        (b"path,label\n1,a\n2,\n", "line 3: no label"),
        (b"path,label\n,a\n", "line 2: no path"),
        (b"path,label\n\"1\n1\",a\n2,b\n2,a\n", "line 5: "),
        (b"path,label\n2,b\n2,a\n", "is on line 2 already"),
        (
            b"path,label,split\n1,a,train\n2,b,trian\n",
            "line 3: the split 'trian' is not train, val or test; did you mean 'train'?",
        ),
        (b"path,label,split\n1,a,val\n", "no line is of the split 'train'"),
        (
            b"path,label,split\n1,ants,train\n2,bees,train\n3,Ants,val\n",
            "line 4: 'Ants' is none of the classes (ants, bees); did you mean 'ants'?",
        ),
        (b"path,label\n1,\"a\n", "line 2: a quote that is not closed"),
        (b"path,label\n1,a\n2,\xFF\n", "line 3: not valid UTF-8"),
    ] {
        let (_folder, file) = listing(text);
        let error = scan(&file, None).unwrap_err();
        assert!(matches!(error, Error::Listing { .. }), "{error}");
        assert!(error.to_string().contains(said), "{error} does not say {said}");
    }
    let (_folder, file) = listing(b"path,label\n1,a\n2,a\n");
    assert!(matches!(scan(&file, None), Err(Error::OneClass { .. })));
    let (_folder, file) = listing(b"path,label\n1,a\n2,b\n");
    assert!(matches!(scan_known(&file, &["a".to_owned()]), Err(Error::Listing { line: 3, .. })));
    fs::File::create(&file).unwrap().set_len((256 << 20) + 1).unwrap();
    assert!(matches!(scan(&file, None).unwrap_err().kind(), icecap_data::ErrorKind::Limit));
}

#[test]
fn a_survey_goes_on_where_a_scan_refuses() {
    let (folder, file) = listing(b"path,label,split\n1,ants,train\n2,bees,train\n3,Ants,val\n4,wasps,test\n");
    let found = survey(&file, None).unwrap();
    assert_eq!(found.classes, ["ants", "bees", "Ants", "wasps"]);
    assert_eq!(found.parts, [Part::Train, Part::Val, Part::Test]);
    let unknown: Vec<_> = found
        .problems
        .iter()
        .filter_map(|problem| match problem {
            Problem::Unknown { part, class, meant } => Some((*part, class.as_str(), meant.as_deref())),
            _ => None,
        })
        .collect();
    assert_eq!(unknown, [(Part::Val, "Ants", Some("ants")), (Part::Test, "wasps", None)]);
    // Another file for the validation part, and a folder for it.
    let val = folder.path().join("val.csv");
    fs::write(&val, "path,label\n9,bees\n8,ants\n").unwrap();
    fs::create_dir_all(folder.path().join("val/bees")).unwrap();
    fs::write(folder.path().join("val/bees/7"), "x").unwrap();
    for (val, photos) in [(val, 2), (folder.path().join("val"), 1)] {
        let found = survey(&file, Some(&val)).unwrap();
        assert_eq!(found.photos.iter().filter(|(part, _)| *part == Part::Val).count(), photos);
        assert_eq!(found.classes, ["ants", "bees", "Ants", "wasps"]);
    }
}

/// What a list comes to: the names of its photos, and its classes.
fn found(file: &Path, listed: &ListedFiles) -> (Vec<String>, Vec<String>) {
    let found = scan_listed(file, None, listed).unwrap();
    let root = file.parent().unwrap();
    let name =
        |sample: &icecap_data::Sample| sample.path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    (found.train.iter().map(name).collect(), found.classes)
}

/// Opens: lists and folders | a CSV with `filename`, `image`, `filepath`, `image_path`, `file` or `id`, backslashes, a byte-order mark | by `--root` and `--extension`
#[test]
fn columns_and_paths_are_read_as_other_programs_write_them() {
    let photos = ["train/a1.jpg", "train/b1.jpg"].map(str::to_owned).to_vec();
    let classes = ["ant", "bee"].map(str::to_owned).to_vec();
    for text in [
        "filename,class\ntrain/a1.jpg,ant\ntrain/b1.jpg,bee\n",
        "image,label\ntrain/a1.jpg,ant\ntrain/b1.jpg,bee\n",
        "\u{feff}Image_Path , Category\r\ntrain/a1.jpg,ant\r\n  ,\r\ntrain/b1.jpg,bee\r\n\r\n",
        "id,filepath,species\n1,train/a1.jpg,ant\n2,train/b1.jpg,bee\n",
        "Path,Label\ntrain\\a1.jpg,ant\ntrain\\b1.jpg,bee\n",
        "path,label\ntrain/a1,ant\ntrain/b1,bee\n",
        // As spreadsheets of half the world write it, and as people type.
        "path;label\ntrain/a1.jpg;ant\ntrain/b1.jpg;bee\n",
        "path\tlabel\ntrain/a1.jpg\tant\ntrain/b1.jpg\tbee\n",
        "path, label\ntrain/a1.jpg, ant\ntrain/b1.jpg , bee\n",
        // Ids of photos in a folder beside the list.
        "id,label\na1,ant\nb1,bee\n",
        "path,label,image,labels\ntrain/a1.jpg,ant,x,y\ntrain/b1.jpg,bee,x,y\n",
    ] {
        let (folder, file) = listing(text.as_bytes());
        fs::create_dir_all(folder.path().join("train")).unwrap();
        for photo in &photos {
            fs::write(folder.path().join(photo), "x").unwrap();
        }
        assert_eq!(found(&file, &ListedFiles::default()), (photos.clone(), classes.clone()), "{text}");
    }
    let (folder, file) = listing(b"id,label\na1,ant\nb1,bee\n");
    let listed = ListedFiles { root: Some(folder.path().join("train")), extension: Some("jpg".to_owned()) };
    assert_eq!(found(&file, &listed), (photos, classes), "nothing has to be there to be named");
}

/// Refuses: lists and folders | a folder one level too high | the folder that is meant
#[test]
fn a_folder_that_is_named_too_high_says_which_one_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for file in [
        "parts/data/train/a/1.jpg",
        "parts/data/train/b/1.jpg",
        "parts/data/val/a/2.jpg",
        "deep/x/y/a/1.jpg",
        "deep/x/y/b/1.jpg",
        "one/a/1.jpg",
        "one/a/sub/2.jpg",
        "hollow/a/b/c/d.txt",
    ] {
        fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
        fs::write(root.join(file), "x").unwrap();
    }
    for (high, meant) in [("parts", "parts/data"), ("deep", "deep/x/y")] {
        let error = scan(&root.join(high), None).unwrap_err();
        assert!(matches!(&error, Error::TooHigh { inside, .. } if *inside == root.join(meant)), "{error}");
        let problems = survey(&root.join(high), None).unwrap().problems;
        assert!(
            matches!(&problems[..], [Problem::TooHigh { inside, .. }] if *inside == root.join(meant)),
            "{problems:?}"
        );
        // The advice is right.
        assert_eq!(scan(&root.join(meant), None).unwrap().classes, ["a", "b"]);
    }
    // Of a model's classes none is such a folder.
    let classes = ["a", "b"].map(str::to_owned);
    let error = scan_known(&root.join("deep"), &classes).unwrap_err();
    assert!(matches!(&error, Error::TooHigh { inside, .. } if *inside == root.join("deep/x/y")), "{error}");
    // A list that lies in a folder without classes is told.
    fs::write(root.join("one/widths.csv"), "path,width\n1,2\n").unwrap();
    fs::write(root.join("one/z.csv"), "path,label\na/1.jpg,a\n").unwrap();
    let error = scan(&root.join("one"), None).unwrap_err();
    assert!(error.to_string().ends_with("one/z.csv, which lists photos with their classes"), "{error}");
    assert!(matches!(error, Error::OneClass { .. }));
    assert!(scan(&root.join("hollow"), None).is_err());
}
