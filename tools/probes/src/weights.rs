use std::fs::File;
use std::time::{Duration, SystemTime};

use icecap_weights::{Error, Model, from_bytes};

use crate::held::{folder, is_line};

/// A file of weights in any container: a net, or an error. The container is told by the bytes, so that it is the seeds that
/// lead to one.
pub fn weights(bytes: &[u8]) {
    if let Err(error) = from_bytes(bytes, "file") {
        is_line(&error);
    }
}

/// A safetensors file: as weights, and as a model.
pub fn safetensors(bytes: &[u8]) {
    weights(bytes);
    if let Err(error) = Model::from_bytes(bytes, "file") {
        is_line(&error);
    }
}

/// A model file: read whole; and read but for the backbone, from memory and from a file, which agree.
pub fn model(bytes: &[u8]) {
    let path = folder().join("model");
    std::fs::write(&path, bytes).expect("room for a file");
    // A fresh file is looked at twice, an older one in another way.
    let file = File::options().write(true).open(&path).expect("the file");
    file.set_modified(SystemTime::now() - Duration::from_mins(1)).expect("a time");
    let label = path.to_string_lossy();
    let told = |head: Result<Option<Model>, Error>| match head {
        Ok(head) => Ok(head.map(|model| (model.classes, model.layers.len(), model.temperature.to_bits()))),
        Err(error) => {
            is_line(&error);
            Err(error.to_string())
        }
    };
    assert_eq!(told(Model::load_head(&path)), told(Model::head_from_bytes(bytes, &label)));
    if let Err(error) = Model::from_bytes(bytes, &label) {
        is_line(&error);
    }
}
