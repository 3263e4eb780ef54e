//! Memory asked for before it is needed, so that a packet does not wait for it.
//!
//! The one `unsafe` corner of this room: no safe function of the standard library prefetches, and a plain read in its place makes
//! the processor wait, which is what this is to avoid. What it gains is said in [`super::tracker`]'s `ahead.rs`.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "a prefetch takes a pointer"))]

/// Bytes of a line of the cache.
const LINE: usize = 64;

/// Asks for the memory of a value, at most `lines` lines of it. On processors other than x86-64 nothing is done.
#[inline]
pub(super) fn prefetch<T>(of: &T, lines: usize) {
    ask(std::ptr::from_ref(of), size_of::<T>(), lines);
}

/// Asks for the memory of a value, and of another one right behind it, whatever is there.
#[inline]
pub(super) fn prefetch_two<T>(of: &T) {
    ask(std::ptr::from_ref(of), 2 * size_of::<T>(), usize::MAX);
}

/// Asks for the memory that lies so many bytes behind this one, as much of it as this is, whatever is there.
#[inline]
pub(super) fn prefetch_beyond(bytes: &[u8], by: usize) {
    ask(bytes.as_ptr().wrapping_add(by), bytes.len(), usize::MAX);
}

#[inline]
fn ask<T>(start: *const T, bytes: usize, lines: usize) {
    // A value that is not at the start of a line may reach into one more than it would fill.
    let before = if align_of::<T>() < LINE { start.addr() % LINE } else { 0 };
    for line in 0..(before + bytes).div_ceil(LINE).min(lines) {
        #[cfg(target_arch = "x86_64")]
        {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: a prefetch is a hint. It loads nothing that the program could see, changes nothing, and does not fault,
            // whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.cast::<i8>().wrapping_add(line * LINE)) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = line;
    }
}
