//! What stands in a packet, and what is made of it: `=` is for the former only.

use crate::made::{Heard, Talk, data, seg};
use sockeye::flow::VerdictKind;
use sockeye::model::Span;
use sockeye::story::{Break, Host, Mark, Say};

/// The step by which a hole is known to be the capture's.
fn acked(heard: &Heard, number: u64) -> Option<usize> {
    heard.of(number).iter().find_map(|claim| if let Say::HoleWhy { acked } = claim.say { acked } else { None })
}

#[test]
fn a_hole_may_be_the_captures() {
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "ask")).wait(10.0).s(seg(".", 1, 4));
    talk.wait(1.0).s(data(101, 4, "later")).wait(0.1).c(seg(".", 4, 106));
    let heard = talk.told();
    assert_eq!((heard.mark(6, "hole"), heard.mark(6, "hole_why")), (Some(Mark::Seen), Some(Mark::Implied)));
    assert_eq!(acked(&heard, 6), Some(6), "#7 acknowledges what never passed");
    // Nothing tells.
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "ask")).wait(10.0).s(data(101, 4, "later")).wait(0.1).c(seg(".", 4, 1).sack(101, 106));
    talk.wait(10.0).s(data(1, 4, &"x".repeat(100))).wait(0.1).c(seg(".", 4, 106));
    let heard = talk.told();
    assert_eq!((heard.mark(5, "hole_why"), acked(&heard, 5)), (Some(Mark::OneOf), None));
}

#[test]
fn why_something_is_sent_again_is_an_inference() {
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "0123456789")).wait(200.0).c(data(1, 1, "0123456789"));
    talk.wait(400.0).c(data(1, 1, "0123456789")).wait(10.0).s(seg(".", 1, 11));
    let heard = talk.told();
    let marks = ["seen_before", "judged", "trigger"].map(|key| heard.mark(5, key));
    assert_eq!(marks, [Some(Mark::Seen), Some(Mark::Implied), Some(Mark::OneOf)]);
    let mut talk = Talk::new();
    talk.c(seg("S", 0, 0)).wait(1000.0).c(seg("S", 0, 0)).wait(1.0).s(seg("R.", 0, 1));
    let heard = talk.told();
    assert_eq!((heard.mark(2, "syn_again"), heard.mark(2, "set_up_timer")), (Some(Mark::Seen), Some(Mark::Implied)));
    assert_eq!((heard.mark(3, "refuses"), heard.mark(3, "refused_why")), (Some(Mark::Seen), Some(Mark::OneOf)));
}

#[test]
fn nobody_is_known_to_have_asked_for_keep_alives() {
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "0123456789")).wait(10.0).s(seg(".", 1, 11));
    talk.wait(10_000.0).c(seg(".", 10, 1)).wait(10.0).s(seg(".", 1, 11));
    let heard = talk.told();
    assert_eq!((heard.mark(6, "keep_alive"), heard.mark(6, "keep_alive_why")), (Some(Mark::Seen), Some(Mark::OneOf)));
}

/// How long a host has not been heard, by what is said of a packet (or of the end).
fn silent(claims: &[sockeye::story::Claim]) -> Option<(Span, u32)> {
    claims.iter().find_map(|claim| if let Say::Unheard { silent, tries } = claim.say { Some((silent, tries)) } else { None })
}

#[test]
fn a_kernel_that_asked_in_vain_gives_up() {
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "0123456789")).wait(10.0).s(seg(".", 1, 11));
    talk.wait(10_000.0).c(seg(".", 10, 1)).wait(1000.0).c(seg(".", 10, 1)).wait(1000.0).c(seg(".", 10, 1));
    talk.wait(1000.0).c(seg("R.", 11, 1));
    let heard = talk.told();
    assert_eq!(silent(heard.of(6)), None);
    assert_eq!(silent(heard.of(8)), Some((Span::from_secs(12), 2)));
    let causes = heard.of(9).iter().find_map(|claim| if let Say::Breaks { causes } = &claim.say { Some(causes) } else { None });
    assert_eq!(causes.expect("causes")[0], Break::GaveUp);
    // An answer: then it was somebody else.
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "0123456789")).wait(10.0).s(seg(".", 1, 11));
    talk.wait(10_000.0).c(seg(".", 10, 1)).wait(10.0).s(seg(".", 1, 11)).wait(1000.0).c(seg("R.", 11, 1));
    let heard = talk.told();
    let causes = heard.of(8).iter().find_map(|claim| if let Say::Breaks { causes } = &claim.say { Some(causes) } else { None });
    assert!(!causes.expect("causes").contains(&Break::GaveUp));
}

#[test]
fn at_the_end_it_is_said_who_was_silent() {
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "0123456789"));
    for i in 0..6 {
        talk.wait(200.0 * f64::from(1 << i)).c(data(1, 1, "0123456789"));
    }
    let heard = talk.told();
    let keys: Vec<_> = heard.story.after.iter().map(|claim| claim.say.key()).collect();
    assert_eq!(keys, ["still_open", "unheard"]);
    let (span, tries) = silent(&heard.story.after).expect("silence");
    assert_eq!((span.nanos() / 100_000_000, tries), (126, 6));
}

#[test]
fn a_packet_that_was_copied_is_not_sent_again() {
    // The same packets once more, behind a router.
    let mut talk = Talk::new();
    talk.c(seg("S", 0, 0)).wait(1.5).s(seg("S.", 0, 1).datagram(6607, 255)).wait(2.5).s(seg("S.", 0, 1).datagram(6607, 254));
    talk.wait(30.0).c(seg(".", 1, 1)).wait(1.0).c(data(1, 1, "data"));
    talk.wait(1.5).s(seg(".", 1, 5).datagram(6608, 255)).wait(2.5).s(seg(".", 1, 5).datagram(6608, 254));
    let heard = talk.told();
    assert_eq!(heard.keys(3), ["seen_before", "judged"]);
    let kind =
        heard.of(3).iter().find_map(|claim| if let Say::Judged { verdict, .. } = claim.say { Some(verdict.kind) } else { None });
    assert_eq!(kind, Some(VerdictKind::Duplicate));
    assert_eq!(heard.keys(7), ["copied"]);
    // Another acknowledgment with the same numbers is another one.
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "data")).wait(10.0).s(seg(".", 1, 5)).wait(2.0).s(seg(".", 1, 5));
    assert_eq!(talk.told().keys(6), ["plain_ack"]);
}

#[test]
fn urgent_data_is_no_write() {
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "ab!").urgent(3)).wait(10.0).s(seg(".", 1, 4));
    let heard = talk.told();
    assert_eq!((heard.mark(4, "urgent"), heard.mark(4, "sends_urgent")), (Some(Mark::Seen), Some(Mark::OneOf)));
    assert!(!heard.keys(4).contains(&"sends"));
    assert!(heard.of(4).iter().any(|claim| claim.say == Say::Urgent { pointer: 3, last: 3 }));
}

#[test]
fn a_part_of_what_is_sent_again_may_be_new() {
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "0123456789")).wait(1.0).c(data(6, 1, "567890abcd")).wait(10.0).s(seg(".", 1, 16));
    let heard = talk.told();
    assert!(heard.of(5).iter().any(|claim| claim.say == Say::PartNew { fresh: 5, len: 10 }));
}

#[test]
fn a_reset_acknowledges_as_well() {
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "question")).wait(10.0).s(data(1, 9, "answer")).wait(0.1).c(seg("R.", 9, 7));
    let heard = talk.told();
    assert!(heard.story.sums.iter().any(|sum| sum.host == Host::Server && sum.is_even()), "{:?}", heard.story.sums);
}

#[test]
fn what_waited_behind_a_hole_measures_no_round_trip() {
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "ask")).wait(10.0).s(data(101, 4, "later")).wait(0.05).c(seg(".", 4, 1).sack(101, 106));
    talk.wait(40.0).s(data(1, 4, &"x".repeat(100))).wait(0.05).c(seg(".", 4, 106));
    let heard = talk.told();
    assert!(!heard.keys(8).contains(&"round_trip"), "{:?}", heard.of(8));
    // The one block of SACK told what was missing.
    assert_eq!(heard.mark(7, "trigger"), Some(Mark::Implied));
}

#[test]
fn an_acknowledgment_that_was_held_back_is_no_round_trip() {
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "question")).wait(50.4).s(seg(".", 1, 9)).wait(1.0).c(data(9, 1, "more"));
    talk.wait(11.0).s(seg(".", 1, 13));
    let heard = talk.told();
    assert_eq!((heard.mark(5, "ack_waited"), heard.mark(5, "round_trip")), (Some(Mark::OneOf), None));
    assert_eq!((heard.mark(7, "ack_waited"), heard.mark(7, "round_trip")), (None, Some(Mark::Seen)));
}

#[test]
fn a_kernel_resets_by_itself_what_comes_for_a_closed_socket() {
    let mut talk = Talk::open();
    talk.wait(200.0).s(seg("F.", 1, 1)).wait(0.1).c(seg(".", 1, 2)).wait(100.0).c(data(1, 2, "too late"));
    talk.wait(10.0).s(seg("R", 2, 0));
    let heard = talk.told();
    let breaks = heard.of(7).iter().find(|claim| claim.say.key() == "breaks").expect("a reset");
    assert!(breaks.calls.is_empty(), "{breaks:?}");
}
