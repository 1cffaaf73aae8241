//! What a model file holds, as golden files are compared with it.

use serde_json::Value;

/// The header of a file and the bytes behind it.
pub(crate) fn parts(bytes: &[u8]) -> (Value, Vec<u8>) {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    (serde_json::from_slice(&bytes[8..8 + length]).unwrap(), bytes[8 + length..].to_vec())
}

/// Fails unless `bytes` are what a golden file holds, but for the two texts that files have had since.
pub(crate) fn assert_golden(bytes: &[u8], golden: &[u8]) {
    let (mut header, values) = parts(bytes);
    let (expected, expected_values) = parts(golden);
    let texts = header["__metadata__"].as_object_mut().unwrap();
    assert!(texts.remove("head_sha256").is_some() && texts.remove("values_crc32").is_some());
    assert_eq!(header, expected);
    assert!(values == expected_values);
}
