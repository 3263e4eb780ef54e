//! Copies of bytes that came before: how many are the same, and where they are not.

/// The outcome for one segment, which may overlap with several pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) same: u64,
    pub(super) differing: u64,
    /// No longer there to compare with.
    pub(super) unchecked: u64,
    /// First byte that differs, and one past the last.
    pub(super) differs: Option<(u64, u64)>,
}

impl Comparison {
    /// Compares bytes at `offset` with what came first there. Both are of one length.
    pub(super) fn compare(&mut self, offset: u64, copy: &[u8], first: &[u8]) {
        if copy == first {
            self.same += copy.len() as u64;
            return;
        }
        for (at, _) in copy.iter().zip(first).enumerate().filter(|(_, (a, b))| a != b) {
            let at = offset + at as u64;
            self.differing += 1;
            let from = self.differs.map_or(at, |(from, _)| from.min(at));
            let to = self.differs.map_or(at + 1, |(_, to)| to.max(at + 1));
            self.differs = Some((from, to));
        }
        self.same += copy.iter().zip(first).filter(|(a, b)| a == b).count() as u64;
    }
}
