//! Packets in packets.

use super::*;

const INNER: &str = "10.0.0.1.1000 > 10.0.0.2.2000: Flags [S], seq 1, win 100, length 0";

fn syn() -> Vec<u8> {
    ip4(6, &tcp(2, 1, 0, b"", b""))
}

fn in_udp(port: u16, header: &[u8], inner: &[u8]) -> Vec<u8> {
    ip4(17, &udp(port, &[header, inner].concat()))
}

#[test]
fn ip_in_ip_and_gre() {
    assert_eq!(line(&bare(), &ip4(4, &syn())), format!("IP 10.0.0.1 > 10.0.0.2: IP {INNER}"));
    assert_eq!(line(&bare(), &ip6(4, &syn())), format!("IP6 fe80::1 > fe80::2: IP {INNER}"));
    let gre = |header: &[u8], inner: &[u8]| line(&bare(), &ip4(47, &[header, inner].concat()));
    assert_eq!(gre(&[0, 0, 8, 0], &syn()), format!("IP 10.0.0.1 > 10.0.0.2: GREv0, length 44: IP {INNER}"));
    assert_eq!(
        gre(&[0x30, 0, 8, 0, 0, 0, 0, 7, 0, 0, 0, 5], &syn()),
        format!("IP 10.0.0.1 > 10.0.0.2: GREv0, key=0x7, seq 5, length 52: IP {INNER}")
    );
    assert_eq!(gre(&[0, 0, 0x65, 0x58], &ether(0x0800, &syn())), format!("IP 10.0.0.1 > 10.0.0.2: GREv0, length 58: IP {INNER}"));
    assert_eq!(gre(&[0, 0, 0x12, 0x34], b"x"), "IP 10.0.0.1 > 10.0.0.2: GREv0, length 5: gre-proto-0x1234");
    let pptp = [0x30, 1, 0x88, 0x0b, 0, 44, 0, 5, 0, 0, 0, 9, 0xff, 3, 0, 0x21];
    assert_eq!(gre(&pptp, &syn()), format!("IP 10.0.0.1 > 10.0.0.2: GREv1, call 5, seq 9, length 56: IP {INNER}"));
}

#[test]
fn overlays_in_udp() {
    let inner = ether(0x0800, &syn());
    assert_eq!(
        line(&bare(), &in_udp(4789, &[8, 0, 0, 0, 0, 0, 5, 0], &inner)),
        format!("IP 10.0.0.1.1000 > 10.0.0.2.4789: VXLAN, flags [I] (0x08), vni 5\nIP {INNER}")
    );
    assert_eq!(
        line(&bare(), &in_udp(6081, &[0, 0, 0x65, 0x58, 0, 0x0a, 0xbc, 0], &inner)),
        format!("IP 10.0.0.1.1000 > 10.0.0.2.6081: Geneve, Flags [none], vni 0xabc: IP {INNER}")
    );
    let with_option = [1, 0x40, 0x65, 0x58, 0, 0, 5, 0, 1, 2, 0x80, 0];
    assert_eq!(
        line(&bare(), &in_udp(6081, &with_option, &inner)),
        format!("IP 10.0.0.1.1000 > 10.0.0.2.6081: Geneve, Flags [C], vni 0x5, options [4 bytes]: IP {INNER}")
    );
    assert_eq!(
        line(&bare(), &in_udp(4790, &[0x0c, 0, 0, 1, 0, 0, 5, 0], &syn())),
        format!("IP 10.0.0.1.1000 > 10.0.0.2.4790: VXLAN-GPE, flags [IP], vni 5: IP {INNER}")
    );
    let quiet = LineOptions { quiet: true, ..bare() };
    assert_eq!(line(&quiet, &in_udp(4789, &[8; 8], &inner)), "IP 10.0.0.1.1000 > 10.0.0.2.4789: UDP, length 62");
}

#[test]
fn service_chains_and_macsec() {
    let nsh = [&[0, 2, 1, 1, 0, 0, 1, 7][..], &syn()].concat();
    assert_eq!(
        ether_line(&bare(), &ether(0x894f, &nsh)),
        format!("NSH, flags [none], service-path-id 0x000001, service-index 0x7: IP {INNER}")
    );
    let clear = [&[0, 0, 0, 0, 0, 7, 8, 0][..], &syn(), &[0; 16]].concat();
    assert_eq!(ether_line(&bare(), &ether(0x88e5, &clear)), format!("IP {INNER}"));
    let text = ether_line(&with_link(), &ether(0x88e5, &clear));
    assert!(text.ends_with(&format!("length 78: an 0, pn 7, flags none, ethertype IPv4 (0x0800), {INNER}")), "{text}");
}

#[test]
fn endless_nesting_ends() {
    let mut packet = syn();
    for _ in 0..100 {
        packet = ip4(4, &packet);
    }
    let text = line(&verbose(3), &packet);
    assert!(text.ends_with("[too many headers]"), "{text}");
}
