//! When Zeek gives a connection up: five timers, by packet time, each with what it asks when it fires.
//!
//! A connection only says what it wants; the queue that keeps the moments of all connections is `flow/deadlines.rs`.

use super::endpoint::{Endpoint, State};
use super::role::Role;
use super::session::Done;
use super::{Conn, Kind, ports};
use crate::model::{Span, Timestamp};

/// Zeek's times, as its default scripts set them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZeekTimers {
    /// `udp_inactivity_timeout`, which every TCP connection has at first, too.
    pub inactivity: Span,
    /// `tcp_inactivity_timeout`: of TCP beyond its handshake.
    pub tcp_inactivity: Span,
    /// What `base/protocols/conn/inactivity.zeek` grants interactive services.
    pub interactive: Span,
    /// `icmp_inactivity_timeout`.
    pub icmp_inactivity: Span,
    /// `unknown_ip_inactivity_timeout`.
    pub other_inactivity: Span,
    /// `tcp_attempt_delay`.
    pub attempt: Span,
    /// `tcp_SYN_timeout`: the session timer's first time.
    pub session_first: Span,
    /// `tcp_session_timer`: its later ones.
    pub session: Span,
    /// `tcp_connection_linger`.
    pub linger: Span,
    /// `tcp_close_delay`.
    pub close: Span,
    /// `dns_session_timeout`.
    pub dns: Span,
    /// The silence it wants to see: one second less, so that a question and its answer do not need it twice.
    pub dns_silence: Span,
    /// Most timers that run before one packet.
    pub most_per_packet: u32,
}

impl ZeekTimers {
    /// Zeek's defaults.
    pub const DEFAULT: Self = Self {
        inactivity: Span::from_secs(60),
        tcp_inactivity: Span::from_secs(300),
        interactive: Span::from_secs(3600),
        icmp_inactivity: Span::from_secs(60),
        other_inactivity: Span::from_secs(60),
        attempt: Span::from_secs(5),
        session_first: Span::from_secs(5),
        session: Span::from_secs(6),
        linger: Span::from_secs(5),
        close: Span::from_secs(5),
        dns: Span::from_secs(10),
        dns_silence: Span::from_secs(9),
        most_per_packet: 300,
    };
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(in crate::flow) enum Timer {
    Inactivity,
    Attempt,
    Session,
    Delete,
    Dns,
    /// The session timer once more, from a close of one side on.
    Closing,
}

/// How many there are.
pub(in crate::flow) const TIMERS: usize = 6;

impl Timer {
    pub(in crate::flow) const ALL: [Self; TIMERS] =
        [Self::Inactivity, Self::Attempt, Self::Session, Self::Delete, Self::Dns, Self::Closing];
}

/// What a connection waits for. `Timestamp::MAX` is never.
#[derive(Clone, Copy, Debug)]
pub(in crate::flow) struct Timers {
    pub(in crate::flow) wanted: [Timestamp; TIMERS],
    /// What the queue knows of it.
    pub(in crate::flow) armed: [Timestamp; TIMERS],
    inactivity: Span,
    times: &'static ZeekTimers,
    /// Something else is wanted than when the queue was last told.
    changed: bool,
}

impl Timers {
    pub(in crate::flow) fn new(times: &'static ZeekTimers, inactivity: Span, now: Timestamp) -> Self {
        let never = [Timestamp::MAX; TIMERS];
        let mut timers = Self { wanted: never, armed: never, inactivity, times, changed: true };
        timers.set(Timer::Inactivity, now + inactivity);
        timers
    }

    const fn set(&mut self, timer: Timer, at: Timestamp) {
        self.wanted[timer as usize] = at;
        self.changed = true;
    }

    pub(super) const fn times(&self) -> &'static ZeekTimers {
        self.times
    }

    /// Another silence is granted, counted from the last packet.
    fn grant(&mut self, inactivity: Span, last: Timestamp) {
        self.inactivity = inactivity;
        self.set(Timer::Inactivity, last + inactivity);
    }

    /// A segment was taken. `interactive`: it is of a service whose sessions may be silent for long; `last`: when a packet last
    /// counted.
    pub(super) fn on_segment(&mut self, done: Done, left_handshake: bool, interactive: bool, now: Timestamp, last: Timestamp) {
        let times = self.times;
        if left_handshake {
            self.grant(times.tcp_inactivity, last);
        }
        if done.established && interactive {
            self.grant(times.interactive, last);
        }
        if done.attempt {
            self.set(Timer::Attempt, now + times.attempt);
        }
        if done.closed && !done.complete {
            self.set(Timer::Closing, last + times.session);
        }
        if done.complete {
            self.close(last + times.close);
        }
    }

    /// The connection is closed: of TCP's timers only this one is left.
    fn close(&mut self, at: Timestamp) {
        self.set(Timer::Attempt, Timestamp::MAX);
        self.set(Timer::Session, Timestamp::MAX);
        self.set(Timer::Closing, Timestamp::MAX);
        self.set(Timer::Delete, at);
    }
}

impl Kind {
    /// What a conversation waits for from its first packet on.
    pub(super) fn timers(&self, times: &'static ZeekTimers, responder: u16, now: Timestamp) -> Timers {
        let inactivity = match self {
            Self::Tcp(_) | Self::Udp(_) => times.inactivity,
            Self::Icmp(_) => times.icmp_inactivity,
            Self::Other => times.other_inactivity,
        };
        let mut timers = Timers::new(times, inactivity, now);
        match self {
            Self::Tcp(_) => timers.set(Timer::Session, now + times.session_first),
            Self::Udp(_) if ports::DNS.contains(&responder) => timers.set(Timer::Dns, now + times.dns),
            _ => {}
        }
        timers
    }
}

/// Closed, as far as it will ever be, or nothing but packets that do not count. A FIN of one side alone is waited on.
fn is_spent(ends: [&Endpoint; 2]) -> bool {
    let closed = ends.map(|end| end.did_close);
    let dead = ends.iter().any(|end| matches!(end.state, State::Reset | State::Inactive));
    (closed[0] && closed[1]) || (dead && (closed[0] || closed[1])) || ends.iter().all(|end| end.state == State::Inactive)
}

/// A SYN of the originator, and nothing else.
fn knocks([orig, resp]: [&Endpoint; 2]) -> bool {
    orig.state.is_knocking() && resp.state == State::Inactive
}

impl Conn {
    fn ends(&self) -> Option<[&Endpoint; 2]> {
        match &self.kind {
            Kind::Tcp(session) => Some([session.end(Role::Originator), session.end(Role::Responder)]),
            _ => None,
        }
    }

    /// The timers, where Zeek's end flows.
    pub(in crate::flow) fn timers(&mut self) -> Option<&mut Timers> {
        self.timers.as_deref_mut()
    }

    /// The timers, if something else is wanted of them than when this was last asked.
    pub(in crate::flow) fn changed_timers(&mut self) -> Option<&mut Timers> {
        let timers = self.timers.as_deref_mut()?;
        std::mem::take(&mut timers.changed).then_some(timers)
    }

    /// A timer has fired. Is the connection over?
    pub(in crate::flow) fn on_timer(&mut self, timer: Timer, now: Timestamp) -> bool {
        let (spent, knocks) = (self.ends().is_some_and(is_spent), self.ends().is_some_and(knocks));
        let (last, reset) = (self.last, self.reset);
        let Some(timers) = &mut self.timers else { return false };
        timers.armed[timer as usize] = Timestamp::MAX;
        timers.set(timer, Timestamp::MAX);
        match timer {
            Timer::Delete => true,
            // After a reset these ask nothing any more.
            Timer::Attempt | Timer::Session | Timer::Closing if reset => false,
            Timer::Attempt => knocks,
            Timer::Inactivity => {
                let due = last + timers.inactivity;
                if due <= now {
                    return true;
                }
                timers.set(timer, due);
                false
            }
            Timer::Session | Timer::Closing => {
                if last + timers.times.linger < now && spent {
                    return true;
                }
                timers.set(timer, now + timers.times.session);
                false
            }
            Timer::Dns => {
                if now - last >= timers.times.dns_silence {
                    return true;
                }
                timers.set(timer, now + timers.times.dns);
                false
            }
        }
    }
}
