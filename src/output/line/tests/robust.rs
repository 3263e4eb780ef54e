//! Whatever the bytes: no panic, no control characters, no more text than a small multiple of them.

use super::super::HexMode;
use super::*;
use proptest::prelude::*;

fn harshest(hex: HexMode) -> LineOptions {
    LineOptions { link_header: true, hex, plain: false, ..verbose(3) }
}

fn check(link: LinkType, bytes: &[u8], wire_len: usize, hex: HexMode) {
    for options in [harshest(hex), bare(), LineOptions { quiet: true, ..harshest(HexMode::None) }] {
        let mut out = Vec::new();
        let mut printer = LinePrinter::new(options);
        printer.write(&mut out, &frame(bytes, link, wire_len), &Packet::empty(bytes), &Note::default());
        assert_eq!(out.last(), Some(&b'\n'));
        let odd = out.iter().find(|b| b.is_ascii_control() && **b != b'\n' && **b != b'\t');
        assert!(odd.is_none(), "{odd:02x?} in {:?}", String::from_utf8_lossy(&out));
        assert!(std::str::from_utf8(&out).is_ok(), "not UTF-8: {:?}", String::from_utf8_lossy(&out));
        let limit = 4000 + bytes.len() * 100;
        assert!(out.len() <= limit, "{} bytes of text for {} of frame", out.len(), bytes.len());
    }
}

fn link() -> impl Strategy<Value = LinkType> {
    let mut links: Vec<_> = LinkType::decoded().collect();
    links.push(LinkType(147));
    proptest::sample::select(links)
}

fn hex() -> impl Strategy<Value = HexMode> {
    proptest::sample::select(vec![HexMode::HexAsciiLink, HexMode::Ascii, HexMode::Hex, HexMode::None])
}

/// Headers that lead deep into the printers, to be damaged.
fn seeds() -> Vec<Vec<u8>> {
    let syn = ip4(6, &tcp(2, 1, 0, b"\x02\x04\x05\xb4\x1e\x0c\0\x81abcdefgh\x08\x0a12345678\x05\x0a12345678", b""));
    let quoted = icmp4(3, 3, &[&[0; 4][..], &syn].concat());
    let mut extended = vec![0; 4];
    extended.extend(&syn);
    extended.resize(132, 0);
    extended.extend([0x20, 0, 0, 0, 0, 8, 1, 1, 0, 1, 1, 64]);
    let router = icmp6(134, 0, b"\x40\xc0\x07\x08\0\0\0\0\0\0\0\0\x01\x01abcdef\x1f\x02\0\0\0\0\0\0\x03lan\0\0\0\0");
    let listeners = icmp6(143, 0, &[&[0, 0, 0, 1, 4, 0, 0, 1][..], &[7; 32]].concat());
    let hops = [0, 0, 1, 4, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, 58, 0, 0, 1, 0, 0, 0, 1];
    vec![
        syn.clone(),
        ip4(1, &quoted),
        ip4(1, &icmp4(11, 0, &extended)),
        ip4_with(
            17,
            b"\x44\x0c\x05\x01abcdefgh\x07\x0b\x08abcdefgh\x01",
            &udp(4789, &[&[8; 8][..], &ether(0x0800, &syn)].concat()),
        ),
        ip4(17, &udp(6081, &[&[2, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 2, 0x80, 1, 1, 2, 3, 4][..], &ether(0x0800, &syn)].concat())),
        ip4(17, &udp(4790, &[&[12, 0, 0, 4, 0, 0, 1, 0, 0, 6, 1, 1, 0, 0, 1, 7][..], &[0; 16], &syn].concat())),
        ip4(47, &[&[0xb0, 0, 0x65, 0x58][..], &[0; 12], &ether(0x8100, &[&[0, 1, 8, 0][..], &syn].concat())].concat()),
        ip4(51, &[&[4, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1][..], &syn].concat()),
        ip6(58, &router),
        ip6(58, &listeners),
        ip6(58, &icmp6(155, 2, &[&[1, 0x40, 0, 1][..], &[1; 24]].concat())),
        ip6(0, &[&hops[..], &router].concat()),
        ip6(43, &[&[6, 4, 0, 1, 0, 0, 0, 0][..], &[3; 32], &tcp(2, 1, 0, b"", b"")].concat()),
    ]
}

/// Link headers in front of an IP packet.
fn wrapped(packet: &[u8], which: usize) -> (LinkType, Vec<u8>) {
    let kind: u16 = if packet[0] >> 4 == 6 { 0x86dd } else { 0x0800 };
    let llc = [&b"\xaa\xaa\x03\0\0\0"[..], &kind.to_be_bytes(), packet].concat();
    match which {
        0 => (LinkType::ETHERNET, ether(kind, packet)),
        1 => (LinkType::ETHERNET, ether(0x8100, &[&[0, 100][..], &kind.to_be_bytes(), packet].concat())),
        2 => (LinkType::ETHERNET, ether(llc.len() as u16, &llc)),
        3 => (LinkType::ETHERNET, ether(0x8847, &[&[0, 1, 1, 64][..], packet].concat())),
        4 => (LinkType::ETHERNET, ether(0x8864, &[&[0x11, 0, 0, 1, 0, 60, 0, 0x21][..], packet].concat())),
        5 => (LinkType::LINUX_SLL, [&[0; 14][..], &kind.to_be_bytes(), packet].concat()),
        6 => (LinkType::PPP, [&[0xff, 3, 0, 0x21][..], packet].concat()),
        _ => (LinkType::RAW, packet.to_vec()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_on_any_link(link in link(), bytes in proptest::collection::vec(any::<u8>(), 0..300), more in 0usize..2000, hex in hex()) {
        check(link, &bytes, bytes.len() + more, hex);
    }

    #[test]
    fn damaged_packets(
        seed in proptest::sample::select(seeds()),
        which in 0usize..8,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        keep in any::<prop::sample::Index>(),
        cut in any::<bool>(),
        hex in hex(),
    ) {
        let (link, mut bytes) = wrapped(&seed, which);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let wire_len = bytes.len();
        if cut {
            bytes.truncate(keep.index(wire_len + 1));
        }
        check(link, &bytes, wire_len, hex);
    }

    #[test]
    fn lengths_that_do_not_fit_the_frame(bytes in proptest::collection::vec(any::<u8>(), 0..64), wire_len in any::<u32>()) {
        check(LinkType::ETHERNET, &bytes, wire_len as usize, HexMode::Hex);
    }
}

#[test]
fn a_big_frame_of_nested_headers_stays_small() {
    // An IPv4 header in each other one, as many as fit.
    let mut packet = Vec::new();
    while packet.len() < 60_000 {
        packet = ip4(4, &packet[..packet.len().min(65_000)]);
    }
    check(LinkType::RAW, &packet, packet.len(), HexMode::None);
    // Thousands of one-byte options.
    let mut options = vec![6, 255];
    options.resize(2048, 0);
    check(LinkType::RAW, &ip6(0, &options), 2088, HexMode::None);
}
