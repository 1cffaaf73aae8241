//! Parquet files with photos in them, in the place of folders, alone and as the shards of a dataset.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use icecap_data::{
    ErrorKind, Loader, SkipReason, file_length, is_file, is_folder, scan, scan_photos, survey,
};
use parquet::basic::{Compression, ZstdLevel};
use proptest::prelude::*;

use crate::table_writer::{Row, USUAL, Writing, classes, table};
use crate::{loader, write_below as write};

/// The hash of the content of every photo in and below `folder`, by its name there; what is wrong with those that have none.
fn contents(folder: &Path) -> BTreeMap<String, Result<String, String>> {
    let mut loader = loader();
    let photos = scan_photos(folder).unwrap().0.into_iter();
    let name = |path: &Path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
    let hash = |loader: &mut Loader, path: &Path| {
        loader.open(path).map(|photo| photo.sha256().to_string()).map_err(|error| error.reason())
    };
    photos.map(|path| (name(&path), hash(&mut loader, &path))).collect()
}

fn settings() -> impl Strategy<Value = Writing> {
    let compressions =
        [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default())];
    let compression = proptest::sample::select(compressions.to_vec());
    (1usize..9, 1usize..5, compression, any::<bool>(), any::<bool>()).prop_map(
        |(group, page, compression, dictionary, second_version)| Writing {
            group,
            page,
            compression,
            dictionary,
            second_version,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Opens: lists and folders | Parquet with photos in it, as of Hugging Face's datasets: `image` of `bytes` and `path`, `label` | in place, page by page; uncompressed, Snappy or zstd; classes are called as the file names them
    #[test]
    fn a_table_is_what_the_folder_of_its_photos_is(
        rows in proptest::collection::vec((
            proptest::option::weighted(0.9, proptest::collection::vec(any::<u8>(), 1..1500)),
            proptest::option::weighted(0.9, "[ab]{1,2}[.]jpg"),
            proptest::option::weighted(0.9, -1i64..3),
        ), 1..24),
        how in settings(),
        backwards in any::<bool>(),
    ) {
        let place = tempfile::tempdir().unwrap();
        let names = ["ant", "bee", "wasp"];
        let rows: Vec<Row> =
            rows.into_iter().map(|(bytes, path, label)| Row { bytes, path, label }).collect();
        let path = write(place.path(), "x.parquet", table(USUAL, Some(classes(&names)), &rows, how));
        if rows.iter().all(|row| row.bytes.is_none()) {
            let error = scan_photos(&path).unwrap_err().to_string();
            prop_assert!(error.contains("has the paths of photos and not their bytes"), "{}", error);
            return Ok(());
        }
        let found = scan_photos(&path).unwrap().0;
        prop_assert_eq!(found.len(), rows.len());
        let label = |row: &Row| row.label.and_then(|label| names.get(usize::try_from(label).ok()?));
        let plain: Option<Vec<String>> = rows.iter().map(|row| {
            let base = row.path.clone()?;
            Some(label(row).map_or(base.clone(), |label| format!("{label}/{base}")))
        }).collect();
        let alike = plain.as_ref().is_none_or(|names| {
            let different: std::collections::HashSet<_> = names.iter().collect();
            different.len() < names.len()
        });
        let mut loader = loader();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        if backwards {
            order.reverse();
        }
        for at in order {
            let row = &rows[at];
            let base = row.path.clone();
            let name = match (alike, base) {
                (false, base) => base.unwrap_or_default(),
                (true, Some(base)) => format!("{at}-{base}"),
                (true, None) => format!("row-{at}"),
            };
            let photo = path.join(label(row).copied().unwrap_or_default()).join(name);
            prop_assert!(is_file(&photo) && found.contains(&photo), "{:?} {:?}", photo, found);
            match &row.bytes {
                Some(bytes) => {
                    prop_assert_eq!(loader.open(&photo).unwrap().sha256(), icecap_data::Digest::of(bytes));
                    prop_assert_eq!(file_length(&photo), Some(bytes.len() as u64));
                }
                None => {
                    let error = loader.open(&photo).err().unwrap();
                    prop_assert_eq!(error.kind(), ErrorKind::Content);
                    let said = format!("row {at} has no photo in it");
                    prop_assert!(error.to_string().contains(&said), "{}", error);
                }
            }
        }
    }
}

/// Photos of three classes, of which the last has no name of its own in files without words.
fn rows(numbers: std::ops::Range<usize>) -> Vec<Row> {
    let row = |number: usize| {
        let content = format!("content of photo {number} ").repeat(number % 50 + 1);
        Row::new(content, &format!("{number:06}.jpg"), number as i64 % 3)
    };
    numbers.map(row).collect()
}

/// The same photos in class folders.
fn unpacked(root: &Path, numbers: std::ops::Range<usize>) {
    for row in rows(numbers) {
        let class = ["ant", "bee", "wasp"][row.label.unwrap() as usize];
        write(root, &format!("{class}/{}", row.path.unwrap()), row.bytes.unwrap());
    }
}

/// Opens: lists and folders | a folder of Parquet files with photos, or a pattern, `'data/train-*.parquet'` | all of them are one dataset; names that begin with `train`, `val`, `test` are parts; files of features among them are passed over
#[test]
fn tables_are_one_dataset_and_its_parts() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    unpacked(&root.join("folder/train"), 0..24);
    unpacked(&root.join("folder/test"), 24..36);
    let of =
        |numbers| table(USUAL, Some(classes(&["ant", "bee", "wasp"])), &rows(numbers), Writing::default());
    write(root, "data/train-00000-of-00002.parquet", of(0..10));
    write(root, "data/train-00001-of-00002.parquet", of(10..24));
    write(root, "data/test-00000-of-00001.parquet", of(24..36));
    let features = "message m { optional binary path (UTF8); }";
    let other = features.replace("path", "a").replace("}", "optional binary b (UTF8); }");
    write(root, "data/train-features.parquet", table(&other, None, &rows(0..3), Writing::default()));
    write(root, "data/README.md", "about");
    let (one, other) = (scan(&root.join("data"), None).unwrap(), scan(&root.join("folder"), None).unwrap());
    assert_eq!(one.classes, other.classes);
    let hashes = |samples: &[icecap_data::Sample]| -> Vec<(usize, String)> {
        let mut loader = loader();
        let hash = |sample: &icecap_data::Sample| {
            (sample.class, loader.open(&sample.path).unwrap().sha256().to_string())
        };
        samples.iter().map(hash).collect()
    };
    // In the same order, too.
    assert_eq!(hashes(&one.train), hashes(&other.train));
    assert_eq!(hashes(one.test.as_ref().unwrap()), hashes(other.test.as_ref().unwrap()));
    let train = root.join("data/train*.parquet");
    assert_eq!(one.train[0].path, train.join("ant/train-00000-of-00002.parquet/000000.jpg"));
    assert_eq!(survey(&root.join("data"), None).unwrap().photos.len(), 36);
    assert_eq!(scan_photos(&root.join("data")).unwrap().0.len(), 36);
    let named = scan(&root.join("data/train-{00000..00001}-of-00002.parquet"), None).unwrap();
    assert_eq!(hashes(&named.train), hashes(&other.train));
    // A shard that is refused is not passed over.
    let dated = USUAL.replace("int64 label", "int64 label (TIMESTAMP_MILLIS)");
    write(root, "mixed/a.parquet", of(0..3));
    write(root, "mixed/b.parquet", table(&dated, None, &rows(3..6), Writing::default()));
    for path in [root.join("mixed"), root.join("mixed/*.parquet")] {
        let error = scan(&path, None).unwrap_err().to_string();
        assert!(error.contains("b.parquet: has labels in its column 'label'"), "{error}");
    }
    // A table of something else in a folder of photos is a file like any other.
    write(root, "loose/1.jpg", "1");
    write(root, "loose/features.parquet", fs::read(root.join("data/train-features.parquet")).unwrap());
    let (found, skipped) = scan_photos(&root.join("loose")).unwrap();
    assert_eq!(found, [root.join("loose/1.jpg")]);
    assert!(skipped.iter().any(|file| file.reason == SkipReason::Foreign("parquet".to_owned())));
    write(root, "data/000.tar", [0; 1024]);
    let error = scan(&root.join("data"), None).unwrap_err().to_string();
    assert!(error.contains("two kinds"), "{error}");
}

#[test]
fn columns_are_found_by_what_the_file_says_or_what_they_hold() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    let names = |path: &Path| contents(path).into_keys().collect::<Vec<_>>().join(" ");
    let (rows, how) = (rows(0..4), Writing::default());
    let of = |schema: &str, words: Option<String>| write(root, "x.parquet", table(schema, words, &rows, how));
    // Numbers without names are the classes.
    assert_eq!(names(&of(USUAL, None)), "0/000000.jpg 0/000003.jpg 1/000001.jpg 2/000002.jpg");
    // As Spark reads folders.
    let spark = "message m { optional binary content; optional binary path (UTF8); }";
    assert_eq!(names(&of(spark, None)), "000000.jpg 000001.jpg 000002.jpg 000003.jpg");
    let other = USUAL.replace("image", "img").replace("label", "fine_label");
    let words =
        classes(&["c", "a", "b"]).replace("\"image\"", "\"img\"").replace("\"label\"", "\"fine_label\"");
    assert_eq!(names(&of(&other, Some(words))), "a/000001.jpg b/000002.jpg c/000000.jpg c/000003.jpg");
    // Numbers without a sign stay what they are.
    let unsigned = USUAL.replace("int64 label", "int64 label (UINT_64)");
    let mut odd = rows.clone();
    odd[0].label = Some(-1);
    let path = write(root, "odd.parquet", table(&unsigned, None, &odd, how));
    let error = scan(&path, None).unwrap_err().to_string();
    assert!(error.contains("a number above 9223372036854775807"), "{error}");
    // A label that is told for none is none.
    assert_eq!(names(&of(&other, None)), "000000.jpg 000001.jpg 000002.jpg 000003.jpg");
    let scanned = |schema: &str, words: Option<String>| scan(&of(schema, words), None).unwrap_err();
    for (schema, words, said) in [
        (USUAL.to_owned(), Some(classes(&["a", "b"])), "row 2 has the label 2, and the file names 2 classes"),
        (USUAL.to_owned(), Some(classes(&["a", "b", "a"])), "names the class 'a' twice"),
        (USUAL.to_owned(), Some(classes(&["a", "b/c", "d"])), "row 1 has the label 'b/c', which cannot be"),
        (
            "message m { optional binary one; optional binary two; optional int64 label; }".to_owned(),
            None,
            "several columns of photos, 'one' and 'two'",
        ),
        (
            "message m { optional binary path (UTF8); optional binary b (UTF8); }".to_owned(),
            None,
            "no column of photos",
        ),
        (
            "message m { optional binary b; optional binary p (UTF8); optional int64 label (TIMESTAMP_MILLIS); }"
                .to_owned(),
            None,
            "labels in its column 'label' that are neither text nor whole numbers",
        ),
    ] {
        let error = scanned(&schema, words);
        assert!(error.kind() == ErrorKind::Content && error.to_string().contains(said), "{said}: {error}");
    }
}

/// As `to_parquet` of Hugging Face's datasets writes a folder.
#[test]
fn paths_without_photos_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let rows: Vec<Row> = rows(0..4).into_iter().map(|row| Row { bytes: None, ..row }).collect();
    let bytes = table(USUAL, None, &rows, Writing::default());
    write(place.path(), "data/train-00000-of-00001.parquet", &bytes);
    for path in [place.path().join("data"), write(place.path(), "x.parquet", &bytes)] {
        let error = scan(&path, None).unwrap_err();
        assert!(error.to_string().contains("has the paths of photos and not their bytes"), "{error}");
    }
}

#[test]
fn a_damaged_table_is_refused_or_loses_the_photos_it_hits() {
    let place = tempfile::tempdir().unwrap();
    for compression in
        [Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default()), Compression::UNCOMPRESSED]
    {
        let how = Writing { compression, dictionary: true, ..Writing::default() };
        let whole = table(USUAL, Some(classes(&["ant", "bee", "wasp"])), &rows(0..12), how);
        let path = write(place.path(), "x.parquet", &whole);
        let right = contents(&path);
        assert_eq!(right.len(), 12);
        // Whatever is cut lacks what stands at the end.
        for cut in (0..whole.len()).step_by(whole.len() / 200 + 1) {
            let path = write(place.path(), "cut.parquet", &whole[..cut]);
            let error = scan_photos(&path).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Content | ErrorKind::Limit), "{cut}: {error}");
            fs::remove_file(path).unwrap();
        }
        let (mut refused, mut told) = (0, 0);
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            let path = write(place.path(), "flipped.parquet", &bytes);
            match scan_photos(&path) {
                Err(_) => refused += 1,
                Ok(_) => told += contents(&path).values().filter(|photo| photo.is_err()).count(),
            }
            fs::remove_file(path).unwrap();
        }
        assert!(refused > 0 && told > 0, "{refused} {told}");
    }
    let path = write(place.path(), "photos.parquet", b"PAR1 and no more of it");
    assert!(is_folder(&path));
    let error = scan(&path, None).unwrap_err().to_string();
    assert!(error.contains("photos.parquet: is no Parquet file"), "{error}");
}
