//! How connections begin: the eight outcomes, retries, round trips, options.

use crate::world::{A, B, Host, World, icmp, icmp_error, seg, tcp_bytes};
use etherparse::TcpOptionElement as Opt;
use sockeye::flow::record::TcpState;
use sockeye::flow::{Change, DirectionReason, EndReason, Outcome, State};
use sockeye::model::Span;

const fn ms(n: i64) -> Span {
    Span::from_millis(n)
}

#[test]
fn a_normal_handshake_is_measured_and_its_options_kept() {
    let mut w = World::new();
    let syn = seg("S", 1000, 0).option(Opt::MaximumSegmentSize(1460)).option(Opt::WindowScale(7));
    let opening = w.a(syn.option(Opt::SelectiveAcknowledgementPermitted).timestamps(1, 0));
    let answer = seg("S.", 5000, 1001).option(Opt::MaximumSegmentSize(1400)).option(Opt::WindowScale(10));
    let syn_ack = w.wait(20).b(answer.window(65535));
    let ack = w.wait(3).a(seg(".", 1001, 5001).window(500));

    assert_eq!(opening.change, Some(Change::State(State::Opening)));
    assert_eq!((opening.relative_seq, opening.relative_ack), (Some(0), None));
    assert_eq!(syn_ack.change, Some(Change::SynAck(Span::from_millis(20))));
    assert_eq!((syn_ack.relative_seq, syn_ack.relative_ack), (Some(0), Some(1)));
    assert_eq!(ack.change, Some(Change::State(State::Open)));
    assert_eq!((ack.relative_seq, ack.relative_ack, ack.window_scale), (Some(1), Some(1), Some(7)));
    assert_eq!(w.outcomes, [Outcome::Established]);

    let r = w.only();
    let h = r.handshake.clone().expect("a handshake");
    assert_eq!((r.state, r.end_reason, r.direction_reason), (State::Open, Some(EndReason::EndOfCapture), DirectionReason::Syn));
    assert_eq!([h.syn, h.syn_ack, h.ack].map(|p| p.map(|p| p.0)), [Some(1), Some(2), Some(3)]);
    assert_eq!((h.rtt_responder, h.rtt_originator, h.rtt), (Some(ms(20)), Some(ms(3)), Some(ms(23))));
    assert!(!h.rtt_ambiguous && !h.fast_open);
    assert_eq!((r.orig.mss, r.orig.window_scale, r.orig.sack_permitted, r.orig.timestamps), (Some(1460), Some(7), true, true));
    assert_eq!((r.resp.mss, r.resp.window_scale, r.resp.sack_permitted, r.resp.timestamps), (Some(1400), Some(10), false, false));
    assert_eq!((r.orig.isn, r.resp.isn), (Some(1000), Some(5000)));
    assert_eq!([r.orig.tcp_state, r.resp.tcp_state], [Some(TcpState::Established); 2]);
}

#[test]
fn a_reset_that_acknowledges_the_syn_is_a_refusal_and_no_other_is() {
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    let stray = w.wait(1).b(seg("R.", 0, 4711));
    let without_ack = w.wait(1).b(seg("R", 0, 0));
    assert_eq!((stray.change, without_ack.change), (None, None));
    let refused = w.wait(20).b(seg("R.", 0, 1001));
    assert_eq!(refused.change, Some(Change::State(State::Refused)));
    let r = w.only();
    let h = r.handshake.clone().expect("a handshake");
    assert_eq!((r.state, h.outcome, r.end_reason), (State::Refused, Outcome::Refused, Some(EndReason::Rst)));
    assert_eq!((h.refusal.map(|p| p.0), h.rtt_responder, h.rtt, r.round_trip()), (Some(4), Some(ms(22)), None, Some(ms(22))));
    assert_eq!(r.resp.out_of_window_packets, 2);
}

#[test]
fn a_reset_of_a_syn_ack_whose_syn_was_missed_is_no_refusal() {
    for reset in [seg("R", 1001, 0), seg("R.", 1001, 5001)] {
        let mut w = World::new();
        w.b(seg("S.", 5000, 1001));
        let note = w.a(&reset);
        assert_eq!(note.change, Some(Change::State(State::ResetByOriginator)));
        let r = w.only();
        let outcome = r.handshake.map(|h| (h.outcome, h.refusal.map(|p| p.0)));
        assert_eq!((r.state, outcome), (State::ResetByOriginator, Some((Outcome::HalfOpen, Some(2)))));
        assert_eq!((r.originator.port, r.orig.out_of_window_packets), (A.1, 0));
    }
}

#[test]
fn syn_retries_up_to_a_minute_apart_are_one_attempt() {
    let mut w = World::new();
    let mut notes = vec![w.a(seg("S", 1000, 0))];
    for gap in [1, 2, 4, 8, 16, 32, 64] {
        notes.push(w.wait(gap * 1000).a(seg("S", 1000, 0)));
    }
    let retries: Vec<_> = notes[1..].iter().map(|note| note.change).collect();
    assert_eq!(retries, (1..=7).map(|n| Some(Change::SynRetry(n))).collect::<Vec<_>>());
    assert_eq!(w.outcomes, []);
    w.idle(131_000);
    assert_eq!(w.outcomes, [Outcome::NoAnswer]);
    let r = w.only();
    let h = r.handshake.clone().expect("a handshake");
    assert_eq!(
        (r.state, r.end_reason, h.outcome, h.syn_retries),
        (State::NoAnswer, Some(EndReason::Timeout), Outcome::NoAnswer, 7)
    );
    assert_eq!(r.orig.packets, 8);
    assert_eq!((h.rtt, h.last_syn.map(|t| t - r.start)), (None, Some(ms(127_000))));
    assert_eq!([r.orig.tcp_state, r.resp.tcp_state], [Some(TcpState::SynSent), None]);
}

#[test]
fn copies_of_a_syn_that_no_timer_sends_are_no_retries() {
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    let copy = w.wait(1).a(seg("S", 1000, 0));
    assert_eq!(copy.change, None);
    let again = w.wait(1000).a(seg("S", 1000, 0));
    let copied = w.wait(1).a(seg("S", 1000, 0));
    assert_eq!((again.change, copied.change), (Some(Change::SynRetry(1)), None));
    w.idle(131_000);
    let r = w.only();
    assert_eq!((r.state, r.handshake.map(|h| h.syn_retries), r.orig.packets), (State::NoAnswer, Some(1), 4));
}

#[test]
fn the_answer_to_a_repeated_syn_is_timed_from_the_copy_that_its_echo_names() {
    for (echo, expected, ambiguous) in [(10, Some(ms(1030)), false), (20, Some(ms(30)), false), (0, Some(ms(30)), true)] {
        let mut w = World::new();
        w.a(seg("S", 1000, 0).timestamps(10, 0));
        w.wait(1000).a(seg("S", 1000, 0).timestamps(20, 0));
        w.wait(30).b(seg("S.", 5000, 1001).timestamps(7, echo));
        w.a(seg(".", 1001, 5001));
        let h = w.only().handshake.expect("a handshake");
        assert_eq!((h.rtt_responder, h.rtt_ambiguous, h.syn_retries), (expected, ambiguous, 1), "echo {echo}");
    }
}

#[test]
fn an_answer_to_the_third_of_four_syns_is_timed_from_that() {
    let mut w = World::new();
    for value in [10, 20, 30, 40] {
        w.wait(1000).a(seg("S", 1000, 0).timestamps(value, 0));
    }
    w.wait(30).b(seg("S.", 5000, 1001).timestamps(7, 30));
    let h = w.only().handshake.expect("a handshake");
    assert_eq!((h.rtt_responder, h.rtt_ambiguous), (Some(ms(1030)), false));
}

#[test]
fn an_icmp_error_is_timed_from_the_syn_that_it_quotes_where_that_is_told() {
    // Identifications of the copies, that of the quote, how much is quoted, and what is measured.
    let (short, long) = (28, usize::MAX);
    for (ids, quoted, length, expected, ambiguous) in [
        ([7, 8, 9], 7, short, 2030, false),
        ([7, 8, 9], 8, short, 1030, false),
        ([7, 8, 9], 9, long, 30, false),
        // Nobody's, and everybody's: a router may write it anew (RFC 6864).
        ([7, 8, 9], 5, short, 30, true),
        ([0, 0, 0], 0, short, 30, true),
        // The timestamp tells, if it is quoted.
        ([0, 0, 0], 0, long, 1030, false),
        ([7, 7, 8], 7, short, 30, true),
    ] {
        let mut w = World::new();
        let mut copies = Vec::new();
        for (at, id) in ids.iter().enumerate() {
            let mut bytes = tcp_bytes(A, B, &seg("S", 1000, 0).timestamps(10 + at as u32, 0));
            bytes[4..6].copy_from_slice(&u16::to_be_bytes(*id));
            w.wait(if at == 0 { 0 } else { 1000 }).send(&bytes);
            copies.push(bytes);
        }
        // The middle one of those that are alike.
        let at = ids.iter().position(|id| *id == quoted).unwrap_or(1).max(usize::from(quoted == 0));
        let mut quote = copies[at].clone();
        quote[4..6].copy_from_slice(&u16::to_be_bytes(quoted));
        quote.truncate(length);
        let error = [&[3, 1, 0, 0, 0, 0, 0, 0][..], &quote].concat();
        w.wait(30).send(&icmp([10, 0, 0, 9], A.0, &error));
        let h = w.only().handshake.expect("a handshake");
        let measured = (h.outcome, h.rtt_responder, h.rtt_ambiguous);
        assert_eq!(measured, (Outcome::Unreachable, Some(ms(expected)), ambiguous), "{ids:?} {quoted} {length}");
    }
}

#[test]
fn a_syn_ack_without_its_ack_is_half_open() {
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    for _ in 0..3 {
        w.wait(1000).b(seg("S.", 5000, 1001));
    }
    w.idle(76_000);
    assert_eq!(w.outcomes, [Outcome::HalfOpen]);
    let r = w.only();
    let h = r.handshake.clone().expect("a handshake");
    assert_eq!((r.state, h.outcome, h.syn_ack_retries, h.ack), (State::HalfOpen, Outcome::HalfOpen, 2, None));
    assert_eq!((h.rtt_responder, h.rtt), (Some(ms(1000)), None));
    assert_eq!([r.orig.tcp_state, r.resp.tcp_state], [Some(TcpState::Established), Some(TcpState::SynReceived)]);
}

#[test]
fn a_syn_scan_is_reset_by_its_sender_and_never_complete() {
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    w.b(seg("S.", 5000, 1001));
    assert_eq!(w.a(seg("R", 1001, 0)).change, Some(Change::State(State::ResetByOriginator)));
    // A SYN-ACK that was under way does not bring it back.
    w.b(seg("S.", 5000, 1001));
    let r = w.only();
    assert_eq!((r.state, r.handshake.map(|h| h.outcome)), (State::ResetByOriginator, Some(Outcome::HalfOpen)));
}

#[test]
fn an_icmp_error_that_quotes_the_syn_is_unreachable_until_an_answer_comes() {
    let syn = seg("S", 1000, 0);
    let quoted = tcp_bytes(A, B, &syn);
    let forged = tcp_bytes(A, B, &seg("S", 999, 0));
    let mut w = World::new();
    w.a(syn.clone());
    w.send(&icmp_error([10, 9, 9, 9], A.0, 3, 1, &forged));
    assert_eq!(w.outcomes, []);
    let note = w.wait(5).send(&icmp_error([10, 9, 9, 9], A.0, 3, 1, &quoted));
    assert_eq!((note.change, note.flow.map(|id| id.to_string())), (Some(Change::IcmpError), Some("c1".to_owned())));
    assert_eq!(w.tracker.stats().icmp, 0, "it belongs to the flow it quotes");
    w.wait(995).a(syn);
    w.wait(30).b(seg("S.", 5000, 1001));
    w.wait(1).a(seg(".", 1001, 5001));
    let r = w.only();
    let h = r.handshake.clone().expect("a handshake");
    assert_eq!((r.state, h.outcome, h.rtt_responder), (State::Open, Outcome::Established, Some(ms(30))));
    // The error is no evidence of how it came out.
    assert_eq!((h.refusal, h.icmp), (None, None));
    assert_eq!((r.icmp_error, r.icmp_errors, r.orig.packets + r.resp.packets), (Some((3, 1, 2)), 2, 4));
}

#[test]
fn a_refusal_after_an_icmp_error_has_its_own_evidence() {
    let mut w = World::new();
    let syn = seg("S", 1000, 0);
    w.a(&syn);
    w.wait(5).send(&icmp_error([10, 9, 9, 9], A.0, 11, 0, &tcp_bytes(A, B, &syn)));
    w.wait(995).a(&syn);
    w.wait(30).b(seg("R.", 0, 1001));
    w.wait(30).b(seg("R.", 0, 1001));
    assert_eq!(w.outcomes, [Outcome::Unreachable, Outcome::Refused]);
    let h = w.only().handshake.expect("a handshake");
    assert_eq!((h.outcome, h.refusal.map(|p| p.0), h.icmp), (Outcome::Refused, Some(4), None));
    assert_eq!((h.rtt_responder, h.rtt_ambiguous), (Some(ms(30)), true));
}

#[test]
fn a_clock_that_steps_back_measures_nothing() {
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    w.wait(-100).b(seg("S.", 5000, 1001));
    w.wait(50).a(seg(".", 1001, 5001));
    let h = w.only().handshake.expect("a handshake");
    assert_eq!((h.rtt_responder, h.rtt_originator, h.rtt), (None, Some(ms(50)), None));
    assert!(h.rtt_ambiguous);
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    w.wait(-100).b(seg("R.", 0, 1001));
    let r = w.only();
    assert_eq!((r.state, r.round_trip()), (State::Refused, None));
}

#[test]
fn the_acknowledgment_chooses_between_two_answers() {
    for (chosen, number, leg) in [(5000, 2, 25), (9000, 3, 5)] {
        let mut w = World::new();
        w.a(seg("S", 1000, 0));
        w.wait(10).b(seg("S.", 5000, 1001).option(Opt::MaximumSegmentSize(500)));
        w.wait(20).b(seg("S.", 9000, 1001).option(Opt::MaximumSegmentSize(900)));
        w.wait(5).a(seg(".", 1001, chosen + 1));
        w.a(seg("P.", 1001, chosen + 1).len(5));
        w.b(seg("P.", chosen + 1, 1006).len(7));
        w.a(seg(".", 1006, chosen + 8));
        let r = w.only();
        let h = r.handshake.clone().expect("a handshake");
        assert_eq!((r.state, r.resp.isn, r.orig.unique_bytes, r.resp.unique_bytes), (State::Open, Some(chosen), 5, 7));
        assert_eq!((r.orig.out_of_window_packets, r.resp.out_of_window_packets), (0, 0));
        assert_eq!((h.syn_ack.map(|p| p.0), h.ack.map(|p| p.0), r.resp.mss), (Some(number), Some(4), Some(chosen as u16 / 10)));
        assert_eq!((h.rtt_responder, h.rtt_originator, h.rtt_ambiguous), (Some(ms(10)), Some(ms(leg)), false));
    }
}

#[test]
fn unreachable_stays_so_when_nothing_else_comes() {
    let mut w = World::new();
    let syn = seg("S", 1000, 0);
    w.a(syn.clone());
    w.wait(5).send(&icmp_error([10, 9, 9, 9], A.0, 3, 13, &tcp_bytes(A, B, &syn)));
    let r = w.only();
    let h = r.handshake.clone().expect("a handshake");
    assert_eq!(
        (r.state, h.outcome, h.icmp, h.refusal.map(|p| p.0)),
        (State::Unreachable, Outcome::Unreachable, Some((3, 13)), Some(2))
    );
}

#[test]
fn too_big_is_not_unreachable() {
    let mut w = World::new();
    let syn = seg("S", 1000, 0);
    w.a(syn.clone());
    w.send(&icmp_error([10, 9, 9, 9], A.0, 3, 4, &tcp_bytes(A, B, &syn)));
    let r = w.only();
    assert_eq!((r.state, r.icmp_error), (State::NoAnswer, Some((3, 4, 2))));
}

#[test]
fn two_syns_that_cross_are_one_simultaneous_open() {
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    w.wait(1).b(seg("S", 5000, 0));
    w.wait(10).a(seg("S.", 1000, 5001));
    w.wait(10).b(seg("S.", 5000, 1001));
    assert_eq!(w.outcomes, [Outcome::Simultaneous]);
    let r = w.only();
    let h = r.handshake.clone().expect("a handshake");
    assert_eq!((r.state, h.outcome, h.syn_retries, h.syn_ack_retries), (State::Open, Outcome::Simultaneous, 0, 0));
    assert_eq!((h.rtt_responder, h.rtt_originator), (Some(ms(21)), Some(ms(10))));
    assert_eq!([r.orig.tcp_state, r.resp.tcp_state], [Some(TcpState::Established); 2]);
    assert_eq!(r.orig.isn, Some(1000));
}

#[test]
fn an_answer_in_two_packets_is_a_split_handshake() {
    // ACK, then SYN; and a SYN that is answered by a SYN-ACK.
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    w.wait(10).b(seg(".", 5000, 1001));
    w.wait(1).b(seg("S", 5000, 0));
    w.wait(2).a(seg("S.", 1000, 5001));
    let r = w.only();
    let h = r.handshake.clone().expect("a handshake");
    assert_eq!((r.state, h.outcome, h.rtt_responder, h.rtt_originator), (State::Open, Outcome::Split, Some(ms(10)), Some(ms(2))));

    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    w.wait(10).b(seg("S", 5000, 0));
    w.wait(2).a(seg("S.", 1000, 5001));
    w.wait(10).b(seg(".", 5001, 1001));
    let r = w.only();
    assert_eq!((r.state, r.handshake.map(|h| h.outcome)), (State::Open, Some(Outcome::Split)));
    assert_eq!((r.originator.port, r.direction_reason), (A.1, DirectionReason::Syn));
}

#[test]
fn a_capture_that_begins_midway_says_so() {
    let mut w = World::new();
    let note = w.a(seg("P.", 70_000, 90_000).len(100));
    w.b(seg(".", 90_000, 70_100));
    assert_eq!((note.change, note.relative_seq), (Some(Change::State(State::Midway)), None));
    let r = w.only();
    let h = r.handshake.clone().expect("a handshake");
    assert_eq!((r.state, h.outcome, h.syn, h.rtt), (State::Midway, Outcome::Midway, None, None));
    assert_eq!((r.orig.unique_bytes, r.orig.isn), (100, None));
    assert_eq!(r.direction_reason, DirectionReason::Service);
}

#[test]
fn what_was_missed_of_a_handshake_is_inferred_from_what_follows() {
    // The SYN-ACK was missed.
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    w.a(seg(".", 1001, 5001));
    let r = w.only();
    let h = r.handshake.expect("a handshake");
    assert_eq!((r.state, h.outcome, h.syn_ack, h.ack.map(|p| p.0)), (State::Open, Outcome::Established, None, Some(2)));
    // The SYN was missed.
    let mut w = World::new();
    w.b(seg("S.", 5000, 1001));
    w.wait(3).a(seg(".", 1001, 5001));
    let r = w.only();
    assert_eq!((r.originator.port, r.direction_reason), (A.1, DirectionReason::SynAck));
    let h = r.handshake.expect("a handshake");
    assert_eq!(
        (r.state, h.outcome, h.syn, h.rtt_originator, h.rtt),
        (State::Open, Outcome::Established, None, Some(ms(3)), None)
    );
    // The ACK was missed: the server would not send data without it.
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    w.b(seg("S.", 5000, 1001));
    w.b(seg("P.", 5001, 1001).len(10));
    assert_eq!(w.only().state, State::Open);
    // Only the SYN-ACK: nothing says that it was ever acknowledged.
    let mut w = World::new();
    w.b(seg("S.", 5000, 1001));
    assert_eq!(w.only().state, State::HalfOpen);
}

#[test]
fn fast_open_data_before_the_ack_is_no_completion() {
    let mut w = World::new();
    w.a(seg("S", 1000, 0).len(50));
    w.b(seg("S.", 5000, 1051));
    w.b(seg("P.", 5001, 1051).len(10));
    assert_eq!(w.outcomes, []);
    w.a(seg(".", 1051, 5011));
    let r = w.only();
    let h = r.handshake.clone().expect("a handshake");
    assert_eq!((h.outcome, h.fast_open, r.orig.unique_bytes, r.resp.unique_bytes), (Outcome::Established, true, 50, 10));
}

#[test]
fn a_challenge_ack_and_its_reset_do_not_end_the_attempt() {
    // B remembers an older connection (RFC 9293 section 3.5.1, half-open recovery).
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    w.b(seg(".", 800_000, 300_000_000));
    w.a(seg("R", 300_000_000, 0));
    w.wait(1000).a(seg("S", 1000, 0));
    w.b(seg("S.", 5000, 1001));
    w.a(seg(".", 1001, 5001));
    let r = w.only();
    let h = r.handshake.clone().expect("a handshake");
    assert_eq!((r.state, h.outcome, h.syn_retries), (State::Open, Outcome::Established, 1));
    assert_eq!((r.orig.out_of_window_packets, r.resp.out_of_window_packets), (1, 1));
}

#[test]
fn an_acknowledgment_far_beyond_the_syn_ack_opens_nothing() {
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    w.b(seg("S.", 5000, 1001));
    assert_eq!(w.a(seg(".", 1001, 5001 + 0x3000_0000)).change, None);
    // The answer to it (RFC 9293 section 3.10.7.4) is for no connection that the client has.
    assert_eq!(w.b(seg("R", 5001 + 0x3000_0000, 0)).change, None);
    let r = w.only();
    assert_eq!((r.state, r.handshake.map(|h| h.outcome)), (State::HalfOpen, Some(Outcome::HalfOpen)));
    assert_eq!((r.orig.out_of_window_packets, r.resp.out_of_window_packets), (1, 1));
}

#[test]
fn a_copy_of_the_syn_with_fewer_options_changes_nothing_that_was_agreed() {
    let mut w = World::new();
    w.a(seg("S", 1000, 0).option(Opt::WindowScale(7)).option(Opt::MaximumSegmentSize(1460)));
    w.b(seg("S.", 5000, 1001).option(Opt::WindowScale(7)));
    w.a(seg(".", 1001, 5001));
    w.a(seg("S", 1000, 0));
    assert_eq!(w.a(seg(".", 1001, 5001)).window_scale, Some(7));
    let r = w.only();
    assert_eq!((r.orig.window_scale, r.orig.mss), (Some(7), Some(1460)));
    // Before the answer it is the last copy that the other side answers.
    let mut w = World::new();
    w.a(seg("S", 1000, 0).option(Opt::WindowScale(7)));
    w.a(seg("S", 1000, 0));
    assert_eq!(w.only().orig.window_scale, None);
}

#[test]
fn a_header_without_room_for_itself_is_taken_by_nobody() {
    let mut w = World::new();
    w.open();
    let mut reset = tcp_bytes(A, B, &seg("R", 1001, 0));
    reset[32] = 0x10;
    assert_eq!(w.send(&reset).change, None);
    let r = w.only();
    assert_eq!((r.state, r.orig.packets, r.orig.out_of_window_packets), (State::Open, 3, 1));
    // It begins nothing either.
    let mut w = World::new();
    assert_eq!(w.send(&reset).flow, None);
    assert_eq!(w.tracker.stats().total(), 0);
}

#[test]
fn the_same_syn_after_a_refusal_is_the_same_attempt() {
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    w.b(seg("R.", 0, 1001));
    w.wait(500).a(seg("S", 1000, 0));
    w.b(seg("R.", 0, 1001));
    let r = w.only();
    assert_eq!((r.state, r.handshake.map(|h| h.syn_retries), r.orig.packets), (State::Refused, Some(1), 2));
}

#[test]
fn another_first_number_on_the_same_ports_is_another_attempt() {
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    w.wait(1000).a(seg("S", 777_000, 0));
    w.b(seg("S.", 5000, 777_001));
    let all = w.finish();
    assert_eq!(all.iter().map(|r| r.end_reason).collect::<Vec<_>>(), [Some(EndReason::Reused), Some(EndReason::EndOfCapture)]);
    assert_eq!(all.iter().map(|r| r.state).collect::<Vec<_>>(), [State::NoAnswer, State::HalfOpen]);
}

#[test]
fn a_syn_overtaken_by_its_answer_still_belongs_to_it() {
    let mut w = World::new();
    w.b(seg("S.", 5000, 1001));
    w.a(seg("S", 1000, 0));
    w.a(seg(".", 1001, 5001));
    let r = w.only();
    assert_eq!((r.state, r.direction_reason, r.orig.isn), (State::Open, DirectionReason::Syn, Some(1000)));
}

#[test]
fn one_port_of_a_server_keeps_its_clients_apart() {
    let mut w = World::new();
    for port in 1000..1100u16 {
        let client: Host = ([10, 0, 0, 7], port);
        w.tcp(client, B, seg("S", 1000, 0));
        w.tcp(B, client, seg("S.", 5000, 1001));
    }
    assert_eq!(w.tracker.stats().tcp, 100);
    let all = w.finish();
    assert!(all.iter().all(|r| r.orig.packets == 1 && r.resp.packets == 1));
    assert_eq!(all[41].id.to_string(), "c42");
}

#[test]
fn ipv6_connections_are_connections() {
    let mut w = World::new();
    let (a, b) = ([0x20; 16], [0x21; 16]);
    let send = |w: &mut World, from_a: bool, syn: bool, ack: Option<u32>| {
        let step = if from_a {
            etherparse::PacketBuilder::ipv6(a, b, 61).tcp(40000, 443, 1000, 500)
        } else {
            etherparse::PacketBuilder::ipv6(b, a, 52).tcp(443, 40000, 1000, 500)
        };
        let step = if syn { step.syn() } else { step };
        let mut out = Vec::new();
        let step = if let Some(ack) = ack { step.ack(ack) } else { step };
        step.write(&mut out, &[]).unwrap();
        w.send(&out)
    };
    send(&mut w, true, true, None);
    send(&mut w, false, true, Some(1001));
    send(&mut w, true, false, Some(1001));
    let r = w.only();
    assert_eq!((r.state, r.originator.to_string()), (State::Open, "[2020:2020:2020:2020:2020:2020:2020:2020]:40000".to_owned()));
    assert_eq!((r.orig.ttl_min, r.resp.ttl_max, r.orig.ip_bytes), (Some(61), Some(52), 120));
}
