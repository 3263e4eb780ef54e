//! Which bytes of a stream have been seen at least once: a contiguous run and a bounded list of runs above its holes.

use std::collections::VecDeque;

/// Most runs kept above the first: 16 kB for a direction, and only while that many holes are open. Beyond that the newest
/// hole is forgotten, and filling it is no longer seen as new.
const MAX_RUNS: usize = 1024;

/// The bytes seen of one direction. Offsets are those of [`super::seq`].
#[derive(Clone, Debug, Default)]
pub(super) struct Coverage {
    /// The lowest run, `start..end`; empty before the first byte.
    start: u64,
    end: u64,
    /// What there is, or was, above holes. Almost always `None`.
    above: Option<Box<Above>>,
}

/// Runs above holes.
#[derive(Clone, Debug, Default)]
struct Above {
    /// Ascending, apart from each other; none while there is no hole.
    runs: VecDeque<(u64, u64)>,
    /// Bytes seen at least once, less those of the lowest run.
    unique: i64,
    /// A hole was forgotten, so that the count may be too small.
    forgot: bool,
}

impl Coverage {
    /// Bytes seen at least once.
    pub(super) fn unique(&self) -> u64 {
        let above = self.above.as_ref().map_or(0, |above| above.unique);
        (self.end - self.start).saturating_add_signed(above)
    }

    /// May [`Self::unique`] be too small, because more holes were open at one time than are kept?
    pub(super) fn forgot(&self) -> bool {
        self.above.as_ref().is_some_and(|above| above.forgot)
    }

    /// Bytes were seen that are not counted.
    pub(super) fn forget(&mut self) {
        self.above.get_or_insert_default().forgot = true;
    }

    /// One past the last byte below which everything was seen, if anything was.
    pub(super) const fn contiguous(&self) -> Option<u64> {
        if self.start == self.end { None } else { Some(self.end) }
    }

    /// Records `start..end` and says how many of its bytes are new.
    #[inline]
    pub(super) fn insert(&mut self, start: u64, end: u64) -> u64 {
        if start >= end {
            return 0;
        }
        let whole = self.above.as_ref().is_none_or(|above| above.runs.is_empty());
        if self.start == self.end {
            (self.start, self.end) = (start, end);
            end - start
        } else if whole && start >= self.start && start <= self.end {
            // The usual case: the next bytes, or bytes already seen.
            let new = end.saturating_sub(self.end);
            self.end = self.end.max(end);
            new
        } else {
            let before = self.end - self.start;
            let new = self.insert_apart(start, end);
            let longer = (self.end - self.start).wrapping_sub(before) as i64;
            self.above.get_or_insert_default().unique += new as i64 - longer;
            new
        }
    }

    /// The general case. The work is that of the runs that become one with the new bytes, and a move of the shorter side of
    /// the list where a run is put in between.
    fn insert_apart(&mut self, start: u64, end: u64) -> u64 {
        let above = self.above.get_or_insert_default();
        if end < self.start {
            // Before everything seen: the first run becomes one of the others.
            above.put(0, (self.start, self.end));
            (self.start, self.end) = (start, end);
            return end - start;
        }
        let mut seen = 0;
        if start <= self.end {
            seen += self.end.min(end).saturating_sub(self.start.max(start));
            (self.start, self.end) = (self.start.min(start), self.end.max(end));
            // Runs that the first one now reaches become part of it.
            while let Some(&(from, to)) = above.runs.front().filter(|run| run.0 <= self.end) {
                seen += to.min(end).saturating_sub(from.max(start));
                self.end = self.end.max(to);
                above.runs.pop_front();
            }
            return (end - start) - seen;
        }
        // Runs from `first` up to `last` touch or overlap the new bytes and become one with them.
        let first = above.runs.partition_point(|run| run.1 < start);
        let last = above.runs.partition_point(|run| run.0 <= end);
        if first == last {
            above.put(first, (start, end));
            return end - start;
        }
        let mut merged = (start, end);
        for run in above.runs.range(first..last) {
            seen += run.1.min(end).saturating_sub(run.0.max(start));
            merged = (merged.0.min(run.0), merged.1.max(run.1));
        }
        above.runs[first] = merged;
        if last - first > 1 {
            above.runs.drain(first + 1..last);
        }
        (end - start) - seen
    }
}

impl Above {
    fn put(&mut self, at: usize, run: (u64, u64)) {
        if self.runs.len() >= MAX_RUNS {
            // The newest hole: older ones are filled first, by what was sent again. It may be the one this run would make.
            self.forgot = true;
            if at == self.runs.len() {
                if let Some(newest) = self.runs.back_mut() {
                    newest.1 = run.1;
                }
                return;
            }
            if let Some(newest) = self.runs.pop_back()
                && let Some(before) = self.runs.back_mut()
            {
                before.1 = newest.1;
            }
            if at >= self.runs.len() {
                return; // It lay in that hole.
            }
        }
        self.runs.insert(at, run);
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
        for i in 0..5000u64 {
            coverage.insert(i * 10, i * 10 + 5);
        }
        assert_eq!(coverage.unique(), 25_000);
        assert!(coverage.forgot());
        assert!(coverage.above.as_ref().is_some_and(|above| above.runs.len() <= MAX_RUNS));
        // The newest hole was forgotten: filling it counts nothing. Older ones are filled first, and are known.
        assert_eq!(coverage.insert(49_985, 49_990), 0);
        for i in 0..1000u64 {
            assert_eq!(coverage.insert(i * 10 + 5, i * 10 + 10), 5, "{i}");
        }
        assert_eq!(coverage.unique(), 30_000);
    }

    #[test]
    fn a_list_that_is_full_takes_runs_anywhere() {
        let mut coverage = Coverage::default();
        for i in 1..=1026u64 {
            coverage.insert(i * 100, i * 100 + 5);
        }
        for start in [50, 250, 102_650, 40_050, 0] {
            assert_eq!(coverage.insert(start, start + 5), 5, "{start}");
            let above = coverage.above.as_ref().unwrap();
            assert!(above.runs.len() <= MAX_RUNS);
            assert!(above.runs.iter().is_sorted() && above.runs.front().is_none_or(|run| run.0 > coverage.end));
        }
    }
}
