//! What stands around the ladder: one sentence on how it went, and the facts below: options, where the time went, round trips, resends,
//! windows, data.

use super::Page;
use crate::decode::TcpFlags;
use crate::flow::{FlowKind, FlowRecord, Outcome, SideRecord, State};
use crate::model::Span;
use crate::output::story::headline;
use crate::output::units::{self, bytes, duration};
use crate::story::{Host, Options, Say, times};
use std::fmt::Write as _;

/// A part of the time that is worth a word.
const PART: Span = Span::from_nanos(50_000);

impl Page<'_> {
    /// One sentence on how it went and why.
    pub(super) fn verdict(&self) -> String {
        let record = self.record;
        let parts = times(self.story, self.steps, record).unwrap_or_default();
        let trip = record.handshake.as_ref().and_then(|handshake| handshake.rtt);
        let of = |side: &SideRecord| side.loss.map_or(0, |loss| loss.resent_packets);
        let resent = of(&record.orig) + of(&record.resp);
        match record.state {
            State::NoAnswer => {
                let syns = record.handshake.as_ref().map_or(1, |handshake| handshake.syn_retries + 1);
                let icmp = if record.icmp_errors == 0 { "no ICMP" } else { "but ICMP errors" };
                return format!("{}, no answer, {icmp}.", units::counted(u64::from(syns), "SYN"));
            }
            State::Refused if record.id.kind == FlowKind::Tcp => {
                let took = record.handshake.as_ref().and_then(|h| Some(h.refusal?.1 - h.last_syn.or(h.syn.map(|s| s.1))?));
                let took = took.map_or_else(String::new, |took| format!(" in {}", duration(took)));
                return format!(
                    "Refused{took}: the host's kernel, or a firewall in its name, says that nobody listens on port {}.",
                    record.responder.port
                );
            }
            _ => {}
        }
        let total = record.end - record.start;
        let half = Span::from_nanos(total.nanos() / 2);
        let network = trip.map_or_else(String::new, |trip| format!("round trip {}, ", duration(trip)));
        let loss = if resent == 0 { "nothing resent".to_owned() } else { units::counted(resent, "packet") + " resent" };
        let reasons = [
            (parts.shut, "a receiver did not read and its window was shut for"),
            (parts.timers, "retransmission timers had to run out, in all"),
            (parts.of(Host::Server), "waiting for the server took"),
            (parts.of(Host::Client), "waiting for the client took"),
            (parts.connect, "the set-up took"),
            (parts.tls, "TLS took for its handshake"),
        ];
        let slow =
            reasons.iter().filter(|(part, _)| *part >= half && *part >= Span::from_millis(100)).max_by_key(|(part, _)| *part);
        if let Some((part, words)) = slow {
            return format!("Most of the time: {words} {} ({network}{loss}).", duration(*part));
        }
        let line = headline(record, self.steps);
        if record.id.kind != FlowKind::Tcp {
            return line;
        }
        let line = line.trim_end_matches('.');
        format!("{line} ({network}{loss}).")
    }

    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let record = self.record;
        let mut facts = Vec::new();
        if record.id.kind == FlowKind::Tcp {
            if let Some(options) = self.options() {
                facts.push(("Options", options));
            }
            facts.push(("Time", self.time_spent()));
            facts.push(("RTT", self.round_trips()));
            facts.push(("Resent", resent(record)));
            if let Some(windows) = self.windows() {
                facts.push(("Window", windows));
            }
        } else if let Some(took) = record.response_time {
            facts.push(("Time", format!("answered after {}", duration(took))));
        }
        let sent = |side: &SideRecord| format!("{} in {}", bytes(side.unique_bytes), units::counted(side.packets, "packet"));
        facts.push(("Data", format!("C {} · S {}", sent(&record.orig), sent(&record.resp))));
        facts
    }

    fn options(&self) -> Option<String> {
        let mut offers: [Option<&Options>; 2] = [None, None];
        for told in self.story.scenes.iter().flat_map(|scene| &scene.steps) {
            for claim in &told.claims {
                if let (Say::Offers(options, _), Some(host)) = (&claim.say, claim.host) {
                    offers[host.index()].get_or_insert(options);
                }
            }
        }
        let [Some(c), Some(s)] = offers else {
            return offers.iter().flatten().next().map(|options| format!("offered: {}", offered(options)));
        };
        let mss = match (c.mss, s.mss) {
            (Some(c), Some(s)) => format!("MSS {s} to S, {c} to C"),
            _ => "MSS 536 where none was offered".to_owned(),
        };
        let scale = match (c.scale, s.scale) {
            (Some(c), Some(s)) => format!("window ×{} of C, ×{} of S", 1_u32 << c.min(14), 1_u32 << s.min(14)),
            _ => "windows not scaled".to_owned(),
        };
        let both = |on: bool, name: &str| if on { name.to_owned() } else { format!("no {name}") };
        let sack = both(c.sack_permitted && s.sack_permitted, "SACK");
        let ts = both(c.times.is_some() && s.times.is_some(), "timestamps");
        Some(format!("agreed: {mss} · {scale} · {sack} · {ts}"))
    }

    fn time_spent(&self) -> String {
        if matches!(self.record.state, State::Refused | State::Unreachable | State::NoAnswer) {
            let parts = times(self.story, self.steps, self.record).unwrap_or_default();
            return format!("connect {}", duration(parts.connect));
        }
        let Some(parts) = times(self.story, self.steps, self.record) else {
            return "cannot be divided: how long the way to both hosts is cannot be told".to_owned();
        };
        let list = [
            ("connect", parts.connect),
            ("TLS handshake", parts.tls),
            ("waiting for C", parts.of(Host::Client)),
            ("waiting for S", parts.of(Host::Server)),
            ("on the way", parts.network),
            ("transfer", parts.transfer),
            ("window shut or full", parts.shut),
            ("timers", parts.timers),
            ("hanging up", parts.ending),
            ("unknown", parts.open),
        ];
        let told: Vec<String> =
            list.iter().filter(|(_, part)| *part >= PART).map(|(name, part)| format!("{name} {}", duration(*part))).collect();
        if told.is_empty() { "next to none".to_owned() } else { told.join(" · ") }
    }

    fn windows(&self) -> Option<String> {
        let mut least = [u64::MAX; 2];
        let mut most = [0_u64; 2];
        for (told, step) in
            self.story.scenes.iter().flat_map(|scene| &scene.steps).filter_map(|told| Some((told, *self.steps.get(told.step)?)))
        {
            let (Some(host), Some(segment)) = (told.host, step.segment()) else { continue };
            if segment.has(TcpFlags::RST | TcpFlags::SYN) {
                continue;
            }
            let window = segment.window_bytes();
            least[host.index()] = least[host.index()].min(window);
            most[host.index()] = most[host.index()].max(window);
        }
        let side = |host: Host| {
            let (least, most) = (least[host.index()], most[host.index()]);
            let shut = if least == 0 { ", shut at times" } else { "" };
            (most > 0).then(|| format!("{} {} to {}{shut}", host.letter(), bytes(least), bytes(most)))
        };
        let sides: Vec<String> = [Host::Client, Host::Server].into_iter().filter_map(side).collect();
        (!sides.is_empty()).then(|| sides.join(" · "))
    }

    fn round_trips(&self) -> String {
        let record = self.record;
        let mut parts = Vec::new();
        if let Some(handshake) = &record.handshake {
            if let Some(rtt) = handshake.rtt {
                parts.push(format!("{} handshake", duration(rtt)));
            }
            if handshake.outcome == Outcome::Unreachable {
                return "cannot be told: S did not answer".to_owned();
            }
            match (handshake.rtt_originator, handshake.rtt_responder) {
                (Some(c), Some(s)) => parts.push(format!("from here {} to C, {} to S", duration(c), duration(s))),
                // Nothing came back from C: what S took to answer is no round trip between the two.
                (None, Some(s)) if handshake.ack.is_none() => {
                    return format!("from here {} to S; how far C is cannot be told", duration(s));
                }
                _ => {}
            }
        }
        for (host, side) in [(Host::Client, &record.orig), (Host::Server, &record.resp)] {
            if let Some(rtt) = side.measured.as_ref().map(|measured| measured.rtt).filter(|rtt| rtt.samples > 0)
                && let (Some(min), Some(avg), Some(max)) = (rtt.min, rtt.avg, rtt.max)
            {
                let letter = host.letter();
                let samples = units::counted(rtt.samples, "sample");
                let held = match self.held_back(host.other()) {
                    0 => String::new(),
                    n => format!("; {} may have been held back", units::counted(n, "ACK")),
                };
                parts.push(format!(
                    "{letter}'s data {} / {} / {} (min, mean, max of {samples}{held})",
                    duration(min),
                    duration(avg),
                    duration(max)
                ));
            }
        }
        if parts.is_empty() { "cannot be told".to_owned() } else { parts.join(" · ") }
    }

    /// Acknowledgments of a host that its kernel may have held back.
    fn held_back(&self, host: Host) -> u64 {
        let claims = self.story.scenes.iter().flat_map(|scene| &scene.steps).flat_map(|told| &told.claims);
        claims.filter(|claim| claim.host == Some(host) && matches!(claim.say, Say::AckWaited { .. })).count() as u64
    }
}

fn resent(record: &FlowRecord) -> String {
    let side = |letter: char, side: &SideRecord| {
        let loss = side.loss.unwrap_or_default();
        let mut text = format!("{letter} {}", units::count(loss.resent_packets));
        let mut parts = Vec::new();
        for (n, word) in [
            (loss.lost_before, "lost before here"),
            (loss.lost_beyond, "seen here and lost after, or asked for again"),
            (loss.spurious_packets, "without need"),
            (loss.reordered_packets, "others reordered"),
            (loss.unsure_packets, "unsure"),
        ] {
            if n > 0 {
                parts.push(format!("{} {word}", units::count(n)));
            }
        }
        if !parts.is_empty() {
            let _ = write!(text, " ({})", parts.join(", "));
        }
        text
    };
    format!("{} · {}", side('C', &record.orig), side('S', &record.resp))
}

/// What one side offered, where the other one's offer is not there.
fn offered(options: &Options) -> String {
    let mut parts = Vec::new();
    if let Some(mss) = options.mss {
        parts.push(format!("MSS {mss}"));
    }
    if let Some(scale) = options.scale {
        parts.push(format!("window ×{}", 1_u32 << scale.min(14)));
    }
    if options.sack_permitted {
        parts.push("SACK".to_owned());
    }
    if options.times.is_some() {
        parts.push("timestamps".to_owned());
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(" · ") }
}
