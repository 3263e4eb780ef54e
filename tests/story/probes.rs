//! SYNs of which nobody knows who made them, and answers in two parts.

use crate::made::{Heard, Talk, data, seg};
use sockeye::story::{Host, Mark, Say};

fn by_hand(heard: &Heard) -> Option<bool> {
    heard.of(1).iter().find_map(|claim| if let Say::MadeByHand { probe } = claim.say { Some(probe) } else { None })
}

#[test]
fn a_syn_as_scanners_make_them_is_not_surely_a_connect() {
    let mss = [2, 4, 5, 0xb4];
    let probe = |answer: &str| {
        let mut talk = Talk::new();
        talk.c(seg("S", 0, 0).options(&mss).window(1024)).wait(5.0);
        match answer {
            "refused" => talk.s(seg("R.", 0, 1)),
            "open" => talk.s(seg("S.", 0, 1)).wait(0.1).c(seg("R", 1, 0)),
            _ => &mut talk,
        }
        .told()
    };
    for answer in ["refused", "open", "nothing"] {
        let heard = probe(answer);
        assert_eq!((by_hand(&heard), heard.mark(1, "connect_waits")), (Some(true), Some(Mark::OneOf)), "{answer}");
        assert_eq!(heard.mark(1, "moves"), Some(Mark::OneOf));
    }
    assert_eq!(probe("refused").mark(2, "connect_fails"), Some(Mark::OneOf));
    // The window alone says nothing, nor does MSS alone; and what goes on was a connect().
    let kernel = [2, 4, 5, 0xb4, 4, 2, 1, 1];
    for syn in [seg("S", 0, 0).options(&kernel).window(1024), seg("S", 0, 0).options(&mss).window(16_384)] {
        let mut talk = Talk::new();
        let heard = talk.c(syn).wait(5.0).s(seg("R.", 0, 1)).told();
        assert_eq!((by_hand(&heard), heard.mark(1, "connect_waits")), (None, Some(Mark::Implied)));
    }
    let mut talk = Talk::new();
    talk.c(seg("S", 0, 0).options(&mss).window(1024)).wait(5.0).s(seg("S.", 0, 1)).wait(0.1).c(seg(".", 1, 1)).wait(1.0);
    assert_eq!(by_hand(&talk.c(data(1, 1, "data")).told()), None);
}

#[test]
fn an_answer_that_nobody_acknowledges_may_go_to_a_forged_address() {
    let mut talk = Talk::new();
    talk.c(seg("S", 0, 0).options(&[2, 4, 5, 0xb4, 4, 2, 1, 1]));
    talk.wait(0.1).s(seg("S.", 0, 1)).wait(1000.0).s(seg("S.", 0, 1));
    let heard = talk.told();
    assert_eq!((by_hand(&heard), heard.mark(1, "moves")), (Some(false), Some(Mark::OneOf)));
    assert_eq!(heard.moves(2, Host::Server), ["LISTEN", "SYN-RECEIVED"]);
}

#[test]
fn an_answer_in_two_packets_is_a_split_handshake() {
    let mut talk = Talk::new();
    talk.c(seg("S", 0, 0)).wait(10.0).s(seg(".", 0, 1)).wait(1.0).s(seg("S", 0, 0)).wait(0.1).c(seg("S.", 0, 1));
    talk.wait(10.0).s(seg(".", 1, 1)).wait(1.0).c(data(1, 1, "hello")).wait(10.0).s(seg(".", 1, 6));
    let heard = talk.told();
    assert_eq!(heard.story.scenes[0].steps.len(), 5, "all of it is the set-up");
    assert_eq!((heard.mark(2, "split_ack"), heard.mark(3, "split_syn")), (Some(Mark::Implied), Some(Mark::OneOf)));
    let keys: Vec<_> = (1..=5).flat_map(|number| heard.keys(number)).collect();
    assert!(!keys.contains(&"simultaneous"), "{keys:?}");
    let connected = (1..=5).find(|number| heard.keys(*number).contains(&"connect_returns"));
    assert_eq!(connected, Some(5), "C waits for the ACK of its SYN,ACK");
    assert_eq!(heard.moves(5, Host::Client), ["SYN-RECEIVED", "ESTABLISHED"]);
}
