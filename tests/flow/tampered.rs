//! Somebody else in a connection: resets whose sender goes on, data that comes again with other bytes; and all that looks like it.

use crate::world::{A, B, Host, Seg, World, seg, tcp_bytes};
use proptest::prelude::*;
use sockeye::decode::decode;
use sockeye::flow::{FlowEvent, FlowRecord, ForgedReset, PacketMeta, Rewritten, Tampered, TrackerConfig, Wants};
use sockeye::model::{Frame, FrameMarks, LinkType};

fn watched() -> World {
    let wants = Wants { cited: true, verdicts: true, ..Wants::NONE };
    let mut world = World::with(TrackerConfig { wants, ..TrackerConfig::default() });
    world.open();
    world
}

fn tampered(record: &FlowRecord) -> Tampered {
    record.cited.as_deref().and_then(|cited| cited.tampered.as_deref().cloned()).unwrap_or_default()
}

/// Resets in the name of B.
fn resets(world: World) -> Option<ForgedReset> {
    let [none, resets] = tampered(&world.only()).resets;
    assert_eq!(none, None);
    resets
}

/// What came again of A.
fn rewritten(world: World) -> Option<Rewritten> {
    let [rewritten, none] = tampered(&world.only()).rewritten;
    assert_eq!(none, None);
    rewritten
}

fn request(world: &mut World) {
    world.wait(1).a(seg("P.", 1001, 5001).text(b"GET / HTTP/1.1\r\n\r\n"));
    world.wait(20).b(seg(".", 5001, 1019).len(1000));
}

#[test]
fn a_reset_whose_sender_goes_on_is_somebody_else_s() {
    let mut w = watched();
    request(&mut w);
    w.wait(1).b(seg("R.", 6001, 1019));
    w.wait(2).b(seg(".", 6001, 1019).len(1000)).change.take();
    w.wait(2).b(seg(".", 7001, 1019).len(1000));
    let found = resets(w).expect("found");
    assert_eq!((found.resets.first.as_slice(), found.after.total, found.acknowledged), (&[(0, 6)][..], 2, false));
    // One packet that comes later says the same; one that may have been overtaken does not.
    for (later, tells) in [(50, true), (2, false)] {
        let mut w = watched();
        request(&mut w);
        w.wait(1).b(seg("R.", 6001, 1019));
        w.wait(later).b(seg(".", 6001, 1019).len(1000));
        assert_eq!(resets(w).is_some(), tells, "{later} ms");
    }
}

#[test]
fn who_acknowledges_what_came_after_the_reset_did_not_send_it() {
    let run = |later| {
        let mut w = watched();
        request(&mut w);
        // In the window, and not the number that A waits for: a challenge comes, and both go on (RFC 5961 section 3.2).
        w.wait(1).a(seg(".", 1019, 6001));
        w.wait(1).b(seg("R", 6011, 0));
        w.a(seg(".", 1019, 6001));
        w.wait(1).a(seg("P.", 1019, 6001).text(b"more"));
        w.wait(later).b(seg(".", 6001, 1023));
        resets(w)
    };
    let found = run(10).expect("found");
    assert!(found.acknowledged && !found.guessed, "{found:?}");
    // The two directions were captured apart, and one of them is told a little late: the acknowledgment came before the reset.
    assert_eq!(run(2), None);
}

#[test]
fn a_connection_that_survives_a_reset_is_watched_on() {
    let mut w = watched();
    request(&mut w);
    for nth in 0..21 {
        w.wait(1).b(seg(".", 6001 + nth * 10, 1019).len(10));
    }
    w.wait(1).a(seg(".", 1019, 6211));
    // In the window and not the number that A waits for: it asks, and nothing has ended.
    w.wait(1).b(seg("R", 6221, 0));
    w.a(seg(".", 1019, 6211));
    for nth in 0..21 {
        w.wait(1).b(seg(".", 6211 + nth * 10, 1019).len(10));
    }
    w.wait(1).b(seg(".", 6411, 1019).text(b"0123456789"));
    let found = tampered(&w.only());
    assert!(found.resets[1].is_some() && found.rewritten[1].as_ref().is_some_and(|found| found.sure == 1), "{found:?}");
}

#[test]
fn numbers_that_are_tried_are_guesses() {
    let mut w = watched();
    request(&mut w);
    for guess in [100_000, 200_000, 300_000, 400_000_u32] {
        w.b(seg("R", 6001 + guess, 0));
    }
    w.wait(1).b(seg(".", 6001, 1019).len(10));
    let found = resets(w).expect("found");
    assert!(found.guessed, "{found:?}");
}

#[test]
fn a_host_that_resets_and_says_no_more_meant_it() {
    // What was on its way, in any order, and what is sent again: nothing is beyond the reset.
    let mut w = watched();
    request(&mut w);
    w.b(seg(".", 7001, 1019).len(1000));
    w.wait(1).b(seg("R.", 8001, 1019));
    w.wait(30).b(seg(".", 6001, 1019).len(1000));
    w.wait(200).b(seg(".", 6001, 1019).len(1000)).change.take();
    // Late segments of the other side are answered with resets, by the numbers that they acknowledge.
    for acked in [6001, 7001, 8001] {
        w.a(seg(".", 1019, acked));
        w.wait(1).b(seg("R", acked, 0));
    }
    assert_eq!(resets(w), None);
}

#[test]
fn the_other_side_may_go_on_until_the_reset_is_there() {
    let mut w = watched();
    request(&mut w);
    w.wait(1).b(seg("R.", 6001, 1019));
    for nth in 0..5 {
        w.wait(20).a(seg(".", 1019 + nth * 100, 6001).len(100));
        w.wait(1).b(seg("R", 6001, 0));
    }
    assert_eq!(resets(w), None);
}

#[test]
fn half_open_half_closed_and_other_connections_are_innocent() {
    // A client's kernel that knows nothing of its program's SYN (raw sockets).
    let wants = Wants { cited: true, verdicts: true, ..Wants::NONE };
    let mut w = World::with(TrackerConfig { wants, ..TrackerConfig::default() });
    w.a(seg("S", 1000, 0));
    w.wait(1).b(seg("S.", 5000, 1001));
    w.a(seg("R", 1001, 0));
    w.wait(30).a(seg(".", 1001, 5001));
    w.wait(30).a(seg("P.", 1001, 5001).text(b"hello"));
    assert_eq!(tampered(&w.finish()[0]), Tampered::default());
    // A side that has said all resets what comes then.
    let mut w = watched();
    request(&mut w);
    w.b(seg("F.", 6001, 1019));
    w.wait(1).a(seg("P.", 1019, 6002).text(b"more"));
    w.wait(1).b(seg("R", 6002, 0));
    w.wait(100).b(seg("R", 6002, 0));
    assert_eq!(resets(w), None);
    // The ports are used again.
    let mut w = watched();
    request(&mut w);
    w.b(seg("R.", 6001, 1019));
    w.wait(100).a(seg("S", 900_000, 0));
    w.wait(20).b(seg("S.", 7_000_000, 900_001));
    w.wait(1).a(seg("P.", 900_001, 7_000_001).text(b"again"));
    w.wait(20).b(seg("P.", 7_000_001, 900_006).text(b"yes"));
    // A reset of the first one, late.
    w.wait(1).b(seg("R", 6001, 0));
    w.wait(20).b(seg("P.", 7_000_004, 900_006).text(b"yes"));
    assert!(w.finish().iter().all(|record| tampered(record) == Tampered::default()));
}

#[test]
fn data_that_comes_again_with_other_bytes_is_told_with_both_packets() {
    let mut w = watched();
    w.wait(1).a(seg("P.", 1001, 5001).text(b"GET /forged HTTP/1.1\r\n\r\n"));
    w.wait(1).a(seg("P.", 1001, 5001).text(b"GET /genuine HTTP/1.1\r\n\r"));
    let found = rewritten(w).expect("found");
    assert_eq!((found.sure, found.unsure, found.packets.first.as_slice()), (1, 0, &[(0, 4), (0, 5)][..]));
}

#[test]
fn with_the_same_boundaries_a_difference_shows_wherever_it_is() {
    for at in [0, 39, 40, 700, 1459] {
        let mut w = watched();
        let first: Vec<u8> = (0..1460_u32).map(|n| (n * 7) as u8).collect();
        let mut other = first.clone();
        other[at] ^= 0x41;
        w.a(seg(".", 1001, 5001).text(&first));
        w.wait(1).a(seg(".", 2461, 5001).len(1460));
        w.wait(300).a(seg(".", 1001, 5001).text(&other));
        assert!(rewritten(w).is_some_and(|found| found.sure == 1), "{at}");
    }
}

#[test]
fn with_other_boundaries_what_was_kept_is_compared() {
    // A short one, wholly kept: sure. A long one: one may be damage, two are not.
    let attack = |len: usize, times: u32| {
        let mut w = watched();
        for nth in 0..times {
            let seq = 1001 + nth * 2000;
            w.a(seg(".", seq, 5001).len(len));
            w.a(seg(".", seq + len as u32, 5001).len(2000 - len));
            let mut other = vec![b'x'; len + 100];
            other[20..30].fill(b'y');
            w.wait(1).a(seg(".", seq, 5001).text(&other));
        }
        rewritten(w).map(|found| (found.sure, found.unsure))
    };
    assert_eq!(attack(40, 1), Some((1, 0)));
    assert_eq!(attack(500, 1), None);
    assert_eq!(attack(500, 2), Some((0, 2)));
}

#[test]
fn keep_alives_and_probes_of_a_shut_window_are_no_rewriting() {
    let mut w = watched();
    w.a(seg("P.", 1001, 5001).text(b"hello"));
    w.wait(1).b(seg(".", 5001, 1006).window(0));
    for _ in 0..5 {
        // RFC 1122 (4.2.3.6): one byte of garbage below what comes next.
        w.wait(1000).a(seg(".", 1005, 5001).text(b"\0"));
        w.wait(1).b(seg(".", 5001, 1006).window(0));
    }
    w.wait(1).b(seg(".", 5001, 1006));
    w.wait(1).a(seg("P.", 1006, 5001).text(b"world"));
    assert_eq!(rewritten(w), None);
}

#[test]
fn a_damaged_copy_is_no_rewriting_whichever_comes_first() {
    let damaged = |text: &[u8]| {
        let mut bytes = tcp_bytes(A, B, &seg("P.", 1001, 5001).text(text));
        let at = bytes.len() - 3;
        bytes[at] ^= 0x10;
        bytes
    };
    for len in [30, 300] {
        let text = vec![b'q'; len];
        for damaged_first in [true, false] {
            let mut w = watched();
            let good = tcp_bytes(A, B, &seg("P.", 1001, 5001).text(&text));
            let two = if damaged_first { [damaged(&text), good] } else { [good, damaged(&text)] };
            for bytes in &two {
                w.wait(200).send(bytes);
            }
            // And once more, in one piece with what comes next.
            w.a(seg("P.", 1001 + len as u32, 5001).len(50));
            w.wait(200).a(seg("P.", 1001, 5001).text(&[&text[..], &[b'x'; 50]].concat()));
            assert_eq!(rewritten(w), None, "{len} {damaged_first}");
        }
    }
}

#[test]
fn what_was_cut_by_the_capture_is_compared_by_its_checksum() {
    let show = |w: &mut World, bytes: &[u8]| {
        w.number += 1;
        let cut = &bytes[..60];
        let frame = Frame {
            number: w.number,
            source: 0,
            interface: 0,
            ts: w.now,
            link: LinkType::RAW,
            wire_len: bytes.len() as u32,
            bytes: cut,
            direction: None,
            options: None,
            marks: FrameMarks::NONE,
        };
        let meta = PacketMeta {
            source: 0,
            interface: 0,
            number: w.number,
            ts: w.now,
            wire_bytes: bytes.len() as u64,
            frames: 1,
            marks: FrameMarks::NONE,
            pieces: None,
        };
        w.tracker.on_packet(&meta, &decode(&frame), &mut |_: FlowEvent<'_>| {});
    };
    let run = |other: &[u8]| {
        let mut w = watched();
        for nth in 0..2 {
            let seq = 1001 + nth * 500;
            show(&mut w, &tcp_bytes(A, B, &seg(".", seq, 5001).len(500)));
            show(&mut w, &tcp_bytes(A, B, &seg(".", seq, 5001).text(other)));
        }
        rewritten(w).map(|found| (found.sure, found.unsure))
    };
    assert_eq!(run(&[b'x'; 500]), None);
    assert_eq!(run(&[&[b'x'; 490][..], &[b'z'; 10]].concat()), Some((0, 2)));
}

#[test]
fn a_card_s_checksums_do_not_hide_it() {
    // The sum of the pseudo header alone, as a host leaves it to its card.
    let partial = |segment: &Seg| {
        let mut bytes = tcp_bytes(A, B, segment);
        let length = bytes.len() - 20;
        let mut sum = u32::from(6_u16) + length as u32;
        for pair in bytes[12..20].chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
        }
        sum = (sum & 0xffff) + (sum >> 16);
        bytes[36..38].copy_from_slice(&(sum as u16).to_be_bytes());
        bytes
    };
    let run = |again: &[u8], forged_is_partial: bool| {
        let mut w = watched();
        w.send(&partial(&seg(".", 1001, 5001).len(300)));
        let again = seg(".", 1001, 5001).text(again);
        w.wait(1).send(&if forged_is_partial { partial(&again) } else { tcp_bytes(A, B, &again) });
        rewritten(w).map(|found| found.sure)
    };
    let other = [&[b'x'; 200][..], &[b'o'; 100]].concat();
    for partial in [true, false] {
        assert_eq!(run(&other, partial), Some(1));
        assert_eq!(run(&[b'x'; 300], partial), None);
    }
}

#[test]
fn memory_is_given_back_and_its_end_is_told() {
    let wants = Wants { cited: true, verdicts: true, ..Wants::NONE };
    let max_bytes = 6 << 20;
    let mut w = World::with(TrackerConfig { wants, max_bytes, ..TrackerConfig::default() });
    for _ in 0..2 {
        for port in 1..=1000 {
            let host: Host = (A.0, port);
            w.tcp(host, B, seg("S", 1000, 0));
            w.wait(1).tcp(B, host, seg("S.", 5000, 1001));
            for nth in 0..4 {
                w.wait(1).tcp(host, B, seg("P.", 1001 + nth * 10, 5001).len(10));
            }
        }
        for port in 1..=1000 {
            w.tcp((A.0, port), B, seg("R", 1041, 0));
        }
        w.wait(1_000_000).udp(A, B, b"time goes on");
    }
    assert_eq!(w.tracker.stats().evicted, 0);
    let records = w.finish();
    let unwatched = |record: &&FlowRecord| record.cited.as_deref().is_some_and(|cited| cited.unwatched);
    let [first, second] = [&records[..1000], &records[1000..]].map(|records| records.iter().filter(unwatched).count());
    assert!(first == second && (200..800).contains(&first), "{first} {second}");
}

proptest! {
    #[test]
    fn the_same_bytes_in_any_pieces_and_order_are_never_told(
        pieces in prop::collection::vec((0..3000_usize, 1..1500_usize), 1..60),
        cards: bool,
    ) {
        let stream: Vec<u8> = (0..4500_usize).map(|n| (n * n / 7) as u8).collect();
        let mut w = watched();
        for (at, len) in pieces {
            let bytes = tcp_bytes(A, B, &seg(".", 1001 + at as u32, 5001).text(&stream[at..at + len]).window(if cards { 1 } else { 9 }));
            w.wait(1).send(&bytes);
        }
        prop_assert_eq!(rewritten(w), None);
    }

    #[test]
    fn one_of_the_last_with_one_other_byte_is_always_told(
        lens in prop::collection::vec(2..900_usize, 8),
        (which, at, bit) in (0..8_usize, 0..900_usize, 0..8_u8),
    ) {
        let mut w = watched();
        let mut seq = 1001;
        let mut places = Vec::new();
        for len in &lens {
            w.wait(1).a(seg(".", seq, 5001).len(*len));
            places.push(seq);
            seq += *len as u32;
        }
        let mut other = vec![b'x'; lens[which]];
        other[at % lens[which]] ^= 1 << bit;
        w.wait(1).a(seg(".", places[which], 5001).text(&other));
        prop_assert!(rewritten(w).is_some_and(|found| found.sure == 1));
    }
}
