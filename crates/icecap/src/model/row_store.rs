//! Rows of values that leave the net at a tap, one for each view of a photo, kept while the blocks behind the tap learn.
//!
//! A row at block 12 is 38 KB at 160 pixels, so twenty thousand photos are 770 MB. Up to [`IN_MEMORY`] they lie in memory;
//! more go to a file without a name, which ends with the process whatever happens, and is read where it is asked for.
//! It is read and not mapped: pages of a mapped file count as the process' memory, those of the system's cache do not.
//!
//! A row that finds no room on the disk is not kept. Whoever asks for it then computes it again.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Bytes of rows that are kept in memory.
pub(crate) const IN_MEMORY: usize = 256 << 20;

/// Rows by number; each is written once and then only read.
#[derive(Debug)]
pub(crate) struct RowStore {
    /// Values of a row.
    len: usize,
    place: Place,
    /// Why rows are no longer kept.
    failed: OnceLock<String>,
}

#[derive(Debug)]
enum Place {
    Memory(Vec<OnceLock<Box<[f32]>>>),
    File { file: Mutex<Spill>, kept: Vec<AtomicBool> },
}

impl RowStore {
    /// Returns a store for `rows` rows of `len` values. What does not fit into `in_memory` bytes lies in `folder`, or where
    /// the system has its temporary files.
    pub(crate) fn new(rows: usize, len: usize, in_memory: usize, folder: Option<&Path>) -> Self {
        let failed = OnceLock::new();
        if rows.saturating_mul(len).saturating_mul(4) <= in_memory {
            let place = Place::Memory((0..rows).map(|_| OnceLock::new()).collect());
            return Self { len, place, failed };
        }
        let temporary = std::env::temp_dir();
        let folder = folder.unwrap_or(&temporary);
        let kept = (0..rows).map(|_| AtomicBool::new(false)).collect();
        let spill = Spill::new(folder).unwrap_or_else(|error| {
            let _ = failed.set(unkept(folder, &error));
            Spill::none()
        });
        Self { len, place: Place::File { file: Mutex::new(spill), kept }, failed }
    }

    /// How many rows there can be.
    pub(crate) fn rows(&self) -> usize {
        match &self.place {
            Place::Memory(rows) => rows.len(),
            Place::File { kept, .. } => kept.len(),
        }
    }

    /// The bytes that all rows would take in memory; 0 if they lie in a file.
    pub(crate) fn in_memory(&self) -> usize {
        match &self.place {
            Place::Memory(rows) => rows.len() * self.len * 4,
            Place::File { .. } => 0,
        }
    }

    /// Values of a row.
    pub(crate) fn row_len(&self) -> usize {
        self.len
    }

    /// Keeps a row, if there is room for it.
    pub(crate) fn put(&self, number: usize, row: &[f32]) {
        match &self.place {
            Place::Memory(rows) => {
                let _ = rows[number].set(row.into());
            }
            Place::File { .. } if self.failed.get().is_some() => {}
            Place::File { file, kept } => {
                let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_ne_bytes()).collect();
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                match file.write(number as u64 * bytes.len() as u64, &bytes) {
                    Ok(()) => kept[number].store(true, Ordering::Release),
                    Err(error) => {
                        let _ = self.failed.set(unkept(&file.folder, &error));
                    }
                }
            }
        }
    }

    /// Reads a row into `to`; `false` if it is not kept, and `to` then holds anything.
    pub(crate) fn get(&self, number: usize, to: &mut [f32]) -> bool {
        match &self.place {
            Place::Memory(rows) => match rows[number].get() {
                Some(row) => {
                    to.copy_from_slice(row);
                    true
                }
                None => false,
            },
            Place::File { file, kept } => {
                if !kept[number].load(Ordering::Acquire) {
                    return false;
                }
                let mut bytes = vec![0; to.len() * 4];
                let place = number as u64 * bytes.len() as u64;
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                if file.read(place, &mut bytes).is_err() {
                    return false;
                }
                for (value, bytes) in to.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *value = f32::from_ne_bytes(*bytes);
                }
                true
            }
        }
    }

    /// Why rows are no longer kept; `None` while they are.
    pub(crate) fn warning(&self) -> Option<&str> {
        self.failed.get().map(String::as_str)
    }
}

fn unkept(folder: &Path, error: &std::io::Error) -> String {
    format!(
        "{}: what enters the blocks that learn is not kept: {error}; it is computed again in every epoch, which is slow: \
         make room, or have fewer blocks learn",
        folder.display()
    )
}

/// A file that nobody else finds.
#[derive(Debug)]
struct Spill {
    folder: PathBuf,
    /// `None` if there is none, and once it is closed.
    file: Option<File>,
    /// The name of one that could not be taken away while it is open.
    named: Option<PathBuf>,
}

impl Spill {
    fn none() -> Self {
        Self { folder: PathBuf::new(), file: None, named: None }
    }

    fn new(folder: &Path) -> std::io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        std::fs::create_dir_all(folder)?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".icecap-rows-{}-{number}", std::process::id()));
        // One that a process of this number has left behind.
        let _ = std::fs::remove_file(&path);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        let named = std::fs::remove_file(&path).err().map(|_| path);
        Ok(Self { folder: folder.to_owned(), file: Some(file), named })
    }

    fn at(&mut self, place: u64) -> std::io::Result<&mut File> {
        let file = self.file.as_mut().ok_or(std::io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(place))?;
        Ok(file)
    }

    fn write(&mut self, place: u64, bytes: &[u8]) -> std::io::Result<()> {
        self.at(place)?.write_all(bytes)
    }

    fn read(&mut self, place: u64, bytes: &mut [u8]) -> std::io::Result<()> {
        self.at(place)?.read_exact(bytes)
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        drop(self.file.take());
        if let Some(path) = &self.named {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: usize) -> Vec<f32> {
        (0..7).map(|place| (number * 10 + place) as f32 + 0.5).collect()
    }

    #[test]
    fn rows_come_back_from_memory_and_from_a_file_without_a_name() {
        let folder = tempfile::tempdir().unwrap();
        for in_memory in [IN_MEMORY, 0] {
            let store = RowStore::new(5, 7, in_memory, Some(folder.path()));
            assert_eq!(matches!(store.place, Place::File { .. }), in_memory == 0);
            // In any order, and one not at all.
            std::thread::scope(|scope| {
                for number in [4, 0, 3, 1] {
                    let store = &store;
                    scope.spawn(move || store.put(number, &row(number)));
                }
            });
            let mut got = vec![0.0; 7];
            for number in 0..5 {
                assert_eq!(store.get(number, &mut got), number != 2);
                assert!(number == 2 || got == row(number));
            }
            assert_eq!(store.warning(), None);
            #[cfg(unix)]
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
            drop(store);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn where_no_file_can_be_nothing_is_kept_and_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let store = RowStore::new(5, 7, 0, Some(&file));
        store.put(1, &row(1));
        assert!(!store.get(1, &mut [0.0; 7]));
        assert!(store.warning().unwrap().contains("computed again"));
    }

    /// A device that is always full.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_one_warning() {
        let store = RowStore::new(5, 7, 0, None);
        let Place::File { file, .. } = &store.place else { unreachable!("nothing fits into no memory") };
        file.lock().unwrap().file = OpenOptions::new().read(true).write(true).open("/dev/full").ok();
        store.put(0, &row(0));
        let said = store.warning().unwrap().to_owned();
        assert!(said.contains("make room"), "{said}");
        store.put(1, &row(1));
        assert!(!store.get(0, &mut [0.0; 7]) && !store.get(1, &mut [0.0; 7]));
        assert_eq!(store.warning(), Some(said.as_str()));
    }
}
