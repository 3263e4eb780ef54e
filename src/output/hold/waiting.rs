//! Where things wait in order: queues that grow by a bounded amount, so that little of their memory is unused, and bytes one behind the
//! other.

use std::collections::VecDeque;

/// Places by which the queue grows.
const PLACES: usize = 1024;

/// A queue whose items have numbers that stay.
#[derive(Debug)]
pub(super) struct Queue<T> {
    pub(super) items: VecDeque<T>,
    /// How many left it, ever.
    gone: u64,
}

impl<T> Queue<T> {
    pub(super) const fn new() -> Self {
        Self { items: VecDeque::new(), gone: 0 }
    }

    /// The number of the item that is pushed next.
    pub(super) fn next(&self) -> u64 {
        self.gone + self.items.len() as u64
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.items.get_mut((number - self.gone) as usize)
    }

    pub(super) fn push(&mut self, item: T) {
        make_way(&mut self.items);
        self.items.push_back(item);
    }

    pub(super) fn drop_first(&mut self) {
        self.gone += u64::from(self.items.pop_front().is_some());
    }
}

/// Makes place for one more. Not doubled: half of that would be there and not used.
pub(super) fn make_way<T>(queue: &mut VecDeque<T>) {
    if queue.len() == queue.capacity() {
        queue.reserve_exact(PLACES);
    }
}

/// Bytes in the order in which they will be taken.
#[derive(Debug, Default)]
pub(super) struct Arena {
    pub(super) bytes: Vec<u8>,
    /// Where the first that is still wanted stands.
    start: usize,
}

impl Arena {
    /// The first bytes.
    pub(super) fn first(&self, len: usize) -> &[u8] {
        self.bytes.get(self.start..self.start + len).unwrap_or_default()
    }

    pub(super) fn drop_first(&mut self, len: usize) {
        self.start = (self.start + len).min(self.bytes.len());
        // Moved to the front when that costs no more than was taken since the last time.
        if self.start * 2 >= self.bytes.len() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }
}
