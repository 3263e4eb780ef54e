//! One direction: its numbers on a line of 64 bits, what passed of them, and what its peer says of them.

use super::history::History;
use super::hole::{Before, Hole, Holes};
use super::order::{self, Order};
use super::passed::Passed;
use super::requests::Requests;
use super::sender::{Sender, TIMEOUT};
use super::settle::Settling;
use super::when::When;
use crate::decode::TcpFlags;
use crate::flow::prefetch::prefetch;
use crate::flow::record::LossRecord;
use crate::flow::room::Room;
use crate::flow::tcp::options::Options;
use crate::flow::tcp::seq::{REACH, Seq};
use crate::model::{Span, Timestamp};

/// Offset of the first number known, so that lower ones have a place on the line, too. A multiple of 2^32: the circle does
/// not notice.
const BASE: u64 = 1 << 32;
/// What a timestamp option takes of each segment (RFC 7323 appendix A).
const TIMES_LEN: u32 = 12;
/// No sender makes its segments smaller than this, whatever is offered (Linux' `TCP_MIN_MSS` is 88 with 40 bytes of options).
const LEAST_MSS: u32 = 48;

/// No capture gives a segment later than this after its own acknowledgment.
const LATE: Span = Span::from_millis(10);

/// A direction that has been silent for longer, with nothing open, is folded when there is no room.
const DONE: Span = Span::from_millis(1000);

/// How long after its acknowledgment a segment may be seen and yet be the one that was acknowledged: less than half a round trip
/// where that is known. `wait`: two round trips.
pub(super) fn late(wait: Span) -> Span {
    if wait == Span::ZERO { LATE } else { LATE.min(Span::from_nanos(wait.nanos() / 4)) }
}

/// Lines of the cache that hold what a usual segment touches.
const LINES: usize = 5;
/// What an acknowledgment touches.
const LINES_ACKNOWLEDGED: usize = 3;

/// One direction. Laid out by hand: what each segment and each acknowledgment touches stands first.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Side {
    /// One past the highest number seen or acknowledged.
    pub(super) next: u64,
    pub(super) origin: Seq,
    pub(super) largest: u32,
    /// Agreed by the SYNs, 0 where they were not seen.
    pub(super) mss_agreed: u16,
    /// Something of it passed.
    pub(super) known: bool,
    /// It has sent a FIN.
    pub(super) fin: bool,
    /// A TSval that has not come back yet, and when it passed; never if there is none.
    unechoed: u32,
    unechoed_at: When,
    pub(super) requests: Requests,
    pub(super) history: History,
    pub(super) holes: Holes,
    pub(super) syn: Option<Seq>,
    pub(super) sender: Sender,
    pub(super) settling: Settling,
    /// What was counted of its segments; `None` before there was anything.
    pub(super) counts: Option<Box<LossRecord>>,
    /// The first segment that was seen, where that was midway.
    pub(super) first: Option<Box<Passed>>,
    /// When a segment passed last that had been sent again.
    pub(super) last_resent: When,
    /// When its last SYN passed.
    last_syn: When,
    /// Its SYN was sent again at that time.
    syn_again: When,
    syn_at: When,
    pub(super) syns: u32,
    pub(super) mss_offer: Option<u16>,
    /// Flags of its SYN.
    pub(super) syn_flags: TcpFlags,
    /// It has sent a SYN-ACK.
    pub(super) answered: bool,
    /// Its last SYN was the same packet once more.
    pub(super) syn_copied: bool,
    /// A SYN passed right after the one before: no timer had run out, and neither was lost here.
    syns_together: bool,
    pub(super) sack_offer: bool,
    pub(super) sack_agreed: bool,
}

/// Where a segment lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The next expected one, or beyond it, or without numbers: nothing to say of it.
    Expected,
    /// A SYN with the same first number.
    SynAgain,
    /// A SYN-ACK with it, the first one: both opened at the same time.
    FirstAnswer,
    /// Below the highest number seen.
    Below,
    /// Below the first number that the capture saw.
    BeforeCapture,
}

impl Side {
    pub(super) fn new() -> Self {
        Self {
            origin: Seq(0),
            known: false,
            fin: false,
            syn_flags: TcpFlags(0),
            last_syn: When::NEVER,
            syns: 0,
            answered: false,
            syn_copied: false,
            syns_together: false,
            syn: None,
            syn_again: When::NEVER,
            syn_at: When::NEVER,
            mss_offer: None,
            sack_offer: false,
            sack_agreed: false,
            mss_agreed: 0,
            largest: 0,
            next: BASE,
            first: None,
            unechoed: 0,
            unechoed_at: When::NEVER,
            last_resent: When::NEVER,
            sender: Sender::default(),
            requests: Requests::default(),
            history: History::default(),
            holes: Holes::default(),
            settling: Settling::default(),
            counts: None,
        }
    }

    /// Asks for the memory that a segment needs.
    #[inline]
    pub(super) fn fetch(&self) {
        prefetch(self, LINES);
    }

    /// Asks for the memory that an acknowledgment by the peer needs.
    #[inline]
    pub(super) fn fetch_acknowledged(&self) {
        prefetch(self, LINES_ACKNOWLEDGED);
    }

    /// What was counted.
    pub(super) fn record(&self) -> LossRecord {
        let counts = self.counts.as_deref().copied().unwrap_or_default();
        LossRecord { at_least: counts.at_least || self.holes.forgot(), ..counts }
    }

    /// To be counted in.
    #[cold]
    pub(super) fn counts(&mut self) -> &mut LossRecord {
        self.counts.get_or_insert_default()
    }

    pub(super) const fn origin(&self) -> Seq {
        self.origin
    }

    pub(super) const fn first(&self) -> Option<&Passed> {
        match &self.first {
            Some(first) => Some(&**first),
            None => None,
        }
    }

    /// Largest data of a segment on the wire, as far as that is known.
    #[inline]
    pub(super) fn mss(&self) -> u32 {
        let times = if self.sender.highest_tsval().is_some() { TIMES_LEN } else { 0 };
        match u32::from(self.mss_agreed) {
            0 => self.largest.max(1),
            mss => mss.saturating_sub(times).max(LEAST_MSS),
        }
    }

    /// Segments that so much data makes.
    #[inline]
    pub(super) fn segments(&self, data: u64) -> u64 {
        let mss = u64::from(self.mss());
        if data <= mss { 1 } else { data.div_ceil(mss) }
    }

    /// Finds the place of a segment on the line, and what it takes on the wire. `false`: it has none.
    #[inline]
    pub(super) fn place(&mut self, s: &mut Passed, seq: Seq, options: &Options<'_>) -> bool {
        if s.has(TcpFlags::SYN) {
            self.on_syn(s, seq, options);
        }
        if !self.known {
            self.origin = seq;
            self.next = BASE;
        }
        let Ok(start) = u64::try_from(seq.offset(self.origin, self.next)) else { return false };
        s.start = start;
        self.largest = self.largest.max(s.data());
        s.parts = self.segments(u64::from(s.data())).min(u64::from(u16::MAX)) as u16;
        true
    }

    /// Another first number: what was known of the old numbers is of no use.
    fn start_again(&mut self) {
        self.known = false;
        if self.holes.forgot() {
            self.counts().at_least = true;
        }
        (self.first, self.unechoed_at, self.syn_again) = (None, When::NEVER, When::NEVER);
        (self.answered, self.syn_copied, self.syns_together, self.fin) = (false, false, false, false);
        self.last_resent = When::NEVER;
        self.sender.start_again();
        self.settling.start_again();
        self.history.clear();
        self.holes.clear();
        self.requests.clear();
    }

    fn on_syn(&mut self, s: &Passed, seq: Seq, options: &Options<'_>) {
        if self.syn.is_some_and(|syn| syn != seq) {
            self.start_again();
        }
        if self.syn != Some(seq) {
            self.syn_at = When::at(s.ts);
        }
        self.syn = Some(seq);
        self.sack_offer = options.sack_permitted;
        self.syn_flags = s.flags;
        self.mss_offer = options.mss;
    }

    /// Is the offer of both sides known, this is what it comes to.
    pub(super) fn agree_mss(&mut self, peer: &Self) {
        let mss = match (self.mss_offer, peer.mss_offer) {
            (Some(a), Some(b)) => a.min(b),
            (a, b) => a.or(b).unwrap_or(0),
        };
        self.mss_agreed = mss;
        self.sack_agreed = self.sack_offer && peer.sack_offer;
    }

    /// Would its next SYN answer one of its peer's? One passed since its own last one, or two did at a time. (Of two with a
    /// timeout between them the first was lost, or its answer was.)
    pub(super) fn owes_syn(&self, peer: &Self) -> bool {
        peer.last_syn > self.last_syn || (peer.syns > self.syns && peer.syns_together)
    }

    /// Did its SYN pass more than once?
    pub(super) const fn repeated_syn(&self) -> bool {
        self.syns > 1
    }

    /// Is there nothing to say of a segment, as it is the next expected one, or has no numbers? It is taken note of then.
    #[inline]
    pub(super) fn goes_on(&mut self, s: &Passed, wait: Span, room: &mut Room) -> bool {
        if !self.known || s.has(TcpFlags::SYN) {
            return false;
        }
        if s.len == 0 {
            return s.start >= self.next;
        }
        if s.start != self.next {
            return false;
        }
        self.fin |= s.has(TcpFlags::FIN);
        self.next = s.end();
        self.history.remember(s, self.requests.acked, wait, room);
        true
    }

    /// Takes note of a segment at its place. What comes below the highest number is for others to judge.
    pub(super) fn arrives(&mut self, s: &Passed, wait: Span, stalled: bool, room: &mut Room) -> Place {
        let syn = s.has(TcpFlags::SYN);
        let answer = syn && s.has(TcpFlags::ACK);
        // After a SYN of its own, where both open at a time (RFC 9293 section 3.5), this is not that one again.
        let first_answer = answer && !self.answered;
        self.answered |= answer;
        self.fin |= s.has(TcpFlags::FIN);
        if syn {
            self.syns_together |= self.last_syn.since(s.ts).is_some_and(|since| since < TIMEOUT);
            self.last_syn = When::at(s.ts);
        }
        if !self.known {
            self.known = true;
            self.next = s.end();
            self.syns = u32::from(syn);
            if !syn {
                self.first = Some(Box::new(*s));
            }
            if s.len > 0 {
                self.history.remember(s, self.requests.acked, wait, room);
            }
            return Place::Expected;
        }
        if syn {
            self.syns += 1;
            if self.syns > 1 && s.start < self.next {
                return if first_answer { Place::FirstAnswer } else { Place::SynAgain };
            }
        }
        if s.len == 0 {
            return Place::Expected;
        }
        if s.start < self.next && self.is_seen_late(s, wait) {
            // The capture saw its acknowledgment first.
            self.fill(s, true, room);
            self.history.remember(s, self.requests.acked, wait, room);
            return Place::Expected;
        }
        if s.start < self.next {
            let before = self.first.as_ref().is_some_and(|first| s.start < first.start);
            return if before { Place::BeforeCapture } else { Place::Below };
        }
        if s.start > self.next {
            self.open_hole(s, stalled, room);
        }
        self.next = s.end();
        self.history.remember(s, self.requests.acked, wait, room);
        Place::Expected
    }

    /// Is it the next expected segment, but for an acknowledgment of it that the capture saw first? Two queues of a network card,
    /// or two places of capture, give packets out of order by a little. What is sent again after it was acknowledged cannot
    /// come so soon. `wait`: two round trips, 0 where none is known.
    fn is_seen_late(&self, s: &Passed, wait: Span) -> bool {
        let in_order = self.history.last().is_none_or(|last| last.end() <= s.start);
        in_order
            && self.holes.acknowledged_unseen(s.start, s.end().min(self.next)).is_some_and(|at| s.since(at) < late(wait))
            && !order::by_ecn(s, &self.sender).is_some_and(|(order, _)| order == Order::After)
    }

    fn open_hole(&mut self, s: &Passed, after_stall: bool, room: &mut Room) {
        let last = self.history.last().filter(|last| last.end() == self.next);
        let before = last.map(|last| {
            let id = last.id.wrapping_add(last.parts - 1);
            Before { end: last.end(), id: if last.id == 0 { 0 } else { self.sender.unbroken_from(id) } }
        });
        let hole = Hole {
            start: self.next,
            end: s.start,
            creator: *s,
            before,
            after_stall,
            asked: None,
            acked: None,
            by_ack: false,
            dropped: false,
        };
        self.holes.open(hole, room);
    }

    /// The offset that an acknowledgment of this side's numbers stands at.
    #[inline]
    pub(super) fn acknowledged_at(&self, ack: Seq) -> Option<u64> {
        if !self.known {
            return None;
        }
        let near = if self.requests.acked == 0 { self.next } else { self.requests.acked };
        let at = u64::try_from(ack.offset(self.origin, near)).ok()?;
        (at.abs_diff(near) <= REACH as u64).then_some(at)
    }

    /// Everything up to `at` was acknowledged. When did the segment pass that ends there?
    #[inline]
    pub(super) fn on_acknowledged(&mut self, old: u64, at: u64, now: Timestamp, room: &mut Room) -> Option<Timestamp> {
        let missed = self.holes.acknowledge(old, at, now, room);
        if missed > 0 {
            self.counts().uncaptured_bytes += missed;
        }
        if at > self.next {
            let missed = at - self.next;
            self.counts().uncaptured_bytes += missed;
            self.holes.open_by_ack(self.next, at, now, room);
            self.next = at;
        }
        let passed = self.history.acknowledged(at);
        // Of a SYN that was sent again the last one counts: the answer to the first would have come before it.
        if self.is_syn_end(at) { self.syn_again.get().or(passed) } else { passed }
    }

    /// Does its SYN, without data, end here?
    pub(super) fn is_syn_end(&self, at: u64) -> bool {
        self.syn.is_some() && at == BASE + 1
    }

    /// A SYN passed once more. Only one that a timer sent can be what is answered.
    pub(super) fn syn_was_sent_again(&mut self, at: Timestamp) {
        let last = if self.syn_again == When::NEVER { self.syn_at } else { self.syn_again };
        if last.since(at).is_none_or(|since| since >= TIMEOUT) {
            self.syn_again = When::at(at);
        }
    }

    /// Did both SYNs offer SACK? Then their sender does not send again what is on its way.
    pub(super) const fn sack(&self) -> bool {
        self.sack_agreed
    }

    /// It sends a TSval: the next new one is waited for.
    #[inline]
    pub(super) fn sends_tsval(&mut self, s: &Passed) {
        if !s.has_times || self.unechoed_at != When::NEVER {
            return;
        }
        let newer = self.sender.highest_tsval().is_none_or(|highest| (s.tsval.wrapping_sub(highest) as i32) > 0);
        if newer {
            (self.unechoed, self.unechoed_at) = (s.tsval, When::at(s.ts));
        }
    }

    /// Its peer echoes a TSval. When did the one that was waited for pass?
    #[inline]
    pub(super) fn echoed(&mut self, tsecr: u32) -> Option<Timestamp> {
        let passed = self.unechoed_at.get()?;
        if (tsecr.wrapping_sub(self.unechoed) as i32) < 0 {
            return None;
        }
        self.unechoed_at = When::NEVER;
        Some(passed)
    }

    /// Is data outstanding?
    pub(super) fn has_outstanding(&self) -> bool {
        self.known && self.next > self.requests.acked
    }

    /// It has been silent: what is no longer needed is given back.
    pub(super) fn rest(&mut self, now: Timestamp, wait: Span, room: &mut Room) {
        self.history.rest(self.requests.acked, now, wait, room);
        self.holes.rest(now, room);
        self.settling.rest(room);
    }

    /// Was all of it acknowledged long ago, and is nothing of it open?
    pub(super) fn is_done(&self, now: Timestamp) -> bool {
        let quiet = self.history.is_old(now) && self.sender.silence(now).is_some_and(|silence| silence > DONE);
        let whole = self.holes.is_empty() && self.settling.next().is_none() && self.requests.acked >= self.next;
        self.known && quiet && whole && self.syn.is_none_or(|syn| syn == self.origin)
    }

    pub(super) fn release(&mut self, room: &mut Room) {
        self.history.release(room);
        self.holes.release(room);
        self.settling.release(room);
        self.requests.release(room);
    }
}
