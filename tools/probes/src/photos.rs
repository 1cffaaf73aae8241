use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use icecap_data::{Decoding, ExifPolicy, Limits, Loader, decode, scan_photos, survey};
use icecap_kernels::Isa;
use icecap_kernels::jpeg::Dct;

use crate::held::{folder, is_line};

/// Small enough that a case is soon over.
const MOST_PIXELS: u64 = 1 << 18;

/// A photo of any format: pixels of the stated size, or an error. A JPEG has the same pixels again, and as many with the
/// other transform.
pub fn photo(bytes: &[u8]) {
    let limits = Limits::of_pixels(MOST_PIXELS);
    let read = |dct| decode(bytes, &limits, Decoding { exif: ExifPolicy::Apply, dct });
    match (read(Dct::Accurate), read(Dct::Fast)) {
        (Ok(one), Ok(other)) => {
            assert_eq!((one.width(), one.height()), (other.width(), other.height()));
            assert_eq!(one.to_rgb().len(), one.width() * one.height() * 3);
            assert!(read(Dct::Accurate).is_ok_and(|again| again.to_rgb() == one.to_rgb()));
        }
        (Err(error), Err(other)) => {
            is_line(&error);
            assert_eq!(error.to_string(), other.to_string());
        }
        (one, other) => panic!("{:?} and {:?}", one.err(), other.err()),
    }
}

/// A zip archive of photos: the photos that its checksums vouch for, or an error.
pub fn photo_zip(bytes: &[u8]) {
    archive(bytes, "zip");
}

/// A tar archive of photos, or a shard: all of its photos, or an error.
pub fn photo_tar(bytes: &[u8]) {
    archive(bytes, "tar");
}

/// A Parquet file: the photos in it, or an error. Its reader's panics are errors, so whoever looks for panics is told of others
/// alone.
pub fn photo_parquet(bytes: &[u8]) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let other = panic::take_hook();
        panic::set_hook(Box::new(move |about| {
            if !icecap_columns::is_reading() {
                other(about);
            }
        }));
    });
    archive(bytes, "parquet");
}

fn archive(bytes: &[u8], ending: &str) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    // A name of its own: what is written within one tick of the clock could be taken for what was there.
    let path = folder().join(format!("{}.{ending}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    std::fs::write(&path, bytes).expect("room for a file");
    let mut loader = Loader::new(Isa::best(), Limits::of_pixels(MOST_PIXELS), ExifPolicy::Apply);
    match scan_photos(&path) {
        Ok((photos, _)) => {
            assert!(photos.iter().all(|photo| photo.starts_with(&path)));
            for photo in photos {
                if let Err(error) = loader.open(&photo) {
                    is_line(&error);
                }
            }
            if let Err(error) = survey(&path, None) {
                is_line(&error);
            }
        }
        Err(error) => is_line(&error),
    }
    std::fs::remove_file(path).expect("the file");
}
