//! Each detector with what it is for, and with what looks nearest to it and is innocent.

use super::{Cause, Detectors, Finding, PortState, ScanKind, ScanShape, Severity};
use crate::flow::{FlowKind, FlowRecord, Handshake, LossRecord, Outcome, State};
use crate::model::Span;
use crate::output::fixture::{START, at, flow};
use std::net::{IpAddr, Ipv4Addr};

const FIN: u16 = 1;
const SYN: u16 = 2;
const RST: u16 = 4;
const ACK: u16 = 16;

/// What the records of a capture are taken for.
pub(super) fn found(records: &[FlowRecord]) -> Vec<Finding> {
    let mut detectors = Detectors::default();
    for record in records {
        detectors.on_flow(record);
    }
    detectors.finish(None).findings
}

pub(super) fn codes(records: &[FlowRecord]) -> Vec<&'static str> {
    found(records).iter().map(|finding| finding.cause.code()).collect()
}

#[test]
fn a_crowd_of_clients_hides_no_scan_and_no_flood() {
    const CROWD: u32 = 20_000;
    let mut detectors = Detectors::default();
    let mut number = 0;
    let mut meets = |client: u32, server: (u32, u16), outcome: Outcome, flags: u16| {
        number += 1;
        detectors.on_flow(&attempt(number, client, server, outcome, flags));
    };
    for client in 0..CROWD {
        let met = if client % 3 == 0 { Outcome::Refused } else { Outcome::Established };
        meets(1_000_000 + client, (2_000_000 + client, 443), met, SYN | ACK | FIN);
        // Beside them, one that asks for many ports, and a server that is flooded in the midst of it.
        if client % 200 == 0 {
            meets(7, (9, (client / 200) as u16 + 1), Outcome::Refused, SYN);
        }
        if (10_000..11_000).contains(&client) {
            meets(3_000_000 + client, (8, 80), Outcome::HalfOpen, SYN);
        }
    }
    let found = detectors.finish(None);
    let [scan] = &found.findings.iter().filter(|f| matches!(f.cause, Cause::Scan(_))).collect::<Vec<_>>()[..] else {
        panic!("one scan: {:?}", found.findings)
    };
    let Cause::Scan(scan) = &scan.cause else { panic!() };
    assert_eq!((scan.scanner, scan.targets), (IpAddr::from([10, 0, 0, 7]), 100));
    let floods: Vec<_> = found
        .findings
        .iter()
        .filter_map(|f| match f.cause {
            Cause::SynFlood { target, unfinished, .. } => Some((target.port, unfinished)),
            _ => None,
        })
        .collect();
    assert_eq!(floods, [(80, 1000)]);
    // Clients that had asked one port in vain had to make room, and that is told.
    assert!(found.without_room > 0);
}

#[test]
fn who_asks_for_the_way_is_told_that_packets_are_too_old_and_wants_it() {
    let asks = |hop: u64, state: State, icmp: Option<(u8, u8)>, ttl: u8| {
        let to = format!("10.0.0.9:{}", 33_433 + hop);
        let mut record = flow(FlowKind::Udp, hop, state, &format!("10.0.0.1:{}", 40_000 + hop), &to, 32, 0);
        (record.orig.ttl_min, record.orig.ttl_max) = (Some(ttl), Some(ttl));
        record.resp.packets = 0;
        record.icmp_error = icmp.map(|(kind, code)| (kind, code, hop));
        record
    };
    let mut way: Vec<_> = (1..20).map(|hop| asks(hop, State::Unreachable, Some((11, 0)), hop as u8)).collect();
    way.extend((20..24).map(|hop| asks(hop, State::Refused, Some((3, 3)), hop as u8)));
    assert_eq!(codes(&way), [""; 0]);
    // A loop of routes: the packets were to get there.
    let lost: Vec<_> = (1..3).map(|hop| asks(hop, State::Unreachable, Some((11, 0)), 64)).collect();
    assert_eq!(codes(&lost), ["unreachable"; 2]);
    // And a closed port is one, however near the capture is to its host.
    assert_eq!(codes(&[asks(9, State::Refused, Some((3, 3)), 25)]), ["refused"]);
}

#[test]
fn hosts_that_fail_one_client_alike_are_one_finding() {
    let silent = |n: u64| {
        let mut record = attempt(n, 1, (100 + n as u32, 443), Outcome::NoAnswer, SYN);
        record.handshake.as_mut().expect("one").syn_retries = 3;
        record
    };
    let mut all: Vec<_> = (1..=3).map(silent).collect();
    assert_eq!(codes(&all), ["no_answer"; 3]);
    all.extend((4..=7).map(silent));
    let findings = found(&all);
    let [one] = &findings[..] else { panic!("{findings:?}") };
    assert!(matches!(&one.cause, Cause::NoAnswer { hosts, ports, .. } if (hosts.total, ports.total) == (7, 1)), "{one:?}");
    assert_eq!((one.severity, one.flows.total), (Severity::High, 7));
    // Somebody was reached: it is not the client's network.
    all.push(attempt(9, 1, (50, 443), Outcome::Established, SYN | ACK | FIN));
    let last = all.last_mut().expect("one");
    (last.orig.unique_bytes, last.resp.unique_bytes) = (9, 9);
    assert_eq!(found(&all)[0].severity, Severity::Medium);
}

#[test]
fn silence_to_packets_of_no_connection_counts_where_a_scan_shows() {
    let probe = |n: u64, answered: bool| {
        let mut record = attempt(n, 1, (9, n as u16), Outcome::Midway, ACK);
        record.handshake = None;
        record.resp.flags = if answered { RST } else { 0 };
        record.resp.packets = u64::from(answered);
        record.orig.packets = 1;
        record
    };
    let silence: Vec<_> = (1..=30).map(|n| probe(n, false)).collect();
    assert_eq!(codes(&silence), [""; 0]);
    let some: Vec<_> = (1..=30).map(|n| probe(n, n > 4)).collect();
    let findings = found(&some);
    let [Cause::Scan(scan)] = &findings.iter().map(|finding| finding.cause.clone()).collect::<Vec<_>>()[..] else {
        panic!("{findings:?}")
    };
    assert_eq!(scan.counts, [(PortState::Filtered, 4), (PortState::Unfiltered, 26)]);
    assert_eq!((scan.kind, scan.targets), (ScanKind::Ack, 30));
}

/// A visit by the client that came about.
fn good(number: u64, client: u32, server: (u32, u16)) -> FlowRecord {
    let mut record = attempt(number, client, server, Outcome::Established, SYN | ACK | FIN);
    (record.orig.unique_bytes, record.resp.unique_bytes) = (100, 1000);
    record
}

#[test]
fn whoever_browses_and_scans_scans() {
    let mut all: Vec<_> = (1..=200).map(|n| good(n, 1, (500 + n as u32, 443))).collect();
    all.extend((201..=203).map(|n| attempt(n, 1, (900 + n as u32, 443), Outcome::Refused, SYN)));
    all.extend((301..=330).map(|n| attempt(n, 1, (9, n as u16), Outcome::Refused, SYN)));
    all.push(good(400, 1, (9, 80)));
    let findings = found(&all);
    let [Cause::Scan(scan)] =
        &findings.iter().map(|f| f.cause.clone()).filter(|c| matches!(c, Cause::Scan(_))).collect::<Vec<_>>()[..]
    else {
        panic!("{findings:?}")
    };
    assert_eq!((scan.targets, scan.hosts, scan.shape), (31, 1, ScanShape::Vertical), "what it browsed is none of it");
    assert_eq!(scan.counts, [(PortState::Open, 1), (PortState::Closed, 30)]);
    // What failed elsewhere is told as what it is.
    assert_eq!(codes(&all).iter().filter(|code| **code == "refused").count(), 3);
}

#[test]
fn a_server_that_is_well_for_hours_is_flooded_in_seconds() {
    let mut all: Vec<_> = (1..=3000).map(|n| good(n * 1000, n as u32, (9, 80))).collect();
    assert!(!codes(&all).contains(&"syn_flood"));
    all.extend((0..300).map(|n| attempt(2_000_000 + n, 5000 + n as u32, (9, 80), Outcome::HalfOpen, SYN)));
    assert!(codes(&all).contains(&"syn_flood"));
    // A busy server when the capture ends: what began last could not be completed yet.
    let mut cut: Vec<_> = (0..3000).map(|n| good(2_000_000 + n * 10, n as u32, (9, 80))).collect();
    cut.extend((0..300).map(|n| {
        let mut record = attempt(2_040_000 + n, 5000 + n as u32, (9, 80), Outcome::HalfOpen, SYN);
        record.end = record.start;
        record.told_at = record.start + Span::from_millis(1000);
        record
    }));
    assert!(!codes(&cut).contains(&"syn_flood"));
    // As many where hardly anybody comes otherwise are one all the same.
    assert!(codes(&cut[2900..]).contains(&"syn_flood"));
    // As many beside ten times as many that are completed: some clients are badly connected.
    let mut busy: Vec<_> = (0..3000).map(|n| good(2_000_000 + n, n as u32, (9, 80))).collect();
    busy.extend((0..300).map(|n| attempt(2_000_000 + n, 5000 + n as u32, (9, 80), Outcome::HalfOpen, SYN)));
    assert!(!codes(&busy).contains(&"syn_flood"));
}

/// An attempt to connect that came out like this. `flags`: all of the client's.
pub(super) fn attempt(number: u64, client: u32, server: (u32, u16), outcome: Outcome, flags: u16) -> FlowRecord {
    let state = match outcome {
        Outcome::Refused => State::Refused,
        Outcome::NoAnswer => State::NoAnswer,
        Outcome::HalfOpen => State::HalfOpen,
        _ => State::Closed,
    };
    let address = |host: u32, port: u16| format!("{}:{port}", Ipv4Addr::from(0x0a00_0000 + host));
    let client = address(client, 20_000 + (number % 40_000) as u16);
    let mut record = flow(FlowKind::Tcp, number, state, &client, &address(server.0, server.1), 0, 0);
    record.start = START + Span::from_millis(number as i64);
    record.end = record.start + Span::from_millis(5000);
    record.told_at = record.end + Span::from_millis(60_000);
    record.orig.flags = flags;
    record.orig.timestamps = true;
    record.resp.flags = SYN | ACK;
    record.handshake = Some(Handshake {
        outcome,
        syn: Some((number, record.start)),
        syn_ack: None,
        ack: None,
        refusal: (outcome == Outcome::Refused).then_some((number + 1, record.start)),
        icmp: None,
        syn_retries: 0,
        syn_ack_retries: 0,
        last_syn: Some(record.start),
        rtt: None,
        rtt_originator: None,
        rtt_responder: None,
        rtt_ambiguous: false,
        fast_open: false,
    });
    record
}

/// A connection with data both ways.
pub(super) fn visit(number: u64, client: u32, server: (u32, u16)) -> FlowRecord {
    let mut record = attempt(number, client, server, Outcome::Established, SYN | ACK | FIN);
    (record.orig.unique_bytes, record.resp.unique_bytes) = (100, 1000);
    record
}

fn scan(finding: &Finding) -> &super::Scan {
    match &finding.cause {
        Cause::Scan(scan) => scan,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_connect_scan_is_named_with_what_it_found() {
    let probe = |n: u64| {
        let (outcome, flags) = if n == 22 { (Outcome::Established, SYN | ACK | RST) } else { (Outcome::Refused, SYN) };
        attempt(n, 1, (9, n as u16), outcome, flags)
    };
    let findings = found(&(1..=100).map(probe).collect::<Vec<_>>());
    assert_eq!(findings.len(), 1, "the refused attempts are part of it: {findings:?}");
    let scan = scan(&findings[0]);
    assert_eq!((scan.kind, scan.shape, scan.targets, scan.hosts), (ScanKind::Connect, ScanShape::Vertical, 100, 1));
    assert_eq!(scan.counts, [(PortState::Open, 1), (PortState::Closed, 99)]);
    assert_eq!(findings[0].flows.total, 100);
}

#[test]
fn a_sweep_of_one_port_is_horizontal() {
    let probes: Vec<_> = (1..=50).map(|n| attempt(n, 1, (100 + n as u32, 22), Outcome::NoAnswer, SYN)).collect();
    let findings = found(&probes);
    assert_eq!((scan(&findings[0]).shape, scan(&findings[0]).hosts), (ScanShape::Horizontal, 50));
}

#[test]
fn a_busy_client_whose_visits_mostly_work_scans_nobody() {
    // A browser: many servers, a few of them down.
    let visits = (1..=400).map(|n| visit(n, 1, (100 + n as u32, 443)));
    let failed = (401..=440).map(|n| attempt(n, 1, (1000 + n as u32, 443), Outcome::NoAnswer, SYN));
    let all: Vec<_> = visits.chain(failed).collect();
    assert!(!codes(&all).contains(&"port_scan"), "{:?}", codes(&all));
}

#[test]
fn a_client_of_a_dead_service_scans_nobody() {
    let all: Vec<_> = (1..=500).map(|n| attempt(n, 1, (9, 443), Outcome::Refused, SYN)).collect();
    let findings = found(&all);
    assert_eq!(findings.len(), 1);
    assert!(matches!(findings[0].cause, Cause::Refused { clients: 1, .. }));
    assert_eq!(findings[0].flows.total, 500);
}

#[test]
fn peers_that_are_gone_are_no_scan() {
    // A file sharer: many hosts, each at a port of its own, most of them gone.
    let gone = |n: u64| attempt(n, 1, (100 + n as u32, 1024 + (n * 37 % 60_000) as u16), Outcome::NoAnswer, SYN);
    let mut all: Vec<_> = (1..=200).map(gone).collect();
    assert!(!codes(&all).contains(&"port_scan"));
    // A port that some of them have in common makes no sweep of it.
    all.extend((201..=230).map(|n| attempt(n, 1, (100 + n as u32, 6881), Outcome::NoAnswer, SYN)));
    assert!(!codes(&all).contains(&"port_scan"));
}

#[test]
fn probes_by_hand_are_named_from_the_first_on() {
    let mut fin = attempt(1, 1, (9, 80), Outcome::Midway, FIN);
    fin.handshake = None;
    fin.resp.flags = RST | ACK;
    let findings = found(std::slice::from_ref(&fin));
    assert!(matches!(findings[0].cause, Cause::Probe { kind: ScanKind::Fin, targets: 1, .. }), "{findings:?}");
    assert_eq!(findings[0].severity, Severity::Low);
    // The last packets of a connection that began before the capture.
    let mut end = fin.clone();
    end.orig.flags = FIN | ACK;
    end.resp.flags = ACK;
    assert_eq!(codes(&[end]), [""; 0]);
}

#[test]
fn a_flood_is_what_nobody_completes() {
    let flood: Vec<_> = (1..=500).map(|n| attempt(n, n as u32, (9, 80), Outcome::HalfOpen, SYN)).collect();
    let findings = found(&flood);
    assert_eq!(findings.len(), 1, "{findings:?}");
    match findings[0].cause {
        Cause::SynFlood { unfinished: 500, completed: 0, sources: 500, peak, .. } => assert!(peak >= 100),
        ref other => panic!("{other:?}"),
    }
    assert_eq!(findings[0].severity, Severity::High);
}

#[test]
fn many_clients_are_no_flood_and_neither_is_a_server_that_is_down() {
    let busy: Vec<_> = (1..=2000).map(|n| visit(n, n as u32, (9, 443))).collect();
    assert_eq!(codes(&busy), [""; 0]);
    let retried = |n: u64| {
        let mut record = attempt(n, n as u32, (9, 443), Outcome::NoAnswer, SYN);
        record.handshake.as_mut().unwrap().syn_retries = 5;
        record
    };
    let down: Vec<_> = (1..=2000).map(retried).collect();
    assert_eq!(codes(&down), ["no_answer"]);
}

#[test]
fn connections_that_had_to_give_way_and_go_on_are_no_flood() {
    // A table too small: attempts are given out before they are answered, and what follows is told midway.
    let attempts = (1..=2000).map(|n| attempt(n, n as u32, (9, 443), Outcome::NoAnswer, SYN));
    let rest = (2001..=4000).map(|n| {
        let mut record = visit(n, n as u32 - 2000, (9, 443));
        record.handshake.as_mut().unwrap().outcome = Outcome::Midway;
        (record.orig.payload_bytes, record.resp.payload_bytes) = (100, 1000);
        record
    });
    let all: Vec<_> = attempts.chain(rest).collect();
    assert!(!codes(&all).contains(&"syn_flood"), "{:?}", codes(&all));
}

#[test]
fn an_attempt_at_the_end_of_a_capture_is_no_silence() {
    let mut last = attempt(1, 1, (9, 443), Outcome::NoAnswer, SYN);
    last.end = last.start;
    last.told_at = last.start + Span::from_millis(100);
    assert_eq!(codes(std::slice::from_ref(&last)), [""; 0]);
    // The same, and the capture went on without an answer.
    last.told_at = at(10_000.0);
    assert_eq!(codes(&[last]), ["no_answer"]);
}

#[test]
fn ports_of_one_host_that_fail_alike_are_one_finding() {
    let all: Vec<_> = (1..=8).map(|n| attempt(n, 1, (9, 100 + n as u16), Outcome::Refused, SYN)).collect();
    let findings = found(&all);
    assert_eq!(findings.len(), 1);
    assert!(matches!(&findings[0].cause, Cause::Refused { ports, .. } if ports.total == 8));
}

#[test]
fn a_reset_after_an_answer_and_one_behind_a_fin_are_how_programs_close() {
    let mut closed = visit(1, 1, (9, 80));
    closed.state = State::ResetByOriginator;
    closed.orig.flags = SYN | ACK | RST;
    assert_eq!(codes(&[closed.clone()]), [""; 0]);
    let mut behind = closed.clone();
    behind.state = State::ResetByResponder;
    behind.orig.flags |= FIN;
    assert_eq!(codes(&[behind]), [""; 0]);
    let mut unanswered = closed;
    unanswered.state = State::ResetByResponder;
    unanswered.resp.unique_bytes = 0;
    assert_eq!(codes(&[unanswered]), ["reset"]);
}

#[test]
fn a_capture_that_has_each_packet_twice_makes_no_loss() {
    let twice = |number: u64, duplicates: u64| {
        let mut record = visit(number, 1, (9, 80));
        record.resp.data_packets = 4;
        record.handshake.as_mut().unwrap().syn_ack_retries = 1;
        record.orig.loss = Some(LossRecord { duplicate_packets: duplicates, ..Default::default() });
        record.resp.loss = Some(LossRecord { resent_packets: 1, ..Default::default() });
        record
    };
    assert_eq!(codes(&(1..=20).map(|n| twice(n, 1)).collect::<Vec<_>>()), [""; 0]);
    // Answers that a timer sends again, of SYNs that came once.
    assert_eq!(codes(&(1..=20).map(|n| twice(n, 0)).collect::<Vec<_>>()), ["resent"]);
}

#[test]
fn what_a_shut_window_refused_is_no_loss() {
    let mut slow = visit(1, 1, (9, 80));
    slow.orig.data_packets = 20;
    slow.orig.loss = Some(crate::flow::LossRecord { resent_packets: 5, lost_beyond: 5, ..Default::default() });
    assert_eq!(codes(std::slice::from_ref(&slow)), ["resent"]);
    let mut cited = crate::flow::Cited::default();
    (cited.times, cited.resent_while_shut) = (1, 3);
    slow.cited = Some(Box::new(cited));
    assert_eq!(codes(std::slice::from_ref(&slow)), [""; 0]);
    // A router that says that packets are too big is the cause, and no loss.
    slow.cited = None;
    slow.icmp_error = Some((3, 4, 9));
    slow.icmp_errors = 2;
    assert_eq!(codes(&[slow]), ["path_mtu"]);
}

#[test]
fn whatever_comes_memory_is_bounded() {
    // Distinct clients, servers and ports: each detector's own bound holds.
    let mut detectors = Detectors::default();
    for n in 0..300_000u64 {
        let outcome = [Outcome::Refused, Outcome::NoAnswer, Outcome::HalfOpen][(n % 3) as usize];
        detectors.on_flow(&attempt(n, (n * 7) as u32 & 0xff_ffff, ((n * 13) as u32 & 0xff_ffff, n as u16), outcome, SYN));
    }
    let found = detectors.finish(None);
    assert!(found.findings.len() <= super::MOST);
    assert!(found.without_room > 0);
    let address =
        |finding: &Finding| matches!(finding.cause, Cause::Scan(ref scan) if scan.scanner == IpAddr::from([0, 0, 0, 0]));
    assert!(!found.findings.iter().any(address));
}

#[test]
fn what_detectors_hold_stays_within_what_they_are_given() {
    const MIB: usize = 1 << 20;
    // Distinct sources, distinct targets, distinct ports, one that asks for all, all that ask one; each cited in full.
    type Way = fn(u64) -> (u32, (u32, u16));
    let ways: [Way; 5] = [
        |n| (n as u32, (n as u32 * 7, n as u16)),
        |n| ((n / 4096) as u32, (n as u32, 80)),
        |n| (1 + (n % 5) as u32, (n as u32 / 1000, n as u16)),
        |n| (n as u32, (1, 80)),
        |n| (n as u32 % 5000, (n as u32 / 5000, 443)),
    ];
    for bytes in [4 * MIB, 16 * MIB] {
        for way in ways {
            let before = crate::heap::held();
            let mut detectors = Detectors::within(bytes);
            let mut most = 0;
            for n in 0..120_000 {
                let outcome =
                    [Outcome::Refused, Outcome::NoAnswer, Outcome::HalfOpen, Outcome::Established][(n / 3 % 4) as usize];
                let (client, server) = way(n);
                let mut record = attempt(n, client, server, outcome, SYN | ACK);
                record.icmp_error = (n % 5 == 0).then_some((3, 4, n));
                (record.orig.unique_bytes, record.resp.unique_bytes) = (n % 2, n % 3);
                record.orig.loss = Some(LossRecord { resent_packets: 9, uncaptured_bytes: 1, ..LossRecord::default() });
                detectors.on_flow(&record);
                if n % 1000 == 0 {
                    most = most.max(crate::heap::held() - before);
                }
            }
            assert!(most.unsigned_abs() <= bytes, "{most} of {bytes}");
        }
    }
}

#[test]
fn of_more_ports_than_are_kept_none_is_counted_twice() {
    let scan = |times: u64| {
        let probes = (0..times * 5000).map(|nth| attempt(nth + 1, 1, (9, 1 + (nth % 5000) as u16), Outcome::Refused, SYN));
        found(&probes.collect::<Vec<_>>())
    };
    for times in [1, 3] {
        let [Finding { cause: Cause::Scan(scan), .. }] = &scan(times)[..] else { panic!() };
        assert_eq!((scan.targets, scan.at_least), (4096, true), "{times}");
    }
}

#[test]
fn a_busy_client_of_very_many_hosts_is_no_scanner() {
    let good = (0..9000_u32).map(|nth| attempt(u64::from(nth) + 1, 1, (100 + nth, 80), Outcome::Established, SYN | ACK));
    let good = good.map(|mut record| {
        (record.orig.unique_bytes, record.resp.unique_bytes) = (100, 1000);
        record
    });
    let dead = (0..8000_u32).map(|nth| attempt(u64::from(nth) + 10_000, 1, (20_000 + nth, 80), Outcome::Refused, SYN));
    let all: Vec<_> = good.chain(dead).collect();
    assert!(!codes(&all).contains(&"port_scan"));
}

#[test]
fn hosts_that_ask_one_port_each_are_counted_each() {
    let asked: Vec<_> =
        (0..8).map(|nth| attempt(nth + 1, 1 + nth as u32, (9, 1000 + nth as u16), Outcome::Refused, SYN)).collect();
    let [Finding { cause: Cause::Refused { clients, ports, .. }, .. }] = &found(&asked)[..] else { panic!() };
    assert_eq!((*clients, ports.total), (8, 8));
}
