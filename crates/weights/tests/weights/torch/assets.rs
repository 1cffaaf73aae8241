//! The files that PyTorch wrote. They are no part of the project: `ICECAP_TEST_ASSETS` says where they are.

use icecap_graph::Spec;
use icecap_weights::{Container, ContainerKind, Layout, read};

use crate::given::weights_folder;

/// Opens: PyTorch | `torch.save` as an archive, and as before version 1.6 | a pickle is read as data, nothing is run
#[test]
fn each_file_opens_by_itself() {
    let Some(folder) = weights_folder() else { return };
    for (file, kind, layout) in [
        ("torchvision_mobilenet_v2_0.35_scrambled.pth", ContainerKind::TorchZip, Layout::Torchvision),
        (
            "torchvision_mobilenet_v2_0.35_scrambled_legacy.pth",
            ContainerKind::TorchPickle,
            Layout::Torchvision,
        ),
        (
            "torchvision_mobilenet_v2_0.35_scrambled.safetensors",
            ContainerKind::Safetensors,
            Layout::Torchvision,
        ),
        ("timm_mobilenet_v2_0.35_scrambled.safetensors", ContainerKind::Safetensors, Layout::Timm),
    ] {
        let path = folder.join(file);
        let bytes = std::fs::read(&path).unwrap();
        let container = Container::parse(&bytes, &path).unwrap();
        assert_eq!((container.kind(), container.names().count()), (kind, 314), "{file}");
        let weights = read(&path).unwrap_or_else(|error| panic!("{error}"));
        let record = &weights.record;
        assert_eq!((record.layout, record.width), (layout, Some(0.35)), "{file}");
        assert_eq!(weights.params.spec(), &Spec::with_width(0.35).unwrap(), "{file}");
        assert_eq!(weights.params.classes(), Some(10), "{file}");
        assert_eq!(record.numerics, layout.numerics());
        assert_eq!((record.train_size(), record.resize_rule()), ([224, 224], "center-crop 0.875"));
        println!("{file}: params {}", record.params_sha256);
    }
}

/// The same net from three containers: its tensors, not only its hash, are the same bits.
#[test]
fn one_net_has_one_hash_in_every_container() {
    let Some(folder) = weights_folder() else { return };
    let [zip, legacy, safetensors] = [".pth", "_legacy.pth", ".safetensors"]
        .map(|end| read(folder.join(format!("torchvision_mobilenet_v2_0.35_scrambled{end}"))).unwrap());
    for other in [&zip, &legacy] {
        assert_eq!(other.record.params_sha256, safetensors.record.params_sha256);
        assert_ne!(other.record.file_sha256, safetensors.record.file_sha256);
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        for ((name, tensor), (same, expected)) in other.params.tensors().zip(safetensors.params.tensors()) {
            assert_eq!((name, tensor.shape()), (same, expected.shape()));
            assert_eq!(bits(tensor.data()), bits(expected.data()), "{name}");
        }
    }
}
