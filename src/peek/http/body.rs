//! How long the body of an HTTP/1 message is (RFC 9112 section 6.3), and where in a stream it ends.
//!
//! [`Body`] takes a body in pieces of any size and keeps a few numbers only, so a connection can be followed from message to
//! message without keeping what is in them.

use super::{Head, Start};

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none: the next message follows the head.
    None,
    /// It has so many bytes, at least 1.
    Length(u64),
    /// In chunks, each with its length before it (section 7.1).
    Chunked,
    /// All that follows until the connection is closed.
    UntilClose,
    /// None: what follows is no HTTP, but a tunnel (CONNECT) or another protocol (101).
    Switched,
    /// The message contradicts itself, and where it ends is anyone's guess: a Content-Length that is no number or several, or a
    /// request with a Transfer-Encoding that does not end in chunks.
    Broken,
}

impl Head<'_> {
    /// How its body ends, by section 6.3, whose steps are numbered here.
    ///
    /// For a response `asked` is the method of the request that it answers: an answer to HEAD has no body, and CONNECT opens a
    /// tunnel. Where that is not known the answer is taken for one to GET. A request's own method is in it.
    #[must_use]
    pub fn framing(&self, asked: Option<&[u8]>) -> Framing {
        let is_request = match self.start {
            Start::Request { .. } => true,
            Start::Status { code: 101, .. } => return Framing::Switched,
            // 1
            Start::Status { code: 100..=199 | 204 | 304, .. } => return Framing::None,
            Start::Status { .. } if asked == Some(b"HEAD") => return Framing::None,
            // 2
            Start::Status { code: 200..=299, .. } if asked == Some(b"CONNECT") => return Framing::Switched,
            Start::Status { .. } => false,
        };
        // 3 and 4
        let mut codings = self.list("transfer-encoding").peekable();
        if codings.peek().is_some() {
            return match codings.last() {
                Some(last) if last.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
                _ if is_request => Framing::Broken,
                _ => Framing::UntilClose,
            };
        }
        // 5 and 6
        let mut length = None;
        for field in self.fields().filter(|field| field.is("content-length")) {
            for value in field.value.split(|&b| b == b',') {
                match (number(value.trim_ascii()), length) {
                    (Some(new), None) => length = Some(new),
                    (Some(new), Some(old)) if new == old => {}
                    _ => return Framing::Broken,
                }
            }
        }
        match length {
            Some(0) => Framing::None,
            Some(length) => Framing::Length(length),
            // 7
            None if is_request => Framing::None,
            // 8
            None => Framing::UntilClose,
        }
    }
}

/// Digits and nothing else, and a number that 64 bits hold.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// A body on its way: what is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    state: State,
    content: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many bytes of a body of known length, at least 1.
    Rest(u64),
    /// All that comes.
    Endless,
    /// In a chunk's length (section 7.1): its value and its digits so far.
    Size { value: u64, digits: u8 },
    /// Behind it, before the end of the line.
    Extension { value: u64 },
    /// So many bytes of a chunk.
    Chunk(u64),
    /// Before the line end behind a chunk; was a CR there?
    ChunkEnd { cr: bool },
    /// In the trailer section, after the last chunk: bytes of the line so far but CR, none or some.
    Trailer { empty: bool },
    /// The body is over.
    Ended,
    /// It is not what it should be.
    Broken,
}

/// Most digits of a chunk's length: 64 bits of them. More zeros before it than that are refused, too.
const MAX_DIGITS: u8 = 16;

/// How far a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More of it is to come.
    Within,
    /// It is over.
    Ended,
    /// It is not as its framing says: from here on nobody can say where the next message begins.
    Broken,
}

/// What became of some bytes of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// So many belong to the body, framing included. The rest is the next message's, or, of a broken one, nobody's.
    pub used: usize,
    /// How far it is now.
    pub progress: Progress,
}

impl Body {
    /// Starts behind the head.
    #[must_use]
    pub const fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Ended,
            Framing::Length(length) => State::Rest(length),
            Framing::Chunked => State::Size { value: 0, digits: 0 },
            Framing::UntilClose | Framing::Switched => State::Endless,
            Framing::Broken => State::Broken,
        };
        Self { state, content: 0 }
    }

    /// How far it is.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        match self.state {
            State::Ended => Progress::Ended,
            State::Broken => Progress::Broken,
            _ => Progress::Within,
        }
    }

    /// Bytes of content that went by: chunks without their lengths and trailers.
    #[must_use]
    pub const fn content(&self) -> u64 {
        self.content
    }

    /// Does it end with the connection, and only then?
    #[must_use]
    pub const fn is_endless(&self) -> bool {
        matches!(self.state, State::Endless)
    }

    /// Goes over the next bytes of the stream.
    pub fn pass(&mut self, bytes: &[u8]) -> Passed {
        let mut used = 0;
        while let Some(&byte) = bytes.get(used) {
            match self.state {
                State::Rest(_) | State::Chunk(_) | State::Endless => {
                    used += self.content_of((bytes.len() - used) as u64) as usize;
                }
                State::Ended | State::Broken => break,
                _ => {
                    self.state = self.framing_byte(byte);
                    if self.state == State::Broken {
                        break;
                    }
                    used += 1;
                }
            }
        }
        Passed { used, progress: self.progress() }
    }

    /// Goes over bytes of the stream that are missing. Where they are content it is still known how the body goes on; where they
    /// hold anything else, a length of a chunk or the next message, it is broken. Says how far it is.
    pub fn miss(&mut self, len: u64) -> Progress {
        if len > 0 && self.content_of(len) < len {
            self.state = State::Broken;
        }
        self.progress()
    }

    /// Takes content, at most so many bytes. Says how many.
    fn content_of(&mut self, most: u64) -> u64 {
        let (taken, state) = match self.state {
            State::Rest(rest) if most < rest => (most, State::Rest(rest - most)),
            State::Rest(rest) => (rest, State::Ended),
            State::Chunk(rest) if most < rest => (most, State::Chunk(rest - most)),
            State::Chunk(rest) => (rest, State::ChunkEnd { cr: false }),
            State::Endless => (most, State::Endless),
            other => (0, other),
        };
        self.state = state;
        self.content = self.content.saturating_add(taken);
        taken
    }

    /// What follows a byte that is no content.
    fn framing_byte(&self, byte: u8) -> State {
        match (self.state, byte) {
            (State::Size { value, digits }, _) if byte.is_ascii_hexdigit() && digits < MAX_DIGITS => {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                State::Size { value: value << 4 | digit, digits: digits + 1 }
            }
            (State::Size { value, digits: 1.. } | State::Extension { value }, b'\n') => {
                if value == 0 {
                    State::Trailer { empty: true }
                } else {
                    State::Chunk(value)
                }
            }
            // RFC 9112 section 7.1.1: blanks before the semicolon are bad, and some send them.
            (State::Size { value, digits: 1.. }, b';' | b' ' | b'\t' | b'\r') | (State::Extension { value }, _) => {
                State::Extension { value }
            }
            (State::ChunkEnd { cr: false }, b'\r') => State::ChunkEnd { cr: true },
            (State::ChunkEnd { .. }, b'\n') => State::Size { value: 0, digits: 0 },
            (State::Trailer { empty: true }, b'\n') => State::Ended,
            (State::Trailer { .. }, b'\n') => State::Trailer { empty: true },
            (State::Trailer { empty }, b'\r') => State::Trailer { empty },
            (State::Trailer { .. }, _) => State::Trailer { empty: false },
            _ => State::Broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peek::http::read;
    use proptest::prelude::*;

    fn framing(head: &str, asked: Option<&str>) -> Framing {
        let text = format!("{}\r\n\r\n", head.replace('\n', "\r\n"));
        read(text.as_bytes()).is().expect("a head").framing(asked.map(str::as_bytes))
    }

    #[test]
    fn section_6_3_step_by_step() {
        let ok = |fields: &str| framing(&format!("HTTP/1.1 200 OK{fields}"), Some("GET"));
        let post = |fields: &str| framing(&format!("POST / HTTP/1.1{fields}"), None);
        // 1
        assert_eq!(framing("HTTP/1.1 200 OK\nContent-Length: 5", Some("HEAD")), Framing::None);
        for code in ["100", "103", "204", "304"] {
            assert_eq!(framing(&format!("HTTP/1.1 {code} x\nContent-Length: 5"), None), Framing::None, "{code}");
        }
        assert_eq!(framing("HTTP/1.1 101 x\nContent-Length: 5", None), Framing::Switched);
        // 2
        assert_eq!(framing("HTTP/1.1 200 OK\nContent-Length: 5", Some("CONNECT")), Framing::Switched);
        assert_eq!(framing("HTTP/1.1 407 no\nContent-Length: 5", Some("CONNECT")), Framing::Length(5));
        // 3 and 4
        assert_eq!(ok("\nContent-Length: 5\nTransfer-Encoding: chunked"), Framing::Chunked);
        assert_eq!(post("\nTransfer-Encoding: gzip\nTransfer-Encoding: Chunked"), Framing::Chunked);
        assert_eq!(ok("\nTransfer-Encoding: chunked, gzip"), Framing::UntilClose);
        assert_eq!(post("\nTransfer-Encoding: gzip"), Framing::Broken);
        // 5
        for fields in ["x", "-1", "+5", "5 5", "", "5, 6", "5\nContent-Length: 6", "18446744073709551616", "0x5"] {
            assert_eq!(ok(&format!("\nContent-Length: {fields}")), Framing::Broken, "{fields}");
        }
        assert_eq!(ok("\nContent-Length: 5, 5\nContent-Length: 5"), Framing::Length(5));
        // 6
        assert_eq!(post("\nContent-Length: 18446744073709551615"), Framing::Length(u64::MAX));
        assert_eq!(ok("\nContent-Length: 0"), Framing::None);
        // 7 and 8
        assert_eq!(post(""), Framing::None);
        assert_eq!(ok(""), Framing::UntilClose);
        assert_eq!(framing("HTTP/1.1 200 OK", None), Framing::UntilClose);
    }

    /// What a body takes of these bytes: used, how far, content.
    fn pass(framing: Framing, bytes: &[u8]) -> (usize, Progress, u64) {
        let mut body = Body::new(framing);
        let passed = body.pass(bytes);
        (passed.used, passed.progress, body.content())
    }

    #[test]
    fn bodies_end_where_they_say() {
        assert_eq!(pass(Framing::None, b"GET"), (0, Progress::Ended, 0));
        assert_eq!(pass(Framing::Length(5), b"helloGET"), (5, Progress::Ended, 5));
        assert_eq!(pass(Framing::Length(5), b"hell"), (4, Progress::Within, 4));
        assert_eq!(pass(Framing::UntilClose, b"hello"), (5, Progress::Within, 5));
        assert_eq!(pass(Framing::Broken, b"hello"), (0, Progress::Broken, 0));
        let chunked = |text: &str| pass(Framing::Chunked, text.as_bytes());
        assert_eq!(chunked("5\r\nhello\r\n0\r\n\r\nGET"), (15, Progress::Ended, 5));
        assert_eq!(chunked("5\nhello\n0\n\nGET"), (11, Progress::Ended, 5));
        assert_eq!(chunked("A;x=\"y\"\r\n0123456789\r\n00 \r\nTrailer: 1\r\nB: 2\r\n\r\nGET"), (46, Progress::Ended, 10));
        assert_eq!(chunked("5\r\nhel"), (6, Progress::Within, 3));
        assert_eq!(chunked("\r\n"), (0, Progress::Broken, 0));
        assert_eq!(chunked("5\r\nhelloX"), (8, Progress::Broken, 5));
        assert_eq!(chunked("x\r\n"), (0, Progress::Broken, 0));
        assert_eq!(chunked("00000000000000001\r\n").1, Progress::Broken);
        assert_eq!(chunked("ffffffffffffffff\r\nx"), (19, Progress::Within, 1));
    }

    #[test]
    fn missing_bytes_may_be_content_only() {
        let mut body = Body::new(Framing::Length(10));
        assert_eq!((body.miss(4), body.miss(0)), (Progress::Within, Progress::Within));
        assert_eq!((body.miss(6), body.content()), (Progress::Ended, 10));
        assert_eq!(body.miss(0), Progress::Ended);
        assert_eq!(body.miss(1), Progress::Broken, "the next message");
        let mut body = Body::new(Framing::Chunked);
        body.pass(b"5\r\n");
        assert_eq!(body.miss(5), Progress::Within);
        assert_eq!(body.pass(b"\r\n0\r\n\r\n"), Passed { used: 7, progress: Progress::Ended });
        let mut body = Body::new(Framing::Chunked);
        body.pass(b"5\r\n");
        assert_eq!(body.miss(6), Progress::Broken, "a line end");
        assert_eq!(Body::new(Framing::Chunked).miss(1), Progress::Broken, "a length");
        assert_eq!(Body::new(Framing::UntilClose).miss(u64::MAX), Progress::Within);
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_say_the_same(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..5),
            odd in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
            cuts in prop::collection::vec(1..7_usize, 0..80),
        ) {
            let mut bytes: Vec<u8> = chunks.iter().flat_map(|c| [format!("{:x}\r\n", c.len()).as_bytes(), c, b"\r\n"].concat()).collect();
            let content: usize = chunks.iter().map(Vec::len).sum();
            bytes.extend(b"0\r\nA: b\r\n\r\n");
            let len = bytes.len();
            bytes.extend(b"HTTP/1.1 200 OK\r\n");
            if let Some((at, byte)) = odd {
                bytes[at.index(len)] = byte;
            }
            let whole = pass(Framing::Chunked, &bytes);
            if odd.is_none() {
                prop_assert_eq!(whole, (len, Progress::Ended, content as u64));
            }
            let mut body = Body::new(Framing::Chunked);
            let mut used = 0_usize;
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let piece = &bytes[used..used.saturating_add(cut).min(bytes.len())];
                let passed = body.pass(piece);
                used += passed.used;
                if passed.progress != Progress::Within {
                    break;
                }
                prop_assert_eq!(passed.used, piece.len());
            }
            prop_assert_eq!((used, body.progress(), body.content()), whole);
        }
    }
}
