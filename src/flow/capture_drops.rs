//! Which packets the capture itself dropped, and when: looked up when the figures of a flow, or a hole in it, may be spoiled
//! by them.
//!
//! Kept for each source (a file, or all interfaces of a live capture: a flow's packets may come by any of them), never for
//! each flow, and touched only when something was dropped. Of a long list neighbours are merged, so that what happened within
//! some time is no longer told apart: a look-up then counts too many rather than too few.

use crate::model::Timestamp;

/// Most entries of all sources together: 1.5 MB.
const MOST: usize = 65_536;
/// Fewest entries that a source may have, however many there are.
const FEWEST: usize = 2;

/// What every source dropped.
#[derive(Debug, Default)]
pub(super) struct CaptureDrops {
    sources: Vec<Source>,
}

#[derive(Debug, Default)]
struct Source {
    /// It says what it drops. Otherwise an empty list means nothing.
    tells: bool,
    /// Packets in `episodes`.
    total: u64,
    /// Those of them that only the source's counters told so far: frames will name them once more.
    ahead: u64,
    /// When the counters were last looked at.
    counted: Option<Timestamp>,
    /// Ascending in both times.
    episodes: Vec<Episode>,
}

/// Packets dropped between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Episode {
    from: Timestamp,
    to: Timestamp,
    /// Packets dropped up to its end, since the start of the capture.
    total: u64,
}

impl CaptureDrops {
    /// So many packets were dropped before a frame of this time.
    #[cold]
    pub(super) fn before(&mut self, source: u16, ts: Timestamp, packets: u64) {
        let (of, most) = self.source(source);
        of.tells = true;
        let known = packets.min(of.ahead);
        of.ahead -= known;
        of.add(ts, ts, packets - known, most);
    }

    /// The counters of a live source: so many packets in all by now. What no frame has named was dropped since the last look.
    pub(super) fn counted(&mut self, source: u16, now: Timestamp, total: u64) {
        let (of, most) = self.source(source);
        of.tells = true;
        let more = total.saturating_sub(of.total);
        of.ahead = of.ahead.saturating_add(more);
        let since = of.counted.replace(now).unwrap_or(now);
        of.add(since.min(now), now, more, most);
    }

    /// The counters of a file at its end. If they name no more than its packets did, what these did not name was not.
    pub(super) fn counted_at_end(&mut self, source: u16, total: u64) {
        let (of, _) = self.source(source);
        of.tells |= total == of.total;
    }

    /// Packets that a source dropped later than `after` and not later than `until`. `None`: it does not tell.
    pub(super) fn within(&self, source: u16, after: Timestamp, until: Timestamp) -> Option<u64> {
        let of = self.sources.get(usize::from(source)).filter(|of| of.tells)?;
        let first = of.episodes.partition_point(|episode| episode.to <= after);
        let end = of.episodes.partition_point(|episode| episode.from <= until);
        if first >= end {
            return Some(0);
        }
        let before = first.checked_sub(1).map_or(0, |i| of.episodes[i].total);
        Some(of.episodes[end - 1].total - before)
    }

    /// Did a source drop anything in that time?
    pub(super) fn any_within(&self, source: u16, after: Timestamp, until: Timestamp) -> bool {
        !self.sources.is_empty() && self.within(source, after, until).is_some_and(|packets| packets > 0)
    }

    /// A source, and how many entries it may have.
    fn source(&mut self, source: u16) -> (&mut Source, usize) {
        let at = usize::from(source);
        if self.sources.len() <= at {
            self.sources.resize_with(at + 1, Source::default);
        }
        let most = (MOST / self.sources.len()).max(FEWEST);
        (&mut self.sources[at], most)
    }
}

impl Source {
    fn add(&mut self, from: Timestamp, to: Timestamp, packets: u64, most: usize) {
        if packets == 0 {
            return;
        }
        self.total = self.total.saturating_add(packets);
        let total = self.total;
        // A capture's time may run backwards; the list's does not.
        let last = self.episodes.last().copied();
        let (from, to) = last.map_or((from, to), |last| (from.max(last.from), to.max(last.to)));
        if let Some(last) = self.episodes.last_mut()
            && (last.from, last.to) == (from, to)
        {
            last.total = total;
            return;
        }
        if self.episodes.len() >= most {
            self.merge();
        }
        self.episodes.push(Episode { from, to, total });
    }

    /// Makes one of every two neighbours.
    fn merge(&mut self) {
        let merged = |pair: &[Episode]| Episode { from: pair[0].from, ..pair[pair.len() - 1] };
        self.episodes = self.episodes.chunks(2).map(merged).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_nanos(s * 1_000_000_000)
    }

    #[test]
    fn what_fell_between_two_moments_is_counted() {
        let mut drops = CaptureDrops::default();
        assert_eq!(drops.within(0, at(0), at(9)), None);
        drops.before(1, at(10), 7);
        drops.before(1, at(20), 3);
        drops.before(1, at(20), 2);
        assert_eq!(drops.within(0, at(0), at(30)), None, "another source");
        for (after, until, packets) in [(0, 30, 12), (10, 30, 5), (9, 19, 7), (10, 19, 0), (20, 30, 0), (0, 9, 0), (15, 20, 5)] {
            assert_eq!(drops.within(1, at(after), at(until)), Some(packets), "{after} to {until}");
        }
    }

    #[test]
    fn counters_and_frames_do_not_count_twice() {
        let mut drops = CaptureDrops::default();
        drops.counted(0, at(1), 0);
        assert_eq!(drops.within(0, at(0), at(1)), Some(0), "it tells, and there were none");
        drops.before(0, at(2), 4);
        drops.counted(0, at(3), 4);
        assert_eq!(drops.within(0, at(0), at(9)), Some(4));
        // The counters are ahead of the frames that are still in the ring.
        drops.counted(0, at(5), 10);
        assert_eq!(drops.within(0, at(4), at(4)), Some(6), "somewhere between both looks");
        drops.before(0, at(6), 5);
        assert_eq!(drops.within(0, at(0), at(9)), Some(10));
        drops.before(0, at(7), 3);
        assert_eq!(drops.within(0, at(0), at(9)), Some(12));
        assert_eq!(drops.within(0, at(5), at(9)), Some(2));
    }

    #[test]
    fn a_file_whose_packets_named_all_that_its_counters_name_tells() {
        let mut drops = CaptureDrops::default();
        drops.counted_at_end(0, 5);
        assert_eq!(drops.within(0, at(0), at(9)), None, "when they were dropped nothing says");
        drops.counted_at_end(1, 0);
        assert_eq!(drops.within(1, at(0), at(9)), Some(0));
    }

    #[test]
    fn a_long_list_becomes_coarse_and_stays_whole() {
        let mut drops = CaptureDrops::default();
        let many = MOST as i64 * 3;
        for n in 0..many {
            drops.before(0, at(n), 1);
        }
        let list = &drops.sources[0].episodes;
        assert!(list.len() <= MOST && list.is_sorted_by_key(|episode| (episode.from, episode.to)));
        assert_eq!(drops.within(0, at(-1), at(many)), Some(many as u64));
        let hundred = drops.within(0, at(1000), at(1100)).unwrap();
        // Merged three times, the oldest entries are of eight each: too many at either end, by seven at most.
        assert!((100..=114).contains(&hundred), "{hundred}");
    }

    #[test]
    fn many_sources_share_the_room() {
        let mut drops = CaptureDrops::default();
        for n in 0..6 {
            drops.before(u16::MAX, at(n), 1);
        }
        assert_eq!(drops.sources[usize::from(u16::MAX)].episodes.len(), FEWEST);
        assert_eq!(drops.within(u16::MAX, at(-1), at(9)), Some(6));
    }

    #[test]
    fn time_that_runs_backwards_does_not_break_the_order() {
        let mut drops = CaptureDrops::default();
        drops.before(0, at(10), 1);
        drops.before(0, at(5), 2);
        assert_eq!(drops.within(0, at(0), at(9)), Some(0));
        assert_eq!(drops.within(0, at(9), at(10)), Some(3));
    }
}
