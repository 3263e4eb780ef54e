//! A host's own stream: what was written, what is out, how a segment is made.

use super::{Awake, Endpoint, Ids, State, Timer};
use crate::rng::Rng;
use crate::truth::Role;
use crate::wire::{Offer, Segment};
use std::collections::VecDeque;

/// A segment that is out and not acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) syn: bool,
    pub(super) fin: bool,
    /// When it was sent last.
    pub(super) at: i64,
    pub(super) times: u32,
    pub(super) sacked: bool,
    pub(super) lost: bool,
    /// Sent again since it was given up.
    pub(super) again: bool,
}

/// The stream.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) una: u64,
    pub(super) next: u64,
    pub(super) written: u64,
    /// After what was written there comes no more.
    pub(super) closing: bool,
    pub(super) out: VecDeque<Sent>,
    /// Offered by the peer from `una` on, bytes; and the largest ever.
    pub(super) window: u64,
    ip_id: u16,
    flow_label: u32,
    clock_offset: u32,
    reduced: bool,
}

impl Sending {
    pub(super) fn new(rng: &mut Rng) -> Self {
        Self {
            una: 0,
            next: 0,
            written: 0,
            closing: false,
            out: VecDeque::new(),
            window: 1,
            ip_id: rng.next() as u16,
            flow_label: rng.next() as u32,
            clock_offset: rng.next() as u32,
            reduced: false,
        }
    }

    /// Where data end; the FIN is there.
    fn data_end(&self) -> u64 {
        1 + self.written
    }

    pub(super) fn nothing_outstanding(&self) -> bool {
        self.out.is_empty()
    }

    pub(super) fn nothing_unsent(&self) -> bool {
        self.next >= self.data_end() + u64::from(self.closing)
    }

    pub(super) fn fin_acked(&self) -> bool {
        self.closing && self.una > self.data_end()
    }

    /// A timeout tries another path: the flow label changes.
    pub(super) fn new_label(&mut self, rng: &mut Rng) {
        self.flow_label = rng.next() as u32;
    }

    /// Tells the peer that the sender slowed down (RFC 3168 section 6.1.2).
    pub(super) fn tell_reduced(&mut self) {
        self.reduced = true;
    }

    fn number(&mut self, ids: Ids, syn_ack: bool, rng: &mut Rng) -> u16 {
        match ids {
            Ids::Zero => return 0,
            Ids::Counter if syn_ack => return 0,
            Ids::Counter => self.ip_id = self.ip_id.wrapping_add(1),
            Ids::Random => self.ip_id = rng.next() as u16,
            Ids::Global(mean) => self.ip_id = self.ip_id.wrapping_add(rng.between(1, 2 * mean - 1) as u16),
        }
        self.ip_id
    }
}

impl Endpoint {
    /// New data (and SYN, FIN) as far as windows allow, after what was given up.
    pub(super) fn push(&mut self, awake: &mut Awake<'_>) {
        if self.state != State::Open {
            return;
        }
        self.resend_lost(awake);
        let mut sent = false;
        while !self.sending.nothing_unsent() && self.room_in_flight() {
            let limit = self.sending.una + self.sending.window;
            let data_left = self.sending.data_end().saturating_sub(self.sending.next);
            let room = limit.saturating_sub(self.sending.next);
            let len = data_left.min(u64::from(self.habits.mss)).min(room);
            // RFC 9293 section 3.8.6.2.1: no silly segments because of a small window while others are out.
            let silly = len < data_left.min(u64::from(self.habits.mss)) && !self.sending.nothing_outstanding();
            if silly || data_left > 0 && len == 0 {
                break;
            }
            let fin = self.sending.closing && len == data_left;
            self.send_next(awake, len as u32, false, fin);
            sent = true;
        }
        if sent || self.deadlines[Timer::Resend as usize].is_none() {
            self.arm(awake);
        }
    }

    /// Sends the next bytes for the first time.
    pub(super) fn send_next(&mut self, awake: &mut Awake<'_>, len: u32, syn: bool, fin: bool) {
        let start = self.sending.next;
        let end = start + u64::from(len) + u64::from(syn) + u64::from(fin);
        let sent = Sent { start, end, syn, fin, at: awake.now, times: 1, sacked: false, lost: false, again: false };
        self.sending.next = end;
        self.send(awake, &sent, Role::Original);
        self.sending.out.push_back(sent);
    }

    /// Sends a segment that is out once more.
    pub(super) fn send_again(&mut self, awake: &mut Awake<'_>, index: usize) {
        let sent = &mut self.sending.out[index];
        sent.at = awake.now;
        sent.times += 1;
        sent.again = sent.lost;
        let sent = sent.clone();
        self.counters.resent += 1;
        self.send(awake, &sent, Role::Resent);
    }

    /// Nothing but an acknowledgment.
    pub(super) fn send_ack(&mut self, awake: &mut Awake<'_>) {
        let at = self.sending.next;
        self.send_empty(awake, at, Role::Original);
    }

    /// Linux' probe: an ACK with the number before the next one expected, to be answered by an ACK.
    pub(super) fn send_probe(&mut self, awake: &mut Awake<'_>, role: Role) {
        let at = self.sending.una - 1;
        self.send_empty(awake, at, role);
    }

    fn send_empty(&mut self, awake: &mut Awake<'_>, at: u64, role: Role) {
        let empty = Sent {
            start: at,
            end: at,
            syn: false,
            fin: false,
            at: awake.now,
            times: 1,
            sacked: false,
            lost: false,
            again: false,
        };
        self.send(awake, &empty, role);
    }

    fn send(&mut self, awake: &mut Awake<'_>, sent: &Sent, role: Role) {
        let habits = &self.habits;
        let len = (sent.end - sent.start - u64::from(sent.syn) - u64::from(sent.fin)) as u32;
        let acks = self.state != State::SynSent;
        let syn_ack = sent.syn && acks;
        // RFC 3168: the SYN offers with both flags, the SYN-ACK with one; data go as ECT(0), but not a second time.
        let asks = habits.ecn && sent.syn;
        let ect = habits.ecn && !sent.syn && len > 0 && role == Role::Original;
        let cwr = ect && std::mem::take(&mut self.sending.reduced);
        let tsval = habits.tick.map(|tick| self.sending.clock_offset.wrapping_add((awake.now / tick) as u32));
        *awake.next_id += 1;
        awake.out.push(Segment {
            id: *awake.next_id,
            from: self.me,
            role,
            start: sent.start,
            len,
            syn: sent.syn,
            fin: sent.fin,
            push: sent.end >= self.sending.data_end() && len > 0,
            ece: asks || habits.ecn && !sent.syn && self.receiving.congested,
            cwr: asks && !acks || cwr,
            ack: acks.then(|| self.receiving.next()),
            window: self.receiving.window_field(sent.syn),
            ts: tsval.map(|value| (value, self.receiving.echo)),
            sack: if acks && !sent.syn { self.receiving.sack_blocks(habits) } else { Vec::new() },
            // The offer leaves timestamps out of account (RFC 6691).
            offer: sent.syn.then_some(Offer {
                mss: habits.mss as u16 + if habits.tick.is_some() { 12 } else { 0 },
                window_scale: habits.window_scale,
                sack: habits.sack,
            }),
            ip_id: self.sending.number(habits.ids, syn_ack, awake.rng),
            flow_label: self.sending.flow_label,
            ecn: if ect { 2 } else { 0 },
        });
        self.deadlines[Timer::DelayedAck as usize] = None;
        self.receiving.acknowledged(acks);
    }
}
