//! Archives of photos in the place of folders.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::Value;

use crate::place::Place;
use crate::table_writer::{self, Row, USUAL};
use crate::zip_writer::{Packed, Writing, archive};

/// Packs everything in `folder` with `prefix` before its name, as well as what macOS adds.
pub(crate) fn pack(place: &Place, folder: &str, prefix: &str, to: &str, how: Writing) {
    fn collect(folder: &Path, prefix: &str, files: &mut Vec<Packed>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                collect(&path, &format!("{name}/"), files);
            } else {
                files.push(Packed::new(&name, &fs::read(&path).unwrap()));
            }
        }
    }
    let mut files = Vec::new();
    collect(&place.path(folder), prefix, &mut files);
    files.iter_mut().step_by(2).for_each(|file| file.method = 0);
    files.push(Packed::new(&format!("__MACOSX/{prefix}._1.jpg"), b"notes"));
    fs::write(place.path(to), archive(&files, how)).unwrap();
}

#[test]
fn an_archive_gives_what_its_folder_gives_in_every_command() {
    let place = Place::two_classes();
    pack(&place, "photos", "", "flat.zip", Writing { wide: true, behind: true });
    pack(&place, "photos", "photos/", "around.zip", Writing::default());
    let run = |arguments: &[&str]| place.icecap(arguments).succeeds().stdout;
    let model = "run-photos/model.safetensors";
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_dir_all(".", place.path("photos")).unwrap();
    fs::write(place.path("flat.tar"), tar.into_inner().unwrap()).unwrap();
    for dataset in ["photos", "flat.zip", "around.zip", "flat.tar"] {
        let out = format!("run-{dataset}");
        run(&["train", dataset, "--out", &out, "--epochs", "3"]);
        let same = |name: &str| fs::read(place.path(&out).join(name)).unwrap();
        assert_eq!(same("model.safetensors"), fs::read(place.path(model)).unwrap(), "{dataset}");
        let inside = if dataset == "around.zip" { "around.zip/photos" } else { dataset };
        let as_folder = |text: String| text.replace(inside, "photos");
        for file in ["split.csv", "labels.csv", "skipped.csv"] {
            let text = |out: &str| fs::read_to_string(place.path(out).join(file)).ok();
            assert_eq!(text(&out).map(as_folder), text("run-photos"), "{file} of {dataset}");
        }
        let page = place.text(&format!("{out}/report.html"));
        assert!(page.contains("data:image") && !page.contains("photo not found"), "{dataset}");
        for command in [
            &["predict", model, dataset, "--format", "csv"][..],
            &["similar", "photos/red/1.jpg", "--in", dataset, "--format", "csv"],
        ] {
            let of_folder: Vec<&str> =
                command.iter().map(|word| if *word == dataset { "photos" } else { word }).collect();
            assert_eq!(as_folder(run(command)), run(&of_folder), "{command:?}");
        }
        let extracted = |dataset: &str| {
            run(&["extract", dataset, "--no-cache", "--force", "-o", "features.safetensors"]);
            let bytes = fs::read(place.path("features.safetensors")).unwrap();
            let file = SafeTensors::deserialize(&bytes).unwrap();
            file.tensor("features").unwrap().data().to_vec()
        };
        assert_eq!(extracted(dataset), extracted("photos"));
        let json = |arguments: &[&str]| -> Value { serde_json::from_str(&run(arguments)).unwrap() };
        let evaluated = |dataset| json(&["evaluate", model, dataset, "--json"]);
        let (one, other) = (evaluated(dataset), evaluated("photos"));
        assert_eq!((&one["loss"], &one["confusion"]), (&other["loss"], &other["confusion"]));
        let checked = |dataset| json(&["check", dataset, "--json"])["photos"].clone();
        assert_eq!(checked(dataset), checked("photos"));
        // What a run wrote trains again, and the model knows what it has learned from.
        run(&["train", &format!("{out}/split.csv"), "--out", "again", "--epochs", "3", "--force"]);
        assert_eq!(fs::read(place.path("again/model.safetensors")).unwrap(), same("model.safetensors"));
        let model = format!("{out}/model.safetensors");
        let told = place.icecap(&["evaluate", &model, dataset]).succeeds().stderr;
        assert!(told.contains("the model has learned from"), "{told}");
    }
}

/// The photos of the folder with their classes.
fn photos(place: &Place) -> Vec<(&'static str, PathBuf)> {
    let mut photos = Vec::new();
    for class in ["blue", "red"] {
        let entries = fs::read_dir(place.path("photos").join(class)).unwrap();
        photos.extend(entries.map(|entry| (class, entry.unwrap().path())));
    }
    photos.sort();
    photos
}

/// Writes the photos of the folder into so many shards, each photo with its label beside it.
fn shard(place: &Place, shards: usize, to: &str) {
    let mut archives: Vec<_> = (0..shards).map(|_| tar::Builder::new(Vec::new())).collect();
    for (number, (class, photo)) in photos(place).into_iter().enumerate() {
        let ending = photo.extension().unwrap().to_str().unwrap().to_owned();
        for (ending, bytes) in
            [(ending.as_str(), fs::read(&photo).unwrap()), ("cls", class.as_bytes().to_vec())]
        {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            let name = format!("{number:04}.{ending}");
            archives[number % shards].append_data(&mut header, name, &bytes[..]).unwrap();
        }
    }
    fs::create_dir(place.path(to)).unwrap();
    for (number, archive) in archives.into_iter().enumerate() {
        fs::write(place.path(to).join(format!("{number:03}.tar")), archive.into_inner().unwrap()).unwrap();
    }
}

/// The features of a dataset's photos with their labels, in no order.
fn feature_rows(place: &Place, dataset: &str) -> Vec<Vec<u8>> {
    place.icecap(&["extract", dataset, "--no-cache", "--force", "-o", "features.safetensors"]).succeeds();
    let bytes = fs::read(place.path("features.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (features, labels) = (file.tensor("features").unwrap(), file.tensor("labels").unwrap());
    let width = features.data().len() / (labels.data().len() / 8);
    let rows = features.data().chunks_exact(width).zip(labels.data().chunks_exact(8));
    let mut rows: Vec<Vec<u8>> = rows.map(|(row, label)| [row, label].concat()).collect();
    rows.sort();
    rows
}

/// Writes the photos of the folder into so many tables, the classes mixed.
fn tables(place: &Place, tables: usize, to: &str) {
    let mut photos = photos(place);
    photos.sort_by_key(|(_, photo)| photo.file_name().unwrap().to_owned());
    fs::create_dir(place.path(to)).unwrap();
    for (number, photos) in photos.chunks(photos.len().div_ceil(tables)).enumerate() {
        let row = |(class, photo): &(&str, PathBuf)| {
            let name = photo.file_name().unwrap().to_str().unwrap();
            Row::new(fs::read(photo).unwrap(), name, i64::from(*class == "red"))
        };
        let rows: Vec<Row> = photos.iter().map(row).collect();
        let words = table_writer::classes(&["blue", "red"]);
        let bytes = table_writer::table(USUAL, Some(words), &rows, table_writer::Writing::default());
        fs::write(place.path(to).join(format!("train-{number:05}-of-{tables:05}.parquet")), bytes).unwrap();
    }
}

#[test]
fn tables_of_photos_give_what_their_folder_gives() {
    let place = Place::two_classes();
    tables(&place, 1, "one");
    tables(&place, 3, "three");
    let folder = feature_rows(&place, "photos");
    for dataset in ["one", "three", "three/train-*.parquet", "one/train-00000-of-00001.parquet"] {
        assert_eq!(feature_rows(&place, dataset), folder, "{dataset}");
    }
    // One table has the names of the folder, so also its order, and its split: the same model.
    place.icecap(&["train", "photos", "--out", "run-photos", "--epochs", "2", "--no-report"]).succeeds();
    place.icecap(&["train", "one", "--out", "run", "--epochs", "2"]).succeeds();
    let model = |run: &str| fs::read(place.path(run).join("model.safetensors")).unwrap();
    assert_eq!(model("run"), model("run-photos"));
    let page = place.text("run/report.html");
    assert!(page.contains("data:image") && !page.contains("photo not found"));
    place.icecap(&["train", "three", "--out", "run3", "--epochs", "2", "--no-report"]).succeeds();
    // Shares have all of it, and a part that is complete is left.
    for share in ["1/2", "2/2", "1/2"] {
        let part = format!("part-{}.parquet", &share[..1]);
        place.icecap(&["extract", "three", "--shard", share, "-o", &part]).succeeds();
    }
    place
        .icecap(&[
            "train",
            "--features",
            "part-2.parquet",
            "part-1.parquet",
            "--out",
            "run-parts",
            "--epochs",
            "2",
        ])
        .succeeds();
    assert_eq!(model("run-parts"), model("run3"));
    place.icecap(&["check", "three"]).succeeds();
    let told = place.icecap(&["predict", "run/model.safetensors", "three", "--format", "csv"]).succeeds();
    assert!(told.stdout.contains("three/*.parquet/red/train-00001-of-00003.parquet/"), "{told:?}");
    let (whole, path) = (fs::read(place.path("one/train-00000-of-00001.parquet")).unwrap(), "cut.parquet");
    fs::write(place.path(path), &whole[..whole.len() / 2]).unwrap();
    place.each_fails(&[
        (&["train", path], 3, "cut.parquet: is no Parquet file, or is damaged"),
        (
            &["train", "part-1.parquet"],
            3,
            "part-1.parquet: holds features and no photos; train on them with --features",
        ),
        (&["train", "--features", "one"], 3, "has no column 'embedding'"),
    ]);
}

#[test]
fn shards_are_one_dataset_whose_features_are_those_of_the_folder() {
    let place = Place::two_classes();
    shard(&place, 3, "shards");
    let folder = feature_rows(&place, "photos");
    for dataset in ["shards", "shards/*.tar", "shards/{000..002}.tar"] {
        assert_eq!(feature_rows(&place, dataset), folder, "{dataset}");
    }
    place.icecap(&["train", "shards", "--out", "run", "--epochs", "2"]).succeeds();
    let page = place.text("run/report.html");
    assert!(page.contains("data:image") && !page.contains("photo not found"));
    // What a run wrote trains again.
    place.icecap(&["train", "run/split.csv", "--out", "again", "--epochs", "2", "--no-report"]).succeeds();
    assert_eq!(
        fs::read(place.path("again/model.safetensors")).unwrap(),
        fs::read(place.path("run/model.safetensors")).unwrap()
    );
    let model = "run/model.safetensors";
    let told = place.icecap(&["predict", model, "shards/001.tar", "shards/*.tar/red/000.tar"]).succeeds();
    assert!(
        told.stdout.contains("shards/001.tar/red/") && told.stdout.contains("shards/*.tar/red/000.tar/"),
        "{told:?}"
    );
    for (arguments, code, expected) in [
        (&["train", "shards/{000..003}.tar"][..], 5, "shards/003.tar: no such file or folder"),
        (&["check", "shards/{0.tar"], 3, "a brace in the pattern is not closed"),
    ] {
        let told = place.icecap(arguments).fails(code).to_owned();
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
    let whole = fs::read(place.path("shards/001.tar")).unwrap();
    fs::write(place.path("shards/001.tar"), &whole[..whole.len() / 2]).unwrap();
    let told = place.icecap(&["train", "shards"]).fails(3).to_owned();
    assert!(told.contains("shards/001.tar: byte ") && told.contains("it is cut"), "{told}");
}

#[test]
fn photos_of_an_archive_are_left_out_and_told_of_by_their_paths() {
    let place = Place::two_classes();
    fs::write(place.path("photos/red/broken.jpg"), "no photo").unwrap();
    pack(&place, "photos", "top/", "photos.zip", Writing::default());
    let run = ["train", "photos.zip", "--out", "run", "--epochs", "1", "--no-report"];
    place.icecap(&run).succeeds();
    let skipped = place.text("run/skipped.csv");
    assert!(skipped.lines().any(|line| line.starts_with("top/red/broken.jpg,")), "{skipped}");
    fs::write(place.path("not.txt"), "red/0.png\nphotos.zip/top/blue/1.jpg\ntop/blue/3.jpg\nred/none.png\n")
        .unwrap();
    let excluding =
        |list| [&run[..3], &["run2", "--force", "--epochs", "1", "--no-report", "--exclude", list]].concat();
    let told = place.icecap(&excluding("not.txt")).succeeds().stderr;
    assert!(told.contains("excluded 3 photos by not.txt") && told.contains("'red/none.png'"), "{told}");
    let told = place.icecap(&excluding("run/skipped.csv")).succeeds().stderr;
    assert!(told.contains("excluded 1 photo"), "{told}");
    // More photos in the next archive.
    place.draw("photos/red", "red", 13);
    pack(&place, "photos", "", "more.zip", Writing::default());
    let told =
        place.icecap(&["train", "more.zip", "--since", "run", "--out", "run3", "--no-report"]).succeeds();
    let changes = &place.json("run3/metrics.json")["since"];
    assert_eq!((&changes["new"], &changes["gone"]), (&3.into(), &0.into()), "{told:?}");
}

/// Refuses: lists and folders | a zip file that is cut, encrypted, split, unsafe, or compressed by another method than deflate | the entry, and to unzip it
#[test]
fn what_is_no_good_archive_is_refused_in_a_line() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1", "--no-report"]).succeeds();
    pack(&place, "photos", "", "good.zip", Writing::default());
    let whole = fs::read(place.path("good.zip")).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(place.path(name), bytes).unwrap();
    write("cut.zip", &whole[..whole.len() - 9]);
    write("empty.zip", b"");
    write("none.zip", b"no archive");
    write("bare.zip", &archive(&[], Writing::default()));
    write("renamed.bin", &whole);
    let locked = Packed { flags: 1, ..Packed::new("red/1.jpg", b"x") };
    write("locked.zip", &archive(&[locked], Writing::default()));
    let climbing = Packed::new("../red/1.jpg", b"x");
    write("climbing.zip", &archive(&[climbing], Writing::default()));
    // Of a split archive the last part says that there are others.
    let mut part = whole;
    let end = part.len() - 22;
    part[end + 4] = 1;
    write("part.zip", &part);
    let model = "run/model.safetensors";
    place.each_fails(&[
        (&["train", "cut.zip"], 3, "cut.zip: byte "),
        (&["check", "empty.zip"], 3, "no zip directory stands at the end"),
        (&["predict", model, "none.zip"], 3, "no zip directory stands at the end"),
        (&["train", "bare.zip"], 3, "bare.zip: no class folders"),
        (&["evaluate", model, "locked.zip"], 3, "'red/1.jpg' is encrypted; unzip it"),
        (&["extract", "climbing.zip", "-o", "f.safetensors"], 3, "'../red/1.jpg' leads out of the archive"),
        (&["train", "part.zip"], 3, "part of an archive is missing"),
        (&["train", "renamed.bin"], 5, "or an archive of them whose name ends in .zip, .tar or .parquet"),
        (&["train", "missing.zip"], 5, "missing.zip: no such file or folder"),
        (&["train", "good.zip/rde"], 5, "good.zip/rde: no such file or folder; did you mean good.zip/red?"),
    ]);
}
