//! What hosts say of addresses on their own network: ARP over Ethernet (RFC 826, RFC 5227) and neighbour discovery of IPv6 (RFC 4861,
//! RFC 4862), one message at a time. Nothing is kept here: whoever wants to know who has which address keeps that
//! ([`Wants::neighbours`](super::Wants::neighbours)).
//!
//! A message is read by what its own fields say, not by the Ethernet header around it: that is what neighbours believe. Only a probe of IPv6
//! has nothing of the kind. Messages
//! that a host would not take (a hop limit below 255, a group address for hardware) say nothing.

use super::citations::Place;
use super::tracker::PacketMeta;
use crate::decode::{LayerKind, Network, Packet, Transport};
use crate::model::bytes::{be16, be32};
use crate::model::{MacAddr, Timestamp};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// ARP operations.
const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// Types of ICMPv6 (RFC 4861 section 4).
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;

/// Options that hold a hardware address: the sender's, and that of the address it is about.
const SOURCE_ADDRESS: u8 = 1;
const TARGET_ADDRESS: u8 = 2;

/// Flags of an advertisement.
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;

/// A network on which addresses must be different: the same ones in another file, interface, VLAN or tunnel are others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lan {
    /// Which source of the run, and which interface of it.
    pub source: u16,
    /// That of the capture file, or the kernel's number in a capture on all interfaces.
    pub interface: u32,
    /// VLAN ids, 0 where there is none.
    pub vlan: [u16; 2],
    /// Kind and id of the tunnel that the frame came in.
    pub tunnel: (u8, u32),
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Who has `about`? To all on the network, or (an entry is checked) to one.
    Asks {
        /// To all of them.
        all: bool,
    },
    /// Does anybody have `about`? I may want it (RFC 5227 section 2.1.1, RFC 4862 section 5.4.2).
    Probes,
    /// I have this address; to one host, as an answer ought to be.
    Answers,
    /// I have this address; to all of them. Also how a conflict over a probed IPv6 address is told (RFC 4861 section 7.2.4).
    Announces,
    /// Something else, in which the sender's addresses stand (of routers).
    Else,
}

/// A message about addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// On which network.
    pub lan: Lan,
    /// The packet.
    pub packet: Place,
    /// Its time.
    pub ts: Timestamp,
    /// What it says.
    pub says: Says,
    /// Who speaks, by hardware address; `None` where the message does not tell.
    pub hardware: Option<MacAddr>,
    /// The address that it says to have.
    pub claims: Option<IpAddr>,
    /// It is to take the place of what others know (false: Override is clear, as of proxies and anycast; RFC 4861 section 7.2.8).
    pub firm: bool,
    /// The address that is asked for; of an answer, whom it is told.
    pub about: IpAddr,
}

/// May this be a packet that says something of neighbours?
#[inline]
pub(super) fn may_be(packet: &Packet<'_>) -> bool {
    packet.network == Network::Arp || packet.transport == Transport::Icmpv6
}

/// What a packet says, if it does.
pub(super) fn read(meta: &PacketMeta, packet: &Packet<'_>) -> Option<Neighbour> {
    let lan = Lan {
        source: meta.source,
        interface: interface_of(packet).unwrap_or(meta.interface),
        vlan: packet.vlan,
        tunnel: (packet.tunnel.kind as u8, packet.tunnel.id),
    };
    let (says, hardware, claims, firm, about) = if packet.network == Network::Arp { arp(packet)? } else { discovery(packet)? };
    Some(Neighbour { lan, packet: (meta.source, meta.number), ts: meta.ts, says, hardware, claims, firm, about })
}

/// What is said, by which hardware address, of which address, how firmly, about or to whom.
type Message = (Says, Option<MacAddr>, Option<IpAddr>, bool, IpAddr);

fn arp(packet: &Packet<'_>) -> Option<Message> {
    let arp = packet.arp()?;
    let ((hardware, sender), (_, target)) = (arp.sender()?, arp.target()?);
    let hardware = plain(hardware)?;
    // RFC 5227 (2.1.1): all zeros is no address.
    let claims = (!sender.is_unspecified()).then_some(IpAddr::V4(sender)).filter(is_host);
    let says = match (arp.operation(), claims) {
        (REQUEST, None) if sender.is_unspecified() && !target.is_unspecified() => Says::Probes,
        (REQUEST | REPLY, Some(_)) if sender == target => Says::Announces,
        (REQUEST, Some(_)) => Says::Asks { all: goes_to_all(packet) },
        // What is told to all, with whatever in the place of whom it is for.
        (REPLY, Some(_)) if target == Ipv4Addr::BROADCAST || target.is_unspecified() => Says::Announces,
        (REPLY, Some(_)) => Says::Answers,
        _ => return None,
    };
    Some((says, Some(hardware), claims, true, IpAddr::V4(target)))
}

fn discovery(packet: &Packet<'_>) -> Option<Message> {
    let message = packet.icmp()?;
    let (ip, bytes) = (packet.network_bytes(), message.bytes());
    // RFC 4861 (6.1, 7.1): what crossed a router is not believed, nor what has another code.
    if packet.network != Network::Ipv6 || ip.get(7) != Some(&255) || message.code() != 0 {
        return None;
    }
    let (source, to) = (address(ip, 8)?, address(ip, 24)?);
    let claims = (!source.is_unspecified()).then_some(IpAddr::V6(source)).filter(is_host);
    Some(match message.kind() {
        NEIGHBOUR_SOLICITATION => {
            let target = IpAddr::V6(address(bytes, 8)?);
            if source.is_unspecified() {
                // It has no option: only the frame tells whose it is.
                let frame = packet.ethernet().filter(|_| packet.tunnel.depth == 0);
                return Some((Says::Probes, frame.and_then(|frame| plain(frame.source)), None, true, target));
            }
            let hardware = option(bytes, 24, SOURCE_ADDRESS);
            (Says::Asks { all: to.is_multicast() }, hardware, claims, true, target)
        }
        NEIGHBOUR_ADVERTISEMENT => {
            let (flags, target) = (*bytes.get(4)?, IpAddr::V6(address(bytes, 8)?));
            let hardware = option(bytes, 24, TARGET_ADDRESS);
            let says = if to.is_multicast() { Says::Announces } else { Says::Answers };
            // To all and solicited makes no sense (RFC 4861 section 7.1.2).
            if to.is_multicast() && flags & SOLICITED != 0 || !is_host(&target) {
                return None;
            }
            (says, hardware, Some(target), flags & OVERRIDE != 0, IpAddr::V6(to))
        }
        kind @ (ROUTER_SOLICITATION | ROUTER_ADVERTISEMENT) => {
            let hardware = option(bytes, if kind == ROUTER_SOLICITATION { 8 } else { 16 }, SOURCE_ADDRESS);
            (Says::Else, hardware, Some(claims?), true, IpAddr::V6(to))
        }
        _ => return None,
    })
}

/// The hardware address in the first option of this kind.
fn option(bytes: &[u8], mut at: usize, wanted: u8) -> Option<MacAddr> {
    loop {
        let (&kind, &length) = (bytes.get(at)?, bytes.get(at + 1)?);
        // RFC 4861 (4.6): in units of eight bytes, and never 0.
        if length == 0 {
            return None;
        }
        if kind == wanted {
            return plain(MacAddr(*bytes.get(at + 2..)?.first_chunk()?));
        }
        at += usize::from(length) * 8;
    }
}

fn address(bytes: &[u8], at: usize) -> Option<Ipv6Addr> {
    Some(Ipv6Addr::from(*bytes.get(at..)?.first_chunk::<16>()?))
}

/// One that a host can have: no group, and not all zeros.
fn plain(hardware: MacAddr) -> Option<MacAddr> {
    (!hardware.is_group() && hardware.0 != [0; 6]).then_some(hardware)
}

/// Can a host have it?
fn is_host(ip: &IpAddr) -> bool {
    !ip.is_multicast() && !ip.is_unspecified() && *ip != IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// Does a request go to all on the network? One whose entry is checked goes to its address alone (RFC 1122 section 2.3.2.1).
fn goes_to_all(packet: &Packet<'_>) -> bool {
    match packet.layers().next().map(|layer| layer.kind) {
        Some(LayerKind::Ethernet) if packet.tunnel.depth == 0 => {
            packet.ethernet().is_none_or(|ethernet| ethernet.destination.is_group())
        }
        // Of what is sent it does not say whom it is for.
        Some(LayerKind::Sll) => be16(packet.bytes, 0) != Some(0),
        Some(LayerKind::Sll2) => packet.bytes.get(10) != Some(&0),
        _ => true,
    }
}

/// The kernel's number of the interface, where the capture is of all of them and tells.
fn interface_of(packet: &Packet<'_>) -> Option<u32> {
    let sll2 = packet.layers().next().is_some_and(|layer| layer.kind == LayerKind::Sll2);
    if sll2 { be32(packet.bytes, 4) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;
    use crate::model::{Frame, FrameMarks, LinkType};
    use proptest::prelude::*;

    const A: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const ALL: [u8; 6] = [0xff; 6];

    fn said(bytes: &[u8]) -> Option<Neighbour> {
        let (ts, wire_len) = (Timestamp::from_nanos(5), bytes.len() as u32);
        let marks = FrameMarks::NONE;
        let frame = Frame {
            number: 7,
            source: 1,
            interface: 3,
            link: LinkType::ETHERNET,
            ts,
            wire_len,
            marks,
            options: None,
            direction: None,
            bytes,
        };
        let meta = PacketMeta { source: 1, interface: 3, number: 7, ts, wire_bytes: 0, frames: 1, marks, pieces: None };
        let packet = decode(&frame);
        may_be(&packet).then(|| read(&meta, &packet)).flatten()
    }

    fn arp(to: [u8; 6], operation: u8, (hardware, sender): ([u8; 6], [u8; 4]), target: [u8; 4]) -> Vec<u8> {
        let mut bytes = [&to[..], &A, &[8, 6, 0, 1, 8, 0, 6, 4, 0, operation], &hardware, &sender, &[0; 6], &target].concat();
        bytes.resize(60, 0);
        bytes
    }

    fn v6(from: &str, to: &str, hops: u8, message: &[u8]) -> Vec<u8> {
        let address = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
        let head = [0x60, 0, 0, 0, 0, message.len() as u8, 58, hops];
        [&ALL[..], &A, &[0x86, 0xdd], &head, &address(from), &address(to), message].concat()
    }

    fn message(kind: u8, flags: u8, target: &str, option: &[u8]) -> Vec<u8> {
        let target = target.parse::<Ipv6Addr>().unwrap().octets();
        [&[kind, 0, 0, 0, flags, 0, 0, 0], &target[..], option].concat()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn arp_says_what_its_fields_say() {
        let of = |bytes: &[u8]| said(bytes).map(|said| (said.says, said.claims, said.about));
        let (me, you) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let (my, your) = (Some(ip("10.0.0.1")), ip("10.0.0.2"));
        assert_eq!(of(&arp(ALL, 1, (A, me), you)), Some((Says::Asks { all: true }, my, your)));
        assert_eq!(of(&arp(A, 1, (A, me), you)), Some((Says::Asks { all: false }, my, your)));
        assert_eq!(of(&arp(A, 2, (A, me), you)), Some((Says::Answers, my, your)));
        assert_eq!(of(&arp(ALL, 1, (A, [0; 4]), you)), Some((Says::Probes, None, your)));
        for operation in [1, 2] {
            assert_eq!(of(&arp(ALL, operation, (A, me), me)), Some((Says::Announces, my, ip("10.0.0.1"))));
        }
        // RARP, a reply of nobody, hardware that is a group.
        assert_eq!(of(&arp(ALL, 3, (A, me), you)), None);
        assert_eq!(of(&arp(A, 2, (A, [0; 4]), you)), None);
        assert_eq!(of(&arp(A, 2, ([3; 6], me), you)), None);
        let all = said(&arp(ALL, 1, (A, me), you)).unwrap();
        assert_eq!((all.hardware, all.packet, all.lan.interface), (Some(MacAddr(A)), (1, 7), 3));
    }

    #[test]
    fn discovery_says_what_its_options_and_flags_say() {
        let of = |bytes: &[u8]| said(bytes).map(|said| (said.says, said.hardware, said.claims, said.firm));
        let (mine, other) = ([1, 1, 2, 0, 0, 0, 0, 1], [2, 1, 2, 0, 0, 0, 0, 1]);
        let hardware = Some(MacAddr(A));
        let (one, two) = (Some(ip("fe80::1")), Some(ip("fe80::2")));
        let ask = message(135, 0, "fe80::2", &mine);
        assert_eq!(of(&v6("fe80::1", "ff02::1:ff00:2", 255, &ask)), Some((Says::Asks { all: true }, hardware, one, true)));
        assert_eq!(of(&v6("fe80::1", "fe80::2", 255, &ask)), Some((Says::Asks { all: false }, hardware, one, true)));
        assert_eq!(of(&v6("fe80::1", "fe80::2", 64, &ask)), None, "it crossed a router");
        let probe = message(135, 0, "fe80::2", &[]);
        assert_eq!(of(&v6("::", "ff02::1:ff00:2", 255, &probe)), Some((Says::Probes, hardware, None, true)));
        let answer = |flags| v6("fe80::2", "fe80::1", 255, &message(136, flags, "fe80::2", &other));
        assert_eq!(of(&answer(0x60)), Some((Says::Answers, hardware, two, true)));
        assert_eq!(of(&answer(0x40)), Some((Says::Answers, hardware, two, false)));
        let to_all = |flags| v6("fe80::2", "ff02::1", 255, &message(136, flags, "fe80::2", &other));
        assert_eq!(of(&to_all(0x20)), Some((Says::Announces, hardware, two, true)));
        assert_eq!(of(&to_all(0x60)), None, "nobody asks for that");
        let endless = message(136, 0x60, "fe80::2", &[9, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(of(&v6("fe80::2", "fe80::1", 255, &endless)), Some((Says::Answers, None, two, true)));
    }

    proptest! {
        #[test]
        fn nothing_cut_or_broken_is_more_than_silence(kind in 130_u8..140, cut in 0..80_usize, junk: Vec<u8>) {
            let mut bytes = v6("fe80::1", "ff02::1", 255, &message(kind, 0x60, "fe80::2", &junk));
            bytes.truncate(cut);
            said(&bytes);
            let mut bytes = arp(ALL, kind & 3, (A, [10, 0, 0, 1]), [10, 0, 0, 2]);
            bytes[18] = kind;
            bytes.truncate(cut);
            said(&bytes);
        }
    }
}
