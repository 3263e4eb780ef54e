//! Which conversation a packet belongs to: protocol, both ends in one fixed order, VLAN and tunnel, packed into 48 bytes.
//!
//! A packet and its answer give the same key, because the smaller (address, port) always stands first; which of the two
//! places the sender has is told apart, as [`End`]. The one exception is ICMP messages that have no answer (errors,
//! redirects): there the sender always stands first, so that each direction is a conversation of its own, as Community ID
//! and Zeek have it. The ICMP echo identifier is not part of the key, for the same reason: two pings between one pair of
//! hosts at one time are one conversation.

use super::icmp;
use crate::decode::{Layer, LayerKind, Network, Packet, Transport, TunnelKind};
use crate::model::bytes::be16;
use crate::model::endpoint::{ip_from_16, ip_to_16};
use crate::model::{Endpoint, IpProtocol};
use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::IpAddr;

/// One of the two places in a key. Says nothing of who opened the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum End {
    /// The smaller (address, port).
    Low = 0,
    /// The larger one.
    High = 1,
}

impl End {
    /// The other place.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }

    /// 0 or 1, for arrays of two.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A conversation's key. Equal keys mean the same conversation.
///
/// Words 0–1 and 2–3: the two addresses, IPv4 in its IPv4-mapped form. Word 4: ports (16 + 16), protocol (8), VLAN ids
/// (12 + 12). Word 5: 63 bits of the tunnel's hash, then 1 bit for the family.
#[derive(Clone, Copy, Debug, Eq)]
pub struct FlowKey([u64; 6]);

impl PartialEq for FlowKey {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

/// Six words by hand: `derive(Hash)` on arrays writes length prefixes and costs twice as much.
#[inline]
fn write(words: &[u64; 6], state: &mut impl Hasher) {
    for &word in words {
        state.write_u64(word);
    }
}

/// In place: what is derived calls a function that compares bytes.
#[inline]
fn same(a: &[u64; 6], b: &[u64; 6]) -> bool {
    a.iter().zip(b).fold(0, |unlike, (a, b)| unlike | (a ^ b)) == 0
}

/// Two hosts on one network, in the order of [`FlowKey`].
#[derive(Clone, Copy, Debug, Eq)]
pub struct Hosts([u64; 6]);

impl Hash for Hosts {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        write(&self.0, state);
    }
}

impl PartialEq for Hosts {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

/// What the ends of a conversation are made from: addresses, ports and whether their order may be turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Sender's address, 16 bytes.
    pub source: [u8; 16],
    /// Target's address, 16 bytes.
    pub target: [u8; 16],
    /// Sender's port, or ICMP type.
    pub sport: u16,
    /// Target's port, or ICMP counter-type or code.
    pub dport: u16,
    /// Protocol after IP.
    pub protocol: IpProtocol,
    /// IPv6?
    pub v6: bool,
    /// May a packet the other way share the key? `false` for ICMP messages without an answer.
    pub two_way: bool,
}

impl Ends {
    /// The ends of a decoded packet's innermost datagram, or `None` where it has no place in a conversation: no IP, a
    /// piece of a datagram, or a transport header that was not understood.
    #[must_use]
    pub fn of(packet: &Packet<'_>) -> Option<Self> {
        if packet.fragment.is_piece() {
            return None;
        }
        let ip = packet.network_bytes();
        let (source, target, v6) = match packet.network {
            Network::Ipv4 => (mapped(ip.get(12..16)?), mapped(ip.get(16..20)?), false),
            Network::Ipv6 => (ip.get(8..24)?.try_into().ok()?, ip.get(24..40)?.try_into().ok()?, true),
            Network::None | Network::Arp => return None,
        };
        let protocol = packet.protocol;
        let transport = packet.bytes.get(packet.transport_at as usize..).unwrap_or_default();
        let (sport, dport, two_way) = match packet.transport {
            Transport::Tcp | Transport::Udp | Transport::Sctp => (be16(transport, 0)?, be16(transport, 2)?, true),
            // By the message's own kind: hostile ones travel in the other version of IP.
            Transport::Icmp | Transport::Icmpv6 => {
                icmp::ports(packet.transport == Transport::Icmpv6, *transport.first()?, *transport.get(1)?)
            }
            Transport::None if has_ports(protocol) => return None,
            Transport::None => (0, 0, true),
        };
        Some(Self { source, target, sport, dport, protocol, v6, two_way })
    }

    /// The addresses alone, of an IP datagram of any protocol.
    pub(super) fn of_addresses(packet: &Packet<'_>) -> Option<Self> {
        let (source, target) = packet.addresses()?;
        Some(Self::new(Endpoint::new(source, 0), Endpoint::new(target, 0), packet.protocol))
    }

    /// From addresses and ports, for tests, benchmarks and quoted headers.
    #[must_use]
    pub fn new(source: Endpoint, target: Endpoint, protocol: IpProtocol) -> Self {
        Self {
            source: ip_to_16(source.ip),
            target: ip_to_16(target.ip),
            sport: source.port,
            dport: target.port,
            protocol,
            v6: source.ip.is_ipv6(),
            two_way: true,
        }
    }

    /// The key, and the place that the sender has in it. `tunnel` comes from [`KeyMaker::tunnel`].
    #[must_use]
    pub fn key(&self, vlan: [u16; 2], tunnel: u64) -> (FlowKey, End) {
        if !self.v6
            && let (&[.., a, b, c, d], &[.., e, f, g, h]) = (&self.source, &self.target)
        {
            // What is below says the same of mapped addresses, at twice the price.
            let source = u64::from(u32::from_be_bytes([a, b, c, d]));
            let target = u64::from(u32::from_be_bytes([e, f, g, h]));
            return four((source, self.sport), (target, self.dport), self.protocol, self.two_way, vlan, tunnel);
        }
        let source = u128::from_be_bytes(self.source);
        let target = u128::from_be_bytes(self.target);
        let sender = if self.two_way && (target, self.dport) < (source, self.sport) { End::High } else { End::Low };
        let (low, high, low_port, high_port) = match sender {
            End::Low => (source, target, self.sport, self.dport),
            End::High => (target, source, self.dport, self.sport),
        };
        let word = ports_word(low_port, high_port, self.protocol, vlan);
        let words = [(low >> 64) as u64, low as u64, (high >> 64) as u64, high as u64, word, tunnel << 1 | u64::from(self.v6)];
        (FlowKey(words), sender)
    }
}

/// The key of two IPv4 ends.
#[inline]
fn four(
    source: (u64, u16),
    target: (u64, u16),
    protocol: IpProtocol,
    two_way: bool,
    vlan: [u16; 2],
    tunnel: u64,
) -> (FlowKey, End) {
    const MAPPED: u64 = 0xffff_0000_0000;
    let packed = |(address, port): (u64, u16)| address << 16 | u64::from(port);
    let (low, high, sender) =
        if two_way && packed(target) < packed(source) { (target, source, End::High) } else { (source, target, End::Low) };
    let word = ports_word(low.1, high.1, protocol, vlan);
    (FlowKey([0, MAPPED | low.0, 0, MAPPED | high.0, word, tunnel << 1]), sender)
}

fn ports_word(low: u16, high: u16, protocol: IpProtocol, vlan: [u16; 2]) -> u64 {
    u64::from(low) << 48
        | u64::from(high) << 32
        | u64::from(protocol.0) << 24
        | u64::from(vlan[0] & 0xfff) << 12
        | u64::from(vlan[1] & 0xfff)
}

/// Do packets of this protocol have ports or types, so that one without them was not understood?
const fn has_ports(protocol: IpProtocol) -> bool {
    matches!(protocol, IpProtocol::TCP | IpProtocol::UDP | IpProtocol::SCTP | IpProtocol::ICMP | IpProtocol::ICMPV6)
}

fn mapped(v4: &[u8]) -> [u8; 16] {
    let mut out = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0];
    out[12..].copy_from_slice(v4);
    out
}

impl FlowKey {
    /// The key that a frame of Ethernet will most likely have: of TCP and UDP behind plain headers. A guess that costs little, for
    /// who wants to know early what will be asked for; `vlan`: VLANs are in keys. And the place that the sender has in it.
    #[must_use]
    pub fn likely(frame: &[u8], vlan: bool) -> Option<(Self, End)> {
        let (tag, ip) = match frame {
            [_, _, _, _, _, _, _, _, _, _, _, _, 0x81, 0, v0, v1, 8 | 0x86, _, ip @ ..] => {
                (u16::from_be_bytes([v0 & 0xf, *v1]), ip)
            }
            [_, _, _, _, _, _, _, _, _, _, _, _, 8, 0, ip @ ..] | [_, _, _, _, _, _, _, _, _, _, _, _, 0x86, 0xdd, ip @ ..] => {
                (0, ip)
            }
            _ => return None,
        };
        let vlan = if vlan { [tag, 0] } else { [0; 2] };
        if let Some(&[0x45, _, _, _, _, _, _, _, _, protocol @ (6 | 17), _, _, a, b, c, d, e, f, g, h, s0, s1, t0, t1]) =
            ip.first_chunk::<24>()
        {
            let source = (u64::from(u32::from_be_bytes([a, b, c, d])), u16::from_be_bytes([s0, s1]));
            let target = (u64::from(u32::from_be_bytes([e, f, g, h])), u16::from_be_bytes([t0, t1]));
            return Some(four(source, target, IpProtocol(protocol), true, vlan, 0));
        }
        let ip = ip.first_chunk::<44>()?;
        let (&[version, _, _, _, _, _, protocol @ (6 | 17), _], rest) = ip.split_first_chunk::<8>()? else { return None };
        if version >> 4 != 6 {
            return None;
        }
        let (&source, rest) = rest.split_first_chunk::<16>()?;
        let (&target, ports) = rest.split_first_chunk::<16>()?;
        let (sport, dport) = (be16(ports, 0)?, be16(ports, 2)?);
        let ends = Ends { source, target, sport, dport, protocol: IpProtocol(protocol), v6: true, two_way: true };
        Some(ends.key(vlan, 0))
    }

    /// Address and port (or ICMP type) in one of the two places.
    #[must_use]
    pub fn endpoint(&self, end: End) -> Endpoint {
        let at = end.index() * 2;
        let bytes = (u128::from(self.0[at]) << 64 | u128::from(self.0[at + 1])).to_be_bytes();
        let port = match end {
            End::Low => self.0[4] >> 48,
            End::High => self.0[4] >> 32,
        } as u16;
        Endpoint::new(ip_from_16(bytes, self.0[5] & 1 == 1), port)
    }

    /// Protocol after IP.
    #[must_use]
    pub const fn protocol(&self) -> IpProtocol {
        IpProtocol((self.0[4] >> 24) as u8)
    }

    /// The two hosts, whatever their ports: what all conversations between them on this network have in common. `None` of a
    /// host with itself, whose ends have no fixed order.
    #[must_use]
    pub fn hosts(&self) -> Option<Hosts> {
        let [a, b, c, d, word, tunnel] = self.0;
        ((a, b) != (c, d)).then_some(Hosts([a, b, c, d, word & 0xff_ffff, tunnel]))
    }

    /// VLAN ids, outermost first, 0 where there is none.
    #[must_use]
    pub const fn vlan(&self) -> [u16; 2] {
        [(self.0[4] >> 12 & 0xfff) as u16, (self.0[4] & 0xfff) as u16]
    }
}

/// Makes hashes with a seed of its own, from the system's random numbers, so that nobody outside can prepare keys that collide.
#[derive(Clone, Debug)]
pub struct KeyMaker {
    seed: SeedableRandomState,
}

impl Default for KeyMaker {
    fn default() -> Self {
        // By itself foldhash takes its seed from addresses of memory, which may become known.
        let seed = RandomState::new().build_hasher().finish();
        Self { seed: SeedableRandomState::with_seed(seed, SharedSeed::global_random()) }
    }
}

impl KeyMaker {
    /// Hash of a key. Symmetric because keys are: both directions have the same one.
    #[must_use]
    pub fn hash(&self, key: &FlowKey) -> u64 {
        let mut hasher = self.seed.build_hasher();
        write(&key.0, &mut hasher);
        hasher.finish()
    }

    /// What stands for the wrapping in a key: kind, the two outer addresses in any order, and the id if it is the same both
    /// ways; with `vlan`, the VLANs outside, too, and the Ethernet frame around another one (802.1ah, `FabricPath`). 0 = not
    /// wrapped.
    #[must_use]
    pub fn tunnel(&self, packet: &Packet<'_>, vlan: bool) -> u64 {
        let in_tunnel = packet.tunnel.kind != TunnelKind::None;
        if !(in_tunnel || vlan && is_mac_in_mac(packet)) {
            return 0;
        }
        let mut hasher = self.seed.build_hasher();
        if in_tunnel {
            let outer = outer_addresses(packet);
            let mut words = outer.map_or([0; 2], |(a, b)| [a, b].map(|ip| u128::from_be_bytes(ip_to_16(ip))));
            words.sort_unstable();
            let id = if packet.tunnel.id_is_network { packet.tunnel.id } else { 0 };
            hasher.write_u64(u64::from(packet.tunnel.kind as u8) << 32 | u64::from(id));
            hasher.write_u128(words[0]);
            hasher.write_u128(words[1]);
        }
        if vlan {
            write_outer_frames(packet, &mut hasher);
        }
        // Never 0, which means "not wrapped"; the key drops the top bit.
        hasher.finish() >> 1 | 1
    }
}

/// Is the packet's Ethernet frame in another one, without a tunnel of IP between?
fn is_mac_in_mac(packet: &Packet<'_>) -> bool {
    /// Two Ethernet headers and the shortest tag between them.
    const SHORTEST: u32 = 14 + 2 + 14;
    let is_ethernet = |layer: &Layer| layer.kind == LayerKind::Ethernet;
    packet.network_at >= SHORTEST && packet.layers().filter(is_ethernet).nth(1).is_some()
}

/// VLANs and encapsulations outside of the innermost Ethernet frame, whose own VLANs stand in the key themselves. Of an I-tag
/// (802.1ah) the service (I-SID) counts; the other encapsulations have numbers that may differ by direction or by hop.
fn write_outer_frames(packet: &Packet<'_>, hasher: &mut impl Hasher) {
    const I_TAG: u16 = 0x88e7;
    let innermost = packet.layers().filter(|layer| layer.kind == LayerKind::Ethernet).last().map_or(0, |layer| layer.offset);
    let end = innermost.max(packet.tunnel.outer);
    let word = |at: u32| be16(packet.bytes, at as usize).unwrap_or_default();
    let mut tag = None;
    for layer in packet.layers().take_while(|layer| layer.offset <= end) {
        match (layer.kind, tag.take()) {
            (LayerKind::Vlan, _) if layer.offset < end => match word(layer.offset + 2) & 0xfff {
                0 => {}
                id => hasher.write_u16(id),
            },
            (LayerKind::Tag, _) => tag = Some(layer.offset),
            (LayerKind::Ethernet, Some(at)) => {
                hasher.write_u16(word(at));
                if word(at) == I_TAG {
                    hasher.write_u32(u32::from(word(at + 2) & 0xff) << 16 | u32::from(word(at + 4)));
                }
            }
            _ => {}
        }
    }
}

/// Addresses of the IP header around the last wrapping.
#[must_use]
pub fn outer_addresses(packet: &Packet<'_>) -> Option<(IpAddr, IpAddr)> {
    let ip = packet.bytes.get(packet.tunnel.outer as usize..)?;
    if ip.first()? >> 4 == 4 {
        let source: [u8; 4] = ip.get(12..16)?.try_into().ok()?;
        let target: [u8; 4] = ip.get(16..20)?.try_into().ok()?;
        Some((source.into(), target.into()))
    } else {
        let source: [u8; 16] = ip.get(8..24)?.try_into().ok()?;
        let target: [u8; 16] = ip.get(24..40)?.try_into().ok()?;
        Some((source.into(), target.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn endpoint() -> impl Strategy<Value = Endpoint> {
        let v4 = any::<[u8; 4]>().prop_map(IpAddr::from);
        (v4, any::<u16>()).prop_map(|(ip, port)| Endpoint::new(ip, port))
    }

    proptest! {
        #[test]
        fn a_packet_and_its_answer_have_one_key(a in endpoint(), b in endpoint(), outer in 0u16..4096, inner in 0u16..4096, tunnel in 0u64..1 << 62) {
            let there = Ends::new(a, b, IpProtocol::TCP).key([outer, inner], tunnel);
            let back = Ends::new(b, a, IpProtocol::TCP).key([outer, inner], tunnel);
            prop_assert_eq!(there.0, back.0);
            let maker = KeyMaker::default();
            prop_assert_eq!(maker.hash(&there.0), maker.hash(&back.0));
            if a != b {
                prop_assert_eq!(there.1, back.1.other());
            }
            prop_assert_eq!(there.0.endpoint(there.1), a);
            prop_assert_eq!(there.0.endpoint(there.1.other()), b);
            prop_assert_eq!(there.0.vlan(), [outer, inner]);
            prop_assert_eq!(there.0.protocol(), IpProtocol::TCP);
        }

        #[test]
        fn the_likely_key_is_the_key(
            vlan in prop::option::of(0u16..4096),
            v6 in any::<bool>(),
            protocol in prop_oneof![Just(6u8), Just(17)],
            filling in prop::collection::vec(any::<u8>(), 60),
        ) {
            let mut bytes = vec![2; 12];
            bytes.extend(vlan.iter().flat_map(|id| [0x81, 0, (id >> 8) as u8 | 0x20, *id as u8]));
            bytes.extend(if v6 { [0x86, 0xdd] } else { [8, 0] });
            let ip = bytes.len();
            if v6 {
                bytes.extend([0x60, 0, 0, 0, 0, 20, protocol, 64]);
                bytes.extend(&filling[..32]);
            } else {
                bytes.extend([0x45, 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0]);
                bytes.extend(&filling[..8]);
            }
            bytes.extend(&filling[36..40]);
            bytes.extend([0, 20, 0, 0, 0, 0, 0, 0, 0x50, 0, 0, 0, 0, 0, 0, 0]);
            let packet = crate::decode::decode_ip(&bytes[ip..]);
            let ends = Ends::of(&packet).unwrap();
            prop_assert_eq!(FlowKey::likely(&bytes, true), Some(ends.key([vlan.unwrap_or(0), 0], 0)));
            prop_assert_eq!(FlowKey::likely(&bytes, false), Some(ends.key([0; 2], 0)));
            // Pieces of a header are none.
            for end in 0..bytes.len() {
                let key = FlowKey::likely(&bytes[..end], true);
                prop_assert!(key.is_none() || key == FlowKey::likely(&bytes, true));
            }
        }
    }

    #[test]
    fn family_vlan_tunnel_and_protocol_each_make_another_key() {
        let a = Endpoint::new("192.0.2.1".parse().unwrap(), 1000);
        let b = Endpoint::new("192.0.2.2".parse().unwrap(), 80);
        let base = Ends::new(a, b, IpProtocol::TCP).key([0, 0], 0).0;
        let six = |e: Endpoint| Endpoint::new(format!("::ffff:{}", e.ip).parse().unwrap(), e.port);
        for other in [
            Ends::new(a, b, IpProtocol::UDP).key([0, 0], 0).0,
            Ends::new(a, b, IpProtocol::TCP).key([7, 0], 0).0,
            Ends::new(a, b, IpProtocol::TCP).key([0, 7], 0).0,
            Ends::new(a, b, IpProtocol::TCP).key([0, 0], 1).0,
            Ends::new(six(a), six(b), IpProtocol::TCP).key([0, 0], 0).0,
        ] {
            assert_ne!(base, other);
        }
    }

    /// A TCP segment in PPP or Ethernet in GRE, one way and back.
    fn in_gre(back: bool, head: &[u8], inside: &[u8]) -> Vec<u8> {
        let ends = |out: &mut Vec<u8>, net: [u8; 3]| {
            let (a, b) = if back { (2, 1) } else { (1, 2) };
            out.extend([net[0], net[1], net[2], a, net[0], net[1], net[2], b]);
        };
        let ports = if back { [0, 80, 4, 0] } else { [4, 0, 0, 80] };
        let mut inner = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0];
        ends(&mut inner, [192, 0, 2]);
        inner.extend(ports);
        inner.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0]);
        let mut out = vec![0x45, 0, 0, (20 + head.len() + inside.len() + inner.len()) as u8, 0, 0, 0, 0, 64, 47, 0, 0];
        ends(&mut out, [198, 51, 100]);
        [out, head.to_vec(), inside.to_vec(), inner].concat()
    }

    #[test]
    fn ids_that_differ_by_direction_are_not_in_the_key_and_those_of_networks_are() {
        let maker = KeyMaker::default();
        let key = |back: bool, head: &[u8], inside: &[u8], id: u32| {
            let bytes = in_gre(back, head, inside);
            let packet = crate::decode::decode_ip(&bytes);
            assert_eq!((packet.tunnel.kind, packet.tunnel.id), (TunnelKind::Gre, id));
            Ends::of(&packet).unwrap().key([0; 2], maker.tunnel(&packet, true)).0
        };
        let pptp = |call: u8| [0x30, 1, 0x88, 0x0b, 0, 44, 0, call, 0, 0, 0, 1];
        let ppp = [0xff, 3, 0, 0x21];
        assert_eq!(key(false, &pptp(7), &ppp, 7), key(true, &pptp(9), &ppp, 9));
        let keyed = |key: u8| [0x20, 0, 8, 0, 0, 0, 0, key];
        assert_eq!(key(false, &keyed(7), &[], 7), key(true, &keyed(9), &[], 9));
        let bridged = |subnet: u8, flow: u8| [0x20, 0, 0x65, 0x58, 0, 0x20, subnet, flow];
        let ethernet = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0];
        assert_eq!(key(false, &bridged(7, 1), &ethernet, 0x2007), key(true, &bridged(7, 2), &ethernet, 0x2007));
        assert_ne!(key(false, &bridged(7, 1), &ethernet, 0x2007), key(true, &bridged(8, 1), &ethernet, 0x2008));
        // A small key in front of Ethernet is no virtual subnet.
        let small = [0x20, 0, 0x65, 0x58, 0, 0, 1, 7];
        assert_eq!(key(false, &small, &ethernet, 0x107), key(true, &small, &ethernet, 0x107));
    }

    #[test]
    fn the_vlan_around_a_tunnel_is_in_its_hash() {
        let maker = KeyMaker::default();
        let tunnel = |id: u8, vlan: bool| {
            let gre = in_gre(false, &[0, 0, 0x65, 0x58], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0]);
            let bytes = [&[2; 12][..], &[0x81, 0, 0, id, 8, 0], &gre].concat();
            let frame = crate::model::Frame {
                number: 1,
                source: 0,
                interface: 0,
                ts: crate::model::Timestamp::default(),
                link: crate::model::LinkType::ETHERNET,
                wire_len: bytes.len() as u32,
                bytes: &bytes,
                direction: None,
                options: None,
                marks: crate::model::FrameMarks::NONE,
            };
            let packet = crate::decode::decode(&frame);
            assert_eq!((packet.tunnel.depth, packet.vlan), (1, [0, 0]));
            maker.tunnel(&packet, vlan)
        };
        assert_eq!(tunnel(7, true), tunnel(7, true));
        assert_ne!(tunnel(7, true), tunnel(8, true));
        assert_eq!(tunnel(7, false), tunnel(8, false));
        assert_eq!(tunnel(0, true), tunnel(0, false), "a priority tag is no VLAN");
    }

    #[test]
    fn the_frame_around_a_frame_is_in_the_hash() {
        let maker = KeyMaker::default();
        let tunnel = |tag: &[u8], vlan: bool| {
            let ip = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
            let bytes = [&[2; 12][..], tag, &ip].concat();
            let link = crate::model::LinkType::ETHERNET;
            let (ts, wire_len) = (crate::model::Timestamp::default(), bytes.len() as u32);
            let (direction, options) = (None, None);
            let marks = crate::model::FrameMarks::NONE;
            let (number, source, interface) = (1, 0, 0);
            let frame =
                crate::model::Frame { number, source, interface, ts, link, wire_len, bytes: &bytes, direction, options, marks };
            maker.tunnel(&crate::decode::decode(&frame), vlan)
        };
        let inner = [[4; 12].as_slice(), &[8, 0]].concat();
        let pbb = |flags: u8, service: u8| [&[0x88, 0xe7, flags, 0, 0, service], &inner[..]].concat();
        let backbone = |vlan: u8| [&[0x88, 0xa8, 0, vlan], &pbb(0, 9)[..]].concat();
        let fabric = |tree: u8, hops: u8| [&[0x89, 3, 0, tree << 6 | hops], &inner[..]].concat();
        assert_eq!(tunnel(&[8, 0], true), 0);
        assert_eq!(tunnel(&[0x81, 0, 0, 7, 0x81, 0, 0, 8, 0x81, 0, 0, 9, 0x81, 0, 0, 9, 8, 0], true), 0, "tags are no frame");
        let all = [pbb(0, 9), pbb(0, 10), backbone(5), backbone(6), fabric(1, 32)];
        for (i, tag) in all.iter().enumerate() {
            assert_eq!(tunnel(tag, false), 0);
            assert!(tunnel(tag, true) != 0 && all[..i].iter().all(|other| tunnel(other, true) != tunnel(tag, true)));
        }
        // Priority is not the service's; hops count down, and trees are chosen where the frame comes in.
        assert_eq!(tunnel(&pbb(0xe0, 9), true), tunnel(&pbb(0, 9), true));
        assert_eq!(tunnel(&fabric(1, 32), true), tunnel(&fabric(2, 31), true));
    }

    #[test]
    fn icmpv6_in_ipv4_is_a_conversation_both_ways() {
        let echo = |kind: u8, from: u8, to: u8| {
            let ip = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 58, 0, 0, 10, 0, 0, from, 10, 0, 0, to, kind, 0, 0, 0, 0, 1, 0, 1];
            Ends::of(&crate::decode::decode_ip(&ip)).unwrap().key([0; 2], 0)
        };
        let (there, back) = (echo(128, 1, 2), echo(129, 2, 1));
        assert_eq!((there.0, there.1), (back.0, back.1.other()));
    }

    #[test]
    fn a_message_without_an_answer_keeps_its_sender_first() {
        let a = Endpoint::new("192.0.2.9".parse().unwrap(), 3);
        let b = Endpoint::new("192.0.2.1".parse().unwrap(), 3);
        let one_way = |from, to| Ends { two_way: false, ..Ends::new(from, to, IpProtocol::ICMP) }.key([0, 0], 0);
        assert_eq!(one_way(a, b).1, End::Low);
        assert_ne!(one_way(a, b).0, one_way(b, a).0);
    }
}
