//! ICMP and `ICMPv6` messages as views over their bytes, and the datagram that an error quotes.

use super::network;
use super::packet::{Fragment, Network, Packet, Transport};
use super::walk::Walk;
use crate::model::IpProtocol;
use crate::model::bytes::{be16, be32};
use std::net::{IpAddr, Ipv4Addr};

/// The longest datagram that is no jumbogram: IPv6's base header and its 16 bits of payload length.
const MAX_DATAGRAM: usize = 40 + 65_535;

/// Least length of a quote that extensions follow (RFC 4884).
const MIN_EXTENDED: usize = 128;

/// An ICMP message with at least its first four bytes.
#[derive(Clone, Copy, Debug)]
pub struct IcmpMessage<'a> {
    head: &'a [u8; 4],
    bytes: &'a [u8],
    v6: bool,
}

impl<'a> IcmpMessage<'a> {
    /// Reads a message from its first byte (type); `None` with less than four bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8], v6: bool) -> Option<Self> {
        Some(Self { head: bytes.first_chunk()?, bytes, v6 })
    }

    /// Is it `ICMPv6`?
    #[must_use]
    pub const fn is_v6(&self) -> bool {
        self.v6
    }

    /// Type (IANA "ICMP Type Numbers", "`ICMPv6` type Numbers").
    #[must_use]
    pub const fn kind(&self) -> u8 {
        self.head[0]
    }

    /// Code within the type.
    #[must_use]
    pub const fn code(&self) -> u8 {
        self.head[1]
    }

    /// Checksum field.
    #[must_use]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.head[2], self.head[3]])
    }

    /// The message as captured, from its type on.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What was captured after the first eight bytes.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.bytes.get(8..).unwrap_or_default()
    }

    /// Bytes 4 and 5: the identifier of messages that have one ([`IcmpMessage::is_query`]).
    #[must_use]
    pub fn id(&self) -> Option<u16> {
        be16(self.bytes, 4)
    }

    /// Bytes 6 and 7: the sequence number of messages that have one.
    #[must_use]
    pub fn sequence(&self) -> Option<u16> {
        be16(self.bytes, 6)
    }

    /// MTU of the next hop: "fragmentation needed" (RFC 1191; 0 from old routers) and "packet too big" (RFC 4443).
    #[must_use]
    pub fn mtu(&self) -> Option<u32> {
        match (self.v6, self.kind(), self.code()) {
            (false, 3, 4) => be16(self.bytes, 6).map(u32::from),
            (true, 2, _) => be32(self.bytes, 4),
            _ => None,
        }
    }

    /// The gateway that an ICMP redirect names.
    #[must_use]
    pub fn gateway(&self) -> Option<Ipv4Addr> {
        if self.v6 || self.kind() != 5 { None } else { be32(self.bytes, 4).map(Ipv4Addr::from) }
    }

    /// Does it say that a datagram went wrong, and quote it? (RFC 792, RFC 4443 section 2.1; redirects of IPv4 included)
    #[must_use]
    pub const fn is_error(&self) -> bool {
        is_error(self.v6, self.head[0])
    }

    /// Is it an echo, timestamp, information or address mask message: does it have an identifier?
    #[must_use]
    pub const fn is_query(&self) -> bool {
        if self.v6 { matches!(self.head[0], 128 | 129) } else { matches!(self.head[0], 0 | 8 | 13..=18) }
    }

    /// The datagram that an error quotes.
    #[must_use]
    pub fn quoted(&self) -> Option<QuotedDatagram<'a>> {
        self.is_error().then(|| QuotedDatagram::new(self.quoted_bytes(), self.v6)).flatten()
    }

    /// The quoted bytes without the extensions that may follow (RFC 4884 section 4: a length in 32-bit words of ICMP, in
    /// 64-bit words of `ICMPv6`; 0 from senders that know no extensions). In front of extensions the quote is padded to 128
    /// bytes at least: a shorter length is none, such as one in a field that the sender left unset.
    fn quoted_bytes(&self) -> &'a [u8] {
        let body = self.body();
        let length = match (self.v6, self.kind()) {
            (false, 3 | 11 | 12) => usize::from(self.bytes.get(5).copied().unwrap_or_default()) * 4,
            (true, 1 | 3) => usize::from(self.bytes.get(4).copied().unwrap_or_default()) * 8,
            _ => 0,
        };
        if length < MIN_EXTENDED { body } else { &body[..length.min(body.len())] }
    }
}

/// Is a message of this type an error that quotes a datagram?
pub(super) const fn is_error(v6: bool, kind: u8) -> bool {
    if v6 { matches!(kind, 1..=4) } else { matches!(kind, 3..=5 | 11 | 12) }
}

/// A datagram as quoted by an ICMP error: often no more than its IP header and 8 bytes (RFC 792).
/// It was sent by whom the error is sent to.
#[derive(Clone, Copy, Debug)]
pub struct QuotedDatagram<'a> {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub target: IpAddr,
    /// Protocol after its IP headers.
    pub protocol: IpProtocol,
    /// Its fragment fields: a later fragment has no ports.
    pub fragment: Fragment,
    /// Its length by its own IP header.
    pub ip_len: u32,
    /// Its identification ([`Packet::datagram_id`]): it tells which of several equal datagrams is quoted, where each has its own.
    pub id: Option<u32>,
    /// What is quoted after its IP headers, extensions of IPv6 included. May hold the sender's padding at the end.
    pub transport: &'a [u8],
}

impl<'a> QuotedDatagram<'a> {
    /// Reads a quote from its IP header on.
    #[must_use]
    pub fn new(bytes: &'a [u8], v6: bool) -> Option<Self> {
        let mut packet = Packet::empty(bytes);
        // The wire held more than is quoted: what is missing is cut, not broken.
        // Tunnels stay shut: the error is about the datagram that it quotes, not about one inside.
        let mut walk = Walk::new(&mut packet, MAX_DATAGRAM).entering(0);
        if v6 {
            network::ipv6(&mut walk, 0);
        } else {
            network::ipv4(&mut walk, 0);
        }
        // Not by the lengths in the quote: some systems quote their own copy of the header, with other lengths in it.
        let transport = match packet.transport_at {
            0 => &[][..],
            at => bytes.get(at as usize..).unwrap_or_default(),
        };
        let (source, target) = packet.addresses()?;
        Some(Self {
            source,
            target,
            protocol: packet.protocol,
            fragment: packet.fragment,
            ip_len: packet.ip_len,
            id: packet.datagram_id(),
            transport,
        })
    }

    fn has_transport(&self, protocols: &[IpProtocol]) -> bool {
        self.fragment.offset == 0 && protocols.contains(&self.protocol)
    }

    /// Source and destination port of TCP, UDP and SCTP.
    #[must_use]
    pub fn ports(&self) -> Option<(u16, u16)> {
        if !self.has_transport(&[IpProtocol::TCP, IpProtocol::UDP, IpProtocol::SCTP]) {
            return None;
        }
        Some((be16(self.transport, 0)?, be16(self.transport, 2)?))
    }

    /// TCP's sequence number: it tells which segment the error is about, and a blind attacker cannot know it.
    #[must_use]
    pub fn tcp_seq(&self) -> Option<u32> {
        if self.has_transport(&[IpProtocol::TCP]) { be32(self.transport, 4) } else { None }
    }

    /// What is quoted of TCP's options: some, all, or none.
    #[must_use]
    pub fn tcp_options(&self) -> &'a [u8] {
        let end = self.transport.get(12).map_or(0, |offset| usize::from(offset >> 4) * 4);
        if !self.has_transport(&[IpProtocol::TCP]) {
            return &[];
        }
        self.transport.get(20..end.min(self.transport.len())).unwrap_or_default()
    }

    /// The ICMP message that is quoted (an echo request whose time to live ran out).
    #[must_use]
    pub fn icmp(&self) -> Option<IcmpMessage<'a>> {
        let v6 = self.protocol == IpProtocol::ICMPV6;
        if self.has_transport(&[IpProtocol::ICMP, IpProtocol::ICMPV6]) { IcmpMessage::new(self.transport, v6) } else { None }
    }
}

impl<'f> Packet<'f> {
    /// The ICMP message, where the innermost datagram has one.
    #[must_use]
    pub fn icmp(&self) -> Option<IcmpMessage<'f>> {
        match self.transport {
            Transport::Icmp | Transport::Icmpv6 => {
                let bytes = self.bytes.get(self.transport_at as usize..self.captured_end as usize)?;
                IcmpMessage::new(bytes, self.transport == Transport::Icmpv6)
            }
            _ => None,
        }
    }

    /// The datagram quoted by an ICMP error.
    #[must_use]
    pub fn quoted(&self) -> Option<QuotedDatagram<'f>> {
        if self.network == Network::None { None } else { self.icmp()?.quoted() }
    }
}
