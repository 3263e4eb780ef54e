//! A TCP connection as it is seen on its way. This file says in which order a segment's questions are asked; the answers are
//! in the files beside it.

mod aspects;
mod coverage;
mod doubt;
mod endpoint;
mod handshake;
mod list;
mod loss;
mod measure;
mod opening;
mod options;
mod reassembly;
mod report;
mod segment;
mod seq;
mod state;
mod tamper;
mod word;

pub(super) use self::aspects::{Aspects, Sighting};
use self::endpoint::{Acks, Endpoint, Known, Sent};
use self::handshake::{Setup, Sight};
pub(super) use self::loss::{KnownPaths, Paths};
pub(super) use self::options::Options;
pub(super) use self::reassembly::{Streams, Tell};
use self::segment::Offer;
pub(super) use self::segment::Segment;
use self::seq::{REACH, Seq};
use self::tamper::Watch;
use super::icmp::Quote;
use super::key::End;
use super::note::{Change, EndStates};
use super::prefetch::prefetch;
use super::record::{Outcome, State, TcpState};
use super::room::Room;
use super::stream::StreamLimits;
use super::wants::Wants;
use crate::decode::TcpFlags;
use crate::model::Timestamp;

/// How a connection came to its end without FINs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    No,
    /// Reset by this end.
    Reset(End),
    /// A reset answered the SYN.
    Refused,
}

/// The smallest window that a sender is held to: the first flight after the handshake goes by one without scale.
const LEAST_WINDOW: u64 = 1 << 16;

/// The flags that change a connection.
const FLAGS: u16 = TcpFlags::SYN.0 | TcpFlags::FIN.0 | TcpFlags::RST.0 | TcpFlags::ACK.0;

/// May what is plain be taken the short way? Tests take the long way, too, and compare.
#[cfg(not(test))]
const fn early() -> bool {
    true
}

/// A TCP connection.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Connection {
    ends: [Endpoint; 2],
    /// The handshake is complete, or was before the capture began.
    open: bool,
    over: Over,
    /// The reset that ended it lay beyond all that its sender was seen to send, and these were the states before it: see
    /// [`Self::take_back_reset`].
    spared: Option<[Option<TcpState>; 2]>,
    /// A reset came after both FINs: what it leaves unacknowledged will stay so.
    cut: bool,
    /// The state after the last packet.
    word: State,
    /// Whether somebody else is in it.
    watched: Watch,
    /// Filled at the first SYN; a connection without one began before the capture.
    setup: Option<Box<Setup>>,
    /// What is worked out only when it is wanted.
    pub(super) aspects: Option<Aspects>,
}

/// What one segment did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    pub(super) change: Option<Change>,
    pub(super) relative_seq: Option<u32>,
    pub(super) relative_ack: Option<u32>,
    pub(super) window_scale: Option<u8>,
    /// It is one that its receiver would take.
    pub(super) accepted: bool,
    /// Both ends after it.
    pub(super) ends: Option<EndStates>,
}

/// How a segment is received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Verdict {
    accepted: bool,
    /// Its acknowledgment is none that was overtaken by a later one.
    latest: bool,
    /// Its acknowledgment says something new.
    newer: bool,
}

impl Verdict {
    /// Counted, and nothing else.
    const REJECTED: Self = Self { accepted: false, latest: false, newer: false };
    const ACCEPTED: Self = Self { accepted: true, latest: true, newer: false };
}

impl Connection {
    pub(super) fn new(wants: Wants) -> Self {
        let ends = [Endpoint::new(), Endpoint::new()];
        let aspects = Aspects::wanted(wants);
        Self {
            ends,
            open: false,
            over: Over::No,
            spared: None,
            cut: false,
            word: State::Opening,
            watched: Watch::wanted(wants),
            setup: None,
            aspects,
        }
    }

    /// The sender's end, the other one.
    fn pair(&mut self, from: End) -> (&mut Endpoint, &mut Endpoint) {
        let [low, high] = &mut self.ends;
        match from {
            End::Low => (low, high),
            End::High => (high, low),
        }
    }

    fn end(&self, end: End) -> &Endpoint {
        &self.ends[end.index()]
    }

    /// Asks for the connection's memory that a segment of this end will need.
    #[inline]
    pub(super) fn fetch_itself(&self, from: End) {
        prefetch(self.end(from), 2);
        prefetch(self.end(from.other()), 1);
        // What stands behind both ends, by the first of it.
        prefetch(&self.open, 1);
        prefetch(&self.aspects, 2);
    }

    /// Asks for the memory that a segment of this end will need, beside that of the connection itself.
    #[inline]
    pub(super) fn fetch(&self, from: End) {
        if let Some(aspects) = &self.aspects {
            aspects.fetch(from);
        }
    }

    /// Asks for the memory of the lists that a segment of this end will need, once [`Self::fetch`] has brought what points there.
    #[inline]
    pub(super) fn fetch_lists(&self, from: End) {
        if let Some(aspects) = &self.aspects {
            aspects.fetch_lists(from);
        }
    }

    /// Takes a segment that belongs to this connection (see [`Self::begins_another`]). [`Self::change`] is to be asked next.
    pub(super) fn on_segment(&mut self, from: End, segment: &Segment<'_>, number: u64, ts: Timestamp) -> Step {
        let sight = Sight { number, ts };
        let mut change = None;
        let verdict = if let Some(newer) = self.goes_on(from, segment) {
            Verdict { accepted: true, latest: true, newer }
        } else if !segment.sound {
            self.reject(from)
        } else if segment.has(TcpFlags::RST) {
            self.on_reset(from, segment, sight)
        } else if segment.is_bare_syn() {
            self.on_bare_syn(from, segment, sight, &mut change)
        } else if segment.is_syn_ack() {
            self.on_syn_ack(from, segment, sight, &mut change)
        } else {
            self.on_other(from, segment, sight)
        };
        let window_scale = self.scale_of(from);
        let (me, peer) = self.pair(from);
        me.count(segment);
        if verdict.accepted && !segment.has(TcpFlags::RST) && segment.has(TcpFlags::ACK | TcpFlags::SYN) {
            me.offer_window(segment, window_scale, verdict.latest, verdict.newer);
        }
        let relative_seq = me.relative(segment.seq);
        let relative_ack = if segment.has(TcpFlags::ACK) { peer.relative(segment.ack) } else { None };
        let accepted = verdict.accepted;
        let ends = Some(EndStates { sender: me.state, receiver: peer.state, accepted });
        Step { change, relative_seq, relative_ack, window_scale, accepted, ends }
    }

    /// The usual segment of an open connection, which changes no state; see [`Endpoint::goes_on`].
    #[inline]
    fn goes_on(&mut self, from: End, segment: &Segment<'_>) -> Option<bool> {
        let ack_only = segment.flags.0 & FLAGS == TcpFlags::ACK.0;
        if !ack_only || !self.open || !segment.sound || self.spared.is_some() || !early() {
            return None;
        }
        let (me, peer) = self.pair(from);
        me.goes_on(segment, peer)
    }

    /// Counts a segment that its receiver would not take.
    fn reject(&mut self, from: End) -> Verdict {
        self.pair(from).0.count_out_of_window(1);
        Verdict::REJECTED
    }

    /// Puts the data of a segment, which [`Self::on_segment`] has seen, into its stream, if that is wanted.
    #[inline]
    pub(super) fn reassemble(&mut self, seen: &Sighting<'_, '_>, limits: &StreamLimits, room: &mut Room, tell: &mut Tell<'_>) {
        if let Some(streams) = self.aspects.as_mut().and_then(Aspects::streams) {
            streams.on_segment(seen, &self.ends, limits, room, tell);
        }
    }

    /// How far what an end sent is acknowledged, counted as [`Step::relative_seq`] is; nothing where its SYN was not seen.
    pub(super) fn acknowledged(&self, end: End) -> Option<u32> {
        let end = self.end(end);
        (end.known == Known::Syn).then_some(end.acked as u32)
    }

    /// The longest segment of that, bytes of data; nothing where nobody works out what becomes of segments.
    pub(super) fn longest_acked(&self, end: End) -> Option<u32> {
        self.aspects.as_ref()?.longest_acked(end)
    }

    /// The same for streams that somebody else keeps.
    pub(super) fn reassemble_into(
        &self,
        streams: &mut Streams,
        seen: &Sighting<'_, '_>,
        limits: &StreamLimits,
        room: &mut Room,
        tell: &mut Tell<'_>,
    ) {
        streams.on_segment(seen, &self.ends, limits, room, tell);
    }

    /// Is a segment, which was taken, the first of what this end says?
    pub(super) fn begins_with(&self, from: End, segment: &Segment<'_>) -> bool {
        let end = self.end(from);
        end.find(segment.seq.plus(u32::from(segment.has(TcpFlags::SYN)))) == Some(end.first_byte())
    }

    /// Has this end said all that it will, and was all of it told of its stream?
    pub(super) fn has_ended(&self, streams: &Streams, end: End) -> bool {
        streams.has_ended(end, self.end(end))
    }

    /// The flow is over: the streams are told to their end.
    pub(super) fn finish_streams(&mut self, limits: &StreamLimits, room: &mut Room, tell: &mut Tell<'_>) {
        if let Some(streams) = self.aspects.as_mut().and_then(Aspects::streams) {
            streams.finish(&self.ends, limits, room, tell);
        }
    }

    /// How far beyond all that was seen and acknowledged a segment of `from` can be: the window of its peer, twice over, as
    /// the capture may have missed what opened it. Anything that TCP allows where the window is not known.
    fn limit(&self, from: End) -> u64 {
        let known = |end: &Endpoint| end.known == Known::Syn && !end.options_cut;
        if !self.ends.iter().all(known) {
            return REACH as u64;
        }
        2 * u64::from(self.end(from.other()).max_window).max(LEAST_WINDOW)
    }

    /// What to multiply this end's window field with: RFC 7323 (2.2) has scaling only where both SYNs offered it.
    fn scale_of(&self, end: End) -> Option<u8> {
        let both = self.ends[0].scale.is_some() && self.ends[1].scale.is_some();
        if both { self.end(end).scale } else { None }
    }

    fn on_bare_syn(&mut self, from: End, segment: &Segment<'_>, sight: Sight, change: &mut Option<Change>) -> Verdict {
        let offer = Offer::of(segment);
        let open = self.open;
        let (me, peer) = self.pair(from);
        if me.known == Known::Syn && !me.starts_with(segment.seq) {
            return self.reject(from);
        }
        me.start(segment.seq, offer);
        if let Some(offset) = me.find(segment.seq) {
            me.send(offset, segment, REACH as u64);
        }
        state::syn_sent(me, peer);
        let setup = self.setup.get_or_insert_default();
        if self.over == Over::Reset(from) && !open {
            // It gave up an answer that was not for it (a challenge ACK, say) and tries on.
            self.over = Over::No;
            setup.outcome = None;
        }
        let copies = setup.on_syn(from, segment, offer, sight);
        if open && setup.outcome.is_none() {
            // It was overtaken by what came after it.
            setup.outcome = Some(Outcome::Established);
        }
        *change = match copies {
            0 => None,
            1 => (!open).then_some(Change::State(State::Opening)),
            _ => Some(Change::SynRetry(copies - 1)),
        };
        Verdict { latest: !open, ..Verdict::ACCEPTED }
    }

    fn on_syn_ack(&mut self, from: End, segment: &Segment<'_>, sight: Sight, change: &mut Option<Change>) -> Verdict {
        let offer = Offer::of(segment);
        let open = self.open;
        let (me, peer) = self.pair(from);
        // RFC 9293 (3.10.7.3): in SYN-SENT an acknowledgment must be of the SYN and no more than was sent.
        let answers = peer.isn().is_none_or(|isn| {
            let sent = peer.next.min(u64::from(u32::MAX >> 2)) as u32;
            open || handshake::acknowledges(segment.ack, isn, sent.saturating_sub(1))
        });
        let known = me.known == Known::Syn;
        if !answers || (known && !me.starts_with(segment.seq) && open) {
            return self.reject(from);
        }
        let mut rival = None;
        if known && !me.starts_with(segment.seq) {
            rival = me.isn().map(|isn| (isn, me.offer()));
            me.start_again(segment.seq, offer);
        } else {
            me.start(segment.seq, offer);
        }
        if let Some(offset) = me.find(segment.seq) {
            me.send(offset, segment, REACH as u64);
        }
        let first_answer = peer.known == Known::Syn && peer.acked == 0;
        if let Acks::Near(at) = peer.judge(segment.ack, REACH as u64) {
            peer.acknowledge(at);
        }
        state::syn_ack_sent(me, peer);
        let setup = self.setup.get_or_insert_default();
        if self.over == Over::Refused || setup.outcome == Some(Outcome::Unreachable) {
            self.over = Over::No;
            setup.revive(from.other());
        }
        if let Some((isn, offer)) = rival {
            setup.on_rival(from, isn, offer);
        }
        setup.on_syn(from, segment, offer, sight);
        if first_answer {
            setup.on_syn_acked(from, true, offer.timestamps.map(|(_, echo)| echo), sight.ts);
            *change = setup.leg(from.other()).map(Change::SynAck);
        }
        self.open_if_answered(sight);
        Verdict { latest: !open, ..Verdict::ACCEPTED }
    }

    /// Everything but SYN and RST.
    fn on_other(&mut self, from: End, segment: &Segment<'_>, sight: Sight) -> Verdict {
        let open = self.open;
        let midway = self.setup.is_none();
        let had_fin = self.ends.each_ref().map(Endpoint::has_fin);
        let (limit, peer_limit) = (self.limit(from), self.limit(from.other()));
        let Some(offset) = self.pair(from).0.place(segment) else {
            return self.reject(from);
        };
        self.choose_answer(from, segment);
        let acks = segment.has(TcpFlags::ACK).then(|| self.pair(from).1.judge(segment.ack, peer_limit));
        if acks == Some(Acks::Nothing) || acks.is_some_and(|acks| self.is_challenge(from, acks)) {
            // RFC 9293 (3.10.7.4): an acknowledgment of what was not yet sent drops the segment.
            return self.reject(from);
        }
        let (me, peer) = self.pair(from);
        let sent = me.send(offset, segment, limit);
        if sent == Sent::Refused {
            return self.reject(from);
        }
        if let Some(Acks::Far(at)) = acks {
            me.count_out_of_window(peer.doubt_ack(at, sent == Sent::Taken, peer_limit));
        }
        if sent == Sent::Held || matches!(acks, Some(Acks::Far(_))) {
            return Verdict::REJECTED;
        }
        if midway {
            state::opened(me);
            state::opened(peer);
            self.open = true;
        }
        if segment.len == 0 && !segment.has(TcpFlags::FIN) && acks == Some(Acks::Near(self.end(from.other()).acked)) {
            self.take_back_reset(from.other());
        }
        let mut verdict = Verdict::ACCEPTED;
        if let Some(Acks::Near(at)) = acks {
            verdict.newer = self.acknowledge(from, at, had_fin[from.other().index()], segment, sight);
            verdict.latest = at >= self.end(from.other()).acked;
        }
        if !midway && !open {
            self.open_if_answered(sight);
            self.open_if_it_goes_on(from, segment, sight);
        }
        let (me, peer) = self.pair(from);
        if me.has_fin() && !had_fin[from.index()] {
            state::fin_sent(me, peer);
        }
        verdict
    }

    /// The first acknowledgment chooses between two SYN-ACKs with different first numbers.
    fn choose_answer(&mut self, from: End, segment: &Segment<'_>) {
        let Some(setup) = self.setup.as_mut().filter(|setup| !self.open && setup.rival.is_some()) else { return };
        let Some(rival) = setup.rival.take_if(|rival| rival.from == from.other()) else { return };
        let stands = self.ends[rival.from.index()].isn();
        let near = |isn: Seq| handshake::acknowledges(segment.ack, isn, LEAST_WINDOW as u32);
        if segment.has(TcpFlags::ACK) && near(rival.isn) && !stands.is_some_and(near) {
            setup.choose(&rival);
            self.ends[rival.from.index()].start_again(rival.isn, rival.offer);
        } else if !stands.is_some_and(near) {
            setup.rival = Some(rival); // It chose neither.
        }
    }

    /// A host that remembers an older connection answers the SYN like this (RFC 5961 section 4: challenge ACK).
    fn is_challenge(&self, from: End, acks: Acks) -> bool {
        let peer = self.end(from.other());
        if self.open || peer.known != Known::Syn {
            return false;
        }
        // It has not answered the SYN before.
        let bare = peer.acked == 0 && self.setup.as_ref().is_some_and(|setup| setup.knocked_bare(from.other()));
        match acks {
            Acks::Near(at) => at == 0 || (bare && at > peer.next),
            Acks::Far(_) => bare,
            Acks::Nothing => true,
        }
    }

    /// `from` acknowledges up to this offset. Says whether that is new.
    fn acknowledge(&mut self, from: End, at: u64, had_fin: bool, segment: &Segment<'_>, sight: Sight) -> bool {
        let open = self.open;
        let (me, peer) = self.pair(from);
        let first_answer = !open && peer.known == Known::Syn && peer.acked == 0;
        if !had_fin && peer.has_fin() {
            // It waited for this to be believed.
            state::fin_sent(peer, me);
        }
        let fin_acked = peer.fin_acked();
        let new = peer.acknowledge(at);
        if !fin_acked && peer.fin_acked() {
            state::fin_acknowledged(peer);
        }
        if first_answer && let Some(setup) = &mut self.setup {
            setup.on_syn_acked(from, false, segment.options.times.map(|(_, echo)| echo), sight.ts);
        }
        new
    }

    fn on_reset(&mut self, from: End, segment: &Segment<'_>, sight: Sight) -> Verdict {
        let open = self.open;
        let over = self.over != Over::No || self.ends.iter().all(Endpoint::has_fin);
        // Without the SYNs the scale is not known: then the window may have been as large as can be.
        let scale_known = self.ends.iter().all(|end| end.known == Known::Syn && !end.options_cut);
        let knocked = self.setup.as_ref().is_some_and(|setup| setup.knocked_bare(from.other()));
        let (me, peer) = self.pair(from);
        let to_syn = !open && knocked && me.known != Known::Syn;
        let fits = if to_syn {
            // RFC 9293 (3.10.7.3): in SYN-SENT a reset counts if it acknowledges the SYN.
            let ack = peer.find(segment.ack);
            segment.has(TcpFlags::ACK) && ack.is_some_and(|at| at > 0 && at <= peer.next)
        } else {
            let window = match peer.window() {
                window if scale_known => window,
                _ if peer.flags == 0 => REACH as u32, // It was never seen to offer one.
                window => window.min(0xffff) << 14,
            };
            me.reset_fits(segment.seq, window)
        };
        if !fits {
            return self.reject(from);
        }
        if over {
            self.cut = true;
            return Verdict::ACCEPTED;
        }
        let spared = (open && me.is_beyond(segment.seq)).then(|| self.ends.each_ref().map(|end| end.state));
        self.spared = spared;
        state::reset(&mut self.ends);
        self.over = if to_syn { Over::Refused } else { Over::Reset(from) };
        if let Some(setup) = &mut self.setup
            && !open
        {
            if to_syn {
                setup.on_refusal(from.other(), Outcome::Refused, None, sight);
            } else {
                setup.on_abort(sight);
            }
        }
        Verdict::ACCEPTED
    }

    /// RFC 5961 (3.2): a reset within the window that is not the number which its receiver waits for ends nothing; the receiver asks with
    /// an acknowledgment of what it has. Where the capture has missed nothing that is one beyond all that was sent: such a reset counts until
    /// the other end of `by` acknowledges and says nothing new.
    fn take_back_reset(&mut self, by: End) {
        if self.over == Over::Reset(by)
            && let Some(before) = self.spared.take()
        {
            self.over = Over::No;
            for (end, state) in self.ends.iter_mut().zip(before) {
                end.state = state;
            }
        }
    }

    /// An ICMP error quotes a segment of `quoted`.
    pub(super) fn on_icmp_error(&mut self, quoted: End, quote: &Quote, number: u64, ts: Timestamp) {
        if self.open || self.over != Over::No {
            return;
        }
        let isn = self.end(quoted).isn();
        let Some(setup) = &mut self.setup else { return };
        // RFC 5927 (4.1): the number quoted must be one that was sent. Only the SYN was.
        if setup.answered() || isn.is_none() || isn.map(|isn| isn.0) != quote.seq {
            return;
        }
        setup.on_refusal(quoted, Outcome::Unreachable, Some(quote), Sight { number, ts });
        self.word = self.word(quoted, false);
    }

    /// All that was seen so far is segments that no host takes: the connection is still to begin.
    fn took_nothing(&self) -> bool {
        self.over == Over::No && self.ends.iter().all(|end| end.known == Known::Not)
    }

    /// Does this segment begin another connection on the same ports? `joins_after_end`: see
    /// [`super::profile::Profile::same_isn_joins_after_end`].
    pub(super) fn begins_another(&self, from: End, segment: &Segment<'_>, joins_after_end: bool) -> bool {
        if !segment.sound || segment.has(TcpFlags::RST) || !segment.has(TcpFlags::SYN) || self.took_nothing() {
            return false;
        }
        let me = self.end(from);
        let peer = self.end(from.other());
        let ended = self.over != Over::No || self.is_closed();
        let starts = me.starts_with(segment.seq);
        if segment.is_bare_syn() {
            return match me.known {
                // The answer to the other side's SYN, by a SYN of its own.
                Known::Not => ended || self.setup.is_none(),
                // The second half of a split answer: its ACK came first.
                Known::Acked | Known::Midway if !starts && !ended && !self.open => false,
                // The same SYN again, or one that fits what was seen of this side without it.
                _ => !starts || (ended && !joins_after_end),
            };
        }
        let answers = peer.isn().is_some_and(|isn| handshake::acknowledges(segment.ack, isn, 0));
        match me.known {
            _ if answers => false,
            Known::Not => ended,
            Known::Syn => !starts && ended,
            Known::Acked | Known::Midway => !starts,
        }
    }
}

#[cfg(test)]
use self::tests::early;

#[cfg(test)]
mod tests;
