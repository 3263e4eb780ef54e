//! Where the time of a connection went, told by the packets that bring something new: each wait between two of them belongs to somebody.
//!
//! A wait that ends with an answer of the other host is a way there and back, and what is longer than that its program's time. A wait
//! between two packets of one host is its pause, or the transfer itself, where it is no longer than a round trip.

use super::call::Host;
use super::claim::Cause;
use super::say::Say;
use super::step::Step;
use super::{SceneKind, Story};
use crate::flow::FlowRecord;
use crate::model::Span;

/// The parts; together they are the time from the first packet to the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Setting up.
    pub connect: Span,
    /// Programs at work, or idle: between what they got and what they sent next.
    pub programs: [Span; 2],
    /// On the way: a round trip for each turn.
    pub network: Span,
    /// Data after data.
    pub transfer: Span,
    /// A receiver's window was shut.
    pub shut: Span,
    /// Waiting for a retransmission timer.
    pub timers: Span,
    /// From the first FIN or RST on.
    pub ending: Span,
}

impl Times {
    /// Time of a host's program.
    #[must_use]
    pub const fn of(&self, host: Host) -> Span {
        self.programs[host.index()]
    }

    /// All of it.
    #[must_use]
    pub fn sum(&self) -> Span {
        let [c, s] = self.programs;
        self.connect + c + s + self.network + self.transfer + self.shut + self.timers + self.ending
    }
}

/// Divides the time of a conversation's story.
#[must_use]
pub fn times(story: &Story, steps: &[&Step], record: &FlowRecord) -> Times {
    let mut times = Times::default();
    let trip = record.handshake.as_ref().and_then(|handshake| handshake.rtt).unwrap_or_default();
    let mut last: Option<(Host, &Step)> = None;
    let mut at = steps.first().map(|step| step.ts);
    let mut shut = [false; 2];
    for (scene, told) in story.scenes.iter().flat_map(|scene| scene.steps.iter().map(move |told| (scene.kind, told))) {
        let (Some(step), Some(host)) = (steps.get(told.step), told.host) else { continue };
        let news = scene != SceneKind::Talking || step.len > 0;
        let was_shut = shut.iter().any(|shut| *shut);
        for claim in &told.claims {
            match claim.say {
                Say::WindowShut => shut[host.index()] = true,
                Say::WindowOpens { .. } => shut[host.index()] = false,
                _ => {}
            }
        }
        let opens = was_shut && !shut.iter().any(|shut| *shut);
        if !news && !opens {
            continue;
        }
        let wait = at.replace(step.ts).map_or(Span::ZERO, |before| step.ts - before);
        let timer = told.claims.iter().any(|claim| matches!(claim.say, Say::Judged { cause: Cause::Timer { .. }, .. }));
        match scene {
            SceneKind::SettingUp => times.connect = times.connect + wait,
            SceneKind::HangingUp | SceneKind::BreakingOff if !last.is_some_and(|(_, last)| is_ending(last)) && step.len == 0 => {
                // The first one ends a wait for its program.
                add_wait(&mut times, last.map(|(last, _)| last), host, wait, trip, near(record, host));
            }
            SceneKind::HangingUp | SceneKind::BreakingOff => times.ending = times.ending + wait,
            SceneKind::Talking if was_shut => times.shut = times.shut + wait,
            SceneKind::Talking if timer => times.timers = times.timers + wait,
            SceneKind::Talking => add_wait(&mut times, last.map(|(last, _)| last), host, wait, trip, near(record, host)),
        }
        if news {
            last = Some((host, step));
        }
    }
    if let (Some(at), Some(end)) = (at, steps.last()) {
        times.ending = times.ending + (end.ts - at);
    }
    times
}

fn is_ending(step: &Step) -> bool {
    use crate::decode::TcpFlags;
    step.segment().is_some_and(|segment| segment.has(TcpFlags::FIN | TcpFlags::RST))
}

/// The way from here to a host and back.
fn near(record: &FlowRecord, host: Host) -> Span {
    let handshake = record.handshake.as_ref();
    let leg = handshake.and_then(|handshake| match host {
        Host::Client => handshake.rtt_originator,
        Host::Server => handshake.rtt_responder,
    });
    leg.unwrap_or_default()
}

/// A wait that `host` ends, after news of `last`.
fn add_wait(times: &mut Times, last: Option<Host>, host: Host, wait: Span, trip: Span, leg: Span) {
    let program = &mut times.programs[host.index()];
    if last == Some(host) {
        if wait > trip {
            *program = *program + wait;
        } else {
            times.transfer = times.transfer + wait;
        }
        return;
    }
    let way = leg.min(wait).max(Span::ZERO);
    times.network = times.network + way;
    *program = *program + Span::from_nanos(wait.nanos() - way.nanos());
}
