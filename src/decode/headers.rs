//! The headers below transport as views over their bytes, for those who print or compare single fields: Ethernet, VLAN
//! tags, ARP, IPv4, IPv6, UDP. [`Packet`] itself holds what most callers ask for.

use super::packet::{IssueKind, Layer, LayerKind, Network, Packet, Transport};
use crate::model::bytes::{be16, be32};
use crate::model::{IpProtocol, MacAddr};
use etherparse::{ArpPacketSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice};
use std::net::Ipv4Addr;

/// An Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthernetHeader {
    /// To whom.
    pub destination: MacAddr,
    /// From whom.
    pub source: MacAddr,
    /// Type, or length up to 1500 (802.3).
    pub type_or_length: u16,
}

/// An 802.1Q or 802.1ad tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanTag {
    /// VLAN id, 12 bits.
    pub id: u16,
    /// Priority code point, 3 bits.
    pub priority: u8,
    /// Drop eligible (once: canonical format indicator).
    pub drop_eligible: bool,
    /// Type of what follows, or its length up to 1500.
    pub type_or_length: u16,
}

/// An ARP or RARP packet of any hardware and protocol.
#[derive(Clone, Debug)]
pub struct Arp<'a>(ArpPacketSlice<'a>);

/// An IPv4 header with all of its options.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4Header<'a>(Ipv4HeaderSlice<'a>);

/// An IPv6 base header.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6Header<'a>(Ipv6HeaderSlice<'a>);

/// A UDP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpHeader {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Length of header and data by its field.
    pub length: u16,
    /// Checksum field; 0 is "none" over IPv4.
    pub checksum: u16,
}

impl<'f> Packet<'f> {
    /// The outermost Ethernet header.
    #[must_use]
    pub fn ethernet(&self) -> Option<EthernetHeader> {
        let layer = self.layers().find(|l| l.kind == LayerKind::Ethernet)?;
        let bytes = self.bytes.get(layer.offset as usize..)?;
        Some(EthernetHeader {
            destination: MacAddr(*bytes.first_chunk()?),
            source: MacAddr(bytes.get(6..12)?.try_into().ok()?),
            type_or_length: be16(bytes, 12)?,
        })
    }

    /// Every VLAN tag, outermost first.
    pub fn vlan_tags(&self) -> impl Iterator<Item = VlanTag> + '_ {
        self.layers().filter(|l| l.kind == LayerKind::Vlan).filter_map(|l| {
            let tci = be16(self.bytes, l.offset as usize + 2)?;
            Some(VlanTag {
                id: tci & 0x0fff,
                priority: (tci >> 13) as u8,
                drop_eligible: tci & 0x1000 != 0,
                type_or_length: be16(self.bytes, l.offset as usize + 4)?,
            })
        })
    }

    /// The ARP packet, where the innermost network layer is one.
    #[must_use]
    pub fn arp(&self) -> Option<Arp<'f>> {
        if self.network != Network::Arp {
            return None;
        }
        ArpPacketSlice::from_slice(self.network_bytes()).ok().map(Arp)
    }

    /// The innermost IPv4 header, if all of it was captured.
    #[must_use]
    pub fn ipv4(&self) -> Option<Ipv4Header<'f>> {
        if self.network != Network::Ipv4 {
            return None;
        }
        Ipv4HeaderSlice::from_slice(self.network_bytes()).ok().map(Ipv4Header)
    }

    /// The innermost IPv6 base header.
    #[must_use]
    pub fn ipv6(&self) -> Option<Ipv6Header<'f>> {
        if self.network != Network::Ipv6 {
            return None;
        }
        Ipv6HeaderSlice::from_slice(self.network_bytes()).ok().map(Ipv6Header)
    }

    /// The UDP header, where the innermost datagram has one.
    #[must_use]
    pub fn udp(&self) -> Option<UdpHeader> {
        if self.transport != Transport::Udp {
            return None;
        }
        let at = self.transport_at as usize;
        Some(UdpHeader {
            source_port: be16(self.bytes, at)?,
            destination_port: be16(self.bytes, at + 2)?,
            length: be16(self.bytes, at + 4)?,
            checksum: be16(self.bytes, at + 6)?,
        })
    }

    /// Identification of the innermost datagram: IPv4's 16 bits, or those of IPv6's fragment header if there is one (of several,
    /// of the one that makes it a fragment).
    #[must_use]
    pub fn datagram_id(&self) -> Option<u32> {
        match self.network {
            Network::Ipv4 => be16(self.network_bytes(), 4).map(u32::from),
            Network::Ipv6 => {
                let inner = self.fragment_header().or_else(|| self.fragment_headers().last())?;
                be32(self.bytes, inner.offset as usize + 4)
            }
            Network::None | Network::Arp => None,
        }
    }
}

impl Packet<'_> {
    /// The fragment headers of the innermost IPv6 datagram.
    fn fragment_headers(&self) -> impl Iterator<Item = Layer> + '_ {
        self.layers().filter(|layer| layer.kind == LayerKind::Ipv6Fragment && layer.offset > self.network_at)
    }

    /// The header that makes the innermost IPv6 datagram a fragment; others in it may be atomic (RFC 6946).
    pub(super) fn fragment_header(&self) -> Option<Layer> {
        self.fragment_headers().find(|layer| {
            let bytes = self.bytes.get(layer.offset as usize..).unwrap_or_default();
            Ipv6FragmentHeaderSlice::from_slice(bytes).is_ok_and(|header| header.is_fragmenting_payload())
        })
    }

    /// Does the innermost IP header claim more than there was on the wire? (Also where a later issue took the place of that one.)
    pub(super) fn is_longer_than_the_wire(&self) -> bool {
        let v4 = self.ipv4().map(|header| u32::from(header.total_len()));
        let claimed = v4.or_else(|| self.ipv6().map(|header| 40 + u32::from(header.payload_len())));
        let jumbo = self.issue.is_some_and(|issue| issue.kind == IssueKind::TooLong && issue.offset == self.network_at);
        jumbo || claimed.is_some_and(|claimed| claimed > self.ip_len)
    }
}

impl<'a> Arp<'a> {
    /// 1 request, 2 reply, 3 and 4 the same of RARP, 8 and 9 of `InARP`.
    #[must_use]
    pub const fn operation(&self) -> u16 {
        self.0.operation().0
    }

    /// ARP hardware type: 1 is Ethernet.
    #[must_use]
    pub const fn hardware_type(&self) -> u16 {
        self.0.hw_addr_type().0
    }

    /// Protocol type, an `EtherType`: 0x0800 is IPv4.
    #[must_use]
    pub const fn protocol_type(&self) -> u16 {
        self.0.proto_addr_type().0
    }

    /// Length of a hardware address, bytes.
    #[must_use]
    pub const fn hardware_len(&self) -> u8 {
        self.0.hw_addr_size()
    }

    /// Length of a protocol address, bytes.
    #[must_use]
    pub const fn protocol_len(&self) -> u8 {
        self.0.proto_addr_size()
    }

    /// The sender's hardware address.
    #[must_use]
    pub fn sender_hardware(&self) -> &[u8] {
        self.0.sender_hw_addr()
    }

    /// The sender's protocol address.
    #[must_use]
    pub fn sender_protocol(&self) -> &[u8] {
        self.0.sender_protocol_addr()
    }

    /// The target's hardware address: zeros in a request.
    #[must_use]
    pub fn target_hardware(&self) -> &[u8] {
        self.0.target_hw_addr()
    }

    /// The target's protocol address.
    #[must_use]
    pub fn target_protocol(&self) -> &[u8] {
        self.0.target_protocol_addr()
    }

    /// The sender as hardware and IPv4 address, where the packet is of Ethernet-sized hardware and IPv4.
    #[must_use]
    pub fn sender(&self) -> Option<(MacAddr, Ipv4Addr)> {
        self.pair(self.sender_hardware(), self.sender_protocol())
    }

    /// The target likewise.
    #[must_use]
    pub fn target(&self) -> Option<(MacAddr, Ipv4Addr)> {
        self.pair(self.target_hardware(), self.target_protocol())
    }

    fn pair(&self, hardware: &[u8], protocol: &[u8]) -> Option<(MacAddr, Ipv4Addr)> {
        if self.protocol_type() != 0x0800 {
            return None;
        }
        let ip: [u8; 4] = protocol.try_into().ok()?;
        Some((MacAddr(hardware.try_into().ok()?), ip.into()))
    }

    /// The packet's bytes.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.0.slice()
    }
}

impl<'a> Ipv4Header<'a> {
    /// Header length with options, bytes: 20 to 60.
    #[must_use]
    pub fn header_len(&self) -> usize {
        self.0.slice().len()
    }

    /// The byte once named type of service: DSCP and ECN.
    #[must_use]
    pub fn tos(&self) -> u8 {
        self.0.slice()[1]
    }

    /// Total length field.
    #[must_use]
    pub fn total_len(&self) -> u16 {
        self.0.total_len()
    }

    /// Identification field.
    #[must_use]
    pub fn id(&self) -> u16 {
        self.0.identification()
    }

    /// The reserved flag ("evil bit", RFC 3514).
    #[must_use]
    pub fn reserved_flag(&self) -> bool {
        self.0.slice()[6] & 0x80 != 0
    }

    /// Don't fragment.
    #[must_use]
    pub fn dont_fragment(&self) -> bool {
        self.0.dont_fragment()
    }

    /// Time to live.
    #[must_use]
    pub fn ttl(&self) -> u8 {
        self.0.ttl()
    }

    /// Protocol field.
    #[must_use]
    pub fn protocol(&self) -> IpProtocol {
        IpProtocol(self.0.protocol().0)
    }

    /// Header checksum field.
    #[must_use]
    pub fn checksum(&self) -> u16 {
        self.0.header_checksum()
    }

    /// The options as they stand.
    #[must_use]
    pub fn options(&self) -> &'a [u8] {
        self.0.slice().get(20..).unwrap_or_default()
    }

    /// The header's bytes.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.0.slice()
    }
}

impl Ipv6Header<'_> {
    /// DSCP and ECN.
    #[must_use]
    pub fn traffic_class(&self) -> u8 {
        self.0.traffic_class()
    }

    /// Flow label, 20 bits.
    #[must_use]
    pub fn flow_label(&self) -> u32 {
        self.0.flow_label().value()
    }

    /// Payload length field: 0 in jumbograms.
    #[must_use]
    pub fn payload_len(&self) -> u16 {
        self.0.payload_length()
    }

    /// Next header field: the first extension, or the transport.
    #[must_use]
    pub fn next_header(&self) -> IpProtocol {
        IpProtocol(self.0.next_header().0)
    }

    /// Hop limit.
    #[must_use]
    pub fn hop_limit(&self) -> u8 {
        self.0.hop_limit()
    }
}
