//! Any bytes as what an application says: no reader panics or loops, what is told lies in the bytes, and a body of HTTP ends at the
//! same byte however it is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye::peek::http::{Body, Progress};
use sockeye::peek::{Peek, Service, banner, clear, dns, http, login, quic, recognise, recognise_datagram};
use std::fmt::Write;

fn names(bytes: &[u8]) {
    let Some(message) = dns::read_cut(bytes) else {
        return assert!(dns::read(bytes).is().is_none());
    };
    let mut text = String::new();
    for question in message.questions() {
        assert!(question.name.wire().len() <= 255);
        write!(text, "{} {} {}", question.name, question.class, question.kind).expect("a String takes everything");
    }
    for record in message.records() {
        text.clear();
        write!(text, "{:#} {} {:#}", record.name, record.kind, record.data).expect("a String takes everything");
        assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b)), "{text:?}");
        assert!(text.len() <= 2000 + 5 * record.data.bytes().len());
    }
    assert!(message.bytes().len() <= bytes.len());
}

fn requests(bytes: &[u8]) {
    let Some(head) = http::read(bytes).is() else { return };
    assert!(head.len() <= bytes.len() && http::start(bytes) == Peek::Is(head.start));
    for field in head.fields() {
        assert_eq!(&bytes[field.at..field.at + field.value.len()], field.value);
    }
    if let Some(password) = login::basic(&head).and_then(|login| login.password) {
        assert!(password.range.end <= head.len());
    }
    for asked in [None, Some(&b"HEAD"[..]), Some(b"CONNECT")] {
        let rest = &bytes[head.len()..];
        let mut at_once = Body::new(head.framing(asked));
        let passed = at_once.pass(rest);
        let mut in_pieces = Body::new(head.framing(asked));
        let mut used = 0;
        for piece in rest.chunks(3) {
            if in_pieces.progress() != Progress::Within {
                break;
            }
            used += in_pieces.pass(piece).used;
        }
        assert_eq!((in_pieces, used), (at_once, passed.used));
    }
}

fn logins(service: Service, bytes: &[u8]) {
    let mut rest = bytes;
    while let Peek::Is(login) = login::find(service, rest) {
        assert!(login.end > 0 && login.password.is_none_or(|password| password.range.end <= login.end));
        rest = &rest[login.end..];
    }
}

fuzz_target!(|data: &[u8]| {
    let [first, rest @ ..] = data else { return };
    let (a, b) = rest.split_at(usize::from(*first).min(rest.len()));
    let there = recognise([a, b]).map(|found| (found.app, found.first));
    assert_eq!(there, recognise([b, a]).map(|found| (found.app, found.first.map(|speaker| speaker.other()))));
    let _ = recognise_datagram(rest, (50_000, 53));
    names(rest);
    if let Some(framed) = dns::read_stream(rest).is() {
        assert!(framed.len <= rest.len());
    }
    requests(rest);
    Service::ALL.into_iter().for_each(|service| logins(service, rest));
    assert!(banner::greeting(rest).is().is_none_or(|greeting| greeting.len <= rest.len()));
    let _ = (clear::telnet(rest), clear::rlogin(rest), clear::ldap_bind(rest), clear::mqtt(rest), clear::redis(rest));
    assert!(banner::ssh(rest).is().is_none_or(|version| version.len <= rest.len()));
    assert!(quic::initial(rest).is().is_none_or(|packet| packet.len <= rest.len()));
});
