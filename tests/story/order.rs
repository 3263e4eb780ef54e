//! Calls and states in an order in which they can have been.

use crate::gather;
use crate::made::{Talk, data, seg};
use sockeye::story::{Call, Host, tell};
use std::path::Path;

/// A FIN behind 20 bytes of which the first ten are lost until 200 ms later.
fn fin_behind_a_hole() -> Talk {
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "0123456789")).wait(0.1).c(data(11, 1, "0123456789")).wait(0.1).c(seg("F.", 21, 1));
    talk.wait(10.0).s(seg(".", 1, 1).sack(11, 22)).wait(190.0).c(data(1, 1, "0123456789"));
    talk.wait(10.0).s(seg(".", 1, 22));
    talk
}

#[test]
fn a_fin_waits_behind_what_is_missing() {
    let heard = fin_behind_a_hole().told();
    assert_eq!(heard.moves(6, Host::Server), [""; 0]);
    assert!(!heard.keys(6).contains(&"recv_end"));
    assert_eq!(heard.moves(9, Host::Server), ["ESTABLISHED", "CLOSE-WAIT"]);
    let keys = heard.keys(9);
    let place = |key: &str| keys.iter().position(|is| *is == key).unwrap_or_else(|| panic!("{key}: {keys:?}"));
    assert!(place("recv_can") < place("recv_end"));
}

#[test]
fn a_fin_that_is_sent_again_was_not_known_to_be_acknowledged() {
    let mut talk = fin_behind_a_hole();
    talk.wait(1.0).s(seg("F.", 1, 22)).wait(0.1).c(seg(".", 22, 2)).wait(208.0).s(seg("F.", 1, 22)).wait(0.1).c(seg(".", 22, 2));
    let heard = talk.told();
    assert_eq!(heard.moves(10, Host::Server), ["CLOSE-WAIT", "LAST-ACK"]);
    assert_eq!(heard.moves(11, Host::Server), [""; 0], "this one was lost");
    assert_eq!(heard.moves(13, Host::Server), ["LAST-ACK", "CLOSED"]);
}

#[test]
fn nothing_is_read_while_the_window_is_shut() {
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "0123456789")).wait(10.0).s(seg(".", 1, 11).window(0));
    talk.wait(500.0).s(seg(".", 1, 11).window(9000));
    let heard = talk.told();
    assert!(!heard.keys(5).contains(&"recv_can"));
    assert!(heard.keys(6).contains(&"recv_can"));
}

#[test]
fn who_opens_at_the_same_time_has_called_the_same() {
    let (record, steps) = &gather(Path::new("captures/simultaneous-open.pcap")).expect("the capture")[0];
    let story = tell(steps, record);
    for host in [Host::Client, Host::Server] {
        let calls: Vec<Call> = story
            .before
            .iter()
            .flat_map(|claim| &claim.calls)
            .filter(|called| called.host == host)
            .map(|called| called.call)
            .collect();
        assert!([Call::Socket, Call::Connect].iter().all(|call| calls.contains(call)), "{host:?}: {calls:?}");
        assert!(!calls.contains(&Call::Listen));
    }
}

#[test]
fn a_fin_that_nobody_acknowledges_has_not_arrived_for_all_that_is_known() {
    let mut talk = Talk::open();
    talk.wait(10.0).c(seg("F.", 1, 1)).wait(200.0).c(seg("F.", 1, 1)).wait(400.0).c(seg("F.", 1, 1));
    let heard = talk.told();
    assert_eq!(heard.moves(4, Host::Client), ["ESTABLISHED", "FIN-WAIT-1"]);
    assert_eq!(heard.moves(4, Host::Server), [""; 0]);
    assert!(!heard.keys(4).contains(&"recv_end"));
    // Another one comes through.
    talk.wait(10.0).s(seg(".", 1, 2));
    let heard = talk.told();
    assert_eq!(heard.moves(7, Host::Server), ["ESTABLISHED", "CLOSE-WAIT"]);
    assert!(heard.keys(7).contains(&"recv_end"));
}

#[test]
fn what_was_reset_is_not_broken_off_again() {
    let mut talk = Talk::open();
    talk.wait(10.0).s(seg("R.", 1, 1)).wait(5.0).c(data(1, 1, "too late")).wait(10.0).s(seg("R", 1, 0));
    let heard = talk.told();
    assert!(heard.keys(4).contains(&"breaks"));
    assert_eq!(heard.keys(6), ["late_reset"]);
}

#[test]
fn an_answer_that_is_sent_again_may_not_have_arrived() {
    // Next to S: the first SYN,ACK is lost on the way to C.
    let mut talk = Talk::new();
    talk.c(seg("S", 0, 0)).wait(0.1).s(seg("S.", 0, 1)).wait(1000.0).s(seg("S.", 0, 1)).wait(10.0).c(seg(".", 1, 1));
    talk.wait(1.0).c(data(1, 1, "hello")).wait(0.1).s(seg(".", 1, 6));
    let heard = talk.told();
    assert!(!heard.keys(2).contains(&"connect_returns"));
    assert_eq!(heard.moves(2, Host::Client), [""; 0]);
    assert!(heard.keys(3).contains(&"connect_returns"));
    assert_eq!(heard.moves(3, Host::Client), ["SYN-SENT", "ESTABLISHED"]);
    // Next to C it did arrive.
    let mut talk = Talk::new();
    talk.c(seg("S", 0, 0)).wait(20.0).s(seg("S.", 0, 1)).wait(0.1).c(seg(".", 1, 1)).wait(1000.0).s(seg("S.", 0, 1));
    talk.wait(0.1).c(seg(".", 1, 1));
    let heard = talk.told();
    assert!(heard.keys(2).contains(&"connect_returns"));
}
