//! Memory of a size that a file or a person names: asked for, and taken only where something is written.
//!
//! `Vec` ends the process where the system has no more memory, and a `resize` writes to all of it at once. What comes from a
//! stranger's file goes through here instead: a shortage is an error, and zeros that the system gives cost nothing before
//! they are written to, so that a small file which claims to be a large picture takes no memory for what it lacks.

use std::alloc::{Layout, alloc_zeroed};

use crate::allocator::asking;

/// There is less memory than is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are no {bytes} bytes of memory left")]
pub struct Shortage {
    /// How many bytes were asked for.
    pub bytes: u64,
}

/// A number of which all bits may be zero.
pub trait Number: Copy + Default + sealed::Sealed + 'static {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl sealed::Sealed for $number {}
        impl Number for $number {})*
    };
}
numbers!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

/// Gives memory that is free back to the system, where its allocator keeps it for later: the pages of a large photo, say, that
/// is done with. For a program that goes on for long and has nothing to do right now; without effect but with the C library of
/// GNU. Takes a millisecond or so for each 100 MB.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // SAFETY: it takes the allocator's own locks and touches free memory alone.
        unsafe { malloc_trim(0) };
    }
}

/// Has this process keep no more than `bytes` of free memory at the end of each of the allocator's regions, of which every
/// thread may have one, and take larger blocks from the system one by one, which then go back when they are freed.
///
/// The C library of GNU raises both bounds by itself to the size of the largest block that was ever freed, up to 32 MiB and twice
/// that: one large photo, and each thread of a server keeps as much for ever, where [`give_back`] does not reach it. To be called
/// once, when a program begins; without effect but with that library. A block above the bound costs the system's zeroing
/// of its pages each time, some 0.1 ms for each MiB.
pub fn keep_at_most(bytes: u32) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;
        const TRIM_THRESHOLD: c_int = -1;
        const MAP_THRESHOLD: c_int = -3;
        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        let bytes = c_int::try_from(bytes).unwrap_or(c_int::MAX);
        for parameter in [TRIM_THRESHOLD, MAP_THRESHOLD] {
            // SAFETY: it takes the allocator's own locks and sets a number; one that is out of range is refused.
            unsafe { mallopt(parameter, bytes) };
        }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = bytes;
}

fn shortage<T>(count: usize) -> Shortage {
    Shortage { bytes: (count as u64).saturating_mul(size_of::<T>() as u64) }
}

/// Returns `count` zeros.
///
/// # Errors
/// [`Shortage`].
pub fn zeros<T: Number>(count: usize) -> Result<Vec<T>, Shortage> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let layout = Layout::array::<T>(count).map_err(|_| shortage::<T>(count))?;
    // SAFETY: the layout has a size above zero.
    let start = asking(|| unsafe { alloc_zeroed(layout) }).cast::<T>();
    if start.is_null() {
        return Err(shortage::<T>(count));
    }
    // SAFETY: the memory comes from the global allocator with the layout of `count` values, and zeros are values of a `Number`,
    // a trait that nobody outside can implement.
    Ok(unsafe { Vec::from_raw_parts(start, count, count) })
}

/// Gives `values` this length. What they held may be lost; where they grow into memory that was theirs before, the new ones are
/// zeros, too.
///
/// # Errors
/// [`Shortage`]; then `values` are empty.
pub fn set_len<T: Number>(values: &mut Vec<T>, count: usize) -> Result<(), Shortage> {
    if count > values.capacity() {
        // Given back first: both at once may be too much.
        *values = Vec::new();
        *values = zeros(count)?;
    }
    values.resize(count, T::default());
    Ok(())
}

/// Makes room for this many values more.
///
/// # Errors
/// [`Shortage`].
pub fn reserve<T>(values: &mut Vec<T>, more: usize) -> Result<(), Shortage> {
    asking(|| values.try_reserve(more)).map_err(|_| shortage::<T>(values.len().saturating_add(more)))
}

/// Makes room for exactly this many values more.
///
/// # Errors
/// [`Shortage`].
pub fn reserve_exact<T>(values: &mut Vec<T>, more: usize) -> Result<(), Shortage> {
    asking(|| values.try_reserve_exact(more)).map_err(|_| shortage::<T>(values.len().saturating_add(more)))
}

/// Says whether so many bytes could be had in one piece, which are given back at once.
///
/// For code of others that ends the process where memory is short: whoever asks first has an error in its place, as long as no
/// other thread takes the memory in between.
///
/// # Errors
/// [`Shortage`].
pub fn probe(bytes: u64) -> Result<(), Shortage> {
    let count = usize::try_from(bytes).map_err(|_| Shortage { bytes })?;
    let mut room: Vec<u8> = Vec::new();
    asking(|| room.try_reserve_exact(count)).map_err(|_| Shortage { bytes })?;
    // Seen by nobody, an allocation may be left out by the compiler.
    std::hint::black_box(room.as_mut_ptr());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_of_any_number_are_zeros_and_too_many_are_an_error() {
        for count in [0, 1, 7, 100_000] {
            assert_eq!(zeros::<u8>(count).unwrap(), vec![0; count]);
            assert_eq!(zeros::<i16>(count).unwrap(), vec![0; count]);
            assert_eq!(zeros::<f64>(count).unwrap(), vec![0.0; count]);
        }
        let most = usize::MAX / 2;
        assert_eq!(zeros::<u8>(most), Err(Shortage { bytes: most as u64 }));
        assert_eq!(zeros::<f32>(usize::MAX), Err(Shortage { bytes: u64::MAX }));
        assert_eq!(probe(u64::MAX), Err(Shortage { bytes: u64::MAX }));
        assert!(probe(most as u64).is_err() && probe(0).is_ok() && probe(1 << 20).is_ok());
        let mut values = vec![1u8];
        assert!(reserve(&mut values, usize::MAX).is_err() && reserve(&mut values, 100).is_ok());
        assert!(values == [1] && values.capacity() > 100);
    }

    #[test]
    fn a_length_is_set_in_memory_that_is_there_or_in_new_zeros() {
        let mut values = vec![3u8; 10];
        set_len(&mut values, 4).unwrap();
        assert_eq!(values, [3; 4]);
        set_len(&mut values, 6).unwrap();
        assert_eq!(values, [3, 3, 3, 3, 0, 0]);
        let more = values.capacity() + 1;
        set_len(&mut values, more).unwrap();
        assert_eq!(values, vec![0; more]);
        assert!(set_len(&mut values, usize::MAX / 2).is_err() && values.is_empty());
    }
}
