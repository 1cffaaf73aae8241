//! The photos that wait for a thread: bounded, and fair to requests. Whoever takes a photo takes it from the request whose turn
//! it is, so a request of one photo does not wait for all of a request of a thousand.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::order::Order;

/// Orders that wait, and the threads that work on them.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    ready: Condvar,
    /// The most photos that wait.
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Orders with photos that were not begun, the next one first.
    orders: VecDeque<Waiting>,
    /// Photos of all these orders that were not begun.
    photos: usize,
    /// Threads that work on a photo.
    busy: usize,
    closed: bool,
}

#[derive(Debug)]
struct Waiting {
    order: Arc<Order>,
    /// The next photo of it.
    next: usize,
}

impl Waiting {
    fn left(&self) -> usize {
        self.order.photos.len() - self.next
    }
}

/// A photo for the thread that took it, which gives it back by [`Queue::end`].
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) order: Arc<Order>,
    pub(crate) photo: usize,
    /// Whether nothing else is to be done: the photo may have all threads.
    pub(crate) is_alone: bool,
}

impl Queue {
    pub(crate) fn new(most: usize) -> Self {
        Self { state: Mutex::default(), ready: Condvar::new(), most }
    }

    /// Puts an order at the end. An order of more photos than may wait is taken where none waits.
    ///
    /// # Errors
    /// How many photos wait, if the order's would be too many.
    pub(crate) fn put(&self, order: Arc<Order>) -> Result<(), usize> {
        let mut state = self.state();
        let photos = order.photos.len();
        if state.photos > 0 && state.photos + photos > self.most {
            return Err(state.photos);
        }
        state.photos += photos;
        state.orders.push_back(Waiting { order, next: 0 });
        drop(state);
        match photos {
            1 => self.ready.notify_one(),
            _ => self.ready.notify_all(),
        }
        Ok(())
    }

    /// Waits for a photo to work on; `None` once the queue is closed and empty.
    pub(crate) fn take(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if let Some(Waiting { order, next }) = state.orders.pop_front() {
                state.photos -= 1;
                let photo = next;
                if next + 1 < order.photos.len() {
                    state.orders.push_back(Waiting { order: order.clone(), next: next + 1 });
                }
                let is_alone = state.busy == 0 && state.orders.is_empty();
                state.busy += 1;
                return Some(Job { order, photo, is_alone });
            }
            if state.closed {
                return None;
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the work on a photo, whatever became of it.
    pub(crate) fn end(&self, _job: Job) {
        self.state().busy -= 1;
    }

    /// Takes the photos of an order away that were not begun.
    pub(crate) fn forget(&self, order: &Arc<Order>) {
        let mut state = self.state();
        let State { orders, photos, .. } = &mut *state;
        orders.retain(|waiting| {
            let is_it = Arc::ptr_eq(&waiting.order, order);
            *photos -= if is_it { waiting.left() } else { 0 };
            !is_it
        });
    }

    /// Whether nothing is to be done.
    pub(crate) fn is_at_rest(&self) -> bool {
        let state = self.state();
        state.orders.is_empty() && state.busy == 0
    }

    /// How many photos wait.
    pub(crate) fn photos(&self) -> usize {
        self.state().photos
    }

    /// Lets the threads end when no photo waits any more.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.ready.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
