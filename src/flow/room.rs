//! Memory that the lists of all flows share: holes, segments remembered, bytes kept. A flow's own caps do not bound a million
//! flows; this does. What finds no room is forgotten, and said to be.

/// What is left of the memory for lists, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    left: usize,
}

impl Room {
    pub(super) const fn new(bytes: usize) -> Self {
        Self { left: bytes }
    }

    /// Takes bytes for a list that is to grow. `false`: there are none, and the list must make do.
    #[must_use]
    pub(super) const fn take(&mut self, bytes: usize) -> bool {
        if bytes > self.left {
            return false;
        }
        self.left -= bytes;
        true
    }

    /// Gives back what a list no longer holds.
    pub(super) const fn give_back(&mut self, bytes: usize) {
        self.left += bytes;
    }
}
