//! A model opened over a packed backbone from the store: the same answers to the bit, without reading its own; and what
//! is wrong with the store changes nothing.

use std::path::Path;

use icecap::advanced::weights::{PackStore, PackedName};
use icecap::model::{Head, Precision, Preprocessing, Provenance};
use icecap::{Backbone, Classifier, SaveBackbone, Settings, TrainOptions};
use safetensors::SafeTensors;

fn model(path: &Path) -> Classifier {
    model_in(Precision::F32, path)
}

fn model_in(precision: Precision, path: &Path) -> Classifier {
    let backbone = Backbone::starter(Settings::threads(1).in_precision(precision)).unwrap();
    let head = Head::untrained(backbone.features(), 3, 7).unwrap();
    let names = ["a", "b", "c"].map(str::to_owned).to_vec();
    let preprocessing = Preprocessing::for_training(&backbone).unwrap();
    let provenance = Provenance {
        classes: names,
        data_fingerprint: "drawn".to_owned(),
        training: TrainOptions::default().metadata(),
    };
    let classifier = Classifier::from_head(&backbone, preprocessing, head, provenance).unwrap();
    classifier.save(path, SaveBackbone::Embedded).unwrap();
    classifier
}

fn photo() -> Vec<u8> {
    let image =
        image::RgbImage::from_fn(80, 60, |x, y| image::Rgb([(x * 3) as u8, (y * 4) as u8, (x * y) as u8]));
    let mut png = std::io::Cursor::new(Vec::new());
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

fn bits(classifier: &Classifier) -> Vec<u32> {
    let prediction = classifier.predict_bytes(&photo()).unwrap();
    prediction.logits.iter().chain(&prediction.probabilities).map(|value| value.to_bits()).collect()
}

#[test]
fn a_packed_backbone_gives_the_same_answers_and_the_same_model_file() {
    for precision in Precision::ALL {
        same_answers_and_same_file(precision);
    }
}

fn same_answers_and_same_file(precision: Precision) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let trained = model_in(precision, &path);
    let store = PackStore::new(folder.path());
    let pack = store.path(PackedName { precision, sha256: trained.backbone().net_sha256() });
    let open =
        || Classifier::builder().settings(Settings::threads(2)).pack_store(&store).open(&path).unwrap();
    let expected = bits(&trained);

    assert_eq!(bits(&open()), expected);
    let kept = std::fs::read(&pack).unwrap();
    let packed = open();
    assert_eq!(bits(&packed), expected);
    assert_eq!(packed.backbone().record(), trained.backbone().record());
    assert_eq!(packed.quantization(), trained.quantization());
    assert_eq!(packed.backbone().net_sha256(), trained.backbone().net_sha256());
    let integers = |classifier: &Classifier| classifier.backbone().integers().unwrap();
    assert_eq!(integers(&packed), integers(&trained));
    for asked in Precision::ALL {
        let settings = Settings::threads(1).in_precision(asked);
        let opened = Classifier::builder().settings(settings).pack_store(&store).open(&path);
        assert_eq!(opened.is_ok(), asked == precision, "{asked} of a model in {precision}");
    }
    // Saved again, the backbone is read from the model's own file.
    let saved = packed.to_bytes(SaveBackbone::Embedded).unwrap();
    assert_eq!(saved, std::fs::read(&path).unwrap());

    // A damaged pack is not believed, and replaced.
    let mut damaged = kept.clone();
    *damaged.last_mut().unwrap() ^= 1;
    damaged[5000] ^= 0xff;
    std::fs::write(&pack, &damaged).unwrap();
    assert_eq!(bits(&open()), expected);
    assert_eq!(std::fs::read(&pack).unwrap(), kept);

    // A store that cannot be written is as good as none.
    let nowhere = PackStore::new(&path.join("no folder"));
    assert_eq!(
        bits(&Classifier::builder().settings(Settings::threads(1)).pack_store(&nowhere).open(&path).unwrap()),
        expected
    );
}

#[test]
fn a_net_is_kept_once_and_anew_where_its_pack_is_torn() {
    let folder = tempfile::tempdir().unwrap();
    let backbone = Backbone::starter(Settings::threads(1)).unwrap();
    let store = PackStore::new(folder.path());
    let pack = backbone.keep_packed(&store).unwrap();
    let whole = std::fs::read(&pack).unwrap();
    let written = std::fs::metadata(&pack).unwrap().modified().unwrap();
    assert_eq!(backbone.keep_packed(&store).unwrap(), pack);
    assert_eq!(
        std::fs::metadata(&pack).unwrap().modified().unwrap(),
        written,
        "a whole one is left as it is"
    );
    let mut flipped = whole.clone();
    flipped[5000] ^= 0x10;
    for torn in [&[][..], &whole[..100], &whole[..whole.len() / 2], &flipped] {
        std::fs::write(&pack, torn).unwrap();
        assert_eq!(backbone.keep_packed(&store).unwrap(), pack);
        assert_eq!(std::fs::read(&pack).unwrap(), whole, "{} bytes", torn.len());
    }
}

#[test]
fn a_model_whose_file_changed_is_not_saved_with_another_backbone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let trained = model(&path);
    let store = PackStore::new(folder.path());
    trained.backbone().keep_packed(&store).unwrap();
    let packed = Classifier::builder().settings(Settings::threads(1)).pack_store(&store).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(packed.to_bytes(SaveBackbone::Embedded).is_err());
    assert_eq!(bits(&packed), bits(&trained));
}

#[test]
fn a_model_without_its_backbone_still_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let trained = model(&path);
    let store = PackStore::new(folder.path());
    trained.backbone().keep_packed(&store).unwrap();
    trained.save(&path, SaveBackbone::Pinned).unwrap();
    let error =
        Classifier::builder().settings(Settings::threads(1)).pack_store(&store).open(&path).unwrap_err();
    assert!(matches!(error, icecap::Error::NeedsBackbone { .. }), "{error}");
}

/// A model's file as older versions wrote it: without a checksum of its values, whose key is made another one.
fn unsealed(model: &[u8]) -> Vec<u8> {
    let (key, other) = (b"values_crc32", b"values_crc_x");
    let at = model.windows(key.len()).position(|bytes| bytes == key).unwrap();
    let mut older = model.to_vec();
    older[at..at + key.len()].copy_from_slice(other);
    older
}

/// A model's file with every byte of its backbone's tensors turned over; names, shapes, the record and the head stay.
fn without_backbone(model: &[u8]) -> Vec<u8> {
    let (header, metadata) = SafeTensors::read_metadata(model).unwrap();
    let mut damaged = model.to_vec();
    let (mut turned, mut kept) = (0, 0);
    for (name, tensor) in metadata.tensors() {
        let (start, end) = tensor.data_offsets;
        if name.starts_with("head/") {
            kept += 1;
        } else {
            // The length of the header stands before it, in eight bytes.
            damaged[8 + header + start..8 + header + end].iter_mut().for_each(|byte| *byte ^= 0xff);
            turned += end - start;
        }
    }
    assert!(kept == 2 && turned > model.len() * 9 / 10, "{kept} tensors kept, {turned} bytes turned");
    damaged
}

/// Why it opens sooner: the backbone in the model's file is not decoded, hashed or packed. Its bytes are compared with the
/// checksum that the file states, if it states one.
#[test]
fn a_packed_model_opens_without_the_backbone_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let trained = model(&path);
    let store = PackStore::new(folder.path());
    let open = || Classifier::builder().settings(Settings::threads(1)).pack_store(&store).open(&path);
    let damaged = without_backbone(&std::fs::read(&path).unwrap());
    std::fs::write(&path, &damaged).unwrap();
    open().expect_err("no pack, and a backbone that is none");
    trained.backbone().keep_packed(&store).unwrap();
    let error = open().unwrap_err().to_string();
    assert!(error.contains("values_crc32") && error.contains("damaged"), "{error}");
    std::fs::write(&path, unsealed(&damaged)).unwrap();
    assert_eq!(bits(&open().unwrap()), bits(&trained));
    Classifier::builder().settings(Settings::threads(1)).open(&path).expect_err("a backbone that is none");
}
