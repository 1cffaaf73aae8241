//! What a folder of photos costs on one thread: `cargo run --release -p icecap-data --example load -- FOLDER [ROUNDS]`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use icecap_data::{Error, ExifPolicy, Limits, Loader, ResizeSpec, scan_photos};
use icecap_kernels::Isa;

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| ".".into()));
    let rounds = arguments.next().and_then(|text| text.to_str()?.parse().ok()).unwrap_or(3);
    let (photos, _) = scan_photos(&folder)?;
    let spec = ResizeSpec::squash(160, 160);
    let mut loader = Loader::new(Isa::best(), Limits::default(), ExifPolicy::Apply);
    let mut pixels = vec![0.0; spec.values()];
    for _ in 0..rounds {
        let (mut opened, mut decoded, mut failed) = (Duration::ZERO, Duration::ZERO, 0);
        for path in &photos {
            let start = Instant::now();
            let Ok(photo) = loader.open(path) else {
                failed += 1;
                continue;
            };
            let open = start.elapsed();
            failed += usize::from(photo.pixels(&spec, &mut pixels).is_err());
            opened += open;
            decoded += start.elapsed() - open;
        }
        let each = |total: Duration| total.as_secs_f64() * 1e3 / photos.len().max(1) as f64;
        println!(
            "{} photos, {failed} unreadable: read and hash {:.3} ms, decode and resize {:.3} ms a photo",
            photos.len(),
            each(opened),
            each(decoded)
        );
    }
    Ok(())
}
