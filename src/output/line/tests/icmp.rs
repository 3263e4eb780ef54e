//! ICMP and ICMPv6 messages, ARP.

use super::*;

fn quote() -> Vec<u8> {
    let mut quoted = ip4(17, &udp(2000, b"hello"));
    quoted[12..20].copy_from_slice(&[10, 0, 0, 9, 10, 0, 0, 8]);
    put16(&mut quoted, 10, 0);
    let sum = checksum(&quoted[..20]);
    put16(&mut quoted, 10, sum);
    quoted
}

#[test]
fn messages_of_icmp() {
    let error = |kind, code, word: [u8; 4]| icmp4(kind, code, &[&word[..], &quote()].concat());
    let cases: &[(Vec<u8>, &str)] = &[
        (icmp4(8, 0, &[0, 1, 0, 2]), "echo request, id 1, seq 2, length 8"),
        (icmp4(0, 0, &[0, 1, 0, 2, 9]), "echo reply, id 1, seq 2, length 9"),
        (error(3, 0, [0; 4]), "net 10.0.0.8 unreachable, length 41"),
        (error(3, 1, [0; 4]), "host 10.0.0.8 unreachable, length 41"),
        (error(3, 2, [0; 4]), "10.0.0.8 protocol 17 unreachable, length 41"),
        (error(3, 3, [0; 4]), "10.0.0.8 udp port 2000 unreachable, length 41"),
        (error(3, 4, [0; 4]), "10.0.0.8 unreachable - need to frag, length 41"),
        (error(3, 4, [0, 0, 5, 0x78]), "10.0.0.8 unreachable - need to frag (mtu 1400), length 41"),
        (error(3, 5, [0; 4]), "10.0.0.8 unreachable - source route failed, length 41"),
        (error(3, 9, [0; 4]), "net 10.0.0.8 unreachable - admin prohibited, length 41"),
        (error(3, 13, [0; 4]), "host 10.0.0.8 unreachable - admin prohibited filter, length 41"),
        (error(3, 16, [0; 4]), "10.0.0.8 unreachable - #16, length 41"),
        (error(5, 1, [1, 2, 3, 4]), "redirect 10.0.0.8 to host 1.2.3.4, length 41"),
        (error(5, 2, [1, 2, 3, 4]), "redirect-tos 10.0.0.8 to net 1.2.3.4, length 41"),
        (error(11, 0, [0; 4]), "time exceeded in-transit, length 41"),
        (error(11, 1, [0; 4]), "ip reassembly time exceeded, length 41"),
        (error(12, 0, [5, 0, 0, 0]), "parameter problem - octet 5, length 41"),
        (error(12, 2, [5, 0, 0, 0]), "parameter problem - code 2, length 41"),
        (icmp4(9, 0, &[1, 2, 7, 8, 10, 0, 0, 1, 0, 0, 0, 1]), "router advertisement lifetime 30:00 1: {10.0.0.1 1}, length 16"),
        (icmp4(10, 0, &[0; 4]), "router solicitation, length 8"),
        (icmp4(13, 0, &[0, 1, 0, 2]), "time stamp query id 1 seq 2, length 8"),
        (
            icmp4(
                14,
                0,
                &[&[0, 1, 0, 2][..], &3_600_001u32.to_be_bytes(), &3_661_002u32.to_be_bytes(), &86_399_999u32.to_be_bytes()]
                    .concat(),
            ),
            "time stamp reply id 1 seq 2: org 01:00:00.001, recv 01:01:01.002, xmit 23:59:59.999, length 20",
        ),
        (icmp4(18, 0, &[0, 0, 0, 0, 255, 255, 255, 0]), "address mask is 0xffffff00, length 12"),
        (icmp4(42, 0, &[0; 4]), "type-#42, length 8"),
    ];
    for (message, expected) in cases {
        assert_eq!(line(&bare(), &ip4(1, message)), format!("IP 10.0.0.1 > 10.0.0.2: ICMP {expected}"));
    }
    assert_eq!(line(&bare(), &ip4(1, &icmp4(3, 3, &[0; 4]))), "IP 10.0.0.1 > 10.0.0.2:  [|icmp]");
}

#[test]
fn the_quoted_datagram_and_extensions_with_v() {
    let message = icmp4(3, 3, &[&[0; 4][..], &quote()].concat());
    let expected = "IP (tos 0x0, ttl 64, id 1, offset 0, flags [none], proto ICMP (1), length 61)
    10.0.0.1 > 10.0.0.2: ICMP 10.0.0.8 udp port 2000 unreachable, length 41
\tIP (tos 0x0, ttl 64, id 1, offset 0, flags [none], proto UDP (17), length 33)
    10.0.0.9.1000 > 10.0.0.8.2000: UDP, length 5";
    assert_eq!(line(&verbose(1), &ip4(1, &message)), expected);
    let mut wrong = message;
    wrong[2] ^= 0xff;
    assert!(line(&verbose(1), &ip4(1, &wrong)).contains("length 41 (wrong icmp cksum "));

    let mut quoted = quote();
    quoted.resize(128, 0);
    let mut extension = vec![0x20, 0, 0, 0, 0, 8, 1, 1, 0, 1, 1, 64];
    let sum = checksum(&extension);
    put16(&mut extension, 2, sum);
    let labels = icmp4(11, 0, &[&[0; 4][..], &quoted, &extension].concat());
    let text = line(&verbose(1), &ip4(1, &labels));
    assert!(
        text.ends_with(
            "\n\tICMP Multi-Part extension v2, checksum 0xddb5 (correct), length 12\
             \n\t  MPLS Stack Entry Object (1), Class-Type: 1, length 8\
             \n\t    label 16, tc 0, [S], ttl 64"
        ),
        "{text}"
    );
}

#[test]
fn messages_of_icmpv6() {
    let target = B6.octets();
    let quoted = ip6(17, &udp(2000, b"hello"));
    let error = |kind, code, word: [u8; 4]| icmp6(kind, code, &[&word[..], &quoted].concat());
    let about = |kind| icmp6(kind, 0, &[&[0; 4][..], &target].concat());
    let cases: &[(Vec<u8>, &str)] = &[
        (icmp6(128, 0, &[0, 1, 0, 2]), "echo request, id 1, seq 2, length 8"),
        (icmp6(129, 0, &[0, 1, 0, 2]), "echo reply, id 1, seq 2, length 8"),
        (error(1, 0, [0; 4]), "destination unreachable, unreachable route fe80::2, length 61"),
        (error(1, 1, [0; 4]), "destination unreachable,  unreachable prohibited fe80::2, length 61"),
        (error(1, 2, [0; 4]), "destination unreachable, beyond scope fe80::2, source address fe80::1, length 61"),
        (error(1, 4, [0; 4]), "destination unreachable, unreachable port, fe80::2 udp port 2000, length 61"),
        (error(2, 0, [0, 0, 5, 0]), "packet too big, mtu 1280, length 61"),
        (error(3, 0, [0; 4]), "time exceeded in-transit for fe80::2, length 61"),
        (error(3, 1, [0; 4]), "time exceeded in-transit (reassembly), length 61"),
        (error(4, 1, [0, 0, 0, 6]), "parameter problem, next header - octet 6, length 61"),
        (about(135), "neighbor solicitation, who has fe80::2, length 24"),
        (about(136), "neighbor advertisement, tgt is fe80::2, length 24"),
        (icmp6(133, 0, &[0; 4]), "router solicitation, length 8"),
        (icmp6(134, 0, &[0; 12]), "router advertisement, length 16"),
        (icmp6(137, 0, &[&[0; 4][..], &target, &A6.octets()].concat()), "redirect, fe80::1 to fe80::2, length 40"),
        (about(131), "multicast listener reportmax resp delay: 0 addr: fe80::2, length 24"),
        (icmp6(143, 0, &[0, 0, 0, 1]), "multicast listener report v2, 1 group record(s), length 8"),
    ];
    for (message, expected) in cases {
        assert_eq!(line(&bare(), &ip6(58, message)), format!("IP6 fe80::1 > fe80::2: ICMP6, {expected}"));
    }
    assert_eq!(
        line(&bare(), &ip6(58, &icmp6(160, 0, &[0, 1]))),
        "IP6 fe80::1 > fe80::2: ICMP6, unknown icmp6 type (160), length 6\n\t0x0000:  a000 62b9 0001"
    );
}

#[test]
fn neighbor_discovery_with_v() {
    let prefix: Ipv6Addr = "2001:db8::".parse().unwrap();
    let mut router = vec![64, 0xc0, 7, 8, 0, 0, 3, 0xe8, 0, 0, 7, 0xd0, 1, 1, 2, 0, 0, 0, 0, 1, 5, 1, 0, 0, 0, 0, 5, 0xdc];
    router.extend([3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    router.extend(prefix.octets());
    router.extend([31, 2, 0, 0, 0, 0, 2, 0x58, 3, b'l', b'a', b'n', 0, 0, 0, 0]);
    let text = line(&verbose(1), &ip6(58, &icmp6(134, 0, &router)));
    assert!(
        text.ends_with(
            "fe80::1 > fe80::2: [icmp6 sum ok] ICMP6, router advertisement, length 80\
             \n\thop limit 64, Flags [managed, other stateful], pref medium, router lifetime 1800s, reachable time 1000ms, retrans timer 2000ms\
             \n\t  source link-address option (1), length 8 (1): 02:00:00:00:00:01\
             \n\t  mtu option (5), length 8 (1):  1500\
             \n\t  prefix info option (3), length 32 (4): 2001:db8::/64, Flags [onlink, auto], valid time 3600s, pref. time infinity\
             \n\t  dnssl option (31), length 16 (2):  lifetime 600s, domain(s): lan."
        ),
        "{text}"
    );
    let advertised = icmp6(136, 0, &[&[0x60, 0, 0, 0][..], &B6.octets()].concat());
    let text = line(&verbose(1), &ip6(58, &advertised));
    assert!(text.ends_with("neighbor advertisement, length 24, tgt is fe80::2, Flags [solicited, override]"), "{text}");
}

#[test]
fn arp() {
    let packet = |operation: u8, target: [u8; 6]| {
        let body = [&[0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1][..], &target, &[10, 0, 0, 2]].concat();
        ether(0x0806, &body)
    };
    let cases = [
        (1, [0; 6], "Request who-has 10.0.0.2 tell 10.0.0.1, length 28"),
        (1, [2, 0, 0, 0, 0, 2], "Request who-has 10.0.0.2 (02:00:00:00:00:02) tell 10.0.0.1, length 28"),
        (2, [0; 6], "Reply 10.0.0.1 is-at 02:00:00:00:00:01, length 28"),
        (3, [0; 6], "Reverse Request who-is 00:00:00:00:00:00 tell 02:00:00:00:00:01, length 28"),
        (4, [0; 6], "Reverse Reply 00:00:00:00:00:00 at 10.0.0.2, length 28"),
        (9, [0; 6], "Inverse Reply 02:00:00:00:00:01 at 10.0.0.1, length 28"),
    ];
    for (operation, target, expected) in cases {
        let frame = packet(operation, target);
        assert_eq!(ether_line(&bare(), &frame), format!("ARP, {expected}"));
        assert_eq!(ether_line(&verbose(1), &frame), format!("ARP, Ethernet (len 6), IPv4 (len 4), {expected}"));
    }
    let padded = [packet(1, [0; 6]), vec![0; 18]].concat();
    assert_eq!(ether_line(&bare(), &padded), "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 46");
    assert_eq!(ether_line(&bare(), &packet(1, [0; 6])[..41]), " [|arp]");
}
