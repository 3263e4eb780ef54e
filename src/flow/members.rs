//! Who belongs to which group of conversations, all of them: [`Few`](super::Few) keeps the first of many, and where somebody asks, each
//! that is pushed is noted here as well, with the group that it is pushed to.
//!
//! Groups are made deep within detectors; so what is noted goes through a place of the thread, and only while [`Members::during`] runs.

use super::FlowId;
use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    static NOTED: RefCell<Option<Members>> = const { RefCell::new(None) };
}

/// Memberships, 12 bytes each at most, within a bound.
#[derive(Debug, Default)]
pub struct Members {
    /// Groups so far; they are numbered from 1.
    groups: u32,
    /// Who was pushed to which group.
    entries: Vec<(u32, FlowId32)>,
    /// Groups that took in others: that one, and the other.
    joined: Vec<(u32, u32)>,
    most: usize,
    full: bool,
}

/// The letter in the lowest three bits, as in [`FlowId::key`].
type FlowId32 = u32;

impl Members {
    /// None yet. They take about so many bytes.
    #[must_use]
    pub fn within(bytes: usize) -> Self {
        // A list that grows is there twice for a moment.
        Self { most: bytes / 3 / size_of::<(u32, FlowId32)>(), ..Self::default() }
    }

    /// Was there no room for all of them?
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.full
    }

    /// Notes who is pushed to which group while `work` is done in this thread.
    pub fn during<T>(&mut self, work: impl FnOnce() -> T) -> T {
        NOTED.set(Some(std::mem::take(self)));
        let done = work();
        *self = NOTED.take().unwrap_or_default();
        done
    }

    /// Tells of each conversation what its groups stand for, directly or by a group that took its own in; of one that was pushed
    /// several times, several times. `groups`: some of them, each with what it stands for.
    pub fn each(self, groups: impl Iterator<Item = (u32, u32)>, mut tell: impl FnMut(FlowId, &[u32])) {
        let mut stand_for: HashMap<u32, Vec<u32>> = HashMap::new();
        for (group, number) in groups.filter(|(group, _)| *group != 0) {
            stand_for.entry(group).or_default().push(number);
        }
        // Whoever took in others may have been taken in later.
        for (into, from) in self.joined.into_iter().rev() {
            let Some(more) = stand_for.get(&into).cloned() else { continue };
            let there = stand_for.entry(from).or_default();
            there.extend(more);
            there.sort_unstable();
            there.dedup();
        }
        for (group, flow) in self.entries {
            if let Some(numbers) = stand_for.get(&group) {
                tell(FlowId::of_key(u64::from(flow)), numbers);
            }
        }
    }

    fn numbered(&mut self, group: &mut u32) -> u32 {
        if *group == 0 {
            self.groups += 1;
            *group = self.groups;
        }
        *group
    }
}

/// A conversation was pushed to a group, which is given a number if it has none.
pub(super) fn pushed(group: &mut u32, flow: FlowId) {
    NOTED.with_borrow_mut(|noted| {
        let Some(members) = noted else { return };
        let of = members.numbered(group);
        match u32::try_from(flow.key()) {
            Ok(key) if members.entries.len() + members.joined.len() < members.most => members.entries.push((of, key)),
            _ => members.full = true,
        }
    });
}

/// A group takes in another.
pub(super) fn joined(into: &mut u32, from: u32) {
    NOTED.with_borrow_mut(|noted| {
        let Some(members) = noted.as_mut().filter(|_| from != 0) else { return };
        let into = members.numbered(into);
        members.joined.push((into, from));
        members.full |= members.entries.len() + members.joined.len() > members.most;
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Few, FlowKind};
    use std::collections::BTreeSet;

    fn id(number: u64) -> FlowId {
        FlowId { kind: FlowKind::Udp, number }
    }

    #[test]
    fn all_who_were_pushed_are_known_through_groups_that_were_taken_in() {
        let mut members = Members::within(1 << 20);
        let (mut one, mut two, mut all, mut other) = (Few::default(), Few::default(), Few::default(), Few::default());
        members.during(|| {
            (1..=100).for_each(|n| one.push(id(n)));
            (90..=200).for_each(|n| two.push(id(n)));
            all.extend(&one);
            all.extend(&two);
            other.push(id(150));
        });
        // Outside nothing is noted.
        other.push(id(7));
        let mut of: HashMap<u64, BTreeSet<u32>> = HashMap::new();
        members.each([(all.group(), 1), (other.group(), 2), (0, 3)].into_iter(), |id, numbers| {
            of.entry(id.number).or_default().extend(numbers);
        });
        for n in 1..300 {
            let wanted: &[u32] = match n {
                150 => &[1, 2],
                1..=200 => &[1],
                _ => &[],
            };
            assert!(of.get(&n).into_iter().flatten().eq(wanted), "{n}");
        }
    }

    #[test]
    fn what_has_no_room_is_told() {
        let mut members = Members::within(2400);
        let mut few = Few::default();
        members.during(|| (1..=100).for_each(|n| few.push(id(n))));
        assert!(!members.is_full());
        members.during(|| few.push(id(101)));
        assert!(members.is_full() && few.total == 101);
    }
}
