//! Tables of features: written, and read back by our own reader and by that of Arrow.
#![cfg(feature = "parquet")]
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use arrow_schema::{DataType, Field};
use icecap::advanced::foundation::Digest;
use icecap::advanced::kernels::Shape;
use icecap_records::{Description, Error, FeatureFile, FeatureRow, Format, RowHead, begin};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use tempfile::TempDir;

/// A photo of each kind: with a class or none, with features or an error.
fn photo(number: usize, len: usize) -> (RowHead, Vec<f32>) {
    let is_broken = number % 5 == 3;
    let head = RowHead {
        path: format!("photos/{number}, \"ä\".jpg"),
        label: (!number.is_multiple_of(3)).then(|| ["ants", "bees"][number % 2].to_owned()),
        sha256: (!is_broken).then_some(Digest([number as u8; 32])),
        error: is_broken.then(|| format!("is broken {number}")),
    };
    let features = (0..len).map(|at| (number * len + at) as f32 / 7.0).collect();
    (head, if is_broken { Vec::new() } else { features })
}

fn description(len: usize) -> Description {
    let metadata = [("params_sha256", "1234"), ("classes", r#"["ants","bees"]"#)];
    let metadata: BTreeMap<String, String> =
        metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Description { metadata, classes: vec!["ants".to_owned(), "bees".to_owned()], row: Shape::of([len]) }
}

/// The bytes of a table of so many photos.
fn table(photos: usize, len: usize) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut file = begin(Format::Parquet, &mut bytes, description(len), &[]).unwrap();
    for (head, features) in (0..photos).map(|number| photo(number, len)) {
        let row = FeatureRow {
            path: &head.path,
            class: head.label.as_ref().map(|label| usize::from(label == "bees")),
            sha256: head.sha256,
            sides: head.sha256.map(|_| [640, 480]),
            features: match &head.error {
                None => Ok(&features),
                Some(error) => Err(error),
            },
        };
        file.push(&row).unwrap();
    }
    file.finish().unwrap();
    bytes.into_inner()
}

fn placed(bytes: &[u8]) -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("features.parquet");
    std::fs::write(&path, bytes).unwrap();
    (place, path)
}

/// Reads all of a file.
fn read(path: &Path) -> Result<(Vec<RowHead>, Vec<Vec<f32>>), Error> {
    let file = FeatureFile::open(path)?;
    let mut rows = vec![Vec::new(); file.heads().len()];
    file.each(&mut |row, features| {
        rows[row] = features.to_vec();
        Ok(())
    })?;
    Ok((file.heads().to_vec(), rows))
}

#[test]
fn rows_come_back_as_they_were_written() {
    // The last of them are more than a group of 64 MiB.
    for (photos, len) in [(0, 5), (1, 1), (7, 1280), (1000, 3), (400, 70_000)] {
        let (_place, path) = placed(&table(photos, len));
        let file = FeatureFile::open(&path).unwrap();
        assert_eq!(file.metadata(), &description(len).metadata);
        assert_eq!(file.classes().unwrap(), ["ants", "bees"]);
        assert_eq!(file.row_len(), (photos > 0).then_some(len));
        let groups = parquet::file::serialized_reader::SerializedFileReader::new(File::open(&path).unwrap());
        use parquet::file::reader::FileReader;
        assert_eq!(groups.unwrap().num_row_groups(), if len == 70_000 { 2 } else { usize::from(photos > 0) });
        let (heads, rows) = read(&path).unwrap();
        let (expected, features): (Vec<RowHead>, Vec<Vec<f32>>) =
            (0..photos).map(|number| photo(number, len)).unzip();
        assert!(heads == expected && rows == features, "{photos} of {len}");
    }
}

#[test]
fn columns_are_of_the_types_that_are_promised() {
    let (_place, path) = placed(&table(10, 6));
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
    let label = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let element = Field::new("element", DataType::Float32, true);
    let fields: Vec<(String, DataType, bool)> = reader
        .schema()
        .fields()
        .iter()
        .map(|field| (field.name().clone(), field.data_type().clone(), field.is_nullable()))
        .collect();
    let expected = [
        ("path", DataType::Utf8, false),
        ("label", label, true),
        ("sha256", DataType::FixedSizeBinary(32), true),
        ("width", DataType::UInt32, true),
        ("height", DataType::UInt32, true),
        ("embedding", DataType::FixedSizeList(element.into(), 6), true),
        ("error", DataType::Utf8, true),
    ];
    assert_eq!(fields, expected.map(|(name, kind, nullable)| (name.to_owned(), kind, nullable)));
    assert_eq!(reader.schema().metadata()["params_sha256"], "1234");
    let columns = reader.metadata().row_group(0).columns();
    assert!(columns.iter().all(|column| matches!(column.compression(), Compression::ZSTD(_))));
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 10);
    let nulls: Vec<usize> = batches[0].columns().iter().map(|column| column.null_count()).collect();
    // Two photos are broken; four have no class.
    assert_eq!(nulls, [0, 4, 2, 2, 2, 2, 8]);
}

/// Whatever is wrong with a file, it is an error or the rows that were written.
#[test]
fn a_damaged_file_is_refused() {
    let whole = table(40, 30);
    let (_place, path) = placed(&whole);
    let truth = read(&path).unwrap();
    for length in (0..whole.len()).step_by(97) {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(read(&path), Err(Error::Content { .. })), "{length} bytes");
    }
    let mut refused = 0;
    for at in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&path, &bytes).unwrap();
        let read = std::panic::catch_unwind(|| read(&path));
        match read.unwrap_or_else(|_| panic!("panics on byte {at}")) {
            Err(_) => refused += 1,
            Ok((heads, _)) => assert_eq!(heads.len(), truth.0.len(), "byte {at}"),
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn what_is_no_table_of_features_is_refused_by_what_it_lacks() {
    let place = tempfile::tempdir().unwrap();
    let said = |name: &str, bytes: &[u8]| {
        let path = place.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        FeatureFile::open(&path).map(|_| ()).unwrap_err().to_string()
    };
    assert!(said("a.parquet", b"no table").contains("is no Parquet file"));
    assert!(said("a.csv", b"path\n").contains("is read as .parquet or .safetensors alone"));
    assert!(said("a.safetensors", b"no tensors").contains("is no safetensors file"));
    let missing = FeatureFile::open(&place.path().join("missing.parquet")).map(|_| ()).unwrap_err();
    assert!(matches!(missing, Error::Io { .. }));
}
