//! Where the capture was taken, told from the two legs of completed handshakes: the host whose leg is much the shorter
//! one is near. Said only where the legs differ clearly; a capture in the middle of the path tells nothing.

use crate::flow::{FlowRecord, Outcome};
use crate::model::Span;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Handshakes that are looked at, the first ones; more would not change the answer.
const SAMPLES: usize = 1000;
/// One leg must be so many times the other.
const CLEARLY: i64 = 5;
/// And longer by so much, or the difference may be the hosts' own slowness.
const AT_LEAST: Span = Span::from_nanos(100_000);
/// What a host takes to answer by itself, on the same wire.
const SHORT: Span = Span::from_millis(1);

/// Legs collected so far.
#[derive(Debug, Default)]
pub(super) struct Vantage {
    samples: Vec<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    originator: IpAddr,
    responder: IpAddr,
    to_originator: Span,
    to_responder: Span,
}

/// What can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// No handshake was seen whole.
    NoHandshakes,
    /// On a host that talked to itself only.
    Itself,
    /// Both legs are short: median to the originators, median to the responders.
    Both(Span, Span),
    /// Somewhere between: the legs do not differ enough: median to the originators, median to the responders.
    Unclear(Span, Span),
    /// Near one host: its address, its leg, the leg to the others.
    Host(IpAddr, Span, Span),
    /// Near those who connect, whoever they are: their leg, the servers' leg.
    Clients(Span, Span),
    /// Near those who are connected to: their leg, the clients' leg.
    Servers(Span, Span),
}

impl Vantage {
    pub(super) fn note(&mut self, record: &FlowRecord) {
        let Some(handshake) = record.handshake.as_ref().filter(|h| h.outcome == Outcome::Established) else {
            return;
        };
        if let (Some(to_originator), Some(to_responder)) = (handshake.rtt_originator, handshake.rtt_responder)
            && self.samples.len() < SAMPLES
            && to_originator >= Span::ZERO
            && to_responder >= Span::ZERO
        {
            let (originator, responder) = (record.originator.ip, record.responder.ip);
            self.samples.push(Sample { originator, responder, to_originator, to_responder });
        }
    }

    pub(super) fn place(&self) -> Place {
        let Some((to_clients, to_servers)) = self.legs(|s| (s.to_originator, s.to_responder)) else {
            return Place::NoHandshakes;
        };
        if self.samples.iter().all(|s| s.originator == s.responder) {
            return Place::Itself;
        }
        if let Some(host) = self.commonest()
            && let Some((own, other)) = self.legs_of(host)
            && clearly_less(own, other)
        {
            return Place::Host(host, own, other);
        }
        if clearly_less(to_clients, to_servers) {
            Place::Clients(to_clients, to_servers)
        } else if clearly_less(to_servers, to_clients) {
            Place::Servers(to_servers, to_clients)
        } else if to_clients.max(to_servers) <= SHORT {
            Place::Both(to_clients, to_servers)
        } else {
            Place::Unclear(to_clients, to_servers)
        }
    }

    /// The host that takes part in more than half of the handshakes, if there is one. Of two such hosts (they talk only
    /// to each other) the one with the shorter leg.
    fn commonest(&self) -> Option<IpAddr> {
        let mut hosts: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for s in self.samples.iter().filter(|s| s.originator != s.responder) {
            *hosts.entry(s.originator).or_default() += 1;
            *hosts.entry(s.responder).or_default() += 1;
        }
        let often = hosts.into_iter().filter(|(_, n)| n * 2 > self.samples.len()).map(|(host, _)| host);
        often.min_by_key(|host| self.legs_of(*host).map(|(own, _)| own))
    }

    /// Medians of a host's own leg and of the other side's.
    fn legs_of(&self, host: IpAddr) -> Option<(Span, Span)> {
        let own = |s: &Sample| match host {
            h if h == s.originator => Some((s.to_originator, s.to_responder)),
            h if h == s.responder => Some((s.to_responder, s.to_originator)),
            _ => None,
        };
        medians(self.samples.iter().filter_map(own))
    }

    fn legs(&self, of: impl Fn(&Sample) -> (Span, Span)) -> Option<(Span, Span)> {
        medians(self.samples.iter().map(of))
    }
}

fn medians(pairs: impl Iterator<Item = (Span, Span)>) -> Option<(Span, Span)> {
    let (mut a, mut b): (Vec<_>, Vec<_>) = pairs.unzip();
    Some((median(&mut a)?, median(&mut b)?))
}

/// The middle one; of an even number, the lower of the two.
fn median(spans: &mut [Span]) -> Option<Span> {
    let middle = spans.len().checked_sub(1)? / 2;
    Some(*spans.select_nth_unstable(middle).1)
}

fn clearly_less(near: Span, far: Span) -> bool {
    far.nanos() / CLEARLY >= near.nanos() && far.nanos() - near.nanos() >= AT_LEAST.nanos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{FlowKind, State};
    use crate::output::fixture::{established, flow};

    fn seen(connections: &[(&str, &str, f64, f64)]) -> Place {
        let mut vantage = Vantage::default();
        for (from, to, to_server, to_client) in connections {
            let mut record = flow(FlowKind::Tcp, 1, State::Open, from, to, 0, 0);
            record.handshake = Some(established(1, 0.0, *to_server, *to_client));
            vantage.note(&record);
        }
        vantage.place()
    }

    fn host(place: Place) -> Option<String> {
        if let Place::Host(ip, ..) = place { Some(ip.to_string()) } else { None }
    }

    #[test]
    fn a_client_is_near_when_it_answers_at_once() {
        let place = seen(&[
            ("10.0.0.1:1", "10.0.0.2:80", 22.5, 0.03),
            ("10.0.0.1:2", "10.0.0.3:80", 40.0, 0.05),
            ("10.0.0.1:3", "10.0.0.2:80", 22.4, 0.02),
        ]);
        assert_eq!(host(place).as_deref(), Some("10.0.0.1"));
        let Place::Host(_, own, other) = place else { unreachable!() };
        assert_eq!((own.nanos(), other.nanos()), (30_000, 22_500_000));
    }

    #[test]
    fn a_server_is_near_when_all_its_clients_are_far() {
        let place = seen(&[
            ("10.0.0.1:1", "10.0.0.9:80", 0.03, 22.5),
            ("10.0.0.2:2", "10.0.0.9:80", 0.04, 80.0),
            ("10.0.0.3:3", "10.0.0.9:80", 0.02, 12.4),
        ]);
        assert_eq!(host(place).as_deref(), Some("10.0.0.9"));
    }

    #[test]
    fn a_gateway_is_near_its_clients_not_near_one_of_them() {
        let place = seen(&[
            ("10.0.0.1:1", "192.0.2.1:80", 22.5, 0.3),
            ("10.0.0.2:2", "192.0.2.2:80", 80.0, 0.4),
            ("10.0.0.3:3", "192.0.2.3:80", 12.4, 0.2),
        ]);
        assert!(matches!(place, Place::Clients(..)), "{place:?}");
    }

    #[test]
    fn like_legs_say_nothing() {
        assert!(matches!(seen(&[("10.0.0.1:1", "10.0.0.2:80", 10.0, 9.0)]), Place::Unclear(..)));
        // Five times, but within what a busy host takes to answer.
        assert!(matches!(seen(&[("10.0.0.1:1", "10.0.0.2:80", 0.010, 0.060)]), Place::Both(..)));
        // Nobody is named where a host talks to itself.
        assert_eq!(seen(&[("127.0.0.1:1", "127.0.0.1:80", 9.0, 0.06)]), Place::Itself);
        assert_eq!(seen(&[]), Place::NoHandshakes);
    }
}
