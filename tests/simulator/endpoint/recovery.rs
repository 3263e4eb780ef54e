//! What a host sends again and when: timeouts (RFC 6298, with Linux' minimum), three duplicate ACKs (RFC 6582), SACK with
//! RACK and tail loss probes (RFC 6675, RFC 8985), F-RTO's first step (RFC 5682), window probes; and a plain congestion
//! window (RFC 5681).

use super::{Awake, Endpoint, MS, State, Timer};
use crate::truth::Role;
use crate::wire::Segment;

/// Longest timeout; the real ones go on to two minutes.
const LONGEST: i64 = 10_000 * MS;

/// What is known of losses and round trips.
#[derive(Debug)]
pub(super) struct Recovery {
    cwnd: f64,
    ssthresh: f64,
    phase: Phase,
    /// What was out when the phase began ends here.
    high: u64,
    duplicate_acks: u32,
    /// So many of them mean a loss.
    threshold: u32,
    srtt: Option<i64>,
    rttvar: i64,
    min_rtt: i64,
    backoff: u32,
    /// RACK: the latest sending that was delivered, its end, its round trip.
    rack: (i64, u64, i64),
    reordering_seen: bool,
    /// RACK waits so many quarters of a round trip.
    quarters: i64,
    /// The resend timer is a tail loss probe's.
    probing: bool,
    probed_up_to: u64,
    highest_sacked: u64,
    /// RFC 5682: the first ACK after a timeout may bring new data instead of repeated ones.
    try_new: bool,
    mss: u32,
    reduced_at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// After duplicate ACKs or SACK.
    Fast,
    /// After a timeout.
    Timeout,
}

impl Recovery {
    pub(super) fn new(mss: u32) -> Self {
        Self {
            cwnd: 10.0,
            ssthresh: 1e9,
            phase: Phase::Open,
            high: 0,
            duplicate_acks: 0,
            threshold: 3,
            srtt: None,
            rttvar: 0,
            min_rtt: i64::MAX,
            backoff: 0,
            rack: (i64::MIN, 0, 0),
            reordering_seen: false,
            quarters: 1,
            probing: false,
            probed_up_to: 0,
            highest_sacked: 0,
            try_new: false,
            mss,
            reduced_at: 0,
        }
    }

    /// RFC 6298 (2).
    fn sample(&mut self, rtt: i64) {
        self.min_rtt = self.min_rtt.min(rtt);
        match self.srtt {
            None => (self.srtt, self.rttvar) = (Some(rtt), rtt / 2),
            Some(srtt) => {
                self.rttvar = (3 * self.rttvar + (srtt - rtt).abs()) / 4;
                self.srtt = Some((7 * srtt + rtt) / 8);
            }
        }
    }

    /// Linux: at least 200 ms more than the round trip.
    fn timeout(&self) -> i64 {
        let first = self.srtt.map_or(1_000 * MS, |srtt| srtt + (4 * self.rttvar).max(200 * MS));
        (first << self.backoff.min(10)).min(LONGEST)
    }

    fn slow_down(&mut self, flight: f64) {
        self.ssthresh = (flight / 2.0).max(2.0);
        self.cwnd = self.ssthresh;
    }
}

impl Endpoint {
    /// Takes the acknowledgment that a segment carries.
    pub(super) fn on_ack(&mut self, segment: &Segment, awake: &mut Awake<'_>) {
        let Some(ack) = segment.ack.filter(|ack| (self.sending.una..=self.sending.next).contains(ack)) else {
            // An old one: its SACK blocks are old too.
            return;
        };
        let scale = if segment.syn { 0 } else { self.habits.window_scale };
        let window = u64::from(segment.window) << scale;
        let window_moved = window != self.sending.window;
        let opened = self.sending.window == 0 && window > 0;
        self.sending.window = window;
        if opened {
            // Whatever was backed off, was for the window.
            self.recovery.backoff = 0;
        }
        let advanced = ack > self.sending.una;
        let spurious = self.take_sack(segment, ack, awake.now);
        if spurious {
            self.recovery.quarters = (self.recovery.quarters + 1).min(8);
        }
        self.take_cumulative(ack, awake.now);
        let data = segment.len > 0 || segment.syn || segment.fin;
        let duplicate = !advanced && !data && !window_moved && !self.sending.out.is_empty();
        self.judge(advanced, duplicate, awake);
        if segment.ece && self.habits.ecn && !segment.syn && ack > self.recovery.reduced_at {
            // RFC 3168 section 6.1.2: once a round trip.
            self.recovery.reduced_at = self.sending.next;
            let flight = self.flight();
            self.recovery.slow_down(flight);
            self.sending.tell_reduced();
        }
        if advanced {
            self.recovery.backoff = 0;
            self.arm(awake);
        }
    }

    /// Marks what SACK reports; true where it reports something that came twice (RFC 2883).
    fn take_sack(&mut self, segment: &Segment, ack: u64, now: i64) -> bool {
        let mut twice = false;
        for (i, &(start, end)) in segment.sack.iter().enumerate() {
            let within = segment.sack.get(1).is_some_and(|next| next.0 <= start && end <= next.1);
            if i == 0 && (end <= ack || within) {
                twice = true;
                continue;
            }
            for j in 0..self.sending.out.len() {
                let sent = &self.sending.out[j];
                if !sent.sacked && start <= sent.start && sent.end <= end {
                    self.sending.out[j].sacked = true;
                    self.delivered(j, now);
                    self.recovery.highest_sacked = self.recovery.highest_sacked.max(end);
                }
            }
        }
        twice
    }

    fn take_cumulative(&mut self, ack: u64, now: i64) {
        while self.sending.out.front().is_some_and(|sent| sent.end <= ack) {
            if !self.sending.out[0].sacked {
                self.delivered(0, now);
            }
            self.sending.out.pop_front();
            if self.recovery.phase != Phase::Fast {
                let r = &mut self.recovery;
                r.cwnd += if r.cwnd < r.ssthresh { 1.0 } else { 1.0 / r.cwnd };
            }
        }
        self.sending.una = ack;
    }

    /// A segment has reached the peer.
    fn delivered(&mut self, index: usize, now: i64) {
        let sent = &self.sending.out[index];
        let (rtt, recovery) = (now - sent.at, &mut self.recovery);
        // Never sent twice and below what came already: the path reorders (RFC 8985 section 6.2).
        recovery.reordering_seen |= sent.times == 1 && sent.end < recovery.highest_sacked;
        if sent.times == 1 {
            recovery.sample(rtt);
        } else if rtt < recovery.min_rtt {
            // An ACK of an earlier sending.
            return;
        }
        if (sent.at, sent.end) > (recovery.rack.0, recovery.rack.1) {
            recovery.rack = (sent.at, sent.end, rtt);
        }
    }

    /// What the ACK says of losses.
    fn judge(&mut self, advanced: bool, duplicate: bool, awake: &mut Awake<'_>) {
        let una = self.sending.una;
        if advanced && self.recovery.phase != Phase::Open {
            // Without SACK one waits for more than all, or old duplicate ACKs would start it again (RFC 6582 section 3.2).
            let over = una > self.recovery.high || una == self.recovery.high && self.habits.sack;
            if over {
                self.recovery.phase = Phase::Open;
                self.recovery.duplicate_acks = 0;
                self.recovery.cwnd = self.recovery.cwnd.min(self.recovery.ssthresh.max(2.0));
            }
        }
        if self.habits.sack {
            self.mark_by_rack(awake);
            return;
        }
        self.recovery.duplicate_acks = if advanced { 0 } else { self.recovery.duplicate_acks + u32::from(duplicate) };
        // More than are out come of something older; Linux then asks for more of them (tcp_limit_reno_sacked).
        let most = (self.sending.out.len() as u32).saturating_sub(1);
        if self.recovery.duplicate_acks > most {
            self.recovery.duplicate_acks = most;
            self.recovery.threshold = self.recovery.threshold.max(most + 1);
        }
        let third = self.recovery.phase == Phase::Open && self.recovery.duplicate_acks >= self.recovery.threshold;
        let partial = self.recovery.phase == Phase::Fast && advanced && una < self.recovery.high;
        if (third || partial)
            && let Some(head) = self.sending.out.front_mut()
            && !head.lost
        {
            head.lost = true;
            self.lose(Phase::Fast);
        }
    }

    /// RFC 8985: lost is what was sent well before something that was delivered.
    pub(super) fn mark_by_rack(&mut self, awake: &mut Awake<'_>) {
        let sacked = self.sending.out.iter().filter(|sent| sent.sacked).count();
        let r = &self.recovery;
        let (last, end, rtt) = r.rack;
        let patience = if !r.reordering_seen && (r.phase != Phase::Open || sacked >= 3) {
            0
        } else {
            (r.min_rtt / 4 * r.quarters).min(r.srtt.unwrap_or(0))
        };
        let (mut found, mut ring) = (false, None);
        for sent in self.sending.out.iter_mut().filter(|sent| !sent.sacked && (!sent.lost || sent.again)) {
            if (sent.at, sent.end) < (last, end) {
                let due = sent.at + rtt + patience;
                if due <= awake.now {
                    (sent.lost, sent.again, found) = (true, false, true);
                } else {
                    ring = ring.max(Some(due));
                }
            }
        }
        if found {
            self.lose(Phase::Fast);
        }
        if ring.is_some() {
            // Linux: in whole ticks of its clock, and two at least (TCP_TIMEOUT_MIN).
            self.alarm(awake, Timer::Reordering, ring.map(|due| due + 2 * MS));
        }
    }

    fn lose(&mut self, phase: Phase) {
        if self.recovery.phase == Phase::Open {
            let flight = self.flight() + 1.0;
            self.recovery.slow_down(flight);
            self.recovery.phase = phase;
            self.recovery.high = self.sending.next;
        }
    }

    /// Segments that are taken to be on their way.
    fn flight(&self) -> f64 {
        let out = self.sending.out.iter().filter(|sent| !sent.sacked && (!sent.lost || sent.again)).count() as u32;
        // Without SACK each duplicate ACK stands for a segment that has left.
        f64::from(out.saturating_sub(self.recovery.duplicate_acks))
    }

    pub(super) fn room_in_flight(&self) -> bool {
        self.flight() < self.recovery.cwnd.max(1.0)
    }

    /// Sends again what was given up, oldest first.
    pub(super) fn resend_lost(&mut self, awake: &mut Awake<'_>) {
        if std::mem::take(&mut self.recovery.try_new) && !self.sending.nothing_unsent() {
            return;
        }
        for index in 0..self.sending.out.len() {
            let sent = &self.sending.out[index];
            if sent.lost && !sent.again && !sent.sacked {
                // The first one always goes (fast retransmit).
                if index > 0 && !self.room_in_flight() {
                    break;
                }
                self.send_again(awake, index);
                if index == 0 {
                    // RFC 6298 (5.1); Linux: for the oldest one only.
                    self.arm(awake);
                }
            }
        }
    }

    /// Sets the resend timer anew: a tail loss probe, a timeout, or a window probe.
    pub(super) fn arm(&mut self, awake: &mut Awake<'_>) {
        let r = &mut self.recovery;
        let timeout = r.timeout();
        if self.sending.out.is_empty() {
            let blocked = self.state == State::Open && !self.sending.nothing_unsent();
            self.alarm(awake, Timer::Resend, blocked.then_some(awake.now + timeout));
            return;
        }
        let clean = !self.sending.out.iter().any(|sent| sent.sacked || sent.lost);
        let tail = self.habits.tail_probes && self.habits.sack && self.state == State::Open && r.phase == Phase::Open;
        r.probing = tail && clean && self.sending.una >= r.probed_up_to && r.srtt.is_some();
        let alone = self.sending.out.len() == 1;
        // RFC 8985 section 7.2; Linux' worst delayed ACK.
        let probe = 2 * r.srtt.unwrap_or(0) + if alone { 200 * MS } else { 2 * MS };
        let wait = if r.probing { probe.min(timeout) } else { timeout };
        self.alarm(awake, Timer::Resend, Some(awake.now + wait));
    }

    pub(super) fn on_resend_timer(&mut self, awake: &mut Awake<'_>) {
        if self.sending.out.is_empty() {
            self.probe_window(awake);
        } else if std::mem::take(&mut self.recovery.probing) {
            self.probe_tail(awake);
        } else {
            self.time_out(awake);
        }
    }

    /// The window is shut (or nearly) and nothing is out.
    fn probe_window(&mut self, awake: &mut Awake<'_>) {
        if self.sending.nothing_unsent() {
            return;
        }
        if self.sending.window == 0 {
            self.counters.probes += 1;
            self.send_probe(awake, Role::Probe);
            self.recovery.backoff += 1;
            self.arm(awake);
        } else {
            self.push(awake);
        }
    }

    /// New data if there are any, or the last segment once more.
    fn probe_tail(&mut self, awake: &mut Awake<'_>) {
        let room = self.sending.una + self.sending.window >= self.sending.next + u64::from(self.recovery.mss);
        let unsent = self.sending.written.saturating_sub(self.sending.next.saturating_sub(1));
        self.recovery.probed_up_to = self.sending.next;
        if unsent > 0 && room {
            let len = unsent.min(u64::from(self.recovery.mss));
            let fin = self.sending.closing && len == unsent;
            self.send_next(awake, len as u32, false, fin);
            self.recovery.probed_up_to = self.sending.next;
        } else if let Some(last) = self.sending.out.iter().rposition(|sent| !sent.sacked) {
            self.send_again(awake, last);
        }
        self.recovery.probing = false;
        let at = awake.now + self.recovery.timeout();
        self.alarm(awake, Timer::Resend, Some(at));
    }

    /// RFC 6298 (5): everything not reported is given up, the oldest goes first.
    fn time_out(&mut self, awake: &mut Awake<'_>) {
        if self.state != State::Open {
            self.recovery.backoff += 1;
            self.sending.new_label(awake.rng);
            self.send_again(awake, 0);
            self.arm(awake);
            return;
        }
        let flight = self.flight();
        self.recovery.backoff += 1;
        self.recovery.duplicate_acks = 0;
        self.recovery.slow_down(flight);
        self.recovery.cwnd = 1.0;
        self.recovery.phase = Phase::Timeout;
        self.recovery.high = self.sending.next;
        self.recovery.try_new = false;
        for sent in &mut self.sending.out {
            (sent.lost, sent.again) = (!sent.sacked, false);
        }
        // Linux' sk_rethink_txhash.
        self.sending.new_label(awake.rng);
        self.resend_lost(awake);
        self.recovery.try_new = self.habits.sack;
        self.arm(awake);
    }
}
