//! Who opened it, and by which evidence: the strongest seen in the flow decides, whenever it comes.

use crate::world::{A, B, Host, World, seg};
use sockeye::flow::DirectionReason::{First, Group, LowerPort, Request, Service, Syn, SynAck};
use sockeye::flow::{Direction, DirectionReason, FlowRecord};

fn judged(r: &FlowRecord) -> (u16, DirectionReason) {
    (r.originator.port, r.direction_reason)
}

#[test]
fn ports_decide_where_nothing_else_does() {
    for (from, to, expected) in [
        (443, 50000, (50000, Service)),
        (50000, 443, (50000, Service)),
        (50000, 30000, (50000, LowerPort)),
        (30000, 50000, (50000, LowerPort)),
        (443, 80, (443, LowerPort)),
        (7777, 7777, (7777, First)),
    ] {
        let mut w = World::new();
        w.tcp((A.0, from), (B.0, to), seg(".", 1, 1));
        assert_eq!(judged(&w.only()), expected, "{from} to {to}");
    }
}

#[test]
fn udp_between_high_ports_believes_the_first_packet() {
    let mut w = World::new();
    w.udp((A.0, 20000 + 1), (B.0, 30000), b"x");
    w.udp((B.0, 30000), (A.0, 20000 + 1), b"x");
    let r = w.only();
    assert_eq!(judged(&r), (20001, First));
}

#[test]
fn a_client_hello_or_a_request_turns_a_guess_around() {
    // Both ports are nobody's; the lower one is the client's.
    let (client, server): (Host, Host) = ((A.0, 20001), (B.0, 30000));
    for request in [&b"GET / HTTP/1.1\r\n"[..], &[22, 3, 1, 0, 50, 1, 0, 0, 46]] {
        let mut w = World::new();
        let guess = w.tcp(server, client, seg(".", 1, 1));
        assert_eq!(guess.direction, Some(Direction::Originator));
        let note = w.tcp(client, server, seg("P.", 1, 1).text(request));
        assert_eq!(note.direction, Some(Direction::Originator));
        w.tcp(server, client, seg("P.", 1, 17).len(100));
        let r = w.only();
        assert_eq!(judged(&r), (20001, Request));
        // The counters went with it.
        assert_eq!((r.orig.packets, r.resp.packets, r.resp.unique_bytes), (1, 2, 100));
    }
}

#[test]
fn an_answer_seen_first_names_the_other_side() {
    let (client, server): (Host, Host) = ((A.0, 20001), (B.0, 30000));
    for reply in [&b"HTTP/1.1 200 OK\r\n"[..], &[22, 3, 3, 0, 50, 2, 0, 0, 46]] {
        let mut w = World::new();
        w.tcp(server, client, seg("P.", 1, 1).text(reply));
        assert_eq!(judged(&w.only()), (20001, Request));
    }
    let mut w = World::new();
    w.tcp(server, client, seg("S.", 1, 1));
    assert_eq!(judged(&w.only()), (20001, SynAck));
}

#[test]
fn a_syn_beats_everything() {
    // "Server" ports on the client side.
    let (client, server): (Host, Host) = ((A.0, 80), (B.0, 50000));
    let mut w = World::new();
    w.tcp(client, server, seg("S", 1, 0));
    w.tcp(server, client, seg("S.", 1, 2));
    w.tcp(server, client, seg("P.", 2, 2).text(b"GET / HTTP/1.1\r\n"));
    assert_eq!(judged(&w.only()), (80, Syn));
}

#[test]
fn dns_and_ntp_say_who_asks() {
    let question = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1];
    let answer = [0, 0, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1];
    let mut w = World::new();
    // Old resolvers ask from port 53.
    w.udp((A.0, 53), (B.0, 53), &answer);
    w.udp((B.0, 53), (A.0, 53), &question);
    let r = w.only();
    assert_eq!((r.originator.ip.to_string(), r.direction_reason), ("10.0.0.2".to_owned(), Request));

    let mut w = World::new();
    w.udp((A.0, 123), (B.0, 123), &[0x24; 48]);
    let r = w.only();
    assert_eq!((r.originator.ip.to_string(), r.direction_reason), ("10.0.0.2".to_owned(), Request));
}

#[test]
fn a_group_never_asks() {
    let group: Host = ([224, 0, 0, 251], 5353);
    let mut w = World::new();
    // An mDNS announcement is a reply by its QR bit.
    w.udp((A.0, 5353), group, &[0, 0, 0x84, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    w.udp((A.0, 67), ([255; 4], 68), &[2; 240]);
    let all = w.finish();
    assert_eq!(
        all.iter().map(|r| (r.originator.ip.to_string(), r.direction_reason)).collect::<Vec<_>>(),
        [("10.0.0.1".to_owned(), Group), ("10.0.0.1".to_owned(), Group)]
    );
}
