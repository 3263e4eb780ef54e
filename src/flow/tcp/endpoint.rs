//! One end of a TCP connection: where its numbering starts, how far it has sent, how far that was acknowledged, what window
//! it offers, and its counters. What the two ends mean for each other is `state.rs`.

use super::coverage::Coverage;
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

/// Offset of a FIN that was not seen.
const NONE: u64 = u64::MAX;

/// One end. Laid out by hand: the first line of the cache is what a segment of the peer touches, too.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Endpoint {
    /// One past the highest offset it has sent, SYN and FIN counted.
    pub(super) next: u64,
    /// First offset that the peer has not acknowledged.
    pub(super) acked: u64,
    fin: u64,
    origin: Seq,
    /// Its last window in bytes.
    window: u32,
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
    pub(super) ack_packets: u64,
    pub(super) pure_acks: u64,
    pub(super) data_packets: u64,
    pub(super) stream: Coverage,
    pub(super) max_segment: u32,
    pub(super) min_segment: u32,
    pub(super) max_window: u32,
    pub(super) min_window: u32,
    pub(super) zero_windows: u64,
    /// Segments too far from anything expected to belong to the stream, resets that no host would take, and
    /// acknowledgments of nothing.
    pub(super) out_of_window: u64,
    pub(super) mss: Option<u16>,
    pub(super) sack: bool,
    pub(super) timestamps: bool,
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
            zero_windows: 0,
            out_of_window: 0,
            max_segment: 0,
            min_segment: u32::MAX,
            max_window: 0,
            min_window: u32::MAX,
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

    /// Has it sent a FIN?
    pub(super) const fn has_fin(&self) -> bool {
        self.fin != NONE
    }

    /// Has the peer acknowledged its FIN?
    pub(super) const fn fin_acked(&self) -> bool {
        self.fin != NONE && self.acked > self.fin
    }

    /// Takes a SYN as the start of the numbering.
    pub(super) fn start(&mut self, seq: Seq, offer: Offer) {
        if self.known != Known::Syn {
            let fits = self.known != Known::Not && self.origin == seq;
            self.origin = seq;
            if !fits {
                (self.next, self.acked) = (1, 0);
                self.stream = Coverage::default();
            }
            self.known = Known::Syn;
        }
        self.scale = offer.scale;
        self.mss = offer.mss;
        self.sack = offer.sack;
        self.timestamps = offer.timestamps.is_some();
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

    fn begin_midway(&mut self, seq: Seq) {
        self.origin = seq.minus(1);
        self.known = Known::Midway;
        (self.next, self.acked) = (MIDWAY + 1, MIDWAY + 1);
        self.stream = Coverage::default();
    }

    /// Takes data and FIN at their offset. The SYN's place is not data.
    pub(super) fn send(&mut self, offset: u64, segment: &Segment<'_>) {
        let start = offset + u64::from(segment.has(TcpFlags::SYN));
        let end = start + u64::from(segment.len);
        self.stream.insert(start, end);
        let mut next = end;
        if segment.has(TcpFlags::FIN) {
            // A FIN further on than one already seen and acknowledged is nonsense.
            if !self.fin_acked() && (!self.has_fin() || end > self.fin) {
                self.fin = end;
            }
            next += 1;
        }
        self.next = self.next.max(next);
    }

    /// The peer acknowledges up to `ack`. Says whether that is new.
    pub(super) fn acknowledge(&mut self, ack: Seq) -> bool {
        if self.known == Known::Not {
            self.origin = ack.minus(1);
            self.known = Known::Acked;
            (self.next, self.acked) = (MIDWAY + 1, MIDWAY + 1);
            return true;
        }
        match self.find(ack) {
            Some(offset) if offset > self.acked => {
                self.acked = offset;
                // What was acknowledged was sent, even if the capture missed it.
                self.next = self.next.max(offset);
                true
            }
            Some(_) => false,
            None => {
                self.out_of_window += 1;
                false
            }
        }
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
            at_fin || (at >= self.acked && at <= self.next.max(self.acked + u64::from(peer_window)))
        })
    }

    /// The last window it offered, in bytes.
    pub(super) const fn window(&self) -> u32 {
        self.window
    }

    /// Counts a packet of this end. `scale` is what its window field is multiplied with, `None` where that is not known.
    pub(super) fn count(&mut self, segment: &Segment<'_>, scale: Option<u8>) {
        self.flags |= segment.flags.0;
        let ack = segment.has(TcpFlags::ACK);
        self.ack_packets += u64::from(ack);
        if segment.len > 0 {
            self.data_packets += 1;
            self.max_segment = self.max_segment.max(segment.len);
            self.min_segment = self.min_segment.min(segment.len);
        } else if ack && !segment.has(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST) {
            self.pure_acks += 1;
        }
        if !segment.has(TcpFlags::RST) && segment.has(TcpFlags::ACK | TcpFlags::SYN) {
            self.offer_window(segment, scale);
        }
    }

    fn offer_window(&mut self, segment: &Segment<'_>, scale: Option<u8>) {
        // RFC 7323 (2.2): the window of a SYN is never scaled.
        let syn = segment.has(TcpFlags::SYN);
        let scaled = if syn { None } else { scale };
        let window = u32::from(segment.window) << scaled.unwrap_or(0);
        self.window = window;
        if segment.has(TcpFlags::ACK) {
            self.shut = window == 0;
            self.zero_windows += u64::from(window == 0);
        }
        if window == 0 {
            return;
        }
        if scaled.is_some() && !self.scaled_window_seen {
            // The unscaled windows of the handshake say nothing of the buffer: start afresh.
            self.scaled_window_seen = true;
            (self.max_window, self.min_window) = (window, window);
        }
        self.max_window = self.max_window.max(window);
        self.min_window = self.min_window.min(window);
    }
}
