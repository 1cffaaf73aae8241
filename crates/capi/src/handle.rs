//! What lies behind the pointers that a caller holds: the thing itself behind a number that says what it is, as long as it
//! was not freed.
//!
//! To use a handle after it was freed is an error of the caller's, as with any memory in C. In a debug build the few bytes of
//! a handle are never given back, so that the number, cleared, can still be read and the call ends with a message.

use crate::status::Failure;

/// Whether freed handles stay readable: what a debug build pays to catch their use.
pub(crate) const KEEPS_FREED: bool = cfg!(debug_assertions);

/// Something that a caller holds by a pointer.
pub(crate) trait Content {
    /// What the caller calls it.
    const NAME: &'static str;
    /// The number at the head of a handle of it, another for each kind.
    const MAGIC: u32;
}

/// A thing behind the number of its kind.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Handle<T> {
    magic: u32,
    content: Option<T>,
}

impl<T: Content> Handle<T> {
    pub(crate) fn new(content: T) -> Self {
        Self { magic: T::MAGIC, content: Some(content) }
    }

    /// Returns the thing.
    ///
    /// # Errors
    /// A handle that was freed, or is of another kind, as far as that can be told.
    pub(crate) fn get(&self) -> Result<&T, Failure> {
        // The number first: what lies behind it may be smaller.
        let content = if self.magic == T::MAGIC { self.content.as_ref() } else { None };
        content.ok_or_else(|| Failure::usage(format!("this {} was freed, or is none; open another", T::NAME)))
    }

    /// Ends the thing; what is left says that it was freed. Ends nothing twice, and nothing of another kind.
    pub(crate) fn end(&mut self) {
        if self.magic == T::MAGIC {
            self.magic = 0;
            self.content = None;
        }
    }
}

/// Returns what a handle that a caller gave holds.
///
/// # Errors
/// A null pointer, and what [`Handle::get`] says.
pub(crate) fn held<T: Content>(handle: Option<&Handle<T>>) -> Result<&T, Failure> {
    handle.ok_or_else(|| Failure::usage(format!("the {} is NULL; open one first", T::NAME)))?.get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;

    struct One(#[expect(dead_code, reason = "dropped, and counted by who else holds it")] std::sync::Arc<()>);
    impl Content for One {
        const NAME: &'static str = "one";
        const MAGIC: u32 = 1;
    }

    #[test]
    fn what_was_freed_is_gone_and_told_and_freed_once() {
        let counted = std::sync::Arc::new(());
        let mut handle = Handle::new(One(counted.clone()));
        assert!(handle.get().is_ok());
        for _ in 0..2 {
            handle.end();
            assert_eq!(std::sync::Arc::strong_count(&counted), 1);
            let failure = handle.get().err().unwrap();
            assert_eq!((failure.status, failure.message.contains("one was freed")), (Status::Usage, true));
        }
        assert!(held::<One>(None).is_err());
    }

    #[test]
    fn a_handle_of_another_kind_is_told_and_not_ended() {
        let counted = std::sync::Arc::new(());
        let mut handle = Handle { magic: 2, content: Some(One(counted.clone())) };
        assert!(handle.get().is_err());
        handle.end();
        assert_eq!(std::sync::Arc::strong_count(&counted), 2);
    }
}
