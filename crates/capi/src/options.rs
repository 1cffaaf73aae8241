//! What a model or a backbone runs on and in, as the caller asks for it.

use std::ffi::c_char;
use std::path::PathBuf;

use icecap::Settings;
use icecap::model::Precision;

use crate::boundary::{path, string, text};
use crate::status::Failure;

/// What a classifier or a backbone runs on and in. All zeros, or NULL in its place, is what most callers want.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Options {
    /// Threads; 0 for as many as there are processors. With 1 none is started: the caller's own does the work.
    pub threads: usize,
    /// Rows of a backbone's input in pixels; 0 for what its weights were made for. 0 for a classifier, which has its own.
    pub height: usize,
    /// Columns of a backbone's input in pixels, as `height`.
    pub width: usize,
    /// The numbers that the net computes with, "f32" or "int8"; NULL for those of the model, and f32 for weights.
    pub precision: *const c_char,
    /// The folder of weights that the program `icecap` fetched by name, its cache; NULL for none. NULL for a classifier.
    pub cache: *const c_char,
}

/// The same, read.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) settings: Settings,
    /// Rows and columns; `None` for what the weights were made for.
    pub(crate) size: Option<[usize; 2]>,
    pub(crate) cache: Option<PathBuf>,
}

impl Options {
    /// Reads the options of a backbone.
    ///
    /// # Errors
    /// One side without the other, a precision that there is not.
    ///
    /// # Safety
    /// Its strings are NULL or end with a zero byte.
    pub(crate) unsafe fn read(options: Option<&Self>) -> Result<Asked, Failure> {
        let Some(options) = options else { return Ok(Asked::default()) };
        let size = match [options.height, options.width] {
            [0, 0] => None,
            [0, _] | [_, 0] => {
                return Err(Failure::usage(
                    "height without width, or the other way round; give both, or 0 and 0",
                ));
            }
            size => Some(size),
        };
        let mut settings = Settings::threads(options.threads);
        // SAFETY: the caller's promise.
        if let Some(precision) = unsafe { string(options.precision) } {
            let precision: Result<Precision, _> = text(precision, "precision")?.parse();
            settings = settings.in_precision(precision.map_err(|error| Failure::usage(error.to_string()))?);
        }
        // SAFETY: the caller's promise.
        let cache = unsafe { string(options.cache) }.map(path).transpose()?;
        Ok(Asked { settings, size, cache })
    }

    /// Reads the options of a classifier, whose size and net are in its model.
    ///
    /// # Errors
    /// What [`Options::read`] returns; a size or a cache.
    ///
    /// # Safety
    /// What [`Options::read`] asks for.
    pub(crate) unsafe fn read_for_model(options: Option<&Self>) -> Result<Settings, Failure> {
        // SAFETY: the caller's promise.
        let asked = unsafe { Self::read(options) }?;
        if asked.size.is_some() || asked.cache.is_some() {
            return Err(Failure::usage(
                "a model has its own size and needs no cache; leave height, width and cache 0",
            ));
        }
        Ok(asked.settings)
    }
}
