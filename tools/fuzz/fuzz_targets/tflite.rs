//! TFLite files: whatever the bytes, a net, or an error of one line.
#![no_main]

use icecap_weights::from_bytes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = from_bytes(bytes, "file") {
        assert!(!error.to_string().contains(char::is_control));
    }
});
