//! How connections end: FIN from either side or both, resets that count and resets that do not, ports used again.

use crate::world::{World, seg};
use sockeye::flow::record::TcpState::{CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, TimeWait};
use sockeye::flow::{Change, EndReason, State};

#[test]
fn each_step_of_a_normal_close_has_its_states() {
    let mut w = World::new();
    w.open();
    let states = |w: &World| {
        let r = w.active();
        (r.orig.tcp_state.unwrap(), r.resp.tcp_state.unwrap(), r.state)
    };
    w.a(seg("F.", 1001, 5001));
    assert_eq!(states(&w), (FinWait1, CloseWait, State::Closing));
    w.b(seg(".", 5001, 1002));
    assert_eq!(states(&w), (FinWait2, CloseWait, State::HalfClosed));
    w.b(seg("P.", 5001, 1002).len(10));
    w.a(seg(".", 1002, 5011));
    assert_eq!(states(&w), (FinWait2, CloseWait, State::HalfClosed));
    w.b(seg("F.", 5011, 1002));
    assert_eq!(states(&w), (TimeWait, LastAck, State::Closing));
    let last = w.a(seg(".", 1002, 5012));
    assert_eq!(last.change, Some(Change::State(State::Closed)));
    assert_eq!(states(&w), (TimeWait, Closed, State::Closed));
    // The FIN again, and its ACK, are still this connection.
    w.wait(400).b(seg("F.", 5011, 1002));
    w.a(seg(".", 1002, 5012));
    w.idle(15_000);
    assert_eq!(w.ended.len(), 1);
    let r = w.only();
    assert_eq!((r.state, r.end_reason), (State::Closed, Some(EndReason::Fin)));
    assert_eq!((r.orig.unique_bytes, r.resp.unique_bytes), (0, 10));
}

#[test]
fn fins_that_cross_close_both_ways() {
    let mut w = World::new();
    w.open();
    w.a(seg("F.", 1001, 5001));
    w.b(seg("F.", 5001, 1001));
    let r = w.active();
    assert_eq!([r.orig.tcp_state, r.resp.tcp_state], [Some(Closing); 2]);
    w.a(seg(".", 1002, 5002));
    w.b(seg(".", 5002, 1002));
    let r = w.only();
    assert_eq!([r.orig.tcp_state, r.resp.tcp_state], [Some(TimeWait); 2]);
    assert_eq!(r.state, State::Closed);
}

#[test]
fn a_reset_has_a_direction() {
    for originator in [true, false] {
        let mut w = World::new();
        w.open();
        let note = if originator { w.a(seg("R.", 1001, 5001)) } else { w.b(seg("R", 5001, 0)) };
        let expected = if originator { State::ResetByOriginator } else { State::ResetByResponder };
        assert_eq!(note.change, Some(Change::State(expected)));
        // What was under way, and what it provokes, changes nothing more.
        w.b(seg("P.", 5001, 1001).len(10));
        w.a(seg("R", 1001, 0));
        let r = w.only();
        assert_eq!((r.state, r.end_reason), (expected, Some(EndReason::Rst)));
        assert_eq!([r.orig.tcp_state, r.resp.tcp_state], [Some(Closed); 2]);
    }
}

#[test]
fn a_reset_outside_the_window_is_counted_and_ignored() {
    let mut w = World::new();
    w.open();
    for seq in [1000, 1001 + 1001, 0, 0x8000_0000, 0xffff_ffff] {
        assert_eq!(w.a(seg("R", seq, 0)).change, None, "{seq}");
    }
    w.a(seg("P.", 1001, 5001).len(5));
    // Inside the window that B offered (RFC 5961 would have B ask back first), and at its end.
    let r = w.only();
    assert_eq!((r.state, r.orig.out_of_window_packets, r.orig.packets), (State::Open, 5, 8));
    let mut w = World::new();
    w.open();
    w.a(seg("R", 1001 + 1000, 0));
    assert_eq!(w.only().state, State::ResetByOriginator);
}

#[test]
fn a_reset_that_is_answered_with_an_acknowledgment_was_not_taken() {
    // RFC 5961 (3.2): within the window, and not the number that A waits for. What A says decides.
    let open = || {
        let mut w = World::new();
        w.open();
        w.a(seg("P.", 1001, 5001).len(10));
        w.b(seg(".", 5001, 1011));
        assert_eq!(w.b(seg("R", 5101, 0)).change, Some(Change::State(State::ResetByResponder)));
        w
    };
    let mut w = open();
    assert_eq!(w.a(seg(".", 1011, 5001)).change, Some(Change::State(State::Open)));
    w.a(seg("P.", 1011, 5001).len(10));
    let r = w.only();
    assert_eq!((r.state, r.orig.tcp_state), (State::Open, Some(Established)));
    let mut w = open();
    w.a(seg(".", 1011, 5001));
    w.b(seg("R", 5001, 0));
    let r = w.only();
    assert_eq!((r.state, r.orig.tcp_state), (State::ResetByResponder, Some(Closed)));
    // Data may have been on their way when it came.
    let mut w = open();
    w.a(seg("P.", 1011, 5001).len(10));
    assert_eq!(w.only().state, State::ResetByResponder);
}

#[test]
fn resets_of_one_sided_captures_fit_any_window() {
    // B's packets were never seen, so what window it offered is not known.
    let mut w = World::new();
    w.a(seg("P.", 1001, 5001).len(10));
    w.a(seg("R", 1021, 0));
    let r = w.only();
    assert_eq!((r.state, r.orig.out_of_window_packets), (State::ResetByOriginator, 0));
}

#[test]
fn an_acknowledgment_of_nothing_does_not_defeat_a_reset() {
    // Far ahead, near enough to be possible, and where no window is known.
    for (bad, midway) in [(900_000_000, false), (5_000, false), (900_000_000, true), (5_000, true)] {
        let mut w = World::new();
        if midway {
            w.a(seg(".", 1001, 5001));
            w.b(seg(".", 5001, 1001));
        } else {
            w.open();
        }
        w.b(seg("P.", 5001, 1001).len(10));
        w.a(seg(".", 1001, 5011 + bad));
        w.b(seg("R", 5011, 0));
        let r = w.only();
        assert_eq!((r.state, r.resp.out_of_window_packets), (State::ResetByResponder, 0), "{bad} {midway}");
        // It is charged to who sent it, where it can be told.
        assert_eq!(r.orig.out_of_window_packets, u64::from(bad > 100_000 && !midway), "{bad} {midway}");
    }
}

#[test]
fn a_stray_fin_far_ahead_does_not_freeze_the_close() {
    for far in [500_000_000, 200_000, 50_000] {
        let mut w = World::new();
        w.open();
        w.a(seg("F.", 1001 + far, 5001));
        w.a(seg("P.", 1001, 5001).len(10));
        w.b(seg(".", 5001, 1011));
        w.a(seg("F.", 1011, 5001));
        w.b(seg("F.", 5001, 1012));
        let last = w.a(seg(".", 1012, 5002));
        assert_eq!(last.change, Some(Change::State(State::Closed)), "{far}");
        let r = w.only();
        assert_eq!((r.state, r.end_reason), (State::Closed, Some(EndReason::Fin)), "{far}");
        assert_eq!((r.orig.unique_bytes, r.orig.out_of_window_packets), (10, u64::from(far > 131_072)), "{far}");
    }
}

#[test]
fn only_flags_that_matter_were_captured_and_the_close_is_seen_still() {
    // As by `tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0`: 300 MB went by unseen.
    let (x, y) = (1001 + 1000, 5001 + 300_000_000);
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    w.b(seg("S.", 5000, 1001));
    w.b(seg("F.", y, x));
    w.a(seg("F.", x, y + 1));
    let r = w.only();
    assert_eq!((r.state, r.orig.out_of_window_packets, r.resp.out_of_window_packets), (State::Closing, 0, 0));
    assert_eq!([r.orig.tcp_state, r.resp.tcp_state], [Some(LastAck), Some(TimeWait)]);
}

#[test]
fn data_after_the_fin_is_no_data() {
    let mut w = World::new();
    w.open();
    w.a(seg("F.", 1001, 5001));
    w.a(seg("P.", 1002, 5001).len(50));
    w.b(seg(".", 5001, 1002));
    w.a(seg("P.", 1002, 5001).len(50));
    let r = w.only();
    assert_eq!((r.state, r.orig.unique_bytes, r.orig.payload_bytes), (State::HalfClosed, 0, 100));
    assert_eq!(r.orig.out_of_window_packets, 1);
}

#[test]
fn a_reset_after_both_fins_is_a_close() {
    let mut w = World::new();
    w.open();
    w.a(seg("F.", 1001, 5001));
    w.b(seg("F.", 5001, 1002));
    w.a(seg("R", 1002, 0));
    let r = w.only();
    assert_eq!((r.state, r.end_reason), (State::Closed, Some(EndReason::Fin)));
}

#[test]
fn a_reset_after_one_fin_is_a_reset() {
    let mut w = World::new();
    w.open();
    w.a(seg("F.", 1001, 5001));
    w.b(seg("P.", 5001, 1002).len(100));
    w.a(seg("R", 1002, 0));
    assert_eq!(w.only().state, State::ResetByOriginator);
}

#[test]
fn a_reset_numbered_like_the_fin_before_it_counts() {
    let close = |reset: u32| {
        let mut w = World::new();
        w.open();
        w.b(seg("F.", 5001, 1001));
        w.a(seg("P.", 1001, 5002).len(10));
        w.b(seg("R", reset, 0));
        let r = w.only();
        (r.state, r.resp.out_of_window_packets)
    };
    // As macOS sends it, as it should be, and one before the FIN.
    assert_eq!(close(5001), (State::ResetByResponder, 0));
    assert_eq!(close(5002), (State::ResetByResponder, 0));
    assert_eq!(close(5000), (State::HalfClosed, 1));
    // The FIN's own number is no licence before the FIN was acknowledged.
    let mut w = World::new();
    w.open();
    w.b(seg("F.", 5001 + 70_000, 1001));
    w.b(seg("R", 5001 + 70_001 + 1, 0));
    assert_eq!(w.only().resp.out_of_window_packets, 1);
}

#[test]
fn ports_used_again_are_a_new_connection_whatever_became_of_the_old_one() {
    type Case = (&'static str, fn(&mut World), EndReason);
    let ends: [Case; 4] = [
        (
            "closed",
            |w| {
                w.a(seg("F.", 1001, 5001));
                w.b(seg("F.", 5001, 1002));
                w.a(seg(".", 1002, 5002));
            },
            EndReason::Fin,
        ),
        (
            "reset",
            |w| {
                w.a(seg("R", 1001, 0));
            },
            EndReason::Rst,
        ),
        (
            "half closed",
            |w| {
                w.a(seg("F.", 1001, 5001));
                w.b(seg(".", 5001, 1002));
            },
            EndReason::Reused,
        ),
        ("open", |_| {}, EndReason::Reused),
    ];
    for (name, end, reason) in ends {
        let mut w = World::new();
        w.open();
        end(&mut w);
        w.wait(1000).a(seg("S", 900_000, 0));
        w.b(seg("S.", 950_000, 900_001));
        w.a(seg(".", 900_001, 950_001));
        let all = w.finish();
        assert_eq!(all.len(), 2, "{name}");
        assert_eq!(all[0].end_reason, Some(reason), "{name}");
        assert_eq!((all[1].state, all[1].orig.packets), (State::Open, 2), "{name}");
        assert_eq!(all[1].id.to_string(), "c2");
    }
}

#[test]
fn a_copy_of_the_syn_is_never_a_new_connection() {
    let mut w = World::new();
    w.open();
    w.a(seg("S", 1000, 0));
    w.b(seg("S.", 5000, 1001));
    w.a(seg("P.", 1001, 5001).len(10));
    let r = w.only();
    assert_eq!((r.state, r.orig.unique_bytes, r.orig.packets), (State::Open, 10, 4));
}

#[test]
fn a_connection_the_other_way_on_refused_ports_is_a_new_one() {
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    w.b(seg("R.", 0, 1001));
    w.b(seg("S", 60_000, 0));
    let all = w.finish();
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].state, all[1].state, all[1].originator.port), (State::Refused, State::NoAnswer, 80));
}
