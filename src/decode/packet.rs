//! What a frame was found to be: offsets into its bytes, no copies. Kept small (a few cache lines), for it is written once per packet.

use crate::model::{Endpoint, IpProtocol};
use std::net::IpAddr;

/// Most layers that are recorded of one frame; deeper nesting ends with [`IssueKind::TooDeep`].
pub const MAX_LAYERS: usize = 16;

/// A kind of header, in the order in which people meet them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LayerKind {
    /// Ethernet II or 802.3.
    Ethernet,
    /// An 802.1Q, 802.1ad or QinQ tag: 4 bytes from the tag's TPID.
    Vlan,
    /// Another tag or small header after an Ethernet type: 802.1ah, `FabricPath`, VN-Tag, `MACsec`, NSH. From its type.
    Tag,
    /// 802.2 LLC, with SNAP where present.
    Llc,
    /// Linux cooked v1.
    Sll,
    /// Linux cooked v2.
    Sll2,
    /// BSD or `OpenBSD` loopback.
    Null,
    /// PPP, with or without HDLC-like framing.
    Ppp,
    /// `PPPoE` session header.
    Pppoe,
    /// One MPLS label.
    Mpls,
    /// Radiotap.
    Radiotap,
    /// IEEE 802.11.
    Ieee80211,
    /// ARP or RARP.
    Arp,
    /// IPv4.
    Ipv4,
    /// IPv6, base header.
    Ipv6,
    /// One IPv6 extension header other than the fragment header.
    Ipv6Extension,
    /// IPv6 fragment header.
    Ipv6Fragment,
    /// Authentication header.
    Ah,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// `ICMPv4`.
    Icmp,
    /// `ICMPv6`.
    Icmpv6,
    /// SCTP.
    Sctp,
    /// GRE.
    Gre,
    /// VXLAN.
    Vxlan,
    /// Geneve.
    Geneve,
    /// GTP-U with its extension headers.
    Gtp,
    /// Authentication and origin in front of Teredo's IPv6; Teredo without them has no header.
    Teredo,
    /// AYIYA.
    Ayiya,
    /// ERSPAN's header of type II or III, after GRE; type I has none.
    Erspan,
    /// The IP header quoted in an ICMP error. Always after an ICMP layer; what follows it is quoted, too.
    Quoted,
    /// Bytes that are nobody's header: application data, or a protocol not decoded here.
    Payload,
}

/// One header: its kind and where it starts, an offset into [`Packet::bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// What it is.
    pub kind: LayerKind,
    /// First byte.
    pub offset: u32,
}

/// The innermost network layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Network {
    /// None was understood.
    #[default]
    None,
    /// ARP.
    Arp,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// The transport layer of the innermost IP datagram, where it is one that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Transport {
    /// None, another protocol, a later fragment, or too short to have ports.
    #[default]
    None,
    /// TCP with at least its 20 fixed bytes captured.
    Tcp,
    /// UDP with its 8 bytes captured.
    Udp,
    /// `ICMPv4`, at least 4 bytes captured.
    Icmp,
    /// `ICMPv6`, at least 4 bytes captured.
    Icmpv6,
    /// SCTP with its 12-byte common header captured.
    Sctp,
}

/// Is the innermost datagram a fragment?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Fragment {
    /// Offset of its data in the whole datagram, bytes.
    pub offset: u16,
    /// Do more follow?
    pub more: bool,
}

impl Fragment {
    /// Is this one piece of several?
    #[must_use]
    pub const fn is_piece(self) -> bool {
        self.more || self.offset != 0
    }
}

/// How the innermost datagram was wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum TunnelKind {
    /// Not at all.
    #[default]
    None,
    /// IPv4 or IPv6 directly in IP.
    IpIp,
    /// GRE, in IP or in UDP.
    Gre,
    /// VXLAN.
    Vxlan,
    /// Geneve.
    Geneve,
    /// GTP-U: a mobile network's user traffic.
    Gtp,
    /// Teredo: IPv6 through an IPv4 address translator.
    Teredo,
    /// AYIYA: the same, of tunnel brokers.
    Ayiya,
    /// ERSPAN: frames mirrored by a switch, over GRE.
    Erspan,
}

impl TunnelKind {
    /// The word for it in every output; `None` where nothing is wrapped.
    #[must_use]
    pub const fn key(self) -> Option<&'static str> {
        Some(match self {
            Self::None => return None,
            Self::IpIp => "ipip",
            Self::Gre => "gre",
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::Gtp => "gtp",
            Self::Teredo => "teredo",
            Self::Ayiya => "ayiya",
            Self::Erspan => "erspan",
        })
    }
}

/// The last wrapping around the innermost datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Tunnel {
    /// Which kind.
    pub kind: TunnelKind,
    /// How many wrappings there are in all.
    pub depth: u8,
    /// VNI of VXLAN and Geneve, virtual subnet of NVGRE, key of other GRE (of PPTP: the receiver's call id), endpoint id of
    /// GTP-U (the receiver's), session of ERSPAN, else 0.
    pub id: u32,
    /// Does the id name a network, the same both ways? GRE's key may differ between the directions (RFC 2890 section 2.1),
    /// and PPTP's call ids (RFC 2637 section 4.1) and GTP-U's endpoint ids (3GPP TS 29.281 section 5.1) do.
    pub id_is_network: bool,
    /// Offset of the IP header outside the wrapping.
    pub outer: u32,
}

/// What stopped the decoder, or looked wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueKind {
    /// The capture ends inside this header: cut by the snap length.
    CutByCapture,
    /// The enclosing length field ends inside this header: a broken or hostile packet.
    TooShort,
    /// An IP header claims more than the frame, or the datagram around it, held on the wire: only what was there counts. The
    /// one issue that does not stop the decoder; a later one takes its place.
    TooLong,
    /// A length or version field makes no sense.
    BadHeader,
    /// A protocol that is not decoded: `needed` holds its number (`EtherType` or IP protocol).
    UnknownProtocol,
    /// The contents are encrypted (an 802.11 frame with the protected flag).
    Encrypted,
    /// More layers than are recorded.
    TooDeep,
    /// Link type not decoded: `needed` holds its number.
    UnknownLinkType,
}

/// Where the decoder stopped and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issue {
    /// What is wrong.
    pub kind: IssueKind,
    /// In which layer.
    pub layer: LayerKind,
    /// Where it starts, an offset into [`Packet::bytes`].
    pub offset: u32,
    /// Bytes needed, or the unknown number.
    pub needed: u32,
    /// Bytes there were; of [`IssueKind::TooLong`], on the wire.
    pub had: u32,
}

/// A decoded frame. All offsets are into `bytes`.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'f> {
    /// The frame's captured bytes, or those of a joined datagram.
    pub bytes: &'f [u8],
    pub(crate) layers: [u32; MAX_LAYERS],
    pub(crate) layer_count: u8,
    /// The innermost network layer.
    pub network: Network,
    /// The innermost transport layer.
    pub transport: Transport,
    /// Protocol number after the innermost IP header and its extension headers; meaningful where `network` is IP.
    pub protocol: IpProtocol,
    /// Fragment fields of the innermost IP datagram.
    pub fragment: Fragment,
    /// 802.1Q/802.1ad VLAN ids, outermost first, of the innermost Ethernet frame; 0 where there is none (priority tags count as none).
    pub vlan: [u16; 2],
    /// Start of the innermost IP (or ARP) header.
    pub network_at: u32,
    /// Length of the innermost IP datagram by its own header (IPv4 total length, IPv6 payload length + 40), but never more than
    /// was on the wire ([`IssueKind::TooLong`]). A length of 0 (segmentation offload) is all that was.
    pub ip_len: u32,
    /// Start of the transport header.
    pub transport_at: u32,
    /// Start of the data after the transport header.
    pub payload_at: u32,
    /// Length of that data by the headers' lengths, never counting link-layer padding. May exceed what was captured, not what
    /// was on the wire.
    pub payload_len: u32,
    /// End of the captured bytes that belong to the innermost datagram: what follows is padding or a trailer.
    pub captured_end: u32,
    /// How the innermost datagram is wrapped.
    pub tunnel: Tunnel,
    /// Where decoding stopped before the transport header was understood, or what else was wrong.
    pub issue: Option<Issue>,
}

impl<'f> Packet<'f> {
    /// Nothing understood yet.
    #[must_use]
    pub const fn empty(bytes: &'f [u8]) -> Self {
        Self {
            bytes,
            layers: [0; MAX_LAYERS],
            layer_count: 0,
            network: Network::None,
            transport: Transport::None,
            protocol: IpProtocol(0),
            fragment: Fragment { offset: 0, more: false },
            vlan: [0; 2],
            network_at: 0,
            ip_len: 0,
            transport_at: 0,
            payload_at: 0,
            payload_len: 0,
            captured_end: 0,
            tunnel: Tunnel { kind: TunnelKind::None, depth: 0, id: 0, id_is_network: false, outer: 0 },
            issue: None,
        }
    }

    /// Source and destination address of the innermost IP datagram.
    #[must_use]
    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        let ip = self.bytes.get(self.network_at as usize..)?;
        match self.network {
            Network::Ipv4 => {
                let source: [u8; 4] = ip.get(12..16)?.try_into().ok()?;
                let target: [u8; 4] = ip.get(16..20)?.try_into().ok()?;
                Some((source.into(), target.into()))
            }
            Network::Ipv6 => {
                let source: [u8; 16] = ip.get(8..24)?.try_into().ok()?;
                let target: [u8; 16] = ip.get(24..40)?.try_into().ok()?;
                Some((source.into(), target.into()))
            }
            Network::None | Network::Arp => None,
        }
    }

    /// Source and destination port of TCP, UDP and SCTP.
    #[must_use]
    pub fn ports(&self) -> Option<(u16, u16)> {
        match self.transport {
            Transport::Tcp | Transport::Udp | Transport::Sctp => {
                let b = self.bytes.get(self.transport_at as usize..)?;
                Some((u16::from_be_bytes([*b.first()?, *b.get(1)?]), u16::from_be_bytes([*b.get(2)?, *b.get(3)?])))
            }
            _ => None,
        }
    }

    /// Both ends, with ports where there are some and 0 elsewhere.
    #[must_use]
    pub fn endpoints(&self) -> Option<(Endpoint, Endpoint)> {
        let (source, target) = self.addresses()?;
        let (sport, dport) = self.ports().unwrap_or((0, 0));
        Some((Endpoint::new(source, sport), Endpoint::new(target, dport)))
    }

    /// The innermost IP (or ARP) header and what was captured after it, padding included.
    #[must_use]
    pub fn network_bytes(&self) -> &'f [u8] {
        self.bytes.get(self.network_at as usize..).unwrap_or_default()
    }

    /// The transport header and what was captured after it, without link-layer padding.
    #[must_use]
    pub fn transport_bytes(&self) -> &'f [u8] {
        self.bytes.get(self.transport_at as usize..self.payload_end()).unwrap_or_default()
    }

    /// The captured part of the transport's data, without link-layer padding.
    #[must_use]
    pub fn payload(&self) -> &'f [u8] {
        self.bytes.get(self.payload_at as usize..self.payload_end()).unwrap_or_default()
    }

    fn payload_end(&self) -> usize {
        let end = (self.payload_at as usize).saturating_add(self.payload_len as usize);
        end.min(self.captured_end as usize).min(self.bytes.len())
    }
}

impl Packet<'_> {
    /// The headers found, outermost first.
    #[must_use]
    pub fn layers(&self) -> impl ExactSizeIterator<Item = Layer> + '_ {
        self.layers[..usize::from(self.layer_count)].iter().map(|&packed| Layer::unpack(packed))
    }

    /// Records a header; `false` when no room is left.
    pub(crate) fn push_layer(&mut self, kind: LayerKind, offset: u32) -> bool {
        let Some(slot) = self.layers.get_mut(usize::from(self.layer_count)) else {
            return false;
        };
        *slot = Layer { kind, offset }.pack();
        self.layer_count += 1;
        true
    }
}

impl Packet<'_> {
    /// What is known of the layers below the innermost IP header, and where that header is; without the bytes.
    pub(crate) fn below_network(&self) -> Packet<'static> {
        let mut below = Packet::empty(&[]);
        for layer in self.layers().take_while(|l| l.offset < self.network_at) {
            below.push_layer(layer.kind, layer.offset);
        }
        below.vlan = self.vlan;
        below.tunnel = self.tunnel;
        below.network = self.network;
        below.network_at = self.network_at;
        below
    }

    /// The same of other bytes.
    pub(crate) fn with_bytes<'b>(&self, bytes: &'b [u8]) -> Packet<'b> {
        Packet { bytes, ..*self }
    }

    /// Takes back a [`LayerKind::Payload`] at the end: what was listed as data turns out to have a header.
    pub(crate) fn drop_payload_layer(&mut self) {
        if self.layers().last().is_some_and(|l| l.kind == LayerKind::Payload) {
            self.layer_count -= 1;
        }
    }
}

impl Layer {
    /// Kind in the top byte, offset in the lower three: frames are at most 2^24 - 1 bytes as far as layers go.
    pub(super) const fn pack(self) -> u32 {
        (self.kind as u32) << 24 | (self.offset & 0x00ff_ffff)
    }

    fn unpack(packed: u32) -> Self {
        Self { kind: LayerKind::from_index((packed >> 24) as u8), offset: packed & 0x00ff_ffff }
    }
}

impl LayerKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 32] = [
        Self::Ethernet,
        Self::Vlan,
        Self::Tag,
        Self::Llc,
        Self::Sll,
        Self::Sll2,
        Self::Null,
        Self::Ppp,
        Self::Pppoe,
        Self::Mpls,
        Self::Radiotap,
        Self::Ieee80211,
        Self::Arp,
        Self::Ipv4,
        Self::Ipv6,
        Self::Ipv6Extension,
        Self::Ipv6Fragment,
        Self::Ah,
        Self::Tcp,
        Self::Udp,
        Self::Icmp,
        Self::Icmpv6,
        Self::Sctp,
        Self::Gre,
        Self::Vxlan,
        Self::Geneve,
        Self::Gtp,
        Self::Teredo,
        Self::Ayiya,
        Self::Erspan,
        Self::Quoted,
        Self::Payload,
    ];

    /// The protocol's name, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ethernet => "Ethernet",
            Self::Vlan => "VLAN",
            Self::Tag => "tag after Ethernet",
            Self::Llc => "LLC",
            Self::Sll => "Linux cooked",
            Self::Sll2 => "Linux cooked v2",
            Self::Null => "loopback",
            Self::Ppp => "PPP",
            Self::Pppoe => "PPPoE",
            Self::Mpls => "MPLS",
            Self::Radiotap => "radiotap",
            Self::Ieee80211 => "802.11",
            Self::Arp => "ARP",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Ipv6Extension => "IPv6 extension",
            Self::Ipv6Fragment => "IPv6 fragment",
            Self::Ah => "AH",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Icmp => "ICMP",
            Self::Icmpv6 => "ICMPv6",
            Self::Sctp => "SCTP",
            Self::Gre => "GRE",
            Self::Vxlan => "VXLAN",
            Self::Geneve => "Geneve",
            Self::Gtp => "GTP-U",
            Self::Teredo => "Teredo",
            Self::Ayiya => "AYIYA",
            Self::Erspan => "ERSPAN",
            Self::Quoted => "quoted",
            Self::Payload => "payload",
        }
    }

    fn from_index(index: u8) -> Self {
        Self::ALL.get(usize::from(index)).copied().unwrap_or(Self::Payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_again_by_their_number() {
        for (index, kind) in LayerKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, index);
        }
    }

    #[test]
    fn a_packet_stays_small() {
        // Layers are 64 bytes of it: four fewer would make it 128, and leave too few for tags and labels in a tunnel.
        assert!(size_of::<Packet<'_>>() <= 144, "{}", size_of::<Packet<'_>>());
    }
}
