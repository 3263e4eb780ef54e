//! What stands at the foot of a story: where it can be read up, a question to ask oneself, another conversation to compare with, what to
//! run next. Only what this story gives rise to, and only commands that can be run as they stand.

use super::Level;
use crate::flow::{FlowKind, FlowRecord, State};
use crate::output::choice::{Candidate, Lesson};
use crate::story::{Cause, Claim, Mark, Say};

/// A line of the foot: its name, what it says, and a command.
pub(super) struct Footing {
    pub(super) name: &'static str,
    pub(super) text: String,
    pub(super) command: Option<String>,
}

/// What the foot is made from.
pub(super) struct Foot<'a> {
    pub(super) record: &'a FlowRecord,
    /// Those that are told.
    pub(super) claims: Vec<&'a Claim>,
    pub(super) level: Level,
    /// Source and filter; empty where nothing can be read again.
    pub(super) source: &'a str,
    pub(super) contrast: Option<&'a Candidate>,
    pub(super) quiz: bool,
    /// A trace was given already.
    pub(super) traced: bool,
}

impl Foot<'_> {
    pub(super) fn lines(&self) -> Vec<Footing> {
        let compare = self.compare();
        let mut question = self.question();
        if let (Some(compare), Some(question)) = (&compare, &mut question)
            && compare.command.is_some()
            && compare.command == question.command
        {
            question.text.push_str(" (the command above shows it)");
            question.command = None;
        }
        [Some(self.read_on()), compare, question, self.next()].into_iter().flatten().collect()
    }

    fn has(&self, is: impl Fn(&Say) -> bool) -> bool {
        self.claims.iter().any(|claim| is(&claim.say))
    }

    /// Sections of RFCs, and a topic of ours.
    fn read_on(&self) -> Footing {
        let mut texts: Vec<(&str, Vec<String>)> = Vec::new();
        for &(rfc, section) in self.claims.iter().filter(|_| self.level > Level::First).flat_map(|claim| sources(claim)) {
            let at = texts.iter().position(|(name, _)| *name == rfc).unwrap_or_else(|| {
                texts.push((rfc, Vec::new()));
                texts.len() - 1
            });
            if !texts[at].1.iter().any(|there| there == section) {
                texts[at].1.push(section.to_owned());
            }
        }
        // The main text first, its sections in their order.
        texts.sort_by_key(|(name, _)| *name != TCP);
        for (_, sections) in &mut texts {
            sections.sort_by_key(|section| numbers(section));
        }
        let joined = |(name, sections): &(&str, Vec<String>)| format!("{name} {}", sections.join(", "));
        let mut parts: Vec<String> = texts.iter().map(joined).collect();
        parts.push("sockeye help stories".to_owned());
        Footing { name: "Read on", text: parts.join(" · "), command: None }
    }

    fn compare(&self) -> Option<Footing> {
        let other = self.contrast.filter(|_| !self.source.is_empty())?;
        let command = Some(format!("sockeye explain {} {}", other.id, self.source));
        Some(Footing { name: "Compare", text: format!("{}, which {}", other.id, other.because), command })
    }

    /// A question that this story gives rise to, and where its answer is to be found.
    fn question(&self) -> Option<Footing> {
        let id = self.record.id;
        let contrast = self.contrast.map(|other| (other.lesson, format!("sockeye explain {} {}", other.id, self.source)));
        let instead =
            |lesson: Lesson| contrast.as_ref().filter(|(found, _)| *found == lesson).map(|(_, command)| command.clone());
        let quiz = || (!self.quiz).then(|| format!("sockeye explain {id} {} --quiz", self.source));
        let trace = || Some(format!("sockeye explain {id} {} --trace FILE", self.source));
        let show = || Some(format!("sockeye show {id} {}", self.source));
        let waits = self.claims.iter().find(|claim| claim.say == Say::TimeWait).and_then(|claim| claim.host);
        let answered = self.claims.iter().any(|claim| matches!(claim.say, Say::Answers { .. }));
        let (text, command) = if self.has(|say| matches!(say, Say::Refuses { .. })) {
            let text = "What would the program on C have seen if a firewall had dropped the SYN without a word?".to_owned();
            (text, instead(Lesson::NoAnswer).or_else(quiz))
        } else if self.has(|say| *say == Say::NothingBack) {
            (
                "When would the next SYN have come, and what would a refusal have looked like?".to_owned(),
                instead(Lesson::Refused).or_else(quiz),
            )
        } else if self.has(|say| *say == Say::LeftHalfOpen) {
            ("What becomes of the queue of S if a thousand of these come in a second?".to_owned(), quiz())
        } else if self.has(|say| matches!(say, Say::ScanProbe { .. })) {
            ("What would the other kind of port have answered, open or closed?".to_owned(), quiz())
        } else if self.has(|say| *say == Say::AbandonsOpening) {
            ("What would the kernel of a program that had called connect() have sent in place of this reset?".to_owned(), quiz())
        } else if !self.traced && self.has(|say| matches!(say, Say::Breaks { .. })) {
            ("Which of these calls was it? What strace saw of the program decides:".to_owned(), trace())
        } else if self.has(|say| *say == Say::WindowShut) {
            ("Which packet shows that the program read again, and how long had the other one waited?".to_owned(), show())
        } else if self.has(|say| matches!(say, Say::Judged { verdict, .. } if verdict.kind.is_resent())) {
            let text =
                "What told the sender that something was missing: its timer, or the other side? And what did it cost?".to_owned();
            (text, show())
        } else if self.has(|say| matches!(say, Say::Finishes { half: true, .. })) {
            ("After shutdown(SHUT_WR): which calls of that program still work, and which fail?".to_owned(), quiz())
        } else if let Some(host) = waits.filter(|_| self.level > Level::First) {
            (format!("Who would be in TIME-WAIT if {} had closed first?", host.other().letter()), quiz())
        } else if self.record.state == State::Closed {
            ("Which packets would there be without the data, and which calls without packets?".to_owned(), quiz())
        } else if self.record.id.kind == FlowKind::Udp && answered {
            ("What would C's program have seen if the answer had been lost?".to_owned(), quiz())
        } else if !self.traced && self.claims.iter().any(|claim| claim.mark == Mark::OneOf && !claim.calls.is_empty()) {
            ("Which calls were made? What strace saw of one side settles it:".to_owned(), trace())
        } else {
            return None;
        };
        Some(Footing { name: "Try", text, command: command.filter(|_| !self.source.is_empty()) })
    }

    /// What whoever has this trouble does now.
    fn next(&self) -> Option<Footing> {
        let (ip, port) = (self.record.responder.ip, self.record.responder.port);
        let ours = |what: &str, why: &str| {
            let command = (!self.source.is_empty()).then(|| format!("sockeye {what} {} {}", self.record.id, self.source))?;
            Some((why.to_owned(), Some(command)))
        };
        let (text, command) = match Lesson::of(self.record) {
            Lesson::NoAnswer => {
                (format!("ip neigh show {ip} · ping {ip} · a capture at the other end: does the SYN arrive there?"), None)
            }
            Lesson::Refused => {
                (format!("on S: ss -ltn 'sport = :{port}' (does anybody listen?) · nft list ruleset (who rejects?)"), None)
            }
            Lesson::DatagramRefused => (format!("on S: ss -lun 'sport = :{port}' (does anybody listen?)"), None),
            Lesson::Unreachable => (format!("ip route get {ip} · traceroute {ip}"), None),
            Lesson::DatagramUnanswered => {
                (format!("ping {ip} · a capture at the other end: does the question arrive there?"), None)
            }
            Lesson::WindowShut | Lesson::Loss => ours("show", "where the time went, and each side's share of it:")?,
            _ if self.record.orig.payload_bytes + self.record.resp.payload_bytes > 0 => {
                ours("follow", "what was said, byte for byte:")?
            }
            _ => return None,
        };
        Some(Footing { name: "Next", text, command })
    }
}

/// `3.10.7` as numbers, to be sorted by.
fn numbers(section: &str) -> Vec<u32> {
    let number = section.split(' ').find(|word| word.starts_with(|c: char| c.is_ascii_digit())).unwrap_or_default();
    number.split('.').filter_map(|part| part.parse().ok()).collect()
}

/// TCP itself.
const TCP: &str = "RFC 9293 section";

/// Where a claim's rule is written.
fn sources(claim: &Claim) -> &'static [(&'static str, &'static str)] {
    match &claim.say {
        Say::Moves { .. } | Say::TimeWait => &[(TCP, "3.3.2 (states)")],
        Say::Asks { .. } | Say::AcceptsSyn { .. } | Say::KernelCompletes | Say::Simultaneous => &[(TCP, "3.5 (setting up)")],
        Say::AckSum { .. } | Say::KernelHas { .. } => &[(TCP, "3.4 (numbers)")],
        Say::Finishes { half: true, .. } => &[(TCP, "3.6.1 (half-closed)")],
        Say::Finishes { .. } | Say::AcceptsFin { .. } => &[(TCP, "3.6 (closing)")],
        Say::Refuses { .. } | Say::ProbeAnswered { .. } => &[(TCP, "3.10.7.1 (a closed port answers)")],
        Say::Breaks { .. } | Say::AbandonsOpening => &[(TCP, "3.5.2 (resets)")],
        Say::BreakHurts { .. } => &[(TCP, "3.5.3 (what a reset does)")],
        Say::ResetIgnored | Say::AsksReset { .. } | Say::ResetNotExact { .. } => {
            &[("RFC 5961", "section 3 (resets that are not taken)")]
        }
        Say::AnswersOldSyn | Say::OldOneEnds { .. } | Say::ResetsStray { .. } => &[(TCP, "3.5.1 (half-open connections)")],
        Say::Urgent { .. } => &[(TCP, "3.8.5 (urgent data)")],
        Say::ChallengeAck => &[("RFC 5961", "section 4 (challenge ACK)")],
        Say::WindowShut | Say::Probe { .. } => &[(TCP, "3.8.6.1 (zero window)")],
        Say::KeepAlive { .. } => &[(TCP, "3.8.4 (keep-alives)")],
        Say::NothingBack | Say::StillKnocking { .. } => &[(TCP, "3.8.3 (when a connection fails)")],
        Say::SynAgain { .. } | Say::SynAckAgain { .. } | Say::Pauses { .. } | Say::Trigger(Cause::Timer { .. }) => {
            &[("RFC 6298", "section 5 (the timer)")]
        }
        Say::Trigger(Cause::Early) => &[("RFC 8985", "(RACK-TLP)")],
        Say::Trigger(Cause::TooBig) => &[(TCP, "3.7.2 (path MTU)")],
        Say::Trigger(Cause::Asked { .. }) | Say::DuplicateAck { nth: 3.., .. } => {
            &[("RFC 5681", "section 3.2 (fast retransmit)")]
        }
        Say::Twice { .. } => &[("RFC 2883", "(D-SACK)")],
        Say::EarlyData { .. } | Say::SendsEarly => &[("RFC 7413", "(fast open)")],
        Say::SendsDatagram { phrase: Some(phrase), .. } if phrase.0.starts_with("DNS") => {
            &[("RFC 768", "(UDP)"), ("RFC 1035", "section 4 (DNS)")]
        }
        Say::SendsDatagram { .. } => &[("RFC 768", "(UDP)")],
        Say::EchoMessage { .. } => &[("RFC 792, RFC 4443", "(ICMP)")],
        Say::Reported { v6: false, .. } => &[("RFC 792", "(ICMP)")],
        Say::Reported { v6: true, .. } => &[("RFC 4443", "section 3 (ICMPv6 errors)")],
        Say::ErrorReturns { connected: true, .. } => &[("RFC 1122", "section 4.1.3.3 (ICMP for UDP)")],
        Say::ConnectGoesOn { .. } | Say::ErrorReturns { connected: false, .. } => {
            &[("RFC 1122", "section 4.2.3.9 (ICMP for TCP)")]
        }
        _ => &[],
    }
}
