//! Link headers.

use super::super::InterfaceName;
use super::*;

const INNER: &str = "10.0.0.1.1000 > 10.0.0.2.2000: Flags [S], seq 1, win 100, length 0";
const ENDS: &str = "02:00:00:00:00:01 > 02:00:00:00:00:02";

fn syn() -> Vec<u8> {
    ip4(6, &tcp(2, 1, 0, b"", b""))
}

fn quiet(link_header: bool) -> LineOptions {
    LineOptions { quiet: true, link_header, ..bare() }
}

fn tagged(tag: u16, kind: u16, payload: &[u8]) -> Vec<u8> {
    [&tag.to_be_bytes()[..], &kind.to_be_bytes(), payload].concat()
}

#[test]
fn ethernet_and_its_tags() {
    let plain = ether(0x0800, &syn());
    assert_eq!(ether_line(&bare(), &plain), format!("IP {INNER}"));
    assert_eq!(ether_line(&with_link(), &plain), format!("{ENDS}, ethertype IPv4 (0x0800), length 54: {INNER}"));
    assert_eq!(ether_line(&quiet(true), &plain), format!("{ENDS}, IPv4, length 54: 10.0.0.1.1000 > 10.0.0.2.2000: tcp 0"));
    let one = ether(0x8100, &tagged(0x7064, 0x0800, &syn()));
    assert_eq!(ether_line(&bare(), &one), format!("IP {INNER}"));
    assert_eq!(
        ether_line(&with_link(), &one),
        format!("{ENDS}, ethertype 802.1Q (0x8100), length 58: vlan 100, p 3, DEI, ethertype IPv4 (0x0800), {INNER}")
    );
    let two = ether(0x88a8, &tagged(100, 0x8100, &tagged(101, 0x0800, &syn())));
    assert_eq!(
        ether_line(&with_link(), &two),
        format!(
            "{ENDS}, ethertype 802.1Q-QinQ (0x88a8), length 62: vlan 100, p 0, ethertype 802.1Q (0x8100), vlan 101, p 0, ethertype IPv4 (0x0800), {INNER}"
        )
    );
    assert_eq!(ether_line(&bare(), &two[..16]), " [|vlan]");
    assert_eq!(ether_line(&bare(), &two[..13]), " [|ether]");
}

#[test]
fn what_is_not_read_is_shown_in_hex() {
    let unknown = ether(0x0801, b"\x01AB");
    assert_eq!(
        ether_line(&bare(), &unknown),
        format!("{ENDS}, ethertype Unknown (0x0801), length 17: \n\t0x0000:  0141 42                                  .AB")
    );
    assert_eq!(ether_line(&quiet(false), &unknown), format!("{ENDS}, Unknown Ethertype (0x0801), length 17: "));
}

#[test]
fn llc_and_snap() {
    let snap = [b"\xaa\xaa\x03\0\0\0\x08\0", &syn()[..]].concat();
    let frame = ether(snap.len() as u16, &snap);
    assert_eq!(ether_line(&bare(), &frame), format!("IP {INNER}"));
    assert_eq!(
        ether_line(&with_link(), &frame),
        format!(
            "{ENDS}, 802.3, length 48: LLC, dsap SNAP (0xaa) Individual, ssap SNAP (0xaa) Command, ctrl 0x03: \
             oui Ethernet (0x000000), ethertype IPv4 (0x0800), length 40: {INNER}"
        )
    );
    let ready = ether(4, b"\x04\x04\x01\x02");
    assert_eq!(
        ether_line(&bare(), &ready),
        format!("{ENDS} SNA Supervisory, Receiver Ready, rcv seq 1, Flags [Command], length 4")
    );
}

#[test]
fn mpls_and_pppoe() {
    let stack = [&[0, 1, 2, 64, 0, 1, 0x11, 3][..], &syn()].concat();
    let frame = ether(0x8847, &stack);
    assert_eq!(ether_line(&bare(), &frame), format!("MPLS (label 16, tc 1, ttl 64) (label 17, tc 0, [S], ttl 3) IP {INNER}"));
    let session = [&[0x11, 0, 0, 1, 0, 42, 0, 0x21][..], &syn()].concat();
    let frame = ether(0x8864, &session);
    assert_eq!(ether_line(&bare(), &frame), format!("PPPoE  [ses 0x1] IP {INNER}"));
    assert!(ether_line(&with_link(), &frame).ends_with(&format!(": PPPoE  [ses 0x1] IP (0x0021), length 42: {INNER}")));
}

#[test]
fn cooked_captures() {
    let first = |kind: u8, size: u8| [&[0, kind, 0, 1, 0, size, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0][..], &syn()].concat();
    let seen = |options: &LineOptions, frame| lines_of(options, LinkType::LINUX_SLL, &[frame]).remove(0);
    assert_eq!(seen(&bare(), first(0, 6)), format!("IP {INNER}"));
    assert_eq!(seen(&with_link(), first(0, 6)), format!(" In 02:00:00:00:00:01 ethertype IPv4 (0x0800), length 56: {INNER}"));
    assert_eq!(seen(&with_link(), first(4, 0)), format!("Out ethertype IPv4 (0x0800), length 56: {INNER}"));
    assert_eq!(seen(&bare(), first(0, 6)[..15].to_vec()), " [|sll]");

    let second = [&[8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0][..], &syn()].concat();
    let named = LineOptions { interfaces: vec![InterfaceName { index: 1, name: "l\x1bo".into() }], ..with_link() };
    let seen = |options: &LineOptions| lines_of(options, LinkType::LINUX_SLL2, std::slice::from_ref(&second)).remove(0);
    assert_eq!(seen(&bare()), format!("?     Out IP {INNER}"));
    assert_eq!(seen(&named), format!("lo    Out ifindex 1 02:00:00:00:00:01 ethertype IPv4 (0x0800), length 60: {INNER}"));
}

#[test]
fn loopback_raw_and_ppp() {
    let seen = |options: &LineOptions, link, start: &[u8]| lines_of(options, link, &[[start, &syn()].concat()]).remove(0);
    for link in [LinkType::NULL, LinkType::LOOP] {
        for family in [&[2, 0, 0, 0], &[0, 0, 0, 2]] {
            assert_eq!(seen(&bare(), link, family), format!("IP {INNER}"));
            assert_eq!(seen(&with_link(), link, family), format!("AF IPv4 (2), length 44: {INNER}"));
        }
    }
    assert_eq!(seen(&with_link(), LinkType::RAW, &[]), format!("ip: {INNER}"));
    assert_eq!(lines_of(&bare(), LinkType::RAW, &[vec![0x99]]), ["unknown ip 9"]);
    assert_eq!(seen(&with_link(), LinkType::PPP, &[0xff, 3, 0, 0x21]), format!("IP (0x0021), length 44: {INNER}"));
    assert_eq!(seen(&bare(), LinkType::PPP, &[0x21]), format!("IP {INNER}"));
    assert_eq!(seen(&bare(), LinkType::PPP_HDLC, &[0xff, 3, 0, 0x21]), format!("IP: IP {INNER}"));
}

#[test]
fn wireless_data_frames() {
    let mut data = vec![8, 1, 0, 0];
    data.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 3, 0, 0]);
    data.extend(b"\xaa\xaa\x03\0\0\0\x08\0");
    data.extend(syn());
    let seen = |options: &LineOptions, link, frame: &[u8]| lines_of(options, link, &[frame.to_vec()]).remove(0);
    assert_eq!(seen(&bare(), LinkType::IEEE802_11, &data), format!("IP {INNER}"));
    let shown = seen(&with_link(), LinkType::IEEE802_11, &data);
    assert!(shown.starts_with("BSSID:02:00:00:00:00:01 SA:02:00:00:00:00:02 DA:02:00:00:00:00:03 LLC, dsap SNAP"), "{shown}");
    let radio = [&[0, 0, 8, 0, 0, 0, 0, 0][..], &data].concat();
    assert_eq!(seen(&bare(), LinkType::IEEE802_11_RADIOTAP, &radio), format!("IP {INNER}"));
}
