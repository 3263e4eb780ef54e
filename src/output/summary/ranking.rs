//! Which conversations the summary shows. Up to [`SHOWN_ALL`] all of them, in order of first packet; with more, the
//! [`SHOWN_BEST`] that matter: failed first, then by bytes. What fails by the thousand, a scan or a flood, leaves room for other
//! failures and for the biggest of what did not fail. Memory is bounded by those numbers; a flow costs O(log n) at most.

use crate::flow::{FlowRecord, State};
use crate::heap;
use std::cmp::{Ordering, Reverse};
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};

/// Up to so many conversations are all shown.
pub(super) const SHOWN_ALL: usize = 50;
/// Of more, so many are shown.
pub(super) const SHOWN_BEST: usize = 20;
/// Of those, so many that failed, as many of each kind of failure as there are; more only where nothing else is left to be shown.
const SHOWN_FAILED: usize = 12;

/// Conversations as they come in.
#[derive(Debug)]
pub(super) struct Ranking {
    /// Most that are all kept, and how many of them when there are more.
    limit: (usize, usize),
    /// Bytes that are left for records, where only memory limits them.
    left: Option<usize>,
    /// While there are few: all.
    all: Vec<FlowRecord>,
    /// Afterwards: the best, by how they failed (empty: they did not), the least of them on top.
    best: BTreeMap<&'static str, BinaryHeap<Reverse<Ranked>>>,
    states: BTreeMap<&'static str, u64>,
    total: u64,
}

/// What is to be shown, in order.
pub(super) struct Choice {
    pub(super) rows: Vec<FlowRecord>,
    pub(super) more: u64,
    left_out: BTreeMap<&'static str, u64>,
}

impl Default for Ranking {
    fn default() -> Self {
        let (all, best, states) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        Self { limit: (SHOWN_ALL, SHOWN_BEST), left: None, all, best, states, total: 0 }
    }
}

impl Ranking {
    /// As many as have room in so many bytes.
    pub(super) fn of_all(bytes: usize) -> Self {
        Self { limit: (usize::MAX, SHOWN_BEST), left: Some(bytes), ..Self::default() }
    }

    pub(super) fn take(&mut self, record: &FlowRecord) {
        self.total += 1;
        *self.states.entry(record.state.word()).or_default() += 1;
        if self.best.is_empty() && self.all.len() < self.limit.0 {
            let before = heap::held();
            self.all.push(record.clone());
            if let Some(left) = &mut self.left {
                match left.checked_sub((heap::held() - before).max(0).unsigned_abs()) {
                    Some(less) => *left = less,
                    // As many as there are now: no more have room.
                    None => self.limit = (self.all.len(), self.all.len()),
                }
            }
            return;
        }
        for record in std::mem::take(&mut self.all) {
            self.keep_best(&record);
        }
        self.keep_best(record);
    }

    fn keep_best(&mut self, record: &FlowRecord) {
        // As many as memory holds are ranked together.
        let alike = if self.left.is_none() && has_failed(record.state) { record.state.word() } else { "" };
        let best = self.best.entry(alike).or_default();
        if best.len() >= self.limit.1 {
            match best.peek_mut() {
                Some(least) if rank(record) > rank(&least.0.0) => drop(PeekMut::pop(least)),
                _ => return,
            }
        }
        best.push(Reverse(Ranked(record.clone())));
    }

    /// The best of all kinds, best first.
    fn chosen(&mut self) -> Vec<FlowRecord> {
        let mut others = Vec::new();
        // The best of each kind, then the second of each, and so on.
        let mut failed: Vec<(usize, Reverse<Ranked>)> = Vec::new();
        for (kind, best) in std::mem::take(&mut self.best) {
            // Sorted ascending by Reverse: the best first.
            let best = best.into_sorted_vec();
            if kind.is_empty() {
                others = best;
            } else {
                failed.extend((0..).zip(best));
            }
        }
        failed.sort_unstable();
        let room = self.limit.1.saturating_sub(others.len()).max(SHOWN_FAILED.min(self.limit.1));
        let mut chosen: Vec<_> = failed.into_iter().take(room).map(|(_, ranked)| ranked).collect();
        chosen.extend(others.into_iter().take(self.limit.1.saturating_sub(chosen.len())));
        chosen.sort_unstable();
        chosen.into_iter().map(|r| r.0.0).collect()
    }

    /// What is to be shown. Packets of one source are ordered by their numbers, those of several, or of several threads, by time.
    pub(super) fn finish(mut self, by_time: bool) -> Choice {
        let mut rows = std::mem::take(&mut self.all);
        if by_time {
            rows.sort_by_key(|r| (r.start, r.first_packet));
        } else {
            rows.sort_by_key(|r| r.first_packet);
        }
        rows.extend(self.chosen());
        for record in &rows {
            if let Some(n) = self.states.get_mut(record.state.word()) {
                *n -= 1;
            }
        }
        self.states.retain(|_, n| *n > 0);
        Choice { more: self.total - rows.len() as u64, rows, left_out: self.states }
    }
}

impl Choice {
    /// The states of those left out, most first: `closed 4,000, refused 211`.
    pub(super) fn more_states(&self) -> String {
        let mut states: Vec<_> = self.left_out.iter().collect();
        states.sort_by_key(|(word, n)| (Reverse(**n), **word));
        let words: Vec<_> = states.iter().map(|(word, n)| format!("{word} {}", super::units::count(**n))).collect();
        words.join(", ")
    }
}

/// What makes a conversation matter: it failed, it moved many bytes, it came early.
type Rank = (bool, u64, Reverse<(crate::model::Timestamp, (u16, u64))>);

fn rank(r: &FlowRecord) -> Rank {
    let bytes = r.orig.wire_bytes.saturating_add(r.resp.wire_bytes);
    (has_failed(r.state), bytes, Reverse((r.start, r.first_packet)))
}

/// Did the conversation never come about?
pub(super) const fn has_failed(state: State) -> bool {
    matches!(state, State::Refused | State::Unreachable | State::NoAnswer | State::HalfOpen | State::NoReply)
}

/// A record by its rank.
#[derive(Debug)]
struct Ranked(FlowRecord);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        rank(&self.0).cmp(&rank(&other.0))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowKind;
    use crate::output::fixture::{at, flow};

    fn many(n: u64) -> impl Iterator<Item = FlowRecord> {
        (1..=n).map(|i| {
            let state = if i % 100 == 0 { State::Refused } else { State::Closed };
            let mut record = flow(FlowKind::Tcp, i, state, "10.0.0.1:5000", "10.0.0.2:80", i * 7919 % 10_007, 0);
            record.start = at(i as f64);
            record
        })
    }

    #[test]
    fn fifty_are_all_shown_in_order_of_first_packet_whatever_the_order_of_their_ends() {
        let mut ranking = Ranking::default();
        let mut records: Vec<_> = many(50).collect();
        records.reverse();
        for record in &records {
            ranking.take(record);
        }
        let ranked = ranking.finish(false);
        assert_eq!(ranked.more, 0);
        assert!(ranked.rows.iter().map(|r| r.id.number).eq(1..=50));
    }

    fn ids(rows: &[FlowRecord]) -> Vec<u64> {
        rows.iter().map(|r| r.id.number).collect()
    }

    #[test]
    fn of_many_the_failed_come_first_and_then_the_biggest() {
        let mut ranking = Ranking::default();
        let records: Vec<_> = many(1000).collect();
        for record in &records {
            ranking.take(record);
            assert!(
                ranking.all.len() <= SHOWN_ALL && ranking.best.values().all(|best| best.len() <= SHOWN_BEST),
                "memory is bounded"
            );
        }
        let ranked = ranking.finish(false);
        // The slow way, to compare.
        let mut expected = records;
        expected.sort_by_key(|r| (r.state != State::Refused, Reverse(r.orig.unique_bytes), r.start));
        assert_eq!(ids(&ranked.rows), ids(&expected[..20]), "all ten that failed, and ten others");
        assert_eq!(ranked.more, 980);
        assert_eq!(ranked.more_states(), "closed 980");
    }

    #[test]
    fn what_fails_alike_leaves_room_for_what_does_not() {
        let record = |n: u64| {
            let state = match n {
                1000.. => State::HalfOpen,
                990.. => State::Closed,
                900.. => State::Refused,
                _ => State::NoAnswer,
            };
            let mut record = flow(FlowKind::Tcp, n, state, "10.0.0.1:5000", "10.0.0.2:80", 10_000 - n, 0);
            record.start = at(n as f64);
            record
        };
        let shown = |numbers: std::ops::RangeInclusive<u64>| {
            let mut ranking = Ranking::default();
            numbers.for_each(|n| ranking.take(&record(n)));
            ids(&ranking.finish(false).rows)
        };
        // Two half-open ones, five of those that fail by the hundred each, and eight of the ten that did not.
        assert_eq!(shown(1..=1001), [1, 2, 3, 4, 5, 900, 901, 902, 903, 904, 1000, 1001, 990, 991, 992, 993, 994, 995, 996, 997]);
        // Nothing else is there: ten of each; with only three others, all of them.
        assert_eq!(shown(1..=989), [(1..=10).collect::<Vec<_>>(), (900..=909).collect()].concat());
        assert_eq!(shown(800..=992), [(800..=808).collect::<Vec<_>>(), (900..=907).collect(), (990..=992).collect()].concat());
    }

    #[test]
    fn all_means_all() {
        let mut ranking = Ranking::of_all(usize::MAX);
        many(300).for_each(|r| ranking.take(&r));
        assert_eq!(ranking.finish(false).rows.len(), 300);
    }

    #[test]
    fn as_many_as_memory_holds_are_those_that_matter() {
        // No allocator counts in a unit test: the bound is set as it is when memory is used up.
        let mut ranking = Ranking { limit: (100, 100), ..Ranking::of_all(usize::MAX) };
        many(1000).for_each(|r| ranking.take(&r));
        let ranked = ranking.finish(false);
        assert_eq!((ranked.rows.len(), ranked.more), (100, 900));
        assert_eq!(ranked.rows.iter().filter(|r| r.state == State::Refused).count(), 10);
    }
}
