//! Where the time went: what TCP makes a sender wait for is not its program's time, and what cannot be known is not told.

use crate::gather;
use crate::made::{Heard, Talk, data, seg};
use sockeye::model::Span;
use sockeye::story::{Host, Times, tell, times};
use std::path::Path;

fn time(heard: &Heard) -> Option<Times> {
    let steps: Vec<_> = heard.steps.iter().collect();
    times(&heard.story, &steps, &heard.record)
}

fn ms(span: Span) -> f64 {
    span.nanos() as f64 / 1e6
}

#[track_caller]
fn near(span: Span, expected: f64) {
    assert!((ms(span) - expected).abs() < 0.5, "{} ms, not {expected}", ms(span));
}

#[test]
fn a_question_an_answer_and_a_pause_belong_to_their_programs() {
    let mut talk = Talk::open();
    talk.wait(3.0).c(data(1, 1, "question")).wait(10.0).s(seg(".", 1, 9)).wait(40.0).s(data(1, 9, "answer"));
    talk.wait(0.1).c(seg(".", 9, 7)).wait(200.0).c(data(9, 7, "another")).wait(10.0).s(seg(".", 7, 16));
    let times = time(&talk.told()).expect("both ways are known");
    near(times.connect, 10.0);
    near(times.of(Host::Server), 40.0);
    near(times.of(Host::Client), 203.0);
    near(times.network, 10.0);
}

#[test]
fn a_second_small_write_waits_for_the_acknowledgment_of_the_first() {
    // RFC 9293 (3.7.4), Nagle: S has written both at once, and the second leaves when the ACK of the first is there.
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "question")).wait(11.0).s(data(1, 9, "head")).wait(0.1).c(seg(".", 9, 5));
    talk.wait(10.0).s(data(5, 9, "body")).wait(0.1).c(seg(".", 9, 9));
    let times = time(&talk.told()).expect("both ways are known");
    near(times.of(Host::Server), 1.0);
    near(times.transfer, 10.0);
}

#[test]
fn next_to_the_sender_slow_start_and_a_full_window_are_seen() {
    let mut talk = Talk::open();
    let flight = |talk: &mut Talk, first: i64, n: i64| {
        for i in 0..n {
            talk.wait(0.01).c(seg(".", first + i * 1000, 1).text(&[b'x'; 1000]));
        }
    };
    talk.wait(0.1);
    flight(&mut talk, 1, 10);
    talk.wait(25.0).s(seg(".", 1, 10_001).window(8000)).wait(0.05);
    flight(&mut talk, 10_001, 8);
    // There is no room for more until the program of S has read.
    talk.wait(10.0).s(seg(".", 1, 12_001).window(6000)).wait(300.0).s(seg(".", 1, 18_001).window(60_000)).wait(0.05);
    flight(&mut talk, 18_001, 3);
    talk.wait(10.0).s(seg(".", 1, 21_001));
    let times = time(&talk.told()).expect("both ways are known");
    near(times.of(Host::Client), 0.0);
    near(times.of(Host::Server), 0.0);
    near(times.transfer, 25.4);
    near(times.shut, 310.0);
}

#[test]
fn what_cannot_be_known_is_not_told() {
    let mut one_way = Talk::new();
    one_way.c(data(1, 1, "a")).wait(6000.0).c(data(2, 1, "b")).wait(10.0).c(data(3, 1, "c"));
    assert_eq!(time(&one_way.told()), None);
    let mut refused = Talk::new();
    refused.c(seg("S", 0, 0)).wait(10.0).s(seg("R.", 0, 1));
    let times = time(&refused.told()).expect("all of it is the attempt");
    assert_eq!((times.connect, times.sum()), (Span::from_millis(10), Span::from_millis(10)));
}

#[test]
fn the_handshake_of_tls_is_a_phase_of_its_own() {
    let (record, steps) = &gather(Path::new("captures/tls.pcap")).expect("the capture")[0];
    let story = tell(steps, record);
    let list: Vec<_> = steps.iter().collect();
    let times = times(&story, &list, record).expect("both ways are known");
    // From the client's hello at 14.4 ms to its second flight at 28.7 ms, as tshark has them.
    assert!((14.0..15.0).contains(&ms(times.tls)), "{times:?}");
    // It made its hello in 2.7 ms, and read the page.
    near(times.of(Host::Client), 2.7);
    assert!(times.transfer > Span::ZERO, "{times:?}");
}
