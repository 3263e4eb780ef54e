//! Zeek's profile: rows of `conn.log` from packets. The rows of [`worked_examples`] are what Zeek's source predicts; no Zeek was run.
//! Its own baselines are compared in `docs/zeek.md`.

use super::world::{A, B, Host, Seg, World, icmp, seg, tcp_bytes, udp_bytes};
use proptest::prelude::*;
use sockeye::decode::decode;
use sockeye::flow::{Admission, Checksums, FlowRecord, PacketMeta, Profile, Tracker, TrackerConfig, Wants, Wrapping, ZeekRecord};
use sockeye::model::{Frame, LinkType, Span, Timestamp};

const C: Host = ([10, 0, 0, 1], 5000);
const S: Host = ([10, 0, 0, 2], 6000);

fn world() -> World {
    World::with(TrackerConfig { profile: Profile::ZEEK, checksums: Checksums::Verify, ..TrackerConfig::default() })
}

fn zeek(record: &FlowRecord) -> &ZeekRecord {
    record.zeek.as_ref().expect("asked for")
}

/// State, history, packets of both sides, duration: as one line a row.
fn rows(world: World) -> Vec<String> {
    let row = |record: &FlowRecord| {
        let z = zeek(record);
        let duration = z.duration.map_or("-".to_owned(), |d| format!("{:.1}", d.as_secs_f64()));
        let history = if z.history.is_empty() { "-" } else { &z.history };
        format!("{} {history} {}/{} {duration}", z.conn_state, z.packets[0], z.packets[1])
    };
    world.finish().iter().map(row).collect()
}

/// `(second, from the client?, segment)`.
type Step = (f64, bool, Seg);

fn play(steps: &[Step]) -> World {
    play_between(C, S, steps)
}

fn play_between(client: Host, server: Host, steps: &[Step]) -> World {
    let mut world = world();
    let start = world.now;
    for (second, from_client, segment) in steps {
        world.now = start + Span::from_nanos((second * 1e9) as i64);
        let (from, to) = if *from_client { (client, server) } else { (server, client) };
        world.tcp(from, to, segment);
    }
    world
}

fn syn() -> Seg {
    seg("S", 1000, 0)
}

fn syn_ack() -> Seg {
    seg("S.", 5000, 1001)
}

/// A handshake in the first second, and what follows.
fn opened(more: &[Step]) -> Vec<Step> {
    let mut steps = vec![(1.0, true, syn()), (1.1, false, syn_ack()), (1.2, true, seg(".", 1001, 5001))];
    steps.extend_from_slice(more);
    steps
}

#[test]
fn worked_examples() {
    let examples: Vec<(&str, Vec<Step>, &[&str])> = vec![
        (
            "an attempt is given up after five seconds, whatever follows",
            [1.0, 2.0, 4.0, 8.0, 16.0].iter().map(|&at| (at, true, syn())).collect(),
            &["S0 S 3/0 3.0", "S0 S 1/0 -", "S0 S 1/0 -"],
        ),
        (
            "a reset with payload repeats it, as its own is not counted",
            opened(&[(1.5, true, seg("R.", 1001, 5001).len(2))]),
            &["RSTO ShART 3/1 0.5"],
        ),
        (
            "a simultaneous open is two connections",
            vec![
                (1.0, true, syn()),
                (1.1, false, seg("S", 5000, 0)),
                (1.2, true, seg("S.", 1000, 5001)),
                (1.3, false, syn_ack()),
            ],
            &["S0 S 1/0 -", "S1 Sh 2/1 0.2"],
        ),
        (
            "a half-close is waited on",
            opened(&[(2.0, true, seg("F.", 1001, 5001)), (250.0, false, seg("F.", 5001, 1002))]),
            &["SF ShAFf 3/2 249.0"],
        ),
        (
            "after a reset five seconds are left",
            opened(&[
                (2.0, true, seg("R", 1001, 0)),
                (5.0, false, seg(".", 5001, 1001).len(5)),
                (13.0, false, seg(".", 5006, 1001).len(5)),
            ]),
            &["RSTO ShARd 3/2 4.0", "OTH D 1/0 -"],
        ),
        (
            "an answer first is turned by what follows it",
            vec![(1.0, false, syn_ack()), (1.1, true, seg(".", 1001, 5001)), (1.2, true, seg("P.", 1001, 5001).len(5))],
            &["OTH ^hAD 2/1 0.2"],
        ),
        ("but not by a refusal", vec![(1.0, false, syn_ack()), (1.1, true, seg("R", 1001, 0))], &["REJ Hr 1/1 0.1"]),
        (
            "what was acknowledged and never seen is a gap",
            opened(&[
                (1.3, false, seg("P.", 5001, 1001).len(10)),
                (1.4, false, seg("P.", 5021, 1001).len(10)),
                (1.5, true, seg(".", 1001, 5031)),
            ]),
            &["S1 ShAdg 3/3 0.5"],
        ),
        (
            "not in the middle of a connection",
            vec![
                (1.3, false, seg("P.", 5001, 1001).len(10)),
                (1.4, false, seg("P.", 5021, 1001).len(10)),
                (1.5, true, seg(".", 1001, 5031)),
            ],
            &["OTH Da 2/1 0.2"],
        ),
        (
            "a refused attempt that is made again is another",
            vec![(1.0, true, syn()), (1.1, false, seg("R.", 0, 1001)), (2.1, true, syn()), (2.2, false, seg("R.", 0, 1001))],
            &["REJ Sr 1/1 0.1", "REJ Sr 1/1 0.1"],
        ),
    ];
    for (what, steps, expected) in examples {
        assert_eq!(rows(play(&steps)), expected, "{what}");
    }
    let from_80 = vec![(1.0, false, syn_ack()), (1.1, true, seg(".", 1001, 5001))];
    assert_eq!(rows(play_between(C, ([10, 0, 0, 2], 80), &from_80)), ["S1 ^hA 1/1 0.1"]);
}

#[test]
fn timers() {
    let data = |from_client: bool, at: f64, n: u32| {
        let (seq, ack) = if from_client { (1001 + n, 5001) } else { (5001 + n, 1001) };
        (at, from_client, seg("P.", seq, ack).len(1))
    };
    let examples: Vec<(&str, Vec<Step>, &[&str])> = vec![
        (
            "a connection five minutes",
            opened(&[data(true, 301.0, 0), data(false, 600.9, 0), data(true, 901.0, 1)]),
            &["S1 ShADd 3/2 599.9", "OTH D 1/0 -"],
        ),
        (
            "so is one that began in the middle",
            vec![data(true, 1.0, 0), data(true, 300.9, 1), data(true, 601.0, 2)],
            &["OTH D 2/0 299.9", "OTH D 1/0 -"],
        ),
        (
            "five seconds after both FINs it is removed, and nothing puts that off",
            opened(&[
                (2.0, true, seg("F.", 1001, 5001)),
                (2.5, false, seg("F.", 5001, 1002)),
                (6.0, true, seg(".", 1002, 5002)),
                (7.6, true, seg(".", 1002, 5002)),
            ]),
            &["SF ShAFf 4/2 1.5", "OTH A 1/0 -"],
        ),
        (
            "the FIN of one side alone waits for five minutes of silence",
            opened(&[(2.0, true, seg("F.", 1001, 5001)), (290.0, false, seg(".", 5001, 1002))]),
            &["S2 ShAFa 3/2 289.0"],
        ),
    ];
    for (what, steps, expected) in examples {
        assert_eq!(rows(play(&steps)), expected, "{what}");
    }
    for (port, hour) in [(21, true), (22, true), (23, true), (513, true), (24, false)] {
        let steps = opened(&[data(true, 3_601.0, 0), data(true, 7_202.0, 1)]);
        let hours = ["S1 ShAD 3/1 3600.0", "OTH D 1/0 -"];
        let minutes = ["S1 ShA 2/1 0.2", "OTH D 1/0 -", "OTH D 1/0 -"];
        assert_eq!(rows(play_between(C, (S.0, port), &steps)), if hour { &hours[..] } else { &minutes[..] }, "{port}");
    }
}

#[test]
fn packets_that_never_count_are_removed_by_the_session_timer() {
    let bad = spoilt(C, S, &seg(".", 1001, 5001));
    for (again, expected) in [(4_900, &["OTH C 0/0 -"][..]), (5_100, &["OTH C 0/0 -", "OTH C 0/0 -"][..])] {
        let mut world = world();
        world.send(&bad);
        world.wait(again).send(&bad);
        assert_eq!(rows(world), expected, "{again}");
    }
}

#[test]
fn a_syn_begins_another_connection_before_its_checksum_is_looked_at() {
    let mut world = world();
    world.open();
    world.wait(10).send(&spoilt(A, B, &seg("S", 2000, 0)));
    // And a bad one leaves no number behind by which the next could be the same.
    world.wait(10).send(&spoilt(A, B, &seg("S", 2000, 0)));
    assert_eq!(rows(world), ["S1 ShA 2/1 0.0", "OTH C 0/0 -", "OTH C 0/0 -"]);
}

#[test]
fn sizes_of_the_examples() {
    let gap = opened(&[
        (1.3, false, seg("P.", 5001, 1001).len(10)),
        (1.4, false, seg("P.", 5021, 1001).len(10)),
        (1.5, true, seg(".", 1001, 5031)),
    ]);
    let record = play(&gap).only();
    assert_eq!((zeek(&record).bytes, zeek(&record).missed_bytes), ([Some(0), Some(30)], [0, 10]));
    assert_eq!(record.resp.missed_bytes, Some(10));
    let midway = play(&gap[3..]).only();
    assert_eq!((zeek(&midway).bytes, zeek(&midway).missed_bytes), ([Some(30), Some(0)], [0, 0]));
    let turned =
        play(&[(1.0, false, syn_ack()), (1.1, true, seg(".", 1001, 5001)), (1.2, true, seg("P.", 1001, 5001).len(5))]).only();
    assert_eq!((turned.originator.port, zeek(&turned).bytes[0]), (5000, Some(5)));
}

#[test]
fn after_both_fins_nothing_moves_the_duration() {
    let record = play(&opened(&[
        (2.0, true, seg("F.", 1001, 5001)),
        (2.5, false, seg("F.", 5001, 1002)),
        (3.0, true, seg(".", 1002, 5002)),
        (4.0, false, seg("F.", 5001, 1002)),
    ]))
    .only();
    let z = zeek(&record);
    assert_eq!((z.conn_state, z.history.as_str(), z.duration), ("SF", "ShAFf", Some(Span::from_millis(1500))));
    assert_eq!(z.packets, [4, 3], "they are counted all the same");
}

#[test]
fn a_wrong_checksum_is_a_letter_and_nothing_else() {
    let mut world = world();
    let mut bad = tcp_bytes(C, S, &seg(".", 1001, 5001));
    bad[36] ^= 0x55;
    for _ in 0..12 {
        world.wait(10).send(&bad);
    }
    let mut udp = udp_bytes(C, S, b"x");
    udp[26] ^= 0x55;
    world.send(&udp);
    let records = world.finish();
    let found: Vec<_> = records.iter().map(|r| (zeek(r).conn_state, zeek(r).history.as_str(), zeek(r).packets)).collect();
    assert_eq!(found, [("OTH", "CC", [0, 0]), ("OTH", "C", [0, 0])]);
    assert_eq!(zeek(&records[0]).weird, ["bad_TCP_checksum"]);
}

/// With the pseudo header's sum alone in the field, as Linux leaves it to the card.
fn offloaded(mut packet: Vec<u8>) -> Vec<u8> {
    let pseudo: u32 = packet[12..20].chunks(2).map(|c| u32::from(u16::from_be_bytes([c[0], c[1]]))).sum::<u32>()
        + 6
        + (packet.len() as u32 - 20);
    let folded = (pseudo & 0xffff) + (pseudo >> 16);
    packet[36..38].copy_from_slice(&((folded & 0xffff) as u16 + (folded >> 16) as u16).to_be_bytes());
    packet
}

#[test]
fn what_a_card_was_to_fill_in_is_good_and_other_wrong_ones_are_not() {
    for (checksums, expected, offloaded_packets, wrong) in [
        // Two checksums are too few to tell damage.
        (Checksums::Auto, &["S1 Shd 1/2 0.0"][..], 1, 0),
        // To Zeek a SYN-ACK whose SYN did not count begins another connection.
        (Checksums::Verify, &["OTH C 0/0 -", "OTH ^hc 0/1 -"], 0, 2),
        (Checksums::Ignore, &["S1 Shd 1/2 0.0"], 0, 0),
    ] {
        let mut world = World::with(TrackerConfig { profile: Profile::ZEEK, checksums, ..TrackerConfig::default() });
        let server = (S.0, 80);
        let mut damaged = tcp_bytes(server, C, &seg("P.", 5001, 1001).len(3));
        *damaged.last_mut().expect("data") ^= 1;
        world.send(&offloaded(tcp_bytes(C, server, &syn())));
        world.wait(10).send(&tcp_bytes(server, C, &syn_ack()));
        world.wait(10).send(&damaged);
        let stats = world.tracker.checksums();
        assert_eq!((stats.offloaded, stats.wrong, stats.rewritten), (offloaded_packets, wrong, 0), "{checksums:?}");
        assert_eq!(rows(world), expected, "{checksums:?}");
    }
}

#[test]
fn a_checksum_that_the_capture_says_is_not_there_yet_is_never_wrong() {
    for checksums in [Checksums::Auto, Checksums::Verify] {
        let mut world = World::with(TrackerConfig { profile: Profile::ZEEK, checksums, ..TrackerConfig::default() });
        world.marks.checksum_pending = true;
        for (from, to, segment) in [(C, S, syn()), (S, C, syn_ack()), (C, S, seg(".", 1001, 5001))] {
            world.wait(10).send(&spoilt(from, to, &segment));
        }
        for n in 0..30 {
            world.wait(10).send(&spoilt(C, S, &seg("P.", 1001 + 10 * n, 5001).len(10)));
        }
        let stats = world.tracker.checksums();
        assert_eq!((stats.pending, stats.offloaded, stats.unsure + stats.rewritten + stats.wrong), (33, 0, 0), "{checksums:?}");
        // They say nothing of packets that have no such mark: nothing of these was seen, so that one tells nothing.
        world.marks.checksum_pending = false;
        world.wait(10).send(&spoilt(C, S, &seg("P.", 1301, 5001).len(10)));
        let stats = world.tracker.checksums();
        let verify = checksums == Checksums::Verify;
        assert_eq!((stats.pending, stats.unsure, stats.wrong), (33, u64::from(!verify), u64::from(verify)), "{checksums:?}");
        assert_eq!(stats.rewritten, 0);
        let row = if verify { "S1 ShADC 32/1 0.3" } else { "S1 ShAD 33/1 0.3" };
        assert_eq!(rows(world), [row], "{checksums:?}");
    }
}

/// A packet of TCP over IPv4 with a wrong TCP checksum.
fn spoilt(from: Host, to: Host, segment: &Seg) -> Vec<u8> {
    let mut packet = tcp_bytes(from, to, segment);
    packet[36] ^= 0x55;
    packet
}

#[test]
fn protocols_whose_checksums_are_all_wrong_were_rewritten() {
    let mut world = World::with(TrackerConfig { profile: Profile::ZEEK, ..TrackerConfig::default() });
    // ICMP's has no pseudo header: it stays right when addresses are changed, and says nothing of TCP's.
    for _ in 0..20 {
        world.wait(10).send(&icmp(C.0, S.0, &[8, 0, 0xf7, 0xfd, 0, 1, 0, 1]));
    }
    for (from, to, segment) in [(C, S, syn()), (S, C, syn_ack()), (C, S, seg(".", 1001, 5001))] {
        world.wait(10).send(&spoilt(from, to, &segment));
    }
    for n in 0..30 {
        world.wait(10).send(&spoilt(C, S, &seg("P.", 1001 + 10 * n, 5001).len(10)));
        if n == 10 {
            world.wait(10).udp(C, S, b"right");
            world.wait(10).tcp(S, C, seg(".", 5001, 1111));
        }
    }
    let stats = world.tracker.checksums();
    assert_eq!((stats.unsure, stats.rewritten, stats.wrong, stats.offloaded), (0, 33, 0, 0));
    assert_eq!(rows(world), ["OTH - 20/0 0.2", "S1 ShADa 32/2 0.3", "S0 D 1/0 -"]);
}

#[test]
fn one_end_s_checksums_may_all_be_wrong() {
    let mut world = World::with(TrackerConfig { profile: Profile::ZEEK, ..TrackerConfig::default() });
    world.send(&spoilt(C, S, &syn()));
    world.wait(10).tcp(S, C, syn_ack());
    world.wait(10).send(&spoilt(C, S, &seg(".", 1001, 5001)));
    for n in 0..40 {
        world.wait(10).tcp(S, C, seg("P.", 5001 + 10 * n, 1001).len(10));
        if n % 2 == 1 {
            world.wait(10).send(&spoilt(C, S, &seg(".", 1001, 5011 + 10 * n)));
        }
    }
    assert_eq!(rows(world), ["S1 ShAd 22/41 0.6"]);
}

#[test]
fn damage_is_rare_and_a_flow_has_one_answer() {
    let mut world = World::with(TrackerConfig { profile: Profile::ZEEK, ..TrackerConfig::default() });
    world.tcp(C, S, syn());
    world.wait(10).tcp(S, C, syn_ack());
    for n in 0..60 {
        world.wait(10).tcp(C, S, seg("P.", 1001 + 10 * n, 5001).len(10));
    }
    world.wait(10).send(&spoilt(C, S, &seg("P.", 1601, 5001).len(10)));
    // Another flow, all wrong: in the end that says more than the beginning did, but of other flows.
    for n in 0..200 {
        world.wait(10).send(&spoilt((C.0, 7000), S, &seg("P.", 1001 + 10 * n, 5001).len(10)));
    }
    world.wait(10).send(&spoilt(C, S, &seg("P.", 1601, 5001).len(10)));
    world.wait(10).send(&spoilt((C.0, 7001), S, &syn()));
    assert_eq!(rows(world), ["S1 ShDC 61/1 0.6", "OTH CCC 0/0 -", "S0 S 1/0 -"]);
}

#[test]
fn ip_headers_are_judged_by_themselves() {
    let mut wrong = udp_bytes(C, S, b"x");
    wrong[10] ^= 1;
    let good = udp_bytes(C, S, b"x");
    let outcomes = |packets: &[&[u8]]| {
        let mut tracker = Tracker::new(TrackerConfig { profile: Profile::ZEEK, ..TrackerConfig::default() });
        packets.iter().filter(|packet| admit(&mut tracker, packet, packet.len()) == Admission::Taken).count()
    };
    assert_eq!(outcomes(&[&wrong[..]; 40]), 40, "addresses were changed");
    let rare = [&[&good[..]; 99][..], &[&wrong[..]]].concat();
    assert_eq!(outcomes(&rare), 99, "damage");
}

#[test]
fn a_packet_counts_once_however_much_of_it_is_a_card_s_work() {
    let mut packet = offloaded(tcp_bytes(C, S, &syn()));
    packet[2..4].fill(0);
    packet[10..12].fill(0);
    let mut world = World::with(TrackerConfig { profile: Profile::ZEEK, ..TrackerConfig::default() });
    world.number = 0;
    assert_eq!(admit(&mut world.tracker, &packet, packet.len()), Admission::Taken);
    world.send(&packet);
    let mut zeroed = tcp_bytes(C, S, &syn());
    zeroed[36..38].fill(0);
    world.send(&zeroed);
    assert_eq!(world.tracker.checksums().offloaded, 2);
}

#[test]
fn echoes_are_one_flow_and_messages_without_answers_one_each_way() {
    let mut world = world();
    let (a, b) = (C.0, S.0);
    world.send(&icmp(a, b, &[8, 0, 0, 0, 0, 1, 0, 1, 1, 2]));
    world.wait(10).send(&icmp(b, a, &[0, 0, 0, 0, 0, 1, 0, 1, 1, 2]));
    world.wait(10).send(&icmp(a, b, &[5, 1, 0, 0, 10, 0, 0, 9, 1]));
    world.wait(10).send(&icmp(b, a, &[5, 1, 0, 0, 10, 0, 0, 9, 1]));
    let ports: Vec<_> = world.finish().iter().map(|r| (r.originator.port, r.responder.port)).collect();
    assert_eq!(ports, [(8, 0), (5, 1), (5, 1)]);
}

#[test]
fn dns_pauses_of_nine_seconds_are_other_rows() {
    let mut world = world();
    let dns: Host = ([10, 0, 0, 2], 53);
    let question = [1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let answer = [1, 2, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    world.udp(C, dns, &question);
    world.wait(100).udp(dns, C, &answer);
    world.wait(9_950).udp(C, dns, &question);
    assert_eq!(rows(world), ["SF Dd 1/1 0.1", "S0 D 1/0 -"]);
}

#[test]
fn ports_turn_udp_at_once_and_an_answer_to_a_port_of_its_own_turns_dns() {
    let dns: Host = ([10, 0, 0, 2], 53);
    let answer = [1, 2, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let mut first = world();
    first.udp(dns, C, &answer);
    let record = first.only();
    assert_eq!((record.originator.port, zeek(&record).history.as_str(), zeek(&record).conn_state), (5000, "^d", "SHR"));
    let mut both = world();
    both.udp(dns, (C.0, 53), &answer);
    let record = both.only();
    assert_eq!((record.originator.ip.to_string().as_str(), zeek(&record).history.as_str()), ("10.0.0.1", "D^"));
    let mut broadcast = world();
    broadcast.udp((C.0, 67), ([255; 4], 5000), b"x");
    assert_eq!(zeek(&broadcast.only()).history, "D", "the limited broadcast address turns nothing");
}

#[test]
fn at_most_three_hundred_timers_run_before_a_packet() {
    let mut world = world();
    for port in 1..=400u16 {
        world.tcp((C.0, 10_000 + port), S, syn());
    }
    world.wait(6_000).udp(C, S, b"x");
    assert_eq!(world.ended.len(), 300);
    world.wait(1).udp(C, S, b"x");
    assert_eq!(world.ended.len(), 400);
}

#[test]
fn a_leap_of_time_is_believed_and_a_step_back_is_not() {
    let mut world = world();
    world.udp(C, S, b"x");
    world.wait(100 * 24 * 3_600_000).udp(S, C, b"x");
    world.wait(-50 * 24 * 3_600_000).udp(C, S, b"x");
    assert_eq!(rows(world), ["S0 D 1/0 -", "SF Dd 1/1 -"]);
}

/// What becomes of a raw IP frame of which so many bytes were captured, and so many were on the wire.
fn admitted(checksums: Checksums, bytes: &[u8], wire_len: usize) -> Admission {
    admit(&mut Tracker::new(TrackerConfig { profile: Profile::ZEEK, checksums, ..TrackerConfig::default() }), bytes, wire_len)
}

fn admit(tracker: &mut Tracker, bytes: &[u8], wire_len: usize) -> Admission {
    let frame = Frame {
        number: 1,
        source: 0,
        interface: 0,
        ts: Timestamp::default(),
        link: LinkType::RAW,
        wire_len: wire_len as u32,
        bytes,
        direction: None,
        options: None,
        marks: sockeye::model::FrameMarks::NONE,
    };
    let meta = PacketMeta {
        source: 0,
        number: 1,
        ts: frame.ts,
        wire_bytes: frame.wire_len.into(),
        frames: 1,
        marks: sockeye::model::FrameMarks::NONE,
        interface: 0,
        pieces: None,
    };
    tracker.admit(&meta, &decode(&frame))
}

#[test]
fn zeek_s_ip_layer_refuses_what_it_refuses() {
    use Checksums::{Auto, Ignore, Verify};
    let whole = udp_bytes(C, S, &[7; 100]);
    let all = whole.len();
    assert_eq!(admitted(Verify, &whole, all), Admission::Taken);
    assert_eq!(admitted(Verify, &whole[..60], all), Admission::Taken, "cut by a snap length");
    assert_eq!(admitted(Verify, &whole[..60], 60), Admission::Refused, "longer than the wire");
    let mut wrong = whole.clone();
    wrong[10] ^= 1;
    assert_eq!([Verify, Ignore].map(|how| admitted(how, &wrong, all)), [Admission::Refused, Admission::Taken]);
    let mut lengthless = whole.clone();
    lengthless[2..4].fill(0);
    let outcomes = [Verify, Auto, Ignore].map(|how| admitted(how, &lengthless, all));
    assert_eq!(outcomes, [Admission::Refused, Admission::Taken, Admission::Taken], "segmentation offload");
    let mut first = whole;
    first[6] = 0x20;
    let outcomes = [first.len(), 60].map(|captured| admitted(Ignore, &first[..captured], all));
    assert_eq!(outcomes, [Admission::Taken, Admission::Alone], "a first fragment that cannot be joined");
    first[7] = 9;
    assert_eq!(admitted(Ignore, &first[..60], all), Admission::Refused, "a later one");
}

#[test]
fn a_snap_length_makes_gaps_of_what_was_not_captured() {
    let mut world = world();
    world.tcp(C, S, syn());
    world.wait(1).tcp(S, C, syn_ack());
    world.wait(1).send(&tcp_bytes(C, S, &seg("P.", 1001, 5001).len(100))[..60]);
    world.wait(1).tcp(S, C, seg(".", 5001, 1101));
    let record = world.only();
    assert_eq!((zeek(&record).history.as_str(), zeek(&record).missed_bytes), ("ShDaG", [100, 0]));
}

#[test]
fn vlans_are_not_told_apart() {
    let mut world = world();
    world.vlan = Some(7);
    world.udp(C, S, b"x");
    world.vlan = Some(8);
    world.wait(1).udp(S, C, b"x");
    assert_eq!(rows(world), ["SF Dd 1/1 0.0"]);
}

#[test]
fn our_own_flows_have_zeek_s_words_where_they_are_wanted() {
    let mut world = World::with(TrackerConfig { wants: Wants { zeek: true, ..Wants::default() }, ..TrackerConfig::default() });
    world.open();
    world.a(seg("P.", 1001, 5001).len(10));
    world.b(seg("F.", 5001, 1011));
    world.a(seg("F.", 1011, 5002));
    let record = world.only();
    assert_eq!((zeek(&record).conn_state, zeek(&record).history.as_str()), ("SF", "ShADfF"));
    assert_eq!(record.orig.missed_bytes, Some(0));
    let mut plain = World::new();
    plain.open();
    let record = plain.only();
    assert!(record.zeek.is_none() && record.orig.missed_bytes.is_none());
}

#[test]
fn attempts_repeated_for_long_stay_one_flow_in_our_profile() {
    let mut world = World::with(TrackerConfig { wants: Wants { zeek: true, ..Wants::default() }, ..TrackerConfig::default() });
    for _ in 0..5 {
        world.wait(20_000).tcp(C, S, syn());
    }
    assert_eq!(rows(world), ["S0 S 5/0 80.0"]);
}

#[test]
fn wrappings_are_not_in_the_key() {
    // IP in IP: 10.0.0.1 to 10.0.0.2 inside 192.0.2.1 to 192.0.2.2, and once without.
    let inner = udp_bytes(C, S, b"x");
    let mut outer = Vec::new();
    etherparse::PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
        .write(&mut outer, etherparse::IpNumber::IPV4, &inner)
        .expect("fits");
    let mut world = world();
    world.send(&outer);
    world.wait(1).send(&inner);
    let record = world.only();
    assert_eq!(zeek(&record).packets, [2, 0]);
    assert!(matches!(zeek(&record).tunnel_parents[..], [Wrapping::Between(..)]));
}

fn hostile_segment() -> impl Strategy<Value = (bool, u8, u32, u32, usize, u16)> {
    let near = prop_oneof![0u32..40, Just(u32::MAX), any::<u32>()];
    (any::<bool>(), 0u8..16, near.clone(), near, prop_oneof![Just(0usize), 1usize..30], prop_oneof![Just(0u16), Just(5000)])
}

proptest! {
    /// Whatever comes, in whatever order: no panic, rows add up, and what is held is bounded.
    #[test]
    fn any_packets_make_sound_rows(steps in proptest::collection::vec((hostile_segment(), 0i64..4000), 0..120)) {
        const FLAGS: [&str; 16] = [
            "", "S", "F", "R", ".", "S.", "F.", "R.", "SF", "SR", "FR", "SFR", "SF.", "SR.", "FR.", "SFR.",
        ];
        for profile in [Profile::ZEEK, Profile::OURS] {
            let wants = Wants { zeek: true, ..Wants::default() };
            let mut world = World::with(TrackerConfig { profile, wants, list_bytes: 500, ..TrackerConfig::default() });
            for ((from_client, flags, seq, ack, len, window), wait) in &steps {
                let (from, to) = if *from_client { (C, S) } else { (S, C) };
                world.wait(*wait).tcp(from, to, seg(FLAGS[usize::from(*flags)], *seq, *ack).len(*len).window(*window));
            }
            let records = world.finish();
            let packets: u64 = records.iter().map(|r| zeek(r).packets.iter().sum::<u64>()).sum();
            prop_assert_eq!(packets, steps.len() as u64);
            for record in &records {
                let z = zeek(record);
                prop_assert_eq!(z.packets, [record.orig.packets, record.resp.packets]);
                prop_assert!(z.history.bytes().all(|b| b"SHADFRCGTWIQXshadfrcgtwiq^".contains(&b)), "{}", z.history);
            }
        }
    }
}

#[test]
fn a_fin_before_the_start_of_the_numbers_makes_no_gap() {
    let record = play(&opened(&[
        (2.0, false, seg("P.", 5001, 1001).len(10)),
        (3.0, false, seg("F.", 4900, 1001)),
        (4.0, true, seg(".", 1001, 5011)),
        (5.0, true, seg(".", 1001, 5100)),
    ]))
    .only();
    assert_eq!(zeek(&record).missed_bytes, [0, 89]);
}
