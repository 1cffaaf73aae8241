//! Tensors of features that are not as they should be.
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

use std::collections::BTreeMap;
use std::io::Cursor;

use icecap::advanced::kernels::Shape;
use icecap_records::{Description, Error, FeatureFile, FeatureRow, Format, begin};

fn tensors(photos: usize) -> Vec<u8> {
    let metadata = BTreeMap::from([("classes".to_owned(), r#"["a","b"]"#.to_owned())]);
    let description =
        Description { metadata, classes: vec!["a".to_owned(), "b".to_owned()], row: Shape::of([3]) };
    let paths: Vec<String> = (0..photos).map(|number| format!("photo {number}")).collect();
    let mut bytes = Cursor::new(Vec::new());
    let mut file = begin(Format::Safetensors, &mut bytes, description, &paths).unwrap();
    for (number, path) in paths.iter().enumerate() {
        let values = [number as f32; 3];
        let class = (number > 0).then_some(number % 2);
        file.push(&FeatureRow { path, class, sha256: None, sides: None, features: Ok(&values) }).unwrap();
    }
    file.finish().unwrap();
    bytes.into_inner()
}

/// Whatever is wrong with a file, it is an error or as many rows as were written.
#[test]
fn a_damaged_file_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("f.safetensors");
    let read = |bytes: &[u8]| -> Result<usize, Error> {
        std::fs::write(&path, bytes).unwrap();
        let file = FeatureFile::open(&path)?;
        let mut rows = 0;
        file.each(&mut |row, features| {
            assert_eq!((row, features.len()), (rows, 3));
            rows += 1;
            Ok(())
        })?;
        Ok(rows)
    };
    for photos in [0, 4] {
        let whole = tensors(photos);
        assert_eq!(read(&whole).unwrap(), photos);
        for length in (0..whole.len()).step_by(7) {
            assert!(matches!(read(&whole[..length]), Err(Error::Content { .. })), "{length} bytes");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            if let Ok(rows) = read(&bytes) {
                assert_eq!(rows, photos, "byte {at}");
            }
        }
    }
}
