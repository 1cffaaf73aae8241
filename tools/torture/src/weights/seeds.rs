//! Whole files of every container: golden ones, and what is made of them.

use std::path::Path;

use icecap_weights::{Model, OnnxPixels};

use crate::{torch_draft, weights_net};

/// A file that opens.
pub(super) struct Seed {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Files of every container.
///
/// # Errors
/// A sentence, where the golden files are not there or are no longer read.
pub(super) fn seeds(golden: &Path) -> Result<Vec<Seed>, String> {
    let mut seeds = Vec::new();
    let mut models: Vec<Seed> = files(golden, "safetensors")?;
    let embedded = models.iter().find(|seed| seed.name.contains("format_1_embedded"));
    let embedded = embedded.ok_or("no golden model with its backbone")?;
    let model = Model::from_bytes(&embedded.bytes, "golden").map_err(|error| error.to_string())?;
    let made = |name: &str, bytes: Result<Vec<u8>, icecap_weights::Error>| {
        bytes.map(|bytes| Seed { name: name.to_owned(), bytes }).map_err(|error| error.to_string())
    };
    seeds.push(made("model file", model.to_bytes())?);
    seeds.push(made("ONNX", model.to_onnx(OnnxPixels::Scaled))?);
    seeds.push(made("TFLite", model.to_tflite())?);
    seeds.append(&mut models);
    let hdf5 = files(&golden.join("hdf5"), "h5")?;
    let description: &[u8] = br#"{"class_name":"Sequential","config":{"layers":[{"class_name":"Rescaling","config":{"scale":0.0078,"offset":-1}},{"class_name":"Dense","config":{"units":2,"activation":"softmax"}}]}}"#;
    for Seed { name, bytes } in &hdf5[..hdf5.len().min(4)] {
        let parts =
            [("metadata.json", &b"{}"[..]), ("config.json", description), ("model.weights.h5", bytes)];
        seeds.push(Seed { name: format!("Keras archive of {name}"), bytes: torch_draft::zip(&parts) });
    }
    seeds.extend(hdf5);
    let tensors = weights_net::tensors(&weights_net::tiny(), Some(10));
    seeds.push(Seed {
        name: "safetensors of a net".to_owned(),
        bytes: weights_net::file(&weights_net::texts(&[("size", "96")]), &tensors),
    });
    let tensors: Vec<torch_draft::Tensor> = tensors
        .iter()
        .enumerate()
        .map(|(key, (name, tensor))| {
            // As PyTorch orders a kernel of one pixel, which is enough for a reader of pickles.
            torch_draft::Tensor::plain(name, key, tensor.shape().dims(), tensor.data())
        })
        .collect();
    let pickle = torch_draft::state_dict(&tensors);
    seeds.push(Seed { name: "PyTorch archive".to_owned(), bytes: torch_draft::torch_zip(&pickle, &tensors) });
    seeds.push(Seed {
        name: "PyTorch pickle".to_owned(),
        bytes: torch_draft::torch_legacy(&pickle, &tensors),
    });
    Ok(seeds)
}

/// The files of a folder whose names end so, in order.
fn files(folder: &Path, extension: &str) -> Result<Vec<Seed>, String> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let mut seeds = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        if path.extension().is_some_and(|own| own == extension) {
            let bytes = std::fs::read(&path).map_err(|error| failed(&path, error))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            seeds.push(Seed { name, bytes });
        }
    }
    seeds.sort_by(|a, b| a.name.cmp(&b.name));
    match seeds.is_empty() {
        true => Err(format!("{}: no file ends in .{extension}", folder.display())),
        false => Ok(seeds),
    }
}
