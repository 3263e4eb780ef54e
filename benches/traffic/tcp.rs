//! One TCP connection, seen from a point between both ends: the ends are simulated (slow start, delayed acknowledgements, SACK, fast
//! retransmit, timeouts), the path loses and reorders before and behind the point, and what passes the point is the trace.

use super::random::Random;
use super::wire::{ACK, FIN, PSH, RST, SYN, Segment};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLI;
/// Bytes above the acknowledgement that a side takes.
const ROOM: u64 = 1 << 20;
/// Packets of one connection.
const LONGEST: usize = 400_000;
/// Timeouts in a row after which a side gives up.
const PATIENCE: u32 = 6;

/// What lies between the ends. Times are in nanoseconds, chances in millionths.
pub(crate) struct Path {
    /// From the client to the point, and from there to the server.
    pub(crate) delays: [u64; 2],
    pub(crate) jitter: u64,
    pub(crate) loss: u64,
    pub(crate) reordering: u64,
    /// Of the narrowest part.
    pub(crate) nanos_a_byte: u64,
}

/// How it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// A FIN of this side first.
    Fin(usize),
    /// A reset of this side.
    Reset(usize),
    /// Nobody says anything more.
    Open,
    /// The SYN is refused.
    Refused,
    /// The SYN is not answered.
    Unanswered,
}

/// What the ends do.
pub(crate) struct Script {
    /// Bytes of a request, bytes of the answer, and nanoseconds until the next.
    pub(crate) exchanges: Vec<(u64, u64, u64)>,
    pub(crate) end: End,
    pub(crate) mss: u64,
    /// Shift of the windows.
    pub(crate) shift: u8,
    pub(crate) timestamps: bool,
}

/// A packet as it passes the point.
#[derive(Clone, Copy)]
pub(crate) struct Passed {
    /// Nanoseconds.
    pub(crate) at: u64,
    /// 0: the client sent it.
    pub(crate) side: usize,
    pub(crate) segment: Segment,
    pub(crate) payload: u16,
}

/// A packet on its way to the other end.
#[derive(Clone, Copy)]
struct Flight {
    seq: u64,
    length: u64,
    fin: bool,
    ack: u64,
    sacked: bool,
    blocks: [(u64, u64); 3],
    value: u32,
}

enum Happens {
    Arrives(usize, Flight),
    TimesOut(usize, u32),
    Acknowledges(usize, u32),
    Writes(usize, u64),
    Closes(usize),
}

/// One end. Positions count the bytes from the one after SYN; a FIN is one more.
#[derive(Default)]
struct Side {
    isn: u32,
    una: u64,
    next: u64,
    highest: u64,
    written: u64,
    fin: bool,
    window: f64,
    threshold: f64,
    duplicates: u32,
    /// In recovery: it ends when this is acknowledged; and where to look for the next hole.
    recovery: Option<(u64, u64)>,
    sacked: Vec<(u64, u64)>,
    timeouts: u32,
    timer: u32,
    received: u64,
    above: Vec<(u64, u64)>,
    fin_received: bool,
    owed: u32,
    delayed: u32,
    echo: u32,
    last_passed: u64,
    last_arrived: u64,
    line_free: u64,
    clock: u32,
}

struct Connection<'a> {
    script: &'a Script,
    path: &'a Path,
    random: &'a mut Random,
    sides: [Side; 2],
    events: BinaryHeap<Reverse<(u64, u64)>>,
    what: Vec<Option<Happens>>,
    free: Vec<usize>,
    order: u64,
    now: u64,
    /// The exchange under way.
    exchange: usize,
    trace: Vec<Passed>,
}

/// The packets of a connection that begins at `start`, in the order of their times.
pub(crate) fn connection(script: &Script, path: &Path, start: u64, random: &mut Random) -> Vec<Passed> {
    let mut connection = Connection {
        script,
        path,
        sides: [Side::default(), Side::default()],
        events: BinaryHeap::new(),
        what: Vec::new(),
        free: Vec::new(),
        order: 0,
        now: start,
        exchange: 0,
        trace: Vec::new(),
        random,
    };
    for side in &mut connection.sides {
        side.isn = connection.random.next() as u32;
        side.clock = connection.random.next() as u32;
        side.window = 10.0;
        side.threshold = 1e9;
    }
    if connection.shakes_hands() {
        connection.runs();
    }
    let mut trace = connection.trace;
    trace.sort_by_key(|passed| passed.at);
    trace
}

impl Connection<'_> {
    /// From SYN to the client's acknowledgement; false if it ends before.
    fn shakes_hands(&mut self) -> bool {
        let [client, server] = [0, 1].map(|side| self.leg(side, 0) + self.leg(side, 1));
        for again in 0..4 {
            let sent = self.now;
            self.now += SECOND << again;
            let lost = self.random.happens(self.path.loss);
            let passed = self.passes(0, sent);
            self.record(passed, 0, SYN, 0, 0, 0);
            if lost || self.script.end == End::Unanswered {
                continue;
            }
            let answered = sent + client;
            if self.script.end == End::Refused {
                let passed = self.passes(1, answered);
                self.record(passed, 1, RST | ACK, 0, 0, 0);
                return false;
            }
            let lost = self.random.happens(self.path.loss);
            let passed = self.passes(1, answered);
            self.record(passed, 1, SYN | ACK, 0, 0, 0);
            if lost {
                continue;
            }
            self.now = answered + server;
            self.acknowledge(0);
            return true;
        }
        false
    }

    fn runs(&mut self) {
        match self.script.exchanges.first() {
            Some((request, _, _)) => self.later(0, Happens::Writes(0, *request)),
            None => self.later(0, Happens::Closes(0)),
        }
        while let Some(Reverse((time, key))) = self.events.pop() {
            let place = (key & 0xff_ffff) as usize;
            let Some(happens) = self.what[place].take() else { continue };
            self.free.push(place);
            self.now = time;
            if self.trace.len() >= LONGEST {
                break;
            }
            match happens {
                Happens::Arrives(side, flight) => self.arrives(side, &flight),
                Happens::TimesOut(side, timer) if timer == self.sides[side].timer => self.times_out(side),
                Happens::Acknowledges(side, delayed) if delayed == self.sides[side].delayed => self.acknowledge(side),
                Happens::TimesOut(..) | Happens::Acknowledges(..) => {}
                Happens::Writes(side, bytes) => {
                    self.sides[side].written += bytes;
                    self.sends(side);
                }
                Happens::Closes(side) => {
                    self.sides[side].fin = true;
                    self.sends(side);
                }
            }
        }
    }

    /// Nanoseconds of the first or second leg of what `side` sends.
    fn leg(&self, side: usize, leg: usize) -> u64 {
        self.path.delays[side ^ leg]
    }

    fn later(&mut self, nanos: u64, happens: Happens) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.what.push(None);
            self.what.len() - 1
        });
        self.what[place] = Some(happens);
        self.order += 1;
        self.events.push(Reverse((self.now + nanos, (self.order << 24) | place as u64)));
    }

    /// When a packet sent now passes the point: in order, unless it was held up.
    fn passes(&mut self, side: usize, sent: u64) -> u64 {
        let held = if self.random.happens(self.path.reordering) { self.random.between(MILLI / 5, 4 * MILLI) } else { 0 };
        let jitter = self.random.below(self.path.jitter + 1);
        let passed = sent + self.leg(side, 0) + jitter;
        if held > 0 {
            return passed + held;
        }
        let passed = passed.max(self.sides[side].last_passed + 700);
        self.sides[side].last_passed = passed;
        passed
    }

    fn sequence(&self, side: usize, position: u64) -> u32 {
        self.sides[side].isn.wrapping_add(1).wrapping_add(position as u32)
    }

    fn record(&mut self, at: u64, side: usize, flags: u8, position: u64, payload: u64, value: u32) {
        let syn = flags & SYN != 0;
        let me = &self.sides[side];
        let room = ROOM.saturating_sub(me.above.iter().map(|(from, to)| to - from).sum());
        let mut segment = Segment {
            seq: if syn { me.isn } else { self.sequence(side, position) },
            ack: if flags & ACK == 0 { 0 } else { self.sequence(1 - side, me.received) },
            flags,
            window: if syn { 65_535 } else { (room >> self.script.shift).min(65_535) as u16 },
            mss: syn.then_some((self.script.mss as u16 + 12 * u16::from(self.script.timestamps), self.script.shift)),
            times: (self.script.timestamps && flags & RST == 0).then_some((value, me.echo)),
            sacks: [(0, 0); 3],
        };
        if flags & (SYN | RST) == 0 {
            for (to, from) in segment.sacks.iter_mut().zip(me.above.iter().rev()) {
                *to = (self.sequence(1 - side, from.0), self.sequence(1 - side, from.1));
            }
        }
        if segment.flags == RST | ACK && self.exchange == 0 && self.script.end == End::Refused {
            segment.seq = 0;
        }
        self.trace.push(Passed { at, side, segment, payload: payload as u16 });
    }

    /// One packet of `side` on its way, and on the record if it gets to the point.
    fn transmits(&mut self, side: usize, position: u64, length: u64, fin: bool, flags: u8) {
        let value = self.sides[side].clock.wrapping_add((self.now / MILLI) as u32);
        let begins = self.now.max(self.sides[side].line_free);
        self.sides[side].line_free = begins + (length + 66) * self.path.nanos_a_byte;
        let (loss, near) = (self.path.loss / 2, begins + (length + 66) * self.path.nanos_a_byte);
        let lost_before = self.random.happens(loss);
        let passed = self.passes(side, near);
        self.sides[side].owed = 0;
        self.sides[side].delayed += 1;
        if lost_before {
            return;
        }
        self.record(passed, side, flags | if fin { FIN } else { 0 }, position, length, value);
        if self.random.happens(loss) {
            return;
        }
        let held = if self.random.happens(self.path.reordering) { self.random.between(MILLI / 5, 4 * MILLI) } else { 0 };
        let me = &mut self.sides[side];
        let mut blocks = [(0, 0); 3];
        for (to, from) in blocks.iter_mut().zip(me.above.iter().rev()) {
            *to = *from;
        }
        let flight = Flight { seq: position, length, fin, ack: me.received, sacked: !me.above.is_empty(), blocks, value };
        let delay = self.path.delays[side ^ 1];
        let mut arrived = passed + delay + held;
        if held == 0 {
            arrived = arrived.max(me.last_arrived);
            me.last_arrived = arrived;
        }
        self.later(arrived.saturating_sub(self.now), Happens::Arrives(1 - side, flight));
    }

    fn acknowledge(&mut self, side: usize) {
        let position = self.sides[side].highest;
        self.transmits(side, position, 0, false, ACK);
    }

    /// Bytes that `side` has to send, its FIN among them.
    fn limit(&self, side: usize) -> u64 {
        self.sides[side].written + u64::from(self.sides[side].fin)
    }

    /// One data segment from a position on; gives how far it goes.
    fn sends_from(&mut self, side: usize, position: u64, end: u64) -> u64 {
        let written = self.sides[side].written;
        let length = written.saturating_sub(position).min(self.script.mss).min(end - position);
        let fin = self.sides[side].fin && position + length == written;
        let flags = if length > 0 && position + length == written { ACK | PSH } else { ACK };
        self.transmits(side, position, length, fin, flags);
        position + length + u64::from(fin)
    }

    /// All that may be sent now.
    fn sends(&mut self, side: usize) {
        let limit = self.limit(side);
        loop {
            let me = &mut self.sides[side];
            while let Some(range) = me.sacked.iter().find(|range| range.0 <= me.next && me.next < range.1) {
                me.next = range.1;
            }
            let sacked: u64 = me.sacked.iter().map(|(from, to)| to - from).sum();
            let flying = (me.next - me.una).saturating_sub(sacked);
            let allowed = (me.window * self.script.mss as f64) as u64;
            if me.next >= limit || (flying > 0 && flying + self.script.mss > allowed) || me.next - me.una > ROOM / 2 {
                break;
            }
            let from = me.next;
            let end = me.sacked.iter().map(|range| range.0).filter(|start| *start > from).min().unwrap_or(limit);
            let next = self.sends_from(side, from, end);
            let me = &mut self.sides[side];
            me.next = next;
            me.highest = me.highest.max(next);
        }
        self.sets_timer(side);
    }

    fn sets_timer(&mut self, side: usize) {
        let around = 2 * (self.path.delays[0] + self.path.delays[1]);
        let now = self.now;
        let me = &mut self.sides[side];
        me.timer += 1;
        if me.una < me.next {
            // What waits before the narrow part takes longer.
            let wait = around * 3 / 2 + 200 * MILLI + me.line_free.saturating_sub(now);
            let (timer, wait) = (me.timer, wait << me.timeouts);
            self.later(wait, Happens::TimesOut(side, timer));
        }
    }

    fn times_out(&mut self, side: usize) {
        let mss = self.script.mss;
        let me = &mut self.sides[side];
        me.timeouts += 1;
        if me.timeouts > PATIENCE {
            return;
        }
        me.threshold = ((me.next - me.una) as f64 / mss as f64 / 2.0).max(2.0);
        me.window = 1.0;
        me.recovery = None;
        me.duplicates = 0;
        me.next = me.una;
        self.sends(side);
    }

    /// Sends the next hole of a recovery once, if there is one.
    fn fills(&mut self, side: usize) {
        let me = &mut self.sides[side];
        let Some((until, from)) = me.recovery else { return };
        let mut from = from.max(me.una);
        while let Some(range) = me.sacked.iter().find(|range| range.0 <= from && from < range.1) {
            from = range.1;
        }
        let above = me.sacked.iter().map(|range| range.1).max().unwrap_or(me.una + 1);
        if from >= until || from >= above {
            return;
        }
        let end = me.sacked.iter().map(|range| range.0).filter(|start| *start > from).min().unwrap_or(until);
        let next = self.sends_from(side, from, end);
        self.sides[side].recovery = Some((until, next));
    }

    fn arrives(&mut self, side: usize, flight: &Flight) {
        self.takes_ack(side, flight);
        if flight.length > 0 || flight.fin {
            self.takes_data(side, flight);
        }
    }

    fn takes_ack(&mut self, side: usize, flight: &Flight) {
        let mss = self.script.mss as f64;
        let me = &mut self.sides[side];
        if flight.sacked {
            for block in flight.blocks.iter().filter(|block| block.1 > me.una) {
                join(&mut me.sacked, *block);
            }
        }
        if flight.ack > me.una {
            me.una = flight.ack;
            me.next = me.next.max(me.una);
            let una = me.una;
            me.sacked.retain(|range| range.1 > una);
            (me.duplicates, me.timeouts) = (0, 0);
            match me.recovery {
                Some((until, _)) if una >= until => {
                    me.recovery = None;
                    me.window = me.threshold;
                }
                Some(_) => self.fills(side),
                None if me.window < me.threshold => me.window += 1.0,
                None => me.window += 1.0 / me.window,
            }
            self.sends(side);
        } else if flight.ack == me.una && flight.length == 0 && !flight.fin && me.next > me.una {
            me.duplicates += 1;
            if me.duplicates == 3 && me.recovery.is_none() {
                me.threshold = ((me.next - me.una) as f64 / mss / 2.0).max(2.0);
                me.window = me.threshold;
                me.recovery = Some((me.next, me.una));
                self.fills(side);
            } else if me.recovery.is_some() {
                self.fills(side);
            }
            self.sends(side);
        }
    }

    fn takes_data(&mut self, side: usize, flight: &Flight) {
        let me = &mut self.sides[side];
        let end = flight.seq + flight.length + u64::from(flight.fin);
        let before = me.received;
        let had_holes = !me.above.is_empty();
        if flight.seq <= me.received {
            me.echo = flight.value;
        }
        me.fin_received |= flight.fin;
        if flight.seq > me.received {
            join(&mut me.above, (flight.seq, end));
        } else if end > me.received {
            me.received = end;
            while let Some(at) = me.above.iter().position(|range| range.0 <= me.received) {
                me.received = me.received.max(me.above.swap_remove(at).1);
            }
        }
        me.owed += 1;
        let in_order = me.received > before && !had_holes;
        if !in_order || me.owed >= 2 || flight.fin {
            self.acknowledge(side);
        } else {
            me.delayed += 1;
            let delayed = me.delayed;
            self.later(40 * MILLI, Happens::Acknowledges(side, delayed));
        }
        if self.sides[side].received > before {
            self.reads(side);
        }
    }

    /// What the program at `side` does when it has all it waits for.
    fn reads(&mut self, side: usize) {
        let exchanges = &self.script.exchanges;
        let received = self.sides[side].received;
        let done: (u64, u64) = exchanges[..self.exchange].iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        if let Some((request, answer, wait)) = exchanges.get(self.exchange).copied() {
            if side == 1 && received == done.0 + request && self.sides[1].written == done.1 && answer > 0 {
                let thinks = self.random.exponential(3 * MILLI);
                self.later(thinks, Happens::Writes(1, answer));
            } else if (side == 0 && received == done.1 + answer) || (answer == 0 && side == 1 && received == done.0 + request) {
                self.exchange += 1;
                match exchanges.get(self.exchange) {
                    Some((request, _, _)) => self.later(wait, Happens::Writes(0, *request)),
                    None => self.ends(wait),
                }
            }
            return;
        }
        let me = &self.sides[side];
        if me.fin_received && !me.fin && me.above.is_empty() {
            self.later(MILLI / 4, Happens::Closes(side));
        }
    }

    fn ends(&mut self, wait: u64) {
        match self.script.end {
            End::Fin(side) => self.later(wait, Happens::Closes(side)),
            End::Reset(side) => {
                let position = self.sides[side].highest;
                self.now += wait;
                let passed = self.passes(side, self.now);
                self.record(passed, side, RST | ACK, position, 0, 0);
                self.events.clear();
            }
            End::Open | End::Refused | End::Unanswered => {}
        }
    }
}

/// Adds a range to ranges; those that touch become one, which is the newest.
fn join(ranges: &mut Vec<(u64, u64)>, mut new: (u64, u64)) {
    ranges.retain(|range| {
        let touches = range.0 <= new.1 && new.0 <= range.1;
        if touches {
            new = (new.0.min(range.0), new.1.max(range.1));
        }
        !touches
    });
    ranges.push(new);
}
