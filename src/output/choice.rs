//! Which conversation of a capture is most worth a story, and which one stands in contrast to another. By records alone, in a fixed
//! order, so that the same capture always gives the same answer (`docs/stories.md`). One candidate is kept of each kind.

use super::units::{counted, duration};
use crate::event::{Event, Keep, Sink};
use crate::flow::{FlowId, FlowKind, FlowRecord, Outcome, State};
use std::cmp::Reverse;
use std::io;

/// What a conversation is good to learn from, what is chosen first standing first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lesson {
    /// SYNs, and nothing came back.
    NoAnswer,
    /// A reset to the SYN.
    Refused,
    /// An ICMP error to the SYN.
    Unreachable,
    /// A SYN-ACK that was never acknowledged.
    HalfOpen,
    /// Set up, then broken off.
    Reset,
    /// A receiver that did not read.
    WindowShut,
    /// Something was sent again.
    Loss,
    /// Set up, used by both and closed.
    Whole,
    /// A datagram to a closed port.
    DatagramRefused,
    /// A request of a known protocol without an answer.
    DatagramUnanswered,
    /// A question and an answer.
    DatagramAnswered,
    /// Anything else.
    Other,
}

impl Lesson {
    /// How many there are.
    const COUNT: usize = Self::Other as usize + 1;

    /// What a record is good for.
    #[must_use]
    pub fn of(record: &FlowRecord) -> Self {
        let tcp = record.id.kind == FlowKind::Tcp;
        let resent = [&record.orig, &record.resp].iter().any(|side| side.loss.is_some_and(|loss| loss.resent_packets > 0));
        let shut = record.orig.zero_windows + record.resp.zero_windows > 0;
        let set_up = record.handshake.as_ref().is_some_and(|handshake| handshake.ack.is_some());
        let used = record.orig.payload_bytes > 0 && record.resp.payload_bytes > 0;
        match record.state {
            State::NoAnswer => Self::NoAnswer,
            State::Refused if tcp => Self::Refused,
            State::Refused => Self::DatagramRefused,
            State::Unreachable if tcp => Self::Unreachable,
            State::HalfOpen => Self::HalfOpen,
            State::ResetByOriginator | State::ResetByResponder if set_up => Self::Reset,
            State::NoReply => Self::DatagramUnanswered,
            State::Answered => Self::DatagramAnswered,
            _ if tcp && set_up && shut => Self::WindowShut,
            _ if tcp && set_up && resent => Self::Loss,
            State::Closed if set_up && used => Self::Whole,
            _ => Self::Other,
        }
    }

    /// What stands in contrast to it, the best first.
    const fn contrasts(self) -> &'static [Self] {
        match self {
            Self::NoAnswer => &[Self::Refused, Self::Unreachable, Self::Whole],
            Self::Refused => &[Self::NoAnswer, Self::Unreachable, Self::Whole],
            Self::Unreachable => &[Self::Refused, Self::NoAnswer, Self::Whole],
            Self::HalfOpen => &[Self::Whole, Self::Refused, Self::NoAnswer],
            Self::Reset => &[Self::Whole, Self::Refused],
            Self::WindowShut => &[Self::Loss, Self::Whole],
            Self::Loss => &[Self::WindowShut, Self::Whole],
            Self::Whole => &[Self::Reset, Self::Loss, Self::Refused],
            Self::DatagramRefused => &[Self::DatagramAnswered, Self::Refused],
            Self::DatagramUnanswered => &[Self::DatagramAnswered, Self::DatagramRefused],
            Self::DatagramAnswered => &[Self::DatagramRefused, Self::DatagramUnanswered, Self::Whole],
            Self::Other => &[Self::Whole],
        }
    }
}

/// A conversation that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its ID.
    pub id: FlowId,
    /// What it is good for.
    pub lesson: Lesson,
    /// What is to be said of it: `never got an answer: 8 SYNs in 11.3 s`.
    pub because: String,
    /// The greater, the better among those of its kind; then the first.
    rank: (u64, Reverse<FlowId>),
}

impl Candidate {
    fn of(record: &FlowRecord, lesson: Lesson, rank: (u64, Reverse<FlowId>)) -> Self {
        Self { id: record.id, lesson, because: because(record, lesson), rank }
    }
}

/// Why a conversation is told that nobody named, as it is said above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// `c6, because it never got an answer: 8 SYNs in 11.3 s.`
    pub because: String,
    /// A command that tells of another one.
    pub another: Option<String>,
}

/// The best candidate of each kind.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    best: [Option<Candidate>; Lesson::COUNT],
}

impl Candidates {
    /// Takes a record.
    pub fn take(&mut self, record: &FlowRecord) {
        let lesson = Lesson::of(record);
        let rank = (rank(record, lesson), Reverse(record.id));
        let place = &mut self.best[lesson as usize];
        if place.as_ref().is_none_or(|best| best.rank < rank) {
            *place = Some(Candidate::of(record, lesson, rank));
        }
    }

    /// The one to tell, and another of a different kind.
    #[must_use]
    pub fn chosen(&self) -> Option<(&Candidate, Option<&Candidate>)> {
        let mut all = self.best.iter().flatten();
        let first = all.next()?;
        Some((first, all.next().filter(|other| other.lesson != Lesson::Other)))
    }

    /// What stands in contrast to a conversation.
    #[must_use]
    pub fn contrast(&self, to: &FlowRecord) -> Option<&Candidate> {
        let candidates = Lesson::of(to).contrasts().iter().filter_map(|lesson| self.best[*lesson as usize].as_ref());
        candidates.into_iter().find(|candidate| candidate.id != to.id)
    }
}

/// How good an example of its kind it is: of attempts the one with most tries, of what was used the shortest.
fn rank(record: &FlowRecord, lesson: Lesson) -> u64 {
    let packets = record.orig.packets.saturating_add(record.resp.packets);
    match lesson {
        Lesson::NoAnswer => record.handshake.as_ref().map_or(0, |handshake| u64::from(handshake.syn_retries)),
        Lesson::Reset | Lesson::WindowShut | Lesson::Loss => {
            let used = record.orig.payload_bytes.saturating_add(record.resp.payload_bytes) > 0;
            (u64::MAX / 2 - packets.min(u64::MAX / 2)).saturating_add(if used { u64::MAX / 2 } else { 0 })
        }
        Lesson::Whole => u64::MAX - packets,
        Lesson::Other if record.id.kind == FlowKind::Tcp => u64::from(record.orig.payload_bytes > 0) + 1,
        _ => 0,
    }
}

fn because(record: &FlowRecord, lesson: Lesson) -> String {
    let lasted = duration(record.end - record.start);
    let packets = counted(record.orig.packets.saturating_add(record.resp.packets), "packet");
    match lesson {
        Lesson::NoAnswer => {
            let syns = record.handshake.as_ref().map_or(1, |handshake| u64::from(handshake.syn_retries) + 1);
            let within = if syns > 1 { format!(" in {lasted}") } else { String::new() };
            format!("never got an answer: {}{within}", counted(syns, "SYN"))
        }
        Lesson::Refused => format!("was refused after {lasted}: nobody listens on port {}", record.responder.port),
        Lesson::Unreachable => {
            let error =
                record.icmp_error.map_or_else(String::new, |(kind, code, _)| format!(" ({} {kind}/{code})", icmp(record)));
            format!("was told that there is no way{error}")
        }
        Lesson::HalfOpen => "was answered and never completed".to_owned(),
        Lesson::Reset => {
            let who = if record.state == State::ResetByOriginator { 'C' } else { 'S' };
            format!("was broken off by {who} with a reset, after {packets}")
        }
        Lesson::WindowShut => "had a receiver that did not read: its window was shut".to_owned(),
        Lesson::Loss => {
            let of = |side: &crate::flow::SideRecord| side.loss.map_or(0, |loss| loss.resent_packets);
            format!("had {} sent again", counted(of(&record.orig) + of(&record.resp), "segment"))
        }
        Lesson::Whole => format!("is whole: set up, used and closed in {packets}"),
        Lesson::DatagramRefused => format!("was sent to port {}, where nobody listens", record.responder.port),
        Lesson::DatagramUnanswered => "was asked and not answered".to_owned(),
        Lesson::DatagramAnswered => record
            .response_time
            .map_or_else(|| "was answered".to_owned(), |took| format!("was answered after {}", duration(took))),
        Lesson::Other if record.handshake.as_ref().is_some_and(|handshake| handshake.outcome == Outcome::Midway) => {
            "is the one of which there is most to tell, though it began before the capture".to_owned()
        }
        Lesson::Other => "is the one of which there is most to tell".to_owned(),
    }
}

fn icmp(record: &FlowRecord) -> &'static str {
    if record.originator.ip.is_ipv6() { "ICMPv6" } else { "ICMP" }
}

/// Looks at all conversations of a run.
#[derive(Debug, Default)]
pub struct ChoiceSink {
    candidates: Candidates,
}

impl ChoiceSink {
    /// What was found.
    #[must_use]
    pub const fn candidates(&self) -> &Candidates {
        &self.candidates
    }
}

impl Sink for ChoiceSink {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Event::Flow(record) = event {
            self.candidates.take(record);
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Handshake;

    fn record(number: u64, state: State) -> FlowRecord {
        FlowRecord { id: FlowId { kind: FlowKind::Tcp, number }, state, ..FlowRecord::blank() }
    }

    fn chosen(records: &[FlowRecord]) -> (FlowId, Lesson) {
        let mut candidates = Candidates::default();
        for record in records {
            candidates.take(record);
        }
        let (first, _) = candidates.chosen().unwrap();
        (first.id, first.lesson)
    }

    #[test]
    fn what_failed_comes_first_whatever_the_order() {
        let set_up = |state| FlowRecord { handshake: Some(established()), ..record(2, state) };
        let all = [set_up(State::Closed), record(3, State::Refused), record(5, State::NoAnswer), record(4, State::NoAnswer)];
        assert_eq!(chosen(&all).1, Lesson::NoAnswer);
        // Of equals the first of the capture, not the first to end.
        assert_eq!(chosen(&all).0.number, 4);
        assert_eq!(chosen(&all[..2]), (all[1].id, Lesson::Refused));
    }

    #[test]
    fn a_contrast_is_another_conversation() {
        let mut candidates = Candidates::default();
        let refused = record(1, State::Refused);
        candidates.take(&refused);
        assert_eq!(candidates.contrast(&refused), None);
        candidates.take(&record(2, State::NoAnswer));
        assert_eq!(candidates.contrast(&refused).map(|candidate| candidate.id.number), Some(2));
    }

    fn established() -> Handshake {
        Handshake {
            outcome: Outcome::Established,
            syn: None,
            syn_ack: None,
            ack: Some((3, crate::model::Timestamp::default())),
            refusal: None,
            icmp: None,
            syn_retries: 0,
            syn_ack_retries: 0,
            last_syn: None,
            rtt: None,
            rtt_originator: None,
            rtt_responder: None,
            rtt_ambiguous: false,
            fast_open: false,
        }
    }
}
