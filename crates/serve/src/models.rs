//! The models that are served: opened from files, by name, taken up anew when their files were replaced.

use std::collections::HashSet;
use std::fmt::Display;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use icecap::{Backbone, Classifier};

/// A model's file and the name under which it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// The name in requests.
    pub name: String,
    /// The model file.
    pub path: PathBuf,
}

/// A model as it was opened. A reload makes another one.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) name: String,
    pub(crate) classifier: Classifier,
    /// Tells it from every other one of this process.
    pub(crate) id: u64,
    stamp: Option<Stamp>,
}

/// Opens the model file at a path, on one of the backbones if it was trained on it.
type Open = dyn Fn(&Path, &[Backbone]) -> Result<Classifier, String> + Send + Sync;

/// The models that a server answers with. The first is asked where a request names none.
pub struct Models {
    files: Vec<ModelFile>,
    open: Box<Open>,
    now: RwLock<Arc<Vec<Arc<Served>>>>,
    /// One reload at a time.
    reloading: Mutex<()>,
    next_id: AtomicU64,
}

/// What a reload did with one model.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reloaded {
    /// The file is the one that was opened.
    Unchanged,
    /// The new file serves.
    Replaced,
    /// The file cannot be opened; the model that was opened before goes on.
    Kept(String),
}

impl std::fmt::Debug for Models {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.files.fmt(f)
    }
}

impl Models {
    /// Opens the models. `open` opens the file at a path; it is handed the backbones that are open already, and puts a
    /// classifier on one of them if it was trained on that, so that models of one backbone share its memory and threads. It
    /// is called again, on some other thread, when files were replaced.
    ///
    /// # Errors
    /// The error of the first model that `open` refuses.
    ///
    /// # Panics
    /// If there is no file, or two have the same name.
    pub fn open<E: Display>(
        files: Vec<ModelFile>,
        open: impl Fn(&Path, &[Backbone]) -> Result<Classifier, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        assert!(!files.is_empty(), "no model");
        let names: HashSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert!(names.len() == files.len(), "models of one name");
        let (mut served, next_id) = (Vec::with_capacity(files.len()), AtomicU64::new(0));
        for file in &files {
            let stamp = Stamp::of(&file.path);
            let classifier = open(&file.path, &backbones(&served))?;
            served.push(Arc::new(Served::new(file, classifier, stamp, &next_id)));
        }
        let open: Box<Open> =
            Box::new(move |path, backbones| open(path, backbones).map_err(|e| e.to_string()));
        let now = RwLock::new(Arc::new(served));
        Ok(Self { files, open, now, reloading: Mutex::default(), next_id })
    }

    /// The models as they are now.
    pub(crate) fn now(&self) -> Arc<Vec<Arc<Served>>> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The model of a name; the first without one.
    pub(crate) fn find(&self, name: Option<&str>) -> Option<Arc<Served>> {
        self.now().iter().find(|served| name.is_none_or(|name| served.name == name)).cloned()
    }

    /// Opens every file that was replaced, and tells what became of each model. Requests are answered meanwhile.
    pub(crate) fn reload(&self) -> Vec<(String, Reloaded)> {
        let _one = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let mut served = Vec::clone(&self.now());
        let mut told = Vec::with_capacity(served.len());
        for (file, place) in self.files.iter().zip(0..) {
            let stamp = Stamp::of(&file.path);
            let reloaded = if stamp.is_some() && stamp == served[place].stamp {
                Reloaded::Unchanged
            } else {
                match (self.open)(&file.path, &backbones(&served)) {
                    Ok(classifier) => {
                        served[place] = Arc::new(Served::new(file, classifier, stamp, &self.next_id));
                        Reloaded::Replaced
                    }
                    Err(why) => Reloaded::Kept(why),
                }
            };
            told.push((file.name.clone(), reloaded));
        }
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(served);
        told
    }
}

impl Served {
    fn new(file: &ModelFile, classifier: Classifier, stamp: Option<Stamp>, next: &AtomicU64) -> Self {
        Self { name: file.name.clone(), classifier, id: next.fetch_add(1, Ordering::Relaxed), stamp }
    }
}

/// The backbones of models.
fn backbones(served: &[Arc<Served>]) -> Vec<Backbone> {
    served.iter().map(|served| served.classifier.backbone().clone()).collect()
}

/// What changes when a file is replaced or written.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// The file's number, and when that was last written to.
    inode: (u64, i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let about = std::fs::metadata(path).ok()?;
        Some(Self { bytes: about.len(), modified: about.modified().ok(), inode: inode(&about) })
    }
}

#[cfg(unix)]
fn inode(about: &Metadata) -> (u64, i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (about.ino(), about.ctime(), about.ctime_nsec())
}

#[cfg(not(unix))]
fn inode(_about: &Metadata) -> (u64, i64, i64) {
    (0, 0, 0)
}
