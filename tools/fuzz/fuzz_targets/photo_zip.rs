//! Zip archives of photos: whatever the bytes, the photos that the checksums vouch for, or an error of one line.
#![no_main]

use std::sync::atomic::{AtomicU64, Ordering};

use icecap_data::{ExifPolicy, Limits, Loader, scan_photos, survey};
use icecap_kernels::Isa;

static NUMBER: AtomicU64 = AtomicU64::new(0);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // A name of its own: what is written within one tick of the clock could be taken for what was there.
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("{}-{number}.zip", std::process::id()));
    std::fs::write(&path, bytes).expect("room for a file");
    let mut loader = Loader::new(Isa::best(), Limits::of_pixels(1 << 18), ExifPolicy::Apply);
    match scan_photos(&path) {
        Ok((photos, _)) => {
            assert!(photos.iter().all(|photo| photo.starts_with(&path)));
            for photo in photos {
                if let Err(error) = loader.open(&photo) {
                    assert!(!error.to_string().is_empty());
                }
            }
            drop(survey(&path, None));
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
    drop(std::fs::remove_file(path));
});
