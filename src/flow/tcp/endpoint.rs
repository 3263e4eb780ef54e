//! One end of a TCP connection: where its numbering starts, how far it has sent, how far that was acknowledged, what window
//! it offers, and its counters. What the two ends mean for each other is `state.rs`.

use super::coverage::Coverage;
use super::doubt::{Doubt, Held, NONE};
use super::segment::{Offer, Segment};
use super::seq::{REACH, Seq};
use crate::decode::TcpFlags;
use crate::flow::record::TcpState;

/// How the start of an end's numbering is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Known {
    /// Not at all: it has neither sent nor been acknowledged anything.
    Not,
    /// The peer acknowledged something; the number before that stands for the start.
    Acked,
    /// It was first seen midway; the number before the first seen stands for the start.
    Midway,
    /// Its SYN was seen.
    Syn,
}

/// Offset that stands for the start where the SYN was not seen, so that earlier bytes have a place on the line, too. A
/// multiple of 2^32: the circle does not notice.
const MIDWAY: u64 = 1 << 32;

/// Longer than this no segment is that is taken the short way: no window is as small that it could be beyond.
const PLAIN: u32 = 1 << 16;

/// What becomes of a segment's data and FIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Part of the stream.
    Taken,
    /// Too far ahead: it waits for evidence.
    Held,
    /// Data after a FIN that was acknowledged.
    Refused,
}

/// What an acknowledgment is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acks {
    /// Of this offset, which was sent or can have been.
    Near(u64),
    /// Of this offset, further ahead than any window allows.
    Far(u64),
    /// Of nothing that this end can have sent.
    Nothing,
}

/// What most ends have nothing of.
#[derive(Clone, Debug, Default)]
struct Rare {
    /// What is too far ahead to be believed, if anything is.
    doubt: Option<Doubt>,
    /// Segments too far from anything expected to belong to the stream, resets that no host would take, and
    /// acknowledgments of nothing.
    out_of_window: u64,
    zero_windows: u64,
}

/// One end: two lines of the cache. Laid out by hand: the first line is what a segment of the peer touches, too.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Endpoint {
    /// One past the highest offset it has sent, SYN and FIN counted.
    pub(super) next: u64,
    /// First offset that the peer has not acknowledged.
    pub(super) acked: u64,
    fin: u64,
    rare: Option<Box<Rare>>,
    origin: Seq,
    /// One past the last number it was seen to send.
    seen: Seq,
    /// The highest acknowledgment that was not above that: a second bound for resets, lest one of nothing defeat them.
    sure: Seq,
    /// Its last window in bytes.
    window: u32,
    /// First number of the segment that offered it (`SND.WL1` of RFC 9293 section 3.3.1).
    window_from: Seq,
    /// All flags it ever set.
    pub(super) flags: u16,
    pub(super) known: Known,
    /// Its state as inferred (RFC 9293 section 3.3.2); `None` before anything is known of it.
    pub(super) state: Option<TcpState>,
    /// Window scale it offered.
    pub(super) scale: Option<u8>,
    /// Its last window field was 0 (no RST).
    pub(super) shut: bool,
    /// It has sent a window that was scaled and not 0.
    scaled_window_seen: bool,
    /// Not all options of its SYN were captured: it may have offered more.
    pub(super) options_cut: bool,
    pub(super) sack: bool,
    pub(super) timestamps: bool,
    pub(super) ack_packets: u64,
    pub(super) pure_acks: u64,
    pub(super) data_packets: u64,
    pub(super) stream: Coverage,
    pub(super) max_segment: u32,
    pub(super) min_segment: u32,
    /// Largest window of the segments that were accepted.
    pub(super) max_window: u32,
    pub(super) mss: Option<u16>,
}

impl Endpoint {
    pub(super) fn new() -> Self {
        Self {
            origin: Seq(0),
            known: Known::Not,
            state: None,
            scale: None,
            shut: false,
            scaled_window_seen: false,
            options_cut: false,
            rare: None,
            seen: Seq(0),
            sure: Seq(0),
            window_from: Seq(0),
            sack: false,
            timestamps: false,
            mss: None,
            flags: 0,
            window: 0,
            next: 0,
            acked: 0,
            fin: NONE,
            stream: Coverage::default(),
            ack_packets: 0,
            pure_acks: 0,
            data_packets: 0,
            max_segment: 0,
            min_segment: 0,
            max_window: 0,
        }
    }

    /// First sequence number, where the SYN was seen.
    pub(super) fn isn(&self) -> Option<Seq> {
        (self.known == Known::Syn).then_some(self.origin)
    }

    /// Number relative to the SYN's, where that was seen.
    pub(super) fn relative(&self, seq: Seq) -> Option<u32> {
        self.isn().map(|isn| seq.0.wrapping_sub(isn.0))
    }

    /// Could this be the SYN of the numbering that is known so far?
    pub(super) fn starts_with(&self, syn: Seq) -> bool {
        self.known == Known::Not || self.origin == syn
    }

    /// The number that its offsets are counted from, where something is known of it.
    pub(super) fn origin(&self) -> Option<Seq> {
        (self.known != Known::Not).then_some(self.origin)
    }

    /// Offset of the byte that its stream begins with when its numbering begins anew.
    pub(super) fn first_byte(&self) -> u64 {
        if self.known == Known::Syn { 1 } else { MIDWAY + 1 }
    }

    /// Offset of its FIN.
    pub(super) fn fin(&self) -> Option<u64> {
        self.has_fin().then_some(self.fin)
    }

    /// The number that comes after all that it was seen to send, where something is known of it.
    pub(super) fn next_number(&self) -> Option<Seq> {
        self.origin().map(|origin| origin.plus(self.next as u32))
    }

    /// The first number that its peer has not acknowledged, where something is known of it.
    pub(super) fn acked_number(&self) -> Option<Seq> {
        self.origin().map(|origin| origin.plus(self.acked as u32))
    }

    /// Has it sent a FIN?
    pub(super) const fn has_fin(&self) -> bool {
        self.fin != NONE
    }

    /// Has the peer acknowledged its FIN?
    pub(super) const fn fin_acked(&self) -> bool {
        self.fin != NONE && self.acked > self.fin
    }

    /// Takes a SYN as the start of the numbering. A copy may offer less than the first (hosts give options up when nothing
    /// answers), but not once it was answered.
    pub(super) fn start(&mut self, seq: Seq, offer: Offer) {
        let first = self.known != Known::Syn;
        if first {
            let fits = self.known != Known::Not && self.origin == seq;
            self.origin = seq;
            if !fits {
                (self.next, self.acked) = (1, 0);
                (self.seen, self.sure) = (seq.plus(1), seq);
                self.stream = Coverage::default();
                self.believe_nothing();
            }
            self.known = Known::Syn;
        }
        if first || self.acked == 0 {
            self.scale = offer.scale;
            self.mss = offer.mss;
            self.sack = offer.sack;
            self.timestamps = offer.timestamps.is_some();
            self.options_cut = offer.cut;
        }
    }

    /// What its SYN offered.
    pub(super) fn offer(&self) -> Offer {
        Offer { mss: self.mss, scale: self.scale, sack: self.sack, cut: self.options_cut, ..Offer::default() }
    }

    /// Takes another SYN-ACK in place of the first, before anything has been built on that.
    pub(super) fn start_again(&mut self, seq: Seq, offer: Offer) {
        self.known = Known::Not;
        self.start(seq, offer);
    }

    /// The offset of a segment of this end, or `None` if it cannot belong to the stream. An end not known before begins here.
    pub(super) fn place(&mut self, segment: &Segment<'_>) -> Option<u64> {
        let seq = segment.seq;
        if self.known == Known::Not {
            self.begin_midway(seq);
        }
        if let Some(offset) = self.find(seq) {
            if self.known == Known::Acked {
                self.known = Known::Midway;
            }
            return Some(offset);
        }
        if self.known == Known::Acked {
            // The peer's acknowledgment was nonsense; the segment itself is better evidence.
            self.begin_midway(seq);
            return self.find(seq);
        }
        None
    }

    /// The offset of a number of this end, near what was sent last, or what was acknowledged, or what has no hole below it.
    /// Three anchors, so that one stray segment cannot move the place where the true ones are expected.
    pub(super) fn find(&self, seq: Seq) -> Option<u64> {
        if self.known == Known::Not {
            return None;
        }
        let near = |anchor: u64| {
            let offset = seq.offset(self.origin, anchor);
            (offset >= 0 && (offset - anchor as i64).abs() <= REACH).then_some(offset as u64)
        };
        near(self.next).or_else(|| near(self.acked)).or_else(|| self.stream.contiguous().and_then(near))
    }

    fn doubt(&self) -> Option<&Doubt> {
        self.rare.as_ref()?.doubt.as_ref()
    }

    fn doubt_mut(&mut self) -> Option<&mut Doubt> {
        self.rare.as_mut()?.doubt.as_mut()
    }

    fn begin_doubt(&mut self) -> &mut Doubt {
        self.rare.get_or_insert_default().doubt.get_or_insert_default()
    }

    /// The numbering begins anew: what waited belongs to the old one.
    fn believe_nothing(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.doubt = None;
        }
    }

    /// Counts segments that no host would take.
    pub(super) fn count_out_of_window(&mut self, segments: u64) {
        if segments > 0 {
            self.rare.get_or_insert_default().out_of_window += segments;
        }
    }

    /// Segments too far from anything expected to belong to the stream, resets that no host would take, and
    /// acknowledgments of nothing.
    pub(super) fn out_of_window(&self) -> u64 {
        self.rare.as_ref().map_or(0, |rare| rare.out_of_window)
    }

    /// Packets with ACK that offered a window of 0, resets left out.
    pub(super) fn zero_windows(&self) -> u64 {
        self.rare.as_ref().map_or(0, |rare| rare.zero_windows)
    }

    fn begin_midway(&mut self, seq: Seq) {
        self.origin = seq.minus(1);
        self.known = Known::Midway;
        (self.next, self.acked) = (MIDWAY + 1, MIDWAY + 1);
        (self.seen, self.sure) = (seq, seq);
        self.stream = Coverage::default();
        self.believe_nothing();
    }

    /// Takes data and FIN at their offset. `limit`: how far beyond all that is known of the stream they can be.
    ///
    /// The SYN's place is not data (keep-alives of an idle connection repeat it), nor is anything after the FIN.
    pub(super) fn send(&mut self, offset: u64, segment: &Segment<'_>, limit: u64) -> Sent {
        let mut start = offset + u64::from(segment.has(TcpFlags::SYN));
        let mut end = start + u64::from(segment.len);
        let fin = if segment.has(TcpFlags::FIN) { end } else { NONE };
        let sent = end + u64::from(fin != NONE);
        if self.known == Known::Syn {
            (start, end) = (start.max(1), end.max(1));
        }
        if segment.len > 0 && self.fin_acked() && start > self.fin {
            return Sent::Refused;
        }
        if sent > self.next.max(self.acked).saturating_add(limit) {
            let doubt = self.begin_doubt();
            if let Some(ack) = doubt.ack_near(start, limit) {
                self.acknowledge(ack);
            } else {
                let (believed, given_up) = doubt.hold(start, end, fin, limit);
                self.count_out_of_window(given_up);
                let Some(held) = believed else { return Sent::Held };
                self.believe(held);
                return Sent::Taken;
            }
        }
        self.take(start, end, fin);
        let next = self.next;
        if let Some(doubt) = self.doubt_mut() {
            let given_up = doubt.overtaken(next);
            self.count_out_of_window(given_up);
        }
        Sent::Taken
    }

    /// Bytes and FIN are part of the stream.
    fn take(&mut self, start: u64, end: u64, fin: u64) {
        if fin != NONE && !self.fin_acked() && fin != self.fin {
            if self.has_fin() {
                // Only one of two can be true, and the acknowledgment will tell.
                self.begin_doubt().other_fin = self.fin.min(fin);
                self.fin = self.fin.max(fin);
            } else {
                self.fin = fin;
            }
        }
        let end = end.min(self.fin);
        self.stream.insert(start, end);
        let sent = if fin != NONE && fin == self.fin { end + 1 } else { end };
        self.next = self.next.max(sent);
        let sent = self.origin.plus(sent as u32);
        if sent.since(self.seen) > 0 {
            self.seen = sent;
        }
    }

    /// Segments that waited are part of the stream after all.
    fn believe(&mut self, held: Held) {
        if held.gaps {
            self.stream.forget();
        }
        self.take(held.start, held.end, held.fin);
    }

    /// What the peer's acknowledgment of `ack` is of. Segments that waited for it are taken.
    pub(super) fn judge(&mut self, ack: Seq, limit: u64) -> Acks {
        if self.known == Known::Not {
            self.begin_acked(ack);
            return Acks::Near(MIDWAY + 1);
        }
        let Some(at) = self.find(ack) else {
            if self.known != Known::Acked {
                return Acks::Nothing;
            }
            // One of two acknowledgments was nonsense, and nothing else is known: the later one stands.
            self.begin_acked(ack);
            return Acks::Near(MIDWAY + 1);
        };
        let far = at > self.next.max(self.acked).saturating_add(limit);
        let vouched = self.doubt_mut().and_then(|doubt| doubt.acknowledged(at, far, limit));
        if let Some(held) = vouched {
            self.believe(held);
        } else if far {
            return Acks::Far(at);
        }
        Acks::Near(at)
    }

    fn begin_acked(&mut self, ack: Seq) {
        self.begin_midway(ack);
        (self.known, self.acked) = (Known::Acked, MIDWAY);
    }

    /// The peer acknowledges up to this offset. Says whether that is new.
    #[inline]
    pub(super) fn acknowledge(&mut self, at: u64) -> bool {
        let ack = self.origin.plus(at as u32);
        if self.seen.since(ack) >= 0 && ack.since(self.sure) > 0 {
            self.sure = ack;
        }
        if at <= self.acked {
            return false;
        }
        if let Some(doubt) = self.doubt()
            && doubt.other_fin != NONE
            && at == doubt.other_fin + 1
            && !self.fin_acked()
        {
            self.fin = doubt.other_fin;
        }
        self.acked = at;
        // What was acknowledged was sent, even if the capture missed it.
        self.next = self.next.max(at);
        true
    }

    /// The peer acknowledges what this end cannot have sent by all that is known. It is believed when more follow. `count`:
    /// say so in the peer's record. Gives how many earlier ones are given up as nonsense.
    pub(super) fn doubt_ack(&mut self, at: u64, count: bool, limit: u64) -> u64 {
        let (believed, given_up) = self.begin_doubt().hold_ack(at, count, limit);
        if believed {
            self.acknowledge(at);
        }
        given_up
    }

    /// Segments of this end that still wait for evidence, and those of its peer whose acknowledgments do.
    pub(super) fn doubtful(&self) -> (u64, u64) {
        self.doubt().map_or((0, 0), |doubt| (doubt.segments(), doubt.acks()))
    }

    /// Is a reset with this number one that the peer would take? RFC 5961 section 3.2: in the peer's receive window, that is
    /// from what it last acknowledged to the end of the window it offered. What it has received and not yet acknowledged is
    /// not known here, so all that was sent counts, too.
    pub(super) fn reset_fits(&self, seq: Seq, peer_window: u32) -> bool {
        if self.known == Known::Not {
            return true;
        }
        self.find(seq).is_some_and(|at| {
            // Some hosts (macOS) number a reset after their FIN like the FIN itself, and hosts accept that (Linux does).
            let at_fin = self.fin_acked() && at == self.fin;
            let acked = at >= self.acked || seq.since(self.sure) >= 0;
            // RFC 9293 (3.10.7.4): whose SYN-ACK gets an acknowledgment of nothing answers with a reset that has its number.
            let open = self.state != Some(TcpState::SynReceived);
            let awaited = open && self.doubt().is_some_and(|doubt| doubt.is_awaited(at));
            at_fin || awaited || (acked && at <= self.next.max(self.acked + u64::from(peer_window)))
        })
    }

    /// Is this number beyond all that it was seen to send, and that was acknowledged to it?
    pub(super) fn is_beyond(&self, seq: Seq) -> bool {
        let beyond = |at| at > self.next && !self.doubt().is_some_and(|doubt| doubt.is_awaited(at));
        matches!(self.known, Known::Syn | Known::Midway) && self.find(seq).is_some_and(beyond)
    }

    /// The last window it offered, in bytes.
    pub(super) const fn window(&self) -> u32 {
        self.window
    }

    /// Is this segment the next one expected, between its `peer`'s SYN and FIN and its own, with an acknowledgment of what `peer`
    /// has sent and not less than it had acknowledged before? Then it is taken: nothing else is to be asked of it. Says whether the
    /// acknowledgment is new. Both ends are open.
    #[inline]
    pub(super) fn goes_on(&mut self, segment: &Segment<'_>, peer: &mut Self) -> Option<bool> {
        let known = |end: &Self| matches!(end.known, Known::Syn | Known::Midway) && end.doubt().is_none();
        let next = segment.seq == self.origin.plus(self.next as u32) && !self.has_fin();
        if !next || segment.len > PLAIN || !known(self) || !known(peer) || (peer.has_fin() && !peer.fin_acked()) {
            return None;
        }
        let behind = peer.origin.plus(peer.next as u32).since(segment.ack);
        let behind = u64::try_from(behind).ok().filter(|behind| *behind <= REACH as u64)?;
        let at = peer.next.checked_sub(behind).filter(|at| *at >= peer.acked)?;
        let end = self.next + u64::from(segment.len);
        if end > self.next {
            self.stream.insert(self.next, end);
            self.next = end;
        }
        let sent = self.origin.plus(end as u32);
        if sent.since(self.seen) > 0 {
            self.seen = sent;
        }
        Some(peer.acknowledge(at))
    }

    /// Counts a packet of this end, whatever it is worth.
    #[inline]
    pub(super) fn count(&mut self, segment: &Segment<'_>) {
        self.flags |= segment.flags.0;
        let ack = segment.has(TcpFlags::ACK);
        self.ack_packets += u64::from(ack);
        if segment.len > 0 {
            self.data_packets += 1;
            self.max_segment = self.max_segment.max(segment.len);
            self.min_segment = if self.min_segment == 0 { segment.len } else { self.min_segment.min(segment.len) };
        } else if ack && !segment.has(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST) {
            self.pure_acks += 1;
        }
        if ack && segment.window == 0 && !segment.has(TcpFlags::RST) {
            self.rare.get_or_insert_default().zero_windows += 1;
        }
    }

    /// Takes the window of an accepted segment. `scale` is what its window field is multiplied with, `None` where that is
    /// not known. `latest`: its acknowledgment is (`newer`: is further than) the furthest; an older one's window is history.
    #[inline]
    pub(super) fn offer_window(&mut self, segment: &Segment<'_>, scale: Option<u8>, latest: bool, newer: bool) {
        // RFC 7323 (2.2): the window of a SYN is never scaled.
        let syn = segment.has(TcpFlags::SYN);
        if syn && self.scaled_window_seen {
            return; // A late copy.
        }
        let scaled = if syn { None } else { scale };
        let window = u32::from(segment.window) << scaled.unwrap_or(0);
        // RFC 9293 (3.10.7.4): SND.WL1 and SND.WL2.
        if (syn && latest) || newer || (latest && segment.seq.since(self.window_from) >= 0) {
            self.window = window;
            self.window_from = segment.seq;
            self.shut = window == 0 && segment.has(TcpFlags::ACK);
        }
        if window == 0 {
            return;
        }
        if scaled.is_some() && !self.scaled_window_seen {
            // The unscaled windows of the handshake say nothing of the buffer: start afresh.
            self.scaled_window_seen = true;
            self.max_window = window;
        }
        self.max_window = self.max_window.max(window);
    }
}
