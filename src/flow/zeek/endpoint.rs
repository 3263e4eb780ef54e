//! One side of a TCP connection as Zeek keeps it: its state, where its sequence numbers are, and how many bytes that makes.
//!
//! Not the states of RFC 9293, and not what a host would accept: a side is ESTABLISHED as soon as the responder's SYN was seen.
//! The transitions are in `transition`; here is what they change.

use super::sight::Seg;
use super::weird::{Weird, Weirds};
use crate::model::Timestamp;

/// Numbers of SYN and RST packets further away than this are not believed.
const TOO_LARGE: i32 = 1 << 20;

/// Zeek's `TCP_ENDPOINT_…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing seen.
    #[default]
    Inactive,
    SynSent,
    /// SYN-ACK sent by the originator.
    SynAckSent,
    /// Something seen, but no SYN.
    Partial,
    Established,
    /// FIN sent.
    Closed,
    /// RST sent.
    Reset,
}

impl State {
    /// The phase in which only a short silence is granted.
    pub(super) const fn is_handshake(self) -> bool {
        matches!(self, Self::Inactive | Self::SynSent | Self::SynAckSent)
    }

    pub(super) const fn is_knocking(self) -> bool {
        matches!(self, Self::SynSent | Self::SynAckSent)
    }

    /// No SYN seen.
    pub(super) const fn is_inactive(self) -> bool {
        matches!(self, Self::Inactive | Self::Partial)
    }
}

/// A sequence number, and how often the 32 bits went round before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wrapped {
    seq: u32,
    wraps: u32,
}

impl Wrapped {
    const fn at(seq: u32) -> Self {
        Self { seq, wraps: 0 }
    }

    const fn full(self) -> i64 {
        (self.wraps as i64) << 32 | self.seq as i64
    }

    const fn move_to(&mut self, seq: u32) {
        if seq < self.seq {
            self.wraps = self.wraps.saturating_add(1);
        }
        self.seq = seq;
    }
}

/// A place relative to the start of the numbers, the SYN being 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relative {
    /// Modulo 2^64: before the start it is a very large number, which only compares.
    pub(super) at: u64,
    /// It lies before the start, or more than 2 GB after it without anything in between. It cannot be trusted.
    pub(super) underflow: bool,
}

impl Relative {
    /// The place of `seq` as near to `known` as 32 bits tell.
    #[inline(always)]
    const fn of(seq: u32, start: u32, known: Wrapped) -> Self {
        let step = delta(seq, known.seq);
        let wraps = if step < 0 && known.wraps > 0 && seq > known.seq {
            known.wraps - 1
        } else if step > 0 && seq < known.seq {
            known.wraps.saturating_add(1)
        } else {
            known.wraps
        };
        if wraps == 0 {
            let from_start = delta(seq, start);
            return Self { at: from_start as i64 as u64, underflow: from_start < 0 };
        }
        Self { at: (Wrapped { seq, wraps }.full() - start as i64) as u64, underflow: false }
    }
}

/// Steps from `b` to `a`, at most half the circle either way.
pub(super) const fn delta(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

/// One side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Endpoint {
    pub(super) state: State,
    /// The state before this one.
    pub(super) previous: State,
    /// FINs sent.
    pub(super) fins: u16,
    /// RSTs sent.
    resets: u16,
    /// It has closed, and nothing it sent before is missing.
    pub(super) did_close: bool,
    /// It is at its end, and all that it sent is there.
    pub(super) at_end: bool,
    /// A packet of it was taken.
    pub(super) spoke: bool,
    /// A SYN of it offered a scale.
    pub(super) scaled: bool,
    /// The scale that its last SYN offered.
    scale: u8,
    /// The window is known.
    has_window: bool,
    start: u32,
    last: Wrapped,
    ack: Wrapped,
    window: Window,
    last_time: Timestamp,
    /// Where the last FIN ends, relative to the start; 0 where that is not known.
    pub(super) fin_end: u64,
}

/// The window it offered last, for the weird name of one that shrinks.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    seq: u32,
    ack: u32,
    size: u32,
}

impl Endpoint {
    pub(super) const fn start(&self) -> u32 {
        self.start
    }

    /// The side has a new state; the old one is remembered.
    pub(super) fn set(&mut self, state: State) {
        if state != self.state {
            self.previous = self.state;
            self.state = state;
        }
    }

    fn number_from(&mut self, start: u32, last: u32) {
        self.start = start;
        self.ack = Wrapped::at(start);
        self.last = Wrapped::at(last);
    }

    /// The numbers that a packet of this side starts, if it does. `end`: one past the segment.
    pub(super) fn begin(&mut self, seg: &Seg, end: u32, weirds: &mut Weirds) {
        match self.state {
            State::Inactive if seg.syn() => self.number_from(seg.seq, end),
            // Room for the SYN that was not seen; `last` without the payload, so that the packet does not repeat itself.
            State::Inactive => self.number_from(seg.seq.wrapping_sub(1), seg.seq),
            State::SynSent | State::SynAckSent if seg.syn() && seg.seq != self.start => {
                weirds.add(Weird::SynSeqJump);
                self.number_from(seg.seq, end);
            }
            State::Established | State::Partial if seg.syn() => {
                if self.size_of_numbers() > 0 {
                    weirds.add(Weird::SynInsideConnection);
                }
                if seg.seq != self.start {
                    weirds.add(Weird::SynSeqJump);
                }
                self.number_from(seg.seq, end);
            }
            // The RST may not have been its own.
            State::Reset if seg.syn() && self.previous == State::Inactive => self.number_from(seg.seq, end),
            _ => {}
        }
    }

    /// The numbers that the peer's ACK starts, of a side that has sent nothing.
    pub(super) fn begin_by_ack(&mut self, ack: u32) {
        if self.state == State::Inactive {
            self.number_from(ack.wrapping_sub(1), ack.wrapping_sub(1));
        }
    }

    /// Open, and never about to close?
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, State::Established) && self.fins == 0 && !self.did_close
    }

    /// Where a sequence number lies.
    #[inline(always)]
    pub(super) const fn relative(&self, seq: u32) -> Relative {
        Relative::of(seq, self.start, self.last)
    }

    /// The same of an acknowledgment of this side's bytes.
    #[inline(always)]
    pub(super) const fn relative_ack(&self, ack: u32) -> Relative {
        Relative::of(ack, self.start, self.ack)
    }

    /// How far it is acknowledged.
    pub(super) const fn acked(&self) -> u64 {
        (self.ack.full() - self.start as i64) as u64
    }

    /// The peer acknowledges.
    #[inline(always)]
    pub(super) fn acknowledge(&mut self, ack: u32) {
        let step = delta(ack, self.ack.seq);
        // 0 far away is rather a broken field than a number.
        if step > 0 && !(ack == 0 && step > TOO_LARGE) {
            self.ack.move_to(ack);
        }
    }

    /// Does a segment that ends there go beyond what was sent?
    pub(super) const fn advances(&self, end: u32) -> bool {
        delta(end, self.last.seq) > 0
    }

    /// A segment that ends at `end` was sent. Does it repeat what was sent before?
    #[inline(always)]
    pub(super) fn send(&mut self, seg: &Seg, end: u32) -> bool {
        let step = delta(end, self.last.seq);
        if (seg.syn() || seg.rst()) && !(-TOO_LARGE..=TOO_LARGE).contains(&step) {
            return false;
        }
        if seg.fin() && self.last.seq == self.start.wrapping_add(1) {
            // More than 2 GB may lie between SYN and FIN.
            self.last.move_to(end);
            return false;
        }
        if self.state == State::Reset {
            return false;
        }
        if step > 0 {
            self.last.move_to(end);
            return false;
        }
        seg.len > 0
    }

    /// One past the last byte sent, relative to the start.
    pub(super) fn reach(&self) -> u64 {
        (self.last.full() - i64::from(self.start)).max(0) as u64
    }

    /// Nothing beyond the SYN was acknowledged.
    pub(super) const fn nothing_acked(&self) -> bool {
        self.ack.seq == self.start || self.ack.seq == self.start.wrapping_add(1)
    }

    /// Something that goes on?
    pub(super) const fn is_active(&self) -> bool {
        !matches!(self.state, State::Inactive | State::Closed | State::Reset) && !self.did_close
    }

    /// Payload bytes, seen or acknowledged.
    pub(super) fn size(&self, peer: &Self) -> u64 {
        let refused = self.previous == State::SynSent && self.state == State::Reset;
        if refused && peer.state == State::Inactive && !self.nothing_acked() {
            return 0;
        }
        self.size_of_numbers()
    }

    fn size_of_numbers(&self) -> u64 {
        let far = self.last.full().max(self.ack.full());
        let size = (far - i64::from(self.start)).max(0) as u64;
        // Neither SYN nor FIN is payload.
        let size = size.saturating_sub(1);
        if self.fins > 0 { size.saturating_sub(1) } else { size }
    }

    /// A FIN that ends at `end`.
    pub(super) fn count_fin(&mut self, end: u64, ts: Timestamp, weirds: &mut Weirds) {
        self.fins = self.fins.saturating_add(1);
        if self.fins >= STORM && self.is_fast(ts) {
            weirds.add(Weird::FinStorm);
        }
        self.fin_end = end;
    }

    /// A RST.
    pub(super) fn count_reset(&mut self, ts: Timestamp, weirds: &mut Weirds) {
        self.resets = self.resets.saturating_add(1);
        if self.resets >= STORM && self.is_fast(ts) {
            weirds.add(Weird::RstStorm);
        }
    }

    fn is_fast(&self, ts: Timestamp) -> bool {
        ts - self.last_time < STORM_GAP
    }

    /// A packet of it was taken.
    pub(super) const fn seen(&mut self, ts: Timestamp) {
        self.last_time = ts;
    }

    /// The scale that its SYN offers.
    pub(super) fn offer_scale(&mut self, scale: Option<u8>) {
        self.scale = scale.unwrap_or(0);
    }

    /// The window of a packet without SYN, FIN and RST: one that shrinks below what was granted is weird.
    #[inline(always)]
    pub(super) fn offer_window(&mut self, seg: &Seg, scaled: bool, weirds: &mut Weirds) {
        let scale = if scaled { self.scale.min(14) } else { 0 };
        let size = u32::from(seg.window) << scale;
        let old = self.window;
        if self.has_window {
            if delta(seg.seq, old.seq) < 0 || delta(seg.ack, old.ack) < 0 {
                return;
            }
            let advance = delta(seg.ack.wrapping_add(size), old.ack.wrapping_add(old.size));
            // Scaled windows are rounded down.
            if advance < 0 && advance.unsigned_abs() >= 1 << scale {
                weirds.add(Weird::WindowRecision);
            }
        }
        self.has_window = true;
        self.window = Window { seq: seg.seq, ack: seg.ack, size };
    }
}

/// So many FINs or RSTs, each within a second of the packet before, are a storm.
const STORM: u16 = 1000;
const STORM_GAP: crate::model::Span = crate::model::Span::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::TcpFlags;

    fn seg(seq: u32, len: u32) -> Seg {
        Seg { seq, len, flags: TcpFlags::ACK, ..Seg::default() }
    }

    fn opened(start: u32) -> Endpoint {
        let mut end = Endpoint::default();
        let mut weirds = Weirds::default();
        end.begin(&Seg { flags: TcpFlags::SYN, seq: start, ..Seg::default() }, start.wrapping_add(1), &mut weirds);
        end.set(State::SynSent);
        end.set(State::Established);
        end
    }

    #[test]
    fn sizes_survive_two_rounds_of_the_circle() {
        let mut end = opened(u32::MAX - 5);
        let mut seq = (u32::MAX - 5).wrapping_add(1);
        let step = 1 << 30;
        for _ in 0..9 {
            seq = seq.wrapping_add(step);
            assert!(!end.send(&seg(seq.wrapping_sub(step), step), seq));
        }
        assert_eq!(end.size(&Endpoint::default()), 9 << 30);
        assert!(end.send(&seg(seq.wrapping_sub(1), 1), seq), "the last byte again");
    }

    #[test]
    fn a_first_packet_without_syn_counts_its_payload_once_acknowledged_or_passed() {
        let mut end = Endpoint::default();
        let first = seg(1000, 100);
        end.begin(&first, 1100, &mut Weirds::default());
        assert!(!end.send(&first, 1100), "it does not repeat itself");
        assert_eq!(end.size(&Endpoint::default()), 100);
    }

    #[test]
    fn a_fin_may_lie_two_gigabytes_behind_its_syn() {
        let mut end = opened(0);
        let fin = Seg { flags: TcpFlags::FIN, seq: 3_000_000_000, ..Seg::default() };
        assert!(!end.send(&fin, 3_000_000_001));
        end.count_fin(3_000_000_001, Timestamp::default(), &mut Weirds::default());
        assert_eq!(end.size(&Endpoint::default()), 2_999_999_999);
    }

    #[test]
    fn resets_far_away_move_nothing() {
        let mut end = opened(1000);
        let rst = Seg { flags: TcpFlags::RST, seq: 1001 + (1 << 21), ..Seg::default() };
        assert!(!end.send(&rst, rst.seq));
        assert_eq!(end.size(&Endpoint::default()), 0);
    }

    #[test]
    fn an_acknowledgment_of_zero_far_away_is_not_believed() {
        let mut end = opened(0xf000_0000);
        end.acknowledge(0);
        assert_eq!(end.size(&Endpoint::default()), 0);
        end.acknowledge(0xf000_0011);
        assert_eq!(end.size(&Endpoint::default()), 16);
    }
}
