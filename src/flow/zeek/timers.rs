//! When Zeek gives a connection up: five timers, by packet time, each with what it asks when it fires.
//!
//! A connection only says what it wants; the queue that keeps the moments of all connections is `flow/deadlines.rs`.

use super::endpoint::{Endpoint, State};
use super::role::Role;
use super::{Conn, Kind};
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
}

impl Timers {
    pub(in crate::flow) fn new(inactivity: Span, now: Timestamp) -> Self {
        let mut timers = Self { wanted: [Timestamp::MAX; TIMERS], armed: [Timestamp::MAX; TIMERS], inactivity };
        timers.set(Timer::Inactivity, now + inactivity);
        timers
    }

    pub(super) const fn set(&mut self, timer: Timer, at: Timestamp) {
        self.wanted[timer as usize] = at;
    }

    /// Another silence is granted, counted from the last packet.
    pub(super) fn grant(&mut self, inactivity: Span, last: Timestamp) {
        self.inactivity = inactivity;
        self.set(Timer::Inactivity, last + inactivity);
    }

    /// The connection is closed: of TCP's timers only this one is left.
    pub(super) fn close(&mut self, at: Timestamp) {
        self.set(Timer::Attempt, Timestamp::MAX);
        self.set(Timer::Session, Timestamp::MAX);
        self.set(Timer::Closing, Timestamp::MAX);
        self.set(Timer::Delete, at);
    }
}

/// Closed, as far as it will ever be, or nothing but packets that do not count. A FIN of one side alone is waited on.
fn is_spent(ends: [&Endpoint; 2]) -> bool {
    let closed = ends.map(|end| end.did_close);
    let dead = ends.iter().any(|end| matches!(end.state, State::Reset | State::Inactive));
    (closed[0] && closed[1]) || (dead && (closed[0] || closed[1])) || ends.iter().all(|end| end.state == State::Inactive)
}

impl Conn {
    fn ends(&self) -> Option<[&Endpoint; 2]> {
        match &self.kind {
            Kind::Tcp(session) => Some([session.end(Role::Originator), session.end(Role::Responder)]),
            _ => None,
        }
    }

    /// A timer has fired. Is the connection over?
    pub(in crate::flow) fn on_timer(&mut self, timer: Timer, now: Timestamp) -> bool {
        self.timers.set(timer, Timestamp::MAX);
        match timer {
            Timer::Delete => true,
            // After a reset these ask nothing any more.
            Timer::Attempt | Timer::Session | Timer::Closing if self.reset => false,
            Timer::Attempt => self.ends().is_some_and(|[orig, resp]| orig.state.is_knocking() && resp.state == State::Inactive),
            Timer::Inactivity => {
                let due = self.last + self.timers.inactivity;
                if due <= now {
                    return true;
                }
                self.timers.set(timer, due);
                false
            }
            Timer::Session | Timer::Closing => {
                if self.last + self.times.linger < now && self.ends().is_some_and(is_spent) {
                    return true;
                }
                self.timers.set(timer, now + self.times.session);
                false
            }
            Timer::Dns => {
                if now - self.last >= self.times.dns_silence {
                    return true;
                }
                self.timers.set(timer, now + self.times.dns);
                false
            }
        }
    }
}
