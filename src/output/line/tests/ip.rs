//! IPv4 and IPv6 headers, fragments, UDP.

use super::*;

#[test]
fn the_header_with_v() {
    let syn = tcp(2, 1, 0, b"", b"");
    let end = "    10.0.0.1.1000 > 10.0.0.2.2000: Flags [S], cksum 0x8fc3 (correct), seq 1, win 100, length 0";
    let first = |packet: &[u8]| {
        let both = line(&verbose(1), packet);
        let (first, second) = both.split_once('\n').expect("two lines");
        assert_eq!(second, end);
        first.to_owned()
    };
    let plain = "IP (tos 0x0, ttl 64, id 1, offset 0, flags [none], proto TCP (6), length 40)";
    assert_eq!(first(&ip4(6, &syn)), plain);
    for (at, value, from, to) in [
        (0, 0x4501, "0x0,", "0x1,ECT(1),"),
        (0, 0x4502, "0x0,", "0x2,ECT(0),"),
        (0, 0x4503, "0x0,", "0x3,CE,"),
        (0, 0x45b8, "0x0,", "0xb8,"),
        (8, 0x0006, ", ttl 64", ""),
        (6, 0x4000, "none", "DF"),
        (6, 0x8000, "none", "rsvd"),
    ] {
        assert_eq!(first(&ip4_patched(6, &syn, at, value)), plain.replacen(from, to, 1));
    }
    let mut bad = ip4(6, &syn);
    put16(&mut bad, 10, 0x1234);
    assert_eq!(first(&bad), plain.replace("40)", "40, bad cksum 1234 (->66cd)!)"));
}

#[test]
fn options_in_the_header() {
    let cases: &[(&[u8], &str)] = &[
        (b"\x01\x01\x01\0", "NOP,NOP,NOP,EOL"),
        (b"\x94\x04\0\0", "RA"),
        (b"\x94\x04\0\x01", "RA value 1"),
        (b"\x07\x0b\x08\x01\x02\x03\x04\0\0\0\0\0", "RR 1.2.3.4, 0.0.0.0,EOL"),
        (b"\x83\x0b\x04\x01\x02\x03\x04\x05\x06\x07\x08\0", "LSRR 1.2.3.4 5.6.7.8,EOL"),
        (b"\x89\x07\x04\x01\x02\x03\x04\0", "SSRR 1.2.3.4,EOL"),
        (b"\x44\x0c\x05\0\0\0\x03\xe8\0\0\x07\xd0", "timestamp TS{TSONLY ^ 1000@ 2000@}"),
        (b"\x44\x0c\x05\x01\x01\x02\x03\x04\0\0\x07\xd0", "timestamp TS{TS+ADDR ^ 2000@1.2.3.4}"),
        (b"\x55\x04ab", "unknown 85"),
        (b"\x55\x30ab", "unknown 85 [bad length 48]"),
    ];
    for (bytes, expected) in cases {
        let text = line(&verbose(1), &ip4_with(6, bytes, &tcp(2, 1, 0, b"", b"")));
        assert!(text.contains(&format!(", options ({expected}))\n")), "{expected}: {text}");
    }
}

#[test]
fn lengths_that_cannot_be() {
    let syn = tcp(2, 1, 0, b"", b"");
    let seen = |at, value| line(&bare(), &ip4_patched(6, &syn, at, value));
    assert_eq!(seen(2, 0), "IP bad-len 0");
    assert_eq!(seen(2, 19), "IP bad-len 19");
    assert_eq!(seen(0, 0x4400), "IP bad-hlen 16");
    assert_eq!(seen(0, 0x4f00), "IP bad-len 40");
    let longer = seen(2, 60);
    assert_eq!(
        longer,
        "IP truncated-ip - 20 bytes missing! 10.0.0.1.1000 > 10.0.0.2.2000: Flags [S], seq 1:21, win 100, length 20"
    );
    let over_ethernet = |value| ether_line(&bare(), &ether(0x0800, &ip4_patched(6, &syn, 0, value)));
    assert_eq!(over_ethernet(0x5500), "IP5 (invalid)");
    assert_eq!(over_ethernet(0x6500), "IP6, wrong link-layer encapsulation (invalid)");
    assert_eq!(lines_of(&bare(), LinkType::RAW, &[vec![]]), ["[Invalid header: caplen==0, len==0]"]);
}

#[test]
fn padding_is_no_payload() {
    let mut padded = ether(0x0800, &ip4(6, &tcp(0x10, 1, 1, b"", b"")));
    padded.resize(60, 0);
    assert_eq!(ether_line(&bare(), &padded), "IP 10.0.0.1.1000 > 10.0.0.2.2000: Flags [.], ack 1, win 100, length 0");
}

#[test]
fn pieces_of_datagrams() {
    let body = udp(2000, &[0; 16]);
    let seen = |offset, protocol| line(&bare(), &ip4_patched(protocol, &body, 6, offset));
    assert_eq!(seen(0x2000, 17), "IP 10.0.0.1.1000 > 10.0.0.2.2000: UDP, length 16");
    assert_eq!(seen(0x2001, 17), "IP 10.0.0.1 > 10.0.0.2: ip-proto-17");
    assert_eq!(seen(0x0001, 6), "IP 10.0.0.1 > 10.0.0.2: ip-proto-6");
    let first = |packet: Vec<u8>| line(&verbose(2), &packet).lines().next_back().unwrap_or_default().to_owned();
    assert_eq!(first(ip4_patched(17, &body, 6, 0x2000)), "    10.0.0.1.1000 > 10.0.0.2.2000: UDP, length 16");
    assert_eq!(first(ip4(17, &body)), "    10.0.0.1.1000 > 10.0.0.2.2000: [udp sum ok] UDP, length 16");
}

#[test]
fn udp_lengths_and_checksums() {
    let quiet = LineOptions { quiet: true, ..bare() };
    let start = "IP 10.0.0.1.1000 > 10.0.0.2.2000: ";
    let with_length = |length| {
        let mut body = udp(2000, b"hello");
        put16(&mut body, 4, length);
        ip4(17, &body)
    };
    assert_eq!(line(&quiet, &with_length(13)), format!("{start}UDP, length 5"));
    assert_eq!(line(&bare(), &with_length(40)), format!("{start}UDP, bad length 32 > 5"));
    assert_eq!(line(&bare(), &with_length(4)), format!("{start}truncated-udplength 4"));
    assert_eq!(line(&bare(), &ip4(17, &udp(2000, b"")[..7])), format!("{start}truncated-udp 7"));
    assert_eq!(line(&bare(), &ip4(17, &udp(2000, b"")[..3])), "IP 10.0.0.1 > 10.0.0.2:  [|udp]");
    let mut body = udp(2000, b"hello");
    put16(&mut body, 6, 0);
    assert!(line(&verbose(2), &ip4(17, &body)).ends_with(": [no cksum] UDP, length 5"));
    put16(&mut body, 6, 0x1111);
    assert!(line(&verbose(2), &ip4(17, &body)).contains(": [bad udp cksum 0x1111 -> 0x"));
    assert!(line(&verbose(1), &ip4(17, &body)).ends_with(": UDP, length 5"), "IPv4's are checked with -vv");
}

#[test]
fn checksums_can_be_left_alone() {
    let unchecked = LineOptions { no_checksums: true, ..verbose(2) };
    let mut segment = ip4(6, &tcp(2, 1, 0, b"", b""));
    put16(&mut segment, 10, 1);
    let text = line(&unchecked, &segment);
    assert!(text.ends_with("length 40)\n    10.0.0.1.1000 > 10.0.0.2.2000: Flags [S], seq 1, win 100, length 0"), "{text}");
    assert!(line(&unchecked, &ip4(17, &udp(2000, b"x"))).ends_with("2000: UDP, length 1"));
}

#[test]
fn other_protocols_have_a_short_line() {
    let seen = |protocol, payload: &[u8]| line(&bare(), &ip4(protocol, payload));
    assert_eq!(seen(99, b"12345678"), "IP 10.0.0.1 > 10.0.0.2:  ip-proto-99 8");
    assert_eq!(seen(50, &[0, 0, 16, 0, 0, 0, 0, 1, 9, 9]), "IP 10.0.0.1 > 10.0.0.2: ESP(spi=0x00001000,seq=0x1), length 10");
    assert_eq!(seen(59, b""), "IP 10.0.0.1 > 10.0.0.2: no next header");
    assert_eq!(seen(58, &[0; 8]), "IP 10.0.0.1 > 10.0.0.2: [ICMPv6 requires IPv6] (invalid)");
    assert_eq!(seen(2, b"\x16\0\0\0\xe0\0\0\xfb"), "IP 10.0.0.1 > 10.0.0.2: igmp v2 report 224.0.0.251");
    let mut ah = vec![6, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 7, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    ah.extend(tcp(2, 1, 0, b"", b""));
    let inner = "1000 > 2000: Flags [S], seq 1, win 100, length 0";
    assert_eq!(
        seen(51, &ah),
        format!("IP 10.0.0.1 > 10.0.0.2: AH(spi=0x00000100,seq=0x7,icv=0x000102030405060708090a0b): {inner}")
    );
}

fn syn6() -> Vec<u8> {
    summed(tcp(2, 1, 0, b"", b""), 16, 6, true)
}

/// The segment with its checksum made for IPv6 addresses.
fn tcp6() -> Vec<u8> {
    let mut body = syn6();
    put16(&mut body, 16, 0);
    summed(body, 16, 6, true)
}

#[test]
fn ipv6_headers() {
    let mut packet = ip6(6, &tcp6());
    assert_eq!(line(&bare(), &packet), "IP6 fe80::1.1000 > fe80::2.2000: Flags [S], seq 1, win 100, length 0");
    let end = "next-header TCP (6) payload length: 20) fe80::1.1000 > fe80::2.2000: Flags [S], cksum 0xa6c1 (correct), seq 1, win 100, length 0";
    assert_eq!(line(&verbose(1), &packet), format!("IP6 (hlim 64, {end}"));
    packet[..4].copy_from_slice(&0x6b81_2345u32.to_be_bytes());
    assert_eq!(line(&verbose(1), &packet), format!("IP6 (class 0xb8, flowlabel 0x12345, hlim 64, {end}"));
    put16(&mut packet, 4, 60);
    assert!(line(&bare(), &packet).starts_with("IP6 truncated-ip6 - 40 bytes missing!fe80::1.1000 > "));
    assert_eq!(cut_line(&bare(), &packet, 39), " [|ip6]");
}

#[test]
fn ipv6_extension_headers() {
    let behind = |header: &[u8]| [header, &tcp6()].concat();
    let inner = "1000 > 2000: Flags [S], seq 1, win 100, length 0";
    let seen = |next, header: &[u8]| {
        let text = line(&bare(), &ip6(next, &behind(header)));
        text.strip_prefix("IP6 fe80::1 > fe80::2: ").unwrap_or(&text).to_owned()
    };
    assert_eq!(seen(0, &[6, 0, 1, 4, 0, 0, 0, 0]), format!("HBH {inner}"));
    assert_eq!(seen(60, &[6, 0, 1, 4, 0, 0, 0, 0]), format!("DSTOPT {inner}"));
    assert_eq!(seen(44, &[6, 0, 0, 1, 0, 1, 0x23, 0x45]), format!("frag (0|20) {inner}"));
    assert_eq!(seen(44, &[6, 0, 5, 160, 0, 1, 0x23, 0x45]), "frag (1440|20)");
    let hop: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let routing = [&[6, 2, 0, 1, 0, 0, 0, 0][..], &hop.octets()].concat();
    assert_eq!(seen(43, &routing), format!("RT6 (len=2, type=0 [Deprecated], segleft=1, [0]2001:db8::1) {inner}"));
    let segments = [&[6, 2, 4, 0, 0, 0, 0, 5][..], &hop.octets()].concat();
    assert_eq!(seen(43, &segments), format!("RT6 (len=2, type=4, segleft=0, last-entry=0, tag=5, [0]2001:db8::1) {inner}"));
    let twice = [0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0];
    assert_eq!(seen(0, &twice), "HBH [The Hop-by-Hop Options header was already found] (invalid)");
    let alert = line(&verbose(1), &ip6(0, &behind(&[6, 0, 5, 2, 0, 0, 1, 0])));
    assert!(alert.contains("fe80::1 > fe80::2: HBH (rtalert: 0x0000) (padn) 1000 > 2000: "), "{alert}");
}

#[test]
fn a_checksum_behind_a_route_is_made_with_the_last_address() {
    let routing = [&[6, 2, 0, 1, 0, 0, 0, 0][..], &B6.octets()].concat();
    let mut packet = ip6(43, &[routing, tcp6()].concat());
    packet[39] = 9; // the next hop on the way there
    let text = line(&verbose(1), &packet);
    assert!(text.contains("cksum 0xa6c1 (correct)"), "{text}");
    let mut routed = ip4_with(6, &[131, 7, 4, 10, 0, 0, 2, 0], &tcp(2, 1, 0, b"", b""));
    routed[19] = 9;
    let text = line(&verbose(1), &routed);
    assert!(text.contains("cksum 0x8fc3 (correct)"), "{text}");
}
