//! The set-up of a connection: which packets made it, how often they were repeated, both legs of the round trip, and the
//! outcome.
//!
//! Round trips. The leg to the responder runs from the originator's last SYN to the first packet that acknowledges it; the
//! leg to the originator from the responder's last SYN (normally its SYN-ACK) to the first packet that acknowledges that.
//! So the same two rules measure a normal, a simultaneous and a split set-up. Where a SYN was repeated it is open which copy
//! was answered (Karn's problem): the timestamp echo tells where both sides use timestamps; an ICMP error quotes the copy's IP
//! header (RFC 792, RFC 4443 section 3.1), whose identification often is its own, and perhaps its timestamp. Otherwise the last
//! copy is taken and the record says that the round trip is ambiguous.

use super::segment::{Offer, Segment};
use super::seq::Seq;
use crate::flow::icmp::{CopyMark, Quote};
use crate::flow::key::End;
use crate::flow::record::Outcome;
use crate::model::{Span, Timestamp};

/// A packet as evidence: its number (0 = none) and time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) number: u64,
    pub(super) ts: Timestamp,
}

impl Sight {
    pub(super) fn get(self) -> Option<(u64, Timestamp)> {
        (self.number != 0).then_some((self.number, self.ts))
    }

    const fn is_none(self) -> bool {
        self.number == 0
    }
}

/// A copy of a SYN: when, the value of its timestamp option, the identification of its datagram; 0: none.
#[derive(Clone, Copy, Debug, Default)]
struct SynCopy {
    ts: Timestamp,
    value: u32,
    ip_id: u16,
}

/// No timer sends a SYN again so soon.
pub(super) const SOON: Span = Span::from_millis(100);

fn soon_after(ts: Timestamp, before: Timestamp) -> bool {
    (Span::ZERO..SOON).contains(&(ts - before))
}

/// Copies after the first that are remembered, the newest; Linux sends six by itself (`tcp_syn_retries`).
const REPEATS: usize = 7;

/// Most SYNs are not repeated: these have a place of their own.
#[derive(Clone, Debug, Default)]
struct Repeats {
    newest: [SynCopy; REPEATS],
    len: u8,
}

impl Repeats {
    fn push(&mut self, sent: SynCopy) {
        if usize::from(self.len) == REPEATS {
            self.newest.rotate_left(1);
            self.newest[REPEATS - 1] = sent;
        } else {
            self.newest[usize::from(self.len)] = sent;
            self.len += 1;
        }
    }

    fn get(&self) -> &[SynCopy] {
        &self.newest[..usize::from(self.len)]
    }
}

/// A round trip that was measured, or none, in the bytes of one.
#[derive(Clone, Copy, Debug)]
struct Leg(Span);

impl Leg {
    /// None that was measured is below 0.
    const NONE: Self = Self(Span::from_nanos(-1));

    const fn get(self) -> Option<Span> {
        if self.0.nanos() < 0 { None } else { Some(self.0) }
    }
}

impl Default for Leg {
    fn default() -> Self {
        Self::NONE
    }
}

/// One side's SYN and the answer to it.
#[derive(Clone, Debug, Default)]
struct Knock {
    first: SynCopy,
    /// The copies after it.
    repeats: Option<Box<Repeats>>,
    copies: u32,
    /// Time from the copy that was answered to the answer.
    leg: Leg,
    /// Which copy was answered is a guess.
    ambiguous: bool,
    /// The last copy was a bare SYN.
    bare: bool,
}

impl Knock {
    /// Another copy.
    fn send(&mut self, sent: SynCopy) {
        if self.copies == 0 {
            self.first = sent;
        } else {
            self.repeats.get_or_insert_default().push(sent);
        }
        self.copies += 1;
    }

    fn last(&self) -> SynCopy {
        self.repeats.as_ref().and_then(|repeats| repeats.get().last()).map_or(self.first, |last| *last)
    }

    /// The only copy that is so.
    fn only(&self, is: impl Fn(&SynCopy) -> bool) -> Option<Timestamp> {
        let repeats = self.repeats.as_ref().map_or(&[][..], |repeats| repeats.get());
        let mut such = std::iter::once(&self.first).chain(repeats).filter(|sent| is(sent));
        such.next().filter(|_| such.next().is_none()).map(|sent| sent.ts)
    }

    /// Which copy an echo of the timestamp answers.
    fn echoed(&self, echo: u32) -> Option<Timestamp> {
        self.only(|sent| echo != 0 && sent.value == echo)
    }

    /// Which copy an ICMP error quotes: what it tells must all be so, and tell it from the others.
    fn quoted(&self, quoted: CopyMark) -> Option<Timestamp> {
        if quoted == CopyMark::default() {
            return None;
        }
        self.only(|sent| quoted.ip_id.is_none_or(|id| id == sent.ip_id) && quoted.time.is_none_or(|value| value == sent.value))
    }

    /// An answer came, to the copy of that time if something tells which.
    fn answered(&mut self, answer: Timestamp, copy: Option<Timestamp>) {
        self.ambiguous |= self.copies > 1 && copy.is_none();
        // A lone SYN needs nothing that tells it from others.
        let copy = copy.filter(|_| self.copies > 1).unwrap_or_else(|| self.last().ts);
        self.set_leg(answer, copy);
    }

    /// The answer to the copy of that time came. A capture whose clock stepped back meanwhile has not measured it.
    fn set_leg(&mut self, answer: Timestamp, copy: Timestamp) {
        let leg = answer - copy;
        self.leg = if leg >= Span::ZERO { Leg(leg) } else { Leg::NONE };
        self.ambiguous |= leg < Span::ZERO;
    }
}

/// A SYN-ACK with another first number than the one that stands for now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rival {
    pub(super) from: End,
    pub(super) isn: Seq,
    pub(super) offer: Offer,
    sight: Sight,
}

/// What is known of a set-up.
#[derive(Clone, Debug, Default)]
pub(super) struct Setup {
    pub(super) syn: Sight,
    pub(super) syn_ack: Sight,
    /// The ACK that opened it, or, as long as nothing has, its refusal.
    last: Sight,
    /// It is that.
    refused: bool,
    pub(super) icmp: Option<(u8, u8)>,
    pub(super) fast_open: bool,
    knocks: [Knock; 2],
    syn_copies: u32,
    syn_ack_copies: u32,
    /// Who has sent a bare SYN, a SYN-ACK.
    sent_syn: [bool; 2],
    sent_syn_ack: [bool; 2],
    /// A side acknowledged the other's SYN before it sent one of its own.
    acked_first: bool,
    /// Two hosts, or one twice, answered the SYN in different words: the acknowledgment chooses.
    pub(super) rival: Option<Box<Rival>>,
    pub(super) outcome: Option<Outcome>,
    /// The outcome that was last told.
    pub(super) told: Option<Outcome>,
}

impl Setup {
    /// That of a connection which began before the capture.
    pub(super) fn unseen() -> Self {
        Self { outcome: Some(Outcome::Midway), ..Self::default() }
    }

    /// A SYN or SYN-ACK of `from`. Says how often it was sent so far; 0 where this is but a copy of the one before.
    pub(super) fn on_syn(&mut self, from: End, segment: &Segment<'_>, offer: Offer, sight: Sight) -> u32 {
        let (bare, data) = (segment.is_bare_syn(), segment.len > 0);
        let value = offer.timestamps.map_or(0, |(value, _)| value);
        let knock = &mut self.knocks[from.index()];
        // No timer sends a SYN again so soon: the network or the capture copied it.
        let copied = bare && knock.bare && knock.copies > 0 && soon_after(sight.ts, knock.last().ts);
        // The SYN-ACK of a simultaneous open is no copy of the bare SYN before it: that is what the other side answers.
        if bare || !self.sent_syn[from.index()] {
            knock.send(SynCopy { ts: sight.ts, value, ip_id: segment.syn_id });
        }
        knock.bare = bare;
        self.fast_open |= bare && (data || offer.fast_open);
        if bare {
            self.sent_syn[from.index()] = true;
            if self.syn.is_none() {
                self.syn = sight;
            }
            // In a simultaneous or split set-up there are two of them: repeats are counted per side.
            let first_of_side = knock.copies == 1;
            self.syn_copies += u32::from((!first_of_side && !copied) || self.syn_copies == 0);
            if copied { 0 } else { self.syn_copies }
        } else {
            self.sent_syn_ack[from.index()] = true;
            if self.syn_ack.is_none() {
                self.syn_ack = sight;
            }
            self.syn_ack_copies += 1;
            self.syn_ack_copies
        }
    }

    /// A SYN-ACK of `from` with another first number than that of the one before it, which had these.
    pub(super) fn on_rival(&mut self, from: End, isn: Seq, offer: Offer) {
        let sight = if self.syn_ack.is_none() { Sight::default() } else { self.syn_ack };
        self.rival =
            Some(Box::new(Rival { from, isn, offer, sight: Sight { ts: self.knocks[from.index()].last().ts, ..sight } }));
        // Its copies are counted for itself, so that its round trip is none of theirs.
        self.knocks[from.index()] = Knock::default();
        self.syn_ack = Sight::default();
    }

    /// The acknowledgment chose the earlier of two SYN-ACKs.
    pub(super) fn choose(&mut self, rival: &Rival) {
        self.syn_ack = rival.sight;
        let ts = rival.sight.ts;
        self.knocks[rival.from.index()] = Knock { first: SynCopy { ts, ..SynCopy::default() }, copies: 1, ..Knock::default() };
    }

    /// `from` acknowledges the other side's SYN for the first time, perhaps with a SYN of its own.
    pub(super) fn on_syn_acked(&mut self, from: End, with_syn: bool, echo: Option<u32>, ts: Timestamp) {
        let knock = &mut self.knocks[from.other().index()];
        if knock.copies == 0 || knock.leg.get().is_some() {
            return;
        }
        knock.answered(ts, echo.and_then(|echo| knock.echoed(echo)));
        let to_bare_syn = knock.bare;
        if to_bare_syn && !with_syn && self.knocks[from.index()].copies == 0 {
            self.acked_first = true;
        }
    }

    /// The other side's answer to `of`'s SYN was a reset or an ICMP error.
    pub(super) fn on_refusal(&mut self, of: End, outcome: Outcome, icmp: Option<&Quote>, sight: Sight) {
        if self.outcome == Some(outcome) {
            return; // The first that says so is the evidence.
        }
        let knock = &mut self.knocks[of.index()];
        if knock.copies > 0 {
            knock.ambiguous = false;
            knock.answered(sight.ts, icmp.and_then(|quote| knock.quoted(quote.copy)));
        }
        (self.last, self.refused) = (sight, true);
        self.icmp = icmp.map(|quote| quote.kind);
        self.outcome = Some(outcome);
    }

    /// One side reset it after the SYN-ACK, instead of going on: its set-up ends as it stands.
    pub(super) fn on_abort(&mut self, sight: Sight) {
        (self.last, self.refused, self.icmp) = (sight, true, None);
        self.outcome = Some(self.outcome_so_far());
    }

    /// A SYN-ACK after an ICMP error or a reset: the attempt goes on after all, and its round trip is that of the answer.
    pub(super) fn revive(&mut self, of: End) {
        if self.outcome.take().is_some() {
            let knock = &mut self.knocks[of.index()];
            (knock.leg, knock.ambiguous) = (Leg::NONE, false);
            if std::mem::take(&mut self.refused) {
                self.last = Sight::default();
            }
            self.icmp = None;
        }
    }

    /// Both SYNs are acknowledged, or the conversation goes on as if they were.
    pub(super) fn on_established(&mut self) {
        (self.last, self.refused, self.icmp) = (Sight::default(), false, None);
        let both_syns = self.sent_syn == [true, true];
        self.outcome = Some(if both_syns && self.sent_syn_ack == [true, true] {
            // RFC 9293 (3.5), figure 8: after two bare SYNs each side sends a SYN-ACK.
            Outcome::Simultaneous
        } else if both_syns || self.acked_first {
            Outcome::Split
        } else {
            Outcome::Established
        });
    }

    /// The packet that opened it.
    pub(super) const fn opened_by(&mut self, sight: Sight) {
        (self.last, self.refused) = (sight, false);
    }

    pub(super) fn ack(&self) -> Option<(u64, Timestamp)> {
        self.last.get().filter(|_| !self.refused)
    }

    pub(super) fn refusal(&self) -> Option<(u64, Timestamp)> {
        self.last.get().filter(|_| self.refused)
    }

    /// Was a bare SYN of this end the last that it knocked with?
    pub(super) const fn knocked_bare(&self, end: End) -> bool {
        self.knocks[end.index()].bare
    }

    /// Has this end sent a SYN-ACK?
    pub(super) const fn sent_syn_ack(&self, end: End) -> bool {
        self.sent_syn_ack[end.index()]
    }

    /// Has a SYN-ACK been seen?
    pub(super) const fn answered(&self) -> bool {
        self.sent_syn_ack[0] || self.sent_syn_ack[1]
    }

    /// The outcome, or the one that it has if nothing more comes.
    pub(super) fn outcome_so_far(&self) -> Outcome {
        self.outcome.unwrap_or(if self.answered() || self.acked_first { Outcome::HalfOpen } else { Outcome::NoAnswer })
    }

    pub(super) const fn syn_retries(&self) -> u32 {
        self.syn_copies.saturating_sub(1)
    }

    pub(super) const fn syn_ack_retries(&self) -> u32 {
        // A simultaneous open has one from each side.
        let sides = self.sent_syn_ack[0] as u32 + self.sent_syn_ack[1] as u32;
        self.syn_ack_copies.saturating_sub(sides)
    }

    /// The leg on which `end`'s SYN travelled and came back as an acknowledgment.
    pub(super) const fn leg(&self, end: End) -> Option<Span> {
        self.knocks[end.index()].leg.get()
    }

    /// Is either leg a guess?
    pub(super) const fn ambiguous(&self) -> bool {
        self.knocks[0].ambiguous || self.knocks[1].ambiguous
    }

    /// Time of the last copy of this end's SYN.
    pub(super) fn last_syn(&self, end: End) -> Option<Timestamp> {
        let knock = &self.knocks[end.index()];
        (knock.copies > 0).then(|| knock.last().ts)
    }
}

/// Is `ack` an acknowledgment of a SYN with this first number and so many bytes of data?
pub(super) const fn acknowledges(ack: Seq, isn: Seq, data: u32) -> bool {
    let steps = ack.since(isn);
    steps >= 1 && steps as u32 <= data.saturating_add(1)
}
