//! ICMP errors about a SYN: whether `connect()` has returned is shown by what its kernel sends afterwards (RFC 1122 section 4.2.3.9).

use crate::made::{Heard, Talk, seg};
use sockeye::model::Span;
use sockeye::story::{Errno, Host, Mark, Say, times};

fn connect_time(heard: &Heard) -> Span {
    let steps: Vec<_> = heard.steps.iter().collect();
    times(&heard.story, &steps, &heard.record).expect("an attempt").connect
}

fn ends(heard: &Heard, number: u64) -> bool {
    heard.keys(number).iter().any(|key| ["connect_fails", "error_returns"].contains(key))
}

#[test]
fn a_syn_that_goes_again_shows_that_connect_had_not_returned() {
    let mut talk = Talk::new();
    talk.c(seg("S", 0, 0)).wait(0.1).icmp_to_syn(3, 13);
    talk.wait(1013.0).c(seg("S", 0, 0)).wait(0.1).icmp_to_syn(3, 13);
    let heard = talk.told();
    assert_eq!(heard.mark(2, "connect_goes_on"), Some(Mark::Implied));
    assert!(heard.of(2).iter().any(|claim| claim.say == Say::ConnectGoesOn { next: 2 }));
    assert!(!ends(&heard, 2));
    assert_eq!(heard.moves(2, Host::Client), Vec::<&str>::new());
    // Nothing comes after the second one. Prohibited is no hard error: a kernel may go on.
    assert_eq!(heard.mark(4, "error_returns"), Some(Mark::OneOf));
    assert_eq!((heard.moves(4, Host::Client), heard.mark(4, "moves")), (vec!["SYN-SENT", "CLOSED"], Some(Mark::OneOf)));
    assert!(heard.story.after.is_empty());
}

#[test]
fn the_first_error_after_the_last_syn_ends_the_attempt_and_others_say_nothing() {
    let mut talk = Talk::new();
    talk.c(seg("S", 0, 0)).wait(1007.0).c(seg("S", 0, 0)).wait(1024.0).c(seg("S", 0, 0));
    talk.wait(0.1).icmp_to_syn(3, 1).wait(0.1).icmp_to_syn(3, 1).wait(3000.0).icmp_to_syn(3, 1);
    let heard = talk.told();
    assert_eq!(heard.keys(4), ["reported", "error_returns", "moves"]);
    assert_eq!((heard.keys(5), heard.keys(6)), (vec!["reported"], vec!["reported"]));
    assert_eq!(connect_time(&heard).nanos() / 100_000, 20_311, "what came later belongs to no connect()");
    assert_eq!(heard.record.round_trip(), None, "a router that searched is no round trip");
}

#[test]
fn a_hard_error_ends_it() {
    let mut talk = Talk::new();
    talk.c(seg("S", 0, 0)).wait(5.0).icmp_to_syn(3, 3);
    let heard = talk.told();
    assert!(heard.of(2).iter().any(|claim| claim.say == Say::ConnectFails(Errno::ConnRefused)));
    assert_eq!((heard.mark(2, "connect_fails"), heard.mark(2, "moves")), (Some(Mark::Implied), Some(Mark::Implied)));
}

#[test]
fn an_answer_after_an_error_shows_that_connect_waited() {
    let mut talk = Talk::new();
    talk.c(seg("S", 0, 0)).wait(5.0).icmp_to_syn(3, 1).wait(5.0).s(seg("S.", 0, 1)).wait(0.1).c(seg(".", 1, 1));
    let heard = talk.told();
    assert!(heard.keys(2).contains(&"connect_goes_on") && !ends(&heard, 2));
    assert_eq!(heard.moves(3, Host::Client), ["SYN-SENT", "ESTABLISHED"]);
}

#[test]
fn who_goes_on_to_the_end_may_get_what_was_reported() {
    let mut talk = Talk::new();
    talk.c(seg("S", 0, 0)).wait(0.1).icmp_to_syn(3, 1).wait(1000.0).c(seg("S", 0, 0)).wait(1000.0).c(seg("S", 0, 0));
    let heard = talk.told();
    assert!(heard.keys(2).contains(&"connect_goes_on"));
    assert_eq!(heard.story.after[0].say, Say::StillKnocking { tries: 3, error: Some(Errno::HostUnreach) });
}
