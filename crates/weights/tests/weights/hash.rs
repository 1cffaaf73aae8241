//! `params_sha256` follows the net and nothing else.

use icecap_graph::{Net, Numerics, Padding, Params, Precision, Scaling};
use icecap_kernels::Threads;
use icecap_weights::{Digest, Error, Layout, Opened, from_bytes, open_bytes, params_digest};

use crate::net;

fn of(bytes: &[u8]) -> Digest {
    from_bytes(bytes, "file").unwrap().record.params_sha256
}

#[test]
fn container_order_alignment_metadata_and_top_do_not_matter() {
    let tensors = net::tensors(&net::tiny(), None);
    let plain = net::file(&net::texts(&[]), &tensors);
    let expected = of(&plain);
    // Pinned: were it another, every cache and every head-only model in the world would miss its backbone.
    assert_eq!(expected.to_string(), "f191c95ffb949c72ac0be6e378c91dc79f7e20975af6716ffaf9962e73f330f9");

    let reversed = net::file(&net::texts(&[("name", "other"), ("size", "96x128")]), tensors.iter().rev());
    assert_eq!(of(&reversed), expected);
    let with_top = net::file(&net::texts(&[]), &net::tensors(&net::tiny(), Some(10)));
    let opened = from_bytes(&with_top, "file").unwrap();
    assert_eq!(opened.params.classes(), Some(10));
    assert_eq!(opened.record.params_sha256, expected);
    assert_ne!(opened.record.file_sha256, from_bytes(&plain, "file").unwrap().record.file_sha256);

    for spaces in 1..8 {
        let length = u64::from_le_bytes(plain[..8].try_into().unwrap());
        let mut shifted = (length + spaces).to_le_bytes().to_vec();
        shifted.extend_from_slice(&plain[8..8 + length as usize]);
        shifted.extend(std::iter::repeat_n(b' ', spaces as usize));
        shifted.extend_from_slice(&plain[8 + length as usize..]);
        assert_eq!(of(&shifted), expected, "data at {spaces} bytes past a multiple of 8");
    }
}

#[test]
fn threads_change_nothing_and_the_packed_net_is_that_of_the_params() {
    let tensors = net::tensors(&net::tiny(), Some(10));
    let file = |stated: &str| net::file(&net::texts(&[("params_sha256", stated)]), &tensors);
    let alone = from_bytes(&net::file(&net::texts(&[]), &tensors), "file").unwrap();
    let right = file(&alone.record.params_sha256.to_string());
    let wrong = file(&Digest::of(b"another net").to_string());
    let packed = |net: &Net| -> Vec<Vec<f32>> { net.packed_values().unwrap().map(<[f32]>::to_vec).collect() };
    let expected = packed(&Net::new(&alone.params));
    let mut bad = right.clone();
    // The net's last value: behind it stands the top, whose values are no part of the net.
    let end = right.len() - size_of::<f32>() * (9 * 10 + 10);
    bad.splice(end - size_of::<f32>()..end, f32::NAN.to_le_bytes());
    for count in [1, 2, 3] {
        let threads = Threads::new(count).unwrap();
        let values = |params: &Params| -> Vec<Vec<f32>> {
            params.tensors().map(|(_, tensor)| tensor.data().to_vec()).collect()
        };
        let Opened { weights, net } = open_bytes(&right, "file", Precision::F32, &threads).unwrap();
        assert_eq!(weights.record.params_sha256, alone.record.params_sha256);
        assert_eq!(weights.record.file_sha256, Digest::of(&right));
        assert_eq!(values(&weights.params), values(&alone.params));
        assert_eq!((packed(&net), net.classes()), (expected.clone(), Some(10)));
        assert_eq!(packed(&from_bytes(&right, "file").unwrap().pack(Precision::F32).unwrap().net), expected);
        let error = open_bytes(&wrong, "file", Precision::F32, &threads).unwrap_err();
        assert!(matches!(&error, Error::Metadata { key, .. } if key == "params_sha256"), "{error}");
        let error = open_bytes(&bad, "file", Precision::F32, &threads).unwrap_err();
        assert!(matches!(error, Error::Net { .. }), "{error}");
    }
}

#[test]
fn every_value_and_every_number_matters() {
    let spec = net::tiny();
    let tensors = net::tensors(&spec, None);
    let mut seen = std::collections::BTreeSet::from([params_digest(&net::params(&spec))]);
    let mut fresh = |params: &Params| assert!(seen.insert(params_digest(params)));
    for name in tensors.keys() {
        let mut changed = tensors.clone();
        let last = changed.get_mut(name).unwrap().data_mut().last_mut().unwrap();
        *last = f32::from_bits(last.to_bits() ^ 1);
        fresh(&Params::new(spec.clone(), Numerics::KERAS, changed).unwrap());
    }
    let keras = Numerics::KERAS;
    for numerics in [
        Numerics { epsilon: 1e-5, ..keras },
        Numerics { padding: Padding::Symmetric, ..keras },
        Numerics { scaling: Scaling::mean_std([0.485; 3], [0.229; 3]), ..keras },
        Numerics { scaling: Scaling { shift: [-1.0, -1.0, 1.0], ..Scaling::SIGNED }, ..keras },
    ] {
        fresh(&Params::new(spec.clone(), numerics, tensors.clone()).unwrap());
    }
}

#[test]
fn metadata_changes_the_numbers_and_so_the_hash() {
    let tensors = net::tensors(&net::tiny(), None);
    let plain = of(&net::file(&net::texts(&[]), &tensors));
    let stated = net::texts(&[("bn_epsilon", "0.001"), ("padding", "same"), ("scaling", "-1..1")]);
    assert_eq!(of(&net::file(&stated, &tensors)), plain);
    for (key, value) in [
        ("bn_epsilon", "0.00001"),
        ("padding", "symmetric"),
        ("scaling", "mean 0.485,0.456,0.406 std 0.229,0.224,0.225"),
    ] {
        assert_ne!(of(&net::file(&net::texts(&[(key, value)]), &tensors)), plain, "{key}");
    }
}

#[test]
fn a_record_comes_from_metadata_else_from_the_layout() {
    let tensors = net::tensors(&net::tiny(), None);
    let record = from_bytes(&net::file(&net::texts(&[]), &tensors), "file").unwrap().record;
    assert_eq!((record.layout, record.numerics), (Layout::Keras, Numerics::KERAS));
    assert_eq!((record.name.clone(), record.size, record.width), (None, None, None));
    assert_eq!(
        (record.train_size(), record.classify_size(), record.resize_rule()),
        ([160; 2], [224; 2], "squash")
    );

    let stated = net::texts(&[
        ("name", "mine"),
        ("licence", "MIT"),
        ("size", "96x128"),
        ("resize", "center-crop 0.9"),
        ("else", "x"),
    ]);
    let opened = from_bytes(&net::file(&stated, &tensors), "file").unwrap();
    let record = &opened.record;
    assert_eq!((record.name.as_deref(), record.licence.as_deref()), (Some("mine"), Some("MIT")));
    assert_eq!(
        (record.train_size(), record.classify_size(), record.resize_rule()),
        ([96, 128], [96, 128], "center-crop 0.9")
    );

    let again = from_bytes(&net::file(&record.to_metadata(), &tensors), "file").unwrap().record;
    assert_eq!(again, icecap_weights::Record { file_sha256: again.file_sha256, ..record.clone() });
}

#[test]
fn a_bad_or_untrue_metadata_value_is_named_with_its_key() {
    let tensors = net::tensors(&net::tiny(), None);
    let long = "9".repeat(5000);
    for (key, value) in [
        ("size", "huge"),
        ("size", &long),
        ("width", "0.35"),
        ("width", "wide"),
        ("bn_epsilon", "-0.001"),
        ("padding", "valid"),
        ("scaling", "0..2"),
        ("layout", "caffe"),
        ("name", "two\nlines"),
        ("licence", ""),
        ("resize", "\u{7}"),
        ("params_sha256", "00"),
        ("params_sha256", &"0".repeat(64)),
    ] {
        let error = from_bytes(&net::file(&net::texts(&[(key, value)]), &tensors), "photos.net").unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("photos.net: metadata '{key}' is '")), "{text}");
        assert!(text.len() < 400 && !text.contains('\n'), "{text}");
        assert_eq!(error.kind(), icecap_weights::Kind::Content);
    }
}
