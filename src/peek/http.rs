//! HTTP/1 messages (RFC 9112): request lines, status lines, header fields, and with [`body`] how long the body is.
//!
//! Lines may end in a bare LF, and a request may have an empty line before it, as servers take it; a start line must be one in
//! all else, so that other text is not taken for HTTP. Values are lent as they were sent: whoever shows them escapes them.

pub mod body;

pub use body::{Body, Framing, Passed, Progress};

use super::{Peek, Speaker, Stop};

/// Longest method taken for one, bytes; the longest registered with IANA has 17.
const MAX_METHOD: usize = 24;

/// Most of `\r` and `\n` before a request line: two empty lines (RFC 9112 section 2.2).
const MAX_EMPTY: usize = 4;

/// The preface of HTTP/2 with prior knowledge (RFC 9113 section 3.4).
pub const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The first line of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'a> {
    /// A request's (RFC 9112 section 3).
    Request {
        /// `GET`, `POST`, …: capital letters, digits, `-` and `_`.
        method: &'a [u8],
        /// What is asked for: a path with its query, a URL, `host:port`, or `*`. Never empty, no blanks in it.
        target: &'a [u8],
        /// The digit behind `HTTP/1.`.
        minor: u8,
    },
    /// A response's (RFC 9112 section 4).
    Status {
        /// The digit behind `HTTP/1.`.
        minor: u8,
        /// 100 to 999.
        code: u16,
        /// What it means in words; may be empty.
        reason: &'a [u8],
    },
}

impl Start<'_> {
    /// Is it a request's?
    #[must_use]
    pub const fn is_request(&self) -> bool {
        matches!(self, Self::Request { .. })
    }

    /// The digit behind `HTTP/1.`.
    #[must_use]
    pub const fn minor(&self) -> u8 {
        match self {
            Self::Request { minor, .. } | Self::Status { minor, .. } => *minor,
        }
    }
}

/// Start line and header fields of a message.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The first line.
    pub start: Start<'a>,
    /// The bytes it was read from, up to the body.
    bytes: &'a [u8],
    /// Where the header fields begin.
    fields_at: usize,
}

/// One header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name as sent; names are compared without regard to case (RFC 9110 section 5.1).
    pub name: &'a [u8],
    /// Its value without blanks around it. Where the field goes on in the next line (RFC 9112 section 5.2) the line end is in it.
    pub value: &'a [u8],
    /// Where the value begins, bytes from those that [`read`] was given.
    pub at: usize,
}

impl Field<'_> {
    /// Has it this name?
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Reads a message's head, from its first byte up to the empty line. `More`: that has not come yet. [`start`] tells what the first
/// line says before.
#[must_use]
pub fn read(bytes: &[u8]) -> Peek<Head<'_>> {
    head(bytes).into()
}

fn head(bytes: &[u8]) -> Result<Head<'_>, Stop> {
    let (start, fields_at) = start_line(bytes)?;
    let mut at = fields_at;
    loop {
        let line = line(&bytes[at..]).ok_or(Stop::More)?;
        at += line.len;
        if line.text.is_empty() {
            return Ok(Head { start, bytes: &bytes[..at], fields_at });
        }
    }
}

/// Reads a message's first line alone.
#[must_use]
pub fn start(bytes: &[u8]) -> Peek<Start<'_>> {
    start_line(bytes).map(|(start, _)| start).into()
}

/// Who sends a message that begins so, a client (a request) or a server? Also says so of a first line that is cut, where its
/// method is a common one or its version stands there.
#[must_use]
pub fn speaker(bytes: &[u8]) -> Option<Speaker> {
    const COMMON: [&[u8]; 8] = [b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"CONNECT ", b"PATCH "];
    match start(bytes) {
        Peek::Is(Start::Request { .. }) => Some(Speaker::Client),
        Peek::Is(Start::Status { .. }) => Some(Speaker::Server),
        Peek::More if COMMON.iter().any(|method| bytes.starts_with(method)) => Some(Speaker::Client),
        Peek::More if bytes.starts_with(b"HTTP/1.") => Some(Speaker::Server),
        _ => None,
    }
}

/// A line and how many bytes it takes with its end.
struct Line<'a> {
    text: &'a [u8],
    len: usize,
}

/// The line at the front: up to LF or CR LF. Nothing if no LF is there.
fn line(bytes: &[u8]) -> Option<Line<'_>> {
    let end = bytes.iter().position(|&b| b == b'\n')?;
    let text = &bytes[..end];
    Some(Line { text: text.strip_suffix(b"\r").unwrap_or(text), len: end + 1 })
}

/// The first line and where the second begins.
fn start_line(bytes: &[u8]) -> Result<(Start<'_>, usize), Stop> {
    let empty = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    if empty > MAX_EMPTY {
        return Err(Stop::Not);
    }
    let rest = &bytes[empty..];
    match rest.first() {
        None => Err(Stop::More),
        // An answer starts with its first byte.
        Some(b'H') if empty == 0 && begins_alike(rest, b"HTTP/") => status_line(rest),
        Some(_) => request_line(rest).map(|(start, len)| (start, empty + len)),
    }
}

/// Is one of the two the beginning of the other?
fn begins_alike(bytes: &[u8], text: &[u8]) -> bool {
    bytes.iter().zip(text).all(|(a, b)| a == b)
}

/// What follows this text, which must be at the front.
fn after<'a>(bytes: &'a [u8], text: &[u8]) -> Result<&'a [u8], Stop> {
    match bytes.strip_prefix(text) {
        Some(rest) => Ok(rest),
        None if begins_alike(bytes, text) => Err(Stop::More),
        None => Err(Stop::Not),
    }
}

/// A byte that must be one of a kind.
fn one(bytes: &[u8], is: impl Fn(u8) -> bool) -> Result<(u8, &[u8]), Stop> {
    let (&first, rest) = bytes.split_first().ok_or(Stop::More)?;
    if is(first) { Ok((first, rest)) } else { Err(Stop::Not) }
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Bytes of methods that are in use: other tokens (section 9.1) would be allowed.
fn is_method(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
}

/// `HTTP/1.1 200 OK`. The blank behind the code may be missing where no reason follows.
fn status_line(bytes: &[u8]) -> Result<(Start<'_>, usize), Stop> {
    let (minor, rest) = one(after(bytes, b"HTTP/1.")?, |b| b.is_ascii_digit())?;
    let mut rest = after(rest, b" ")?;
    let mut code = 0;
    for n in 0..3 {
        let (digit, later) = one(rest, |b| b.is_ascii_digit() && (n > 0 || b != b'0'))?;
        code = code * 10 + u16::from(digit - b'0');
        rest = later;
    }
    one(rest, |b| matches!(b, b' ' | b'\r' | b'\n'))?;
    let line = line(rest).ok_or(Stop::More)?;
    let reason = line.text.strip_prefix(b" ").unwrap_or(line.text);
    let len = bytes.len() - rest.len() + line.len;
    if reason.contains(&b'\r') {
        return Err(Stop::Not);
    }
    Ok((Start::Status { minor: minor - b'0', code, reason }, len))
}

/// `GET /index.html HTTP/1.1`. Exactly one blank between the parts.
fn request_line(bytes: &[u8]) -> Result<(Start<'_>, usize), Stop> {
    one(bytes, |b| b.is_ascii_uppercase())?;
    let length = bytes.iter().take(MAX_METHOD + 1).take_while(|&&b| is_method(b)).count();
    if length > MAX_METHOD {
        return Err(Stop::Not);
    }
    let (method, rest) = bytes.split_at(length);
    let rest = after(rest, b" ")?;
    let target = &rest[..rest.iter().take_while(|&&b| b > b' ' && b != 0x7f).count()];
    if !is_target(method, target, target.len() < rest.len()) {
        return Err(Stop::Not);
    }
    let (minor, rest) = one(after(&rest[target.len()..], b" HTTP/1.")?, |b| b.is_ascii_digit())?;
    let ended = match rest {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        [] | [b'\r'] => return Err(Stop::More),
        _ => return Err(Stop::Not),
    };
    let len = bytes.len() - rest.len() + ended;
    Ok((Start::Request { method, target, minor: minor - b'0' }, len))
}

/// Is it one of the four forms of RFC 9112 section 3.2, or may it become one if it is not whole?
fn is_target(method: &[u8], target: &[u8], whole: bool) -> bool {
    match target {
        [] => !whole,
        [b'/', ..] | b"*" => true,
        _ if method == b"CONNECT" => !whole || target.contains(&b':'),
        _ => {
            let scheme = target.iter().take_while(|&&b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)).count();
            let rest = &target[scheme..];
            target[0].is_ascii_alphabetic() && begins_alike(rest, b"://") && (!whole || rest.starts_with(b"://"))
        }
    }
}

impl<'a> Head<'a> {
    /// How many bytes it takes: the body begins there.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: a head has a first line.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The header fields in order. Lines that are none (no colon, or no token before it) are left out.
    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let bytes = self.bytes;
        let mut at = self.fields_at;
        std::iter::from_fn(move || {
            loop {
                let begins = at;
                at += line(bytes.get(at..)?).filter(|line| !line.text.is_empty())?.len;
                // RFC 9112 section 5.2: a line that starts with a blank goes on with the field before it.
                while let Some(b' ' | b'\t') = bytes.get(at) {
                    at += line(&bytes[at..])?.len;
                }
                if let Some(field) = field(bytes, begins, at) {
                    return Some(field);
                }
            }
        })
    }

    /// The first header field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.fields().find(|field| field.is(name)).map(|field| field.value)
    }

    /// The members of a header field that is a list, of all fields of this name (RFC 9110 section 5.6.1). Empty ones are left out;
    /// commas between quotation marks divide nothing.
    pub fn list(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields().filter(move |field| field.is(name)).flat_map(|field| members(field.value))
    }

    /// `Host`: name and port of who is asked.
    #[must_use]
    pub fn host(&self) -> Option<&'a [u8]> {
        self.field("host")
    }

    /// `Content-Type` with its parameters.
    #[must_use]
    pub fn content_type(&self) -> Option<&'a [u8]> {
        self.field("content-type")
    }

    /// `User-Agent`.
    #[must_use]
    pub fn user_agent(&self) -> Option<&'a [u8]> {
        self.field("user-agent")
    }

    /// `Server`.
    #[must_use]
    pub fn server(&self) -> Option<&'a [u8]> {
        self.field("server")
    }

    /// `Upgrade`: the protocol that is asked for or switched to, as `websocket`.
    #[must_use]
    pub fn upgrade(&self) -> Option<&'a [u8]> {
        self.field("upgrade")
    }

    /// The scheme of `Authorization` (RFC 9110 section 11.4), as `Basic` or `Bearer`: that there are credentials, not which.
    #[must_use]
    pub fn authorization(&self) -> Option<&'a [u8]> {
        self.field("authorization")?.split(|&b| b == b' ').next()
    }

    /// Will the connection be used again after this message (RFC 9112 section 9.3)?
    #[must_use]
    pub fn keeps_open(&self) -> bool {
        let says = |option: &str| self.list("connection").any(|one| one.eq_ignore_ascii_case(option.as_bytes()));
        !says("close") && (self.start.minor() >= 1 || says("keep-alive"))
    }
}

/// The field in these bytes, all its lines.
fn field(bytes: &[u8], begins: usize, end: usize) -> Option<Field<'_>> {
    let lines = &bytes[begins..end];
    let colon = lines.iter().position(|&b| b == b':')?;
    // RFC 9112 section 5.1 forbids blanks before the colon; servers differ.
    let name = lines[..colon].trim_ascii_end();
    let value = lines[colon + 1..].trim_ascii_start();
    let at = end - value.len();
    (!name.is_empty() && name.iter().all(|&b| is_token(b))).then_some(Field { name, value: value.trim_ascii_end(), at })
}

/// What commas divide.
fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let mut escaped = false;
    value
        .split(move |&b| {
            let divides = b == b',' && !quoted;
            quoted ^= b == b'"' && !escaped;
            escaped = quoted && b == b'\\' && !escaped;
            divides
        })
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peek::samples;
    use proptest::prelude::*;

    fn request<'a>(method: &'a [u8], target: &'a [u8], minor: u8) -> Peek<Start<'a>> {
        Peek::Is(Start::Request { method, target, minor })
    }

    #[test]
    fn the_bundled_capture_is_read_message_by_message() {
        let said = samples::read("http-get.pcap");
        let [(_, asked), (_, answered)] = &said.streams[0].1[..] else { panic!("two sides") };
        let head = read(asked).is().unwrap();
        assert_eq!(head.start, Start::Request { method: b"GET", target: b"/hello.txt", minor: 1 });
        assert_eq!(head.host(), Some(&b"10.77.0.2"[..]));
        assert_eq!(head.user_agent(), Some(&b"curl/7.88.1"[..]));
        assert_eq!((head.len(), head.framing(None)), (asked.len(), Framing::None));
        assert!(head.keeps_open());
        let head = read(answered).is().unwrap();
        assert_eq!(head.start, Start::Status { minor: 1, code: 200, reason: b"OK" });
        assert_eq!(head.content_type(), Some(&b"text/plain"[..]));
        assert_eq!(head.server(), Some(&b"sockeye-captures"[..]));
        assert_eq!(head.framing(Some(b"GET")), Framing::Length(26));
        assert_eq!(head.len() + 26, answered.len());
    }

    #[test]
    fn first_lines() {
        assert_eq!(start(b"GET / HTTP/1.0\r\n"), request(b"GET", b"/", 0));
        assert_eq!(start(b"\r\nPOST /a?b=c HTTP/1.1\n"), request(b"POST", b"/a?b=c", 1));
        assert_eq!(start(b"OPTIONS * HTTP/1.1\r\n"), request(b"OPTIONS", b"*", 1));
        assert_eq!(start(b"CONNECT example.test:443 HTTP/1.1\r\n"), request(b"CONNECT", b"example.test:443", 1));
        assert_eq!(start(b"GET http://example.test/ HTTP/1.1\r\n"), request(b"GET", b"http://example.test/", 1));
        assert_eq!(start(b"M-SEARCH * HTTP/1.1\r\n"), request(b"M-SEARCH", b"*", 1));
        assert_eq!(start(b"HTTP/1.1 200 OK\r\n"), Peek::Is(Start::Status { minor: 1, code: 200, reason: b"OK" }));
        assert_eq!(start(b"HTTP/1.0 404\r\n"), Peek::Is(Start::Status { minor: 0, code: 404, reason: b"" }));
        assert_eq!(start(b"HTTP/1.1 204 \n"), Peek::Is(Start::Status { minor: 1, code: 204, reason: b"" }));
    }

    #[test]
    fn the_front_of_a_cut_line_says_who_speaks() {
        assert_eq!(speaker(b"GET /a/long/pa"), Some(Speaker::Client));
        assert_eq!(speaker(b"GET / HTTP/1.1\r\n"), Some(Speaker::Client));
        assert_eq!(speaker(b"PROPFIND / HTTP/1.1\r\n"), Some(Speaker::Client));
        assert_eq!(speaker(b"HTTP/1.1 200 O"), Some(Speaker::Server));
        assert_eq!(speaker(b"HTTP/1.1 200 OK\r\n"), Some(Speaker::Server));
        for text in [&b"PROPFIND /"[..], b"GET", b"GET it is", b"HTTP", b"HTTP/1.x", b""] {
            assert_eq!(speaker(text), None, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn other_text_is_not_http() {
        let others: [&[u8]; 22] = [
            b"EHLO mail.example.test\r\n",
            b"USER student\r\n",
            b"MAIL FROM:<a@example.test>\r\n",
            b"GET /\r\n",
            b"GET  / HTTP/1.1\r\n",
            b"GET / HTTP/1.1 \r\n",
            b"GET /a b HTTP/1.1\r\n",
            b"get / HTTP/1.1\r\n",
            b"GET index.html HTTP/1.1\r\n",
            b"OPTIONS sip:a@example.test SIP/2.0\r\n",
            b"DESCRIBE rtsp://example.test/a RTSP/1.0\r\n",
            b"CONNECT example.test HTTP/1.1\r\n",
            b"PRI * HTTP/2.0\r\n",
            b"SSH-2.0-OpenSSH_9.2p1\r\n",
            b"HTTP/1.1 20 OK\r\n",
            b"HTTP/1.1 2000 OK\r\n",
            b"HTTP/1.1 000 OK\r\n",
            b"HTTP/2 200\r\n",
            b"RTSP/1.0 200 OK\r\n",
            b"\r\n\r\n\r\nGET / HTTP/1.1\r\n",
            b"220 ready\r\n",
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        ];
        for text in others {
            assert_eq!(start(text), Peek::Not, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn header_fields() {
        let text = b"POST / HTTP/1.1\nHOST:a\r\nX : 1 \r\nno field\r\nLong: a\r\n\tb\r\nBad Name: 1\r\nEmpty:\r\nConnection: x, close\r\n\
            Upgrade: websocket\r\nAuthorization: Bearer secret\r\nVia: a, \"b,\\\"c\" ,, d\r\nVia: e\r\n\r\nBody: no";
        let head = read(text).is().unwrap();
        let names: Vec<_> = head.fields().map(|field| field.name).collect();
        let expected: [&[u8]; 9] =
            [b"HOST", b"X", b"Long", b"Empty", b"Connection", b"Upgrade", b"Authorization", b"Via", b"Via"];
        assert_eq!(names, expected);
        assert_eq!(
            (head.host(), head.field("x"), head.field("long")),
            (Some(&b"a"[..]), Some(&b"1"[..]), Some(&b"a\r\n\tb"[..]))
        );
        assert_eq!((head.field("empty"), head.field("body")), (Some(&b""[..]), None));
        assert_eq!((head.upgrade(), head.authorization()), (Some(&b"websocket"[..]), Some(&b"Bearer"[..])));
        let via: [&[u8]; 4] = [b"a", b"\"b,\\\"c\"", b"d", b"e"];
        assert_eq!(head.list("via").collect::<Vec<_>>(), via);
        assert!(!head.keeps_open());
        assert_eq!(&text[head.len()..], b"Body: no");
        for field in head.fields() {
            assert_eq!(&text[field.at..field.at + field.value.len()], field.value);
        }
        let old = |fields: &str| read(format!("GET / HTTP/1.0\r\n{fields}\r\n").as_bytes()).is().unwrap().keeps_open();
        assert!(!old("") && old("Connection: Keep-Alive\r\n"));
    }

    /// Messages of both kinds with fields of all kinds.
    fn messages() -> impl Strategy<Value = Vec<u8>> {
        let start = prop::sample::select(vec![
            "GET / HTTP/1.1",
            "CONNECT a:1 HTTP/1.1",
            "HTTP/1.1 200 OK",
            "HTTP/1.0 304",
            "\r\nPUT /x HTTP/1.0",
        ]);
        let field = prop::sample::select(vec![
            "Host: a",
            "Content-Length: 5",
            "Content-Length: 5,5",
            "Content-Length: x",
            "Transfer-Encoding: gzip, chunked",
            " more",
            ":",
            "no",
            "Transfer-Encoding: gzip",
            "A: \u{1b}[1m",
            "\u{e9}: 1",
        ]);
        let end = prop::sample::select(vec!["\n", "\r\n"]);
        (start, prop::collection::vec((field, end.clone()), 0..6), end, "[a-z\r\n]{0,8}").prop_map(
            |(start, fields, end, body)| {
                let fields: String = fields.iter().flat_map(|&(field, end)| [field, end]).collect();
                format!("{start}{end}{fields}{end}{body}").into_bytes()
            },
        )
    }

    proptest! {
        #[test]
        fn a_part_says_the_same_or_waits(bytes in messages()) {
            let told = |head: Head<'_>| (format!("{head:?}"), head.len(), head.framing(None), head.fields().count());
            let whole = read(&bytes).map(told);
            let line = start(&bytes);
            prop_assert!(line.is().is_some());
            for cut in 0..bytes.len() {
                let part = read(&bytes[..cut]).map(told);
                prop_assert!(part == Peek::More || part == whole, "{:?}", part);
                let part = start(&bytes[..cut]);
                prop_assert!(part == Peek::More || part == line, "{:?}", part);
            }
        }

        #[test]
        fn random_bytes_are_no_message(bytes in prop::collection::vec(any::<u8>(), 8..200)) {
            prop_assert_eq!(start(&bytes), Peek::Not);
        }

        #[test]
        fn random_lines_are_no_message(text in "[A-Z]{1,8} [ -~]{0,30}\r\n") {
            prop_assert!(start(text.as_bytes()) == Peek::Not || text.contains(" HTTP/1."));
        }
    }
}
