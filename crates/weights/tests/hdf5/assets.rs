//! The files that Keras downloads, and those of the script. They are large and not part of the project:
//! `ICECAP_TEST_ASSETS` says where the first are, `ICECAP_KERAS_FILES` where `tools/reference/keras_weights.py` wrote.

use std::io::Write;
use std::path::PathBuf;

use crate::{Container, ContainerKind, parse};

fn folder(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).filter(|folder| !folder.is_empty());
    if folder.is_none() {
        // Not `eprintln!`: the test harness keeps what that prints of a test that passes.
        let _ = writeln!(std::io::stderr(), "skipped: {variable} is not set");
    }
    folder.map(PathBuf::from)
}

/// What the canonical names of a file's tensors are, without the nested model, the group of the layer, and the suffix.
fn canonical(name: &str) -> String {
    let parts: Vec<&str> = name.trim_end_matches(":0").rsplit('/').take(2).collect();
    format!("{}/{}", parts[1], parts[0].trim_start_matches("depthwise_"))
}

fn assert_same(file: &Container<'_>, truth: &Container<'_>, canonical: impl Fn(&str) -> String) {
    let mut seen = 0;
    for name in file.names() {
        let canonical = canonical(name);
        if canonical.starts_with("dense") {
            continue;
        }
        let tensor = file.tensor(name).unwrap();
        let expected = truth.tensor(&canonical).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((tensor.shape(), tensor.data()), (expected.shape(), expected.data()), "{name}");
        seen += 1;
    }
    let top = file.names().any(|name| canonical(name).starts_with("predictions/"));
    assert_eq!(seen, truth.names().filter(|name| top || !name.starts_with("predictions/")).count());
}

#[test]
fn the_files_that_keras_downloads_hold_the_net_of_the_safetensors() {
    let Some(folder) = folder("ICECAP_TEST_ASSETS") else { return };
    let folder = folder.join("weights");
    for (file, same) in [
        (
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_160_no_top.h5",
            "keras_mobilenet_v2_1.0_imagenet.safetensors",
        ),
        (
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5",
            "keras_mobilenet_v2_0.35_scrambled_no_top.safetensors",
        ),
    ] {
        let (bytes, same) =
            (std::fs::read(folder.join(file)).unwrap(), std::fs::read(folder.join(same)).unwrap());
        let (opened, truth) = (parse(&bytes).unwrap(), parse(&same).unwrap());
        assert_eq!((opened.kind(), opened.names().count()), (ContainerKind::Hdf5, 260));
        assert!(opened.shape("Conv1/Conv1/kernel:0").is_some());
        assert!(opened.shape("block_1_depthwise/block_1_depthwise/depthwise_kernel:0").is_some());
        assert_same(&opened, &truth, canonical);
    }
}

/// The canonical name of what stands at a path of a `.weights.h5`: the layer that its group names, and its place there.
fn by_place(file: &Container<'_>, path: &str) -> String {
    let (group, place) = path.rsplit_once('/').unwrap();
    let layer = &file.metadata()[group];
    let normed = file.shape(&format!("{group}/2")).is_some();
    let places =
        if normed { ["gamma", "beta", "moving_mean", "moving_variance"] } else { ["kernel", "bias", "", ""] };
    format!("{layer}/{}", places[place.parse::<usize>().unwrap()])
}

#[test]
fn what_keras_saves_holds_the_net_and_the_head() {
    let Some(folder) = folder("ICECAP_KERAS_FILES") else { return };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let (net, heads) = (read("net.safetensors"), read("heads.safetensors"));
    let (net, heads) = (parse(&net).unwrap(), parse(&heads).unwrap());
    let top = net.names().filter(|name| name.starts_with("predictions/")).count();
    for model in ["plain", "binary", "five", "five_flat"] {
        for kind in ["legacy.h5", "h5", "weights.h5"] {
            let bytes = read(&format!("{model}.{kind}"));
            let file = parse(&bytes).unwrap_or_else(|error| panic!("{model}.{kind}: {error}"));
            let walked = kind == "weights.h5";
            let called = |name: &str| if walked { by_place(&file, name) } else { canonical(name) };
            assert_eq!(
                file.names().count(),
                if model == "plain" { 260 + top } else { 262 },
                "{model}.{kind}"
            );
            assert_eq!(file.metadata().contains_key("model_config"), kind == "h5");
            assert_same(&file, &net, called);
            for part in ["kernel", "bias"].iter().filter(|_| model != "plain") {
                let mut own = file.names().filter(|name| called(name).starts_with("dense"));
                let own = own.find(|name| called(name).ends_with(part)).unwrap();
                let expected = heads.tensor(&format!("{model}/{part}")).unwrap();
                assert_eq!(file.tensor(own).unwrap().data(), expected.data(), "{model}.{kind} {own}");
            }
        }
    }
}
