//! What the data of one packet says, in a few words that are safe to print: `GET / HTTP/1.1`, `TLS ClientHello for www.example.test`.
//!
//! One packet is all that is looked at: what goes over several is told by the first of them, as far as it is in there. Passwords are
//! never in it.

use super::command::{is_any, knows, line, split};
use super::dns::{self, Message};
use super::http::{self, Start};
use super::tls::{Content, HandshakeKind, Parts, client_hello, server_hello, shown};
use super::{App, Peek, Service, banner, quic, recognise_datagram};
use std::fmt::Write;

/// Longest phrase, characters; what is longer is cut.
const LONGEST: usize = 100;
/// Parts of TLS, records of an answer that are named.
const MOST: usize = 3;

/// A phrase for the data of a UDP datagram between these ports, the sender's first. `None`: nothing that is recognised.
#[must_use]
pub fn of_datagram(bytes: &[u8], ports: (u16, u16)) -> Option<String> {
    let app = recognise_datagram(bytes, ports).is()?.app;
    let phrase = match app {
        App::Dns | App::Mdns | App::Llmnr | App::Nbns => dns::read_cut(bytes).map(|message| dns_phrase(app, &message)),
        App::Ssdp => http_phrase(bytes),
        App::Quic => quic::initial(bytes).is().map(|_| "QUIC Initial: a new connection".to_owned()),
        _ => None,
    };
    Some(cut(phrase.unwrap_or_else(|| app.name().to_uppercase())))
}

/// A phrase for the data of a TCP segment. `None`: nothing that is recognised at its front.
#[must_use]
pub fn of_segment(bytes: &[u8]) -> Option<String> {
    let phrase = http_phrase(bytes).or_else(|| tls_phrase(bytes)).or_else(|| text_phrase(bytes)).or_else(|| {
        // Bytes of anything may look like a length: only a whole message counts.
        let framed = dns::read_stream(bytes).is().filter(|framed| framed.len == bytes.len())?;
        Some(dns_phrase(App::Dns, &framed.message))
    });
    phrase.map(cut)
}

fn cut(mut phrase: String) -> String {
    if let Some((at, _)) = phrase.char_indices().nth(LONGEST) {
        phrase.truncate(at);
        phrase.push('…');
    }
    phrase
}

fn http_phrase(bytes: &[u8]) -> Option<String> {
    Some(match http::start(bytes).is()? {
        Start::Request { method, target, minor } => format!("{} {} HTTP/1.{minor}", shown(method), shown(target)),
        Start::Status { minor, code, reason } => format!("HTTP/1.{minor} {code} {}", shown(reason)).trim_end().to_owned(),
    })
}

fn dns_phrase(app: App, message: &Message<'_>) -> String {
    let name = if app == App::Dns { "DNS" } else { app.name() };
    let id = message.header.id;
    let question = message.questions().next().map(|question| format!("{} of {}", question.kind, question.name));
    if !message.header.is_response() {
        let what = question.unwrap_or_else(|| message.header.opcode().to_string());
        return format!("{name} question 0x{id:04x}: {what}");
    }
    let mut phrase = format!("{name} answer 0x{id:04x}: ");
    let rcode = message.rcode();
    if rcode.0 != 0 {
        let _ = write!(phrase, "{rcode}");
        return phrase;
    }
    let mut answers = message.answers();
    let named: Vec<String> = answers.by_ref().take(MOST).map(|record| record.data.to_string()).collect();
    let more = answers.count();
    match (named.is_empty(), message.header.is_truncated()) {
        (_, true) => phrase.push_str("too long for UDP, ask by TCP"),
        (true, false) => phrase.push_str("nothing of that kind"),
        (false, false) => phrase.push_str(&named.join(", ")),
    }
    if more > 0 {
        let _ = write!(phrase, " and {more} more");
    }
    phrase
}

fn tls_phrase(bytes: &[u8]) -> Option<String> {
    let mut parts = Parts::new(bytes);
    let mut named = Vec::new();
    while named.len() < MOST {
        let Peek::Is(part) = parts.read() else { break };
        named.push(match part.content {
            Content::Handshake { kind: HandshakeKind::CLIENT_HELLO, .. } => match client_hello(bytes).is() {
                Some(hello) => {
                    let name = hello.server_name().map_or_else(String::new, |name| format!(" for {name}"));
                    format!("ClientHello{name} ({})", hello.highest_version())
                }
                None => "ClientHello".to_owned(),
            },
            Content::Handshake { kind: HandshakeKind::SERVER_HELLO, .. } => match server_hello(bytes).is() {
                Some(hello) => format!("ServerHello ({}, {})", hello.version(), hello.cipher),
                None => "ServerHello".to_owned(),
            },
            Content::Handshake { kind, .. } => kind.name().unwrap_or("handshake").to_owned(),
            Content::Alert(alert) => format!("alert: {alert}"),
            Content::ChangeCipherSpec => "ChangeCipherSpec".to_owned(),
            Content::ApplicationData(n) => format!("{n} bytes encrypted"),
            Content::Opaque(..) => "encrypted".to_owned(),
        });
    }
    (!named.is_empty()).then(|| format!("TLS {}", named.join(", ")))
}

/// A line of a text protocol, without what is secret in it.
fn text_phrase(bytes: &[u8]) -> Option<String> {
    const SECRET: [&str; 5] = ["PASS", "AUTH", "APOP", "AUTHENTICATE", "LOGIN"];
    if let Some(version) = banner::ssh(bytes).is() {
        return Some(format!("SSH-{}-{}", shown(version.protocol), shown(version.software)));
    }
    if let Some(greeting) = banner::greeting(bytes).is() {
        let code = greeting.code.map_or_else(String::new, |code| format!("{code} "));
        return Some(format!("{code}{}", shown(greeting.text)));
    }
    let text = line(bytes).ok()?.text;
    let plain = [Service::Smtp, Service::Ftp, Service::Pop3].into_iter().any(|service| knows(service, text));
    if !plain && !knows(Service::Imap, text) {
        return None;
    }
    // IMAP's commands have a tag in front.
    let command = if plain { text } else { split(text).1 };
    let (word, rest) = split(command);
    if is_any(word, &SECRET) {
        return Some(format!("{} (the rest is not shown)", shown(word)));
    }
    Some(format!("{} {}", shown(word), shown(rest)).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_and_answers_are_named_by_their_first_line() {
        assert_eq!(of_segment(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").as_deref(), Some("GET / HTTP/1.1"));
        assert_eq!(of_segment(b"HTTP/1.0 404 Not Found\r\n").as_deref(), Some("HTTP/1.0 404 Not Found"));
        assert_eq!(of_segment(b"EHLO mail.example.test\r\n").as_deref(), Some("EHLO mail.example.test"));
        assert_eq!(of_segment(&[7; 300]), None);
    }

    #[test]
    fn what_is_secret_is_not_in_it() {
        for secret in [&b"PASS hunter2\r\n"[..], b"a1 LOGIN joe hunter2\r\n", b"AUTH PLAIN AGpvZQBodW50ZXIy\r\n"] {
            let phrase = of_segment(secret).expect("a command");
            assert!(!phrase.contains("hunter2") && !phrase.contains("AGpv"), "{phrase}");
        }
        assert_eq!(of_segment(b"USER joe\r\n").as_deref(), Some("USER joe"));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_short_and_safe_phrase_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..300), start in 0..4_usize) {
            let fronts: [&[u8]; 4] = [b"", b"GET /", b"\x16\x03\x01\x00\x20\x01", b"220 "];
            let all = [fronts[start], &bytes].concat();
            for phrase in [of_segment(&all), of_datagram(&all, (53, 4000))].into_iter().flatten() {
                prop_assert!(phrase.chars().count() <= LONGEST + 1);
                prop_assert!(!phrase.chars().any(char::is_control), "{phrase:?}");
            }
        }
    }
}
