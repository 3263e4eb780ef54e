//! The views over single headers: ARP, ICMP with what it quotes, IP fields.

use super::*;
use crate::model::MacAddr;

fn icmp_frame(v6: bool, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if v6 {
        PacketBuilder::ipv6(V6_B, V6_A, 64).write(&mut out, etherparse::IpNumber::IPV6_ICMP, message).unwrap();
    } else {
        PacketBuilder::ipv4(V4_B, V4_A, 64).write(&mut out, etherparse::IpNumber::ICMP, message).unwrap();
    }
    out
}

#[test]
fn arp_names_both_ends() {
    let mut bytes = [&[0xff; 6][..], &MAC_A, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &MAC_A, &V4_A, &[0; 6], &V4_B].concat();
    bytes.resize(60, 0);
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!((p.network, p.issue, p.payload_len, p.captured_end), (Network::Arp, None, 0, 42));
    let arp = p.arp().unwrap();
    assert_eq!((arp.operation(), arp.hardware_type()), (1, 1));
    assert_eq!(arp.sender(), Some((MacAddr(MAC_A), V4_A.into())));
    assert_eq!(arp.target(), Some((MacAddr([0; 6]), V4_B.into())));
    assert_eq!(p.ethernet().map(|e| e.destination), Some(MacAddr::BROADCAST));
}

#[test]
fn echo_has_an_identifier_and_eight_bytes_of_header() {
    let bytes = icmp_frame(false, &[8, 0, 0, 0, 0x12, 0x34, 0, 7, b'd', b'a']);
    let p = decoded(LinkType::RAW, &bytes);
    let icmp = p.icmp().unwrap();
    assert_eq!((icmp.kind(), icmp.code(), icmp.id(), icmp.sequence()), (8, 0, Some(0x1234), Some(7)));
    assert_eq!((icmp.is_query(), icmp.is_error(), p.payload()), (true, false, &b"da"[..]));
    assert!(p.quoted().is_none());
}

#[test]
fn an_error_quotes_ports_and_sequence_number() {
    let quoted = &tcp4(b"data")[14..14 + 28];
    let bytes = icmp_frame(false, &[&[3, 4, 0, 0, 0, 0, 5, 0x14][..], quoted].concat());
    let p = decoded(LinkType::RAW, &bytes);
    assert_eq!(kinds(&p), [LayerKind::Ipv4, LayerKind::Icmp, LayerKind::Quoted]);
    assert_eq!(p.icmp().unwrap().mtu(), Some(1300));
    let q = p.quoted().unwrap();
    assert_eq!((q.source, q.target, q.protocol), (V4_A.into(), V4_B.into(), IpProtocol::TCP));
    assert_eq!((q.ports(), q.tcp_seq(), q.ip_len), (Some((1234, 80)), Some(7), 44));

    let quoted = &udp6(b"data")[14..];
    let bytes = icmp_frame(true, &[&[1, 4, 0, 0, 0, 0, 0, 0][..], quoted].concat());
    let q = decoded(LinkType::RAW, &bytes).quoted().unwrap();
    assert_eq!((q.ports(), q.tcp_seq(), q.source), (Some((5353, 53)), None, V6_A.into()));
}

#[test]
fn a_quoted_echo_is_an_icmp_message() {
    let echo = icmp_frame(false, &[8, 0, 1, 2, 3, 4, 5, 6]);
    let bytes = icmp_frame(false, &[&[11, 0, 0, 0, 0, 0, 0, 0][..], &echo].concat());
    let q = decoded(LinkType::RAW, &bytes).quoted().unwrap();
    assert_eq!((q.ports(), q.icmp().unwrap().id()), (None, Some(0x0304)));
}

#[test]
fn extensions_after_the_quote_are_not_part_of_it() {
    let mut quoted = tcp4(&[1; 200])[14..14 + 128].to_vec();
    quoted.extend([0x20, 0, 0, 0, 0, 8, 1, 1, 0, 1, 0x11, 1]);
    let bytes = icmp_frame(false, &[&[11, 0, 0, 0, 0, 32, 0, 0][..], &quoted].concat());
    let q = decoded(LinkType::RAW, &bytes).quoted().unwrap();
    assert_eq!((q.transport.len(), q.tcp_seq()), (108, Some(7)));
}

#[test]
fn a_length_that_no_extension_could_follow_is_none() {
    for (v6, at, quoted) in [(false, 5, tcp4(b"")), (true, 4, udp6(b""))] {
        let mut message = [if v6 { 1 } else { 3 }, 0, 0, 0, 0, 0, 0, 0];
        // Cuts into the IP header, or just behind it.
        for words in [1, 5] {
            message[at] = words;
            let bytes = icmp_frame(v6, &[&message[..], &quoted[14..]].concat());
            let ports = if v6 { (5353, 53) } else { (1234, 80) };
            assert_eq!(decoded(LinkType::RAW, &bytes).quoted().and_then(|q| q.ports()), Some(ports), "{v6} {words}");
        }
    }
}

#[test]
fn a_quoted_tunnel_stays_shut_and_odd_lengths_hide_no_ports() {
    let mut outer = vec![0x45, 0, 0, 64, 0, 0, 0, 0, 64, 4, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    outer.extend(&tcp4(b"")[14..]);
    let bytes = icmp_frame(false, &[&[3, 1, 0, 0, 0, 0, 0, 0][..], &outer].concat());
    let q = decoded(LinkType::RAW, &bytes).quoted().unwrap();
    assert_eq!((q.protocol, q.ports()), (IpProtocol::IPV4, None));

    let mut quoted = tcp4(b"")[14..14 + 28].to_vec();
    quoted[2..4].copy_from_slice(&20u16.to_be_bytes());
    let bytes = icmp_frame(false, &[&[3, 1, 0, 0, 0, 0, 0, 0][..], &quoted].concat());
    assert_eq!(decoded(LinkType::RAW, &bytes).quoted().unwrap().ports(), Some((1234, 80)));
}

#[test]
fn quotes_cut_anywhere_are_no_panic_and_never_wrong() {
    let quoted = &tcp4(b"")[14..];
    let bytes = icmp_frame(false, &[&[3, 1, 0, 0, 0, 0, 0, 0][..], quoted].concat());
    for cut in 0..bytes.len() {
        let p = decode(&frame(LinkType::RAW, &bytes[..cut], bytes.len()));
        let ports = p.quoted().and_then(|q| q.ports());
        assert_eq!(ports, (cut >= 20 + 8 + 20 + 4).then_some((1234, 80)), "{cut}");
    }
}

#[test]
fn ip_and_udp_fields() {
    let bytes = tcp4(b"");
    let ip = decoded(LinkType::ETHERNET, &bytes).ipv4().unwrap();
    assert_eq!((ip.ttl(), ip.total_len(), ip.header_len(), ip.protocol()), (64, 40, 20, IpProtocol::TCP));
    assert_eq!((ip.dont_fragment(), ip.options()), (true, &[][..]));
    let bytes = udp6(b"abc");
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!(p.udp().map(|u| (u.source_port, u.length)), Some((5353, 11)));
    let ip = p.ipv6().unwrap();
    assert_eq!((ip.hop_limit(), ip.payload_len(), ip.next_header()), (64, 11, IpProtocol::UDP));
    assert_eq!((p.datagram_id(), p.ipv4().is_none(), p.tcp().is_none()), (None, true, true));
}
