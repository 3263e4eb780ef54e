//! Datagrams: which question an answer belongs to, and who cut what came in pieces.

use crate::gather;
use crate::made::{Heard, Talk};
use sockeye::model::Span;
use sockeye::story::{Mark, Say, tell};
use std::path::Path;

/// A DNS message with one question: type A or AAAA of a name.
fn dns(id: u16, answers: bool, name: &str, kind: u8) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([if answers { 0x81 } else { 1 }, if answers { 0x80 } else { 0 }, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, kind, 0, 1]);
    message
}

/// Which step a packet answers, how long after it, and how sure that is.
fn answers(heard: &Heard, number: u64) -> Option<(usize, Span, Mark)> {
    heard.of(number).iter().find_map(|claim| match claim.say {
        Say::Answers { of, took } => Some((of, took, claim.mark)),
        _ => None,
    })
}

#[test]
fn an_answer_of_dns_belongs_to_the_question_with_its_identifier() {
    let mut talk = Talk::new();
    talk.udp(0, &dns(1, false, "a.test", 1)).wait(20.0).udp(0, &dns(2, false, "b.test", 1));
    talk.wait(20.0).udp(0, &dns(3, false, "c.test", 1)).wait(50.0).udp(1, &dns(1, true, "a.test", 1));
    talk.wait(10.0).udp(1, &dns(3, true, "c.test", 1)).wait(10.0).udp(1, &dns(2, true, "b.test", 1));
    let heard = talk.told();
    assert_eq!(answers(&heard, 4), Some((0, Span::from_millis(90), Mark::Seen)));
    assert_eq!(answers(&heard, 5), Some((2, Span::from_millis(60), Mark::Seen)));
    assert_eq!(answers(&heard, 6), Some((1, Span::from_millis(90), Mark::Seen)));
}

#[test]
fn one_identifier_for_two_questions_is_told_apart_by_the_question() {
    let mut talk = Talk::new();
    talk.udp(0, &dns(7, false, "a.test", 1)).wait(1.0).udp(0, &dns(7, false, "a.test", 28));
    talk.wait(9.0).udp(1, &dns(7, true, "A.test", 1)).wait(1.0).udp(1, &dns(9, true, "a.test", 1));
    let heard = talk.told();
    assert_eq!(answers(&heard, 3), Some((0, Span::from_millis(10), Mark::Seen)));
    assert_eq!(answers(&heard, 4), None, "nobody asked that");
}

#[test]
fn of_two_that_are_alike_nobody_knows_which_is_answered() {
    let question = dns(7, false, "a.test", 1);
    let mut talk = Talk::new();
    talk.udp(0, &question).wait(5000.0).udp(0, &question).wait(10.0).udp(1, &dns(7, true, "a.test", 1));
    assert_eq!(answers(&talk.told(), 3), Some((1, Span::from_millis(10), Mark::OneOf)));
    let mut talk = Talk::new();
    talk.udp(0, b"what, first?").wait(5.0).udp(0, b"what, second?").wait(10.0).udp(1, b"this");
    assert_eq!(answers(&talk.told(), 3), Some((1, Span::from_millis(10), Mark::OneOf)));
}

#[test]
fn who_cut_a_datagram_is_no_fact_of_its_pieces() {
    let mut talk = Talk::new();
    talk.udp_in_pieces(&[b'x'; 2000], 1472).wait(10.0).udp(1, b"thanks");
    let heard = talk.told();
    assert_eq!((heard.mark(2, "completes"), heard.mark(2, "cut_by")), (Some(Mark::Seen), Some(Mark::OneOf)));
    assert!(heard.of(2).iter().any(|claim| claim.say == Say::CutBy { v6: false, fresh: Some(64) }));
}

#[test]
fn only_senders_cut_ipv6() {
    let told = gather(Path::new("captures/fragments.pcap")).expect("the capture");
    let cuts = told.iter().filter(|(record, _)| record.originator.ip.is_ipv6()).flat_map(|(record, steps)| {
        let claims = tell(steps, record).scenes.into_iter().flat_map(|scene| scene.steps).flat_map(|told| told.claims);
        claims.filter(|claim| claim.say == Say::CutBy { v6: true, fresh: None }).map(|claim| claim.mark)
    });
    let cuts: Vec<_> = cuts.collect();
    assert!(!cuts.is_empty() && cuts.iter().all(|mark| *mark == Mark::Implied), "{cuts:?}");
}
