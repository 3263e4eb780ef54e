//! A conversation as Zeek would log it: what `conn.log` says of it, kept beside our own view and changing nothing of that.
//!
//! Read `session` for a TCP segment's way. `endpoint` (states, numbers), `transition` (the state step), `history` (letters),
//! `gaps` (what was missed), `conn_state`, `timers`, `weird`, `ports` and `admission` each answer one question; `sight` is the
//! packet as they see it. In Zeek's profile this also decides where a record ends and who is the originator; in ours the flow
//! decides both and this follows. Application analyzers, which give Zeek some `X` letters and timeouts, are not there.

#![expect(
    clippy::inline_always,
    reason = "of what a packet costs here a quarter (609 and 458 instructions, 100,000 packets of 8,000 flows)"
)]

pub(in crate::flow) mod admission;
mod conn_state;
mod endpoint;
mod gaps;
mod history;
pub(in crate::flow) mod ports;
mod role;
mod session;
mod sight;
pub(in crate::flow) mod timers;
mod transition;
mod weird;
mod wrapped;

pub(in crate::flow) use self::admission::Admission;
use self::endpoint::State;
use self::history::{History, Scaled};
pub(in crate::flow) use self::ports::{FirstFlags, turn_at_first};
use self::role::Role;
use self::session::{Around, Session};
use self::sight::{Message, Seen, Seg};
pub(in crate::flow) use self::sight::{Sight, micros};
use self::timers::{Timers, ZeekTimers};
use self::weird::{Weird, Weirds};
use self::wrapped::Wrapped;
pub(in crate::flow) use self::wrapped::wrapping;
use super::key::{End, FlowKey};
use super::record::{Wrapping, ZeekRecord};
use super::room::Room;
use crate::model::{Span, Timestamp};

/// A conversation. What few of them have is behind a box.
#[derive(Clone, Debug)]
pub(in crate::flow) struct Conn {
    /// Zeek's `last_time`: of the last packet that counts.
    last: Timestamp,
    counts: [Counts; 2],
    /// The key's end that is the originator.
    originator: End,
    /// Zeek's own rules turn the roles.
    turns: bool,
    /// A packet of it was taken.
    begun: bool,
    /// Zeek's `connection_reset` was raised.
    reset: bool,
    history: History,
    kind: Kind,
    start: Timestamp,
    weirds: Weirds,
    /// Where Zeek's timers end flows.
    timers: Option<Box<Timers>>,
    wrapped: Option<Box<Wrapped>>,
    /// Wrong checksums, by role.
    bad: Option<Box<[Scaled; 2]>>,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Not behind a box of its own, which would be another miss of the cache a packet.
    Tcp(Session),
    /// Bytes by role, once there was a packet that counts.
    Udp([Option<u64>; 2]),
    Icmp([Option<u64>; 2]),
    Other,
}

/// What is counted of a role, of every protocol.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    packets: u64,
    ip_bytes: u64,
}

/// How the connection before on the same ports stood.
#[derive(Clone, Copy, Debug)]
pub(in crate::flow) struct Reuse {
    weird: Option<Weird>,
}

/// How a conversation begins.
#[derive(Clone, Copy, Debug)]
pub(in crate::flow) struct Beginning {
    /// Who sent the first packet.
    pub(in crate::flow) sender: End,
    /// Who is the originator.
    pub(in crate::flow) originator: End,
    /// May Zeek's rules turn the roles later?
    pub(in crate::flow) turns: bool,
}

impl Conn {
    /// A conversation that begins with this packet; it is to be handed to [`Self::on_packet`], too.
    pub(in crate::flow) fn new(
        sight: &Sight,
        key: &FlowKey,
        beginning: Beginning,
        times: Option<&'static ZeekTimers>,
        room: &mut Room,
    ) -> Self {
        let kind = match sight.transport {
            Seen::Tcp(_) | Seen::BadTcp => Kind::Tcp(Session::default()),
            Seen::Udp { .. } => Kind::Udp([None; 2]),
            Seen::Icmp { .. } => Kind::Icmp([None; 2]),
            Seen::Other => Kind::Other,
        };
        let responder = key.endpoint(beginning.originator.other()).port;
        let timers = times.map(|times| Box::new(kind.timers(times, responder, sight.ts)));
        let mut conn = Self {
            last: sight.ts,
            counts: [Counts::default(); 2],
            originator: beginning.originator,
            turns: beginning.turns,
            begun: false,
            reset: false,
            history: History::default(),
            kind,
            start: sight.ts,
            weirds: Weirds::default(),
            timers,
            wrapped: None,
            bad: None,
        };
        if beginning.sender != beginning.originator && matches!(conn.kind, Kind::Tcp(_) | Kind::Udp(_)) {
            conn.history.push(b'^', room);
        }
        conn
    }

    pub(in crate::flow) const fn originator(&self) -> End {
        self.originator
    }

    fn times(&self) -> &'static ZeekTimers {
        self.timers.as_ref().map_or(&ZeekTimers::DEFAULT, |timers| timers.times())
    }

    fn role(&self, from: End) -> Role {
        if from == self.originator { Role::Originator } else { Role::Responder }
    }

    /// Does a SYN of this number begin another connection? `is_answer`: it is a SYN-ACK.
    pub(in crate::flow) fn begins_another(&self, seq: u32, is_answer: bool) -> bool {
        let Kind::Tcp(session) = &self.kind else { return false };
        session.begins_another(seq, is_answer)
    }

    /// What the next connection on the same ports has to know of this one.
    pub(in crate::flow) fn reuse(&self, now: Timestamp) -> Reuse {
        let Kind::Tcp(session) = &self.kind else { return Reuse { weird: None } };
        let ends = [session.end(Role::Originator), session.end(Role::Responder)];
        let reset = ends.iter().any(|end| end.state == State::Reset);
        let weird = if !ends.iter().any(|end| end.did_close) {
            Some(if ends[0].state == State::SynSent { Weird::SynSeqJump } else { Weird::ActiveConnectionReuse })
        } else if !reset && ends.iter().any(|end| end.is_active()) {
            Some(Weird::ActiveConnectionReuse)
        } else if !reset && now - self.last < self.times().linger {
            Some(Weird::PrematureConnectionReuse)
        } else {
            None
        };
        Reuse { weird }
    }

    /// This connection took the place of another: what Zeek's `weird.log` calls that.
    pub(in crate::flow) fn follow(&mut self, previous: Reuse) {
        if let Some(weird) = previous.weird {
            self.weirds.add(weird);
        }
    }

    /// Takes a packet of it. `key`: for the ports, whose sides are `End`s.
    pub(in crate::flow) fn on_packet(&mut self, from: End, sight: &Sight, key: &FlowKey, room: &mut Room) {
        let role = self.role(from);
        match sight.transport {
            Seen::Tcp(ref seg) if sight.sound => self.on_segment(role, seg, sight, key, room),
            Seen::BadTcp => self.weirds.add(Weird::BadTcpHeaderLen),
            Seen::Tcp(_) => self.on_bad_checksum(role, Weird::BadTcpChecksum, room),
            Seen::Udp { .. } if !sight.sound => self.on_bad_checksum(role, Weird::BadUdpChecksum, room),
            Seen::Icmp { .. } if !sight.sound => self.weirds.add(Weird::BadIcmpChecksum),
            Seen::Udp { bytes, message } => {
                self.history.once(role, b'D', room);
                self.count_payload(role, bytes);
                self.last = sight.ts;
                if let Some(message) = message.filter(|_| self.turns) {
                    self.on_message(role, message, key, room);
                }
                // By the role it had before it turned them: so Zeek has it.
                self.count(role, sight);
            }
            Seen::Icmp { bytes } => {
                self.count_payload(role, bytes);
                self.last = sight.ts;
                self.count(role, sight);
            }
            Seen::Other => {
                self.last = sight.ts;
                self.count(role, sight);
            }
        }
    }

    #[inline]
    fn on_segment(&mut self, role: Role, seg: &Seg, sight: &Sight, key: &FlowKey, room: &mut Room) {
        let Self { history, weirds, turns, kind: Kind::Tcp(session), .. } = self else { return };
        let mut around = Around { history, weirds, room, ts: sight.ts, may_turn: *turns };
        if session.goes_on(role, seg, &mut around) {
            self.last = sight.ts;
            return self.count(role, sight);
        }
        let (role, done) = session.on_segment(role, seg, &mut around);
        let left_handshake = session.left_handshake;
        for _ in 0..done.turns {
            self.turn_counts();
        }
        if done.timed {
            self.last = sight.ts;
        }
        self.reset |= done.reset;
        if let Some(timers) = &mut self.timers {
            let responder = key.endpoint(self.originator.other()).port;
            timers.on_segment(done, left_handshake, ports::INTERACTIVE.contains(&responder), sight.ts, self.last);
        }
        self.count(role, sight);
    }

    fn on_bad_checksum(&mut self, role: Role, weird: Weird, room: &mut Room) {
        self.weirds.add(weird);
        if self.bad.get_or_insert_default()[role.index()].is_due() {
            self.history.write(role, b'C', room);
        }
    }

    fn count(&mut self, role: Role, sight: &Sight) {
        let counts = &mut self.counts[role.index()];
        counts.packets += 1;
        counts.ip_bytes = counts.ip_bytes.saturating_add(sight.ip_bytes);
    }

    fn count_payload(&mut self, role: Role, bytes: u64) {
        if let Kind::Udp(payload) | Kind::Icmp(payload) = &mut self.kind {
            let payload = &mut payload[role.index()];
            *payload = Some(payload.unwrap_or(0).saturating_add(bytes));
        }
    }

    /// DNS's first message and any of NTP say who is the server, once. Zeek then turns packets, but not bytes: a row of one answer
    /// and one question has both with the originator.
    fn on_message(&mut self, role: Role, message: Message, key: &FlowKey, room: &mut Room) {
        let responder = key.endpoint(self.originator.other());
        let turned = if responder.port == ports::NTP {
            matches!((message, role), (Message::Answer, Role::Originator) | (Message::Question, Role::Responder))
        } else if ports::DNS.contains(&responder.port) {
            self.turns = false;
            (message, role) == (Message::Answer, Role::Originator) && !responder.ip.is_multicast()
        } else {
            false
        };
        if turned {
            self.turns = false;
            self.turn_counts();
            self.history.push(b'^', room);
        }
    }

    /// The roles are the other way round, by evidence that Zeek does not ask for.
    pub(in crate::flow) fn turn(&mut self, room: &mut Room) {
        match &mut self.kind {
            Kind::Tcp(session) => session.turn(),
            Kind::Udp(payload) | Kind::Icmp(payload) => payload.swap(0, 1),
            Kind::Other => {}
        }
        self.turn_counts();
        if matches!(self.kind, Kind::Tcp(_) | Kind::Udp(_)) {
            self.history.push(b'^', room);
        }
    }

    fn turn_counts(&mut self) {
        self.originator = self.originator.other();
        self.counts.swap(0, 1);
        if let Some(bad) = &mut self.bad {
            bad.swap(0, 1);
        }
    }

    /// What is nearest around the packet that comes next.
    #[inline]
    pub(in crate::flow) fn within(&mut self, wrapping: Option<Wrapping>, room: &mut Room) {
        let first = !std::mem::replace(&mut self.begun, true);
        if wrapping.is_none() && self.wrapped.is_none() {
            return;
        }
        if self.wrapped.get_or_insert_default().changes_too_often(wrapping, first) {
            self.stop_analysis(room);
        }
    }

    /// What it carries is not looked at any more. Said once, of neither side.
    pub(in crate::flow) fn stop_analysis(&mut self, room: &mut Room) {
        self.history.once(Role::Originator, b'X', room);
    }

    /// Bytes missed of what this end sent.
    pub(in crate::flow) fn missed(&self, end: End) -> u64 {
        match &self.kind {
            Kind::Tcp(session) => session.missed()[self.role(end).index()],
            _ => 0,
        }
    }

    /// Makes a record say how things stand.
    pub(in crate::flow) fn fill(&self, record: &mut ZeekRecord) {
        let [o, r] = &self.counts;
        let (conn_state, bytes, missed_bytes) = match &self.kind {
            Kind::Tcp(session) => {
                let (orig, resp) = (session.end(Role::Originator), session.end(Role::Responder));
                let conn_state = conn_state::of_tcp(orig, resp, self.history.as_bytes());
                (conn_state, [orig.size(resp), resp.size(orig)], session.missed())
            }
            Kind::Udp(bytes) => (conn_state::of_udp(bytes.map(|b| b.is_some())), bytes.map(Option::unwrap_or_default), [0; 2]),
            Kind::Icmp(bytes) => ("OTH", bytes.map(Option::unwrap_or_default), [0; 2]),
            Kind::Other => ("OTH", [0; 2], [0; 2]),
        };
        let duration = Some(self.last - self.start).filter(|&duration| duration > Span::ZERO);
        record.conn_state = conn_state;
        record.history.clear();
        record.history.push_str(&self.history.text());
        record.duration = duration;
        record.bytes = bytes.map(|bytes| duration.map(|_| bytes));
        record.packets = [o.packets, r.packets];
        record.ip_bytes = [o.ip_bytes, r.ip_bytes];
        record.missed_bytes = missed_bytes;
        record.tunnel_parents.clear();
        if let Some(wrapped) = &self.wrapped {
            record.tunnel_parents.extend_from_slice(&wrapped.parents);
        }
        record.weird.clear();
        record.weird.extend(self.weirds.names());
    }

    /// The conversation is over: what its lists held is given back.
    pub(in crate::flow) fn release(&mut self, room: &mut Room) {
        self.history.release(room);
        if let Kind::Tcp(session) = &mut self.kind {
            session.release(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_stays_small() {
        // As docs/zeek.md has it.
        assert_eq!((size_of::<Conn>(), size_of::<Timers>()), (328, 120));
        assert_eq!((session::RARE, gaps::HOLES), (80, 48));
    }
}
