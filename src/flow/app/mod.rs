//! What the application of a flow says, read while it goes by: by content, not by port, out of datagrams and of the streams of both
//! sides of a connection.
//!
//! A flow is undecided until its first bytes say which application it is; at most 16 KiB of each side wait for that, and while a
//! message is put together. Then the reader of that application has it (`http`, `dns`, `tls`, `lines`) until that knows all that
//! it wants. What is kept, bytes as well as facts, takes from the room that all flows share (`room`); a flow that finds none there is
//! read no further. A hole ends what can be read of a side, but in HTTP's bodies.

mod dns;
mod http;
mod lines;
mod notes;
pub mod record;
mod tls;

pub(in crate::flow) use self::notes::{MOST, NameOf};
pub(in crate::flow) use self::record::Moment;
pub use self::record::{
    AppRecord, BannerRecord, DnsRecord, Exchange, HttpRecord, LoginRecord, ObjectVisitor, Objects, QuicRecord, Secret, TlsRecord,
    Transaction,
};
pub(in crate::flow) use crate::peek::fits_nothing;

use self::dns::Dns;
use self::http::Http;
use self::lines::Lines;
use self::notes::{At, Buffer, Held, Notes, TEXT};
use self::tls::Tls;
use super::key::End;
use super::room::Room;
use super::stream::{StreamLimits, StreamPacket, StreamPart};
use super::tcp::{Connection, Sighting, Streams};
use crate::peek::{App, Peek, Recognised, Service, Speaker, quic, recognise, recognise_datagram};

/// Datagrams of a flow that are looked at until one is recognised.
pub(super) const TRIES: u64 = 4;
/// Pieces of a side of which it is remembered, while it is undecided, which packet they came in.
const PIECES: usize = 64;
/// Of a long beginning that is no text so much more has to come before it is asked again what it is, bytes.
const LOOKED_AT: usize = 1024;
/// Most that the pieces of a segment's data cost beside their bytes where they wait above a hole.
const PIECE_COSTS: usize = 4096;
/// Tunnels in tunnels that are looked into: proxies in a row. Each is read within the one before, so that there is an end to it.
const TUNNELS: u8 = 8;
/// How much of a flow's streams may wait above holes while it is undecided, and when its application is known.
const FIRST: StreamLimits = StreamLimits { waiting: 2 * MOST, compared: 0 };
const LATER: StreamLimits = StreamLimits { waiting: 16 * MOST, compared: 0 };

/// Is a flow read?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// Not, or no more.
    No,
    /// From its first data on.
    Soon,
    /// One side, this one, says what nothing known begins with; the other has said nothing yet.
    Beside(End),
    Yes,
}

/// What is known of a flow's application, and what is needed to know more.
#[derive(Debug, Default)]
pub(super) struct Talk {
    record: AppRecord,
    reader: Reader,
    /// Of a TCP connection that is read.
    streams: Option<Box<Streams>>,
    /// Sides that say what nothing known begins with: nobody listens to them.
    unknown: [bool; 2],
    /// Bytes taken of the room.
    held: Held,
    /// Tunnels that began in it.
    tunnels: u8,
}

#[derive(Debug, Default)]
enum Reader {
    #[default]
    Over,
    Undecided(Box<[First; 2]>),
    Http(Box<Http>),
    Dns(Box<Dns>),
    Tls(Box<Tls>),
    Lines(Box<Lines>),
    /// HTTP in datagrams.
    Ssdp,
    /// So many datagrams were looked at.
    Quic(u8),
}

/// The first bytes of a side.
#[derive(Debug, Default)]
struct First {
    buffer: Buffer,
    /// Where pieces of it end, and where they came from.
    pieces: Vec<(usize, At)>,
    /// Nothing that is known begins so, and none of it is kept: what the other side says may still be known.
    unknown: bool,
    /// Bytes that were not kept for that.
    passed: usize,
    /// A byte is missing behind it.
    cut: bool,
}

/// What a flow is while it is read, beside what the talk itself knows.
pub(super) struct Around<'a> {
    pub(super) originator: End,
    pub(super) now: Moment,
    pub(super) room: &'a mut Room,
    pub(super) learn: &'a mut dyn FnMut(NameOf<'_>),
}

impl Talk {
    /// A TCP connection, from its first data on.
    pub(super) fn of_connection() -> Self {
        Self { reader: Reader::Undecided(Box::default()), streams: Some(Box::default()), ..Self::default() }
    }

    /// The same where this side has said something that nothing known begins with, and the other speaks now.
    pub(super) fn beside(unknown: End) -> Self {
        let mut talk = Self::of_connection();
        talk.unknown[unknown.index()] = true;
        if let Reader::Undecided(first) = &mut talk.reader {
            (first[unknown.index()].unknown, first[unknown.index()].cut) = (true, true);
        }
        talk
    }

    /// What is known so far.
    pub(super) const fn record(&self) -> Option<&AppRecord> {
        if self.record.app.is_some() { Some(&self.record) } else { None }
    }

    /// Is there anything more to be read?
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.reader, Reader::Over)
    }

    /// Takes a segment's data, as `connection` has placed it.
    pub(super) fn on_segment(&mut self, connection: &Connection, seen: &Sighting<'_, '_>, around: &mut Around<'_>) {
        if self.unknown[seen.from.index()] {
            return self.pass(seen.from, seen.segment.len as usize, around.room);
        }
        let Some(mut streams) = self.streams.take() else { return };
        let limits = if matches!(self.reader, Reader::Undecided(_)) { FIRST } else { LATER };
        // What waits above a hole takes of this; what waited comes back with it.
        let mut portion = around.room.lend(seen.segment.len as usize + PIECE_COSTS);
        let mut tell = |end: End, _: bool, part: StreamPart<'_>| self.on_part(end, part, around);
        connection.reassemble_into(&mut streams, seen, &limits, &mut portion, &mut tell);
        let ended = connection.has_ended(&streams, seen.from);
        around.room.take_back(&portion);
        self.streams = Some(streams);
        if ended {
            self.on_end(seen.from, around);
        }
        if self.is_over() {
            self.release_streams(around.room);
        }
    }

    /// Nobody listens to this side, and not for ever to the other.
    fn pass(&mut self, side: End, len: usize, room: &mut Room) {
        let Reader::Undecided(first) = &mut self.reader else { return };
        first[side.index()].passed += len;
        if first[side.index()].passed >= MOST {
            self.finish(room);
            self.release_streams(room);
        }
    }

    /// Takes a datagram. `ports`: the sender's first.
    pub(super) fn on_datagram(&mut self, from: End, bytes: &[u8], ports: (u16, u16), around: &mut Around<'_>) {
        if self.record.app.is_none() {
            let Peek::Is(found) = recognise_datagram(bytes, ports) else { return };
            self.record.app = Some(found.app);
            self.reader = match found.app {
                App::Dns | App::Mdns | App::Llmnr | App::Nbns => Reader::Dns(Box::new(Dns::new(found.app))),
                App::Ssdp => Reader::Ssdp,
                App::Quic => Reader::Quic(0),
                _ => Reader::Over,
            };
        }
        let now = around.now;
        let Self { record, reader, held, .. } = self;
        let is_client = from == around.originator;
        let mut notes = notes(record, held, around);
        let over = match reader {
            Reader::Dns(dns) => {
                dns.on_datagram(bytes, now, &mut notes);
                false
            }
            Reader::Ssdp => {
                http::datagram(bytes, now, &mut notes);
                notes.record.http.as_ref().is_some_and(|http| http.exchanges.len() >= notes::KEPT)
            }
            Reader::Quic(looked_at) => {
                *looked_at += 1;
                on_quic(bytes, is_client, &mut notes) || u64::from(*looked_at) >= 2 * TRIES
            }
            _ => false,
        };
        if over {
            self.finish(around.room);
        }
    }

    /// Something of a stream.
    pub(super) fn on_part(&mut self, side: End, part: StreamPart<'_>, around: &mut Around<'_>) {
        match part {
            StreamPart::Data { bytes, packet, .. } => self.on_data(side.index(), bytes, packet, around),
            StreamPart::Gap { len, .. } => self.on_gap(side.index(), len, around),
            StreamPart::Conflict { .. } | StreamPart::End(_) => {}
        }
    }

    fn on_data(&mut self, side: usize, bytes: &[u8], packet: StreamPacket, around: &mut Around<'_>) {
        let at = At::new(packet, around.now);
        self.read(side, bytes, at, around);
    }

    fn read(&mut self, side: usize, bytes: &[u8], at: At, around: &mut Around<'_>) {
        let Self { record, reader, held, .. } = self;
        let mut notes = notes(record, held, around);
        match reader {
            Reader::Undecided(first) => {
                if first[side].push(bytes, at, &mut notes) {
                    self.decide(around);
                }
            }
            Reader::Http(http) => match http.on_data(side, bytes, at, &mut notes) {
                http::Goes::On => {}
                http::Goes::Over => self.finish(around.room),
                http::Goes::Tunnel(_) if self.tunnels == TUNNELS => {
                    self.record.incomplete = true;
                    self.finish(around.room);
                }
                http::Goes::Tunnel(used) => {
                    self.tunnels += 1;
                    self.begin(Reader::Undecided(Box::default()), around.room);
                    self.unknown = [false; 2];
                    if used < bytes.len() {
                        self.read(side, &bytes[used..], at, around);
                    }
                }
            },
            Reader::Dns(dns) => {
                if !dns.on_data(side, bytes, at, &mut notes) {
                    self.finish(around.room);
                }
            }
            Reader::Tls(tls) => {
                if !tls.on_data(side, bytes, at, &mut notes) {
                    self.finish(around.room);
                }
            }
            Reader::Lines(lines) => match lines.on_data(side, bytes, at, &mut notes) {
                lines::Goes::On => {}
                lines::Goes::Over => self.finish(around.room),
                lines::Goes::Tls(left) => {
                    self.begin(Reader::Tls(Box::new(Tls::after_lines(side))), around.room);
                    if left > 0 {
                        self.read(side, &bytes[bytes.len() - left..], at, around);
                    }
                }
            },
            Reader::Over | Reader::Ssdp | Reader::Quic(_) => {}
        }
    }

    fn on_gap(&mut self, side: usize, len: u64, around: &mut Around<'_>) {
        let now = around.now;
        let Self { record, reader, held, .. } = self;
        let mut notes = notes(record, held, around);
        let goes_on = match reader {
            Reader::Undecided(first) => {
                first[side].cut = true;
                return self.decide(around);
            }
            Reader::Http(http) => http.on_gap(side, len, now, &mut notes) == http::Goes::On,
            Reader::Dns(dns) => dns.on_gap(side, len, &mut notes),
            Reader::Tls(tls) => tls.on_gap(side, &mut notes),
            Reader::Lines(lines) => lines.on_gap(side, &mut notes) == lines::Goes::On,
            Reader::Over | Reader::Ssdp | Reader::Quic(_) => return,
        };
        if !goes_on {
            self.finish(around.room);
        }
    }

    /// A side has sent its last byte, and all before it was seen.
    pub(super) fn on_end(&mut self, side: End, around: &mut Around<'_>) {
        let Self { record, reader: Reader::Http(http), held, .. } = self else { return };
        let now = around.now;
        http.on_end(side.index(), now, &mut notes(record, held, around));
    }

    /// Asks which application it is.
    fn decide(&mut self, around: &mut Around<'_>) {
        let Reader::Undecided(first) = &mut self.reader else { return };
        let found = recognise([first[0].buffer.bytes(), first[1].buffer.bytes()]);
        match found {
            Peek::Is(found) => self.decided(found, around),
            Peek::Not => self.finish(around.room),
            Peek::More => {
                let Self { record, held, .. } = self;
                let mut notes = notes(record, held, around);
                for (side, unknown) in first.iter_mut().zip(&mut self.unknown) {
                    if !side.buffer.is_empty() && fits_nothing(side.buffer.bytes()) {
                        side.give_up(&mut notes);
                        *unknown = true;
                    }
                }
                // Whatever goes on so long without saying what it is will not.
                let endless = |side: &First| side.buffer.is_full();
                if first.iter().all(|side| side.cut) || first.iter().any(endless) {
                    self.finish(around.room);
                }
            }
        }
    }

    fn decided(&mut self, found: Recognised, around: &mut Around<'_>) {
        let client = match found.first {
            Some(Speaker::Client) => 0,
            Some(Speaker::Server) => 1,
            None => around.originator.index(),
        };
        let service = match found.app {
            App::Smtp => Some(Service::Smtp),
            App::Ftp => Some(Service::Ftp),
            App::Pop3 => Some(Service::Pop3),
            App::Imap => Some(Service::Imap),
            _ => None,
        };
        let reader = match found.app {
            App::Http => Reader::Http(Box::new(Http::new(client))),
            App::Tls => Reader::Tls(Box::new(Tls::new(client))),
            App::Dns => Reader::Dns(Box::new(Dns::new(App::Dns))),
            App::Ssh | App::Smtp | App::Ftp | App::Pop3 | App::Imap => Reader::Lines(Box::new(Lines::new(service, client))),
            App::Http2
            | App::Mdns
            | App::Llmnr
            | App::Nbns
            | App::Ssdp
            | App::Quic
            | App::Telnet
            | App::Rlogin
            | App::Ldap
            | App::Mqtt
            | App::Redis => Reader::Over,
        };
        self.record.app.get_or_insert(found.app);
        let Reader::Undecided(mut first) = std::mem::take(&mut self.reader) else { return };
        // They are not needed any more in a moment.
        self.begin(reader, around.room);
        // Who spoke first is heard first.
        let spoke = |side: usize| first[side].pieces.first().map_or(u64::MAX, |(_, at)| at.now.number);
        let order = if spoke(client) <= spoke(1 - client) { [client, 1 - client] } else { [1 - client, client] };
        for side in order {
            let mut from = 0;
            for (end, at) in std::mem::take(&mut first[side].pieces) {
                self.read(side, &first[side].buffer.bytes()[from..end], at, around);
                from = end;
            }
            if first[side].cut {
                self.on_gap(side, 1, around);
            }
        }
    }

    /// Another reader has it from here on.
    fn begin(&mut self, reader: Reader, room: &mut Room) {
        self.finish(room);
        self.reader = reader;
    }

    /// Nothing more is read: what was taken for that is given back.
    fn finish(&mut self, room: &mut Room) {
        self.reader = Reader::Over;
        room.give_back(std::mem::take(&mut self.held.work));
    }

    fn release_streams(&mut self, room: &mut Room) {
        if let Some(mut streams) = self.streams.take() {
            streams.release(room);
        }
    }

    /// The flow is over: all that was taken of the room is given back.
    pub(super) fn release(&mut self, room: &mut Room) {
        self.finish(room);
        self.release_streams(room);
        room.give_back(std::mem::take(&mut self.held.kept));
    }
}

impl First {
    /// None of it is kept any longer.
    fn give_up(&mut self, notes: &mut Notes<'_>) {
        (self.unknown, self.cut, self.passed) = (true, true, self.buffer.len());
        self.buffer.clear(notes);
        self.pieces = Vec::new();
    }

    /// Takes bytes; says whether they may decide anything.
    fn push(&mut self, bytes: &[u8], at: At, notes: &mut Notes<'_>) -> bool {
        if self.cut || self.buffer.is_full() {
            return false;
        }
        let before = self.buffer.len();
        if self.buffer.push(bytes, notes).is_none() {
            self.cut = true;
            return true;
        }
        let len = self.buffer.len();
        self.cut = len - before < bytes.len();
        if self.pieces.len() < PIECES {
            self.pieces.push((len, at));
        } else if let Some((end, _)) = self.pieces.last_mut() {
            *end = len;
        }
        // What is long is text, of which whole lines decide, or decided already.
        before < LOOKED_AT || before / LOOKED_AT != len / LOOKED_AT || bytes.contains(&b'\n') || self.cut
    }
}

/// Reads an Initial packet. Says whether all is known.
fn on_quic(bytes: &[u8], is_client: bool, notes: &mut Notes<'_>) -> bool {
    let Peek::Is(initial) = quic::initial(bytes) else { return false };
    let known = notes.record.quic.take().unwrap_or_default();
    let mut known = *known;
    let hex = |id: &[u8]| {
        let digit = |nibble: u8| char::from_digit(nibble.into(), 16);
        id.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten().collect::<String>()
    };
    if known.version.is_none() {
        known.version = notes.cut(&initial.version.to_string(), TEXT);
    }
    if is_client && known.destination.is_none() {
        known.destination = notes.cut(&hex(initial.destination), TEXT);
        known.client = notes.cut(&hex(initial.source), TEXT);
    }
    if !is_client && known.server.is_none() {
        known.server = notes.cut(&hex(initial.source), TEXT);
    }
    let all = known.client.is_some() && known.server.is_some();
    notes.record.quic = Some(Box::new(known));
    all
}

fn notes<'n>(record: &'n mut AppRecord, held: &'n mut Held, around: &'n mut Around<'_>) -> Notes<'n> {
    let sides = if around.originator == End::Low { ["orig", "resp"] } else { ["resp", "orig"] };
    Notes { record, room: around.room, held, learn: around.learn, sides }
}
