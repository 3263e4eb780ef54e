//! A TCP connection as Zeek follows it: the order in which one segment's questions are asked.
//!
//! Letters come in that order, too: the segment's own, `w`, `t`, then the other side's `g`.

use super::endpoint::{Endpoint, Relative, State};
use super::gaps::{Acked, SentSoFar, Stream};
use super::history::{History, Scaled};
use super::role::Role;
use super::sight::Seg;
use super::weird::{Weird, Weirds};
use crate::decode::TcpFlags;
use crate::flow::room::Room;
use crate::model::Timestamp;

/// Both sides, by role.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    sides: [Side; 2],
    /// What most connections never have, by role.
    rare: Option<Box<[Rare; 2]>>,
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
    /// The number that its last FIN had: another one is worth its letter again.
    fin: u64,
}

/// What is kept of a side from the first time that it is needed.
#[derive(Clone, Copy, Debug, Default)]
struct Rare {
    /// The numbers that its last SYN and RST had, as of FIN.
    syn: u64,
    rst: u64,
    gaps: Scaled,
    repeats: Scaled,
    zero_windows: Scaled,
}

impl SentSoFar {
    #[inline]
    fn of(end: &Endpoint, peer: &Endpoint) -> Self {
        let nothing_acked = end.nothing_acked();
        Self { acked: end.acked(), nothing_acked, size: if nothing_acked { end.size(peer) } else { 0 } }
    }
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

    fn rare(&mut self, role: Role) -> &mut Rare {
        &mut self.rare.get_or_insert_default()[role.index()]
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
        if let Some(rare) = &mut self.rare {
            rare.swap(0, 1);
        }
        self.partial = false;
    }

    /// It is no partial connection after all.
    pub(super) const fn is_whole(&mut self) {
        self.partial = false;
    }

    /// Bytes missed, by role.
    pub(super) fn missed(&self) -> [u64; 2] {
        [self.sides[0].stream.missed(), self.sides[1].stream.missed()]
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

    /// Takes one of those that most segments are: of a connection that both sides have opened and none has begun to close, in
    /// numbers that are known, and with a letter that was written before. Only so much is asked of it as it can change. Any other
    /// is not taken: `false`. What is taken could be given to [`Self::on_segment`] as well, which would say that its time counts
    /// and nothing else.
    #[inline]
    pub(super) fn goes_on(&mut self, from: Role, seg: &Seg, around: &mut Around<'_>) -> bool {
        let [orig, resp] = &mut self.sides;
        let (side, peer) = if from.is_originator() { (orig, resp) } else { (resp, orig) };
        let letter = if seg.len > 0 { b'D' } else { b'A' };
        let open = side.end.is_open() && peer.end.is_open() && side.end.spoke;
        if !open || !seg.only_goes_on() || seg.window == 0 || !around.history.has(from, letter) {
            return false;
        }
        let (rel, acked) = (side.end.relative(seg.seq), peer.end.relative_ack(seg.ack));
        if rel.underflow || acked.underflow {
            return false;
        }
        // Said again as constants: the compiler leaves out what the steps below ask of flags.
        let seg = &Seg { flags: TcpFlags::ACK, scale: None, ..*seg };
        side.end.offer_window(seg, side.end.scaled && peer.end.scaled, around.weirds);
        side.end.seen(around.ts);
        peer.end.acknowledge(seg.ack);
        let repeats = side.end.send(seg, seg.end());
        if repeats && self.rare.get_or_insert_default()[from.index()].repeats.is_due() {
            around.history.write(from, b'T', around.room);
        }
        self.left_handshake = false;
        let (rare, lost) = (&mut self.rare, from.other());
        peer.stream.acknowledge(Acked { to: acked.at, counts: true, partial: self.partial }, || {
            if rare.get_or_insert_default()[lost.index()].gaps.is_due() {
                around.history.write(lost, b'G', around.room);
            }
        });
        if seg.len > 0 && seg.is_whole {
            let sent = SentSoFar::of(&side.end, &peer.end);
            side.stream.insert(rel.at, seg.len.into(), sent, around.weirds, around.room);
        }
        true
    }

    /// Takes a segment.
    #[inline(never)]
    pub(super) fn on_segment(&mut self, from: Role, seg: &Seg, around: &mut Around<'_>) -> (Role, Done) {
        let mut done = Done::default();
        self.note_first(from, seg);
        self.side(from).end.begin(seg, seg.end(), around.weirds);
        let rel = self.end(from).relative(seg.seq);
        if rel.underflow && !seg.rst() {
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
        if !std::mem::replace(&mut self.side(from).end.spoke, true) {
            // The originator's says it all; the responder's can only add to it.
            self.partial = if from.is_originator() { !seg.is_pure_syn() } else { self.partial || !seg.syn() };
        }
    }

    fn write_letters(&mut self, from: Role, seg: &Seg, rel: u64, around: &mut Around<'_>, done: &mut Done) -> Role {
        let mut from = from;
        let (history, room) = (&mut *around.history, &mut *around.room);
        let letter = match (seg.syn(), seg.fin(), seg.rst()) {
            (false, false, false) if seg.len > 0 => b'D',
            (false, false, false) if seg.has_ack() => b'A',
            (false, false, false) => return from,
            (true, false, false) => {
                if seg.has_ack() {
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
        let (kept, number) = match letter {
            b'F' => (&mut self.side(from).fin, fin_end),
            // The first SYN's number is 0, and so is what is not kept.
            b'S' | b'H' if rel == 0 && self.rare.is_none() => (&mut 0, rel),
            b'S' | b'H' => (&mut self.rare(from).syn, rel),
            b'R' => (&mut self.rare(from).rst, rel),
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
        let scaled = self.sides.iter().all(|side| side.end.scaled);
        let side = self.side(from);
        if seg.syn() {
            side.end.scaled |= seg.scale.is_some();
            side.end.offer_scale(seg.scale);
        }
        let is_zero = seg.window == 0 && !seg.rst() && !peer_closed && side.end.state != State::Reset;
        if is_zero && self.rare(from).zero_windows.is_due() {
            around.history.write(from, b'W', around.room);
        }
        let side = self.side(from);
        if seg.control() == 0 && seg.has_ack() && !matches!(side.end.state, State::Closed | State::Reset) {
            side.end.offer_window(seg, scaled, around.weirds);
        }
    }

    fn count_flags(&mut self, from: Role, seg: &Seg, rel: Relative, around: &mut Around<'_>) {
        let weirds = &mut *around.weirds;
        if seg.syn() {
            if seg.rst() {
                weirds.add(Weird::TcpChristmas);
            }
            if seg.urgent() {
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
        if seg.fin() {
            // One before the start of the numbers ends nowhere in them. Zeek's sums go below zero there.
            let fin_end = if rel.underflow { 0 } else { rel.at.saturating_add(seg.span().into()) };
            end.count_fin(fin_end, around.ts, weirds);
        }
        if seg.rst() {
            end.count_reset(around.ts, weirds);
        }
        end.seen(around.ts);
    }

    /// What the segment acknowledges of the other side, relative to the start of its numbers.
    fn acknowledge(&mut self, from: Role, seg: &Seg, weirds: &mut Weirds) -> Option<u64> {
        if !seg.has_ack() {
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
        if !seg.rst() {
            peer.acknowledge(seg.ack);
        }
        Some(place.at)
    }

    fn send(&mut self, from: Role, seg: &Seg, around: &mut Around<'_>) {
        let side = self.side(from);
        let advances = side.end.advances(seg.end());
        if side.end.state == State::Closed && seg.fin() && advances {
            around.weirds.add(Weird::FinAdvancedLastSeq);
        }
        if side.end.send(seg, seg.end()) && self.rare(from).repeats.is_due() {
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
        let side = &mut self.sides[lost.index()];
        let fin_end = side.end.fin_end;
        let to = if fin_end > 0 && to >= fin_end { fin_end - 1 } else { to };
        let rare = &mut self.rare;
        side.stream.acknowledge(Acked { to, counts, partial }, || {
            if rare.get_or_insert_default()[lost.index()].gaps.is_due() {
                around.history.write(lost, b'G', around.room);
            }
        })
    }

    fn store(&mut self, from: Role, seg: &Seg, rel: Relative, around: &mut Around<'_>) {
        if seg.rst() || seg.len == 0 || !seg.is_whole || rel.underflow {
            return;
        }
        let sent = SentSoFar::of(self.end(from), self.end(from.other()));
        let side = self.side(from);
        side.stream.insert(rel.at + u64::from(seg.syn()), seg.len.into(), sent, around.weirds, around.room);
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

/// Bytes of what is rare.
#[cfg(test)]
pub(super) const RARE: usize = size_of::<[Rare; 2]>();

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A connection and what is around it.
    #[derive(Debug)]
    struct Case {
        session: Session,
        history: History,
        weirds: Weirds,
        room: Room,
    }

    impl Case {
        fn new() -> Self {
            Self { session: Session::default(), history: History::default(), weirds: Weirds::default(), room: Room::new(1 << 20) }
        }

        fn with<T>(&mut self, ts: Timestamp, f: impl FnOnce(&mut Session, &mut Around<'_>) -> T) -> T {
            let Self { session, history, weirds, room } = self;
            f(session, &mut Around { history, weirds, room, ts, may_turn: true })
        }
    }

    const ACK: TcpFlags = TcpFlags::ACK;

    fn seg(flags: TcpFlags, seq: u32, ack: u32, len: u32) -> Seg {
        Seg { flags, seq, ack, len, window: 1000, is_whole: true, ..Seg::default() }
    }

    fn opening(isn: u32) -> [(Role, Seg); 3] {
        let (o, r) = (isn.wrapping_add(1), isn.wrapping_add(101));
        [
            (Role::Originator, seg(TcpFlags::SYN, isn, 0, 0)),
            (Role::Responder, seg(TcpFlags::SYN | ACK, isn.wrapping_add(100), o, 0)),
            (Role::Originator, seg(ACK, o, r, 0)),
        ]
    }

    #[test]
    fn data_and_acknowledgments_of_an_open_connection_go_the_short_way() {
        let mut case = Case::new();
        let ts = Timestamp::default();
        for (from, seg) in opening(0) {
            case.with(ts, |session, around| session.on_segment(from, &seg, around));
        }
        let short: Vec<bool> = (0..50u32)
            .flat_map(|n| [(Role::Originator, seg(ACK, 1 + n * 10, 101, 10)), (Role::Responder, seg(ACK, 101, 11 + n * 10, 0))])
            .map(|(from, seg)| {
                case.with(ts, |session, around| {
                    let short = session.goes_on(from, &seg, around);
                    if !short {
                        session.on_segment(from, &seg, around);
                    }
                    short
                })
            })
            .collect();
        assert!(!short[0] && !short[1], "each side's first has a letter to write");
        assert!(short[2..].iter().all(|&short| short));
        assert_eq!(case.history.text(), "ShADa");
    }

    /// How a segment differs from the one that is expected.
    type Step = (bool, TcpFlags, i32, u32, i32, u16, bool);

    fn step() -> impl Strategy<Value = Step> {
        let near = || prop_oneof![8 => Just(0), 2 => -30..30i32, 1 => -40_000..40_000i32, 1 => any::<i32>()];
        let flags = prop_oneof![
            30 => Just(ACK), 1 => Just(TcpFlags::FIN | ACK), 1 => Just(TcpFlags::RST), 1 => Just(TcpFlags::SYN),
            1 => Just(TcpFlags::SYN | ACK), 1 => (0..64u16).prop_map(TcpFlags),
        ];
        let len = prop_oneof![2 => Just(0), 3 => 1..20u32, 1 => Just(20_000)];
        let window = prop_oneof![1 => Just(0), 8 => Just(1000), 1 => any::<u16>()];
        (any::<bool>(), flags, near(), len, near(), window, prop::bool::weighted(0.95))
    }

    proptest! {
        /// The short way and the long one make the same of any connection.
        #[test]
        fn the_short_way_changes_nothing(
            isn in prop_oneof![Just(0), Just(u32::MAX - 300), any::<u32>()],
            opens in prop::bool::weighted(0.9),
            steps in proptest::collection::vec(step(), 0..80),
        ) {
            let (mut short, mut long) = (Case::new(), Case::new());
            let mut next = [isn.wrapping_add(1), isn.wrapping_add(101)];
            let segments = steps.into_iter().map(|(is_originator, flags, seq, len, ack, window, is_whole)| {
                let from = if is_originator { Role::Originator } else { Role::Responder };
                let seq = next[from.index()].wrapping_add_signed(seq);
                let ack = next[from.other().index()].wrapping_add_signed(ack);
                let seg = Seg { window, is_whole, ..seg(flags, seq, ack, len) };
                if seg.seq == next[from.index()] {
                    next[from.index()] = seg.end();
                }
                (from, seg)
            });
            for (n, (from, seg)) in opening(isn).into_iter().filter(|_| opens).chain(segments).enumerate() {
                let ts = Timestamp::from_parts(n as i64, 0);
                let one = short.with(ts, |session, around| {
                    if session.goes_on(from, &seg, around) {
                        (from, Done { timed: true, ..Done::default() })
                    } else {
                        session.on_segment(from, &seg, around)
                    }
                });
                let other = long.with(ts, |session, around| session.on_segment(from, &seg, around));
                prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
                prop_assert_eq!(format!("{short:?}"), format!("{long:?}"), "after {:?}", seg);
            }
        }
    }
}
