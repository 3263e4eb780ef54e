//! Any bytes as one side of a TLS connection: no panic, ends within the bytes, and an answer about a beginning holds for the whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye::peek::Peek;
use sockeye::peek::tls::{MAX_NAMES, Parts, Record, alert, certificate, client_hello, server_hello, sslv2_hello};
use sockeye::peek::tls_fingerprint::{ja3, ja3_text, ja4, ja4_raw};
use std::fmt::Debug;

fn stays<T: PartialEq + Debug>(beginning: Peek<T>, whole: &Peek<T>) {
    assert!(beginning == Peek::More || beginning == *whole, "{beginning:?} {whole:?}");
}

fn check(bytes: &[u8], cut: usize) {
    let beginning = &bytes[..cut.min(bytes.len())];
    let client = client_hello(bytes);
    let server = server_hello(bytes);
    let names = certificate(bytes);
    stays(client_hello(beginning), &client);
    stays(server_hello(beginning), &server);
    stays(certificate(beginning), &names);
    stays(alert(beginning), &alert(bytes));
    stays(sslv2_hello(beginning), &sslv2_hello(bytes));
    stays(Record::read(beginning), &Record::read(bytes));
    if let Peek::Is(hello) = client {
        assert!(hello.end <= bytes.len() && hello.session_id().len() <= 32 && hello.random().len() == 32);
        assert!(hello.ciphers().len() > 0 && !hello.compression_methods().is_empty());
        assert_eq!(ja3(&hello).len(), 32);
        let (raw, short) = (ja4_raw(&hello), ja4(&hello));
        assert!(short.len() == 36 && raw[..11] == short[..11], "{raw} {short}");
        let words = (ja3_text(&hello), hello.server_name(), hello.has_grease(), hello.highest_version().to_string());
        std::hint::black_box(words);
    }
    if let Peek::Is(hello) = server {
        assert!(hello.end <= bytes.len() && hello.session_id().len() <= 32 && hello.random().len() == 32);
        std::hint::black_box((hello.version().to_string(), hello.cipher.to_string(), hello.alpn(), hello.is_retry()));
    }
    if let Peek::Is(names) = names {
        assert!(names.names.len() <= MAX_NAMES && (names.more_names == 0 || names.names.len() == MAX_NAMES));
    }
    let mut parts = Parts::new(bytes);
    let mut end = 0;
    while let Peek::Is(part) = parts.read() {
        assert!(part.start >= end && part.end > part.start && part.end <= bytes.len());
        end = part.end;
    }
    assert_eq!(parts.read(), parts.read());
}

// The input is a list of streams, each behind its length in four bytes, as in tests/data; and one stream.
fuzz_target!(|data: &[u8]| {
    let cut = data.last().map_or(0, |&last| usize::from(last) * 3);
    check(data, cut);
    let mut rest = data;
    while let Some((length, after)) = rest.split_first_chunk() {
        let (bytes, later) = after.split_at((u32::from_be_bytes(*length) as usize).min(after.len()));
        rest = later;
        check(bytes, cut);
    }
});
