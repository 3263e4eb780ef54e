//! Memory that the lists of all flows share: holes, segments remembered, bytes kept. A flow's own caps do not bound a million
//! flows; this does. What finds no room is forgotten, and said to be.

/// What is left of the memory for lists, bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    left: usize,
    /// With less than this those that are silent are asked to give back, before anybody goes without.
    reserve: usize,
    /// Somebody went without, or took of the reserve, since this was last asked.
    short: bool,
}

impl Room {
    pub(super) const fn new(bytes: usize) -> Self {
        Self { left: bytes, reserve: bytes / 16, short: false }
    }

    /// Takes bytes for a list that is to grow. `false`: there are none, and the list must make do.
    #[must_use]
    pub(super) const fn take(&mut self, bytes: usize) -> bool {
        if bytes > self.left {
            self.short = true;
            return false;
        }
        self.left -= bytes;
        self.short |= self.left < self.reserve;
        true
    }

    /// Did somebody go without, or take of the reserve, since this was last asked?
    pub(super) const fn was_short(&mut self) -> bool {
        std::mem::replace(&mut self.short, false)
    }

    /// Gives back what a list no longer holds.
    pub(super) const fn give_back(&mut self, bytes: usize) {
        self.left += bytes;
    }
}

/// As much is left.
#[cfg(test)]
impl PartialEq for Room {
    fn eq(&self, other: &Self) -> bool {
        self.left == other.left
    }
}
