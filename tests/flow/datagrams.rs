//! UDP, ICMP and what has no ports: answered, refused, one-way; errors go to the flow they quote.

use crate::world::{A, B, Host, World, icmp, icmp_error, udp_bytes};
use etherparse::{IpNumber, PacketBuilder};
use sockeye::flow::community_id::CommunityId;
use sockeye::flow::{Change, DirectionReason, EndReason, State, TrackerConfig, Wants};
use sockeye::model::Span;

const DNS: Host = ([10, 0, 0, 53], 53);

fn dns(reply: bool) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, if reply { 0x81 } else { 1 }, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(&[1, b'x', 0, 0, 1, 0, 1]);
    message
}

#[test]
fn a_question_and_its_answer() {
    let mut w = World::new();
    let question = w.udp(A, DNS, &dns(false));
    let answer = w.wait(12).udp(DNS, A, &dns(true));
    assert_eq!((question.change, answer.change), (None, Some(Change::State(State::Answered))));
    w.idle(15_000);
    assert_eq!(w.ended.len(), 1, "answered DNS waits no longer than it must");
    let r = w.only();
    assert_eq!(
        (r.state, r.response_time, r.end_reason),
        (State::Answered, Some(Span::from_millis(12)), Some(EndReason::Timeout))
    );
    assert_eq!((r.orig.payload_bytes, r.orig.unique_bytes, r.orig.ip_bytes, r.orig.wire_bytes), (19, 19, 47, 47));
    assert_eq!((r.handshake, r.orig.isn, r.orig.ttl_min), (None, None, Some(64)));
}

#[test]
fn no_reply_is_said_only_where_one_was_due() {
    let mut w = World::new();
    w.udp(A, DNS, &dns(false));
    w.udp(A, (B.0, 9999), b"log line");
    w.udp(A, ([224, 0, 0, 251], 5353), &dns(false));
    let states: Vec<_> = w.finish().iter().map(|r| r.state).collect();
    assert_eq!(states, [State::NoReply, State::OneWay, State::OneWay]);
}

#[test]
fn a_port_unreachable_refuses_and_belongs_to_what_it_quotes() {
    let mut w = World::new();
    let to: Host = (B.0, 9999);
    let datagram = udp_bytes(A, to, b"knock knock");
    w.send(&datagram);
    let note = w.wait(23).send(&icmp_error(B.0, A.0, 3, 3, &datagram));
    assert_eq!((note.flow.map(|id| id.to_string()), note.change), (Some("u1".to_owned()), Some(Change::IcmpError)));
    assert_eq!(note.direction, Some(sockeye::flow::Direction::Responder));
    let r = w.only();
    assert_eq!((r.state, r.response_time, r.icmp_error), (State::Refused, Some(Span::from_millis(23)), Some((3, 3, 2))));
    assert_eq!((r.orig.packets, r.resp.packets, r.last_packet), (1, 0, (0, 2)));
}

#[test]
fn an_error_with_a_tag_belongs_to_what_it_quotes_without() {
    let mut w = World::new();
    let datagram = udp_bytes(A, B, b"12345678");
    w.send(&datagram);
    w.vlan = Some(9);
    let note = w.send(&icmp_error(B.0, A.0, 3, 3, &datagram));
    assert_eq!(note.change, Some(Change::IcmpError));
    assert_eq!(w.only().state, State::Refused);
}

#[test]
fn an_error_that_explains_nothing_does_not_hide_one_that_does() {
    let to: Host = (B.0, 9999);
    let datagram = udp_bytes(A, to, b"knock knock");
    // A redirect, fragmentation needed.
    for (kind, code) in [(5, 1), (3, 4)] {
        let mut w = World::new();
        w.send(&datagram);
        w.send(&icmp_error([10, 0, 0, 254], A.0, kind, code, &datagram));
        w.wait(23).send(&icmp_error(B.0, A.0, 3, 3, &datagram));
        // What comes later does not hide it either.
        w.wait(5).send(&icmp_error([10, 0, 0, 254], A.0, kind, code, &datagram));
        let r = w.only();
        assert_eq!((r.state, r.icmp_error, r.icmp_errors), (State::Refused, Some((3, 3, 3)), 3));
        assert_eq!(r.response_time, Some(Span::from_millis(23)));
    }
}

#[test]
fn an_unreachable_of_another_kind_is_unreachable() {
    let mut w = World::new();
    let datagram = udp_bytes(A, B, b"12345678");
    w.send(&datagram);
    w.send(&icmp_error([10, 3, 3, 3], A.0, 11, 0, &datagram));
    assert_eq!(w.only().state, State::Unreachable);
}

#[test]
fn an_error_about_the_answer_leaves_the_question_answered() {
    let mut w = World::new();
    w.udp(A, DNS, &dns(false));
    let answer = udp_bytes(DNS, A, &dns(true));
    w.send(&answer);
    let note = w.send(&icmp_error(A.0, DNS.0, 3, 3, &answer));
    assert_eq!(note.direction, Some(sockeye::flow::Direction::Originator));
    let r = w.only();
    assert_eq!((r.state, r.icmp_errors), (State::Answered, 1));
}

#[test]
fn an_error_about_an_unknown_flow_is_a_flow_of_its_own() {
    let mut w = World::new();
    let quoted = udp_bytes(A, B, b"12345678");
    let note = w.send(&icmp_error(B.0, A.0, 3, 3, &quoted));
    assert_eq!(note.flow.map(|id| id.to_string()), Some("i1".to_owned()));
    let r = w.only();
    assert_eq!((r.state, r.originator.port, r.responder.port, r.orig.packets), (State::OneWay, 3, 3, 1));
}

#[test]
fn echo_and_reply_are_one_conversation_whoever_is_seen_first() {
    let mut w = World::with(TrackerConfig { wants: Wants::COMMUNITY_ID, ..TrackerConfig::default() });
    w.send(&icmp(B.0, A.0, &[0, 0, 0, 0, 0, 1, 0, 1]));
    w.wait(5).send(&icmp(A.0, B.0, &[8, 0, 0, 0, 0, 1, 0, 2]));
    let r = w.only();
    assert_eq!(
        (r.state, r.direction_reason, r.originator.ip.to_string()),
        (State::Answered, DirectionReason::Request, "10.0.0.1".to_owned())
    );
    assert_eq!((r.originator.port, r.responder.port, r.response_time), (8, 0, None));
    assert_eq!(r.community_id, Some(CommunityId::new(r.responder, r.originator, r.protocol, 0)));
}

#[test]
fn an_unanswered_echo_has_no_reply_and_a_time_exceeded_explains_it() {
    let mut w = World::new();
    w.send(&icmp(A.0, B.0, &[8, 0, 0, 0, 0, 1, 0, 2]));
    assert_eq!(w.only().state, State::NoReply);
    let mut w = World::new();
    let echo = icmp(A.0, B.0, &[8, 0, 0, 0, 0, 1, 0, 2]);
    w.send(&echo);
    w.send(&icmp_error([10, 3, 3, 3], A.0, 11, 0, &echo));
    assert_eq!(w.only().state, State::Unreachable);
}

#[test]
fn other_protocols_are_conversations_between_addresses() {
    let mut w = World::new();
    for (from, to) in [(A.0, B.0), (B.0, A.0)] {
        let mut out = Vec::new();
        PacketBuilder::ipv4(from, to, 1).write(&mut out, IpNumber(89), &[2; 24]).unwrap();
        w.send(&out);
    }
    let r = w.only();
    assert_eq!((r.id.to_string(), r.state, r.protocol.0), ("x1".to_owned(), State::Answered, 89));
    assert_eq!((r.originator.port, r.responder.port), (0, 0));
}

#[test]
fn a_piece_of_a_datagram_is_no_flow() {
    let mut w = World::new();
    let mut datagram = udp_bytes(A, B, &[0; 64]);
    datagram[6] = 0x20; // more fragments
    assert_eq!(w.send(&datagram).flow, None);
    assert_eq!(w.tracker.stats().total(), 0);
}
