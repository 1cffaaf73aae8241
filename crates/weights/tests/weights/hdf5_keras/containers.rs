//! Keras' containers bring the description of a model.

use std::collections::BTreeMap;

use icecap_graph::Scaling;
use icecap_kernels::Tensor;
use icecap_weights::{Error, Kind, from_bytes};
use serde_json::{Value, json};

use super::described_net::{Style, layer};
use crate::draft::zip;
use crate::forge::{Forge, Message, attribute, link, list};
use crate::net::{self, Tensors};

const KEY: &str = "model_config";

/// A model that scales its pixels by this number; the net's layers are its own.
fn model(scale: f64) -> String {
    let style = Style::Three;
    let before =
        [style.input("photo", json!([null, 64, 64, 3])), layer("Rescaling", "r", json!({"scale": scale}))];
    let layers: Vec<Value> = [style.chain(&before), style.net(&net::tiny(), "r", None)].concat();
    style.model("whole", &layers, &[]).to_string()
}

/// The net in HDF5, as Keras lists it, with a description of the model where one is given.
fn hdf5(tensors: &Tensors, config: Option<&str>) -> Vec<u8> {
    let mut layers: BTreeMap<&str, Vec<(&str, &Tensor)>> = BTreeMap::new();
    for (name, tensor) in tensors {
        let (layer, variable) = name.split_once('/').unwrap();
        layers.entry(layer).or_default().push((variable, tensor));
    }
    let mut forge = Forge::default();
    let mut root: Vec<Message> = Vec::new();
    for (layer, variables) in &layers {
        let names: Vec<&str> = variables.iter().map(|(name, _)| *name).collect();
        let mut group = vec![list("weight_names", &names)];
        for (name, tensor) in variables {
            let bytes: Vec<u8> = tensor.data().iter().flat_map(|value| value.to_le_bytes()).collect();
            let dims: Vec<u64> = tensor.shape().dims().iter().map(|dim| *dim as u64).collect();
            let values = forge.bytes(&bytes);
            group.push(link(name, forge.dataset(&dims, values, bytes.len() as u64)));
        }
        root.push(link(layer, forge.object(&group)));
    }
    root.push(list("layer_names", &layers.into_keys().collect::<Vec<_>>()));
    root.extend(
        config.map(|text| attribute(KEY, &[0x13, 0, 0, 0], text.len() as u32, &[1], text.as_bytes())),
    );
    let root = forge.object(&root);
    forge.file(root)
}

/// Opens: Keras | a whole model, `.keras` or `.h5` of `model.save`, of Keras 3 and of Keras 2 | by its description: what it states is followed
#[test]
fn each_container_of_keras_brings_it() {
    let (right, wrong) = (model(2.0), model(3.0));
    let tensors = net::tensors(&net::tiny(), None);
    let bare = hdf5(&tensors, None);
    let archive = |entries: &[(&str, &[u8])]| {
        let weights = ("model.weights.h5", &bare[..]);
        [[&[weights][..], entries].concat(), [entries, &[weights]].concat()].map(|entries| zip(&entries))
    };
    let scale = |file: &[u8]| from_bytes(file, "file").unwrap().record.numerics.scaling.scale[0];
    // Of the archive's own and one inside, the archive's.
    let inside = hdf5(&tensors, Some(&wrong));
    let mut good = vec![hdf5(&tensors, Some(&right))];
    good.extend(archive(&[("config.json", right.as_bytes())]));
    good.push(zip(&[("model.weights.h5", &inside), ("config.json", right.as_bytes())]));
    good.iter().for_each(|file| assert_eq!(scale(file), 2.0));
    assert_eq!(scale(&inside), 3.0);
    // The folder of an unpacked archive, packed.
    let folder =
        zip(&[("m/model.weights.h5", &bare), ("m/config.json", right.as_bytes()), ("m/code/a.py", b"")]);
    assert_eq!(scale(&folder), 2.0);
    let two = zip(&[("a/model.weights.h5", &bare), ("b/model.weights.h5", &bare)]);
    assert!(from_bytes(&two, "file").unwrap_err().to_string().contains("no entry 'model.weights.h5'"));
    let mut without = vec![bare.clone()];
    without.extend(archive(&[("metadata.json", b"{}")]));
    without.iter().for_each(|file| assert_eq!(scale(file), Scaling::SIGNED.scale[0]));
    for file in archive(&[("config.json", b"{\"class_name\": \"\xff\"}")]) {
        let Err(Error::Container { offset, reason, .. }) = from_bytes(&file, "file") else {
            panic!("it is not UTF-8")
        };
        assert_eq!((file[offset as usize], reason.as_str()), (0xff, "'config.json' is not UTF-8"));
    }
    for file in archive(&[("config.json", &vec![b' '; (1 << 20) + 1])]) {
        let error = from_bytes(&file, "file").unwrap_err();
        assert!(error.kind() == Kind::Limit && error.to_string().contains("bytes of config.json"), "{error}");
    }
}
