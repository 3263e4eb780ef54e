//! Where the time of a connection went, told by the packets that bring something new: each wait between two of them belongs to somebody.
//!
//! A wait that ends with an answer of the other host is a way there and back, and what is longer than that its program's time. A wait
//! between two packets of one host is its program's pause only if nothing of TCP held it back: neither the window of the other one, nor
//! that it waited for an acknowledgment (slow start, and Nagle's rule, RFC 9293 section 3.7.4). What TLS needs to begin is a phase of its
//! own. What the packets do not decide belongs to nobody.

use super::call::Host;
use super::claim::{Cause, Line};
use super::say::Say;
use super::step::{Step, TlsPart};
use super::{SceneKind, Story, Told};
use crate::decode::TcpFlags;
use crate::flow::{FlowRecord, Outcome, Vantage, VerdictKind};
use crate::model::{Span, Timestamp};
use std::collections::VecDeque;

/// A host answers an acknowledgment with more data sooner than this.
const AT_ONCE: Span = Span::from_millis(1);
/// Packets of the other host that are remembered.
const HEARD: usize = 256;

/// The parts; together they are the time from the first packet to the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Setting up.
    pub connect: Span,
    /// From TLS's first message to the flight that ends its handshake.
    pub tls: Span,
    /// Programs at work, or idle: between what they got and what they sent next.
    pub programs: [Span; 2],
    /// On the way: a round trip for each turn.
    pub network: Span,
    /// Data after data, as fast as TCP sends them.
    pub transfer: Span,
    /// A receiver's window was shut, or full.
    pub shut: Span,
    /// Waiting for a retransmission timer.
    pub timers: Span,
    /// From the first FIN or RST on.
    pub ending: Span,
    /// Nobody's: after the last news, and what was before the capture saw both hosts.
    pub open: Span,
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
        self.connect + self.tls + c + s + self.network + self.transfer + self.shut + self.timers + self.ending + self.open
    }
}

/// Divides the time of a conversation's story. `None`: it cannot be known, for it is not known how long the way to both hosts is.
#[must_use]
pub fn times(story: &Story, steps: &[&Step], record: &FlowRecord) -> Option<Times> {
    let (first, last) = (steps.first()?.ts, steps.last()?.ts);
    let outcome = record.handshake.as_ref().map(|handshake| handshake.outcome);
    if let Some(Outcome::Refused | Outcome::Unreachable | Outcome::NoAnswer | Outcome::HalfOpen) = outcome {
        // What comes when the attempt is over belongs to nobody.
        let fails =
            |told: &&Told| told.claims.iter().any(|claim| matches!(claim.say, Say::ConnectFails(_) | Say::ErrorReturns { .. }));
        let failed = story.scenes.iter().flat_map(|scene| &scene.steps).find(fails).and_then(|told| steps.get(told.step));
        let over = failed.map_or(last, |step| step.ts);
        return Some(Times { connect: over - first, open: last - over, ..Times::default() });
    }
    let told = || story.scenes.iter().flat_map(|scene| scene.steps.iter().map(move |told| (scene.kind, told)));
    let legs = [Host::Client, Host::Server].map(|host| leg(host, story, steps, record));
    let spoke = |host: Host| told().any(|(_, told)| told.host == Some(host));
    let [Some(to_client), Some(to_server)] = legs else { return None };
    if !spoke(Host::Client) || !spoke(Host::Server) {
        return None;
    }
    let mut watch = Watch {
        times: Times::default(),
        legs: [to_client, to_server],
        lines: [Host::Client, Host::Server].map(|host| Sending { lossy: is_lossy(host, story), ..Sending::default() }),
        news: None,
        at: first,
        ended: false,
        tls: tls_phase(story, steps),
        begun: record.handshake.as_ref().is_some_and(|handshake| handshake.syn.is_some()),
    };
    for (scene, told) in told() {
        if let (Some(step), Some(host)) = (steps.get(told.step), told.host) {
            watch.on_step(scene, told, step, host);
        }
    }
    let rest = last - watch.at;
    let tail = if watch.ended { &mut watch.times.ending } else { &mut watch.times.open };
    *tail = *tail + rest;
    Some(watch.times)
}

/// The way from here to a host and back: the shortest answer of its kernel. `None`: nothing tells.
fn leg(host: Host, story: &Story, steps: &[&Step], record: &FlowRecord) -> Option<Span> {
    let near = if host == Host::Client { Vantage::NearOriginator } else { Vantage::NearResponder };
    let handshake = record.handshake.as_ref().filter(|handshake| !handshake.rtt_ambiguous);
    let of_handshake = handshake.and_then(|handshake| match host {
        Host::Client => handshake.rtt_originator,
        Host::Server => handshake.rtt_responder,
    });
    let samples = story.scenes.iter().flat_map(|scene| &scene.steps).filter(|told| told.host == Some(host)).filter_map(|told| {
        // What carries data may have waited for its program.
        steps.get(told.step).filter(|step| step.len == 0)?;
        told.claims.iter().find_map(|claim| if let Say::RoundTrip { took, .. } = claim.say { Some(took) } else { None })
    });
    let shortest = samples.chain(of_handshake).min();
    shortest.or_else(|| (record.vantage == Some(near)).then_some(Span::ZERO))
}

/// Did segments of this host get lost, or late?
fn is_lossy(host: Host, story: &Story) -> bool {
    let told = story.scenes.iter().flat_map(|scene| &scene.steps);
    told.flat_map(|told| &told.claims).any(|claim| match claim.say {
        Say::Judged { verdict, .. } => verdict.kind.is_resent() && claim.host == Some(host),
        Say::Hole { .. } => claim.host == Some(host),
        Say::DuplicateAck { .. } => claim.host == Some(host.other()),
        _ => false,
    })
}

/// The steps between which TLS makes its handshake: from its first message to the flight that ends it. In TLS 1.3 that is the client's
/// first after the server's hello, for what the server sends with it is encrypted like data; before, the last before data.
fn tls_phase(story: &Story, steps: &[&Step]) -> Option<(usize, usize)> {
    let (mut hello, mut modern, mut last) = (None, None, None);
    for told in story.scenes.iter().flat_map(|scene| &scene.steps) {
        let Some(part) = steps.get(told.step).and_then(|step| step.tls) else { continue };
        match part {
            TlsPart::ClientHello => {
                hello.get_or_insert(told.step);
            }
            TlsPart::ServerHello { modern: is } if hello.is_some() => {
                (modern, last) = (Some(is), Some(told.step));
            }
            TlsPart::Handshake | TlsPart::Data if modern == Some(true) && told.host == Some(Host::Client) => {
                return Some((hello?, told.step));
            }
            TlsPart::Handshake if modern == Some(false) => last = Some(told.step),
            TlsPart::Data if modern == Some(false) => break,
            _ => {}
        }
    }
    hello.zip(last)
}

/// What one host has under way.
#[derive(Debug, Default)]
struct Sending {
    sent: Line,
    acked: Line,
    /// The window that it offers.
    window: Option<u64>,
    shut: bool,
    /// When the other host's packets passed that found something of this one under way.
    heard: VecDeque<Timestamp>,
    /// When it acknowledged all that the other one had sent, with nothing else to say.
    has_all: Option<Timestamp>,
    /// Segments of it were lost, or came late.
    lossy: bool,
    /// After its last news the other host's window had no room for as much again.
    full: bool,
}

impl Sending {
    fn under_way(&self) -> u64 {
        u64::try_from(self.sent - self.acked).unwrap_or(0)
    }
}

/// The packets gone through so far.
struct Watch {
    times: Times,
    legs: [Span; 2],
    lines: [Sending; 2],
    /// Who sent the last news.
    news: Option<Host>,
    /// When they, or what opened a window, passed.
    at: Timestamp,
    /// A FIN or RST was seen, and the other side does not go on.
    ended: bool,
    tls: Option<(usize, usize)>,
    /// The capture has the first SYN.
    begun: bool,
}

impl Watch {
    fn on_step(&mut self, scene: SceneKind, told: &Told, step: &Step, host: Host) {
        let was_shut = self.lines.iter().any(|line| line.shut);
        for claim in &told.claims {
            match claim.say {
                Say::WindowShut => self.lines[host.index()].shut = true,
                Say::WindowOpens { .. } => self.lines[host.index()].shut = false,
                _ => {}
            }
        }
        let opens = was_shut && !self.lines.iter().any(|line| line.shut);
        let ends = step.segment().is_some_and(|segment| segment.has(TcpFlags::FIN | TcpFlags::RST));
        let verdict = step.segment().and_then(|segment| segment.verdict);
        let empty =
            verdict.is_some_and(|v| matches!(v.kind, VerdictKind::KeepAlive | VerdictKind::WindowProbe | VerdictKind::Duplicate));
        let news = scene == SceneKind::SettingUp || (step.len > 0 && !empty) || ends || self.ended;
        if news || opens {
            let wait = step.ts - self.at;
            let timer = told.claims.iter().any(|claim| matches!(claim.say, Say::Judged { cause: Cause::Timer { .. }, .. }));
            let greeting = self.tls.is_some_and(|(first, last)| first < told.step && told.step <= last);
            let times = &mut self.times;
            let part = if timer {
                Some(&mut times.timers)
            } else if self.ended {
                Some(&mut times.ending)
            } else if scene == SceneKind::SettingUp {
                Some(if self.begun { &mut times.connect } else { &mut times.open })
            } else if was_shut {
                Some(&mut times.shut)
            } else if greeting {
                Some(&mut times.tls)
            } else {
                verdict.filter(|verdict| verdict.kind.is_resent()).map(|_| &mut times.transfer)
            };
            if let Some(part) = part {
                *part = *part + wait;
            } else {
                self.divide(host, step.ts, wait);
            }
            self.at = step.ts;
        }
        let half = told.claims.iter().any(|claim| matches!(claim.say, Say::Finishes { half: true, .. }));
        self.ended |= ends && !half;
        if news {
            self.news = Some(host);
        }
        self.on_numbers(told, step, host, news);
    }

    /// A wait that `host` ends at this moment with something new.
    fn divide(&mut self, host: Host, ts: Timestamp, wait: Span) {
        let leg = self.legs[host.index()];
        let held_back = self.lines[host.index()].full || self.is_clocked(host, ts);
        let trip = self.legs[0] + self.legs[1];
        // Far from the sender nobody can tell what it had under way when it sent this; next to it, that nothing is does.
        let line = &self.lines[host.index()];
        let busy = leg > AT_ONCE || line.under_way() > 0;
        // Where packets were lost, the wait may be for one of those.
        let of_network = busy && (line.lossy || wait <= trip);
        let times = &mut self.times;
        if self.news == Some(host) {
            let part = if self.lines[host.index()].full && wait > trip {
                &mut times.shut
            } else if held_back || of_network {
                &mut times.transfer
            } else {
                &mut times.programs[host.index()]
            };
            *part = *part + wait;
            return;
        }
        // Its kernel may have said that it has the question: next to it, that says nothing of the way, but of a delayed acknowledgment.
        let heard = line.has_all.filter(|_| leg > AT_ONCE).map_or(leg, |heard| (heard - self.at).max(leg));
        let way = heard.min(wait).max(Span::ZERO);
        let rest = Span::from_nanos(wait.nanos() - way.nanos());
        times.network = times.network + way;
        let part = if held_back { &mut times.transfer } else { &mut times.programs[host.index()] };
        *part = *part + rest;
    }

    /// Did this host send at once what an acknowledgment let it send? The packet that did so passed here a way there and back before.
    fn is_clocked(&self, host: Host, ts: Timestamp) -> bool {
        let leg = self.legs[host.index()];
        let (least, most) = (leg.nanos() / 4 * 3 - AT_ONCE.nanos(), leg.nanos() / 4 * 5 + AT_ONCE.nanos());
        let heard = &self.lines[host.index()].heard;
        let before = heard.iter().rev().map(|heard| (ts - *heard).nanos()).find(|age| *age >= least);
        before.is_some_and(|age| age <= most)
    }

    /// Numbers and windows after a packet.
    fn on_numbers(&mut self, told: &Told, step: &Step, host: Host, news: bool) {
        let Some(segment) = step.segment().filter(|segment| segment.accepted && !segment.has(TcpFlags::RST)) else { return };
        let [low, high] = &mut self.lines;
        let (me, peer) = if host == Host::Client { (low, high) } else { (high, low) };
        if let Some(seq) = told.seq {
            me.sent = me.sent.max(seq + i64::from(step.len));
            me.acked = me.acked.max(1).min(me.sent.max(1));
        }
        if peer.under_way() > 0 {
            if peer.heard.len() == HEARD {
                peer.heard.pop_front();
            }
            peer.heard.push_back(step.ts);
        }
        if let Some(ack) = told.ack {
            peer.acked = peer.acked.max(ack);
            if step.len == 0 && me.has_all.is_none() && peer.under_way() == 0 {
                me.has_all = Some(step.ts);
            }
        }
        if news {
            peer.has_all = None;
        }
        // Without the SYNs it is not known what the field is to be multiplied with.
        me.window = Some(segment.window_bytes()).filter(|_| self.begun);
        if news {
            me.full = peer.window.is_some_and(|window| me.under_way() + u64::from(step.len.max(1)) > window);
        }
    }
}
