//! Data and acknowledgments, windows, probes and keep-alives (RFC 9293 sections 3.7 and 3.8), and verdicts on what is sent again.

use super::SceneKind;
use super::call::{Call, Host};
use super::claim::{Cause, Line, Mark};
use super::say::Say;
use super::side::Asked;
use super::step::{Segment, Step, What};
use super::tell::Teller;
use crate::decode::TcpFlags;
use crate::flow::{Confidence, Evidence, TcpState, Vantage, Verdict, VerdictKind};
use crate::model::Span;

/// Shorter round trips than this are those of one host with itself or with the capture beside it.
const SHORT: Span = Span::from_nanos(500_000);
/// Linux never waits less than this for an acknowledgment (`TCP_RTO_MIN`); RFC 6298 (2.4) asks for a second.
const SHORTEST_TIMEOUT: Span = Span::from_millis(200);
/// Duplicate acknowledgments that make a sender send again (RFC 5681 section 3.2).
const FAST: u32 = 3;
/// What kernels wait before they acknowledge data with nothing else to say: Linux 40 ms and more (`TCP_DELACK_MIN`), RFC 9293 (3.8.6.3) less
/// than 500 ms.
const HELD_BACK: (Span, Span) = (Span::from_millis(38), Span::from_millis(500));
/// Steps within which an error that was reported explains a segment that is sent again.
const LATELY: usize = 64;
/// Steps within which an acknowledgment tells what became of a hole.
const SOON: usize = 512;
/// What a program takes that is worth a word.
const THOUGHT: Span = Span::from_millis(1);

/// A segment's place.
#[derive(Clone, Copy)]
struct Place {
    first: Line,
    /// Number after its last byte of data.
    data_end: Line,
    /// And after its FIN.
    end: Line,
    ack: Option<Line>,
}

impl Teller<'_> {
    /// Everything but SYN and RST.
    pub(super) fn on_talk(&mut self, at: usize, host: Host, segment: &Segment) {
        let step = self.step(at);
        // Of a split handshake, the answer to the client's SYN,ACK.
        let opens = self.is_split() && host == Host::Server && self.sides[0].state == Some(TcpState::SynReceived);
        let completes = self.completes(step) || (opens && step.len == 0);
        let split = self.is_split() && host == Host::Server && !self.side(host).syn_seen && step.len == 0;
        if split {
            self.side(host.other()).line(segment.ack);
            self.side(host).line(segment.seq);
            self.say(Mark::Implied, host, Say::SplitAck);
            return;
        }
        if !completes {
            self.enter(SceneKind::Talking);
        }
        let fin = segment.has(TcpFlags::FIN);
        let first = self.side(host).line(segment.seq);
        let again = segment.verdict.is_some_and(|verdict| verdict.kind.is_resent());
        let me = self.side(host);
        if me.lost && !again {
            (me.lost, me.next) = (false, me.next.max(first));
        }
        let data_end = first + i64::from(step.len);
        let ack = segment.has(TcpFlags::ACK).then(|| self.side(host.other()).line(segment.ack));
        let place = Place { first, data_end, end: data_end + i64::from(fin), ack };
        if completes {
            self.say_completed(host);
        }
        if let Some(of) = self.side(host.other()).asked_about.take_if(|_| step.len == 0 && !fin) {
            self.say(Mark::Implied, host, Say::AsksReset { of }).by(of);
        }
        let theirs = self.side(host.other()).last_news;
        let turn = self.side(host).last_news < theirs;
        let special = self.on_data(at, host, segment, place);
        if let Some(ack) = ack {
            self.on_ack(at, host, segment, place, ack, completes || special);
        }
        if fin && self.side(host).fin.is_none() {
            self.on_fin(at, host, data_end);
        }
        self.on_window(at, host, segment, place);
        let me = self.side(host);
        let calm = !completes && !fin && segment.verdict.is_none() && me.repeats <= 1 && !segment.has(TcpFlags::URG);
        if calm && !special && (step.len > 0 && !turn || (step.len == 0 && self.in_bulk(at, host))) {
            self.mark_plain();
        }
        if self.is_silent() {
            self.say(Mark::Seen, host, Say::PlainAck { ack: ack.unwrap_or_default() });
        }
    }

    /// Does the other host send one segment after the other, so that this acknowledgment is one of many?
    fn in_bulk(&self, at: usize, host: Host) -> bool {
        let before = self.steps[..at].iter().rev().take(3);
        let data = before.filter(|step| step.len > 0 && self.host_of(step) == Some(host.other())).count();
        data > 0 && self.steps[..at].iter().rev().take(4).filter(|step| step.len > 0).count() > 1
    }

    /// Data, and what the segment is if not the next one expected. Says whether it is something else than plain data.
    fn on_data(&mut self, at: usize, host: Host, segment: &Segment, place: Place) -> bool {
        let step = self.step(at);
        if let Some(verdict) = segment.verdict {
            self.on_verdict(at, host, verdict);
            if !is_data(verdict) {
                return true;
            }
        }
        self.side(host).asked = None;
        let known = self.side(host).next;
        if step.len > 0 && place.first < known {
            // What came after it before may have waited for it: its acknowledgment measures no round trip.
            self.side(host).sent_again(place.first, Line::MAX);
        }
        if place.first > known && (step.len > 0 || segment.has(TcpFlags::FIN)) && known > 0 && !self.side(host).lost {
            self.say(Mark::Seen, host, Say::Hole { from: known, to: place.first });
            let acked = self.acked_unseen(at, host, (known, place.first));
            let claim = self.say(if acked.is_some() { Mark::Implied } else { Mark::OneOf }, None, Say::HoleWhy { acked });
            claim.evidence.extend(acked);
        }
        if segment.has(TcpFlags::URG) {
            let last = place.first + Line::from(segment.urgent) - 1;
            self.say(Mark::Seen, host, Say::Urgent { pointer: segment.urgent, last });
        }
        let new = self.side(host).send(place.end, at);
        if step.len == 0 {
            return false;
        }
        if segment.verdict.is_some_and(|verdict| verdict.kind.is_resent()) {
            if let Ok(fresh) = u32::try_from(place.data_end - known)
                && (1..step.len).contains(&fresh)
            {
                self.side(host).data += u64::from(fresh);
                self.say(Mark::Seen, host, Say::PartNew { fresh, len: step.len });
            }
            return true;
        }
        if new || segment.verdict.is_none() {
            let len = step.len;
            let phrase = step.phrase.clone();
            let push = segment.has(TcpFlags::PSH);
            self.side(host).data += u64::from(len);
            let (first, next) = (place.first, place.data_end);
            let urgent = segment.has(TcpFlags::URG);
            let say = if urgent { Say::SendsUrgent { len, first, next } } else { Say::Sends { len, first, next, phrase, push } };
            // What did not go with the SYN goes first (RFC 7413 section 4.1.2).
            let early = self.side(host).opens_fast && first == 1;
            let claim = self.say(Mark::OneOf, host, say);
            if early {
                claim.call(host, Call::SendTo);
            }
            claim.call(host, Call::Send);
            if urgent {
                let peer = host.other();
                self.say(Mark::OneOf, peer, Say::UrgentArrives).some_time(peer, Call::Recv);
            }
            self.say_thought(at, host);
        }
        segment.verdict.is_some()
    }

    /// How long a host's program took to answer: since its kernel said that it has the question, else since the question arrived.
    fn say_thought(&mut self, at: usize, host: Host) {
        let (mine, theirs) = (self.side(host).last_news, self.side(host.other()).last_news);
        let heard = self.side(host).has_question.take();
        self.side(host).last_news = Some(at);
        let Some(question) = theirs.filter(|theirs| mine.is_none_or(|mine| mine < *theirs)) else { return };
        let step = self.step(at);
        let (since, took) = if let Some(heard) = heard.filter(|heard| *heard > question) {
            (heard, step.ts - self.step(heard).ts)
        } else {
            // Without the way to it, the wait is not known to be its program's.
            let near = self.seen_from(host).then_some(Span::ZERO);
            let Some(way) = self.leg_to(host).or(near) else { return };
            (question, Span::from_nanos((step.ts - self.step(question).ts).nanos() - way.nanos()))
        };
        if took >= THOUGHT {
            self.say(Mark::OneOf, host, Say::Thinks { since, took }).by(since);
        }
    }

    fn on_verdict(&mut self, at: usize, host: Host, verdict: Verdict) {
        let step = self.step(at);
        let me = self.side(host);
        match verdict.kind {
            VerdictKind::KeepAlive => {
                let after = me.last_ts.max(self.side(host.other()).last_ts).map_or(Span::ZERO, |last| step.ts - last);
                self.side(host).asked = Some(Asked::KeepAlive);
                self.say(Mark::Seen, host, Say::KeepAlive { after });
                if !std::mem::replace(&mut self.side(host).keeps_alive, true) {
                    self.say(Mark::OneOf, host, Say::KeepAliveWhy);
                }
                self.say_unheard(at, host);
                return;
            }
            VerdictKind::WindowProbe => {
                me.probes += 1;
                me.asked = Some(Asked::Probe);
                let nth = me.probes;
                let since = if nth > 1 { self.side(host).last_ts } else { self.side(host.other()).shut_since };
                let after = since.map_or(Span::ZERO, |since| step.ts - since);
                self.say(Mark::Implied, host, Say::Probe { after, nth });
                self.say_unheard(at, host);
                return;
            }
            _ => {}
        }
        let asked = self.side(host.other()).repeats;
        let pause = self.side(host).last_ts.map_or(Span::ZERO, |last| step.ts - last);
        let cause = if !verdict.kind.is_resent() {
            Cause::Unknown
        } else if self.told_too_big(at, host) {
            Cause::TooBig
        } else if asked >= FAST || verdict.evidence.has(Evidence::REQUESTED) {
            Cause::Asked { times: asked }
        } else if pause >= SHORTEST_TIMEOUT {
            Cause::Timer { pause }
        } else if self.is_missed_by_sack(at, host) {
            Cause::Asked { times: 0 }
        } else if self.seen_from(host) {
            Cause::Early
        } else {
            Cause::Unknown
        };
        let against = verdict.against.and_then(|place| self.find(at, place));
        match against.filter(|_| verdict.evidence.has(Evidence::SEEN_BEFORE)) {
            Some(of) => {
                let after = step.ts - self.step(of).ts;
                self.say(Mark::Seen, host, Say::SeenBefore { of, after }).by(of);
            }
            None if !verdict.evidence.has(Evidence::SEEN_BEFORE) => {
                let next = self.side(host).next;
                self.say(Mark::Seen, host, Say::FillsHole { next });
            }
            None => {}
        }
        if matches!(cause, Cause::Timer { .. }) {
            self.say_unheard(at, host);
        }
        // What is sure follows from what the packets carry; the rest is the likeliest of several.
        let mark = if verdict.confidence == Some(Confidence::Sure) { Mark::Implied } else { Mark::OneOf };
        let claim = self.say(mark, host, Say::Judged { verdict, against, cause });
        claim.evidence.extend(against);
        match cause {
            Cause::Unknown => {}
            // Who was asked three times does so; timers and probes of the tail look alike.
            Cause::Asked { .. } | Cause::TooBig => {
                self.say(Mark::Implied, host, Say::Trigger(cause));
            }
            Cause::Timer { .. } | Cause::Early => {
                self.say(Mark::OneOf, host, Say::Trigger(cause));
            }
        }
    }

    /// Does the receiver of this segment have something beyond it, by its SACK blocks?
    fn is_missed_by_sack(&self, at: usize, host: Host) -> bool {
        let side = &self.sides[host.index()];
        let first = self.step(at).segment().and_then(|segment| side.place(segment.seq));
        first.is_some_and(|first| first < side.sacked)
    }

    /// A host asks again, and its peer has said nothing since it asked for the first time.
    fn say_unheard(&mut self, at: usize, host: Host) {
        let (ts, peer) = (self.step(at).ts, host.other());
        let me = self.side(host);
        me.unanswered += 1;
        let tries = me.unanswered;
        if let Some(last) = self.side(peer).last_ts.filter(|_| tries > 1) {
            self.say(Mark::Seen, peer, Say::Unheard { silent: ts - last, tries: tries - 1 });
        }
    }

    /// The step, soon after, by which these numbers of a host are acknowledged before any of them was seen.
    fn acked_unseen(&self, at: usize, host: Host, (from, to): (Line, Line)) -> Option<usize> {
        let side = &self.sides[host.index()];
        for (later, step) in self.steps.iter().enumerate().skip(at + 1).take(SOON) {
            let Some(segment) = step.segment().filter(|segment| segment.accepted && !segment.has(TcpFlags::RST)) else {
                continue;
            };
            if self.host_of(step) == Some(host) {
                let first = side.place(segment.seq)?;
                if first < to && first + Line::from(step.len) > from {
                    return None;
                }
            } else if segment.has(TcpFlags::ACK) && side.place(segment.ack).is_some_and(|ack| ack >= to) {
                return Some(later);
            }
        }
        None
    }

    /// Has a router said lately that what this host sent was too big?
    fn told_too_big(&self, at: usize, host: Host) -> bool {
        let lately = self.steps[..at].iter().rev().take(LATELY);
        host == Host::Client && lately.into_iter().any(|step| matches!(step.what, What::Error { mtu: Some(_), .. }))
    }

    /// Does the capture see what this host sees, so that what made it send can be told?
    pub(super) fn seen_from(&self, host: Host) -> bool {
        let vantage = if host == Host::Client { Vantage::NearOriginator } else { Vantage::NearResponder };
        self.record.vantage == Some(vantage)
    }

    /// The step of a packet, looked for backwards.
    pub(super) fn find(&self, before: usize, place: (u16, u64)) -> Option<usize> {
        self.steps[..before].iter().rposition(|step| (step.source, step.number) == place)
    }

    /// The acknowledgment of a segment. `told`: the packet has its explanation already.
    fn on_ack(&mut self, at: usize, host: Host, segment: &Segment, place: Place, ack: Line, told: bool) {
        let step = self.step(at);
        let peer = host.other();
        let pure = step.len == 0 && !segment.has(TcpFlags::FIN);
        let (before, next, peer_data) = {
            let side = self.side(peer);
            (side.acked, side.next, side.data)
        };
        let sacked = self.lines_of(peer, &segment.options.sack).into_iter().map(|(_, end)| end).filter(|end| *end > ack).max();
        self.side(peer).sacked = self.side(peer).sacked.max(sacked.unwrap_or(0));
        let (mine_before, repeats) = (self.side(host).ack_sent.replace(ack), self.side(host).repeats);
        if ack > before {
            self.side(host).repeats = 0;
            if ack > next && next > 0 && !self.side(peer).lost {
                self.say(Mark::Implied, host, Say::AckOfUnseen { ack, seen: next });
            }
            let answered = self.side(peer).acknowledge(ack);
            self.on_new_ack(at, host, segment, (before, ack), pure && !told);
            if peer_data > 0 && pure {
                self.side(host).has_question = Some(at);
            }
            match answered.and_then(|of| self.held_back(of, step, host).filter(|_| pure)) {
                Some(late) => {
                    self.say(Mark::OneOf, host, late).by(answered.unwrap_or(at));
                }
                None => self.say_round_trip(answered, step),
            }
            return;
        }
        if ack < before {
            if pure {
                self.say(Mark::Implied, host, Say::OldAck { ack, known: before });
            }
            return;
        }
        let window = segment.window_bytes();
        let same_window = self.side(host).window == Some(window);
        let told_twice = twice(segment, ack, &self.lines_of(peer, &segment.options.sack));
        if let Some(range) = told_twice {
            self.say(Mark::Seen, host, Say::Twice { range });
        }
        if !pure || told {
            return;
        }
        let asked = self.side(peer).asked.take();
        let waits = next > ack;
        match asked {
            Some(Asked::KeepAlive) => {
                self.say(Mark::Seen, host, Say::KeepAliveAnswer);
            }
            Some(Asked::Probe) if window == 0 => {
                self.say(Mark::Seen, host, Say::ProbeAnswer { window });
            }
            _ if waits
                && told_twice.is_none()
                && (same_window || !segment.options.sack.is_empty())
                && mine_before == Some(ack)
                && place.end == place.first =>
            {
                self.side(host).repeats = repeats + 1;
                let has = self.lines_of(peer, &segment.options.sack);
                let has = has.into_iter().filter(|(first, _)| *first > ack).collect();
                self.say(Mark::Seen, host, Say::DuplicateAck { nth: repeats + 1, wants: ack, has });
                self.mark_plain();
            }
            _ => {}
        }
    }

    /// SACK blocks on the line of the host whose data they speak of.
    fn lines_of(&mut self, host: Host, blocks: &[(u32, u32)]) -> Vec<(Line, Line)> {
        let side = self.side(host);
        blocks.iter().map(|&(first, end)| (side.line(first), side.line(end))).collect()
    }

    /// An acknowledgment of something new: from `before` up to `ack`.
    fn on_new_ack(&mut self, at: usize, host: Host, segment: &Segment, (before, ack): (Line, Line), pure: bool) {
        let peer = host.other();
        let side = self.side(peer);
        let (syn, fin) = (side.syn_seen && before == 0, side.fin.filter(|fin| (before..ack).contains(fin)));
        let fin_step = side.fin_step;
        let flags = u32::from(syn) + u32::from(fin.is_some());
        let bytes = u64::try_from(ack - before).unwrap_or(0).saturating_sub(u64::from(flags));
        if bytes > 0 && pure {
            let upto = ack - 1 - i64::from(fin.is_some());
            self.say(Mark::Implied, host, Say::KernelHas { upto, wants: ack });
        }
        if bytes > 0 {
            self.say(Mark::Seen, host, Say::AckSum { before, bytes, flags, ack });
        }
        if segment.window_bytes() == 0 {
            self.side(host).unread += bytes;
        } else if bytes > 0 && pure {
            self.say(Mark::OneOf, host, Say::RecvCan { bytes }).some_time(host, Call::Recv);
        }
        if let Some(fin) = fin {
            let claim = self.say(Mark::Seen, host, Say::AcceptsFin { fin, ack });
            claim.evidence.extend(fin_step.filter(|step| *step != at));
            self.say_end(peer);
        }
    }

    /// Did this host's kernel hold the acknowledgment of a step back? It took longer than in the handshake by what kernels wait.
    fn held_back(&self, of: usize, step: &Step, host: Host) -> Option<Say> {
        let handshake = self.record.handshake.as_ref().filter(|handshake| !handshake.rtt_ambiguous)?;
        let way = self.leg_to(host).filter(|_| handshake.ack.is_some())?;
        let took = step.ts - self.step(of).ts;
        (HELD_BACK.0..=HELD_BACK.1).contains(&Span::from_nanos(took.nanos() - way.nanos())).then_some(Say::AckWaited {
            of,
            took,
            way,
        })
    }

    /// A round trip that is not that of a host with the capture beside it.
    pub(super) fn say_round_trip(&mut self, answered: Option<usize>, step: &Step) {
        let Some(of) = answered else { return };
        let took = step.ts - self.step(of).ts;
        if took >= SHORT {
            self.say(Mark::Seen, None, Say::RoundTrip { of, took }).by(of);
        }
    }

    fn on_window(&mut self, at: usize, host: Host, segment: &Segment, place: Place) {
        let Some(ack) = place.ack else { return };
        let step = self.step(at);
        if ack < self.side(host.other()).acked {
            return; // History.
        }
        let now = segment.window_bytes();
        let silent = self.is_silent();
        let me = self.side(host);
        let before = me.window.replace(now);
        match (me.shut_since, now) {
            (None, 0) => {
                me.shut_since = Some(step.ts);
                self.say(Mark::Seen, host, Say::WindowShut);
                self.say(Mark::Implied, host, Say::WindowWhy);
            }
            (Some(since), 1..) => {
                me.shut_since = None;
                self.side(host.other()).probes = 0;
                let shut_for = Some(step.ts - since);
                self.say(Mark::Seen, host, Say::WindowOpens { now, shut_for });
                self.say(Mark::Implied, host, Say::ProgramReads).some_time(host, Call::Recv);
                let bytes = std::mem::take(&mut self.side(host).unread);
                if bytes > 0 {
                    self.say(Mark::OneOf, host, Say::RecvCan { bytes }).some_time(host, Call::Recv);
                }
            }
            (None, 1..) if silent && before.is_some_and(|before| before != now) && step.len == 0 => {
                let before = before.unwrap_or_default();
                self.say(Mark::Seen, host, Say::WindowNow { before, now });
            }
            _ => {}
        }
    }
}

/// Is a segment with this verdict a part of the stream, of which more is to be said?
const fn is_data(verdict: Verdict) -> bool {
    !matches!(verdict.kind, VerdictKind::KeepAlive | VerdictKind::WindowProbe)
}

/// RFC 2883: a first block below the acknowledgment, or within the second, tells of bytes that came twice.
fn twice(segment: &Segment, ack: Line, blocks: &[(Line, Line)]) -> Option<(Line, Line)> {
    let first = *blocks.first()?;
    let inside = blocks.get(1).is_some_and(|second| first.0 >= second.0 && first.1 <= second.1);
    (!segment.options.sack.is_empty() && (first.1 <= ack || inside)).then_some(first)
}
