//! A host with one TCP connection, after RFC 9293 and Linux' habits. This file has what it is and what wakes it;
//! `sending` has its own stream, `recovery` what it sends again and when, `receiving` the peer's stream.
//!
//! Left out: everything that does not show in what is sent and when (checks of bad segments, memory, TIME-WAIT).

mod receiving;
mod recovery;
mod sending;

use crate::rng::Rng;
use crate::truth::Role;
use crate::wire::{Host, Segment};
use receiving::Receiving;
use recovery::Recovery;
use sending::Sending;

pub(crate) const MS: i64 = 1_000_000;

/// How IPv4 packets are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ids {
    /// A counter of the connection, 0 in SYN-ACKs: Linux.
    Counter,
    /// Always 0.
    Zero,
    Random,
    /// A counter of the host: so many steps between two packets of this connection, in the mean.
    Global(i64),
}

/// What the hosts' TCP can do and what their programs do.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    /// The clock of timestamps, nanoseconds a tick.
    pub(crate) tick: Option<i64>,
    pub(crate) sack: bool,
    pub(crate) dsack: bool,
    pub(crate) ecn: bool,
    pub(crate) ids: Ids,
    /// Most data in a segment, bytes.
    pub(crate) mss: u32,
    pub(crate) window_scale: u8,
    /// Of the receiver, bytes.
    pub(crate) buffer: u64,
    /// Tail loss probes (RFC 8985 section 7).
    pub(crate) tail_probes: bool,
    pub(crate) keep_alive: Option<i64>,
    /// After so many bytes the program does not read for so long.
    pub(crate) stops_reading: Option<(u64, i64)>,
    /// What the program does, in order.
    pub(crate) script: Vec<Step>,
}

/// Once so much was received, and after a wait, write so much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) received: u64,
    pub(crate) wait: i64,
    pub(crate) write: u64,
}

/// What a host waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Retransmission, tail loss probe or window probe.
    Resend,
    /// RACK waits for what may only be late.
    Reordering,
    DelayedAck,
    Script,
    Reading,
    KeepAlive,
}

const TIMERS: usize = 6;

/// What a host works with while it is awake.
pub(crate) struct Awake<'a> {
    pub(crate) now: i64,
    pub(crate) rng: &'a mut Rng,
    pub(crate) next_id: &'a mut u64,
    /// What it sends, in order.
    pub(crate) out: Vec<Segment>,
    /// When it wants to be woken.
    pub(crate) alarms: Vec<(Timer, i64)>,
}

/// What the kernel would count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// `TcpRetransSegs`.
    pub(crate) resent: u64,
    /// `TcpExtTCPWinProbe`.
    pub(crate) probes: u64,
    /// `TcpExtTCPKeepAlive`.
    pub(crate) keep_alives: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    SynSent,
    SynReceived,
    Open,
}

/// A host.
#[derive(Debug)]
pub(crate) struct Endpoint {
    me: Host,
    habits: Habits,
    state: State,
    sending: Sending,
    recovery: Recovery,
    receiving: Receiving,
    deadlines: [Option<i64>; TIMERS],
    step: usize,
    step_since: Option<i64>,
    last_activity: i64,
    pub(crate) counters: Counters,
}

impl Endpoint {
    pub(crate) fn new(me: Host, habits: Habits, rng: &mut Rng) -> Self {
        Self {
            me,
            state: State::Closed,
            sending: Sending::new(rng),
            recovery: Recovery::new(habits.mss),
            receiving: Receiving::new(&habits),
            deadlines: [None; TIMERS],
            step: 0,
            step_since: None,
            last_activity: 0,
            counters: Counters::default(),
            habits,
        }
    }

    /// Opens the connection.
    pub(crate) fn connect(&mut self, awake: &mut Awake<'_>) {
        self.state = State::SynSent;
        self.send_next(awake, 0, true, false);
        self.arm(awake);
    }

    /// A segment arrives; `marked`: Congestion Experienced.
    pub(crate) fn on_segment(&mut self, segment: &Segment, marked: bool, awake: &mut Awake<'_>) {
        self.last_activity = awake.now;
        match self.state {
            State::Closed | State::SynReceived if segment.syn => {
                self.answer_syn(segment, awake);
                return;
            }
            State::Closed => return,
            State::SynSent if !segment.syn || segment.ack != Some(1) => return,
            // A SYN-ACK again: RFC 5961 section 4.2 answers with an ACK.
            State::Open if segment.syn => {
                self.send_ack(awake);
                return;
            }
            _ => {}
        }
        let opens = self.state == State::SynSent || self.state == State::SynReceived && segment.ack.is_some_and(|ack| ack > 0);
        self.receiving.take_timestamp(segment);
        self.on_ack(segment, awake);
        if opens {
            self.state = State::Open;
            self.alarm(awake, Timer::KeepAlive, self.habits.keep_alive.map(|every| awake.now + every));
        }
        let ack_now = self.take_data(segment, marked, awake) || segment.syn;
        self.follow_script(awake);
        self.push(awake);
        self.acknowledge(ack_now, awake);
    }

    /// A timer rings.
    pub(crate) fn on_timer(&mut self, timer: Timer, awake: &mut Awake<'_>) {
        if self.deadlines[timer as usize] != Some(awake.now) {
            return;
        }
        self.deadlines[timer as usize] = None;
        match timer {
            Timer::Resend => self.on_resend_timer(awake),
            Timer::Reordering => {
                self.mark_by_rack(awake);
                self.push(awake);
            }
            Timer::DelayedAck => self.send_ack(awake),
            Timer::Script => {
                self.follow_script(awake);
                self.push(awake);
            }
            Timer::Reading => self.read_again(awake),
            Timer::KeepAlive => self.on_keep_alive_timer(awake),
        }
    }

    /// Nothing is left to be done.
    pub(crate) fn is_done(&self) -> bool {
        self.sending.fin_acked() && self.receiving.fin_arrived()
    }

    /// All that was written has arrived, in the peer's words.
    pub(crate) fn received(&self) -> u64 {
        self.receiving.data()
    }

    pub(crate) fn written(&self) -> u64 {
        self.sending.written
    }

    fn alarm(&mut self, awake: &mut Awake<'_>, timer: Timer, at: Option<i64>) {
        self.deadlines[timer as usize] = at;
        awake.alarms.extend(at.map(|at| (timer, at)));
    }

    /// Does what the program does by now.
    fn follow_script(&mut self, awake: &mut Awake<'_>) {
        while let Some(&step) = self.habits.script.get(self.step)
            && self.state == State::Open
            && self.receiving.data() >= step.received
        {
            let due = *self.step_since.get_or_insert(awake.now) + step.wait;
            if due > awake.now {
                if self.deadlines[Timer::Script as usize] != Some(due) {
                    self.alarm(awake, Timer::Script, Some(due));
                }
                return;
            }
            self.step_since = None;
            self.step += 1;
            self.sending.written += step.write;
            self.sending.closing |= self.step == self.habits.script.len();
        }
    }

    fn on_keep_alive_timer(&mut self, awake: &mut Awake<'_>) {
        let Some(every) = self.habits.keep_alive else { return };
        let quiet = self.sending.nothing_outstanding() && self.sending.nothing_unsent();
        if quiet && !self.sending.closing && awake.now - self.last_activity >= every {
            self.counters.keep_alives += 1;
            self.send_probe(awake, Role::KeepAlive);
            self.last_activity = awake.now;
        }
        let next = (self.last_activity + every).max(awake.now + MS);
        self.alarm(awake, Timer::KeepAlive, (!self.is_done()).then_some(next));
    }
}
