//! Fast open (RFC 7413): data with the SYN, and answers before the handshake is complete.

use crate::gather;
use crate::made::{Talk, data, seg};
use sockeye::story::{Call, Host, Mark, tell};
use std::path::Path;

/// A SYN with data, which S takes, answers and closes before the ACK of its SYN,ACK has come; seen next to C.
fn fast() -> Talk {
    let cookie = [34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1];
    let mut talk = Talk::new();
    talk.c(seg("S", 0, 0).options(&cookie).text(b"request")).wait(40.0).s(seg("S.", 0, 8)).wait(0.1).c(seg(".", 8, 1));
    talk.wait(0.1).s(data(1, 8, "answer")).wait(0.1).s(seg("F.", 7, 8)).wait(0.1).c(seg("F.", 8, 8)).wait(40.0).s(seg(".", 8, 9));
    talk
}

#[test]
fn who_is_open_early_may_end_before_the_handshake_does() {
    let heard = fast().told();
    assert_eq!(heard.mark(1, "sends_early"), Some(Mark::OneOf));
    assert!(heard.keys(2).contains(&"accept_early") && !heard.keys(3).contains(&"accept_can"));
    assert_eq!(heard.mark(2, "fast_open_returns"), Some(Mark::OneOf));
    assert_eq!(heard.moves(3, Host::Server), [""; 0], "it ends before this arrives");
    assert_eq!(heard.moves(5, Host::Server), ["SYN-RECEIVED", "FIN-WAIT-1"]);
    assert_eq!(heard.moves(5, Host::Client), ["ESTABLISHED", "CLOSE-WAIT"]);
    let connects = heard.story.before.iter().flat_map(|claim| &claim.calls).any(|called| called.call == Call::Connect);
    assert!(!connects, "connect() alone sends no data");
}

#[test]
fn the_echo_of_a_timestamp_tells_what_had_arrived() {
    let heard = gather(Path::new("captures/tcp-fastopen.pcap")).expect("the capture");
    let (record, steps) = &heard[1];
    let story = tell(steps, record);
    let moves = story.scenes.iter().flat_map(|scene| &scene.steps).flat_map(|told| &told.claims).filter_map(|claim| {
        if let sockeye::story::Say::Moves { host: Host::Server, from, to, .. } = &claim.say { Some((from, to)) } else { None }
    });
    let names: Vec<Vec<_>> =
        moves.map(|(from, to)| std::iter::once(from).chain(to).map(|state| state.name()).collect()).collect();
    assert_eq!(names[..2], [vec!["LISTEN", "SYN-RECEIVED"], vec!["SYN-RECEIVED", "FIN-WAIT-1"]]);
    // Only the cookie was asked for: the data went with the ACK, and S waited for that.
    let (record, steps) = &heard[0];
    let keys: Vec<_> = tell(steps, record)
        .scenes
        .iter()
        .flat_map(|scene| &scene.steps)
        .flat_map(|told| &told.claims)
        .map(|c| c.say.key())
        .collect();
    assert!(keys.contains(&"sends_early") && keys.contains(&"accept_can") && !keys.contains(&"accept_early"));
}
