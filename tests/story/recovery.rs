//! Resets that end something else than the connection they are seen in, or nothing yet (RFC 9293 section 3.5, RFC 5961 section 3.2).

use crate::made::{Talk, data, seg};
use sockeye::flow::State;
use sockeye::story::{Host, Mark};

/// RFC 9293, figure "Half-Open Connection Discovery": C has crashed and comes back with the same ports.
fn half_open() -> Talk {
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "0123456789")).wait(10.0).s(seg(".", 1, 11));
    // #6: the new SYN; S answers with what it waits for in the old connection.
    talk.wait(60_000.0).first_numbers(900_000, 5_000_000).c(seg("S", 0, 0));
    talk.wait(10.0).first_numbers(1000, 5_000_000).s(seg(".", 1, 11));
    talk.wait(0.1).c(seg("R", 11, 0));
    talk.wait(1000.0).first_numbers(900_000, 77_000).c(seg("S", 0, 0));
    talk.wait(10.0).s(seg("S.", 0, 1)).wait(0.1).c(seg(".", 1, 1));
    talk
}

#[test]
fn a_reset_with_the_number_that_the_old_connection_waits_for_ends_that() {
    let heard = half_open().heard();
    let [old, new] = &heard[..] else { panic!("{} conversations", heard.len()) };
    assert_eq!(old.story.after.iter().map(|claim| claim.say.key()).collect::<Vec<_>>(), ["ports_reused"]);
    // An acknowledgment of what C never sent, answered with a reset of that number.
    assert!(new.keys(7).contains(&"challenge_ack"));
    assert_eq!(new.mark(7, "never_sent"), Some(Mark::Implied));
    assert_eq!(new.mark(8, "resets_stray"), Some(Mark::Seen));
    assert_eq!(new.mark(8, "old_one_ends"), Some(Mark::Implied));
    assert!(!new.keys(8).contains(&"reset_ignored"));
    assert_eq!((new.numbers(7).1, new.numbers(8).0), (None, None), "they are numbers of another connection");
    assert_eq!(new.record.state, State::Open);
}

#[test]
fn an_answer_to_an_old_syn_is_answered_with_a_reset_that_counts() {
    let mut talk = Talk::new();
    talk.c(seg("S", 0, 0)).wait(5.0).s(seg("S.", 0, 500)).wait(0.1).c(seg("R", 500, 0));
    talk.wait(1000.0).first_numbers(1000, 9_000_000).c(seg("S", 0, 0));
    talk.wait(10.0).s(seg("S.", 0, 1)).wait(0.1).c(seg(".", 1, 1));
    let heard = talk.told();
    assert_eq!(heard.mark(2, "answers_old_syn"), Some(Mark::OneOf));
    assert_eq!(heard.mark(2, "never_sent"), Some(Mark::Implied));
    assert_eq!(heard.mark(3, "resets_stray"), Some(Mark::Seen));
    assert!(heard.keys(3).contains(&"old_one_ends"));
    assert_eq!(heard.moves(5, Host::Client), ["SYN-SENT", "ESTABLISHED"]);
}

#[test]
fn a_reset_that_answers_nothing_stays_unexplained() {
    let mut talk = Talk::open();
    talk.wait(20.0).s(seg("R", 900_000, 0)).wait(10.0).c(data(1, 1, "go on")).wait(10.0).s(seg(".", 1, 6));
    let heard = talk.told();
    assert_eq!(heard.keys(4), ["reset_ignored"]);
}

#[test]
fn numbers_of_a_connection_that_began_before_are_never_below_1() {
    let mut talk = Talk::new();
    talk.c(data(5000, 300, "second")).wait(10.0).s(seg(".", 300, 5006));
    talk.wait(1.0).c(data(4990, 300, "older data")).wait(10.0).s(seg(".", 300, 5006));
    let heard = talk.told();
    assert_eq!((heard.numbers(1).0, heard.numbers(3).0), (Some(11), Some(1)));
    assert_eq!(heard.numbers(2).1, Some(17));
}

#[test]
fn a_reset_that_is_not_the_number_expected_is_asked_about() {
    let open = || {
        let mut talk = Talk::open();
        talk.wait(1.0).c(data(1, 1, "0123456789")).wait(10.0).s(seg(".", 1, 11));
        talk.wait(9.0).s(seg("R", 100, 0)).wait(0.1).c(seg(".", 11, 1));
        talk
    };
    let heard = open().wait(10.0).s(seg("R", 1, 0)).told();
    assert_eq!(heard.keys(6), ["reset_not_exact"]);
    assert_eq!(heard.mark(7, "asks_reset"), Some(Mark::Implied));
    assert!(heard.keys(8).contains(&"breaks"));
    assert_eq!(heard.moves(8, Host::Client), ["ESTABLISHED", "CLOSED"]);
    assert_eq!(heard.record.state, State::ResetByResponder);
    // A forged one: both go on.
    let heard = open().wait(10.0).c(data(11, 1, "more")).wait(10.0).s(seg(".", 1, 15)).told();
    assert_eq!(heard.keys(6), ["reset_not_exact"]);
    assert!(heard.keys(8).contains(&"sends"));
    assert_eq!(heard.record.state, State::Open);
    // Nobody asks: then it counts, for the capture may have missed what is before it.
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "0123456789")).wait(9.0).s(seg("R", 100, 0));
    assert!(talk.told().keys(5).contains(&"breaks"));
}
