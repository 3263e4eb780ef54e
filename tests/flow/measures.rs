//! What is counted and measured by the rules of tcptrace 6.6.7, on scripted connections.

use crate::world::{A, B, Host, World, seg};
use etherparse::TcpOptionElement as Opt;
use sockeye::flow::{MeasuredRecord, SideRecord, TrackerConfig, Wants};
use sockeye::model::Span;

fn world() -> World {
    World::with(TrackerConfig { wants: Wants { measures: true, ..Wants::default() }, ..TrackerConfig::default() })
}

fn measured(side: &SideRecord) -> &MeasuredRecord {
    side.measured.as_ref().expect("it was wanted")
}

#[test]
fn nothing_is_measured_that_nobody_wants() {
    let mut w = World::new();
    w.open();
    assert_eq!(w.only().orig.measured, None);
}

#[test]
fn a_hole_filled_here_is_out_of_order_and_what_passed_before_is_retransmitted() {
    let mut w = world();
    w.open();
    w.a(seg("P.", 1001, 5001).len(100));
    w.a(seg("P.", 1201, 5001).len(100));
    w.a(seg("P.", 1101, 5001).len(100));
    w.a(seg("P.", 1001, 5001).len(300));
    let r = w.only();
    let m = measured(&r.orig);
    // The last one ends with the last byte of what is above: it is retransmitted and in order.
    assert_eq!((m.retransmitted_packets, m.retransmitted_bytes, m.out_of_order_packets), (1, 300, 1));
    assert_eq!((m.unique_bytes, r.orig.unique_bytes, m.at_least), (300, 300, false));
}

#[test]
fn syn_and_fin_are_a_byte_each() {
    let mut w = world();
    w.a(seg("S", 1000, 0));
    w.wait(1000).a(seg("S", 1000, 0));
    w.wait(20).b(seg("S.", 5000, 1001));
    w.wait(1).a(seg(".", 1001, 5001));
    w.a(seg("F.", 1001, 5001).len(10));
    w.wait(300).a(seg("F.", 1001, 5001).len(10));
    let r = w.only();
    let m = measured(&r.orig);
    assert_eq!((m.retransmitted_packets, m.retransmitted_bytes, m.unique_bytes), (2, 12, 10));
    // Which SYN was acknowledged, nobody knows: Karn.
    assert_eq!((m.rtt.samples, m.rtt_ambiguous), (0, 1));
    assert_eq!(measured(&r.resp).rtt.samples, 1);
}

#[test]
fn round_trips_belong_to_the_sender_of_the_data() {
    let mut w = world();
    w.open();
    for (i, took) in [10, 20, 60].into_iter().enumerate() {
        let seq = 1001 + 100 * i as u32;
        w.wait(100).a(seg("P.", seq, 5001).len(100));
        w.wait(took).b(seg(".", 5001, seq + 100));
    }
    // Two segments, one acknowledgment: the later one counts. Then one that covers a half, which is none.
    w.a(seg("P.", 1301, 5001).len(100));
    w.wait(5).a(seg("P.", 1401, 5001).len(100));
    w.wait(10).b(seg(".", 5001, 1501));
    w.a(seg("P.", 1501, 5001).len(100));
    w.wait(10).b(seg(".", 5001, 1551));
    let r = w.only();
    let rtt = measured(&r.orig).rtt;
    let ms = |ms| Some(Span::from_millis(ms));
    assert_eq!((rtt.samples, rtt.min, rtt.avg, rtt.max), (5, ms(10), ms(24), ms(60)));
    // 20 ms of the SYN, 10, 20, 60, 10: (16 + 196 + 16 + 1296 + 196) / 4 = 430.
    assert_eq!(rtt.stdev.map(|stdev| stdev.nanos() / 1000), Some(20_736));
    assert_eq!(measured(&r.resp).rtt.samples, 1);
}

#[test]
fn what_waited_for_a_repair_is_no_round_trip() {
    let mut w = world();
    w.open();
    w.a(seg("P.", 1001, 5001).len(100));
    w.a(seg("P.", 1101, 5001).len(100));
    w.wait(200).a(seg("P.", 1001, 5001).len(100));
    w.wait(20).b(seg(".", 5001, 1201));
    let r = w.only();
    let m = measured(&r.orig);
    assert_eq!((m.rtt.samples, m.rtt_discarded, m.rtt_ambiguous), (1, 1, 0));
}

#[test]
fn probes_of_a_shut_window_count_nowhere_else() {
    let mut w = world();
    w.open();
    w.a(seg("P.", 1001, 5001).len(100));
    w.b(seg(".", 5001, 1101).window(0));
    w.wait(200).a(seg(".", 1101, 5001).len(1));
    w.wait(400).a(seg(".", 1101, 5001).len(1));
    w.b(seg(".", 5001, 1101).window(900));
    w.a(seg("P.", 1101, 5001).len(50));
    let r = w.only();
    let m = measured(&r.orig);
    assert_eq!((m.zero_window_probes, m.retransmitted_packets, m.unique_bytes), (2, 0, 150));
    let answer = measured(&r.resp);
    assert_eq!((r.resp.zero_windows, answer.min_window, answer.max_window), (1, 900, 1000));
    assert_eq!((r.orig.data_packets, r.orig.payload_bytes), (4, 152));
}

#[test]
fn the_windows_of_the_handshake_are_no_measure_of_scaled_ones() {
    let mut w = world();
    w.a(seg("S", 1000, 0).option(Opt::WindowScale(7)).window(65535));
    w.b(seg("S.", 5000, 1001).option(Opt::WindowScale(10)).window(65535));
    w.a(seg(".", 1001, 5001).window(500));
    let r = w.only();
    let (a, b) = (measured(&r.orig), measured(&r.resp));
    assert_eq!((a.min_window, a.max_window), (500 << 7, 500 << 7));
    assert_eq!((b.min_window, b.max_window), (65535, 65535));
}

#[test]
fn data_of_a_reset_and_from_nowhere_count_here_and_not_in_the_stream() {
    let mut w = world();
    w.open();
    w.a(seg("P.", 1001, 5001).len(10));
    w.a(seg("P.", 1001 + 0x8000_0000, 5001).len(10));
    w.a(seg("R.", 1011, 5001).len(7));
    let r = w.only();
    assert_eq!((measured(&r.orig).unique_bytes, r.orig.unique_bytes), (27, 27));
}

#[test]
fn selective_acknowledgments_and_duplicates_reported_by_them_are_counted() {
    let sack = |first| Opt::SelectiveAcknowledgement(first, [None; 3]);
    let mut w = world();
    w.open();
    w.b(seg(".", 5001, 1101).option(sack((1201, 1301))));
    w.b(seg(".", 5001, 1301).option(sack((1001, 1101))));
    w.b(seg("R.", 5001, 1301).option(sack((1001, 1101))));
    let r = w.only();
    assert_eq!((measured(&r.resp).sack_packets, measured(&r.resp).dsack_packets), (2, 1));
}

#[test]
fn timestamps_measure_also_what_began_before_the_capture() {
    let mut w = world();
    w.a(seg("P.", 1001, 5001).len(100).timestamps(70, 900));
    w.wait(30).b(seg(".", 5001, 1101).timestamps(920, 70));
    w.wait(500).b(seg("P.", 5001, 1101).len(5).timestamps(1420, 70));
    w.wait(5).a(seg(".", 1101, 5006).timestamps(605, 1420));
    let r = w.only();
    let of = |side| (measured(side).timestamp_rtt.samples, measured(side).timestamp_rtt.max);
    assert_eq!((of(&r.orig), of(&r.resp)), ((1, Some(Span::from_millis(30))), (1, Some(Span::from_millis(5)))));
}

#[test]
fn many_holes_in_many_flows_share_what_memory_there_is() {
    let wants = Wants { measures: true, ..Wants::default() };
    let mut w = World::with(TrackerConfig { wants, list_bytes: 64 << 10, ..TrackerConfig::default() });
    for port in 0..20 {
        let client: Host = (A.0, 40000 + port);
        for hole in 0..500 {
            w.tcp(client, B, seg(".", 1000 + 20 * hole, 1).len(10));
        }
        w.tcp(client, B, seg(".", 1000 + 20 * 499, 1).len(10));
    }
    let all = w.finish();
    let lost = all.iter().filter(|r| measured(&r.orig).at_least).count();
    // 500 holes take 8 kB. Seven flows had room for them; where nothing was left, the stream's own count stands.
    assert!((12..=14).contains(&lost), "{lost}");
    assert!(all.iter().all(|r| r.orig.unique_bytes == 5000));
}
