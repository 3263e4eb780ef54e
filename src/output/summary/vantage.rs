//! Where the capture was taken, told for all of it together from what each connection says (`FlowRecord::vantage`): the host
//! or the side that most of them put it near. The two legs of the handshakes are told beside, and decide nothing but that
//! both sides are close.

use crate::flow::{FlowRecord, Outcome, Vantage as Near};
use crate::model::Span;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Connections that are looked at, the first ones; more would not change the answer.
const SAMPLES: usize = 1000;
/// Legs that differ by less differ perhaps only because hosts are slow to answer.
const AT_LEAST: Span = Span::from_nanos(100_000);
/// What a host takes to answer by itself, on the same wire.
const SHORT: Span = Span::from_millis(1);

/// What the connections said so far.
#[derive(Debug, Default)]
pub(super) struct Vantage {
    samples: Vec<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    originator: IpAddr,
    responder: IpAddr,
    near: Near,
    /// Of a handshake seen whole: the leg to the originator, and to the responder.
    legs: Option<Legs>,
}

/// Two legs, as the place that has them says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::output) struct Legs(pub(super) Span, pub(super) Span);

impl Legs {
    /// Both may be no more than what hosts take to answer: below [`SHORT`] and alike.
    fn are_short(self) -> bool {
        let Self(a, b) = self;
        a.max(b) <= SHORT && a.max(b) < a.min(b) + AT_LEAST
    }
}

/// What can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::output) enum Place {
    /// No connection tells.
    Unknown,
    /// On a host that talked to itself only.
    Itself,
    /// Of most handshakes both legs are short and alike: medians to the originators and to the responders.
    Both(Legs),
    /// Somewhere between: medians to the originators and to the responders.
    Between(Option<Legs>),
    /// Near one host: its address, its leg and the leg to the others.
    Host(IpAddr, Option<Legs>),
    /// Near those who connect, whoever they are: their leg, the servers' leg.
    Clients(Option<Legs>),
    /// Near those who are connected to: their leg, the clients' leg.
    Servers(Option<Legs>),
}

impl Sample {
    /// The host that the capture is near, if it is near one.
    const fn host(&self) -> Option<IpAddr> {
        match self.near {
            Near::NearOriginator => Some(self.originator),
            Near::NearResponder => Some(self.responder),
            Near::Between => None,
        }
    }
}

impl Vantage {
    pub(super) fn note(&mut self, record: &FlowRecord) {
        let Some(near) = record.vantage.filter(|_| self.samples.len() < SAMPLES) else { return };
        let handshake = record.handshake.as_ref().filter(|h| h.outcome == Outcome::Established);
        let legs = handshake
            .and_then(|h| h.rtt_originator.zip(h.rtt_responder))
            .filter(|(a, b)| (*a).min(*b) >= Span::ZERO)
            .map(|(a, b)| Legs(a, b));
        self.samples.push(Sample { originator: record.originator.ip, responder: record.responder.ip, near, legs });
    }

    pub(super) fn place(&self) -> Place {
        if self.samples.is_empty() {
            return Place::Unknown;
        }
        // What a host says to itself passes no wire, and tells nothing of the others.
        let others = || self.samples.iter().filter(|s| s.originator != s.responder);
        let count = others().count();
        if count == 0 {
            return Place::Itself;
        }
        let legs = medians(others().filter_map(|s| s.legs));
        let close = others().filter(|s| s.legs.is_some_and(Legs::are_short)).count();
        if let Some(legs) = legs
            && close * 2 > count
        {
            return Place::Both(legs);
        }
        if let Some(host) = most(others().filter_map(Sample::host), count) {
            let own = |s: &Sample| match s.legs? {
                legs if host == s.originator => Some(legs),
                Legs(a, b) if host == s.responder => Some(Legs(b, a)),
                _ => None,
            };
            return Place::Host(host, medians(others().filter_map(own)));
        }
        match most(others().map(|s| s.near), count) {
            Some(Near::NearOriginator) => Place::Clients(legs),
            Some(Near::NearResponder) => Place::Servers(legs.map(|Legs(a, b)| Legs(b, a))),
            _ => Place::Between(legs),
        }
    }
}

/// The same of one connection alone.
pub(in crate::output) fn place_of(record: &FlowRecord) -> Place {
    let mut vantage = Vantage::default();
    vantage.note(record);
    vantage.place()
}

/// What more than half of so many say.
fn most<T: Ord>(said: impl Iterator<Item = T>, of: usize) -> Option<T> {
    let mut times: BTreeMap<T, usize> = BTreeMap::new();
    for said in said {
        *times.entry(said).or_default() += 1;
    }
    times.into_iter().find(|(_, n)| n * 2 > of).map(|(said, _)| said)
}

fn medians(pairs: impl Iterator<Item = Legs>) -> Option<Legs> {
    let (mut a, mut b): (Vec<_>, Vec<_>) = pairs.map(|Legs(a, b)| (a, b)).unzip();
    Some(Legs(median(&mut a)?, median(&mut b)?))
}

/// The middle one; of an even number, the lower of the two.
fn median(spans: &mut [Span]) -> Option<Span> {
    let middle = spans.len().checked_sub(1)? / 2;
    Some(*spans.select_nth_unstable(middle).1)
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
            record.vantage = Some(match to_server / to_client {
                ratio if ratio > 10.0 => Near::NearOriginator,
                ratio if ratio < 0.1 => Near::NearResponder,
                _ => Near::Between,
            });
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
        let Place::Host(_, Some(Legs(own, other))) = place else { unreachable!() };
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
        assert!(matches!(seen(&[("10.0.0.1:1", "10.0.0.2:80", 10.0, 9.0)]), Place::Between(..)));
        // Twelve times, but within what a busy host takes to answer.
        assert!(matches!(seen(&[("10.0.0.1:1", "10.0.0.2:80", 0.005, 0.060)]), Place::Both(..)));
        // Short, and not alike; or alike in no more than half of them.
        assert!(matches!(seen(&[("10.0.0.1:1", "10.0.0.2:80", 0.1, 0.3)]), Place::Between(..)));
        let far = ("10.0.0.1:1", "10.0.0.2:80", 10.0, 9.0);
        let close = ("10.0.0.1:1", "10.0.0.2:80", 0.02, 0.03);
        assert!(matches!(seen(&[close, far]), Place::Between(..)));
        assert!(matches!(seen(&[close, far, close]), Place::Both(..)));
        // What a host says to itself says nothing of the others.
        let itself = ("127.0.0.1:1", "127.0.0.1:80", 0.02, 0.03);
        assert!(matches!(seen(&[itself, itself, itself, far]), Place::Between(Some(Legs(a, _))) if a > SHORT));
        // Nobody is named where a host talks to itself.
        assert_eq!(seen(&[("127.0.0.1:1", "127.0.0.1:80", 9.0, 0.06)]), Place::Itself);
        assert_eq!(seen(&[]), Place::Unknown);
    }

    #[test]
    fn a_connection_without_its_handshake_tells_as_well() {
        let mut record = flow(FlowKind::Tcp, 1, State::Midway, "10.0.0.1:1", "10.0.0.2:80", 0, 0);
        record.vantage = Some(Near::NearResponder);
        let mut vantage = Vantage::default();
        vantage.note(&record);
        assert_eq!(vantage.place(), Place::Host("10.0.0.2".parse().unwrap(), None));
    }
}
