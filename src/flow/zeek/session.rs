//! A TCP connection as Zeek follows it: the order in which one segment's questions are asked.
//!
//! Letters come in that order, too: the segment's own, `w`, `t`, then the other side's `g`.

use super::endpoint::{Endpoint, State};
use super::gaps::{Acked, Stream};
use super::history::{History, LastOfKind, Scaled};
use super::role::Role;
use super::sight::Seg;
use super::weird::{Weird, Weirds};
use crate::flow::room::Room;
use crate::model::Timestamp;

/// Both sides, by role.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    sides: [Side; 2],
    /// The originator's first packet was no SYN, or the responder's had none.
    partial: bool,
    /// The last change of state left the handshake first: its silence is another from now on.
    pub(super) left_handshake: bool,
}

/// One side.
#[derive(Clone, Debug, Default)]
struct Side {
    end: Endpoint,
    stream: Stream,
    last: LastOfKind,
    seen: bool,
    scaled: bool,
    gaps: Scaled,
    repeats: Scaled,
    zero_windows: Scaled,
}

/// What a connection lends a segment's step.
pub(super) struct Around<'a> {
    pub(super) history: &'a mut History,
    pub(super) weirds: &'a mut Weirds,
    pub(super) room: &'a mut Room,
    pub(super) ts: Timestamp,
    /// May the roles be turned by Zeek's own rules?
    pub(super) may_turn: bool,
}

/// What a segment did to the connection around the session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    /// The roles were turned, and how often: the connection's own counters follow.
    pub(super) turns: u8,
    pub(super) attempt: bool,
    pub(super) established: bool,
    /// Its time counts: both sides had not closed before.
    pub(super) timed: bool,
    /// A side closed, and nothing more is expected.
    pub(super) complete: bool,
}

impl Session {
    pub(super) const fn end(&self, role: Role) -> &Endpoint {
        &self.sides[role.index()].end
    }

    fn side(&mut self, role: Role) -> &mut Side {
        &mut self.sides[role.index()]
    }

    pub(super) fn set(&mut self, role: Role, state: State) {
        let peer = self.end(role.other()).state;
        let end = &mut self.side(role).end;
        let before = end.state;
        end.set(state);
        self.left_handshake |= before.is_handshake() && !state.is_handshake() && peer.is_handshake();
    }

    /// The sides change their roles.
    pub(super) fn turn(&mut self) {
        self.sides.swap(0, 1);
        self.partial = false;
    }

    /// Bytes missed, by role.
    pub(super) fn missed(&self) -> [u64; 2] {
        [self.sides[0].stream.missed, self.sides[1].stream.missed]
    }

    pub(super) fn release(&mut self, room: &mut Room) {
        self.sides.iter_mut().for_each(|side| side.stream.release(room));
    }

    /// Does a SYN begin another connection? Asked of every SYN, and of a SYN-ACK only while the originator has sent nothing;
    /// which side it is from does not matter.
    pub(super) fn begins_another(&self, seq: u32, is_answer: bool) -> bool {
        let (orig, resp) = (self.end(Role::Originator), self.end(Role::Responder));
        if is_answer && orig.state != State::Inactive {
            return false;
        }
        if orig.did_close || resp.did_close {
            return true;
        }
        let start = if is_answer { resp.start() } else { orig.start() };
        // The SYN of a SYN-ACK that overtook it.
        let overtaken = !is_answer && orig.state == State::SynAckSent && resp.state == State::Inactive && resp.start() == seq;
        seq != start && !overtaken
    }

    /// Takes a segment.
    pub(super) fn on_segment(&mut self, from: Role, seg: &Seg, around: &mut Around<'_>) -> (Role, Done) {
        let mut done = Done::default();
        self.note_first(from, seg);
        let rel_ack = self.start_numbers(from, seg, around.weirds);
        let rel = self.end(from).relative(seg.seq);
        if rel.is_none() && !seg.rst {
            around.weirds.add(Weird::SeqUnderflow);
        }
        let mut from = self.write_letters(from, seg, rel.unwrap_or(0), around, &mut done);
        self.window(from, seg, around);
        done.timed = !self.sides.iter().all(|side| side.end.did_close);
        self.count_flags(from, seg, rel.unwrap_or(0), around);
        self.numbers(from, seg, around);
        self.left_handshake = false;
        let step = self.step(from, seg, around.may_turn, around.weirds);
        if step.turned {
            from = from.other();
            done.turns += 1;
            around.history.push(b'^', around.room);
        }
        (done.attempt, done.established) = (step.attempt, step.established);
        if let Some(to) = rel_ack {
            self.find_gaps(from, to, around);
        }
        self.store(from, seg, rel, around);
        done.complete = self.close(from, seg, step.closes);
        (from, done)
    }

    fn note_first(&mut self, from: Role, seg: &Seg) {
        if !std::mem::replace(&mut self.side(from).seen, true) {
            self.partial |= if from.is_originator() { !seg.is_pure_syn() } else { !seg.syn };
        }
    }

    /// Starts the sides' numbers where they must be; gives the acknowledgment's place among the peer's.
    fn start_numbers(&mut self, from: Role, seg: &Seg, weirds: &mut Weirds) -> Option<u64> {
        self.side(from).end.begin(seg, seg.end(), weirds);
        if !seg.has_ack {
            return None;
        }
        let peer = &mut self.side(from.other()).end;
        let unseen = peer.state == State::Inactive;
        peer.begin_by_ack(seg.ack);
        let peer = *peer;
        if unseen {
            let spoke = matches!(self.end(from).state, State::SynSent | State::SynAckSent | State::Established);
            if spoke && seg.control() == 0 {
                weirds.add(Weird::PossibleSplitRouting);
            }
            return Some(1);
        }
        Some(peer.relative_ack(seg.ack).unwrap_or_else(|| {
            weirds.add(Weird::AckUnderflow);
            0
        }))
    }

    fn write_letters(&mut self, from: Role, seg: &Seg, rel: u64, around: &mut Around<'_>, done: &mut Done) -> Role {
        let mut from = from;
        let (history, room) = (&mut *around.history, &mut *around.room);
        let letter = match (seg.syn, seg.fin, seg.rst) {
            (false, false, false) if seg.len > 0 => b'D',
            (false, false, false) if seg.has_ack => b'A',
            (false, false, false) => return from,
            (true, false, false) => {
                if seg.has_ack {
                    b'H'
                } else {
                    b'S'
                }
            }
            (false, true, false) => b'F',
            (false, false, true) => b'R',
            (false, true, true) => b'I',
            _ => b'Q',
        };
        // A SYN-ACK first, and its receiver does not refuse it: who sent it is the server (rule 2).
        if matches!(letter, b'A' | b'D') && around.may_turn && history.as_bytes() == b"H" {
            self.turn();
            from = from.other();
            done.turns += 1;
            history.replace_with_turned_answer();
        }
        let fin_end = rel + u64::from(seg.len);
        let last = &mut self.side(from).last;
        let (kept, number) = match letter {
            b'S' | b'H' => (&mut last.syn, rel),
            b'F' => (&mut last.fin, fin_end),
            b'R' => (&mut last.rst, rel),
            _ => {
                history.once(from, letter, room);
                return from;
            }
        };
        let before = std::mem::replace(kept, number);
        if !history.once(from, letter, room) && before != number {
            history.write(from, letter, room);
        }
        from
    }

    fn window(&mut self, from: Role, seg: &Seg, around: &mut Around<'_>) {
        let peer_fin = self.end(from.other()).fins > 0;
        let scaled = self.sides.iter().all(|side| side.scaled);
        let side = self.side(from);
        if seg.syn {
            side.scaled |= seg.scale.is_some();
            side.end.offer_scale(seg.scale);
        }
        if seg.window == 0 && !seg.rst && !peer_fin && side.end.state != State::Reset && side.zero_windows.is_due() {
            around.history.write(from, b'W', around.room);
        }
        if !seg.syn && !seg.rst && seg.has_ack {
            side.end.offer_window(seg, scaled, around.weirds);
        }
    }

    fn count_flags(&mut self, from: Role, seg: &Seg, rel: u64, around: &mut Around<'_>) {
        let weirds = &mut *around.weirds;
        if seg.syn {
            if seg.rst {
                weirds.add(Weird::TcpChristmas);
            }
            if seg.urgent {
                weirds.add(Weird::BaroqueSyn);
            }
            if seg.len > 0 {
                weirds.add(Weird::SynWithData);
            }
            if seg.scale.is_some_and(|scale| scale > 14) {
                weirds.add(Weird::ScaleRange);
            }
        }
        let end = &mut self.side(from).end;
        if seg.fin {
            end.count_fin(rel + u64::from(seg.span()), around.ts, weirds);
        }
        if seg.rst {
            end.count_reset(around.ts, weirds);
        }
        end.seen(around.ts);
    }

    /// Acknowledgment, then the end of the segment.
    fn numbers(&mut self, from: Role, seg: &Seg, around: &mut Around<'_>) {
        let peer = &mut self.side(from.other()).end;
        if seg.has_ack && !seg.rst && peer.relative_ack(seg.ack).is_some() {
            peer.acknowledge(seg.ack);
        }
        let side = self.side(from);
        let was_closed = side.end.state == State::Closed;
        let before = side.end.reach();
        if side.end.send(seg, seg.end()) && side.repeats.is_due() {
            around.history.write(from, b'T', around.room);
        }
        if was_closed && seg.fin && side.end.reach() > before {
            around.weirds.add(Weird::FinAdvancedLastSeq);
        }
    }

    /// Holes that an acknowledgment of `from` leaves behind in the other direction.
    fn find_gaps(&mut self, from: Role, to: u64, around: &mut Around<'_>) {
        let open = |end: &Endpoint| {
            end.state == State::Established || (end.state == State::Closed && end.previous == State::Established)
        };
        let counts = self.sides.iter().all(|side| open(&side.end));
        let partial = self.partial;
        let lost = from.other();
        let side = self.side(lost);
        let end = side.end;
        let to = if end.fins > 0 && to >= end.fin_end { end.fin_end.saturating_sub(1) } else { to };
        let gaps = &mut side.gaps;
        side.stream.acknowledge(Acked { to, counts, partial }, || {
            if gaps.is_due() {
                around.history.write(lost, b'G', around.room);
            }
        });
    }

    fn store(&mut self, from: Role, seg: &Seg, rel: Option<u64>, around: &mut Around<'_>) {
        let Some(rel) = rel.filter(|_| !seg.rst && seg.len > 0 && seg.is_whole) else { return };
        let side = self.side(from);
        let unacked = side.end.nothing_acked();
        side.stream.insert(rel + u64::from(seg.syn), seg.len.into(), unacked, around.weirds, around.room);
    }

    /// Lets the sides close that can. Is nothing more to be expected?
    fn close(&mut self, from: Role, seg: &Seg, closes: bool) -> bool {
        let mut complete = false;
        if closes || self.end(from).close_deferred {
            complete |= self.try_close(from);
        }
        if seg.has_ack && self.end(from.other()).close_deferred {
            complete |= self.try_close(from.other());
        }
        complete
    }

    fn try_close(&mut self, role: Role) -> bool {
        let (side, peer) = (&self.sides[role.index()], &self.sides[role.other().index()]);
        let waits = !side.stream.is_delivered_to(side.end.reach()) || (side.end.state != State::Reset && peer.stream.holds());
        let peer_is_gone = peer.end.did_close || peer.end.state == State::Inactive;
        let end = &mut self.side(role).end;
        end.close_deferred = waits;
        if waits || std::mem::replace(&mut end.did_close, true) {
            return false;
        }
        end.state == State::Reset || peer_is_gone
    }
}
