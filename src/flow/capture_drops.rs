//! Which packets the capture itself dropped, and when: looked up when the figures of a flow, or a hole in it, may be spoiled
//! by them.
//!
//! Kept for each source (a file, or all interfaces of a live capture: a flow's packets may come by any of them), never for
//! each flow, and touched only when something was dropped. Of a long list neighbours are merged, so that what happened within
//! some time is no longer told apart: a look-up then counts too many rather than too few.

use crate::model::Timestamp;

/// Most entries of all sources together: 1.5 MB.
const MOST: usize = 65_536;
/// Before all times.
const EARLIEST: Timestamp = Timestamp::from_nanos(i64::MIN);
/// Most runs of a source: so often may its clock be set back before steps are told apart less well.
const RUNS: usize = 16;
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
    /// Packets that the kernel dropped, or of a file all that its packets name.
    kernel: u64,
    /// Packets that the interface dropped, as its counters say: no frame ever names them.
    interface: u64,
    /// Those of `kernel` that only the source's counters told so far: frames will name them once more.
    ahead: u64,
    /// When the counters were last looked at.
    counted: Option<Timestamp>,
    /// A clock that is set back begins another run: what comes then is filed where its time says, as flows are.
    runs: Vec<Vec<Episode>>,
}

/// Packets dropped between two moments. Those of a run ascend in both times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Episode {
    from: Timestamp,
    to: Timestamp,
    /// Packets dropped up to its end, since the start of its run.
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
        of.kernel = of.kernel.saturating_add(packets - known);
        of.add(ts, ts, packets - known, most);
    }

    /// The counters of a live source: so many packets in all by now, dropped by the kernel and by the interface. What is new of
    /// them was dropped since the last look; of the kernel's, what frames named is not.
    pub(super) fn counted(&mut self, source: u16, now: Timestamp, kernel: u64, interface: u64) {
        let (of, most) = self.source(source);
        of.tells = true;
        let more = kernel.saturating_sub(of.kernel);
        of.kernel += more;
        of.ahead = of.ahead.saturating_add(more);
        let besides = interface.saturating_sub(of.interface);
        of.interface += besides;
        let since = of.counted.replace(now).unwrap_or(now);
        of.add(since.min(now), now, more.saturating_add(besides), most);
    }

    /// The counters of a file at its end. If they name no more than its packets did, what these did not name was not.
    pub(super) fn counted_at_end(&mut self, source: u16, total: u64) {
        let (of, _) = self.source(source);
        of.tells |= total == of.kernel;
    }

    /// Packets that a source dropped later than `after` and not later than `until`. `None`: it does not tell.
    pub(super) fn within(&self, source: u16, after: Timestamp, until: Timestamp) -> Option<u64> {
        let of = self.sources.get(usize::from(source)).filter(|of| of.tells)?;
        Some(of.runs.iter().map(|run| within(run, after, until)).fold(0, u64::saturating_add))
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

fn within(run: &[Episode], after: Timestamp, until: Timestamp) -> u64 {
    let first = run.partition_point(|episode| episode.to <= after);
    let end = run.partition_point(|episode| episode.from <= until);
    if first >= end {
        return 0;
    }
    let before = first.checked_sub(1).map_or(0, |i| run[i].total);
    run[end - 1].total - before
}

impl Source {
    fn add(&mut self, from: Timestamp, to: Timestamp, packets: u64, most: usize) {
        if packets == 0 {
            return;
        }
        let at = self.run_for(from, to);
        if let Some(last) = self.runs[at].last_mut()
            && (last.from, last.to) == (from, to)
        {
            last.total = last.total.saturating_add(packets);
            return;
        }
        let total = self.runs[at].last().map_or(0, |last| last.total).saturating_add(packets);
        self.runs[at].push(Episode { from, to, total });
        while self.runs.iter().map(Vec::len).sum::<usize>() > most {
            self.merge();
        }
    }

    /// The run that goes on with such an episode: of those that end before it the one that ends last, or else a new one.
    fn run_for(&mut self, from: Timestamp, to: Timestamp) -> usize {
        let ends = self.runs.iter().enumerate().filter_map(|(at, run)| Some((run.last().map(|last| (last.from, last.to))?, at)));
        if let Some((_, at)) = ends.filter(|((f, t), _)| *f <= from && *t <= to).max() {
            return at;
        }
        if self.runs.len() >= RUNS {
            self.join();
        }
        self.runs.push(Vec::new());
        self.runs.len() - 1
    }

    /// Makes one of every two neighbours, or, where there are none, one of two runs.
    fn merge(&mut self) {
        if self.runs.iter().all(|run| run.len() < 2) {
            return self.join();
        }
        let merged = |pair: &[Episode]| Episode { from: pair[0].from, ..pair[pair.len() - 1] };
        for run in &mut self.runs {
            *run = run.chunks(2).map(merged).collect();
        }
    }

    /// Makes one run of the two shortest. An episode may grow for it.
    fn join(&mut self) {
        self.runs.sort_by_key(|run| std::cmp::Reverse(run.len()));
        let (Some(a), Some(b)) = (self.runs.pop(), self.runs.pop()) else { return };
        let mut both: Vec<(Episode, u64)> = [a, b]
            .iter()
            .flat_map(|run| run.iter().scan(0, |before, e| Some((*e, e.total - std::mem::replace(before, e.total)))))
            .collect();
        both.sort_by_key(|(episode, _)| (episode.from, episode.to));
        let (mut to, mut total) = (EARLIEST, 0_u64);
        let joined = both.into_iter().map(|(episode, packets)| {
            to = to.max(episode.to);
            total = total.saturating_add(packets);
            Episode { from: episode.from, to, total }
        });
        self.runs.push(joined.collect());
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
        drops.counted(0, at(1), 0, 0);
        assert_eq!(drops.within(0, at(0), at(1)), Some(0), "it tells, and there were none");
        drops.before(0, at(2), 4);
        drops.counted(0, at(3), 4, 0);
        assert_eq!(drops.within(0, at(0), at(9)), Some(4));
        // The counters are ahead of the frames that are still in the ring.
        drops.counted(0, at(5), 10, 0);
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
        let list = &drops.sources[0].runs[0];
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
        assert_eq!(drops.sources[usize::from(u16::MAX)].runs.iter().map(Vec::len).collect::<Vec<_>>(), [FEWEST]);
        assert_eq!(drops.within(u16::MAX, at(-1), at(9)), Some(6));
    }

    #[test]
    fn what_only_the_interface_counts_is_not_what_frames_will_name() {
        let mut drops = CaptureDrops::default();
        drops.counted(0, at(1), 0, 0);
        drops.counted(0, at(2), 0, 50);
        drops.before(0, at(10), 7);
        assert_eq!(drops.within(0, at(9), at(10)), Some(7), "the kernel's, dated by a frame");
        drops.counted(0, at(11), 7, 52);
        assert_eq!(drops.within(0, at(10), at(11)), Some(2));
        assert_eq!(drops.within(0, at(0), at(20)), Some(59));
    }

    #[test]
    fn after_a_clock_was_set_back_losses_are_where_their_time_says() {
        let mut drops = CaptureDrops::default();
        drops.before(0, at(1000), 7);
        drops.before(0, at(500), 5);
        drops.before(0, at(510), 1);
        for (after, until, packets) in [(999, 1000, 7), (499, 500, 5), (500, 600, 1), (0, 999, 6), (520, 999, 0), (0, 1000, 13)] {
            assert_eq!(drops.within(0, at(after), at(until)), Some(packets), "{after} to {until}");
        }
        // Two clocks that alternate are two runs, however often.
        for n in 0..1000 {
            drops.before(0, at(2000 + n), 1);
            drops.before(0, at(600 + n / 10), 1);
        }
        assert_eq!(drops.sources[0].runs.len(), 2);
        assert_eq!(drops.within(0, at(1999), at(2009)), Some(10));
    }

    #[test]
    fn a_clock_that_is_set_back_again_and_again_costs_precision_and_nothing_else() {
        let mut drops = CaptureDrops::default();
        let many = MOST as i64 * 2;
        for n in 0..many {
            drops.before(0, at(many - n), 1);
        }
        let runs = &drops.sources[0].runs;
        assert!(runs.len() <= RUNS && runs.iter().map(Vec::len).sum::<usize>() <= MOST);
        assert!(runs.iter().all(|run| run.is_sorted_by_key(|episode| (episode.from, episode.to))));
        assert_eq!(drops.within(0, at(0), at(many)), Some(many as u64));
        let hundred = drops.within(0, at(1000), at(1100)).unwrap();
        assert!((100..200).contains(&hundred), "{hundred}");
        // The same for sources that have hardly any room.
        let mut drops = CaptureDrops::default();
        for n in 0..100 {
            drops.before(u16::MAX, at(100 - n), 1);
        }
        assert_eq!(drops.within(u16::MAX, at(0), at(100)), Some(100));
        assert!(drops.sources[usize::from(u16::MAX)].runs.iter().map(Vec::len).sum::<usize>() <= FEWEST);
    }
}
