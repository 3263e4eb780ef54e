//! Fingerprints of TLS clients: JA3 (<https://github.com/salesforce/ja3>) and JA4 (<https://github.com/FoxIO-LLC/ja4>, its
//! technical details; the client's fingerprint over TCP only).
//!
//! Both leave GREASE out. JA3 keeps the order of what the client sends, which browsers shuffle by now; JA4 sorts it.

use super::tls::{ALPN, ClientHello, SERVER_NAME, Version, is_grease};
use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt::{self, Display, Write};

/// JA3's text: version, ciphers, extensions, groups and point formats, as decimal numbers.
#[must_use]
pub fn ja3_text(hello: &ClientHello<'_>) -> String {
    text(|out| write_ja3(out, hello))
}

/// JA3: the MD5 of its text, as 32 hexadecimal digits.
#[must_use]
pub fn ja3(hello: &ClientHello<'_>) -> String {
    digest::<Md5>(16, |out| write_ja3(out, hello))
}

/// JA4, as `t13d1516h2_8daaf6152771_b186095e22b6`. Sorts a copy of the ciphers and of the extensions.
#[must_use]
pub fn ja4(hello: &ClientHello<'_>) -> String {
    let lists = Sorted::of(hello);
    let ciphers = |out: &mut dyn Write| hexes(out, &lists.ciphers);
    let extensions = |out: &mut dyn Write| write_extensions(out, &lists.extensions, hello);
    // "We do this rather than running a sha256 hash of nothing."
    let hashed = |is_empty: bool, write: &Writer<'_>| if is_empty { "0".repeat(12) } else { digest::<Sha256>(6, write) };
    text(|out| {
        write_prefix(out, hello)?;
        let ciphers = hashed(lists.ciphers.is_empty(), &ciphers);
        let extensions = hashed(lists.extensions.is_empty(), &extensions);
        write!(out, "_{ciphers}_{extensions}")
    })
}

/// JA4's raw form (`JA4_r`): the sorted lists themselves in place of their hashes.
#[must_use]
pub fn ja4_raw(hello: &ClientHello<'_>) -> String {
    let lists = Sorted::of(hello);
    text(|out| {
        write_prefix(out, hello)?;
        out.write_char('_')?;
        hexes(out, &lists.ciphers)?;
        out.write_char('_')?;
        write_extensions(out, &lists.extensions, hello)
    })
}

type Writer<'a> = dyn Fn(&mut dyn Write) -> fmt::Result + 'a;

fn text(write: impl Fn(&mut dyn Write) -> fmt::Result) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write(&mut out);
    out
}

/// The first bytes of the hash of what is written, as hexadecimal digits.
fn digest<D: Digest>(bytes: usize, write: impl Fn(&mut dyn Write) -> fmt::Result) -> String {
    struct Hashed<D>(D);
    impl<D: Digest> Write for Hashed<D> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.update(text);
            Ok(())
        }
    }
    let mut hashed = Hashed(D::new());
    let _ = write(&mut hashed);
    let hash = hashed.0.finalize();
    text(|out| hash.iter().take(bytes).try_for_each(|byte| write!(out, "{byte:02x}")))
}

fn joined<T: Display>(out: &mut dyn Write, between: char, items: impl Iterator<Item = T>) -> fmt::Result {
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.write_char(between)?;
        }
        write!(out, "{item}")?;
    }
    Ok(())
}

fn write_ja3(out: &mut dyn Write, hello: &ClientHello<'_>) -> fmt::Result {
    write!(out, "{},", hello.legacy_version().0)?;
    joined(out, '-', ciphers(hello))?;
    out.write_char(',')?;
    joined(out, '-', extensions(hello))?;
    out.write_char(',')?;
    joined(out, '-', without_grease(hello.groups()))?;
    out.write_char(',')?;
    joined(out, '-', hello.point_formats().iter())
}

fn without_grease(numbers: impl Iterator<Item = u16> + Clone) -> impl Iterator<Item = u16> + Clone {
    numbers.filter(|&number| !is_grease(number))
}

fn ciphers<'a>(hello: &'a ClientHello<'_>) -> impl Iterator<Item = u16> + Clone + 'a {
    without_grease(hello.ciphers().map(|cipher| cipher.0))
}

fn extensions<'a>(hello: &'a ClientHello<'_>) -> impl Iterator<Item = u16> + Clone + 'a {
    without_grease(hello.extensions().map(|(kind, _)| kind))
}

/// What JA4 sorts.
struct Sorted {
    ciphers: Vec<u16>,
    /// Without server name and application protocols, of which the first part tells.
    extensions: Vec<u16>,
}

impl Sorted {
    fn of(hello: &ClientHello<'_>) -> Self {
        let mut ciphers: Vec<u16> = ciphers(hello).collect();
        let mut extensions: Vec<u16> = extensions(hello).filter(|&kind| kind != SERVER_NAME && kind != ALPN).collect();
        ciphers.sort_unstable();
        extensions.sort_unstable();
        Self { ciphers, extensions }
    }
}

/// The first part: TCP, version, is a name asked for, how many ciphers and extensions, the first protocol.
fn write_prefix(out: &mut dyn Write, hello: &ClientHello<'_>) -> fmt::Result {
    let version = match hello.highest_version() {
        Version::TLS1_3 => "13",
        Version::TLS1_2 => "12",
        Version::TLS1_1 => "11",
        Version::TLS1_0 => "10",
        Version::SSL3 => "s3",
        Version::SSL2 => "s2",
        _ => "00",
    };
    let name = if hello.extensions().any(|(kind, _)| kind == SERVER_NAME) { 'd' } else { 'i' };
    let ciphers = ciphers(hello).count().min(99);
    let extensions = extensions(hello).count().min(99);
    let [first, last] = ends(hello.alpn().next().unwrap_or_default());
    write!(out, "t{version}{name}{ciphers:02}{extensions:02}{first}{last}")
}

/// First and last character of a protocol's name: of its hexadecimal form, if one of them is neither letter nor digit.
fn ends(protocol: &[u8]) -> [char; 2] {
    let (Some(&first), Some(&last)) = (protocol.first(), protocol.last()) else { return ['0'; 2] };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [first.into(), last.into()];
    }
    [first >> 4, last & 0x0f].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'))
}

/// Numbers of four hexadecimal digits, with commas between.
fn hexes(out: &mut dyn Write, numbers: &[u16]) -> fmt::Result {
    joined(out, ',', numbers.iter().map(|number| Hex(*number)))
}

struct Hex(u16);

impl Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}", self.0)
    }
}

/// Extensions, and the signature algorithms in the order sent.
fn write_extensions(out: &mut dyn Write, extensions: &[u16], hello: &ClientHello<'_>) -> fmt::Result {
    hexes(out, extensions)?;
    let algorithms = without_grease(hello.signature_algorithms());
    if algorithms.clone().next().is_some() {
        out.write_char('_')?;
    }
    joined(out, ',', algorithms.map(Hex))
}
