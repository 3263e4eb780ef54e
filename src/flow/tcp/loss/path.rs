//! The two legs between the capture and the ends, as the shortest times there and back tell them: what a round trip is, and
//! where the capture was made. Flows between the same two hosts share what they learn.

use crate::flow::key::{End, Hosts};
use crate::flow::record::Vantage;
use crate::heap;
use crate::model::Span;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Memory for the pairs of hosts that are remembered, bytes, unless told otherwise: 57,344 in each of the two generations.
const USUAL_BYTES: usize = 16 << 20;

/// One leg is this much shorter than the other: the capture is near that end.
const NEAR: i64 = 10;

/// So many answers that may have waited for a program are as good as one that did not.
const ENOUGH: u8 = 8;

/// A leg that was not measured.
const UNKNOWN: Span = Span::from_nanos(i64::MAX);

/// What is known of the way between two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// Shortest time from the capture to each end and back, or [`UNKNOWN`].
    legs: [Span; 2],
    /// How many times that was measured, and more for an answer that no program delays.
    weight: [u8; 2],
    /// How far packets that the given end sent were overtaken, at most.
    overtaken: [Span; 2],
}

impl Default for Path {
    fn default() -> Self {
        Self { legs: [UNKNOWN; 2], weight: [0; 2], overtaken: [Span::ZERO; 2] }
    }
}

impl Path {
    /// A round trip from the capture to an end and back took so long; `prompt`: the answer is one that the host gives at once.
    /// Says whether that is news.
    #[inline]
    pub(super) fn measured(&mut self, end: End, leg: Span, prompt: bool) -> bool {
        let weight = &mut self.weight[end.index()];
        *weight = weight.saturating_add(if prompt { ENOUGH } else { 1 });
        let known = &mut self.legs[end.index()];
        let leg = leg.max(Span::ZERO);
        let news = leg < *known;
        *known = leg.min(*known);
        news
    }

    /// A packet of this end was overtaken by so much. Says whether that is news.
    pub(super) fn overtook(&mut self, sender: End, by: Span) -> bool {
        let known = &mut self.overtaken[sender.index()];
        let news = by > *known;
        *known = by.max(*known);
        news
    }

    /// The best of both.
    fn and(self, other: Self) -> Self {
        let leg = |i: usize| self.legs[i].min(other.legs[i]);
        let overtaken = |i: usize| self.overtaken[i].max(other.overtaken[i]);
        let weight = |i: usize| self.weight[i].max(other.weight[i]);
        Self { legs: [leg(0), leg(1)], weight: [weight(0), weight(1)], overtaken: [overtaken(0), overtaken(1)] }
    }

    /// From the capture to an end and back.
    #[inline]
    pub(super) fn leg(&self, end: End) -> Option<Span> {
        let leg = self.legs[end.index()];
        (leg != UNKNOWN).then_some(leg)
    }

    /// Both legs: the whole round trip, or more, if all answers that were measured waited for a program.
    #[inline]
    pub(super) fn at_most(&self) -> Option<Span> {
        Some(self.leg(End::Low)? + self.leg(End::High)?)
    }

    /// Was each leg measured more than once, so that no packet that was held back stands for it?
    pub(super) fn is_certain(&self) -> bool {
        self.weight.iter().all(|weight| *weight > ENOUGH)
    }

    /// The whole round trip.
    #[inline]
    pub(super) fn round_trip(&self) -> Option<Span> {
        let [a, b] = self.weight;
        if a.min(b) >= ENOUGH { self.at_most() } else { None }
    }

    pub(super) const fn overtaken(&self, sender: End) -> Span {
        self.overtaken[sender.index()]
    }

    /// Was the capture made at or near this end?
    pub(super) fn is_near(&self, end: End) -> bool {
        let legs = self.leg(end).zip(self.leg(end.other()));
        legs.is_some_and(|(near, far)| near.nanos().saturating_mul(NEAR) < far.nanos())
    }

    pub(super) fn vantage(&self, originator: End) -> Option<Vantage> {
        self.round_trip()?;
        Some(if self.is_near(originator) {
            Vantage::NearOriginator
        } else if self.is_near(originator.other()) {
            Vantage::NearResponder
        } else {
            Vantage::Between
        })
    }
}

/// What is known of the ways between hosts: by one tracker, or by several that work side by side.
#[derive(Debug)]
pub(in crate::flow) enum Paths {
    Own(KnownPaths),
    /// Asked only when something new was measured or a segment was out of order: the lock costs nothing that counts.
    Shared(Arc<Mutex<KnownPaths>>),
}

#[cfg(test)]
impl Default for Paths {
    fn default() -> Self {
        Self::Own(KnownPaths::default())
    }
}

impl Paths {
    /// Those of one tracker.
    pub(in crate::flow) fn within(bytes: usize) -> Self {
        Self::Own(KnownPaths::within(bytes))
    }

    /// What a flow knows is shared, and what others know is learnt.
    pub(super) fn share(&mut self, hosts: Option<Hosts>, own: &mut Path) {
        let Some(hosts) = hosts else { return };
        match self {
            Self::Own(known) => known.share(hosts, own),
            Self::Shared(known) => known.lock().unwrap_or_else(PoisonError::into_inner).share(hosts, own),
        }
    }
}

/// The ways themselves, by pairs of hosts. Those not asked for longest are forgotten. A table has room for all that it may ever have from its
/// first pair on, and that is set aside (`path_bytes`): it stays out of the account of what flows take.
#[derive(Debug)]
pub(in crate::flow) struct KnownPaths {
    /// Most pairs in each.
    most: usize,
    young: HashMap<Hosts, Path, foldhash::quality::RandomState>,
    old: HashMap<Hosts, Path, foldhash::quality::RandomState>,
}

impl Default for KnownPaths {
    fn default() -> Self {
        Self::within(USUAL_BYTES)
    }
}

impl KnownPaths {
    /// As many as have room in so many bytes. Tables have a power of two of places, of which 7 in 8 are used (hashbrown).
    pub(in crate::flow) fn within(bytes: usize) -> Self {
        let places = bytes / 2 / (size_of::<(Hosts, Path)>() + 1);
        let most = places.checked_ilog2().map_or(0, |log| (1_usize << log) / 8 * 7).max(1);
        Self { most, young: HashMap::default(), old: HashMap::default() }
    }

    fn share(&mut self, hosts: Hosts, own: &mut Path) {
        if let Some(shared) = self.young.get_mut(&hosts) {
            *shared = shared.and(*own);
            *own = *shared;
            return;
        }
        if self.young.len() >= self.most {
            std::mem::swap(&mut self.old, &mut self.young);
            self.young.clear();
        }
        *own = self.old.remove(&hosts).unwrap_or_default().and(*own);
        if self.young.capacity() == 0 {
            heap::left_out(|| self.young.reserve(self.most));
        }
        self.young.insert(hosts, *own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: i64) -> Span {
        Span::from_millis(n)
    }

    #[test]
    fn the_shorter_leg_tells_where_the_capture_is() {
        let mut path = Path::default();
        assert_eq!(path.vantage(End::Low), None);
        path.measured(End::Low, ms(1), true);
        for _ in 0..ENOUGH {
            assert_eq!(path.round_trip(), None);
            path.measured(End::High, ms(40), false);
        }
        assert_eq!(path.vantage(End::Low), Some(Vantage::NearOriginator));
        assert_eq!(path.vantage(End::High), Some(Vantage::NearResponder));
        path.measured(End::High, ms(9), false);
        assert_eq!((path.vantage(End::Low), path.round_trip()), (Some(Vantage::Between), Some(ms(10))));
    }
}
