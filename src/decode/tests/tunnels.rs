//! Tunnels whose contents must bear them out: GTP-U, Teredo, AYIYA, GRE in UDP, ERSPAN; and the datagrams around them.

use super::wrapped::{inner_ip, ipv4, is_the_inner, udp, udp_from};
use super::*;

/// Teredo and AYIYA carry this.
fn inner_ip6() -> Vec<u8> {
    udp6(b"inner")[14..].to_vec()
}

fn stays_udp(bytes: &[u8], data: &[u8], why: &str) {
    let p = decoded(LinkType::RAW, bytes);
    assert_eq!((p.issue, p.tunnel, p.transport, p.payload()), (None, Tunnel::default(), Transport::Udp, data), "{why}");
    assert_eq!(kinds(&p)[..2], [LayerKind::Ipv4, LayerKind::Udp], "{why}");
    assert!(p.layers().len() <= 3, "{why}");
}

/// A header of GTP-U with the given flags and what they stand for, in front of the inner datagram.
fn gtp(flags: u8, optional: &[u8]) -> Vec<u8> {
    let length = (optional.len() + inner_ip().len()) as u16;
    let [high, low] = length.to_be_bytes();
    [&[flags, 255, high, low, 0, 0, 1, 2][..], optional, &inner_ip()].concat()
}

#[test]
fn gtp_with_every_optional_field() {
    let sequence = [0, 1, 0, 0];
    let one = [0, 1, 0, 0x85, 1, 0x10, 9, 0];
    let two = [&[0, 1, 0, 0x40, 2, 1, 2, 3, 4, 5, 6, 0x85][..], &[1, 0, 9, 0]].concat();
    // The type of the next extension counts only with the flag E.
    let unused = [0, 1, 7, 0x85];
    let cases = [(0x30, &[][..]), (0x32, &sequence), (0x31, &unused), (0x36, &one), (0x34, &two), (0x34, &sequence)];
    for (flags, optional) in cases {
        let data = gtp(flags, optional);
        for (from, to) in [(2152, 2152), (2152, 9), (9, 2152)] {
            let bytes = ipv4(17, &udp_from(from, to, &data));
            let p = decoded(LinkType::RAW, &bytes);
            is_the_inner(&p, TunnelKind::Gtp, 0x102);
            assert!(!p.tunnel.id_is_network);
            assert_eq!(kinds(&p)[..4], [LayerKind::Ipv4, LayerKind::Udp, LayerKind::Gtp, LayerKind::Ipv4]);
        }
    }
}

#[test]
fn what_only_looks_like_gtp_stays_udp() {
    let good = gtp(0x36, &[0, 1, 0, 0x85, 1, 0x10, 9, 0]);
    let changed = |at: usize, value: u8| {
        let mut data = good.clone();
        data[at] = value;
        data
    };
    let cases = [
        ("GTP'", changed(0, 0x26)),
        ("version 2", changed(0, 0x56)),
        ("an echo request", changed(1, 1)),
        ("an error indication", changed(1, 26)),
        ("another length", changed(3, 9)),
        ("an extension without length", changed(12, 0)),
        ("an extension past the end", changed(12, 200)),
        ("no IP inside", changed(16, 0x55)),
        ("IP of another length inside", changed(19, 44)),
        ("a header cut short", good[..7].to_vec()),
        ("options cut short", vec![0x34, 255, 0, 3, 0, 0, 0, 1, 0, 0, 0]),
        ("nothing inside", vec![0x30, 255, 0, 0, 0, 0, 0, 1]),
        ("no data", Vec::new()),
    ];
    for (why, data) in cases {
        stays_udp(&ipv4(17, &udp(2152, &data)), &data, why);
    }
}

#[test]
fn teredo_with_every_indication() {
    let authentication = [&[0, 1, 3, 2][..], b"idA", b"au", &[9; 8], &[0]].concat();
    let origin = [0, 0, 0x12, 0x34, 0xf5, 0xff, 0xff, 0xfe];
    // RFC 6081: a nonce trailer and an empty one.
    let trailers = [1, 4, 1, 2, 3, 4, 5, 0];
    let cases: [(&[u8], &[u8]); 5] =
        [(&[], &[]), (&authentication, &[]), (&origin, &[]), (&[&authentication[..], &origin].concat(), &[]), (&[], &trailers)];
    for (before, after) in cases {
        let data = [before, &inner_ip6(), after].concat();
        for (from, to) in [(3544, 9), (9, 3544)] {
            let bytes = ipv4(17, &udp_from(from, to, &data));
            let p = decoded(LinkType::RAW, &bytes);
            assert_eq!((p.issue, p.network, p.ports(), p.payload()), (None, Network::Ipv6, Some((5353, 53)), &b"inner"[..]));
            assert_eq!((p.tunnel.kind, p.tunnel.depth, p.tunnel.outer), (TunnelKind::Teredo, 1, 0));
            assert_eq!(kinds(&p).contains(&LayerKind::Teredo), !before.is_empty());
        }
    }
    let bubble = [&[0x60, 0, 0, 0, 0, 0, 59, 0][..], &[0xfe; 32]].concat();
    let bytes = ipv4(17, &udp(3544, &bubble));
    let p = decoded(LinkType::RAW, &bytes);
    assert_eq!((p.issue, p.protocol, p.tunnel.kind), (None, IpProtocol::NO_NEXT, TunnelKind::Teredo));
}

#[test]
fn what_only_looks_like_teredo_stays_udp() {
    let good = inner_ip6();
    let with = |before: &[u8], after: &[u8]| [before, &good, after].concat();
    let cases = [
        ("IPv4", inner_ip()),
        ("bytes after the datagram", with(&[], &[7])),
        ("a trailer past the end", with(&[], &[1, 4, 1, 2])),
        ("less than the datagram", good[..good.len() - 1].to_vec()),
        ("two origins", with(&[0; 16], &[])),
        ("an authentication past the end", with(&[0, 1, 255, 255], &[])),
        ("half an origin", vec![0, 0, 1, 2]),
        ("half a header", good[..30].to_vec()),
    ];
    for (why, data) in cases {
        stays_udp(&ipv4(17, &udp(3544, &data)), &data, why);
    }
}

/// Identity of 16 bytes, signature of SHA-1, then what `inner` is.
fn ayiya(operation: u8, next: u8, inner: &[u8]) -> Vec<u8> {
    [&[0x41, 0x52, operation, next, 1, 2, 3, 4][..], &[7; 16], &[8; 20], inner].concat()
}

#[test]
fn ayiya_that_forwards() {
    for operation in [0x11, 0x13] {
        let bytes = ipv4(17, &udp_from(5072, 9, &ayiya(operation, 4, &inner_ip())));
        is_the_inner(&decoded(LinkType::RAW, &bytes), TunnelKind::Ayiya, 0);
        let bytes = ipv4(17, &udp(5072, &ayiya(operation, 41, &inner_ip6())));
        let p = decoded(LinkType::RAW, &bytes);
        assert_eq!((p.issue, p.ports(), p.tunnel.kind), (None, Some((5353, 53)), TunnelKind::Ayiya));
        assert_eq!(kinds(&p)[..4], [LayerKind::Ipv4, LayerKind::Udp, LayerKind::Ayiya, LayerKind::Ipv6]);
    }
    let cases = [
        ("a heartbeat", ayiya(0x10, 59, &[])),
        ("a query", ayiya(0x16, 41, &inner_ip6())),
        ("IPv4 called IPv6", ayiya(0x11, 41, &inner_ip())),
        ("another protocol", ayiya(0x11, 17, &inner_ip6())),
        ("more than the datagram", [ayiya(0x11, 41, &inner_ip6()), vec![0]].concat()),
        ("less than the identity", ayiya(0x11, 41, &[])[..20].to_vec()),
        ("nothing", Vec::new()),
    ];
    for (why, data) in cases {
        stays_udp(&ipv4(17, &udp(5072, &data)), &data, why);
    }
}

#[test]
fn gre_in_udp() {
    for (head, inside) in
        [(&[0, 0, 8, 0][..], inner_ip()), (&[0xb0, 0, 0x65, 0x58, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 2, 2], tcp4(b"inner"))]
    {
        let bytes = ipv4(17, &udp(4754, &[head, &inside].concat()));
        let p = decoded(LinkType::RAW, &bytes);
        is_the_inner(&p, TunnelKind::Gre, 0);
        assert_eq!(kinds(&p)[..3], [LayerKind::Ipv4, LayerKind::Udp, LayerKind::Gre]);
    }
    let ppp = [&[0x30, 1, 0x88, 0x0b, 0, 49, 0, 9, 0, 0, 0, 1, 0xff, 3, 0, 0x21][..], &inner_ip()].concat();
    let cases = [
        ("version 1", ppp),
        ("a source route", [&[0x40, 0, 8, 0, 0, 0, 0, 0][..], &inner_ip()].concat()),
        ("bits that must be zero", [&[0x04, 0, 8, 0][..], &inner_ip()].concat()),
        ("an unknown protocol", [&[0, 0, 0x12, 0x34][..], &inner_ip()].concat()),
        ("no IP inside", vec![0, 0, 8, 0, 0x99, 0, 0, 0]),
        ("a key cut short", vec![0x20, 0, 8, 0, 1]),
        ("nothing", Vec::new()),
    ];
    for (why, data) in cases {
        stays_udp(&ipv4(17, &udp(4754, &data)), &data, why);
    }
    // The other port is picked to spread load: it says nothing.
    let data = [&[0, 0, 8, 0][..], &inner_ip()].concat();
    stays_udp(&ipv4(17, &udp_from(4754, 9, &data)), &data, "from the port");
}

#[test]
fn mirrored_frames_of_every_type() {
    let sequence = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1];
    let second = [0x10, 0x05, 0xe1, 0x23, 0, 0, 0, 9];
    let third = |kind: u8, more: u8| [0x20, 0x05, 0xe1, 0x23, 1, 2, 3, 4, 0, 0, 0x80 | kind << 2, more];
    let iii = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1];
    let cases: [(Vec<u8>, Vec<u8>, u32, bool); 5] = [
        (vec![0, 0, 0x88, 0xbe], tcp4(b"inner"), 0, false),
        ([sequence, second].concat(), tcp4(b"inner"), 0x123, true),
        ([&iii[..], &third(0, 0)].concat(), tcp4(b"inner"), 0x123, true),
        ([&iii[..], &third(0, 1), &[5; 8]].concat(), tcp4(b"inner"), 0x123, true),
        ([&iii[..], &third(2, 0)].concat(), inner_ip(), 0x123, true),
    ];
    for (head, inside, session, header) in cases {
        let bytes = ipv4(47, &[head, inside].concat());
        let p = decoded(LinkType::RAW, &bytes);
        is_the_inner(&p, TunnelKind::Erspan, session);
        assert_eq!(kinds(&p)[1] == LayerKind::Gre && kinds(&p)[2] == LayerKind::Erspan, header);
    }
    let broken = [
        [&sequence[..], &[0x20, 0, 0, 0, 0, 0, 0, 9]].concat(),
        [&iii[..], &third(7, 0)].concat(),
        [&iii[..], &[0; 12]].concat(),
    ];
    for head in broken {
        let bytes = ipv4(47, &[head, tcp4(b"inner")].concat());
        let p = decoded(LinkType::RAW, &bytes);
        assert_eq!((p.tunnel.depth, p.protocol), (0, IpProtocol::GRE));
        assert_eq!(p.issue.map(|i| (i.kind, i.layer)), Some((IssueKind::BadHeader, LayerKind::Erspan)));
    }
    let cut = ipv4(47, &sequence);
    let p = decode(&frame(LinkType::RAW, &cut, 200));
    assert_eq!(p.issue.map(|i| (i.kind, i.layer)), Some((IssueKind::TooShort, LayerKind::Erspan)));
}

#[test]
fn a_tunnel_cut_by_the_capture_is_opened_as_long_as_it_shows() {
    let bytes = ipv4(17, &udp(2152, &gtp(0x32, &[0, 1, 0, 0])));
    let ip_at = 20 + 8 + 12;
    for cut in 0..bytes.len() {
        let p = decode(&frame(LinkType::RAW, &bytes[..cut], bytes.len()));
        // The inner IP header must be there in full.
        assert_eq!(p.tunnel.depth == 1, cut >= ip_at + 20, "{cut}");
        assert!(p.tunnel.depth == 1 || cut < 28 || p.payload_len == u32::try_from(bytes.len() - 28).unwrap());
    }
}

#[test]
fn enclosing_datagrams_are_told_from_the_outside_in() {
    let ethernet = [&tcp4(b"inner")[..]].concat();
    let vxlan = ipv4(17, &udp(4789, &[&[8, 0, 0, 0, 0, 0, 7, 0][..], &ethernet].concat()));
    let gre = ipv4(47, &[&[0, 0, 8, 0][..], &vxlan].concat());
    let bytes = [&MAC_A[..], &MAC_B, &[0x81, 0, 0, 9, 8, 0], &gre, &[0; 6]].concat();
    let frame = frame(LinkType::ETHERNET, &bytes, bytes.len());
    let packet = decode(&frame);
    assert_eq!((packet.tunnel.depth, packet.payload()), (2, &b"inner"[..]));
    let around: Vec<_> = enclosing(&frame, &packet).collect();
    assert_eq!(enclosing(&frame, &packet).len(), 2);
    let [outer, middle] = &around[..] else { panic!("two wrappings") };
    assert_eq!((outer.tunnel, outer.protocol, outer.ports(), outer.network_at), (Tunnel::default(), IpProtocol::GRE, None, 18));
    assert_eq!((outer.vlan, outer.ip_len as usize), ([9, 0], gre.len()));
    assert_eq!(outer.issue.map(|i| (i.kind, i.needed)), Some((IssueKind::UnknownProtocol, 47)));
    assert_eq!(
        (middle.tunnel.kind, middle.tunnel.depth, middle.ports(), middle.issue),
        (TunnelKind::Gre, 1, Some((40000, 4789)), None)
    );
    assert_eq!((middle.payload_len as usize, middle.network_at), (8 + ethernet.len(), packet.tunnel.outer));
    let plain = tcp4(b"x");
    let plain = super::frame(LinkType::ETHERNET, &plain, plain.len());
    assert_eq!(enclosing(&plain, &decode(&plain)).count(), 0);
}
