//! Frames in frames: tunnels, labels, PPP, 802.11.

use super::*;

/// An IPv4 header (no options, no checksum) in front of `data`.
pub(super) fn ipv4(protocol: u8, data: &[u8]) -> Vec<u8> {
    let total = (20 + data.len()) as u16;
    let mut out = vec![0x45, 0];
    out.extend(total.to_be_bytes());
    out.extend([0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    out.extend(data);
    out
}

pub(super) fn udp(port: u16, data: &[u8]) -> Vec<u8> {
    udp_from(40000, port, data)
}

pub(super) fn udp_from(from: u16, to: u16, data: &[u8]) -> Vec<u8> {
    let length = (8 + data.len()) as u16;
    [&from.to_be_bytes()[..], &to.to_be_bytes(), &length.to_be_bytes(), &[0, 0], data].concat()
}

pub(super) fn inner_ip() -> Vec<u8> {
    tcp4(b"inner")[14..].to_vec()
}

pub(super) fn is_the_inner(p: &Packet<'_>, kind: TunnelKind, id: u32) {
    assert_eq!(p.issue, None);
    assert_eq!((p.addresses(), p.ports()), (Some((V4_A.into(), V4_B.into())), Some((1234, 80))));
    assert_eq!((p.payload(), p.payload_len, p.ip_len), (&b"inner"[..], 5, 45));
    assert_eq!((p.tunnel.kind, p.tunnel.depth, p.tunnel.id, p.tunnel.outer), (kind, 1, id, 0));
    assert_eq!(kinds(p).iter().filter(|k| **k == LayerKind::Payload).count(), 1);
}

#[test]
fn ip_in_ip_of_both_versions() {
    let bytes = ipv4(4, &inner_ip());
    is_the_inner(&decoded(LinkType::RAW, &bytes), TunnelKind::IpIp, 0);

    let six = udp6(b"x")[14..].to_vec();
    let bytes = ipv4(41, &six);
    let p = decoded(LinkType::RAW, &bytes);
    assert_eq!((p.network, p.ports(), p.tunnel.kind), (Network::Ipv6, Some((5353, 53)), TunnelKind::IpIp));
}

#[test]
fn gre_with_every_option() {
    for (flags, length, id) in [(0x00, 4, 0), (0x80, 8, 0), (0x20, 8, 7), (0x10, 8, 0), (0xb0, 16, 7)] {
        let mut gre = vec![flags, 0, 8, 0];
        if flags & 0x80 != 0 {
            gre.extend([0xaa; 4]);
        }
        if flags & 0x20 != 0 {
            gre.extend([0, 0, 0, 7]);
        }
        if flags & 0x10 != 0 {
            gre.extend([0xbb; 4]);
        }
        assert_eq!(gre.len(), length);
        let bytes = ipv4(47, &[gre, inner_ip()].concat());
        is_the_inner(&decoded(LinkType::RAW, &bytes), TunnelKind::Gre, id);
    }
}

#[test]
fn gre_carries_ethernet_labels_and_ppp() {
    let bytes = ipv4(47, &[&[0, 0, 0x65, 0x58][..], &tcp4(b"inner")].concat());
    is_the_inner(&decoded(LinkType::RAW, &bytes), TunnelKind::Gre, 0);

    let bytes = ipv4(47, &[&[0, 0, 0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64][..], &inner_ip()].concat());
    let p = decoded(LinkType::RAW, &bytes);
    is_the_inner(&p, TunnelKind::Gre, 0);
    assert_eq!(kinds(&p)[..4], [LayerKind::Ipv4, LayerKind::Gre, LayerKind::Mpls, LayerKind::Mpls]);

    let ppp = [&[0xff, 3, 0, 0x21][..], &inner_ip()].concat();
    let head = [0x30, 0x81, 0x88, 0x0b, 0, ppp.len() as u8, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2];
    let bytes = ipv4(47, &[&head[..], &ppp].concat());
    is_the_inner(&decoded(LinkType::RAW, &bytes), TunnelKind::Gre, 9);

    // An acknowledgment alone holds nothing.
    let bytes = ipv4(47, &[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 9, 0, 0, 0, 2]);
    let p = decoded(LinkType::RAW, &bytes);
    assert_eq!((p.protocol, p.tunnel.depth, p.payload_len), (IpProtocol::GRE, 0, 0));
}

#[test]
fn gre_with_a_source_route_is_refused() {
    let bytes = ipv4(47, &[&[0x40, 0, 8, 0, 0, 0, 0, 0][..], &inner_ip()].concat());
    let p = decoded(LinkType::RAW, &bytes);
    assert_eq!((p.protocol, p.tunnel.depth), (IpProtocol::GRE, 0));
    assert_eq!(p.issue.map(|i| (i.kind, i.layer)), Some((IssueKind::BadHeader, LayerKind::Gre)));
}

#[test]
fn vxlan_and_geneve() {
    for port in [4789, 8472] {
        let bytes = ipv4(17, &udp(port, &[&[8, 0, 0, 0, 0, 0x12, 0x34, 0][..], &tcp4(b"inner")].concat()));
        let p = decoded(LinkType::RAW, &bytes);
        is_the_inner(&p, TunnelKind::Vxlan, 0x1234);
        assert_eq!(kinds(&p)[..4], [LayerKind::Ipv4, LayerKind::Udp, LayerKind::Vxlan, LayerKind::Ethernet]);
    }
    let options = [1, 2, 3, 1, 0, 0, 0, 0];
    for (number, contents) in [([0x65, 0x58], tcp4(b"inner")), ([8, 0], inner_ip())] {
        let head = [&[2, 0][..], &number, &[0, 0, 9, 0], &options].concat();
        let bytes = ipv4(17, &udp(6081, &[head, contents].concat()));
        is_the_inner(&decoded(LinkType::RAW, &bytes), TunnelKind::Geneve, 9);
    }
}

#[test]
fn a_port_alone_makes_no_tunnel() {
    let noise: Vec<u8> = (0..60).map(|i| (i * 37 + 11) as u8 | 8).collect();
    let spanning_tree = [&[8, 0, 0, 0, 0, 0, 1, 0][..], &MAC_A, &MAC_B, &[0, 5, 0x42, 0x42, 3, 1, 2]].concat();
    for (port, data) in [(4789, &noise[..]), (6081, &noise), (4789, &noise[..5]), (6081, &[]), (4789, &spanning_tree)] {
        let bytes = ipv4(17, &udp(port, data));
        let p = decoded(LinkType::RAW, &bytes);
        assert_eq!((p.issue, p.tunnel, p.ports()), (None, Tunnel::default(), Some((40000, port))));
        assert_eq!((p.payload(), p.vlan), (data, [0; 2]));
        assert_eq!(p.layers().filter(|l| l.kind == LayerKind::Payload).count(), usize::from(!data.is_empty()));
        assert!(kinds(&p)[..2] == [LayerKind::Ipv4, LayerKind::Udp] && p.layers().len() <= 3);
    }
}

#[test]
fn what_is_not_understood_inside_ip_leaves_the_outside_and_says_where() {
    let bytes = ipv4(4, &[0x99; 40]);
    let p = decoded(LinkType::RAW, &bytes);
    assert_eq!((p.tunnel.depth, p.protocol, p.payload_len), (0, IpProtocol::IPV4, 40));
    assert_eq!(p.issue.map(|i| (i.kind, i.layer, i.offset)), Some((IssueKind::BadHeader, LayerKind::Ipv4, 20)));
    assert_eq!(kinds(&p), [LayerKind::Ipv4, LayerKind::Payload]);
}

#[test]
fn tunnels_nest_as_deep_as_layers_go() {
    let mut bytes = inner_ip();
    for _ in 0..3 {
        bytes = ipv4(4, &bytes);
    }
    let p = decoded(LinkType::RAW, &bytes);
    assert_eq!((p.tunnel.depth, p.tunnel.outer, p.network_at, p.ports()), (3, 40, 60, Some((1234, 80))));
    for _ in 0..60 {
        bytes = ipv4(4, &bytes);
    }
    let p = decoded(LinkType::RAW, &bytes);
    assert_eq!((p.layers().len(), p.issue.map(|i| i.kind)), (packet::MAX_LAYERS, Some(IssueKind::TooDeep)));
    assert_eq!((usize::from(p.tunnel.depth), p.protocol), (packet::MAX_LAYERS - 1, IpProtocol::IPV4));
}

#[test]
fn a_datagram_reaches_no_further_than_the_one_around_it() {
    let mut bytes = [ipv4(4, &inner_ip()), vec![0xee; 500]].concat();
    bytes[22..24].copy_from_slice(&400u16.to_be_bytes());
    let p = decoded(LinkType::RAW, &bytes);
    assert_eq!((p.payload(), p.payload_len, p.ip_len), (&b"inner"[..], 5, 45));
    assert_eq!(p.issue.map(|i| (i.kind, i.offset, i.needed, i.had)), Some((IssueKind::TooLong, 20, 400, 45)));
}

#[test]
fn a_fragment_is_not_opened() {
    let mut bytes = ipv4(4, &inner_ip());
    bytes[6] = 0x20;
    let p = decoded(LinkType::RAW, &bytes);
    assert_eq!((p.tunnel.depth, p.fragment.more, p.protocol), (0, true, IpProtocol::IPV4));
}

#[test]
fn the_vlan_is_that_of_the_inner_ethernet() {
    let outer = with_tags(&tcp4(b""), &[0x81, 0, 0, 7])[..18].to_vec();
    let inner = with_tags(&tcp4(b"inner"), &[0x81, 0, 0, 9]);
    let tagged = [outer.clone(), ipv4(17, &udp(4789, &[&[8, 0, 0, 0, 0, 0, 1, 0][..], &inner].concat()))].concat();
    assert_eq!(decoded(LinkType::ETHERNET, &tagged).vlan, [9, 0]);
    let untagged = [outer, ipv4(17, &udp(4789, &[&[8, 0, 0, 0, 0, 0, 1, 0][..], &tcp4(b"inner")].concat()))].concat();
    assert_eq!(decoded(LinkType::ETHERNET, &untagged).vlan, [0, 0]);
}

#[test]
fn labels_and_pppoe_over_ethernet() {
    let head = |number: u16| [&MAC_A[..], &MAC_B, &number.to_be_bytes()].concat();
    let ip = inner_ip();
    let bytes = [head(0x8847), vec![0, 0, 0, 64, 0, 0, 1, 64], ip.clone()].concat();
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!((p.ports(), p.tunnel.depth, p.network_at), (Some((1234, 80)), 0, 22));
    let bytes = [head(0x8864), vec![0x11, 0, 0, 1, 0, 2 + ip.len() as u8, 0, 0x21], ip.clone(), vec![0; 9]].concat();
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!((p.ports(), p.payload(), p.issue), (Some((1234, 80)), &b"inner"[..], None));
    let bytes = [head(0x8863), vec![0x11, 9, 0, 0, 0, 0]].concat();
    assert_eq!(decoded(LinkType::ETHERNET, &bytes).issue.map(|i| i.needed), Some(0x8863));
}

#[test]
fn ppp_in_all_its_shapes() {
    let ip = inner_ip();
    let six = udp6(b"inner")[14..].to_vec();
    let cases: Vec<(u16, Vec<u8>, bool)> = vec![
        (9, vec![0xff, 3, 0, 0x21], true),
        (9, vec![0, 0x21], true),
        (9, vec![0x21], true),
        (9, vec![0xff, 3, 0x57], false),
        (50, vec![0xff, 3, 0, 0x57], false),
        (50, vec![0x0f, 0, 8, 0], true),
        (51, vec![0x11, 0, 0, 1, 0, 2 + ip.len() as u8, 0, 0x21], true),
        (9, vec![0xff, 3, 2, 0x81, 0, 0, 1, 9], true),
    ];
    for (link, head, v4) in cases {
        let bytes = [&head[..], if v4 { &ip } else { &six }].concat();
        let p = decoded(LinkType(link), &bytes);
        assert_eq!((p.payload(), p.issue), (&b"inner"[..], None), "{link} {head:x?}");
    }
    let p = decoded(LinkType::PPP, &[0xff, 3, 0xc0, 0x21, 1, 1, 0, 4]);
    assert_eq!((p.issue.map(|i| (i.kind, i.needed)), p.payload_len), (Some((IssueKind::UnknownProtocol, 0xc021)), 4));
}

/// Radiotap with time, flags and a second word of present bits; the frame has its check sequence at the end.
fn radiotap(flags: u8, frame: &[u8]) -> Vec<u8> {
    let head = [0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0];
    [&head[..], &[0; 4], &[1; 8], &[flags], frame].concat()
}

fn wifi(kind: u8, flags: u8, more: &[u8], contents: &[u8]) -> Vec<u8> {
    let addresses = if flags & 3 == 3 { 28 } else { 22 };
    let mut header = vec![0; addresses + 2];
    (header[0], header[1]) = (kind, flags);
    [&header[..], more, contents].concat()
}

#[test]
fn data_frames_of_802_11() {
    let llc = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &inner_ip()].concat();
    let plain = wifi(0x08, 1, &[], &llc);
    let quality = wifi(0x88, 2, &[0, 0], &llc);
    let bridged = wifi(0x88, 0x83, &[0; 6], &llc);
    for frame in [&plain, &quality, &bridged] {
        let p = decoded(LinkType::IEEE802_11, frame);
        assert_eq!((p.payload(), p.issue, p.ports()), (&b"inner"[..], None, Some((1234, 80))));
    }
    let bytes = radiotap(0x10, &[&plain[..], &[9; 4]].concat());
    let p = decoded(LinkType::IEEE802_11_RADIOTAP, &bytes);
    assert_eq!((p.payload(), p.issue), (&b"inner"[..], None));
    assert_eq!(kinds(&p)[..4], [LayerKind::Radiotap, LayerKind::Ieee80211, LayerKind::Llc, LayerKind::Ipv4]);
    let padded = wifi(0x88, 2, &[0, 0, 0, 0], &llc);
    let bytes = radiotap(0x20, &padded);
    assert_eq!(decoded(LinkType::IEEE802_11_RADIOTAP, &bytes).payload(), b"inner");
}

#[test]
fn frames_of_802_11_that_are_not_opened_say_why() {
    let cases = [
        (wifi(0x08, 0x41, &[], &[1; 40]), IssueKind::Encrypted),
        (wifi(0x88, 1, &[0x80, 0], &[1; 40]), IssueKind::UnknownProtocol),
        (wifi(0x80, 0, &[], &[1; 40]), IssueKind::UnknownProtocol),
        (wifi(0xd4, 0, &[], &[]), IssueKind::UnknownProtocol),
    ];
    for (bytes, kind) in cases {
        let p = decoded(LinkType::IEEE802_11, &bytes);
        assert_eq!((p.issue.map(|i| i.kind), p.network), (Some(kind), Network::None), "{:x}", bytes[0]);
    }
    let null = wifi(0x48, 1, &[], &[]);
    assert_eq!(decoded(LinkType::IEEE802_11, &null).issue, None);
}

#[test]
fn tags_before_the_network_layer() {
    let head = |number: u16| [&MAC_A[..], &MAC_B, &number.to_be_bytes()].concat();
    let ethernet = tcp4(b"inner");
    let ip = inner_ip();
    let cases: Vec<(Vec<u8>, &[u8])> = vec![
        ([head(0x88e7), vec![0, 0, 0, 9]].concat(), &ethernet),
        ([head(0x8903), vec![0, 0x63]].concat(), &ethernet),
        ([head(0x8926), vec![0, 0, 0, 0, 8, 0]].concat(), &ip),
        ([head(0x88e5), vec![0, 0, 0, 0, 0, 1, 8, 0]].concat(), &ip),
        ([head(0x88e5), vec![0x20, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 0]].concat(), &ip),
        ([head(0x894f), vec![0, 2, 2, 1, 0, 0, 0, 1]].concat(), &ip),
        ([head(0x894f), vec![0, 3, 2, 3, 0, 0, 0, 1, 9, 9, 9, 9]].concat(), &ethernet),
    ];
    for (head, inside) in cases {
        let bytes = [&head[..], inside, &[0xcc; 16]].concat();
        let p = decoded(LinkType::ETHERNET, &bytes);
        assert_eq!((p.issue, p.ports(), p.payload()), (None, Some((1234, 80)), &b"inner"[..]), "{head:x?}");
        let tags: Vec<u32> = p.layers().filter(|l| l.kind == LayerKind::Tag).map(|l| l.offset).collect();
        assert_eq!(tags, [12]);
        for cut in 14..head.len() {
            let p = decode(&frame(LinkType::ETHERNET, &head[..cut], bytes.len()));
            assert_eq!(p.issue.map(|i| (i.kind, i.layer, i.offset)), Some((IssueKind::CutByCapture, LayerKind::Tag, 12)));
        }
    }
    let encrypted = [head(0x88e5), vec![0x0c, 0, 0, 0, 0, 1], vec![0x55; 40]].concat();
    let issue = decoded(LinkType::ETHERNET, &encrypted).issue;
    assert_eq!(issue.map(|i| (i.kind, i.layer)), Some((IssueKind::Encrypted, LayerKind::Tag)));
    let repeated = [MAC_A.to_vec(), MAC_B.to_vec(), [0x89, 0x26, 0, 0, 0, 0].repeat(5000)].concat();
    assert_eq!(decoded(LinkType::ETHERNET, &repeated).issue.map(|i| i.kind), Some(IssueKind::TooDeep));
}
