//! Model files: read whole, read but for the backbone, from memory and from a file, which must agree.
#![no_main]

use std::time::{Duration, SystemTime};

use icecap_weights::Model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("{}-model", std::process::id()));
    std::fs::write(&path, bytes).expect("room for a file");
    // A fresh file is looked at twice, an older one in another way.
    let file = std::fs::File::options().write(true).open(&path).expect("the file");
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).expect("a time");
    let label = path.to_string_lossy();
    let told = |head: Result<Option<Model>, icecap_weights::Error>| match head {
        Ok(head) => Ok(head.map(|model| (model.classes, model.layers.len(), model.temperature.to_bits()))),
        Err(error) => Err(error.to_string()),
    };
    let of_file = told(Model::load_head(&path));
    assert_eq!(of_file, told(Model::head_from_bytes(bytes, &label)));
    let _ = Model::from_bytes(bytes, &label);
    if let Err(text) = of_file {
        assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
    }
});
