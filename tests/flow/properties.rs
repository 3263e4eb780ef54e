//! What holds for any packets: nothing panics, every packet is in one record, and how a stream is cut does not matter.

use crate::world::{A, B, Host, Seg, World, seg};
use proptest::prelude::*;
use sockeye::detect::Detectors;
use sockeye::flow::{FlowRecord, TrackerConfig, Wants, fields};

/// Flags of any kind, numbers that are near each other often enough to meet.
fn any_segment() -> impl Strategy<Value = (bool, u8, Seg)> {
    let flags = prop::sample::select(&["S", "S.", ".", "P.", "F.", "R", "R.", "F", "SF", "", "SR", "FR."][..]);
    let number = prop_oneof![1000u32..1100, 4990u32..5100, any::<u32>(), prop::sample::select(&[0, u32::MAX, 1 << 31][..])];
    let scripted = (any::<bool>(), 0u8..4, flags, number.clone(), number, 0usize..60, prop_oneof![Just(0u16), any::<u16>()]);
    scripted.prop_map(|(from_a, port, flags, seq, ack, len, window)| (from_a, port, seg(flags, seq, ack).len(len).window(window)))
}

proptest! {
    #[test]
    fn any_segments_leave_every_packet_in_one_record(
        segments in prop::collection::vec((any_segment(), -500i64..5000), 0..200),
        max_flows in 1usize..6,
        measures: bool,
        cited: bool,
        list_bytes in 0usize..2000,
    ) {
        let wants = Wants { measures, verdicts: cited, cited, ..Wants::default() };
        let mut w = World::with(TrackerConfig { max_flows, wants, list_bytes, ..TrackerConfig::default() });
        let given = segments.len() as u64;
        for ((from_a, port, segment), wait) in segments {
            w.wait(wait);
            let client: Host = (A.0, 40000 + u16::from(port));
            if from_a { w.tcp(client, B, segment) } else { w.tcp(B, client, segment) };
            prop_assert!(w.tracker.stats().active <= max_flows as u64);
        }
        let all = w.finish();
        prop_assert_eq!(all.iter().map(|r| r.orig.packets + r.resp.packets).sum::<u64>(), given);
        for r in &all {
            // tcptrace counts a byte of a SYN that is not the first and has another number.
            let surplus = |side: u64| if measures { side } else { 0 };
            prop_assert!(r.orig.unique_bytes <= r.orig.payload_bytes + surplus(r.orig.packets));
            prop_assert!(r.resp.unique_bytes <= r.resp.payload_bytes + surplus(r.resp.packets));
            prop_assert!(r.end >= r.start && r.last_packet >= r.first_packet);
            for field in fields::all() {
                let _ = (field.get)(r);
            }
        }
        let mut detectors = Detectors::default();
        for r in &all {
            detectors.on_flow(r);
        }
        prop_assert!(detectors.finish(None).findings.iter().all(|finding| finding.flows.total > 0));
    }

    #[test]
    fn any_bytes_are_survived(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 0..40)) {
        let mut w = World::new();
        for mut bytes in packets {
            // Half of them look like IPv4 as far as its first byte.
            if let Some(first) = bytes.first_mut() && *first & 1 == 1 {
                *first = 0x45;
            }
            w.send(&bytes);
        }
        w.finish();
    }

    #[test]
    fn how_a_stream_is_cut_does_not_matter(
        total in 1u32..5000,
        cuts in prop::collection::vec(1u32..5000, 0..30),
        again in prop::collection::vec((0u32..5000, 1u32..800), 0..10),
        isn in any::<u32>(),
        swap in any::<bool>(),
    ) {
        let whole = conversation(isn, &[(0, total)]);
        let mut edges: Vec<u32> = cuts.into_iter().filter(|&cut| cut < total).chain([0, total]).collect();
        edges.sort_unstable();
        edges.dedup();
        let mut pieces: Vec<(u32, u32)> = edges.windows(2).map(|w| (w[0], w[1])).collect();
        if swap {
            pieces.reverse();
        }
        pieces.extend(again.into_iter().map(|(start, len)| (start.min(total), (start + len).min(total))));
        let cut = conversation(isn, &pieces);
        prop_assert_eq!(essence(&whole), essence(&cut));
    }
}

/// A connection in which A sends these pieces of one stream (the order is theirs), and both sides close.
fn conversation(isn: u32, pieces: &[(u32, u32)]) -> FlowRecord {
    let at = |offset: u32| isn.wrapping_add(offset);
    let mut w = World::new();
    w.a(seg("S", at(0), 0));
    w.b(seg("S.", 5000, at(1)));
    w.a(seg(".", at(1), 5001));
    let mut end = 0;
    for &(from, to) in pieces {
        w.a(seg("P.", at(1 + from), 5001).len((to - from) as usize));
        end = end.max(to);
    }
    w.b(seg(".", 5001, at(1 + end)));
    w.a(seg("F.", at(1 + end), 5001));
    w.b(seg("F.", 5001, at(2 + end)));
    w.a(seg(".", at(2 + end), 5002));
    w.only()
}

/// What must not depend on the cutting.
fn essence(r: &FlowRecord) -> impl PartialEq + std::fmt::Debug {
    let h = r.handshake.as_ref().map(|h| (h.outcome, h.syn_retries, h.rtt));
    let side = |s: &sockeye::flow::SideRecord| (s.unique_bytes, s.tcp_state, s.isn, s.flags & 0x17, s.out_of_window_packets);
    (r.state, r.end_reason, r.direction_reason, h, side(&r.orig), side(&r.resp))
}
