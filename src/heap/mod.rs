//! How much memory the program holds, as its allocator knows it: an allocator that counts, thread by thread, and passes
//! everything on to the system's.
//!
//! Whoever has a share of memory to keep to (the flow tracker, packets held back) asks before and after what it does and adds up
//! the difference. So the account has what every box, list and tree really takes, whatever their layout, and nobody has to be told when
//! something is added to a flow. It is per thread, hence the same in every run: what other threads do meanwhile (an output that
//! waits for its reader) is not in it.
//!
//! A program that does not set [`Counting`] as its global allocator counts nothing: limits in bytes do not bind there, those
//! in numbers do.
#![expect(unsafe_code, reason = "an allocator is unsafe to write; this one only passes calls on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What the system's allocator takes beside each piece, and the multiple that it rounds to (glibc, 64 bits).
const BESIDE: usize = size_of::<usize>();
const ROUNDED: usize = 16;
/// Its smallest piece.
const LEAST: usize = 32;

thread_local! {
    /// Taken by this thread minus given back by it. Without a destructor: it can be reached as long as the thread lives.
    static HELD: Cell<isize> = const { Cell::new(0) };
}

/// Bytes that this thread took of the allocator, minus those that it gave back; below zero where it frees what others took.
/// Only differences mean something.
#[must_use]
#[inline]
pub fn held() -> isize {
    HELD.get()
}

/// Does what `work` does, and leaves it out of this thread's account: it gives back what others took, or takes what is not for whoever
/// counts.
#[inline]
pub fn left_out<R>(work: impl FnOnce() -> R) -> R {
    let before = HELD.get();
    let done = work();
    HELD.set(before);
    done
}

/// What a piece of so many bytes takes.
#[must_use]
pub const fn taken(bytes: usize) -> usize {
    let all = bytes.saturating_add(BESIDE).next_multiple_of(ROUNDED);
    if all < LEAST { LEAST } else { all }
}

#[inline]
fn count(bytes: isize) {
    HELD.set(HELD.get().wrapping_add(bytes));
}

/// The system's allocator, counted. To be set with `#[global_allocator]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counting;

// SAFETY: every call goes to `System` with the arguments it came with, and its answer is given back; counting touches no memory but
// a thread-local number, allocates nothing and cannot unwind.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps to the contract of `GlobalAlloc::alloc`, which is the same for `System`.
        let place = unsafe { System.alloc(layout) };
        if !place.is_null() {
            count(taken(layout.size()) as isize);
        }
        place
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let place = unsafe { System.alloc_zeroed(layout) };
        if !place.is_null() {
            count(taken(layout.size()) as isize);
        }
        place
    }

    #[inline]
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(taken(layout.size()) as isize));
        // SAFETY: as above: `place` came from `System` with this layout.
        unsafe { System.dealloc(place, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above: `place` came from `System` with this layout, and the caller vouches for the new size.
        let moved = unsafe { System.realloc(place, layout, size) };
        if !moved.is_null() {
            count(taken(size) as isize - taken(layout.size()) as isize);
        }
        moved
    }
}

/// Tests count, too.
#[cfg(test)]
#[global_allocator]
static COUNTED: Counting = Counting;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_takes_what_is_beside_it() {
        assert_eq!([0, 1, 24, 25, 40, 41, 576].map(taken), [32, 32, 32, 48, 48, 64, 592]);
    }

    #[test]
    fn what_is_taken_is_counted_and_what_is_given_back_as_well() {
        let layout = Layout::from_size_align(1000, 8).expect("a good layout");
        let larger = Layout::from_size_align(5000, 8).expect("a good layout");
        let before = held();
        // SAFETY: the layouts are of more than no bytes, each place is given back once, with the layout it has by then.
        unsafe {
            let place = Counting.alloc(layout);
            assert_eq!(held() - before, taken(1000) as isize);
            let place = Counting.realloc(place, layout, 5000);
            assert_eq!(held() - before, taken(5000) as isize);
            let zeroed = Counting.alloc_zeroed(layout);
            assert_eq!(*zeroed, 0);
            Counting.dealloc(zeroed, layout);
            Counting.dealloc(place, larger);
        }
        assert_eq!(held(), before);
    }
}
