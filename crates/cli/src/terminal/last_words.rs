//! What a command says when it is interrupted, whether it stops by itself or is ended.

use std::sync::Mutex;

use crate::terminal::lock::lock;

/// `None` where there is nothing to go on with.
static LAST_WORDS: Mutex<Option<String>> = Mutex::new(None);

/// Sets what is said from now on.
pub(crate) fn set(words: Option<String>) {
    *lock(&LAST_WORDS) = words;
}

/// Returns what is to be said.
pub(crate) fn get() -> String {
    lock(&LAST_WORDS).clone().unwrap_or_else(|| "interrupted".to_owned())
}
