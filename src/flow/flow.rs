//! One conversation in the table. What every packet touches stands first; what is needed once, when the record is made,
//! stands last; what most flows do not have is behind a box.

use super::app::{Reads, Talk};
use super::checksums::Judgement;
use super::citations::SentAgain;
use super::community_id::CommunityId;
use super::datagram::Datagram;
use super::icmp;
use super::key::{End, FlowKey};
use super::note::{Direction, FlowId, FlowKind, Note};
use super::record::{Birth, DirectionReason, EndReason, FlowRecord, SideRecord, State, TunnelRecord, Vantage};
use super::tcp::{Aspects, Connection};
use super::timeout::Class;
use super::tracker::PacketMeta;
use super::wants::Wants;
use super::zeek::Conn;
use crate::decode::Packet;
use crate::model::{IpProtocol, Span, Timestamp};

/// Counters of one end, of every protocol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    pub(super) packets: u64,
    pub(super) wire_bytes: u64,
    pub(super) ip_bytes: u64,
    pub(super) payload_bytes: u64,
    /// Smallest and largest TTL; smallest above largest before the first packet.
    pub(super) ttl: (u8, u8),
    /// When its last packet with data, SYN or FIN came: milliseconds since the first packet, and one more. 0: there was none, or nobody asked.
    said: u32,
}

impl Side {
    const NEW: Self = Self { packets: 0, wire_bytes: 0, ip_bytes: 0, payload_bytes: 0, ttl: (u8::MAX, 0), said: 0 };

    pub(super) fn count(&mut self, frames: u32, wire_bytes: u64, ip_bytes: u64, payload: u32, ttl: u8) {
        self.packets += u64::from(frames);
        self.wire_bytes = self.wire_bytes.saturating_add(wire_bytes);
        self.ip_bytes = self.ip_bytes.saturating_add(ip_bytes);
        self.payload_bytes += u64::from(payload);
        self.ttl = (self.ttl.0.min(ttl), self.ttl.1.max(ttl));
    }

    /// It says something so long after the first packet.
    #[inline]
    pub(super) fn says(&mut self, since_start: Span) {
        self.said = u32::try_from(since_start.nanos() / 1_000_000 + 1).unwrap_or(self.said).max(self.said);
    }

    /// When it did so last, that long after the first packet.
    fn last_said(&self) -> Option<Span> {
        self.said.checked_sub(1).map(|ms| Span::from_millis(ms.into()))
    }
}

/// ICMP errors that quote a packet of the flow: how many, and the first, or the first that says why it failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct IcmpMark {
    /// Type and code.
    pub(super) kind: (u8, u8),
    pub(super) number: u64,
    pub(super) ts: Timestamp,
    /// Who sent the packet that it quotes.
    pub(super) quoted: End,
    pub(super) v6: bool,
    pub(super) count: u64,
}

impl IcmpMark {
    /// Does it say that a packet of the originator did not arrive, and that another like it would not?
    pub(super) fn is_failure(&self, originator: End) -> bool {
        self.quoted == originator && icmp::is_unreachable(self.v6, self.kind)
    }
}

/// What a protocol keeps of its own.
#[derive(Debug)]
pub(super) enum Body {
    Tcp(Box<Connection>),
    Datagram(Datagram),
    /// The slot is free.
    Free,
}

impl Body {
    /// What is worked out of a connection only when it is wanted.
    pub(super) fn aspects(&mut self) -> Option<&mut Aspects> {
        match self {
            Self::Tcp(connection) => connection.aspects.as_mut(),
            Self::Datagram(_) | Self::Free => None,
        }
    }
}

/// Packets whose times differ by no more may have overtaken one another, or come by several interfaces.
const OVERTAKING: Span = Span::from_secs(1);

/// A conversation. Laid out by hand in lines of the cache (64 bytes): what a look-up compares fills the first, and a packet needs
/// the second and that of its side; what is only asked for when the record is made fills their ends.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Flow {
    pub(super) key: FlowKey,
    /// Flow time of the last packet.
    pub(super) touched: Timestamp,
    /// Part of the key's hash.
    pub(super) tag: u32,
    pub(super) class: Class,
    pub(super) kind: FlowKind,
    pub(super) originator: End,
    pub(super) reason: DirectionReason,
    pub(super) body: Body,
    pub(super) end: Timestamp,
    pub(super) last_number: u64,
    pub(super) number: u64,
    /// The conversation as Zeek sees it, where that is wanted.
    pub(super) zeek: Option<Box<Conn>>,
    pub(super) last_source: u16,
    pub(super) first_source: u16,
    /// A packet came whose time is well before that of the first: a clock was set back.
    pub(super) stepped_back: bool,
    /// Its lists found no room at some time.
    pub(super) went_without: bool,
    /// What was said of its first wrong checksum.
    pub(super) wrong_checksum: Option<Judgement>,
    /// Is what its application says still read?
    pub(super) reads: Reads,
    pub(super) low: Side,
    pub(super) start: Timestamp,
    pub(super) first_number: u64,
    pub(super) icmp: Option<Box<IcmpMark>>,
    pub(super) high: Side,
    pub(super) tunnel: Option<Box<TunnelRecord>>,
    /// What its application said, where that is wanted and something is known of it.
    pub(super) app: Option<Box<Talk>>,
}

/// Where and when a packet was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) source: u16,
    pub(super) number: u64,
    pub(super) ts: Timestamp,
}

impl Flow {
    pub(super) fn new(
        key: FlowKey,
        tag: u32,
        kind: FlowKind,
        number: u64,
        place: Place,
        originator: (End, DirectionReason),
        wants: Wants,
    ) -> Self {
        let body = match kind {
            FlowKind::Tcp => Body::Tcp(Box::new(Connection::new(wants))),
            _ => Body::Datagram(Datagram::default()),
        };
        Self {
            key,
            tag,
            touched: place.ts,
            class: Class::Attempt,
            kind,
            originator: originator.0,
            reason: originator.1,
            stepped_back: false,
            went_without: false,
            wrong_checksum: None,
            last_source: place.source,
            first_source: place.source,
            end: place.ts,
            last_number: place.number,
            body,
            low: Side::NEW,
            high: Side::NEW,
            number,
            start: place.ts,
            first_number: place.number,
            icmp: None,
            tunnel: None,
            zeek: None,
            reads: if wants.app && matches!(kind, FlowKind::Tcp | FlowKind::Udp) { Reads::Soon } else { Reads::No },
            app: None,
        }
    }

    /// Has it memory beside its place in the table?
    pub(super) const fn has_boxes(&self) -> bool {
        matches!(self.body, Body::Tcp(_))
            || self.zeek.is_some()
            || self.tunnel.is_some()
            || self.icmp.is_some()
            || self.app.is_some()
    }

    /// Counters of an end.
    pub(super) const fn side(&self, end: End) -> &Side {
        match end {
            End::Low => &self.low,
            End::High => &self.high,
        }
    }

    pub(super) const fn side_mut(&mut self, end: End) -> &mut Side {
        match end {
            End::Low => &mut self.low,
            End::High => &mut self.high,
        }
    }

    pub(super) const fn id(&self) -> FlowId {
        FlowId { kind: self.kind, number: self.number }
    }

    /// What names it for good.
    pub(super) const fn birth(&self) -> Birth {
        Birth { id: self.id(), start: self.start, packet: (self.first_source, self.first_number) }
    }

    /// Which side of the conversation an end is.
    pub(super) fn direction(&self, end: End) -> Direction {
        if end == self.originator { Direction::Originator } else { Direction::Responder }
    }

    /// A packet of it, or about it, was seen.
    pub(super) fn seen(&mut self, place: Place) {
        if place.ts < self.end {
            self.stepped_back |= self.start - place.ts > OVERTAKING;
        } else {
            self.end = place.ts;
        }
        (self.last_source, self.last_number) = (place.source, place.number);
    }

    /// May packets of it have come that were not seen? Not of a connection that is over, nor of datagrams that were answered,
    /// nor of ICMP messages that nobody answers: nothing says that there were more.
    pub(super) fn awaits_more(&self) -> bool {
        match &self.body {
            Body::Tcp(_) => !self.class.is_over(),
            Body::Datagram(_) | Body::Free => {
                let unanswered = self.low.packets == 0 || self.high.packets == 0;
                unanswered && (self.kind != FlowKind::Icmp || self.word(true) == State::NoReply)
            }
        }
    }

    /// The state in the words of the screens; `ended`: nothing more will come.
    pub(super) fn word(&self, ended: bool) -> State {
        match &self.body {
            Body::Tcp(connection) => connection.word(self.originator, ended),
            Body::Datagram(_) | Body::Free => Datagram::word(self, ended),
        }
    }

    /// A packet with data of it that was sent before.
    #[cold]
    pub(super) fn sent_again(&self, meta: &PacketMeta, packet: &Packet<'_>, note: &Note) -> Option<SentAgain> {
        let Body::Tcp(connection) = &self.body else { return None };
        let (direction, verdict, seq) = (note.direction?, note.verdict?, note.relative_seq?);
        let sender = if direction == Direction::Originator { self.originator } else { self.originator.other() };
        let (acked, longest_acked) = (connection.acknowledged(sender)?, connection.longest_acked(sender)?);
        Some(SentAgain {
            flow: self.id(),
            responder: direction == Direction::Responder,
            place: (meta.source, meta.number),
            before: verdict.against,
            since_before: verdict.age.unwrap_or(Span::ZERO),
            ts: meta.ts,
            seq,
            len: packet.payload_len,
            acked,
            longest_acked,
            heard: self.side(sender.other()).packets,
        })
        .filter(|again| again.len > 0)
    }

    /// Bytes of the stream of each side that were seen: originator, responder.
    pub(super) fn stream_bytes(&self) -> [u64; 2] {
        let Body::Tcp(connection) = &self.body else { return [0; 2] };
        [self.originator, self.originator.other()].map(|end| connection.stream_bytes(end))
    }

    /// How far the data of a side is acknowledged, counted as its relative numbers are.
    pub(super) fn acknowledged(&self, responder: bool) -> Option<u32> {
        let Body::Tcp(connection) = &self.body else { return None };
        connection.acknowledged(if responder { self.originator.other() } else { self.originator })
    }

    /// Makes a record say how things stand. `otherwise`: what makes the table give the flow up, `None` while it goes on.
    pub(super) fn fill(&self, record: &mut FlowRecord, otherwise: Option<EndReason>, wants: Wants) {
        let (low, high) = (self.key.endpoint(End::Low), self.key.endpoint(End::High));
        let (from, to) = if self.originator == End::Low { (low, high) } else { (high, low) };
        // All are named: none can be left as the flow before had it.
        let FlowRecord {
            id,
            protocol,
            originator,
            responder,
            community_id,
            vlan,
            tunnel,
            start,
            end,
            first_packet,
            last_packet,
            state,
            direction_reason,
            end_reason,
            handshake,
            response_time,
            icmp_error,
            icmp_errors,
            capture_drops,
            vantage,
            zeek,
            app,
            cited,
            told_at,
            orig,
            resp,
        } = record;
        // The tracker's to fill.
        (*cited, *told_at) = (None, Timestamp::default());
        *id = self.id();
        *protocol = self.key.protocol();
        (*originator, *responder) = (from, to);
        *community_id = wants.community_id.then(|| CommunityId::new(from, to, *protocol, 0));
        vlan.clear();
        vlan.extend(self.key.vlan().into_iter().filter(|&id| id != 0));
        *tunnel = self.tunnel.as_deref().cloned();
        (*start, *end) = (self.start, self.end);
        *first_packet = (self.first_source, self.first_number);
        *last_packet = (self.last_source, self.last_number);
        *state = self.word(otherwise.is_some());
        *direction_reason = self.reason;
        (*handshake, *response_time, *end_reason) = match &self.body {
            Body::Tcp(connection) => {
                let reason = otherwise.map(|reason| connection.end_reason(reason));
                (Some(connection.handshake(self.originator)), None, reason)
            }
            Body::Datagram(datagram) => (None, datagram.response_time(self), otherwise),
            Body::Free => (None, None, otherwise),
        };
        *icmp_error = self.icmp.as_ref().map(|mark| (mark.kind.0, mark.kind.1, mark.number));
        *icmp_errors = self.icmp.as_ref().map_or(0, |mark| mark.count);
        *capture_drops = None;
        *vantage = self.vantage();
        match &self.zeek {
            Some(conn) => conn.fill(zeek.get_or_insert_default()),
            None => *zeek = None,
        }
        match self.app.as_deref().and_then(Talk::record) {
            Some(said) => (**app.get_or_insert_default()).clone_from(said),
            None => *app = None,
        }
        self.fill_side(self.originator, orig);
        self.fill_side(self.originator.other(), resp);
    }

    fn vantage(&self) -> Option<Vantage> {
        let Body::Tcp(connection) = &self.body else { return None };
        connection.aspects.as_ref().and_then(|aspects| aspects.vantage(self.originator))
    }

    fn fill_side(&self, end: End, record: &mut SideRecord) {
        let side = self.side(end);
        let seen = side.packets > 0;
        *record = SideRecord {
            packets: side.packets,
            wire_bytes: side.wire_bytes,
            ip_bytes: side.ip_bytes,
            payload_bytes: side.payload_bytes,
            unique_bytes: side.payload_bytes,
            ttl_min: seen.then_some(side.ttl.0),
            ttl_max: seen.then_some(side.ttl.1),
            last_said: side.last_said().map(|since| self.start + since),
            ..SideRecord::default()
        };
        if let Body::Tcp(connection) = &self.body {
            connection.fill_side(end, record);
            record.missed_bytes = self.zeek.as_ref().map(|conn| conn.missed(end));
        }
    }
}

/// The letter of a protocol's flows.
pub(crate) const fn kind_of(protocol: IpProtocol) -> FlowKind {
    match protocol {
        IpProtocol::TCP => FlowKind::Tcp,
        IpProtocol::UDP => FlowKind::Udp,
        IpProtocol::ICMP | IpProtocol::ICMPV6 => FlowKind::Icmp,
        IpProtocol::SCTP => FlowKind::Sctp,
        _ => FlowKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_stays_small() {
        let (flow, connection) = (size_of::<Flow>(), size_of::<Connection>());
        assert!(flow <= 256 && connection <= 576, "{flow} and {connection} bytes");
    }
}
