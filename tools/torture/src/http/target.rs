//! What clients know of the server: where it is, and what it has to answer to which photo.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use serde_json::Value;

use crate::make::{Jpeg, rgb_jpeg};
use crate::photos::bitmap;
use crate::product::Product;

/// A photo, and its row.
#[derive(Debug)]
pub(super) struct Photo {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    row: Value,
}

impl Photo {
    /// Whether a row of the server is that of `icecap predict --json`, field for field, numbers bit by bit. What a photo is
    /// called differs, and with it the class of its folder.
    pub(super) fn has(&self, row: &Value) -> Result<(), String> {
        const OF_PATH: [&str; 2] = ["path", "true_label"];
        let fields = |row: &Value| {
            let fields = row.as_object().cloned().unwrap_or_default();
            fields.into_iter().filter(|(key, _)| !OF_PATH.contains(&key.as_str())).collect::<Vec<_>>()
        };
        match fields(row) == fields(&self.row) {
            true => Ok(()),
            false => Err(format!("{}: the row {row}, where predict has {}", self.name, self.row)),
        }
    }
}

/// A server, as its clients know it.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) address: SocketAddr,
    pub(super) photos: &'a [Photo],
    /// Files that ask for much, by name.
    pub(super) bombs: &'a [(String, Vec<u8>)],
    /// Connections that floods may still open.
    pub(super) flood: AtomicU64,
    /// When the campaign is over: what waits longer stops waiting.
    pub(super) until: Instant,
}

/// A photo as cameras make them, of 12 megapixels.
pub(super) fn large_photo() -> Vec<u8> {
    rgb_jpeg(4000, 3000, Jpeg::PLAIN)
}

/// Photos of several sizes and formats, in `folder`, and what `product` says of them by `model`.
pub(super) fn photos(product: &Product, model: &str, folder: &Path) -> Result<Vec<Photo>, String> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (number, side) in [40, 41, 96, 200, 33, 64, 120, 31].into_iter().enumerate() {
        files.push((format!("{number}.bmp"), bitmap(&mut random, number % 2, side)));
    }
    for (number, (width, height)) in [(160, 120), (333, 250), (640, 480), (75, 130)].into_iter().enumerate() {
        let how = Jpeg { progressive: number % 2 == 1, ..Jpeg::PLAIN };
        files.push((format!("{number}.jpg"), rgb_jpeg(width, height, how)));
    }
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let paths: Vec<PathBuf> = files.iter().map(|(name, _)| folder.join(name)).collect();
    for (path, (_, bytes)) in paths.iter().zip(&files) {
        std::fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    let paths: Vec<String> = paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> =
        ["predict", model, "--json"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let rows: Vec<Value> =
        serde_json::from_slice(&product.succeed(&words)?.stdout).map_err(|e| e.to_string())?;
    if rows.len() != files.len() || rows.iter().any(|row| !row["label"].is_string()) {
        return Err(format!("predict answers {} photos with {rows:?}", files.len()));
    }
    Ok(files.into_iter().zip(rows).map(|((name, bytes), row)| Photo { name, bytes, row }).collect())
}
