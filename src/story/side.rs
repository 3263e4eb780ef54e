//! What is known of one host while its segments are gone through: where its numbers are, what it sent and was acknowledged, its window.

use super::claim::Line;
use crate::flow::TcpState;
use crate::model::{Span, Timestamp};
use std::collections::VecDeque;

/// Segments under way that are remembered: an acknowledgment of one before them is not timed.
const UNDER_WAY: usize = 4096;

/// A segment that was sent and not yet acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// Number after its last.
    pub(super) end: Line,
    pub(super) step: usize,
    /// More than once: an acknowledgment does not say which copy it answers (RFC 6298 section 3, Karn).
    pub(super) again: bool,
}

/// An acknowledgment that is none of this connection: its sender answers to something older.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stray {
    pub(super) step: usize,
    /// As it was sent.
    pub(super) ack: u32,
    /// It was a SYN-ACK.
    pub(super) listens: bool,
}

/// One host, as far as its packets tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    /// The number that counts as 0.
    base: Option<u32>,
    /// The lowest of its numbers in the capture, where that has no SYN of it: it counts as 1.
    pub(super) floor: Option<u32>,
    /// Its SYN was seen.
    pub(super) syn_seen: bool,
    /// Number after the highest it has sent.
    pub(super) next: Line,
    /// The highest of its numbers that the peer has acknowledged.
    pub(super) acked: Line,
    /// The highest of its numbers that the peer has by SACK.
    pub(super) sacked: Line,
    /// Packets were left out, and none of its own was seen since: where it is, its next one tells.
    pub(super) lost: bool,
    pub(super) fin: Option<Line>,
    pub(super) fin_step: Option<usize>,
    /// It was said that its peer's program can read the end.
    pub(super) end_told: bool,
    /// It reads on after its FIN.
    pub(super) half: bool,
    pub(super) under_way: VecDeque<Sent>,
    /// Its state.
    pub(super) state: Option<TcpState>,
    /// Its SYN carried data, or asked for a cookie of fast open.
    pub(super) opens_fast: bool,
    /// It was said that the call which opened the connection returns.
    pub(super) connected: bool,
    /// Its program could have the data of the peer's SYN at once.
    pub(super) accepted_early: bool,
    /// The peer's acknowledgment of its SYN was seen, and does not arrive before its FIN leaves.
    pub(super) unopened: bool,
    /// The peer's FIN was seen, and did not arrive before its own was sent.
    pub(super) crossing: bool,
    /// The peer's FIN was seen, and something before it is still missing at this host.
    pub(super) behind: bool,
    /// It was said that it goes on opening after an error that was reported.
    pub(super) kept_error: bool,
    /// SYNs of either kind.
    pub(super) syns: u32,
    pub(super) last_syn: Option<Timestamp>,
    pub(super) syn_gap: Option<Span>,
    /// Bytes that it acknowledged while its window was shut: its program had not read before.
    pub(super) unread: u64,
    /// The window it offered last, bytes.
    pub(super) window: Option<u64>,
    pub(super) shut_since: Option<Timestamp>,
    pub(super) probes: u32,
    /// Its last segment was a keep-alive or a probe.
    pub(super) asked: Option<Asked>,
    /// It has sent keep-alives.
    pub(super) keeps_alive: bool,
    /// So often has it asked, with keep-alives, probes or what it sent again, since its peer was last heard.
    pub(super) unanswered: u32,
    /// The last acknowledgment it sent, and how often it sent it again without anything else.
    pub(super) ack_sent: Option<Line>,
    pub(super) repeats: u32,
    /// Data it sent, copies left out, bytes.
    pub(super) data: u64,
    /// The last acknowledgment of it that its peer, which waits for an answer to its SYN, cannot take.
    pub(super) stray: Option<Stray>,
    /// It sent this reset, of which its peer is about to ask.
    pub(super) asked_about: Option<usize>,
    pub(super) last_step: Option<usize>,
    pub(super) last_ts: Option<Timestamp>,
    /// The last segment that carried data or FIN that it was not seen to send before.
    pub(super) last_news: Option<usize>,
    /// The step by which it is known to have the peer's last data.
    pub(super) has_question: Option<usize>,
}

/// What a host waits to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    KeepAlive,
    Probe,
}

impl Side {
    /// The numbering starts with this SYN.
    pub(super) fn start(&mut self, isn: u32) {
        self.base = Some(isn);
        self.syn_seen = true;
        self.next = self.next.max(1);
    }

    /// Another numbering: the one before was never used.
    pub(super) fn restart(&mut self, isn: u32) {
        *self = Self { state: self.state, syns: self.syns, last_syn: self.last_syn, ..Self::default() };
        self.start(isn);
    }

    pub(super) fn starts_with(&self, isn: u32) -> bool {
        self.base == Some(isn)
    }

    /// Where a number lies on the line, nearest to what was sent last. Midway the lowest number of the capture is 1.
    pub(super) fn line(&mut self, number: u32) -> Line {
        let floor = self.floor.unwrap_or(number);
        let base = *self.base.get_or_insert(floor.wrapping_sub(1));
        if self.next == 0 && self.acked == 0 && !self.syn_seen {
            let first = Line::from(number.wrapping_sub(base));
            (self.next, self.acked) = (first, first);
        }
        let near = self.next as u32;
        let offset = number.wrapping_sub(base).wrapping_sub(near) as i32;
        self.next + Line::from(offset)
    }

    /// The same of what changes nothing: `None` where nothing of this host was seen to count from.
    pub(super) fn place(&self, number: u32) -> Option<Line> {
        let base = self.base?;
        Some(self.next + Line::from(number.wrapping_sub(base).wrapping_sub(self.next as u32) as i32))
    }

    /// It sent up to `end`. Says whether that is new.
    pub(super) fn send(&mut self, end: Line, step: usize) -> bool {
        let new = end > self.next;
        if new {
            self.next = end;
            if self.under_way.len() == UNDER_WAY {
                self.under_way.pop_front();
            }
            self.under_way.push_back(Sent { end, step, again: false });
        }
        new
    }

    /// A copy of what lies below `end` and not below `first` was sent.
    pub(super) fn sent_again(&mut self, first: Line, end: Line) {
        for sent in self.under_way.iter_mut().filter(|sent| sent.end > first && sent.end <= end) {
            sent.again = true;
        }
    }

    /// The peer acknowledges up to `at`: the segment that ends there, if it and all others that are acknowledged with it were sent once:
    /// otherwise the acknowledgment may have waited for one of those.
    pub(super) fn acknowledge(&mut self, at: Line) -> Option<usize> {
        let (mut answered, mut again) = (None, false);
        while let Some(sent) = self.under_way.front().filter(|sent| sent.end <= at) {
            again |= sent.again;
            answered = (sent.end == at && !again).then_some(sent.step);
            self.under_way.pop_front();
        }
        self.acked = self.acked.max(at);
        self.next = self.next.max(at);
        answered
    }

    /// Was its FIN acknowledged?
    pub(super) fn fin_acked(&self) -> bool {
        self.fin.is_some_and(|fin| self.acked > fin)
    }
}
