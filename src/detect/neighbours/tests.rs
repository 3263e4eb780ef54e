//! Hosts that talk about addresses, as messages: what each detector is for, and what looks like it and is innocent.

use super::Neighbours;
use crate::detect::bounds::Bounds;
use crate::detect::finding::{Cause, Conflict, Finding, Severity};
use crate::flow::{Lan, Neighbour, Says};
use crate::model::{MacAddr, Span, Timestamp};
use std::net::IpAddr;

/// A network on which hosts talk. Hardware address `n` is 02:..:n, and address `n` 10.0.0.n.
#[derive(Default)]
struct Talk {
    said: Vec<Neighbour>,
    millis: i64,
    lan: Lan,
}

fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

fn ip(n: u8) -> IpAddr {
    [10, 0, 0, n].into()
}

impl Talk {
    fn say(&mut self, says: Says, hardware: MacAddr, claims: Option<u8>, about: u8) -> &mut Self {
        let (packet, ts) = ((0, self.said.len() as u64 + 1), Timestamp::from_nanos(0) + Span::from_millis(self.millis));
        let (hardware, claims) = (Some(hardware), claims.map(ip));
        self.said.push(Neighbour { lan: self.lan, packet, ts, says, hardware, claims, firm: true, about: ip(about) });
        self.millis += 1;
        self
    }

    fn wait(&mut self, seconds: i64) -> &mut Self {
        self.millis += seconds * 1000;
        self
    }

    /// Host `n`, with hardware and address of that number, asks for another.
    fn asks(&mut self, n: u8, about: u8) -> &mut Self {
        self.say(Says::Asks { all: true }, mac(n), Some(n), about)
    }

    /// Hardware `hardware` tells host `to` that it has `claims`.
    fn answers(&mut self, hardware: u8, claims: u8, to: u8) -> &mut Self {
        self.say(Says::Answers, mac(hardware), Some(claims), to)
    }

    fn announces(&mut self, hardware: u8, claims: u8) -> &mut Self {
        self.say(Says::Announces, mac(hardware), Some(claims), claims)
    }

    fn found(&self) -> Vec<Finding> {
        let mut neighbours = Neighbours::default();
        self.said.iter().for_each(|said| neighbours.on_neighbour(said));
        let mut found = Vec::new();
        neighbours.finish(&mut found);
        // Told a little out of order, as by several threads, the same is found.
        let mut neighbours = Neighbours::default();
        for two in self.said.chunks(2) {
            let near = two[two.len() - 1].ts - two[0].ts < Span::from_millis(500);
            let order: Vec<_> = if near { two.iter().rev().collect() } else { two.iter().collect() };
            for said in order {
                neighbours.on_neighbour(said);
            }
        }
        let mut again = Vec::new();
        neighbours.finish(&mut again);
        assert_eq!(found, again);
        found
    }

    fn codes(&self) -> Vec<&'static str> {
        self.found().iter().map(|finding| finding.cause.code()).collect()
    }
}

/// Hosts 1 (a router) and 2 get to know each other; 66 is there, too.
fn quiet() -> Talk {
    let mut talk = Talk::default();
    talk.asks(2, 1).answers(1, 1, 2).asks(66, 2).answers(2, 2, 66).asks(66, 1).answers(1, 1, 66);
    talk.wait(5);
    talk
}

#[test]
fn a_man_in_the_middle_is_one_finding() {
    let mut talk = quiet();
    for _ in 0..5 {
        talk.answers(66, 1, 2).answers(66, 2, 1).wait(1);
    }
    let found = talk.found();
    let [Finding { severity: Severity::High, cause: Cause::SpoofedAddress { by, own, taken, unasked }, packets, .. }] =
        &found[..]
    else {
        panic!("{found:?}")
    };
    assert_eq!((*by, *own, *unasked), (mac(66), Some(ip(66)), 10));
    assert_eq!(taken.first, [(ip(1), mac(1)), (ip(2), mac(2))]);
    assert_eq!(packets.total, 12, "the owners' word and his own");
}

#[test]
fn one_victim_is_enough_where_the_taker_is_another_host_or_never_stops() {
    let told = |own: bool, times: u8| {
        let mut talk = Talk::default();
        talk.asks(2, 1).answers(1, 1, 2).wait(5);
        if own {
            talk.asks(66, 3).answers(3, 3, 66);
        }
        for _ in 0..times {
            talk.answers(66, 1, 2).wait(1);
        }
        talk.codes()
    };
    assert_eq!(told(true, 3), ["spoofed_address"]);
    assert_eq!(told(true, 2), [""; 0], "twice is what some do when a card fails");
    assert_eq!(told(false, 5), [""; 0], "it may be another card of the host");
    assert_eq!(told(false, 6), ["spoofed_address"]);
}

#[test]
fn who_answers_every_question_before_the_owner_does_takes_addresses_too() {
    let mut talk = quiet();
    for _ in 0..2 {
        talk.asks(3, 1).answers(66, 1, 3).answers(1, 1, 3).asks(3, 2).answers(2, 2, 3).answers(66, 2, 3).wait(3);
    }
    assert_eq!(talk.codes(), ["spoofed_address"]);
}

#[test]
fn requests_in_the_name_of_others_take_addresses_too() {
    let mut talk = quiet();
    for _ in 0..3 {
        talk.say(Says::Asks { all: false }, mac(66), Some(1), 2).answers(2, 2, 1).asks(1, 2);
        talk.say(Says::Asks { all: false }, mac(66), Some(2), 1).answers(1, 1, 2).asks(2, 1).wait(2);
    }
    assert_eq!(talk.codes(), ["spoofed_address"]);
}

#[test]
fn an_address_that_goes_to_another_host_is_no_conflict() {
    // A lease ran out; or a card was changed: the old one is not heard again.
    let mut talk = quiet();
    talk.say(Says::Probes, mac(9), None, 2).wait(1).announces(9, 2).wait(2).announces(9, 2);
    for _ in 0..20 {
        talk.say(Says::Asks { all: true }, mac(9), Some(2), 1).answers(1, 1, 2).asks(1, 2).answers(9, 2, 1).wait(10);
    }
    assert_eq!(talk.codes(), [""; 0]);
}

#[test]
fn a_failover_and_back_is_no_conflict() {
    // Two routers without a hardware address for both: each announces the address five times when it takes over.
    let mut talk = quiet();
    for (router, seconds) in [(11, 300), (12, 20), (11, 300), (12, 20), (11, 5)] {
        for _ in 0..5 {
            talk.announces(router, 100);
        }
        for _ in 0..4 {
            talk.asks(2, 100).answers(router, 100, 2).asks(router, 2).answers(2, 2, router);
            talk.wait(seconds);
        }
    }
    assert_eq!(talk.codes(), [""; 0]);
}

#[test]
fn hardware_addresses_made_for_several_routers_are_nobody_s() {
    let vrrp = MacAddr([0, 0, 0x5e, 0, 1, 7]);
    let hsrp = MacAddr([0, 0, 0x0c, 7, 0xac, 7]);
    for shared in [vrrp, hsrp] {
        let mut talk = quiet();
        for _ in 0..5 {
            talk.say(Says::Announces, shared, Some(100), 100).asks(2, 100);
            talk.say(Says::Answers, shared, Some(100), 2).answers(11, 100, 2).wait(3);
        }
        assert_eq!(talk.codes(), [""; 0]);
    }
}

#[test]
fn cards_of_one_host_are_no_two_hosts() {
    // One network, two cards: each answers for both addresses (Linux without arp_ignore).
    let mut talk = quiet();
    for _ in 0..10 {
        for address in [21, 22] {
            talk.asks(2, address).answers(21, address, 2).answers(22, address, 2).wait(1);
        }
    }
    assert_eq!(talk.codes(), [""; 0]);
    // Bonding (balance-alb): clients have different cards of one host, and are told twice when that changes.
    let mut talk = quiet();
    for round in 0..10 {
        let (one, other) = if round % 2 == 0 { (31, 32) } else { (32, 31) };
        talk.answers(one, 30, 2).answers(one, 30, 2).answers(other, 30, 1).answers(other, 30, 1).wait(100);
    }
    assert_eq!(talk.codes(), [""; 0]);
}

#[test]
fn who_answers_for_others_that_are_not_heard_takes_nothing() {
    // Proxy ARP.
    let mut talk = quiet();
    for round in 0..5 {
        for address in 100..120 {
            talk.asks(2, address).answers(1, address, 2);
            // And also for hosts that say who they are, but cannot be reached by others.
            if round > 2 {
                talk.wait(1).say(Says::Asks { all: true }, mac(address), Some(address), 1).answers(1, 1, address);
            }
        }
        talk.wait(60);
    }
    assert_eq!(talk.codes(), [""; 0]);
    // A proxy or an anycast address of IPv6: others may have it, too.
    let mut talk = quiet();
    for _ in 0..5 {
        talk.asks(2, 200).answers(7, 200, 2).answers(8, 200, 2).wait(1);
        talk.said.iter_mut().filter(|said| said.claims == Some(ip(200))).for_each(|said| said.firm = false);
    }
    assert_eq!(talk.codes(), [""; 0]);
}

#[test]
fn the_same_addresses_on_two_networks_are_different() {
    let mut talk = Talk::default();
    for round in 0..10 {
        let (vlan, hardware) = if round % 2 == 0 { (10, 5) } else { (20, 6) };
        talk.lan.vlan = [vlan, 0];
        talk.asks(2, 1).answers(hardware, 1, 2).wait(1);
    }
    assert_eq!(talk.codes(), [""; 0]);
    talk.said.iter_mut().for_each(|said| said.lan = Lan::default());
    assert_eq!(talk.codes(), ["duplicate_address"]);
}

#[test]
fn two_that_answer_one_question_have_one_address() {
    let mut talk = quiet();
    talk.asks(2, 50).answers(50, 50, 2).answers(51, 50, 2);
    let found = talk.found();
    let [Finding { severity: Severity::Medium, cause, packets, .. }] = &found[..] else { panic!("{found:?}") };
    let (first, second) = (mac(50), Some(mac(51)));
    assert_eq!(*cause, Cause::DuplicateAddress { address: ip(50), first, second, how: Conflict::BothAnswer, times: 1 });
    assert_eq!(packets.first, [(0, 8), (0, 9)]);
    // An answer that comes later is of another question that was not seen, or of a host that has it now.
    let mut talk = quiet();
    talk.asks(2, 50).answers(50, 50, 2).wait(2).answers(51, 50, 2);
    assert_eq!(talk.codes(), [""; 0]);
}

#[test]
fn two_that_say_so_by_turns_have_one_address() {
    let mut talk = quiet();
    for turn in 0..4 {
        talk.say(Says::Asks { all: true }, mac(50 + turn % 2), Some(50), 1).answers(1, 1, 50).wait(10);
    }
    assert_eq!(talk.codes(), ["duplicate_address"]);
}

#[test]
fn a_probe_that_is_answered_met_a_conflict() {
    let probed = |answered: bool, settled: bool| {
        let mut talk = quiet();
        if settled {
            talk.asks(7, 1).answers(1, 1, 7);
        }
        talk.say(Says::Probes, mac(7), None, 2);
        if answered {
            talk.answers(2, 2, 0);
        } else {
            talk.wait(1).say(Says::Probes, mac(7), None, 77).wait(1).announces(7, 77);
        }
        talk.found().iter().map(|finding| (finding.cause.code(), finding.severity)).collect::<Vec<_>>()
    };
    assert_eq!(probed(true, false), [("duplicate_address", Severity::Medium)]);
    assert_eq!(probed(true, true), [("duplicate_address", Severity::Low)], "arping -D, perhaps");
    assert_eq!(probed(false, false), []);
    // Two at once.
    let mut talk = quiet();
    talk.say(Says::Probes, mac(7), None, 40).say(Says::Probes, mac(8), None, 40);
    assert_eq!(talk.codes(), ["duplicate_address"]);
}

#[test]
fn what_was_captured_twice_was_said_once() {
    let mut talk = quiet();
    for _ in 0..2 {
        // Answers go past this point, copies of questions do not.
        talk.wait(1).asks(2, 9).asks(2, 9);
    }
    assert_eq!(talk.codes(), [""; 0]);
    for n in 100..130 {
        talk.wait(1).asks(1, n).asks(1, n);
    }
    assert_eq!(talk.codes(), [""; 0], "no address was asked for twice");
    let mut moved = quiet();
    moved.wait(10);
    for _ in 0..2 {
        moved.wait(5).answers(66, 1, 2).answers(66, 1, 2);
    }
    assert_eq!(moved.codes(), [""; 0], "two answers that nobody had asked for are not four");
    moved.wait(5).answers(66, 1, 2);
    assert_eq!(moved.codes(), ["spoofed_address"]);
}

#[test]
fn who_is_not_there_is_asked_for_three_times() {
    let asked = |times: u8, seconds: i64, heard: bool| {
        let mut talk = quiet();
        for _ in 0..times {
            talk.asks(2, 99).wait(seconds);
        }
        if heard {
            talk.wait(100).announces(99, 99);
        }
        talk.codes()
    };
    assert_eq!(asked(3, 1, false), ["neighbour_silent"]);
    assert_eq!(asked(2, 1, false), [""; 0]);
    assert_eq!(asked(50, 30, false), [""; 0], "answered each time, but a switch gave the answers to the asker alone");
    assert_eq!(asked(3, 1, true), [""; 0], "it is there, later");
    let mut talk = quiet();
    for _ in 0..5 {
        talk.say(Says::Asks { all: false }, mac(2), Some(2), 99).say(Says::Probes, mac(2), None, 98).announces(2, 97).wait(1);
    }
    assert_eq!(talk.codes(), [""; 0], "an entry is checked, an address probed for and announced: nobody answers that");
}

#[test]
fn a_host_that_others_miss_too_is_one_finding_and_several_of_one_asker_as_well() {
    let mut talk = quiet();
    for asker in [2, 3, 4] {
        for _ in 0..3 {
            talk.asks(asker, 99).wait(1);
        }
    }
    for target in [90, 91, 92] {
        for _ in 0..3 {
            talk.asks(5, target).wait(1);
        }
    }
    let found = talk.found();
    let [missed, several] = &found[..] else { panic!("{found:?}") };
    assert!(
        matches!(&missed.cause, Cause::NeighbourSilent { askers: 3, targets, asked: 9, sweep: false, .. } if targets.first == [ip(99)])
    );
    assert_eq!(missed.severity, Severity::Medium);
    assert!(matches!(&several.cause, Cause::NeighbourSilent { asker, targets, .. } if *asker == ip(5) && targets.total == 3));
    assert_eq!(several.severity, Severity::Low);
}

#[test]
fn a_sweep_is_one_finding_and_a_busy_router_none() {
    let swept = |times: u8| {
        let mut talk = quiet();
        for _ in 0..times {
            for target in 100..=200 {
                talk.asks(66, target);
            }
            talk.wait(1);
        }
        talk.found()
    };
    let found = swept(2);
    let [Finding { severity: Severity::Low, cause: Cause::NeighbourSilent { targets, sweep: true, .. }, .. }] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(targets.total, 101);
    // Each asked for once: answers went to the router alone.
    assert_eq!(swept(1), []);
}

#[test]
fn what_two_files_of_one_network_show_is_told_once() {
    let mut talk = quiet();
    for _ in 0..3 {
        talk.answers(66, 1, 2).answers(66, 2, 1).asks(3, 99).wait(1);
    }
    talk.asks(2, 50).answers(50, 50, 2).answers(51, 50, 2);
    let again: Vec<_> = talk
        .said
        .iter()
        .map(|said| Neighbour { lan: Lan { source: 1, ..said.lan }, packet: (1, said.packet.1), ..*said })
        .collect();
    talk.said.extend(again);
    assert_eq!(talk.codes(), ["spoofed_address", "duplicate_address", "neighbour_silent"]);
}

#[test]
fn whatever_comes_memory_is_bounded() {
    let mut neighbours = Neighbours::within(Bounds::within(1 << 20));
    for n in 0..200_000_u32 {
        let [_, b, c, d] = n.to_be_bytes();
        let (hardware, about) = (MacAddr([2, 1, 0, b, c, d]), IpAddr::from([11, b, c, d]));
        let says = [Says::Asks { all: true }, Says::Answers, Says::Probes, Says::Announces][n as usize % 4];
        let claims = (says != Says::Probes).then(|| IpAddr::from([10, d, c, b]));
        let ts = Timestamp::from_nanos(i64::from(n) * 1000);
        let said = Neighbour {
            lan: Lan::default(),
            packet: (0, n.into()),
            ts,
            says,
            hardware: Some(hardware),
            claims,
            firm: true,
            about,
        };
        neighbours.on_neighbour(&said);
    }
    assert!(neighbours.without_room() > 100_000);
    let mut found = Vec::new();
    neighbours.finish(&mut found);
    assert!(found.is_empty(), "{found:?}");
}
