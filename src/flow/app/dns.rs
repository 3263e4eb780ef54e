//! DNS and its relatives: questions with their answers, over UDP and TCP, and the names that answers give to addresses.
//!
//! Which question an answer is to, and from which copy of it the time counts, is as tshark (4.0) has it: by their number within a
//! conversation; a question that comes again within five seconds, unanswered, is the same sent again, and its first copy counts.
//! Beyond that, what is asked must be the same. Multicast DNS has no numbers, and nothing is put together there.

use super::notes::{At, Buffer, MOST, NameOf, Notes, TEXT};
use super::record::{Moment, Transaction};
use crate::model::Span;
use crate::model::bytes::be16;
use crate::peek::App;
use crate::peek::dns::{self, Message, Name, Value};
use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Write;
use std::hash::{Hash, Hasher};

/// After so long a question is a new one.
const SENT_AGAIN: Span = Span::from_secs(5);
/// A datagram that comes so soon was sent once, and copied by the network or the capture: no client asks again before.
const COPIED: Span = Span::from_millis(100);
/// Questions that are remembered at a time.
const OPEN: usize = 64;
/// Most answers of one message that are kept, and that give names to addresses.
const ANSWERS: usize = 32;
/// Bytes taken of the room for a question that is remembered, and for what is kept of one.
const REMEMBERED: usize = size_of::<Open>();
const TRANSACTION: usize = size_of::<Transaction>();

/// A question.
#[derive(Clone, Copy, Debug)]
struct Open {
    id: u16,
    /// Of what is asked.
    hash: u64,
    asked: Moment,
    answered: bool,
    /// Its place among those that are kept.
    kept: Option<usize>,
}

/// What two ends ask each other.
#[derive(Debug)]
pub(super) struct Dns {
    app: App,
    open: VecDeque<Open>,
    /// Of TCP.
    sides: [Framer; 2],
    /// Over TCP, where nothing is copied.
    stream: bool,
}

/// Messages of one side of a TCP connection.
#[derive(Debug, Default)]
struct Framer {
    buffer: Buffer,
    /// Bytes of a message too long to be read whole that are still to come.
    skip: usize,
    lost: bool,
}

impl Dns {
    pub(super) fn new(app: App) -> Self {
        Self { app, open: VecDeque::new(), sides: Default::default(), stream: false }
    }

    /// Bytes of a TCP connection. `false`: nothing more can be read of it.
    pub(super) fn on_data(&mut self, side: usize, bytes: &[u8], at: At, notes: &mut Notes<'_>) -> bool {
        let mut rest = bytes;
        while !rest.is_empty() && !self.sides[side].lost {
            let framer = &mut self.sides[side];
            if framer.skip > 0 {
                let skipped = framer.skip.min(rest.len());
                framer.skip -= skipped;
                rest = &rest[skipped..];
                continue;
            }
            // A message that is there whole is read where it is.
            if framer.buffer.is_empty()
                && let Some(whole) = be16(rest, 0).and_then(|len| rest.get(2..2 + usize::from(len)))
                && whole.len() <= MOST - 2
            {
                rest = &rest[2 + whole.len()..];
                self.of_stream(side, whole, at, notes);
                continue;
            }
            let want = be16(framer.buffer.bytes(), 0).map_or(2, |len| 2 + usize::from(len));
            let missing = want.min(MOST).saturating_sub(framer.buffer.len()).min(rest.len());
            if framer.buffer.push(&rest[..missing], notes).is_none() {
                self.lose(side, notes);
                break;
            }
            rest = &rest[missing..];
            let want = be16(framer.buffer.bytes(), 0).map_or(2, |len| 2 + usize::from(len));
            if framer.buffer.len() < 2 || framer.buffer.len() < want.min(MOST) {
                continue;
            }
            framer.skip = want - framer.buffer.len();
            let mut buffer = std::mem::take(&mut framer.buffer);
            self.of_stream(side, &buffer.bytes()[2..], at, notes);
            buffer.clear(notes);
        }
        !self.sides.iter().all(|side| side.lost)
    }

    pub(super) fn on_gap(&mut self, side: usize, len: u64, notes: &mut Notes<'_>) -> bool {
        let framer = &mut self.sides[side];
        match usize::try_from(len) {
            Ok(len) if len <= framer.skip => framer.skip -= len,
            _ => self.lose(side, notes),
        }
        !self.sides.iter().all(|side| side.lost)
    }

    fn lose(&mut self, side: usize, notes: &mut Notes<'_>) {
        notes.record.incomplete = true;
        self.sides[side].buffer.clear(notes);
        self.sides[side].lost = true;
    }

    fn of_stream(&mut self, side: usize, bytes: &[u8], at: At, notes: &mut Notes<'_>) {
        match dns::read_cut(bytes) {
            Some(message) => {
                self.stream = true;
                self.on_message(&message, at.now, notes);
            }
            None => self.lose(side, notes),
        }
    }

    /// A datagram.
    pub(super) fn on_datagram(&mut self, bytes: &[u8], now: Moment, notes: &mut Notes<'_>) {
        if let Some(message) = dns::read_cut(bytes) {
            self.on_message(&message, now, notes);
        }
    }

    fn on_message(&mut self, message: &Message<'_>, now: Moment, notes: &mut Notes<'_>) {
        if message.header.is_response() {
            learn(message, notes);
        }
        if self.app == App::Mdns {
            return in_group(message, now, notes);
        }
        let id = message.header.id;
        let hash = message.questions().next().map(|question| {
            let mut hasher = DefaultHasher::new();
            (question.name, question.kind.number).hash(&mut hasher);
            hasher.finish()
        });
        if message.header.is_response() {
            self.on_response(message, id, hash, now, notes);
        } else {
            self.on_query(message, id, hash.unwrap_or_default(), now, notes);
        }
    }

    fn on_query(&mut self, message: &Message<'_>, id: u16, hash: u64, now: Moment, notes: &mut Notes<'_>) {
        let again = self.open.iter().rev().find(|open| open.id == id && open.hash == hash);
        let again = again.filter(|open| !open.answered).map(|open| now.ts - open.asked.ts);
        let dns = notes.record.dns.get_or_insert_default();
        if let Some(after) = again.filter(|after| *after < SENT_AGAIN) {
            dns.resent += u64::from(after >= COPIED || self.stream);
            return;
        }
        dns.queries += 1;
        let kept = keep(message, notes, |transaction| transaction.query = Some(now.number));
        if self.open.len() == OPEN {
            self.open.pop_front();
        } else if !notes.take_work(REMEMBERED) {
            return;
        }
        if self.open.is_empty() {
            self.open.reserve_exact(1);
        }
        self.open.push_back(Open { id, hash, asked: now, answered: false, kept });
    }

    fn on_response(&mut self, message: &Message<'_>, id: u16, hash: Option<u64>, now: Moment, notes: &mut Notes<'_>) {
        // Some servers leave the question out of errors.
        let asked = self.open.iter_mut().rev().find(|open| open.id == id && hash.is_none_or(|hash| hash == open.hash));
        let dns = notes.record.dns.get_or_insert_default();
        let Some(open) = asked else {
            dns.responses += 1;
            keep(message, notes, |transaction| transaction.response = Some(now.number));
            return;
        };
        if std::mem::replace(&mut open.answered, true) {
            return;
        }
        let (kept, asked) = (open.kept, open.asked);
        dns.responses += 1;
        dns.answered += 1;
        let Some(place) = kept else { return };
        let answers = answers(message, notes);
        let rcode = notes.cut(&message.rcode().to_string(), TEXT);
        let transactions = notes.record.dns.as_mut().map(|dns| &mut dns.transactions);
        if let Some(transaction) = transactions.and_then(|all| all.get_mut(place)) {
            (transaction.rcode, transaction.answers) = (rcode, answers);
            transaction.truncated = message.header.is_truncated();
            transaction.response = Some(now.number);
            transaction.time = Some(now.ts - asked.ts);
        }
    }
}

/// Multicast: what is asked and what is said, each for itself.
fn in_group(message: &Message<'_>, now: Moment, notes: &mut Notes<'_>) {
    let is_response = message.header.is_response();
    let dns = notes.record.dns.get_or_insert_default();
    *(if is_response { &mut dns.responses } else { &mut dns.queries }) += 1;
    keep(message, notes, |transaction| {
        *(if is_response { &mut transaction.response } else { &mut transaction.query }) = Some(now.number);
    });
}

/// Keeps what a message says, if there is room. Its place.
fn keep(message: &Message<'_>, notes: &mut Notes<'_>, place_it: impl FnOnce(&mut Transaction)) -> Option<usize> {
    let place = notes.record.dns.as_ref().map_or(0, |dns| dns.transactions.len());
    if !notes.keeps(place, TRANSACTION) {
        return None;
    }
    let mut transaction = Transaction { id: message.header.id, ..Transaction::default() };
    let said = message.questions().next().map(|question| (question.name, question.kind));
    if let Some((name, kind)) = said.or_else(|| message.answers().next().map(|record| (record.name, record.kind))) {
        let name = name.netbios().map_or_else(|| name.to_string(), |name| name.to_string());
        transaction.name = notes.cut(&name, TEXT);
        transaction.kind = notes.cut(&kind.to_string(), TEXT);
    }
    if message.header.is_response() {
        transaction.rcode = notes.cut(&message.rcode().to_string(), TEXT);
        transaction.answers = answers(message, notes);
        transaction.truncated = message.header.is_truncated();
    }
    place_it(&mut transaction);
    let dns = notes.record.dns.get_or_insert_default();
    if place == 0 {
        // Most flows have one.
        dns.transactions.reserve_exact(1);
    }
    dns.transactions.push(transaction);
    Some(place)
}

/// The data of the answers as text.
fn answers(message: &Message<'_>, notes: &mut Notes<'_>) -> Option<super::record::Text> {
    let mut text = String::new();
    for record in message.answers().take(ANSWERS) {
        if text.len() > TEXT {
            break;
        }
        // Writing into a String cannot fail.
        let _ = write!(text, "{}{}", if text.is_empty() { "" } else { ", " }, record.data);
    }
    if text.is_empty() { None } else { notes.cut(&text, TEXT) }
}

/// Tells which addresses a name has by this answer: those of the name that was asked for, also where other names lead there.
fn learn(message: &Message<'_>, notes: &mut Notes<'_>) {
    let mut chain: Vec<Name> = message.questions().next().map(|question| question.name).into_iter().collect();
    let asked = chain.first().map(ToString::to_string);
    for record in message.answers().take(ANSWERS) {
        let ours = asked.is_none() || chain.contains(&record.name);
        match record.data.value().filter(|_| ours) {
            Some(Value::Name(target)) if record.kind == dns::Kind::CNAME => chain.push(target),
            Some(Value::Address(address)) => {
                let own;
                let name = if let Some(asked) = &asked {
                    asked
                } else {
                    own = record.name.to_string();
                    &own
                };
                (notes.learn)(NameOf { name, address });
            }
            _ => {}
        }
    }
}
