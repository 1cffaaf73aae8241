//! Photos drawn by code, in folders for each class.

use std::path::Path;

/// A photo in BMP of a color and noise of its own, `side` pixels wide and high.
#[must_use]
pub fn bitmap(random: &mut fastrand::Rng, class: usize, side: u32) -> Vec<u8> {
    const HEAD: u32 = 54;
    // Rows are filled up to four bytes.
    let row = (side * 3).next_multiple_of(4);
    let mut bytes = b"BM".to_vec();
    let mut put = |value: u32, len: usize| bytes.extend_from_slice(&value.to_le_bytes()[..len]);
    for (value, len) in [(HEAD + row * side, 4), (0, 4), (HEAD, 4), (40, 4), (side, 4), (side, 4), (1, 2)] {
        put(value, len);
    }
    for (value, len) in [(24, 2), (0, 4), (row * side, 4), (2835, 4), (2835, 4), (0, 4), (0, 4)] {
        put(value, len);
    }
    let base = [40, 120, 200].map(|level: u8| level.wrapping_add((class as u8).wrapping_mul(85)));
    for at in 0..row * side {
        let inside = at % row < side * 3;
        let level = base[(at % row % 3) as usize];
        bytes.push(if inside { level.wrapping_add(random.u8(..48)) } else { 0 });
    }
    bytes
}

/// Writes `each` photos of each class into `folder/CLASS/NUMBER.bmp`.
///
/// # Errors
/// A sentence, where the folder cannot be written.
pub fn folder(folder: &Path, classes: &[&str], each: usize, seed: u64) -> Result<(), String> {
    let mut random = fastrand::Rng::with_seed(seed);
    for (index, class) in classes.iter().enumerate() {
        let place = folder.join(class);
        let failed = |e: std::io::Error| format!("{}: {e}", place.display());
        std::fs::create_dir_all(&place).map_err(failed)?;
        for number in 0..each {
            let bytes = bitmap(&mut random, index, 40);
            std::fs::write(place.join(format!("{number}.bmp")), bytes).map_err(failed)?;
        }
    }
    Ok(())
}
