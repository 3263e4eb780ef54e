//! What real servers answer (tests/data/make-server-answers makes it), held to what tshark and openssl say of it.

use super::{Alert, Content, HandshakeKind, Parts, Version, alert, certificate, client_hello, server_hello, sslv2_hello};
use crate::peek::Peek;
use std::collections::HashMap;

const BYTES: &[u8] = include_bytes!("../../../tests/data/server-answers.bin");
const SAID: &str = include_str!("../../../tests/data/server-answers.tsv");

/// Each with what is said of it, by column.
fn answers() -> Vec<(HashMap<&'static str, &'static str>, &'static [u8])> {
    super::hellos::rows(BYTES, SAID)
}

#[test]
fn real_servers_say_what_tshark_and_openssl_say_they_do() {
    for (said, bytes) in answers() {
        let server = said["server"];
        if said["version"].is_empty() {
            assert_eq!(server_hello(bytes), Peek::Not, "{server}");
            assert_eq!(certificate(bytes), Peek::Not, "{server}");
            let expected = Alert { fatal: said["alert_level"] == "2", description: said["alert"].parse().unwrap() };
            assert_eq!(alert(bytes), Peek::Is(expected), "{server}");
            continue;
        }
        let Peek::Is(hello) = server_hello(bytes) else { panic!("{server}") };
        let stated = Some(said["supported_version"]).filter(|text| !text.is_empty()).unwrap_or(said["version"]);
        assert_eq!(format!("0x{:04x}", hello.version().0), stated, "{server}");
        assert_eq!(format!("0x{:04x}", hello.cipher.0), said["cipher"], "{server}");
        assert!(hello.cipher.name().is_some(), "{server}");
        assert_eq!(hello.alpn().unwrap_or_default(), said["alpn"].as_bytes(), "{server}");
        assert_eq!(hello.is_retry(), server.contains("retry"), "{server}");
        assert_eq!(alert(bytes), Peek::Not, "{server}");
        if said["names"] == "-" {
            assert_eq!(certificate(bytes), Peek::Not, "{server}");
            continue;
        }
        let Peek::Is(found) = certificate(bytes) else { panic!("{server}") };
        assert_eq!(found.common_name.unwrap_or_default(), said["common_name"], "{server}");
        assert_eq!((found.names.join(","), found.more_names), (said["names"].into(), 0), "{server}");
    }
}

/// The answer to a beginning: more is needed, until there is one that stays.
fn settles<T: PartialEq + std::fmt::Debug>(read: impl Fn(&'static [u8]) -> Peek<T>, bytes: &'static [u8], what: &str) -> usize {
    let whole = read(bytes);
    let decided = (0..=bytes.len()).find(|&cut| read(&bytes[..cut]) != Peek::More).unwrap_or(bytes.len() + 1);
    for cut in decided..=bytes.len() {
        assert_eq!(read(&bytes[..cut]), whole, "{what} at {cut}");
    }
    decided
}

#[test]
fn every_beginning_needs_more_until_it_is_decided() {
    for (said, bytes) in answers() {
        let server = said["server"];
        let hello = settles(server_hello, bytes, server);
        if let Peek::Is(found) = server_hello(bytes) {
            assert_eq!(found.end, hello, "{server}");
        }
        let names = settles(certificate, bytes, server);
        assert!(names >= hello || said["version"].is_empty(), "{server}: {names} {hello}");
        settles(alert, bytes, server);
        assert_eq!(settles(client_hello, bytes, server), if said["version"].is_empty() { 5 } else { 9 }, "{server}");
        assert_eq!(settles(sslv2_hello, bytes, server), 1, "{server}");
    }
}

/// Messages and records in their order; nothing is left over.
fn words(bytes: &[u8]) -> Vec<&'static str> {
    let mut parts = Parts::new(bytes);
    let mut words = Vec::new();
    let mut end = 0;
    while let Peek::Is(part) = parts.read() {
        assert_eq!(part.start, end);
        end = part.end;
        words.push(match part.content {
            Content::Handshake { kind, .. } => kind.name().unwrap(),
            Content::Alert(_) => "alert",
            Content::ChangeCipherSpec => "change",
            Content::ApplicationData(_) => "data",
            Content::Opaque(..) => "opaque",
        });
    }
    assert_eq!((end, parts.read()), (bytes.len(), Peek::More));
    words
}

#[test]
fn the_course_of_a_handshake() {
    let answers = answers();
    let of = |server: &str| words(answers.iter().find(|(said, _)| said["server"] == server).unwrap().1);
    let full = ["ServerHello", "Certificate", "ServerKeyExchange", "ServerHelloDone", "NewSessionTicket", "change", "opaque"];
    assert_eq!(of("-tls1_2 ECDSA")[..7], full);
    assert_eq!(of("-tls1_2 records of 512 bytes at most")[..7], full);
    assert_eq!(of("-tls1_2 AES128-SHA")[..3], ["ServerHello", "Certificate", "ServerHelloDone"]);
    assert_eq!(of("-tls1_2 a session resumed")[..3], ["ServerHello", "change", "opaque"]);
    assert_eq!(of("-tls1_3 alpn")[..3], ["ServerHello", "change", "data"]);
    assert_eq!(of("-tls1_3 hello retry request")[..4], ["ServerHello", "change", "ServerHello", "data"]);
    assert_eq!(of("-tls1_3 hello retry request, no middlebox")[..3], ["ServerHello", "ServerHello", "data"]);
    assert_eq!(of("alert: name not known"), ["alert"]);
    for (_, bytes) in &answers {
        words(bytes);
    }
}

/// A record between the pieces of a message, and one of a length that no message has.
#[test]
fn broken_streams_are_not_tls() {
    let split = [&[22, 3, 3, 0, 4, 2, 0, 0, 70][..], &[23, 3, 3, 0, 1, 0]].concat();
    assert_eq!(server_hello(&split), Peek::Not);
    assert_eq!(server_hello(&[22, 3, 3, 0, 4, 2, 1, 0, 80]), Peek::Not);
    assert_eq!(server_hello(&[22, 3, 3, 0, 4, 200, 0, 0, 80]), Peek::Not);
    assert_eq!(server_hello(&[22, 3, 3, 0, 0]), Peek::Not);
    assert_eq!(server_hello(&[22, 3, 3, 0x48]), Peek::More);
    assert_eq!(server_hello(&[22, 3, 3, 0x48, 1]), Peek::Not);
    assert_eq!(server_hello(&[22, 3, 5]), Peek::Not);
    assert_eq!(certificate(&[22, 3, 3, 0, 7, 11, 0, 0, 3, 0, 0, 0]), Peek::Not);
    assert_eq!(certificate(&[22, 3, 3, 0, 10, 11, 0, 0, 6, 0, 0, 3, 0, 0, 9]), Peek::Not);
}

#[test]
fn versions_without_an_extension_count_by_their_field() {
    let mut body = vec![3, 0];
    body.extend([7; 32]);
    body.extend([0, 0, 10, 0]);
    let bytes = [&[22, 3, 0, 0, 42, HandshakeKind::SERVER_HELLO.0, 0, 0, 38][..], &body].concat();
    let Peek::Is(hello) = server_hello(&bytes) else { panic!() };
    assert_eq!((hello.version(), hello.cipher.0, hello.alpn()), (Version::SSL3, 10, None));
    assert_eq!(hello.version().to_string(), "SSL 3.0");
}
