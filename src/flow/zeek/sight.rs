//! A packet as Zeek's transport layer reads it: lengths by the IP header, whether or not the bytes were there.

use crate::decode::{LayerKind, Network, Packet, TcpFlags, Transport};
use crate::flow::tcp::Segment;
use crate::model::bytes::be16;
use crate::model::{Timestamp, endpoint::ip_from_16};

/// What is known of a packet.
#[derive(Clone, Copy, Debug)]
pub(in crate::flow) struct Sight {
    /// Zeek's clock has microseconds.
    pub(super) ts: Timestamp,
    /// Length by the IP header, 0 where a card was to fill it in; what `orig_ip_bytes` adds up.
    pub(super) ip_bytes: u64,
    pub(super) transport: Seen,
    /// The transport's checksum is right, or taken for right.
    pub(super) sound: bool,
}

/// The transport header.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen {
    Tcp(Seg),
    /// TCP whose header length makes no sense, or reaches past what there is.
    BadTcp,
    Udp {
        /// By UDP's own length field.
        bytes: u64,
        message: Option<Message>,
    },
    Icmp {
        bytes: u64,
    },
    Other,
}

/// A message that tells which side is the server: DNS's and NTP's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Question,
    Answer,
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seg {
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) flags: TcpFlags,
    pub(super) window: u16,
    /// Window scale that a SYN offers.
    pub(super) scale: Option<u8>,
    /// Payload by the headers.
    pub(super) len: u32,
    /// All of it was captured.
    pub(super) is_whole: bool,
}

/// Flags that open and close.
const CONTROL: TcpFlags = TcpFlags(TcpFlags::SYN.0 | TcpFlags::FIN.0 | TcpFlags::RST.0);

impl Seg {
    pub(super) const fn syn(&self) -> bool {
        self.flags.contains(TcpFlags::SYN)
    }

    pub(super) const fn fin(&self) -> bool {
        self.flags.contains(TcpFlags::FIN)
    }

    pub(super) const fn rst(&self) -> bool {
        self.flags.contains(TcpFlags::RST)
    }

    pub(super) const fn has_ack(&self) -> bool {
        self.flags.contains(TcpFlags::ACK)
    }

    pub(super) const fn urgent(&self) -> bool {
        self.flags.contains(TcpFlags::URG)
    }

    pub(super) const fn is_pure_syn(&self) -> bool {
        self.syn() && !self.has_ack()
    }

    /// How many of SYN, FIN and RST are set.
    pub(super) const fn control(&self) -> u32 {
        (self.flags.0 & CONTROL.0).count_ones()
    }

    /// Is none of SYN, FIN and RST set, but ACK is?
    pub(super) const fn only_goes_on(&self) -> bool {
        self.flags.0 & (CONTROL.0 | TcpFlags::ACK.0) == TcpFlags::ACK.0
    }

    /// One past it: SYN and FIN take a number each, and a RST's payload none.
    pub(super) fn end(&self) -> u32 {
        self.seq.wrapping_add(self.span())
    }

    pub(super) fn span(&self) -> u32 {
        u32::from(self.syn()) + u32::from(self.fin()) + if self.rst() { 0 } else { self.len }
    }
}

/// A moment without what is smaller than a microsecond.
pub(in crate::flow) const fn micros(ts: Timestamp) -> Timestamp {
    Timestamp::from_nanos(ts.nanos().div_euclid(1000).saturating_mul(1000))
}

/// Lengths of the innermost datagram by its header.
pub(super) struct Lengths {
    /// The header's own number.
    pub(super) claimed: u32,
    /// The same, or all there is where that is 0 (segmentation offload).
    pub(super) total: u32,
}

/// Reads the innermost IP header's length.
pub(super) fn lengths(packet: &Packet<'_>) -> Option<Lengths> {
    let ip = packet.network_bytes();
    Some(match packet.network {
        Network::Ipv4 => match u32::from(be16(ip, 2)?) {
            0 => Lengths { claimed: 0, total: packet.captured_end.saturating_sub(packet.network_at) },
            length => Lengths { claimed: length, total: length },
        },
        Network::Ipv6 => {
            let length = 40 + u32::from(be16(ip, 4)?);
            Lengths { claimed: length, total: length }
        }
        Network::None | Network::Arp => return None,
    })
}

impl Sight {
    /// What Zeek sees of a packet. `other`: it is of a protocol that Zeek does not follow, whatever the decoder made of it.
    pub(in crate::flow) fn of(
        packet: &Packet<'_>,
        segment: Option<&Segment<'_>>,
        ts: Timestamp,
        sound: bool,
        other: bool,
    ) -> Self {
        let lengths = lengths(packet).unwrap_or(Lengths { claimed: 0, total: 0 });
        // Joined datagrams have lost their fragment header; Zeek drops that of an atomic fragment, too.
        let ip_bytes = u64::from(lengths.claimed).saturating_sub(8 * fragment_headers(packet));
        let after = packet.network_at.saturating_add(lengths.total).saturating_sub(packet.transport_at);
        let transport = match packet.transport {
            _ if other => Seen::Other,
            Transport::Tcp => segment.and_then(|segment| tcp(packet, segment, after)).map_or(Seen::BadTcp, Seen::Tcp),
            Transport::Udp => udp(packet),
            Transport::Icmp | Transport::Icmpv6 => Seen::Icmp { bytes: u64::from(after.saturating_sub(8)) },
            Transport::Sctp | Transport::None => Seen::Other,
        };
        Self { ts: micros(ts), ip_bytes, transport, sound }
    }
}

/// How many fragment headers the innermost datagram has.
fn fragment_headers(packet: &Packet<'_>) -> u64 {
    let none = match packet.network {
        Network::Ipv6 => packet.transport_at == packet.network_at + 40,
        _ => true,
    };
    // ICMP quotes datagrams, whose headers come after it.
    if none && matches!(packet.transport, Transport::Tcp | Transport::Udp) {
        return 0;
    }
    packet.layers().filter(|l| l.kind == LayerKind::Ipv6Fragment && l.offset > packet.network_at).count() as u64
}

/// `after`: length of the segment with its header. `None`: the header makes no sense.
fn tcp(packet: &Packet<'_>, segment: &Segment<'_>, after: u32) -> Option<Seg> {
    // RFC 9293 section 3.1: the data offset, in words.
    let header = u32::from(packet.bytes.get(packet.transport_at as usize + 12)? >> 4) * 4;
    if !segment.sound || segment.options_cut || header > after {
        return None;
    }
    let len = after - header;
    let syn = segment.has(TcpFlags::SYN);
    let captured = packet.captured_end.saturating_sub(packet.transport_at.saturating_add(header));
    Some(Seg {
        seq: segment.seq.0,
        ack: segment.ack.0,
        flags: segment.flags,
        window: segment.window,
        scale: if syn { segment.options.scale } else { None },
        len,
        is_whole: captured >= len,
    })
}

fn udp(packet: &Packet<'_>) -> Seen {
    let Some(header) = packet.udp() else { return Seen::Other };
    let bytes = u64::from(header.length.saturating_sub(8));
    let either = |ports: &[u16]| ports.contains(&header.source_port) || ports.contains(&header.destination_port);
    let payload = packet.payload();
    let message = if either(&super::ports::DNS) && payload.len() >= 12 {
        // RFC 1035 section 4.1.1: QR is the top bit of the third byte.
        Some(if payload[2] & 0x80 == 0 { Message::Question } else { Message::Answer })
    } else if either(&[super::ports::NTP]) {
        // RFC 5905 section 7.3: mode 3 asks, mode 4 answers.
        match payload.first().map(|first| first & 7) {
            Some(3) => Some(Message::Question),
            Some(4) => Some(Message::Answer),
            _ => None,
        }
    } else {
        None
    };
    Seen::Udp { bytes, message }
}

/// The limited broadcast address, as keys hold it.
pub(super) fn is_broadcast(ip: [u8; 16], v6: bool) -> bool {
    ip_from_16(ip, v6) == std::net::IpAddr::V4(std::net::Ipv4Addr::BROADCAST)
}
