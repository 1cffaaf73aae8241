//! One file for each thing that h5py can write; `tools/reference/hdf5_files.py` made them.
//!
//! Tensor k of a file holds 100 k, 100 k + 1, and so on.

use icecap_weights::{Container, ContainerKind, Error};

use super::{assert_readable, parse};

/// The files that are read. Each starts the tests of damaged ones too.
pub(crate) const READ: [(&str, &[u8]); 12] = [
    ("fixed", include_bytes!("../../golden/hdf5/fixed.h5")),
    ("model", include_bytes!("../../golden/hdf5/model.h5")),
    ("split", include_bytes!("../../golden/hdf5/split.h5")),
    ("big_endian", include_bytes!("../../golden/hdf5/big_endian.h5")),
    ("user_block", include_bytes!("../../golden/hdf5/user_block.h5")),
    ("tracked", include_bytes!("../../golden/hdf5/tracked.h5")),
    ("superblock_2", include_bytes!("../../golden/hdf5/superblock_2.h5")),
    ("superblock_3", include_bytes!("../../golden/hdf5/superblock_3.h5")),
    ("narrow", include_bytes!("../../golden/hdf5/narrow.h5")),
    ("walked", include_bytes!("../../golden/hdf5/walked.h5")),
    ("types", include_bytes!("../../golden/hdf5/types.h5")),
    ("floats", include_bytes!("../../golden/hdf5/floats.h5")),
];

pub(crate) fn fixture(name: &str) -> &'static [u8] {
    READ.iter().find(|(file, _)| *file == name).unwrap().1
}

const KERNEL: (&str, &[usize]) = ("conv/conv/kernel:0", &[3, 1, 2]);
const BIAS: (&str, &[usize]) = ("conv/conv/bias:0", &[2]);
const WISE: (&str, &[usize]) = ("wise/wise/depthwise_kernel:0", &[1, 2, 2, 1]);

/// Holds a file to its tensors, in the order of writing.
fn assert_holds(file: &Container<'_>, expected: &[(&str, &[usize])]) {
    assert_eq!(file.kind(), ContainerKind::Hdf5);
    let mut names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert!(file.names().eq(names), "{:?}", file.names().collect::<Vec<_>>());
    for (k, (name, dims)) in expected.iter().enumerate() {
        let tensor = file.tensor(name).unwrap();
        assert_eq!(tensor.shape().dims(), *dims, "{name}");
        let values: Vec<f32> = (0..tensor.data().len()).map(|i| (100 * k + i) as f32).collect();
        assert_eq!(tensor.data(), values, "{name}");
    }
}

#[test]
fn every_way_of_writing_a_net_gives_the_same_tensors() {
    for (name, bytes) in READ {
        let file = parse(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        match name {
            "split" => assert_holds(&file, &[KERNEL, BIAS, WISE, ("top_level_model_weights/scale", &[])]),
            "narrow" => assert_holds(&file, &[KERNEL, ("conv/inside", &[2])]),
            "walked" | "types" | "floats" => {}
            _ => assert_holds(&file, &[KERNEL, BIAS, WISE]),
        }
    }
}

#[test]
fn values_stand_where_the_file_says() {
    for name in ["fixed", "model", "user_block", "superblock_3", "walked"] {
        let bytes = fixture(name);
        let file = parse(bytes).unwrap();
        for tensor in file.names() {
            let offset = file.offset(tensor).unwrap() as usize;
            let first = f32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap());
            assert_eq!(first, file.tensor(tensor).unwrap().data()[0], "{name} {tensor}");
        }
    }
}

#[test]
fn a_model_brings_its_description_and_not_its_optimizer() {
    let file = parse(fixture("model")).unwrap();
    let texts: Vec<_> = file.metadata().iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(texts, [("keras_version", "3.15.1"), ("model_config", r#"{"class_name": "Functional"}"#)]);
}

#[test]
fn without_lists_the_paths_are_the_names() {
    let file = parse(fixture("walked")).unwrap();
    let many: Vec<String> = (0..20).map(|index| format!("layers/many/{index}")).collect();
    let (conv, dense) = ("layers/functional/layers/conv2d/vars", "layers/dense/vars");
    let own = [(conv, 0, &[3, 1, 2][..]), (conv, 1, &[2]), (dense, 0, &[2, 2]), (dense, 1, &[2])];
    let own = own.map(|(group, index, dims)| (format!("{group}/{index}"), dims));
    let own = own.iter().map(|(name, dims)| (name.as_str(), *dims));
    let expected: Vec<_> = own.chain(many.iter().map(|name| (name.as_str(), &[][..]))).collect();
    assert_holds(&file, &expected);
    let layers: Vec<_> = file.metadata().iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(layers, [(dense, "my head"), (conv, "Conv1"), ("vars", "functional")]);
}

/// The values that numpy and ml_dtypes have of the same bytes.
///
/// Opens: Keras | f16, f64 and bfloat16 | widened or rounded to f32, and told
#[test]
fn floats_of_other_widths_are_read_in_both_orders() {
    let file = parse(fixture("floats")).unwrap();
    let tiny = 2f32.powi(-26);
    let half = [0.5, -600.0, 1.001_953_1, 0.0, 65504.0];
    let double = [0.5, -600.0, 1.001_953_1, tiny, 65504.0];
    let brain = [0.5, -600.0, 1.0, tiny, 65536.0];
    for (name, dtype, expected) in [
        ("little_f2", "F16", half),
        ("big_f2", "F16", half),
        ("little_f8", "F64", double),
        ("big_f8", "F64", double),
        ("bfloat16", "BF16", brain),
    ] {
        assert_eq!(
            (file.dtype(name), file.tensor(name).unwrap().data()),
            (Some(dtype), &expected[..]),
            "{name}"
        );
    }
    // Without the attribute they are bytes of anything.
    assert!(
        matches!(file.tensor("opaque").unwrap_err(), Error::Dtype { dtype, .. } if dtype == "opaque bytes")
    );
}

#[test]
fn other_types_are_told_by_name() {
    let file = parse(fixture("types")).unwrap();
    let types = [
        ("i8", "I64"),
        ("u1", "U8"),
        ("u4", "U32"),
        ("text", "texts"),
        ("null", "a dataset without a value"),
    ];
    for (name, expected) in types {
        let error = file.tensor(name).unwrap_err();
        assert!(matches!(&error, Error::Dtype { dtype, .. } if dtype == expected), "{error}");
        assert_readable(&error);
    }
    for (name, expected) in [("f2", "F16"), ("f8", "F64")] {
        assert_eq!(file.dtype(name), Some(expected));
        assert_eq!(file.tensor(name).unwrap().shape().dims(), [2]);
    }
    assert_eq!(file.tensor("scalar").unwrap().data(), [600.0]);
    assert_eq!(file.tensor("empty").unwrap().shape().dims(), [0, 3]);
    assert_eq!(file.names().count(), types.len() + 4);
}

#[test]
fn what_is_not_read_is_refused_by_its_name() {
    let files: [(&[u8], &str); 6] = [
        (include_bytes!("../../golden/hdf5/chunked.h5"), "'a' in chunks at byte "),
        (include_bytes!("../../golden/hdf5/unwritten.h5"), "says that 'a' was never written at byte "),
        (include_bytes!("../../golden/hdf5/soft_link.h5"), "'b', a link to a path at byte "),
        (include_bytes!("../../golden/hdf5/dense_links.h5"), "links in a fractal heap at byte "),
        (include_bytes!("../../golden/hdf5/dense_attributes.h5"), "attributes in a fractal heap at byte "),
        (include_bytes!("../../golden/hdf5/virtual.h5"), "'b' made of other datasets at byte "),
    ];
    for (bytes, expected) in files {
        let error = parse(bytes).unwrap_err();
        assert_readable(&error);
        let text = error.to_string();
        assert!(text.contains(expected), "{text}");
        let advised = text.contains("; save the weights anew with Keras or h5py and their defaults");
        assert_eq!(advised, matches!(error, Error::Feature { .. }), "{text}");
    }
}

#[test]
fn the_signature_tells_the_kind_where_it_may_stand() {
    let fixed = fixture("fixed");
    assert_eq!(ContainerKind::recognize(fixed), Some(ContainerKind::Hdf5));
    for (before, kind) in [(512, Some(ContainerKind::Hdf5)), (2048, Some(ContainerKind::Hdf5)), (513, None)] {
        assert_eq!(ContainerKind::recognize(&[&vec![0; before][..], fixed].concat()), kind, "{before}");
    }
    // Values of a safetensors file that happen to be these bytes.
    let mut other = [&vec![b' '; 512][..], fixed].concat();
    other[8] = b'{';
    assert_eq!(ContainerKind::recognize(&other), Some(ContainerKind::Safetensors));
}
