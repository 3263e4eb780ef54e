//! Which bytes of a stream have been seen at least once: a contiguous run and a bounded list of runs above its holes.

/// Most runs kept above the first. Filling a hole beyond that is no longer seen as new.
const MAX_RUNS: usize = 64;

/// The bytes seen of one direction. Offsets are those of [`super::seq`].
#[derive(Clone, Debug, Default)]
pub(super) struct Coverage {
    /// The lowest run, `start..end`; empty before the first byte.
    start: u64,
    end: u64,
    /// Bytes seen at least once.
    unique: u64,
    /// Runs above holes, ascending, apart from each other. Almost always `None`, hence the second box: one word instead of three.
    #[expect(clippy::box_collection)]
    above: Option<Box<Vec<(u64, u64)>>>,
    /// A hole was forgotten, so `unique` may be too small.
    forgot: bool,
}

impl Coverage {
    /// Bytes seen at least once.
    pub(super) const fn unique(&self) -> u64 {
        self.unique
    }

    /// May [`Self::unique`] be too small, because more holes were open at one time than are kept?
    pub(super) const fn forgot(&self) -> bool {
        self.forgot
    }

    /// One past the last byte below which everything was seen, if anything was.
    pub(super) const fn contiguous(&self) -> Option<u64> {
        if self.start == self.end { None } else { Some(self.end) }
    }

    /// Records `start..end` and says how many of its bytes are new.
    pub(super) fn insert(&mut self, start: u64, end: u64) -> u64 {
        if start >= end {
            return 0;
        }
        let new = if self.start == self.end {
            (self.start, self.end) = (start, end);
            end - start
        } else if self.above.is_none() && start >= self.start && start <= self.end {
            // The usual case: the next bytes, or bytes already seen.
            let new = end.saturating_sub(self.end);
            self.end = self.end.max(end);
            new
        } else {
            self.insert_apart(start, end)
        };
        self.unique += new;
        new
    }

    /// The general case: a list of runs in ascending order, of which `self.start..self.end` is the first.
    fn insert_apart(&mut self, start: u64, end: u64) -> u64 {
        let mut runs = self.above.take().unwrap_or_default();
        runs.insert(0, (self.start, self.end));
        // Runs from `first` up to `last` touch or overlap the new bytes and become one with them.
        let first = runs.partition_point(|run| run.1 < start);
        let last = runs.partition_point(|run| run.0 <= end);
        let touched = &runs[first..last];
        let seen: u64 = touched.iter().map(|run| run.1.min(end).saturating_sub(run.0.max(start))).sum();
        let merged = touched.iter().fold((start, end), |all, run| (all.0.min(run.0), all.1.max(run.1)));
        runs.splice(first..last, [merged]);
        (self.start, self.end) = runs.remove(0);
        if runs.len() > MAX_RUNS {
            // The oldest hole is the least likely to be filled still.
            self.end = runs.remove(0).1;
            self.forgot = true;
        }
        self.above = if runs.is_empty() { None } else { Some(runs) };
        (end - start) - seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn agrees_with_a_set_of_bytes(pieces in prop::collection::vec((0u64..600, 0u64..40), 0..100)) {
            let mut coverage = Coverage::default();
            let mut bytes = BTreeSet::new();
            for (start, len) in pieces {
                let before = bytes.len() as u64;
                bytes.extend(start..start + len);
                prop_assert_eq!(coverage.insert(start, start + len), bytes.len() as u64 - before);
            }
            prop_assert_eq!(coverage.unique(), bytes.len() as u64);
            prop_assert!(!coverage.forgot());
        }
    }

    #[test]
    fn more_holes_than_are_kept_never_count_a_byte_twice() {
        let mut coverage = Coverage::default();
        for i in 0..1000u64 {
            coverage.insert(i * 10, i * 10 + 5);
        }
        assert_eq!(coverage.unique(), 5000);
        assert!(coverage.forgot());
        assert!(coverage.above.as_ref().is_some_and(|runs| runs.len() <= MAX_RUNS));
        // The first hole was forgotten: filling it counts nothing; the last one is still known.
        assert_eq!(coverage.insert(5, 10), 0);
        assert_eq!(coverage.insert(9985, 9990), 5);
    }
}
