//! A TCP connection as Zeek follows it: the order in which one segment's questions are asked.
//!
//! Letters come in that order, too: the segment's own, `w`, `t`, then the other side's `g`.

use super::endpoint::{Endpoint, Relative, State};
use super::gaps::{Acked, SentSoFar, Stream};
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
    /// A side has closed, but some of what it sent is missing: asked again when that may have changed.
    close_deferred: bool,
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
    /// A side closed.
    pub(super) closed: bool,
    /// It did, and nothing more is expected.
    pub(super) complete: bool,
    /// It was reset: Zeek's session timer asks nothing any more.
    pub(super) reset: bool,
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

    /// It is no partial connection after all.
    pub(super) const fn is_whole(&mut self) {
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
        self.side(from).end.begin(seg, seg.end(), around.weirds);
        let rel = self.end(from).relative(seg.seq);
        if rel.underflow && !seg.rst {
            around.weirds.add(Weird::SeqUnderflow);
        }
        let mut from = self.write_letters(from, seg, rel.at, around, &mut done);
        self.window(from, seg, around);
        done.timed = !self.sides.iter().all(|side| side.end.did_close);
        self.count_flags(from, seg, rel, around);
        let rel_ack = self.acknowledge(from, seg, around.weirds);
        self.send(from, seg, around);
        self.left_handshake = false;
        let step = self.step(from, seg, around.may_turn, around.weirds);
        if step.turned {
            from = from.other();
            done.turns += 1;
            around.history.push(b'^', around.room);
        }
        (done.attempt, done.established, done.reset) = (step.attempt, step.established, step.reset);
        if let Some(to) = rel_ack
            && self.find_gaps(from, to, around)
        {
            self.check_end(from.other(), &mut done);
        }
        self.store(from, seg, rel, around);
        self.check_end(from, &mut done);
        if step.closes {
            self.close(from, &mut done);
        }
        (from, done)
    }

    fn note_first(&mut self, from: Role, seg: &Seg) {
        if !std::mem::replace(&mut self.side(from).seen, true) {
            // The originator's says it all; the responder's can only add to it.
            self.partial = if from.is_originator() { !seg.is_pure_syn() } else { self.partial || !seg.syn };
        }
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
        let fin_end = rel.wrapping_add(u64::from(seg.len));
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
        let peer_closed = self.end(from.other()).state == State::Closed;
        let scaled = self.sides.iter().all(|side| side.scaled);
        let side = self.side(from);
        if seg.syn {
            side.scaled |= seg.scale.is_some();
            side.end.offer_scale(seg.scale);
        }
        if seg.window == 0 && !seg.rst && !peer_closed && side.end.state != State::Reset && side.zero_windows.is_due() {
            around.history.write(from, b'W', around.room);
        }
        if seg.control() == 0 && seg.has_ack && !matches!(side.end.state, State::Closed | State::Reset) {
            side.end.offer_window(seg, scaled, around.weirds);
        }
    }

    fn count_flags(&mut self, from: Role, seg: &Seg, rel: Relative, around: &mut Around<'_>) {
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
            // One before the start of the numbers ends nowhere in them. Zeek's sums go below zero there.
            let fin_end = if rel.underflow { 0 } else { rel.at.saturating_add(seg.span().into()) };
            end.count_fin(fin_end, around.ts, weirds);
        }
        if seg.rst {
            end.count_reset(around.ts, weirds);
        }
        end.seen(around.ts);
    }

    /// What the segment acknowledges of the other side, relative to the start of its numbers.
    fn acknowledge(&mut self, from: Role, seg: &Seg, weirds: &mut Weirds) -> Option<u64> {
        if !seg.has_ack {
            return None;
        }
        let spoke = matches!(self.end(from).state, State::SynSent | State::SynAckSent | State::Established);
        let peer = &mut self.side(from.other()).end;
        if peer.state == State::Inactive {
            peer.begin_by_ack(seg.ack);
            if spoke && seg.control() == 0 {
                weirds.add(Weird::PossibleSplitRouting);
            }
            return Some(1);
        }
        let place = peer.relative_ack(seg.ack);
        if place.underflow {
            weirds.add(Weird::AckUnderflow);
            return Some(0);
        }
        if !seg.rst {
            peer.acknowledge(seg.ack);
        }
        Some(place.at)
    }

    fn send(&mut self, from: Role, seg: &Seg, around: &mut Around<'_>) {
        let side = self.side(from);
        let advances = side.end.advances(seg.end());
        if side.end.state == State::Closed && seg.fin && advances {
            around.weirds.add(Weird::FinAdvancedLastSeq);
        }
        if side.end.send(seg, seg.end()) && side.repeats.is_due() {
            around.history.write(from, b'T', around.room);
        }
    }

    /// Holes that an acknowledgment of `from` leaves behind in the other direction. Does it say anything new?
    fn find_gaps(&mut self, from: Role, to: u64, around: &mut Around<'_>) -> bool {
        let open = |end: &Endpoint| {
            end.state == State::Established || (end.state == State::Closed && end.previous == State::Established)
        };
        let counts = self.sides.iter().all(|side| open(&side.end));
        let partial = self.partial;
        let lost = from.other();
        let side = self.side(lost);
        let end = side.end;
        let to = if end.fin_end > 0 && to >= end.fin_end { end.fin_end - 1 } else { to };
        let gaps = &mut side.gaps;
        side.stream.acknowledge(Acked { to, counts, partial }, || {
            if gaps.is_due() {
                around.history.write(lost, b'G', around.room);
            }
        })
    }

    fn store(&mut self, from: Role, seg: &Seg, rel: Relative, around: &mut Around<'_>) {
        if seg.rst || seg.len == 0 || !seg.is_whole || rel.underflow {
            return;
        }
        let peer = *self.end(from.other());
        let side = self.side(from);
        let sent = SentSoFar { acked: side.end.acked(), nothing_acked: side.end.nothing_acked(), size: side.end.size(&peer) };
        side.stream.insert(rel.at + u64::from(seg.syn), seg.len.into(), sent, around.weirds, around.room);
    }

    /// Has a side come to its end, with all that it sent? Then a close that was put off is due.
    fn check_end(&mut self, role: Role, done: &mut Done) {
        let end = self.end(role);
        let over = end.fins > 0 || matches!(end.state, State::Closed | State::Reset);
        if end.at_end || !over || self.is_pending(role) {
            return;
        }
        self.side(role).end.at_end = true;
        if std::mem::take(&mut self.close_deferred) {
            self.close(role, done);
        }
    }

    /// Is something of what this side sent, or of what it is to acknowledge, still to come?
    fn is_pending(&self, role: Role) -> bool {
        let (side, peer) = (&self.sides[role.index()], &self.sides[role.other().index()]);
        !side.stream.has_given_up()
            && (!side.stream.is_delivered_to(side.end.reach()) || (side.end.state != State::Reset && peer.stream.holds()))
    }

    fn close(&mut self, role: Role, done: &mut Done) {
        self.close_deferred = self.is_pending(role);
        if self.close_deferred || std::mem::replace(&mut self.side(role).end.did_close, true) {
            return;
        }
        let (end, peer) = (self.end(role), self.end(role.other()));
        done.closed = end.previous != State::Inactive;
        done.complete |= end.state == State::Reset || peer.did_close || peer.state == State::Inactive;
    }
}
