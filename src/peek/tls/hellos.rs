//! Hellos of real clients (tests/data/make-client-hellos makes them), held to what tshark and another reading of JA4's rules say.

use super::{ClientHello, Content, Parts, RECORD_HEADER, Record, alert, certificate, client_hello, server_hello, sslv2_hello};
use crate::peek::Peek;
use crate::peek::tls_fingerprint::{ja3, ja3_text, ja4, ja4_raw};
use proptest::prelude::*;
use std::collections::HashMap;

const BYTES: &[u8] = include_bytes!("../../../tests/data/client-hellos.bin");
const SAID: &str = include_str!("../../../tests/data/client-hellos.tsv");

fn hellos() -> Vec<(HashMap<&'static str, &'static str>, &'static [u8])> {
    rows(BYTES, SAID)
}

/// Streams behind their lengths, each with what is said of it, by column.
pub(super) fn rows(mut rest: &'static [u8], said: &'static str) -> Vec<(HashMap<&'static str, &'static str>, &'static [u8])> {
    let mut rows = said.lines().map(|line| line.split('\t'));
    let columns: Vec<_> = rows.next().unwrap().collect();
    let found = rows.map(|row| {
        let (length, after) = rest.split_first_chunk().unwrap();
        let (hello, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        rest = after;
        let row: HashMap<_, _> = columns.iter().copied().zip(row).collect();
        assert_eq!(row.len(), columns.len());
        (row, hello)
    });
    let found: Vec<_> = found.collect();
    assert!(rest.is_empty());
    found
}

fn read(bytes: &[u8]) -> ClientHello<'_> {
    let Peek::Is(hello) = client_hello(bytes) else { panic!("{:?}", client_hello(bytes)) };
    hello
}

fn joined<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}

#[test]
fn real_clients_say_what_tshark_says_they_do() {
    let hellos = hellos();
    assert!(hellos.iter().filter(|(row, _)| !row["client"].starts_with("made")).count() >= 200);
    for (said, bytes) in hellos {
        let hello = read(bytes);
        let client = said["client"];
        assert_eq!(hello.server_name().unwrap_or_default(), said["server_name"], "{client}");
        let protocols = hello.alpn().collect::<Vec<_>>().join(&b","[..]);
        assert_eq!(String::from_utf8_lossy(&protocols), said["alpn"], "{client}");
        assert_eq!(format!("0x{:04x}", hello.legacy_version().0), said["version"], "{client}");
        let versions = hello.supported_versions().map(|version| format!("0x{:04x}", version.0));
        assert_eq!(joined(versions), said["supported_versions"], "{client}");
        assert_eq!(ja3_text(&hello), said["ja3_full"], "{client}");
        assert_eq!(ja3(&hello), said["ja3"], "{client}");
        assert_eq!(ja4_raw(&hello), said["ja4_r"], "{client}");
        assert_eq!(ja4(&hello), said["ja4"], "{client}");
        assert_eq!(hello.has_grease(), client.contains("GREASE") || hello.ciphers().any(|c| c.0 == 0x0a0a), "{client}");
        assert_eq!(hello.end, bytes.len(), "{client}");
    }
}

/// What JA4's rules print of their example.
#[test]
fn the_published_example_of_ja4() {
    let hellos = hellos();
    let (_, bytes) = hellos.iter().find(|(row, _)| row["client"] == "made: the example of JA4's rules").unwrap();
    let hello = read(bytes);
    assert_eq!(ja4(&hello), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    let raw = "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_0005,000a,000b,000d,0012,0015,\
               0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601";
    assert_eq!(ja4_raw(&hello), raw);
    let (_, bytes) = hellos.iter().find(|(row, _)| row["client"] == "made: no signature algorithms").unwrap();
    assert!(ja4_raw(&read(bytes)).ends_with("_0005,000a,000b,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01"));
}

#[test]
fn fields_that_no_fingerprint_tells() {
    let hellos = hellos();
    let of = |client: &str| read(hellos.iter().find(|(row, _)| row["client"] == format!("made: {client}")).unwrap().1);
    let hello = of("compression");
    assert_eq!(hello.compression_methods(), [1, 0]);
    assert_eq!(hello.session_id(), (0..32).collect::<Vec<u8>>());
    assert_eq!(hello.random()[..4], [0xa4, 0x41, 0xb1, 0x5f]);
    let old = of("SSL 3.0");
    assert_eq!((old.session_id().len(), old.extensions().count()), (0, 0));
    assert_eq!(old.highest_version().to_string(), "SSL 3.0");
    let versions = of("GREASE and versions, lowest first");
    assert_eq!(versions.highest_version().to_string(), "TLS 1.3");
    assert_eq!(of("drafts of TLS 1.3").highest_version().to_string(), "TLS 1.3 draft 28");
}

/// The beginnings of application protocols in JA4's rules, and what stands for them.
#[test]
fn the_published_ends_of_protocols() {
    let hellos = hellos();
    for (protocol, ends) in [("ab", "ab"), ("abcd", "ad"), ("30ab", "3b"), ("3031abcd", "3d"), ("30abcd31", "01"), ("68", "hh")] {
        let (_, bytes) = hellos.iter().find(|(row, _)| row["client"] == format!("made: protocol {protocol}")).unwrap();
        assert_eq!(&ja4(&read(bytes))[8..10], ends);
    }
}

#[test]
fn every_beginning_needs_more() {
    for (said, bytes) in hellos() {
        for cut in 0..bytes.len() {
            assert_eq!(client_hello(&bytes[..cut]), Peek::More, "{} at {cut}", said["client"]);
        }
        let more = [bytes, &[23, 3, 3, 0, 1, 0]].concat();
        assert_eq!(read(&more), read(bytes));
        assert_eq!(server_hello(bytes), Peek::Not);
    }
}

/// The same handshake bytes in records of other lengths.
fn cut_into_records(bytes: &[u8], lengths: &mut dyn Iterator<Item = usize>) -> Vec<u8> {
    let mut message = Vec::new();
    let mut rest = bytes;
    while let Peek::Is(record) = Record::read(rest) {
        let (here, after) = rest[RECORD_HEADER..].split_at(record.len);
        message.extend_from_slice(here);
        rest = after;
    }
    let mut out = Vec::new();
    let mut rest = &message[..];
    while !rest.is_empty() {
        let (here, after) = rest.split_at(lengths.next().unwrap_or(usize::MAX).clamp(1, rest.len().min(1 << 14)));
        out.extend([22, 3, 1]);
        out.extend((here.len() as u16).to_be_bytes());
        out.extend_from_slice(here);
        rest = after;
    }
    out
}

#[test]
fn records_may_end_anywhere() {
    for (said, bytes) in hellos().into_iter().step_by(7) {
        let whole = read(bytes);
        let length = cut_into_records(bytes, &mut std::iter::empty()).len() - RECORD_HEADER;
        for at in 1..length {
            let two = cut_into_records(bytes, &mut [at].into_iter());
            let hello = read(&two);
            assert_eq!((ja3_text(&hello), ja4_raw(&hello)), (ja3_text(&whole), ja4_raw(&whole)), "{} at {at}", said["client"]);
            assert_eq!(hello.end, two.len());
            assert_eq!(client_hello(&two[..two.len() - 1]), Peek::More);
            assert_eq!(client_hello(&two[..RECORD_HEADER + at]), Peek::More);
        }
    }
}

/// TLS 1.3 sends a change of ciphers that changes nothing (RFC 8446 appendix D.4): the second hello is in the clear.
#[test]
fn a_second_hello_is_seen_behind_a_change_of_ciphers() {
    let (_, hello) = hellos().into_iter().find(|(row, _)| row["client"] == "made: the example of JA4's rules").unwrap();
    let change = [20, 3, 3, 0, 1, 1];
    let kinds = |bytes: &[u8]| {
        let mut parts = Parts::new(bytes);
        let mut kinds = Vec::new();
        while let Peek::Is(part) = parts.read() {
            kinds.push(match part.content {
                Content::Handshake { kind, .. } => kind.to_string(),
                content => format!("{content:?}"),
            });
        }
        kinds
    };
    let again = ["ClientHello", "ChangeCipherSpec", "ClientHello"];
    assert_eq!(kinds(&[hello, &change, hello].concat()), again);
    assert_eq!(kinds(&[hello, &change, &hello[..hello.len() - 1]].concat()), again[..2]);
    let finished = [22, 3, 3, 0, 6, 1, 0, 0, 9, 7, 7];
    let ends = ["ClientHello", "ChangeCipherSpec", "Opaque(Handshake, 6)"];
    assert_eq!(kinds(&[hello, &change, &finished].concat()), ends);
}

/// An answer about the beginning holds for the whole.
fn stays<T: PartialEq + std::fmt::Debug>(beginning: &Peek<T>, whole: &Peek<T>) {
    assert!(beginning == &Peek::More || beginning == whole, "{beginning:?} {whole:?}");
}

/// All that can be asked of bytes.
fn ask_everything(bytes: &[u8]) {
    for cut in [bytes.len() / 2, bytes.len().saturating_sub(1)] {
        let beginning = &bytes[..cut];
        stays(&client_hello(beginning), &client_hello(bytes));
        stays(&server_hello(beginning), &server_hello(bytes));
        stays(&certificate(beginning), &certificate(bytes));
        stays(&alert(beginning), &alert(bytes));
        stays(&sslv2_hello(beginning), &sslv2_hello(bytes));
        stays(&Record::read(beginning), &Record::read(bytes));
    }
    if let Peek::Is(hello) = client_hello(bytes) {
        assert!(hello.end <= bytes.len() && hello.session_id().len() <= 32 && hello.random().len() == 32);
        assert!(hello.ciphers().len() > 0 && !hello.compression_methods().is_empty());
        assert_eq!(ja3(&hello).len(), 32);
        assert!(ja4(&hello).len() >= 36 && ja4_raw(&hello).len() >= 12);
        std::hint::black_box((hello.server_name(), hello.groups().len(), hello.has_grease(), hello.highest_version()));
    }
    if let Peek::Is(hello) = server_hello(bytes) {
        assert!(hello.end <= bytes.len() && hello.session_id().len() <= 32);
        std::hint::black_box((hello.version(), hello.alpn(), hello.is_retry()));
    }
    std::hint::black_box((certificate(bytes), alert(bytes), sslv2_hello(bytes), Record::read(bytes)));
    let mut parts = Parts::new(bytes);
    let mut end = 0;
    while let Peek::Is(part) = parts.read() {
        assert!(part.start >= end && part.end > part.start && part.end <= bytes.len(), "{part:?} after {end}");
        end = part.end;
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        ask_everything(&bytes);
    }

    #[test]
    fn any_handshake_messages_are_answered(
        messages in prop::collection::vec((0u8..26, prop::collection::vec(any::<u8>(), 0..120)), 0..6),
        lengths in prop::collection::vec(1usize..80, 0..20),
    ) {
        let bytes: Vec<u8> = messages
            .iter()
            .flat_map(|(kind, body)| [&[*kind, 0, 0, body.len() as u8][..], body].concat())
            .collect();
        let record = [&[22, 3, 1][..], &(bytes.len() as u16).to_be_bytes(), &bytes].concat();
        ask_everything(&cut_into_records(&record, &mut lengths.into_iter()));
    }

    /// A hello with bytes changed is another hello, or none; cut short, nobody says it is none before the change.
    #[test]
    fn changed_hellos_are_answered(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let hellos = hellos();
        let mut bytes = which.get(&hellos).1.to_vec();
        let mut first = bytes.len();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
            first = first.min(at);
        }
        ask_everything(&bytes);
        let cut = cut.index(bytes.len());
        ask_everything(&bytes[..cut]);
        if cut <= first {
            prop_assert_eq!(client_hello(&bytes[..cut]), Peek::More);
        }
    }

    #[test]
    fn records_of_any_lengths(which in any::<prop::sample::Index>(), lengths in prop::collection::vec(1usize..200, 0..40)) {
        let hellos = hellos();
        let (said, bytes) = which.get(&hellos);
        let cut = cut_into_records(bytes, &mut lengths.into_iter());
        prop_assert_eq!(ja4(&read(&cut)), said["ja4"]);
    }
}
