//! For any bytes: no panic, and offsets that can be relied on. For packets that etherparse builds: the same answer as
//! etherparse's own decoder gives.

use super::*;
use etherparse::{LaxSlicedPacket, NetSlice, SlicedPacket, TransportSlice};
use proptest::prelude::*;

fn link_type() -> impl Strategy<Value = LinkType> {
    prop::sample::select(LinkType::decoded().chain([LinkType(147)]).collect::<Vec<_>>())
}

/// What every caller relies on, whatever the bytes.
fn is_sound(p: &Packet<'_>) -> Result<(), TestCaseError> {
    let length = p.bytes.len() as u32;
    prop_assert!(p.captured_end <= length);
    let mut last = 0;
    for layer in p.layers() {
        prop_assert!(layer.offset < length, "{:?} starts within the bytes", layer);
        prop_assert!(layer.offset >= last, "layers start in order");
        last = layer.offset;
    }
    let payloads = p.layers().filter(|l| l.kind == LayerKind::Payload).count();
    prop_assert!(payloads <= 1 && (payloads == 0 || p.layers().last().unwrap().kind == LayerKind::Payload));
    if p.network != Network::None {
        prop_assert!(p.layers().any(|l| l.offset == p.network_at), "the network layer is one of the layers");
    }
    if matches!(p.network, Network::Ipv4 | Network::Ipv6) {
        prop_assert!(p.addresses().is_some());
    }
    match p.transport {
        Transport::None => prop_assert!(p.ports().is_none()),
        Transport::Tcp => prop_assert!(p.ports().is_some() && p.tcp().is_some() && p.tcp().unwrap().options().count() <= 41),
        Transport::Udp => prop_assert!(p.ports().is_some() && p.udp().is_some()),
        Transport::Sctp => prop_assert!(p.ports().is_some()),
        Transport::Icmp | Transport::Icmpv6 => prop_assert!(p.icmp().is_some()),
    }
    if p.transport != Transport::None {
        prop_assert!(p.transport_at >= p.network_at && p.payload_at >= p.transport_at);
        prop_assert!(p.payload().len() as u64 <= u64::from(p.payload_len));
        prop_assert!(p.payload().is_empty() || p.transport_bytes().ends_with(p.payload()));
    }
    if let Some(issue) = p.issue {
        let on_the_wire = issue.kind == IssueKind::TooLong;
        prop_assert!(issue.offset <= length && (on_the_wire || issue.offset + issue.had <= length));
        let short = matches!(issue.kind, IssueKind::CutByCapture | IssueKind::TooShort | IssueKind::TooLong);
        prop_assert!(!short || issue.had < issue.needed, "{:?}", issue);
    } else {
        let understood = p.transport != Transport::None || p.fragment.offset > 0 || p.network == Network::Arp;
        let nothing_follows = p.protocol == IpProtocol::NO_NEXT || p.network == Network::None;
        // An acknowledgment of GRE's version 1 carries nothing, either.
        prop_assert!(understood || nothing_follows || p.protocol == IpProtocol::GRE);
    }
    let _ = (p.quoted().map(|q| (q.ports(), q.tcp_seq(), q.icmp().is_some())), p.ip_checksum(), p.transport_checksum());
    let _ = (p.ethernet(), p.vlan_tags().count(), p.arp().map(|a| (a.sender(), a.target())), p.datagram_id());
    Ok(())
}

/// The packet of a frame is sound, and so are those around it: each is where the next one says that it is.
fn is_sound_inside_out(frame: &Frame<'_>) -> Result<(), TestCaseError> {
    let packet = decode(frame);
    is_sound(&packet)?;
    let around: Vec<_> = enclosing(frame, &packet).collect();
    prop_assert_eq!(around.len(), usize::from(packet.tunnel.depth));
    let inside = around.iter().skip(1).chain([&packet]);
    for (depth, (outer, inner)) in around.iter().zip(inside).enumerate() {
        is_sound(outer)?;
        prop_assert_eq!(usize::from(outer.tunnel.depth), depth);
        prop_assert_eq!(inner.tunnel.outer, outer.network_at);
        prop_assert!(outer.addresses().is_some());
        prop_assert!(outer.captured_end >= inner.captured_end && outer.captured_end as usize <= frame.bytes.len());
    }
    Ok(())
}

/// A packet that etherparse writes: link, network and transport of every kind it knows.
#[derive(Clone, Debug)]
struct Recipe {
    vlan: Option<(u16, Option<u16>)>,
    v6: bool,
    extensions: u8,
    options: Vec<u8>,
    transport: u8,
    ports: (u16, u16),
    payload: Vec<u8>,
    padding: usize,
}

fn recipe() -> impl Strategy<Value = Recipe> {
    (
        prop::option::of((0u16..4096, prop::option::of(0u16..4096))),
        any::<bool>(),
        0u8..8,
        prop::collection::vec(Just(1u8), 0..10),
        0u8..4,
        (any::<u16>(), 1u16..4000),
        prop::collection::vec(any::<u8>(), 0..80),
        0usize..20,
    )
        .prop_map(|(vlan, v6, extensions, options, transport, ports, payload, padding)| Recipe {
            vlan,
            v6,
            extensions,
            options,
            transport,
            ports,
            payload,
            padding,
        })
}

impl Recipe {
    fn may_be_a_tunnel(&self) -> bool {
        [self.ports.0, self.ports.1].iter().any(|port| matches!(port, 4789 | 8472 | 6081 | 4754 | 2152 | 3544 | 5072))
    }

    fn write(&self) -> Vec<u8> {
        let mut ip = Vec::new();
        let builder = if self.v6 {
            PacketBuilder::ipv6(V6_A, V6_B, 64)
        } else {
            let mut header = etherparse::Ipv4Header::new(0, 64, etherparse::IpNumber::TCP, V4_A, V4_B).unwrap();
            let words = self.options.len() / 4 * 4;
            header.options = self.options[..words].try_into().unwrap();
            PacketBuilder::ip(etherparse::IpHeaders::Ipv4(header, etherparse::Ipv4Extensions::default()))
        };
        let (from, to) = self.ports;
        match self.transport {
            0 => builder.tcp(from, to, 1, 2).options_raw(&self.options).unwrap().write(&mut ip, &self.payload),
            2 if self.v6 => builder.icmpv6_echo_request(from, to).write(&mut ip, &self.payload),
            2 => builder.icmpv4_echo_request(from, to).write(&mut ip, &self.payload),
            1 => builder.tcp(from, to, 1, 2).write(&mut ip, &self.payload),
            _ => builder.udp(from, to).write(&mut ip, &self.payload),
        }
        .unwrap();
        if self.v6 {
            self.extend(&mut ip);
        }
        let mut out = [MAC_A, MAC_B].concat();
        if let Some((first, second)) = self.vlan {
            out.extend([0x81, 0]);
            out.extend(first.to_be_bytes());
            if let Some(second) = second {
                out.extend([0x81, 0]);
                out.extend(second.to_be_bytes());
            }
        }
        out.extend(if self.v6 { [0x86, 0xdd] } else { [8, 0] });
        out.extend(ip);
        out.extend(vec![0xee; self.padding]);
        out
    }

    /// Puts extension headers between IPv6's base header and the transport: destination options, routing, atomic fragment.
    fn extend(&self, ip: &mut Vec<u8>) {
        let mut next = ip[6];
        for (bit, kind) in [(1, 60u8), (2, 43), (4, 44)] {
            if self.extensions & bit != 0 {
                ip.splice(40..40, [next, 0, 0, 0, 0, 0, 0, 0]);
                next = kind;
                ip[5] += 8;
            }
        }
        ip[6] = next;
    }
}

/// Network addresses, ports and payload length as etherparse sees them.
type Answer = (Option<(std::net::IpAddr, std::net::IpAddr)>, Option<(u16, u16)>, Option<usize>);

fn answer(net: Option<&NetSlice<'_>>, transport: Option<&TransportSlice<'_>>) -> Answer {
    let addresses = match net {
        Some(NetSlice::Ipv4(ip)) => Some((ip.header().source_addr().into(), ip.header().destination_addr().into())),
        Some(NetSlice::Ipv6(ip)) => Some((ip.header().source_addr().into(), ip.header().destination_addr().into())),
        _ => None,
    };
    let (ports, length) = match transport {
        Some(TransportSlice::Tcp(tcp)) => (Some((tcp.source_port(), tcp.destination_port())), Some(tcp.payload().len())),
        Some(TransportSlice::Udp(udp)) => (Some((udp.source_port(), udp.destination_port())), Some(udp.payload().len())),
        Some(TransportSlice::Icmpv4(icmp)) => (None, Some(icmp.payload().len())),
        Some(TransportSlice::Icmpv6(icmp)) => (None, Some(icmp.payload().len())),
        _ => (None, None),
    };
    (addresses, ports, length)
}

fn ours(p: &Packet<'_>) -> Answer {
    let length = (p.transport != Transport::None).then_some(p.payload_len as usize);
    (p.addresses(), p.ports(), length)
}

proptest! {
    #[test]
    fn any_bytes_of_any_link_type_are_sound(
        link in link_type(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        more in 0usize..3000,
    ) {
        is_sound_inside_out(&frame(link, &bytes, bytes.len() + more))?;
        is_sound_inside_out(&frame(link, &bytes, 0))?;
        is_sound(&decode_ip(&bytes))?;
    }

    /// Near-valid packets reach far deeper than noise does.
    #[test]
    fn damaged_packets_are_sound(
        recipe in recipe(),
        wraps in prop::collection::vec(0u8..14, 0..3),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        link in prop_oneof![3 => Just(LinkType::ETHERNET), 1 => link_type()],
    ) {
        let mut bytes = wraps.iter().fold(recipe.write(), |frame, &kind| wrapped(&frame, kind));
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let cut = cut.index(bytes.len() + 1);
        is_sound_inside_out(&frame(link, &bytes, bytes.len()))?;
        is_sound_inside_out(&frame(link, &bytes[..cut], bytes.len()))?;
    }

    /// The short cut changes nothing, whatever it takes or leaves.
    #[test]
    fn the_usual_way_gives_what_the_others_give(
        recipe in recipe(),
        damage in prop::collection::vec((0usize..64, any::<u8>()), 0..3),
        cut in any::<prop::sample::Index>(),
        more in 0usize..2,
    ) {
        let mut bytes = recipe.write();
        for (at, value) in damage {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        let cut = cut.index(bytes.len() + 1);
        for (bytes, wire_len) in [(&bytes[..], bytes.len()), (&bytes[..], 0), (&bytes[..cut], bytes.len() + more), (&bytes[..cut], cut)] {
            let frame = frame(LinkType::ETHERNET, bytes, wire_len);
            let mut packet = Packet::empty(bytes);
            fill(frame.link, frame.wire_len, &mut packet);
            prop_assert_eq!(format!("{:?}", decode(&frame)), format!("{packet:?}"));
        }
    }

    /// Every wrapping is entered, however they are nested, and what is inside is what was wrapped.
    #[test]
    fn what_was_wrapped_is_found_again(recipe in recipe(), wraps in prop::collection::vec(0u8..13, 1..3)) {
        prop_assume!(!recipe.may_be_a_tunnel());
        let plain = recipe.write();
        // IPv4 in IPv4, and what quotes instead of carrying, are not in question here.
        prop_assume!(!wraps.contains(&4));
        let fits = |frame: &[u8], kind: u8| match kind {
            3 | 12 => ip_of(frame)[0] >> 4 == 4 && frame[12..14] == [8, 0],
            9..=11 => ip_of(frame)[0] >> 4 == 6,
            _ => true,
        };
        let mut bytes = plain.clone();
        let mut depth = 0;
        for kind in wraps {
            if fits(&bytes, kind) {
                bytes = wrapped(&bytes, kind);
                depth += 1;
            }
        }
        let (inside, wrapped) = (decoded(LinkType::ETHERNET, &plain), decoded(LinkType::ETHERNET, &bytes));
        prop_assert_eq!(wrapped.tunnel.depth, depth);
        prop_assert_eq!(ours(&wrapped), ours(&inside));
        prop_assert_eq!(wrapped.payload(), inside.payload());
    }

    #[test]
    fn etherparse_reads_the_same(recipe in recipe()) {
        // A tunnel's port would send us further than etherparse goes.
        prop_assume!(!recipe.may_be_a_tunnel());
        let bytes = recipe.write();
        let p = decoded(LinkType::ETHERNET, &bytes);
        prop_assert_eq!(p.issue, None);
        let theirs = SlicedPacket::from_ethernet(&bytes).unwrap();
        prop_assert_eq!(ours(&p), answer(theirs.net.as_ref(), theirs.transport.as_ref()));
        let ids: Vec<u16> = theirs.vlan_ids().iter().map(|id| id.value()).collect();
        let tags: Vec<u16> = p.vlan_tags().map(|tag| tag.id).collect();
        prop_assert_eq!(tags, ids);
        is_sound(&p)?;
    }

    /// On cut frames etherparse's lax decoder must not find a transport header that we do not, nor other ports.
    #[test]
    fn etherparse_finds_no_more_in_cut_frames(recipe in recipe(), cut in any::<prop::sample::Index>()) {
        prop_assume!(!recipe.may_be_a_tunnel());
        let whole = recipe.write();
        let bytes = &whole[..cut.index(whole.len() + 1)];
        let p = decode(&frame(LinkType::ETHERNET, bytes, whole.len()));
        is_sound(&p)?;
        let Ok(theirs) = LaxSlicedPacket::from_ethernet(bytes) else {
            prop_assert_eq!(p.layers().len(), 0);
            return Ok(());
        };
        let (_, ports, _) = answer(None, theirs.transport.as_ref());
        prop_assert!(ports.is_none() || p.ports() == ports);
        // We show addresses where only the options are cut; etherparse does not.
        prop_assert!(p.network != Network::None || theirs.net.is_none());
    }
}

/// The frame inside one of the tunnels, or as it is.
fn wrapped(frame: &[u8], kind: u8) -> Vec<u8> {
    let udp = |port: u16, data: &[u8]| {
        let mut out = Vec::new();
        PacketBuilder::ethernet2(MAC_A, MAC_B).ipv4(V4_A, V4_B, 9).udp(1, port).write(&mut out, data).unwrap();
        out
    };
    let ip = |protocol: u8, data: &[u8]| {
        let mut out = Vec::new();
        PacketBuilder::ethernet2(MAC_A, MAC_B).ipv4(V4_A, V4_B, 9).write(&mut out, protocol.into(), data).unwrap();
        out
    };
    match kind {
        0 => udp(4789, &[&[8, 0, 0, 0, 0, 0, 1, 0][..], frame].concat()),
        1 => udp(6081, &[&[1, 0, 0x65, 0x58, 0, 0, 1, 0, 0, 0, 0, 0][..], frame].concat()),
        2 => ip(47, &[&[0xb0, 0, 0x65, 0x58][..], &[0; 12], frame].concat()),
        3 => ip(4, &frame[14..]),
        4 => ip(1, &[&[3, 3, 0, 0, 0, 0, 0, 0][..], &frame[14..]].concat()),
        5 => ip(47, &[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 1, 0, 0, 0, 0][..], frame].concat()),
        6 => ip(47, &[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x80, 0][..], frame].concat()),
        7 => udp(4754, &[&[0, 0, 0x65, 0x58][..], frame].concat()),
        8 => udp(2152, &gtp(ip_of(frame))),
        9 => udp(3544, ip_of(frame)),
        10 => udp(3544, &[&[0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 9, 9, 9, 9, 9][..], ip_of(frame)].concat()),
        11 => udp(5072, &[&[0x01, 0x10, 0x01, 41, 0, 0, 0, 0, 1, 2, 2, 2, 2][..], ip_of(frame)].concat()),
        12 => udp(5072, &[&[0x01, 0x10, 0x01, 4, 0, 0, 0, 0, 1, 2, 2, 2, 2][..], ip_of(frame)].concat()),
        _ => frame.to_vec(),
    }
}

/// The IP datagram in an Ethernet frame with or without tags, as long as it says it is.
fn ip_of(frame: &[u8]) -> &[u8] {
    let mut at = 14;
    while frame[at - 2..at] == [0x81, 0] {
        at += 4;
    }
    let ip = &frame[at..];
    let length = if ip[0] >> 4 == 4 { u16::from_be_bytes([ip[2], ip[3]]) } else { 40 + u16::from_be_bytes([ip[4], ip[5]]) };
    &ip[..usize::from(length)]
}

/// A G-PDU with a sequence number and an extension header.
fn gtp(datagram: &[u8]) -> Vec<u8> {
    let [high, low] = ((datagram.len() + 8) as u16).to_be_bytes();
    [&[0x36, 255, high, low, 0, 0, 0, 7, 0, 1, 0, 0x85, 1, 0, 9, 0][..], datagram].concat()
}
