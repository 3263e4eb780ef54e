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
    #[cfg(target_arch = "x86_64")]
    for line in 0..size_of::<T>().div_ceil(LINE).min(lines) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = std::ptr::from_ref(of).cast::<i8>();
        // SAFETY: a prefetch is a hint. It loads nothing that the program could see, changes nothing, and does not fault, whatever
        // the address; this one lies in a value that is borrowed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(line * LINE)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (of, lines, LINE);
}
