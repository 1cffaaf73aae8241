//! Files that Keras wrote. The published ones are large and not part of the project (`ICECAP_TEST_ASSETS`); those of this
//! Keras are written by `tools/reference/keras_weights.py`, run by the Python that `ICECAP_TEST_PYTHON` names.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use icecap_weights::{Container, ContainerKind, Layout, from_bytes, params_digest, read, safetensors};

use crate::given::{variable, weights_folder};

const PUBLISHED: [(&str, f32, &str); 2] = [
    ("0.35_96", 0.35, "keras_mobilenet_v2_0.35_scrambled_no_top.safetensors"),
    ("1.0_160", 1.0, "keras_mobilenet_v2_1.0_imagenet.safetensors"),
];

/// Opens: Keras | `mobilenet_v2_weights_tf_dim_ordering_tf_kernels_….h5`, as `keras.applications` downloads it | layout's own numbers: epsilon 1e-3, TensorFlow's padding, pixels -1..1
#[test]
fn the_published_files_open_with_the_values_of_their_other_forms() {
    let Some(folder) = weights_folder() else { return };
    for (which, width, twin) in PUBLISHED {
        let path = folder.join(format!("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{which}_no_top.h5"));
        let (weights, twin) = (read(&path).unwrap(), read(folder.join(twin)).unwrap());
        assert_eq!((weights.record.layout, weights.record.width), (Layout::Keras, Some(width)), "{which}");
        assert_eq!(weights.params.classes(), None);
        let twin = params_digest(&twin.params.without_top());
        assert_eq!(weights.record.params_sha256, twin, "{which}");
    }
}

/// What the script wrote of the net in `source`.
fn written(source: &Path) -> Option<tempfile::TempDir> {
    let python = variable("ICECAP_TEST_PYTHON")?;
    let needs =
        Command::new(&python).args(["-c", "import h5py, keras, safetensors, tensorflow"]).output().unwrap();
    if !needs.status.success() {
        let _ = writeln!(std::io::stderr(), "skipped: {} has no Keras", python.display());
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/reference/keras_weights.py");
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(python).arg(script).arg(source).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(folder)
}

/// Opens: Keras | weights alone, `.weights.h5` of Keras 3 and `.h5` of Keras 2 | by the order of layers; nothing is stated of pixels or size
#[test]
fn every_way_in_which_keras_saves_a_net_gives_the_same_net() {
    let Some(folder) = weights_folder() else { return };
    let source = folder.join("keras_mobilenet_v2_0.35_scrambled_no_top.safetensors");
    let Some(files) = written(&source) else { return };
    let net = read(&source).unwrap();
    let heads = std::fs::read(files.path().join("heads.safetensors")).unwrap();
    let heads = safetensors::parse(&heads, "heads".as_ref()).unwrap();
    for model in ["plain", "binary", "five", "five_flat"] {
        for ending in ["legacy.h5", "h5", "weights.h5", "keras"] {
            let name = format!("{model}.{ending}");
            let bytes = std::fs::read(files.path().join(&name)).unwrap();
            let expected = if ending == "keras" { ContainerKind::KerasArchive } else { ContainerKind::Hdf5 };
            assert_eq!(Container::parse(&bytes, name.as_ref()).unwrap().kind(), expected);
            let weights = from_bytes(&bytes, &name).unwrap();
            assert_eq!(weights.record.params_sha256, net.record.params_sha256, "{name}");
            for (tensor, values) in weights.params.tensors() {
                let Some(variable) = tensor.strip_prefix("predictions/") else { continue };
                let head = heads.tensor(&format!("{model}/{variable}")).unwrap();
                assert_eq!((values.shape(), values.data()), (head.shape(), head.data()), "{name}: {tensor}");
            }
            let classes = (model != "plain").then_some(if model == "binary" { 1 } else { 5 });
            assert_eq!(weights.params.classes(), classes, "{name}");
        }
    }
}
