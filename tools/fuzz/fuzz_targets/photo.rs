//! Photos of any format: whatever the bytes, pixels of the stated size, or an error of one line. A JPEG has the same pixels
//! again, and as many with the other transform.
#![no_main]

use icecap_data::{Decoding, ExifPolicy, Limits, decode};
use icecap_kernels::jpeg::Dct;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::of_pixels(1 << 18);
    let read = |dct| decode(bytes, &limits, Decoding { exif: ExifPolicy::Apply, dct });
    match (read(Dct::Accurate), read(Dct::Fast)) {
        (Ok(one), Ok(other)) => {
            assert_eq!((one.width(), one.height()), (other.width(), other.height()));
            assert_eq!(one.to_rgb().len(), one.width() * one.height() * 3);
            assert!(read(Dct::Accurate).is_ok_and(|again| again.to_rgb() == one.to_rgb()));
        }
        (Err(error), Err(other)) => {
            assert_eq!(error.to_string(), other.to_string());
            assert!(!error.to_string().contains(char::is_control));
        }
        (one, other) => panic!("{:?} and {:?}", one.err(), other.err()),
    }
});
