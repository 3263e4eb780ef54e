//! TCP: flags, numbers, options, and headers that are broken or cut.

use super::*;

const SYN: &str = "IP 10.0.0.1.1000 > 10.0.0.2.2000: Flags [S], seq 1, win 100, options [";

fn options(bytes: &[u8]) -> String {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    let line = line(&bare(), &ip4(6, &tcp(2, 1, 0, &padded, b"")));
    line.strip_prefix(SYN).unwrap_or_else(|| panic!("{line}")).to_owned()
}

#[test]
fn flags_and_numbers() {
    let cases: &[(Vec<u8>, &str)] = &[
        (tcp(2, 7, 0, b"", b""), "Flags [S], seq 7, win 100, length 0"),
        (tcp(0, 1, 0, b"", b"a"), "Flags [none], seq 1:2, win 100, length 1"),
        (tcp(0xff, 1, 0, b"", b""), "Flags [FSRP.UEW], seq 1, ack 0, win 100, urg 0, length 0"),
        (tcp(0x20, 1, 0, b"", b""), "Flags [U], win 100, urg 0, length 0"),
        (tcp(0x10, 1, 5, b"", b""), "Flags [.], ack 5, win 100, length 0"),
        (tcp(4, 1, 5, b"", b"bye"), "Flags [R], seq 1:4, win 100, length 3"),
        (tcp(0x18, u32::MAX, 5, b"", b"ab"), "Flags [P.], seq 4294967295:1, ack 5, win 100, length 2"),
    ];
    for (segment, expected) in cases {
        assert_eq!(line(&bare(), &ip4(6, segment)), format!("IP 10.0.0.1.1000 > 10.0.0.2.2000: {expected}"));
    }
}

#[test]
fn sequence_numbers_count_from_the_handshake() {
    let there = |flags, seq, ack, data: &[u8]| ip4(6, &tcp(flags, seq, ack, b"", data));
    let back = |flags, seq, ack, options: &[u8], data: &[u8]| {
        let mut packet = ip4(6, &tcp_between(2000, 1000, flags, seq, ack, options, data));
        packet[12..20].copy_from_slice(&[10, 0, 0, 2, 10, 0, 0, 1]);
        packet
    };
    let sack = [&[1, 1, 5, 10][..], &1001u32.to_be_bytes(), &1003u32.to_be_bytes()].concat();
    let packets = [
        there(2, 1000, 0, b""),
        back(0x12, 9000, 1001, b"", b""),
        there(0x10, 1001, 9001, b""),
        there(0x18, 1001, 9001, b"hello"),
        back(0x10, 9001, 1006, &sack, b""),
        there(4, 1006, 0, b""),       // no ACK: the number of the wire
        there(0x14, 1006, 9001, b""), // with ACK: counted
        there(0x12, 77, 50, b""),     // SYN with ACK: the count starts anew
        there(0x10, 78, 51, b""),
    ];
    let seen: Vec<_> = lines_of(&bare(), LinkType::RAW, &packets)
        .into_iter()
        .map(|line| line.split_once(": Flags ").unwrap().1.split_once(", win").unwrap().0.to_owned())
        .collect();
    assert_eq!(
        seen,
        [
            "[S], seq 1000",
            "[S.], seq 9000, ack 1001",
            "[.], ack 1",
            "[P.], seq 1:6, ack 1",
            "[.], ack 6",
            "[R], seq 1006",
            "[R.], seq 6, ack 1",
            "[S.], seq 77, ack 50",
            "[.], ack 2",
        ]
    );
    let fifth = lines_of(&bare(), LinkType::RAW, &packets).swap_remove(4);
    assert!(fifth.ends_with("options [nop,nop,sack 1 {1:3}], length 0"), "{fifth}");
    let absolute = LineOptions { absolute_seq: true, ..bare() };
    let fourth = lines_of(&absolute, LinkType::RAW, &packets).swap_remove(3);
    assert!(fourth.contains("seq 1001:1006, ack 9001,"), "{fourth}");
}

#[test]
fn every_option_that_has_a_name() {
    let cases: &[(&[u8], &str)] = &[
        (b"\x02\x04\x05\xb4", "mss 1460"),
        (b"\x03\x03\x07\0", "wscale 7,eol"),
        (b"\x04\x02\0\0", "sackOK,eol"),
        (b"\x05\x12\0\0\0\x05\0\0\0\x09\0\0\0\x14\0\0\0\x1e", "sack 2 {5:9}{20:30},eol"),
        (b"\x05\x0b\0\0\0\0\0\0\0\0\0", "sack invalid sack,eol"),
        (b"\x06\x06\0\0\0\x01", "echo 1,eol"),
        (b"\x08\x0a\0\0\0\x03\0\0\0\x04", "TS val 3 ecr 4,eol"),
        (b"\x0b\x06\0\0\0\x05", "cc 5,eol"),
        (
            b"\x13\x12\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
            "md5 shared secret not supplied with -M, can't check - 000102030405060708090a0b0c0d0e0f,eol",
        ),
        (b"\x1c\x04\x80\x05", "uto 0x8005 983160"),
        (b"\x1c\x04\0\x04", "uto 0x4 2"),
        (b"\x1d\x08\x01\x02abcd", "tcp-ao keyid 1 rnextkeyid 2 mac 0x61626364"),
        (b"\x22\x02\0\0", "tfo  cookiereq,eol"),
        (b"\x22\x06abcd\0\0", "tfo  cookie 61626364,eol"),
        (b"\x22\x03a\0", "tfo  (invalid),eol"),
        (b"\xfe\x04\xf9\x89", "exp-tfo cookiereq"),
        (b"\xfe\x08\xf9\x89abcd", "exp-tfo cookie 61626364"),
        (b"\xfe\x04\x01\x02", "exp-0102"),
        (b"\x63\x04ab", "unknown-99 0x6162"),
        (b"\x14\x04ab", "scps cap 61 id 98"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(options(bytes), format!("{expected}], length 0"), "{bytes:02x?}");
    }
}

#[test]
fn multipath_options() {
    let key = [0, 1, 2, 3, 4, 5, 6, 7];
    let cases: &[(u8, Vec<u8>, &str)] = &[
        (2, [&[30, 12, 0, 0x81][..], &key].concat(), "mptcp 12 capable v0 csum {0x1020304050607}"),
        (2, vec![30, 4, 1, 1], "mptcp 4 capable v1"),
        (16, [&[30, 20, 1, 1][..], &key, &key].concat(), "mptcp 20 capable v1 {0x1020304050607,0x1020304050607}"),
        (2, vec![30, 12, 0x11, 5, 1, 2, 3, 4, 5, 6, 7, 8], "mptcp 12 join backup id 5 token 0x1020304 nonce 0x5060708"),
        (16, vec![30, 8, 0x20, 1, 0, 1, 2, 3], "mptcp 8 dss ack 66051"),
        (
            16,
            vec![30, 16, 0x20, 4, 0, 1, 2, 3, 0, 0, 0, 1, 0, 5, 0x12, 0x34],
            "mptcp 16 dss seq 66051 subseq 1 len 5 csum 0x1234",
        ),
        (16, vec![30, 8, 0x34, 7, 1, 2, 3, 4], "mptcp 8 add-addr v0-ip4 id 7 1.2.3.4"),
        (16, vec![30, 6, 0x40, 1, 2, 3, 1, 1], "mptcp 6 rem-addr id 1 2 3,nop,nop"),
        (16, vec![30, 4, 0x51, 5], "mptcp 4 prio backup id 5"),
        (16, [&[30, 12, 0x60, 0][..], &key].concat(), "mptcp 12 fail seq 283686952306183"),
        (16, [&[30, 12, 0x70, 0][..], &key].concat(), "mptcp 12 fast-close key 0x1020304050607"),
    ];
    for (flags, bytes, expected) in cases {
        let line = line(&bare(), &ip4(6, &tcp(*flags, 1, 1, bytes, b"")));
        assert!(line.ends_with(&format!("options [{expected}], length 0")), "{expected}: {line}");
    }
}

#[test]
fn options_that_contradict_themselves_end_the_line() {
    assert_eq!(options(b"\x63\x01\0\0"), "[bad opt]");
    assert_eq!(options(b"\x63\x20ab"), "[bad opt]");
    assert_eq!(options(b"\x01\x01\x63\x20"), "nop,nop,[bad opt]]");
    assert_eq!(options(b"\x13\x04\x01\x02"), "md5[bad opt]");
    assert_eq!(options(b"\x1e\x03\0\0"), "mptcp 3 capable[bad opt]");
    assert_eq!(options(b"\x02\x03\x05\0"), "mss 1280[len 3]], length 0");
}

#[test]
fn headers_that_are_too_short_or_too_long() {
    let mut short = tcp(2, 1, 0, b"", b"");
    short[12] = 0x40;
    assert_eq!(line(&bare(), &ip4(6, &short)), "IP 10.0.0.1.1000 > 10.0.0.2.2000:  tcp 4 [bad hdr length 16 - too short, < 20]");
    short[12] = 0x80;
    assert_eq!(
        line(&bare(), &ip4(6, &short)),
        "IP 10.0.0.1.1000 > 10.0.0.2.2000: Flags [S] [bad hdr length 32 - too long, > 20]"
    );
}

#[test]
fn a_capture_that_ends_inside_says_where() {
    let packet = ip4(6, &tcp(0x18, 0, 1, b"\x01\x01\x08\x0a\0\0\0\0\0\0\0\0", b"abcdefgh"));
    let start = "IP 10.0.0.1.1000 > 10.0.0.2.2000: ";
    let numbers = "Flags [P.], seq 0:8, ack 1, win 100, options [";
    for (captured, expected) in [
        (1, "IP  [|ip]".to_owned()),
        (19, "IP  [|ip]".to_owned()),
        (21, "IP 10.0.0.1 > 10.0.0.2: [|tcp]".to_owned()),
        (24, format!("{start} [|tcp]")),
        (39, format!("{start} [|tcp]")),
        (40, format!("{start}{numbers} [|tcp]")),
        (41, format!("{start}{numbers}nop, [|tcp]")),
        (44, format!("{start}{numbers}nop,nop,TS [|tcp]>")),
        (52, format!("{start}{numbers}nop,nop,TS val 0 ecr 0], length 8")),
    ] {
        assert_eq!(cut_line(&bare(), &packet, captured), expected, "{captured}");
    }
}

#[test]
fn checksums_and_what_a_reset_says() {
    let good = ip4(6, &tcp(0x10, 1, 2, b"", b"abcde"));
    assert!(
        line(&verbose(1), &good).contains("Flags [.], cksum 0x65e7 (correct), seq 1:6, ack 2"),
        "{}",
        line(&verbose(1), &good)
    );
    let mut bad = good;
    bad[36] ^= 0x80;
    assert!(line(&verbose(1), &bad).contains("cksum 0xe5e7 (incorrect -> 0x65e7)"), "{}", line(&verbose(1), &bad));
    assert!(!cut_line(&verbose(1), &bad, 42).contains("cksum"), "cannot be checked where bytes are missing");
    let reset = ip4(6, &tcp(4, 1, 0, b"", b"hello\x01\xff world this is a very long string here"));
    assert!(line(&verbose(1), &reset).ends_with("length 45 [RST+ hello^AM-^? world this is a very l]"));
}

#[test]
fn the_short_form() {
    let quiet = LineOptions { quiet: true, ..bare() };
    assert_eq!(line(&quiet, &ip4(6, &tcp(0x18, 1, 1, b"", b"abc"))), "IP 10.0.0.1.1000 > 10.0.0.2.2000: tcp 3");
}
