//! HTTP/1: the heads of all messages of a connection, bodies passed over, each response with the request that it answers.
//!
//! Times are tshark's (4.0): a message counts as there when it is whole, its body included; a body that ends with the connection is
//! whole at the FIN. What comes before a response (100 Continue and its like) is no response.

use super::notes::{At, Buffer, KEPT, LONG_TEXT, MOST, Notes};
use super::record::{Exchange, HttpRecord, LoginRecord, Moment, Secret, Text};
use crate::model::Span;
use crate::peek::http::{self, Body, Framing, Head, Progress, Start};
use crate::peek::tls::shown;
use crate::peek::{Peek, login};
use std::collections::VecDeque;

/// Requests that wait for their responses at a time.
const ASKED: usize = 256;
/// Bytes taken of the room for an exchange, and for a request that waits.
const EXCHANGE: usize = size_of::<Exchange>();
const WAITS: usize = size_of::<Asked>();

/// What a method means for the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Head,
    Connect,
    Other,
}

impl Method {
    fn of(method: &[u8]) -> Self {
        match method {
            b"HEAD" => Self::Head,
            b"CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }

    const fn name(self) -> &'static [u8] {
        match self {
            Self::Head => b"HEAD",
            Self::Connect => b"CONNECT",
            Self::Other => b"GET",
        }
    }
}

/// A request that was seen.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// Its place among the exchanges that are kept.
    kept: Option<usize>,
    method: Method,
    /// When it was whole.
    whole: Option<Moment>,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Head,
    Body(Body),
    /// Nothing more can be read of this side.
    Lost,
}

#[derive(Debug, Default)]
struct Side {
    buffer: Buffer,
    /// Where the message began that is being read.
    began: Option<Moment>,
    stage: Stage,
}

/// What the connection is from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goes {
    On,
    /// To an end of what can be read.
    Over,
    /// Into a tunnel, whose contents may be anything; of this side's bytes so many were read.
    Tunnel(usize),
}

/// A connection.
#[derive(Debug)]
pub(super) struct Http {
    client: usize,
    sides: [Side; 2],
    asked: VecDeque<Asked>,
    /// What the response at hand answers.
    answers: Option<Asked>,
}

impl Http {
    pub(super) fn new(client: usize) -> Self {
        Self { client, sides: Default::default(), asked: VecDeque::new(), answers: None }
    }

    pub(super) fn on_data(&mut self, side: usize, bytes: &[u8], at: At, notes: &mut Notes<'_>) -> Goes {
        let mut rest = bytes;
        loop {
            match &mut self.sides[side].stage {
                Stage::Lost => return self.goes(),
                Stage::Body(body) => {
                    let passed = body.pass(rest);
                    rest = &rest[passed.used..];
                    match passed.progress {
                        Progress::Within => return Goes::On,
                        Progress::Ended => self.ended(side, at.now, notes),
                        Progress::Broken => self.lose(side, notes),
                    }
                }
                Stage::Head if rest.is_empty() => return Goes::On,
                Stage::Head => match self.head(side, rest, at, notes) {
                    Some((used, true)) => return Goes::Tunnel(bytes.len() - rest.len() + used),
                    Some((used, false)) => rest = &rest[used..],
                    None => return self.goes(),
                },
            }
        }
    }

    fn goes(&self) -> Goes {
        let lost = |side: &Side| matches!(side.stage, Stage::Lost);
        if self.sides.iter().all(lost) { Goes::Over } else { Goes::On }
    }

    /// Reads a head, if it is whole: so many of these bytes belong to it, and whether a tunnel begins behind it.
    fn head(&mut self, side: usize, bytes: &[u8], at: At, notes: &mut Notes<'_>) -> Option<(usize, bool)> {
        self.sides[side].began.get_or_insert(at.first);
        if self.sides[side].buffer.is_empty() {
            // A head is as long as has room where it comes in pieces, too.
            match http::read(&bytes[..bytes.len().min(MOST)]) {
                Peek::Is(head) => return Some((head.len(), self.on_head(side, &head, at.now, notes))),
                Peek::Not => self.lose(side, notes),
                Peek::More => self.wait(side, bytes, at.now, notes),
            }
            return None;
        }
        let mut buffer = std::mem::take(&mut self.sides[side].buffer);
        let before = buffer.len();
        let pushed = buffer.push(bytes, notes);
        // Only a line's end says anything new, or a few bytes at the start.
        let worth = before < 32 || bytes.contains(&b'\n') || buffer.is_full();
        let read = if pushed.is_some() && worth { http::read(buffer.bytes()) } else { Peek::More };
        let found = match read {
            Peek::Is(head) => Some((head.len() - before, self.on_head(side, &head, at.now, notes))),
            Peek::More if pushed.is_some() && !buffer.is_full() => {
                self.sides[side].buffer = buffer;
                return None;
            }
            Peek::More if buffer.is_full() => {
                self.sides[side].buffer = std::mem::take(&mut buffer);
                self.on_cut_head(side, at.now, notes);
                self.lose(side, notes);
                None
            }
            _ => {
                self.lose(side, notes);
                None
            }
        };
        buffer.clear(notes);
        found
    }

    /// The head is not whole.
    fn wait(&mut self, side: usize, bytes: &[u8], now: Moment, notes: &mut Notes<'_>) {
        let buffer = &mut self.sides[side].buffer;
        if buffer.push(bytes, notes).is_none() {
            self.lose(side, notes);
        } else if buffer.is_full() {
            self.on_cut_head(side, now, notes);
            self.lose(side, notes);
        }
    }

    /// Says whether a tunnel begins.
    fn on_head(&mut self, side: usize, head: &Head<'_>, now: Moment, notes: &mut Notes<'_>) -> bool {
        let began = self.sides[side].began.unwrap_or(now);
        let framing = match head.start {
            Start::Request { method, target, .. } if side == self.client => {
                if self.asked.len() >= ASKED || !notes.take_work(WAITS) {
                    self.lose(side, notes);
                    return false;
                }
                let kept = request(head, (method, target), began, notes);
                self.asked.push_back(Asked { kept, method: Method::of(method), whole: None });
                if let Some(login) = login::basic(head).filter(|_| notes.record.login.is_none()) {
                    let user = login.user.and_then(|user| notes.text(&user));
                    let (method, packet) = (login.method, now.number);
                    let password_in_clear = login.password.is_some();
                    notes.record.login = Some(Box::new(LoginRecord { user, method, password_in_clear, packet }));
                }
                let http = notes.record.http.get_or_insert_default();
                let found = secret(head);
                if found > http.secret.map(|(known, _)| known) {
                    http.secret = found.map(|secret| (secret, now.number));
                }
                head.framing(None)
            }
            Start::Status { code, reason, .. } if side != self.client => {
                if (100..200).contains(&code) && code != 101 {
                    self.sides[side].began = None;
                    return false;
                }
                let asked = self.asked.pop_front();
                if asked.is_some() {
                    notes.give_back(WAITS);
                }
                let kept = response(head, (code, reason), asked, began, notes);
                let method = asked.map(|asked| asked.method);
                self.answers =
                    Some(Asked { kept, method: method.unwrap_or(Method::Other), whole: asked.and_then(|asked| asked.whole) });
                head.framing(method.map(Method::name))
            }
            _ => {
                self.lose(side, notes);
                return false;
            }
        };
        if framing == Framing::Switched {
            self.ended(side, now, notes);
            return true;
        }
        let body = Body::new(framing);
        match body.progress() {
            Progress::Ended => self.ended(side, now, notes),
            Progress::Within => self.sides[side].stage = Stage::Body(body),
            Progress::Broken => self.lose(side, notes),
        }
        false
    }

    /// A message is whole.
    fn ended(&mut self, side: usize, now: Moment, notes: &mut Notes<'_>) {
        self.sides[side].began = None;
        self.sides[side].stage = Stage::Head;
        let http = notes.record.http.get_or_insert_default();
        if side == self.client {
            if let Some(asked) = self.asked.back_mut() {
                asked.whole = Some(now);
                if let Some(exchange) = asked.kept.and_then(|kept| http.exchanges.get_mut(kept)) {
                    exchange.request_end = Some(now.number);
                }
            }
        } else if let Some(asked) = self.answers.take()
            && let Some(exchange) = asked.kept.and_then(|kept| http.exchanges.get_mut(kept))
        {
            exchange.response_end = Some(now.number);
            exchange.time = asked.whole.map(|whole| now.ts - whole.ts);
        }
    }

    /// Bytes are missing. They do not matter where they are a body's.
    pub(super) fn on_gap(&mut self, side: usize, len: u64, now: Moment, notes: &mut Notes<'_>) -> Goes {
        let progress = match &mut self.sides[side].stage {
            Stage::Body(body) => body.miss(len),
            Stage::Head => {
                self.on_cut_head(side, now, notes);
                Progress::Broken
            }
            Stage::Lost => Progress::Broken,
        };
        match progress {
            Progress::Within => {}
            Progress::Ended => self.ended(side, now, notes),
            Progress::Broken => self.lose(side, notes),
        }
        self.goes()
    }

    /// The rest of a head is missing: its whole lines are read, if the first one is there. Where the body ends is mostly not known
    /// then.
    fn on_cut_head(&mut self, side: usize, now: Moment, notes: &mut Notes<'_>) {
        let mut buffer = std::mem::take(&mut self.sides[side].buffer);
        let lines = buffer.bytes().iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        if let Peek::Is(head) = http::read(&[&buffer.bytes()[..lines], b"\r\n"].concat()) {
            // That the rest is missing may turn out late.
            self.on_head(side, &head, self.sides[side].began.unwrap_or(now), notes);
        }
        buffer.clear(notes);
    }

    /// A side has sent all that it will.
    pub(super) fn on_end(&mut self, side: usize, now: Moment, notes: &mut Notes<'_>) {
        if matches!(&self.sides[side].stage, Stage::Body(body) if body.is_endless()) {
            self.ended(side, now, notes);
        }
    }

    fn lose(&mut self, side: usize, notes: &mut Notes<'_>) {
        notes.record.incomplete = true;
        self.sides[side].buffer.clear(notes);
        self.sides[side].stage = Stage::Lost;
        if side != self.client {
            self.answers = None;
        }
    }
}

/// What of a request opens something.
fn secret(head: &Head<'_>) -> Option<Secret> {
    match head.authorization() {
        Some(scheme) if !scheme.eq_ignore_ascii_case(b"Basic") => Some(Secret::Authorization),
        _ => head.field("cookie").map(|_| Secret::Cookie),
    }
}

/// Keeps what a request says. Its place, if there is one.
fn request(head: &Head<'_>, (method, target): (&[u8], &[u8]), began: Moment, notes: &mut Notes<'_>) -> Option<usize> {
    let http = notes.record.http.get_or_insert_default();
    http.requests += 1;
    let place = http.exchanges.len();
    if !notes.keeps(place, EXCHANGE) {
        return None;
    }
    let exchange = Exchange {
        method: notes.text(method),
        target: target_text(target, notes),
        host: head.host().and_then(|host| notes.text(host)),
        user_agent: head.user_agent().and_then(|agent| notes.text(agent)),
        request: Some(began.number),
        ..Exchange::default()
    };
    Some(push(notes.record.http.get_or_insert_default(), exchange))
}

/// The target, without user name and password before the host.
fn target_text(target: &[u8], notes: &mut Notes<'_>) -> Option<Text> {
    let authority = target.windows(3).take(16).position(|three| three == b"://").map_or(0, |at| at + 3);
    let end = target[authority..].iter().position(|&b| b"/?#".contains(&b)).map_or(target.len(), |at| authority + at);
    let is_url = authority > 0 || !target.starts_with(b"/");
    match target[authority..end].iter().rposition(|&b| b == b'@').filter(|_| is_url) {
        Some(at) => notes.cut(&shown(&[&target[..authority], &target[authority + at + 1..]].concat()), LONG_TEXT),
        None => notes.cut(&shown(target), LONG_TEXT),
    }
}

/// Keeps what a response says, with its request.
fn response(
    head: &Head<'_>,
    (code, reason): (u16, &[u8]),
    asked: Option<Asked>,
    began: Moment,
    notes: &mut Notes<'_>,
) -> Option<usize> {
    let http = notes.record.http.get_or_insert_default();
    http.responses += 1;
    let place = if let Some(asked) = asked {
        asked.kept?
    } else {
        let kept = http.exchanges.len();
        if !notes.keeps(kept, EXCHANGE) {
            return None;
        }
        push(notes.record.http.get_or_insert_default(), Exchange::default())
    };
    let reason = if reason.is_empty() { None } else { notes.text(reason) };
    let content_type = head.content_type().and_then(|kind| notes.text(kind));
    let exchange = notes.record.http.as_mut()?.exchanges.get_mut(place)?;
    (exchange.status, exchange.reason, exchange.content_type) = (Some(code), reason, content_type);
    exchange.response = Some(began.number);
    let wait = asked.and_then(|asked| asked.whole).map(|whole| began.ts - whole.ts);
    // An answer may come before the whole request has.
    exchange.wait = wait.filter(|wait| *wait >= Span::ZERO);
    Some(place)
}

/// Its place.
fn push(http: &mut HttpRecord, exchange: Exchange) -> usize {
    debug_assert!(http.exchanges.len() < KEPT);
    if http.exchanges.is_empty() {
        // Most flows have one.
        http.exchanges.reserve_exact(1);
    }
    http.exchanges.push(exchange);
    http.exchanges.len() - 1
}

/// A message in a datagram, as discovery sends them: nothing is answered there that could be told.
pub(super) fn datagram(bytes: &[u8], now: Moment, notes: &mut Notes<'_>) {
    let Peek::Is(head) = http::read(bytes) else { return };
    let place = match head.start {
        Start::Request { method, target, .. } => request(&head, (method, target), now, notes),
        Start::Status { code, reason, .. } => response(&head, (code, reason), None, now, notes),
    };
    let exchanges = notes.record.http.as_mut().map(|http| &mut http.exchanges);
    if let Some(exchange) = place.and_then(|place| exchanges?.get_mut(place)) {
        *(if head.start.is_request() { &mut exchange.request_end } else { &mut exchange.response_end }) = Some(now.number);
    }
}
