//! Photos by the batch: in windows, so that memory does not grow with their number, with an outcome for each.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use icecap::Source;
use icecap::advanced::data::Limits;
use icecap::model::Progress;

use crate::boundary::{array, caught, places};
use crate::error::Error;
use crate::photo::{Photo, Readable};
use crate::status::{Failure, Status};

/// Photos in a window.
const WINDOW: usize = 256;
/// The most bytes that are copied for a window, of pixels whose rows have gaps; the photo that reaches it is its last.
const COPIED: usize = 64 << 20;

/// Photos to go over on all threads, and who is told how far that is. Set what is not needed to 0: `icecap_batch batch = {0};`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Batch {
    /// `count` photos.
    pub photos: *const Photo,
    /// How many photos there are.
    pub count: usize,
    /// Called as the work goes on, by one thread at a time but not always the same, with how many of the photos are done; returns
    /// 0 to go on, anything else to stop. It must not throw, and must not use the handle that it is called for. NULL for none.
    pub progress: Option<extern "C" fn(done: usize, photos: usize, context: *mut c_void) -> c_int>,
    /// What `progress` is given, as it is.
    pub context: *mut c_void,
}

/// What is done with the photos of a batch.
pub(crate) trait Work {
    /// What one photo may ask for.
    fn limits(&self) -> Limits;

    /// Works on the photos of a window and returns how it went with each.
    ///
    /// # Errors
    /// What keeps all of them from an answer, and those of the windows to come.
    fn window(&mut self, photos: &[Placed<'_>], progress: &Watch<'_>) -> Result<Vec<Outcome>, Failure>;
}

/// A photo of a batch.
pub(crate) struct Placed<'a> {
    /// Its place among them.
    pub(crate) place: usize,
    pub(crate) photo: Readable<'a>,
}

/// How it went with one photo.
pub(crate) type Outcome = Result<(), Failure>;

/// Whoever is told how far a window is.
pub(crate) type Watch<'a> = dyn Fn(Progress) -> ControlFlow<()> + Sync + 'a;

/// A batch as it is gone over.
pub(crate) struct Running<'a> {
    count: usize,
    /// As many photos, or why there are none.
    photos: Result<&'a [Photo], Failure>,
    /// As many places for errors, or none.
    errors: &'a mut [MaybeUninit<Option<Box<Error>>>],
    told: Told,
}

impl<'a> Running<'a> {
    /// Looks at a batch as the caller gave it.
    ///
    /// # Errors
    /// No batch, places for errors that cannot be written.
    ///
    /// # Safety
    /// The photos are as many as the batch says, and `errors` is NULL or has as many places.
    pub(crate) unsafe fn of(
        batch: Option<&Batch>,
        errors: *mut MaybeUninit<Option<Box<Error>>>,
    ) -> Result<Self, Failure> {
        let batch = batch.ok_or_else(|| Failure::usage("the batch is NULL"))?;
        // SAFETY: the caller's promise.
        let photos = unsafe { array(batch.photos, batch.count, "photos") };
        let len = if errors.is_null() { 0 } else { batch.count };
        // SAFETY: the caller's promise.
        let errors = unsafe { places(errors, len, "errors") }?;
        let (progress, context) = (batch.progress, AtomicPtr::new(batch.context));
        Ok(Self { count: batch.count, photos, errors, told: Told { progress, context, last: Mutex::new(0) } })
    }

    /// Returns how many photos there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Goes over all photos, window by window, and tells the error of each that has one; without work, that of each. Returns
    /// the status of the first photo without an answer.
    pub(crate) fn run(self, work: Result<impl Work, Failure>) -> Status {
        let mut status = Status::Ok;
        let mut tell = |errors: &mut [MaybeUninit<_>], place, outcome: Outcome| {
            let ended = Error::tell(errors.get_mut(place), outcome.err());
            status = if status == Status::Ok { ended } else { status };
        };
        let Self { count, photos, errors, told } = self;
        let mut done = 0;
        let failed = work.and_then(|mut work| {
            let photos = photos?;
            while done < photos.len() {
                for outcome in window(photos, &told, &mut work, done)? {
                    tell(errors, done, outcome);
                    done += 1;
                }
            }
            Ok(())
        });
        // A batch of none asks for nothing.
        if let Err(failure) = failed
            && count > 0
        {
            // Of places that there are: a count may be anything where there are none.
            (done..errors.len()).for_each(|place| tell(errors, place, Err(failure.clone())));
            tell(&mut [], 0, Err(failure));
        }
        status
    }
}

/// Works on the window of photos from the `first` on.
fn window(
    photos: &[Photo],
    told: &Told,
    work: &mut impl Work,
    first: usize,
) -> Result<Vec<Outcome>, Failure> {
    let (mut outcomes, mut readable, mut copied) = (Vec::new(), Vec::new(), 0);
    for (place, photo) in photos.iter().enumerate().skip(first).take(WINDOW) {
        // SAFETY: promised by the caller of `of`.
        match unsafe { Readable::of(photo, &work.limits()) } {
            Ok(photo) => {
                copied += photo.copied();
                readable.push(Placed { place, photo });
                outcomes.push(Ok(()));
            }
            Err(failure) => outcomes.push(Err(failure)),
        }
        if copied >= COPIED {
            break;
        }
    }
    let before = first + outcomes.len() - readable.len();
    let count = photos.len();
    let progress = |now: Progress| told.tell(before + now.done, count);
    let worked = caught(|| work.window(&readable, &progress))?;
    for (photo, outcome) in readable.iter().zip(worked) {
        outcomes[photo.place - first] = outcome;
    }
    Ok(outcomes)
}

/// Whoever is told how far the work is.
struct Told {
    progress: Option<extern "C" fn(usize, usize, *mut c_void) -> c_int>,
    context: AtomicPtr<c_void>,
    /// How many photos were done when it was last called: one thread at a time, and never backwards.
    last: Mutex<usize>,
}

impl Told {
    fn tell(&self, done: usize, photos: usize) -> ControlFlow<()> {
        let Some(progress) = self.progress else { return ControlFlow::Continue(()) };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = done.max(*last);
        match progress(*last, photos, self.context.load(Ordering::Relaxed)) {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }
}

/// Returns the photos of a window for the facade.
pub(crate) fn sources<'a>(photos: &'a [Placed<'_>]) -> Vec<Source<'a>> {
    photos.iter().map(|photo| photo.photo.source()).collect()
}
