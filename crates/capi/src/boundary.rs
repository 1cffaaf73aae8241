//! The boundary itself: what a C caller's pointers become, and what becomes of a panic. The only file that follows a
//! pointer of the caller's.
//!
//! A handle and a place for a result come as references that may be missing, which is what a pointer is that may be NULL;
//! strings and arrays, whose length no type tells, come as pointers and are made slices here. That a pointer which is not
//! NULL can be followed is the caller's promise, the one thing that nobody here can check.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::handle::KEEPS_FREED;
use crate::status::Failure;

/// Runs `work`; a panic in it becomes a failure that says so.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    // What a panic leaves half-done is either dropped with it or behind a lock: see `icecap::model::Pool`.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|left| Err(Failure::panicked(&*left)))
}

/// Reads something of a handle; `otherwise` if that cannot be had.
pub(crate) fn read<T>(otherwise: T, work: impl FnOnce() -> Result<T, Failure>) -> T {
    caught(work).unwrap_or(otherwise)
}

/// Frees what a handle holds by `end`, and the handle itself unless freed ones stay readable.
pub(crate) fn free<T>(handle: Option<Box<T>>, end: impl FnOnce(&mut T)) {
    let Some(mut handle) = handle else { return };
    let _ = caught(|| {
        end(&mut handle);
        Ok(())
    });
    if KEEPS_FREED {
        Box::leak(handle);
    }
}

/// Returns the string at `text`; `None` if there is none.
///
/// # Safety
/// `text` is NULL or the address of a string that ends with a zero byte and stays as it is for `'a`.
pub(crate) unsafe fn string<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: it is not NULL, and the rest is promised by the caller.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}

/// Returns a string as text.
///
/// # Errors
/// One that is no UTF-8; `what` is what it should have been.
pub(crate) fn text<'a>(string: &'a CStr, what: &str) -> Result<&'a str, Failure> {
    string.to_str().map_err(|_| Failure::usage(format!("the {what} is no UTF-8")))
}

/// Returns a string as a path: its bytes as they are on Unix, UTF-8 elsewhere.
///
/// # Errors
/// Elsewhere, one that is no UTF-8; an empty one everywhere.
pub(crate) fn path(string: &CStr) -> Result<PathBuf, Failure> {
    if string.is_empty() {
        return Err(Failure::usage("the path is empty; name a file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Ok(Path::new(std::ffi::OsStr::from_bytes(string.to_bytes())).to_owned())
    }
    #[cfg(not(unix))]
    Ok(Path::new(text(string, "path")?).to_owned())
}

/// Refuses what no array can be; `what` is what it should have been.
fn check_array<T>(array: *const T, len: usize, what: &str) -> Result<(), Failure> {
    if array.is_null() {
        return Err(Failure::usage(format!("{what} is NULL, and {len} are to be there")));
    }
    if !array.is_aligned() {
        let reason = format!("{what} is at no address for its type; give an array of that type");
        return Err(Failure::usage(reason));
    }
    let bytes = len.checked_mul(size_of::<T>()).filter(|bytes| isize::try_from(*bytes).is_ok());
    if bytes.is_none_or(|bytes| (array.addr()).checked_add(bytes).is_none()) {
        return Err(Failure::usage(format!("{what}: {len} of them are more than memory can hold")));
    }
    Ok(())
}

/// Returns the `len` values at `array`, which may be NULL if there are none.
///
/// # Errors
/// An array that cannot be one.
///
/// # Safety
/// `array` is NULL or the address of `len` values that stay as they are for `'a`.
pub(crate) unsafe fn array<'a, T>(array: *const T, len: usize, what: &str) -> Result<&'a [T], Failure> {
    if len == 0 {
        return Ok(&[]);
    }
    check_array(array, len, what)?;
    // SAFETY: it is not NULL, aligned and no longer than an array may be; the rest is promised by the caller.
    Ok(unsafe { std::slice::from_raw_parts(array, len) })
}

/// Returns the places of `len` values at `array`, which may be NULL if there are none.
///
/// # Errors
/// An array that cannot be one.
///
/// # Safety
/// `array` is NULL or the address of room for `len` values that nobody else uses for `'a`.
pub(crate) unsafe fn places<'a, T>(
    array: *mut MaybeUninit<T>,
    len: usize,
    what: &str,
) -> Result<&'a mut [MaybeUninit<T>], Failure> {
    if len == 0 {
        return Ok(&mut []);
    }
    check_array(array, len, what)?;
    // SAFETY: it is not NULL, aligned and no longer than an array may be; the rest is promised by the caller.
    Ok(unsafe { std::slice::from_raw_parts_mut(array, len) })
}

/// Returns the values of places, each of them `value` at first.
pub(crate) fn filled<T: Copy>(places: &mut [MaybeUninit<T>], value: T) -> &mut [T] {
    for place in &mut *places {
        place.write(value);
    }
    // SAFETY: each of them was written just now.
    unsafe { &mut *(std::ptr::from_mut(places) as *mut [T]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;

    /// The hook prints what panics; it is that of the test's own output.
    #[test]
    fn a_panic_becomes_a_failure_with_its_reason() {
        let told = |work: fn() -> Result<(), Failure>| caught(work).unwrap_err();
        for failure in [told(|| panic!("a number, {}", 7)), told(|| panic!("a number, 7"))] {
            assert_eq!(failure.status, Status::Bug);
            assert!(failure.message.contains("report it: a number, 7"), "{}", failure.message);
        }
        assert_eq!(told(|| std::panic::panic_any(7)).status, Status::Bug);
        assert_eq!(read(3, || panic!("none")), 3);
        let mut is_freed = false;
        free(Some(Box::new(1)), |_: &mut i32| panic!("freeing"));
        free(Some(Box::new(1)), |_: &mut i32| is_freed = true);
        assert!(is_freed);
    }

    #[test]
    fn what_no_array_can_be_is_refused_before_it_is_looked_at() {
        let values = [1_u32, 2, 3];
        let check =
            |array: *const u32, len| check_array(array, len, "numbers").map_err(|failure| failure.message);
        assert!(check(values.as_ptr(), 3).is_ok());
        assert!(check(std::ptr::null(), 1).unwrap_err().contains("NULL"));
        assert!(check(values.as_ptr().wrapping_byte_add(1), 1).unwrap_err().contains("address"));
        for len in [usize::MAX, usize::MAX / 4 + 1, isize::MAX as usize / 4 + 1] {
            assert!(check(values.as_ptr(), len).unwrap_err().contains("more than memory"), "{len}");
        }
        // Its end would lie behind the last address.
        let last = std::ptr::without_provenance(usize::MAX - 3);
        assert!(check(last, 1).unwrap_err().contains("more than memory"));
    }
}
