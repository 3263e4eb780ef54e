//! Whole frames, built by etherparse's `PacketBuilder` and by hand, through [`decode`].

mod properties;
mod tunnels;
mod views;
mod wrapped;

use super::*;
use crate::model::{IpProtocol, LinkType, Timestamp};
use etherparse::PacketBuilder;

const MAC_A: [u8; 6] = [2, 0, 0, 0, 0, 1];
const MAC_B: [u8; 6] = [2, 0, 0, 0, 0, 2];
const V4_A: [u8; 4] = [192, 0, 2, 1];
const V4_B: [u8; 4] = [198, 51, 100, 2];
const V6_A: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const V6_B: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

fn frame(link: LinkType, bytes: &[u8], wire_len: usize) -> Frame<'_> {
    Frame {
        number: 1,
        source: 0,
        interface: 0,
        ts: Timestamp::default(),
        link,
        wire_len: wire_len as u32,
        bytes,
        direction: None,
        options: None,
        marks: crate::model::FrameMarks::NONE,
    }
}

fn decoded(link: LinkType, bytes: &[u8]) -> Packet<'_> {
    decode(&frame(link, bytes, bytes.len()))
}

fn kinds(p: &Packet<'_>) -> Vec<LayerKind> {
    p.layers().map(|l| l.kind).collect()
}

fn tcp4(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    PacketBuilder::ethernet2(MAC_A, MAC_B).ipv4(V4_A, V4_B, 64).tcp(1234, 80, 7, 65000).write(&mut out, payload).unwrap();
    out
}

fn udp6(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    PacketBuilder::ethernet2(MAC_A, MAC_B).ipv6(V6_A, V6_B, 64).udp(5353, 53).write(&mut out, payload).unwrap();
    out
}

/// The frame with `between` put after its two addresses, in front of the type field.
fn with_tags(frame: &[u8], between: &[u8]) -> Vec<u8> {
    [&frame[..12], between, &frame[12..]].concat()
}

#[test]
fn plain_tcp_over_ipv4() {
    let bytes = tcp4(b"hello");
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!(kinds(&p), [LayerKind::Ethernet, LayerKind::Ipv4, LayerKind::Tcp, LayerKind::Payload]);
    assert_eq!((p.network, p.transport, p.protocol), (Network::Ipv4, Transport::Tcp, IpProtocol::TCP));
    assert_eq!(p.addresses(), Some((V4_A.into(), V4_B.into())));
    assert_eq!(p.ports(), Some((1234, 80)));
    assert_eq!((p.network_at, p.transport_at, p.payload_at), (14, 34, 54));
    assert_eq!((p.ip_len, p.payload_len, p.payload()), (45, 5, &b"hello"[..]));
    assert_eq!(p.issue, None);
}

#[test]
fn plain_udp_over_ipv6() {
    let bytes = udp6(b"query");
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!(kinds(&p), [LayerKind::Ethernet, LayerKind::Ipv6, LayerKind::Udp, LayerKind::Payload]);
    assert_eq!(p.addresses(), Some((V6_A.into(), V6_B.into())));
    assert_eq!((p.ports(), p.ip_len, p.payload()), (Some((5353, 53)), 53, &b"query"[..]));
}

#[test]
fn tags_are_read_to_any_depth_and_priority_tags_count_as_none() {
    let plain = tcp4(b"x");
    let tag = |tpid: u16, tci: u16| [tpid.to_be_bytes(), tci.to_be_bytes()].concat();
    let tags = [tag(0x88a8, 0x2064), tag(0x8100, 0xe000), tag(0x9100, 200), tag(0x8100, 300)].concat();
    let bytes = with_tags(&plain, &tags);
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!((p.vlan, p.ports(), p.payload()), ([100, 200], Some((1234, 80)), &b"x"[..]));
    let vlans: Vec<u32> = p.layers().filter(|l| l.kind == LayerKind::Vlan).map(|l| l.offset).collect();
    assert_eq!(vlans, [12, 16, 20, 24]);

    for tpid in [0x8100, 0x88a8, 0x9100, 0x9200] {
        let bytes = with_tags(&plain, &tag(tpid, 5));
        let p = decoded(LinkType::ETHERNET, &bytes);
        assert_eq!((p.vlan, p.ports()), ([5, 0], Some((1234, 80))), "{tpid:x}");
    }

    let bytes = with_tags(&plain, &tag(0x8100, 5).repeat(20));
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!(p.issue.map(|i| i.kind), Some(IssueKind::TooDeep));
    assert_eq!((p.layers().len(), p.network), (packet::MAX_LAYERS, Network::None));
}

#[test]
fn padding_and_trailers_are_no_payload() {
    let mut bytes = tcp4(b"");
    bytes.resize(60, 0xaa);
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!((p.payload_len, p.payload(), p.transport_bytes().len()), (0, &b""[..], 20));
    assert!(!kinds(&p).contains(&LayerKind::Payload));
}

#[test]
fn an_802_3_length_bounds_what_snap_holds() {
    let ip = &tcp4(b"abc")[14..];
    let mut bytes = [&MAC_A[..], &MAC_B, &(8 + ip.len() as u16).to_be_bytes(), &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], ip].concat();
    bytes.extend([0xff; 9]);
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!(kinds(&p)[..3], [LayerKind::Ethernet, LayerKind::Llc, LayerKind::Ipv4]);
    assert_eq!((p.ports(), p.payload()), (Some((1234, 80)), &b"abc"[..]));

    // Spanning tree: not decoded, and its length is the LLC's, without padding.
    let bytes = [&MAC_A[..], &MAC_B, &[0, 5, 0x42, 0x42, 3, 1, 2], &[0; 40]].concat();
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!(p.issue.map(|i| (i.kind, i.layer, i.needed)), Some((IssueKind::UnknownProtocol, LayerKind::Llc, 0x42)));
    assert_eq!((p.payload(), p.network), (&[1, 2][..], Network::None));
}

#[test]
fn every_way_to_wrap_ip_without_ethernet() {
    let four = tcp4(b"abc")[14..].to_vec();
    let six = udp6(b"abc")[14..].to_vec();
    let sll = |protocol: [u8; 2]| [&[0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0][..], &protocol].concat();
    let sll2 = |protocol: [u8; 2]| [&protocol[..], &[0, 0, 0, 0, 0, 2, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 0, 0]].concat();
    let cases: Vec<(u16, Vec<u8>, bool)> = vec![
        (12, vec![], true),
        (14, vec![], false),
        (101, vec![], true),
        (101, vec![], false),
        (228, vec![], true),
        (229, vec![], false),
        (0, vec![2, 0, 0, 0], true),
        (0, vec![0, 0, 0, 2], true),
        (0, vec![30, 0, 0, 0], false),
        (0, vec![0, 0, 0, 28], false),
        (0, vec![24, 0, 0, 0], false),
        (0, vec![10, 0, 0, 0], false),
        (108, vec![0, 0, 0, 24], false),
        (113, sll([8, 0]), true),
        (113, sll([0x86, 0xdd]), false),
        (113, [sll([0x81, 0]), vec![0, 9, 8, 0]].concat(), true),
        (276, sll2([8, 0]), true),
        (276, sll2([0x86, 0xdd]), false),
        (276, [sll2([0x81, 0]), vec![0, 9, 8, 0]].concat(), true),
    ];
    for (link, head, v4) in cases {
        let ip = if v4 { &four } else { &six };
        let bytes = [&head[..], ip].concat();
        let p = decoded(LinkType(link), &bytes);
        let (network, ports) = if v4 { (Network::Ipv4, (1234, 80)) } else { (Network::Ipv6, (5353, 53)) };
        assert_eq!((p.network, p.ports(), p.payload()), (network, Some(ports), &b"abc"[..]), "{link} {head:x?}");
        assert_eq!((p.issue, p.network_at as usize), (None, head.len()), "{link} {head:x?}");
    }
}

#[test]
fn a_link_type_that_is_not_decoded_says_so() {
    let p = decoded(LinkType(147), &[1, 2, 3]);
    assert_eq!(p.issue.map(|i| (i.kind, i.needed)), Some((IssueKind::UnknownLinkType, 147)));
    assert_eq!(p.layers().len(), 0);
}

#[test]
fn segmentation_offload_leaves_length_zero() {
    let mut bytes = tcp4(&[7; 3000]);
    bytes[16..18].fill(0);
    let p = decode(&frame(LinkType::ETHERNET, &bytes[..200], 3054));
    assert_eq!((p.ip_len, p.payload_len, p.payload().len()), (3040, 3000, 146));
    let mut bytes = udp6(&[7; 3000]);
    bytes[18..20].fill(0);
    bytes[14 + 40 + 4..14 + 40 + 6].fill(0);
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!((p.ip_len, p.payload_len), (3048, 3000));
}

#[test]
fn a_jumbogram_takes_its_length_from_the_option() {
    let mut bytes = vec![0x60, 0, 0, 0, 0, 0, 0, 64];
    bytes.extend(V6_A.iter().chain(&V6_B));
    bytes.extend([17, 0, 0xc2, 4, 0, 1, 0, 16]);
    bytes.extend([0, 1, 0, 2, 0, 0, 0, 0]);
    let p = decode(&frame(LinkType::RAW, &bytes, 200_000));
    assert_eq!((p.ip_len, p.payload_len, p.ports()), (40 + 65552, 65536, Some((1, 2))));
}

#[test]
fn a_total_length_past_the_capture_is_kept() {
    let bytes = tcp4(&[1; 100]);
    let p = decode(&frame(LinkType::ETHERNET, &bytes[..80], 154));
    assert_eq!((p.payload_len, p.payload().len(), p.issue), (100, 26, None));
}

#[test]
fn lengths_past_the_wire_are_an_issue_and_count_only_what_was_there() {
    let issue = |p: &Packet<'_>| p.issue.map(|i| (i.kind, i.layer, i.offset, i.needed, i.had));
    let mut bytes = tcp4(&[1; 100]);
    bytes[16..18].copy_from_slice(&60_000u16.to_be_bytes());
    let too_long = Some((IssueKind::TooLong, LayerKind::Ipv4, 14, 60_000, 140));
    for captured in [154, 80] {
        let p = decode(&frame(LinkType::ETHERNET, &bytes[..captured], 154));
        assert_eq!((p.ip_len, p.payload_len, p.payload().len()), (140, 100, captured - 54));
        assert_eq!((p.ports(), issue(&p)), (Some((1234, 80)), too_long));
    }
    // Where decoding stops matters more.
    bytes[46] = 0x40;
    assert_eq!(decoded(LinkType::ETHERNET, &bytes).issue.map(|i| i.kind), Some(IssueKind::BadHeader));

    let mut bytes = udp6(&[1; 100]);
    bytes[18..20].copy_from_slice(&60_000u16.to_be_bytes());
    bytes[58..60].fill(0);
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!((p.ip_len, p.payload_len, issue(&p).unwrap().0), (148, 100, IssueKind::TooLong));

    let mut jumbo = [&[0x60, 0, 0, 0, 0, 0, 0, 64][..], &V6_A, &V6_B].concat();
    jumbo.extend([17, 0, 0xc2, 4, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 2, 0, 0, 0, 0, 7]);
    let p = decoded(LinkType::RAW, &jumbo);
    assert_eq!((p.ip_len, p.payload_len, p.ports()), (57, 1, Some((1, 2))));
    assert_eq!(issue(&p), Some((IssueKind::TooLong, LayerKind::Ipv6, 0, u32::MAX, 57)));
}

#[test]
fn a_cut_header_is_told_from_a_broken_one() {
    let bytes = tcp4(b"");
    let p = decode(&frame(LinkType::ETHERNET, &bytes[..40], 54));
    let issue = p.issue.unwrap();
    assert_eq!(
        (issue.kind, issue.layer, issue.offset, issue.needed, issue.had),
        (IssueKind::CutByCapture, LayerKind::Tcp, 34, 20, 6)
    );
    assert_eq!((p.network, p.transport, p.protocol), (Network::Ipv4, Transport::None, IpProtocol::TCP));

    let mut short = bytes.clone();
    short[16..18].copy_from_slice(&30u16.to_be_bytes());
    let issue = decoded(LinkType::ETHERNET, &short).issue.unwrap();
    assert_eq!((issue.kind, issue.needed, issue.had), (IssueKind::TooShort, 20, 10));
}

#[test]
fn a_tcp_header_that_lies_about_its_length_still_has_ports() {
    let mut bytes = tcp4(b"data");
    bytes[34 + 12] = 0x40;
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!((p.ports(), p.payload_len), (Some((1234, 80)), 0));
    assert_eq!(p.issue.map(|i| i.kind), Some(IssueKind::BadHeader));
    bytes[34 + 12] = 0xf0;
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!((p.ports(), p.payload_len), (Some((1234, 80)), 0));
    assert_eq!(p.issue.map(|i| (i.kind, i.needed)), Some((IssueKind::TooShort, 60)));
    // Within the frame, past the datagram: what lies there is padding.
    bytes.resize(200, 0);
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!(p.payload_len, 0);
    assert_eq!(p.issue.map(|i| (i.kind, i.layer, i.offset)), Some((IssueKind::TooShort, LayerKind::Tcp, 34)));
}

#[test]
fn fragments_stay_fragments() {
    let mut bytes = tcp4(&[9; 40]);
    bytes[20..22].copy_from_slice(&0x2000u16.to_be_bytes());
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!((p.fragment, p.ports()), (Fragment { offset: 0, more: true }, Some((1234, 80))));
    bytes[20..22].copy_from_slice(&0x0010u16.to_be_bytes());
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!((p.fragment, p.transport), (Fragment { offset: 128, more: false }, Transport::None));
    assert_eq!((p.payload_len, p.protocol, p.issue), (60, IpProtocol::TCP, None));
}

#[test]
fn ipv6_extension_headers_are_walked() {
    let mut udp = udp6(b"q");
    let transport = udp.split_off(54);
    udp[14 + 6] = 0;
    let chain = [
        [&[43, 1][..], &[0; 14]].concat(),  // hop-by-hop, 16 bytes
        vec![60, 0, 0, 0, 0, 0, 0, 0],      // routing
        vec![51, 0, 1, 4, 0, 0, 0, 0],      // destination options
        [&[135, 2][..], &[0; 14]].concat(), // authentication, 16 bytes
        vec![139, 0, 0, 0, 0, 0, 0, 0],     // mobility
        vec![140, 0, 0, 0, 0, 0, 0, 0],     // HIP
        vec![44, 0, 0, 0, 0, 0, 0, 0],      // shim6
        vec![17, 0, 0, 0, 0, 0, 0, 5],      // fragment, atomic (RFC 6946)
    ]
    .concat();
    let length = (chain.len() + transport.len()) as u16;
    udp[18..20].copy_from_slice(&length.to_be_bytes());
    let bytes = [udp, chain, transport].concat();
    let p = decoded(LinkType::ETHERNET, &bytes);
    assert_eq!((p.issue, p.protocol, p.ports(), p.payload()), (None, IpProtocol::UDP, Some((5353, 53)), &b"q"[..]));
    assert_eq!(kinds(&p).iter().filter(|k| **k == LayerKind::Ipv6Extension).count(), 6);
    assert!(!p.fragment.is_piece());
}

#[test]
fn cutting_a_frame_anywhere_loses_no_layer_before_the_cut() {
    let samples = [tcp4(b"payload"), udp6(b"payload"), with_tags(&tcp4(b"x"), &[0x81, 0, 0, 1])];
    for bytes in samples {
        let whole: Vec<Layer> = decoded(LinkType::ETHERNET, &bytes).layers().collect();
        for cut in 0..bytes.len() {
            let p = decode(&frame(LinkType::ETHERNET, &bytes[..cut], bytes.len()));
            let found: Vec<Layer> = p.layers().collect();
            let next = whole.get(found.len()).map_or(usize::MAX, |l| l.offset as usize);
            assert!(whole.starts_with(&found), "{cut}");
            match p.issue {
                Some(issue) => {
                    assert_eq!(issue.kind, IssueKind::CutByCapture, "{cut}");
                    assert_eq!((issue.offset + issue.had) as usize, cut);
                    assert_eq!(issue.offset as usize, next, "the header that is cut comes right after those found");
                }
                None => assert_eq!(p.transport, decoded(LinkType::ETHERNET, &bytes).transport),
            }
        }
    }
}
