//! What Wireshark remembers of a conversation, what it updates before and after the tests, and its completeness.
//!
//! Of `next`, `reach` and `ack` the number 0 means "unknown", as there; arithmetic and order are modulo 2^32.

use super::labels::{Analysis, Labels};
use super::rules;
use crate::decode::{TcpFlags, TcpOption, TcpOptions};
use crate::flow::key::End;
use crate::model::Span;

const SYN_ACK: TcpFlags = TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0);
const FIN_ACK: TcpFlags = TcpFlags(TcpFlags::FIN.0 | TcpFlags::ACK.0);

/// A packet as Wireshark reads it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) from: End,
    pub(super) seq: u32,
    /// The field, ACK flag or not.
    pub(super) ack: u32,
    pub(super) window: u32,
    pub(super) flags: TcpFlags,
    /// Bytes of data by the IP header; `None` of what is not analysed.
    pub(super) len: Option<u32>,
    /// The captured part of the options.
    pub(super) options: &'a [u8],
    /// The data offset makes sense.
    pub(super) sound: bool,
    /// The header was captured whole: else no labels are printed.
    pub(super) whole: bool,
    pub(super) now: i64,
}

impl Seen<'_> {
    pub(super) const fn has(&self, any: TcpFlags) -> bool {
        self.flags.intersects(any)
    }

    pub(super) const fn is_syn(&self) -> bool {
        self.has(TcpFlags::SYN)
    }

    pub(super) const fn is_bare_syn(&self) -> bool {
        self.is_syn() && !self.has(TcpFlags::ACK)
    }
}

/// What is known of a side's window scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Scale {
    /// No SYN of it was seen.
    #[default]
    Unknown,
    /// Its windows are not scaled.
    None,
    Shift(u8),
}

/// How often the peer's acknowledgment was repeated. The reference counts without a sign and writes -1, so that "data
/// not seen" passes for a great many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Repeats(pub(super) u32);

impl Repeats {
    pub(super) const AFTER_ACK_LOST: Self = Self(u32::MAX);

    pub(super) const fn count(&mut self) {
        self.0 = self.0.wrapping_add(1);
        if self.0 == 0 {
            self.0 = 1;
        }
    }
}

/// One direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    pub(super) base: Option<u32>,
    /// Highest sequence number to come next (`nextseq`).
    pub(super) next: u32,
    /// When that last rose.
    pub(super) next_time: i64,
    /// As far as everything was seen (`maxseqtobeacked`).
    pub(super) reach: u32,
    /// The last ACK field.
    pub(super) ack: u32,
    /// When the last packet came (`lastacktime`).
    pub(super) ack_time: i64,
    /// The last window field; none is like it before the first.
    pub(super) window: u32,
    pub(super) scale: Scale,
    pub(super) repeats: Repeats,
    /// Labels of its last packet.
    pub(super) labels: Labels,
    /// Its last packet was a SYN or SYN-ACK.
    pub(super) first_ack: bool,
    /// Multipath subtypes known of when its last packet came.
    pub(super) multipath: u8,
}

impl Default for Side {
    fn default() -> Self {
        Self {
            base: None,
            next: 0,
            next_time: 0,
            reach: 0,
            ack: 0,
            ack_time: 0,
            window: u32::MAX,
            scale: Scale::Unknown,
            repeats: Repeats(0),
            labels: Labels(0),
            first_ack: false,
            multipath: 0,
        }
    }
}

/// A conversation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Conversation {
    pub(super) sides: [Side; 2],
    syn_time: Option<i64>,
    /// 0: not known.
    pub(super) initial_rtt: i64,
    /// MPTCP subtypes seen, a bit each; from 8 on they have none.
    pub(super) multipath: u8,
    completeness: u8,
}

impl Conversation {
    /// Takes a packet; `new`: the first of its conversation.
    pub(super) fn on_packet(&mut self, seen: &Seen<'_>, new: bool) -> Analysis {
        let reused = self.begin(seen);
        let completeness = self.complete(seen, new, reused == Some(true));
        let mut labels = if reused.is_some() { Labels::REUSED_PORTS } else { Labels(0) };
        if let Some(len) = seen.len {
            labels = labels.and(self.analyse(seen, len));
            self.side(seen.from).labels = labels;
        }
        if seen.sound {
            self.time_handshake(seen);
            self.read_options(seen);
        }
        Analysis {
            labels: if seen.whole { labels } else { Labels(0) },
            initial_rtt: (self.initial_rtt != 0).then_some(Span::from_nanos(self.initial_rtt)),
            completeness,
        }
    }

    fn side(&mut self, end: End) -> &mut Side {
        &mut self.sides[end.index()]
    }

    /// Is this another connection on the same ports? `Some(true)`: all that was known is forgotten.
    fn begin(&mut self, seen: &Seen<'_>) -> Option<bool> {
        let base = self.sides[seen.from.index()].base?;
        if !seen.is_syn() {
            return None;
        }
        match (seen.is_bare_syn(), base == seen.seq) {
            (true, true) => {
                let side = self.side(seen.from);
                side.next = side.reach;
                None
            }
            (true, false) => {
                *self = Self::default();
                Some(true)
            }
            (false, true) => None,
            (false, false) => {
                self.side(seen.from).base = Some(seen.seq);
                Some(false)
            }
        }
    }

    /// `tcp.completeness` as it is printed with this packet: what the packets before made it, and the SYN that opens anew on
    /// used ports. Of a conversation's first packet only a bare SYN counts.
    fn complete(&mut self, seen: &Seen<'_>, first: bool, reused: bool) -> u8 {
        const SYN: u8 = 1;
        const SYN_AND_ACK: u8 = 2;
        const ACK: u8 = 4;
        const DATA: u8 = 8;
        const FIN: u8 = 16;
        const RST: u8 = 32;
        let data = seen.len.is_some_and(|len| len > 0);
        if first {
            if seen.is_bare_syn() {
                self.completeness = SYN | if data { DATA } else { 0 };
            }
            return 0;
        }
        if reused {
            self.completeness = SYN;
        }
        let before = self.completeness;
        if !seen.sound {
            return before;
        }
        self.completeness |= match (seen.flags.contains(SYN_ACK), seen.has(TcpFlags::ACK), data) {
            (true, ..) => SYN_AND_ACK,
            (false, true, true) => DATA,
            (false, true, false) => ACK,
            (false, false, _) => 0,
        };
        if seen.flags.contains(FIN_ACK) {
            self.completeness |= FIN;
        }
        if seen.has(TcpFlags::RST) {
            self.completeness |= RST;
        }
        before
    }

    fn analyse(&mut self, seen: &Seen<'_>, len: u32) -> Labels {
        let (from, to) = (seen.from, seen.from.other());
        if self.side(from).base.is_none() {
            self.side(from).base = Some(if seen.is_syn() { seen.seq } else { seen.seq.wrapping_sub(1) });
        }
        if self.side(to).base.is_none() && seen.has(TcpFlags::ACK) {
            self.side(to).base = Some(seen.ack.wrapping_sub(1));
        }
        let labels = rules::apply(self, seen, len);
        self.remember(seen, len, labels);
        labels
    }

    fn remember(&mut self, seen: &Seen<'_>, len: u32, labels: Labels) {
        let multipath = self.multipath;
        let side = self.side(seen.from);
        if !labels.has(Labels::ZERO_WINDOW_PROBE) {
            let end = rules::end(seen, len);
            if side.next == 0 || rules::after(end, side.next) {
                side.next = end;
                side.next_time = seen.now;
            }
            if side.reach == 0 || seen.seq == side.reach {
                side.reach = side.next;
            }
        }
        side.window = seen.window;
        side.ack = seen.ack;
        side.ack_time = seen.now;
        side.multipath = multipath;
    }

    fn time_handshake(&mut self, seen: &Seen<'_>) {
        if seen.is_bare_syn() {
            self.syn_time = Some(seen.now);
        }
        if seen.is_syn() {
            self.side(seen.from).first_ack = true;
        } else if seen.has(TcpFlags::ACK) {
            if let Some(syn) = self.syn_time
                && self.initial_rtt == 0
            {
                self.initial_rtt = seen.now.saturating_sub(syn);
            }
            self.side(seen.from).first_ack = false;
        }
    }

    fn read_options(&mut self, seen: &Seen<'_>) {
        let mut scale = None;
        for option in TcpOptions::new(seen.options).map_while(Result::ok) {
            match option {
                TcpOption::WindowScale(shift) => scale = Some(Scale::Shift(shift)),
                TcpOption::Multipath { subtype, .. } => self.multipath |= 1_u8.checked_shl(subtype.into()).unwrap_or(0),
                _ => {}
            }
        }
        let [own, peer] = match (seen.from, &mut self.sides) {
            (End::Low, [low, high]) => [low, high],
            (End::High, [low, high]) => [high, low],
        };
        if let Some(scale) = scale {
            own.scale = scale;
        }
        if seen.is_syn() && seen.whole {
            if own.scale == Scale::Unknown {
                own.scale = Scale::None;
                peer.scale = Scale::None;
            } else if !seen.is_bare_syn() && peer.scale == Scale::None {
                own.scale = Scale::None;
            }
        }
    }
}
