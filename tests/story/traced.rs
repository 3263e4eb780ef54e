//! What strace saw beside what was captured: a call is told at its own connection and at its own moment, or not at all.

use super::made::{Talk, data, seg};
use sockeye::story::{Host, Mark, Say, SynSeen, TraceError, read_trace, settle};

/// When a made capture begins, in seconds.
const START: i64 = 1_700_000_000;

/// A line of strace, so many microseconds after the beginning of the capture.
fn line(process: &str, us: i64, call: &str) -> String {
    let at = START * 1_000_000 + us;
    format!("{process}{}.{:06} {call}\n", at / 1_000_000, at % 1_000_000)
}

/// The lines of a process.
fn lines(process: &str, calls: &[(i64, &str)]) -> String {
    calls.iter().map(|(us, call)| line(process, *us, call)).collect()
}

const SOCKET: &str = "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3";
const CONNECT: &str = "connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"10.0.0.2\")}, 16) = 0";

/// C asks with 5 bytes 1 ms after its handshake, S answers with 7 after 10 ms more, C hangs up 1 ms later, S another.
fn talk() -> Talk {
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "hello")).wait(10.0).s(data(1, 6, "welcome")).wait(0.05).c(seg(".", 6, 8));
    talk.wait(1.0).c(seg("F.", 6, 8)).wait(10.0).s(seg("F.", 8, 7)).wait(0.05).c(seg(".", 7, 9));
    talk
}

/// Its client's calls.
const CLIENT: [(i64, &str); 6] = [
    (-100, SOCKET),
    (-50, CONNECT),
    (11_000, "sendto(3, \"hello\", 5, 0, NULL, 0) = 5"),
    (11_200, "recvfrom(3, \"welcome\", 100, 0, NULL, NULL) = 7"),
    (22_080, "close(3) = 0"),
    (22_300, "write(1, \"done\", 4) = 4"),
];

/// Calls of the traced host as they are told: the packet after which (0: before the first), the name, what it returned, and whether a
/// packet is said to be its.
fn told_of(talk: &Talk, trace: &str) -> Result<Vec<(u64, String, i64, bool)>, TraceError> {
    told_beside(talk, trace, &[])
}

fn told_beside(talk: &Talk, trace: &str, syns: &[SynSeen]) -> Result<Vec<(u64, String, i64, bool)>, TraceError> {
    let heard = talk.told();
    let steps: Vec<_> = heard.steps.iter().collect();
    let trace = read_trace(trace, &heard.record, &steps, syns)?;
    let mut story = heard.story.clone();
    settle(&mut story, &steps, &trace);
    let told = story.scenes.iter().flat_map(|scene| &scene.steps);
    let told = told.flat_map(|told| told.claims.iter().map(|claim| (steps[told.step].number, claim)));
    let all = story.before.iter().map(|claim| (0, claim)).chain(told);
    Ok(all
        .filter_map(|(number, claim)| match &claim.say {
            Say::Traced { name, returned, before, .. } => {
                assert_eq!((claim.mark, claim.host), (Mark::Seen, Some(trace.host)));
                assert!(before.is_none_or(|before| before.nanos() >= 0), "{name} after its packet: {before:?}");
                Some((number, name.clone(), *returned, before.is_some()))
            }
            _ => None,
        })
        .collect())
}

fn expected() -> Vec<(u64, String, i64, bool)> {
    let call = |number, name: &str, returned, tied| (number, name.to_owned(), returned, tied);
    vec![
        call(0, "socket", 3, false),
        call(1, "connect", 0, true),
        call(4, "sendto", 5, true),
        call(5, "recvfrom", 7, false),
        call(7, "close", 0, true),
    ]
}

#[test]
fn a_number_used_before_and_afterwards_is_of_other_connections() {
    let before: Vec<_> = CLIENT.iter().map(|(us, call)| (us - 500_000, *call)).collect();
    let after: Vec<_> = CLIENT.iter().map(|(us, call)| (us + 500_000, *call)).collect();
    // The one before sent something else.
    let before = lines("7 ", &before).replace("\"hello\", 5, 0, NULL, 0) = 5", "\"hi\", 2, 0, NULL, 0) = 2");
    let trace = [before, lines("7 ", &CLIENT), lines("7 ", &after)].concat();
    assert_eq!(told_of(&talk(), &trace), Ok(expected()));
}

#[test]
fn processes_with_the_same_number_are_kept_apart() {
    let other = [
        (-90, SOCKET),
        (-40, "connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"10.0.0.2\")}, 16) = -1 EINPROGRESS (Now)"),
        (10_900, "sendto(3, \"elsewhere\", 9, 0, NULL, 0) = 9"),
        (11_100, "recvfrom(3, \"x\", 100, 0, NULL, NULL) = 4000"),
        (21_000, "close(3) = 0"),
    ];
    for [own, theirs] in [["[pid  7] ", "[pid  8] "], ["7 ", "8 "], ["7     ", "12345 "]] {
        let mut all: Vec<_> = CLIENT.iter().map(|(us, call)| (us, line(own, *us, call))).collect();
        all.extend(other.iter().map(|(us, call)| (us, line(theirs, *us, call))));
        all.sort();
        let trace: String = all.into_iter().map(|(_, line)| line).collect();
        assert_eq!(told_of(&talk(), &trace), Ok(expected()), "{own}");
    }
}

#[test]
fn a_connection_that_is_not_in_the_trace_has_none_of_its_calls() {
    for later in [-90_000, -5_000, 86_300] {
        let moved: Vec<_> = CLIENT.iter().map(|(us, call)| (us + later, *call)).collect();
        assert_eq!(told_of(&talk(), &lines("7 ", &moved)), Err(TraceError::OtherConnections), "{later}");
    }
    // At the right time, with other sizes.
    let other = lines("7 ", &CLIENT).replace("\"hello\", 5, 0, NULL, 0) = 5", "\"hel\", 3, 0, NULL, 0) = 3");
    assert_eq!(told_of(&talk(), &other), Err(TraceError::OtherConnections));
    // With another port of its own.
    let name = "getsockname(3, {sa_family=AF_INET, sin_port=htons(40001), sin_addr=inet_addr(\"10.0.0.1\")}, [16]) = 0";
    let other = lines("7 ", &[&CLIENT[..2], &[(10_500, name)], &CLIENT[2..]].concat());
    assert_eq!(told_of(&talk(), &other), Err(TraceError::OtherConnections));
    let elsewhere = lines("7 ", &CLIENT).replace("htons(80)", "htons(81)");
    assert_eq!(told_of(&talk(), &elsewhere), Err(TraceError::OtherSockets));
    assert_eq!(told_of(&talk(), "hello\nworld 1 2"), Err(TraceError::NotStrace));
}

#[test]
fn two_connections_that_fit_alike_are_not_guessed_between() {
    let talk = talk();
    let heard = talk.told();
    let first = heard.steps.iter().next().expect("a SYN");
    let mut from = heard.record.originator;
    from.port += 1;
    let rival = SynSeen { ts: first.ts, from, to: heard.record.responder };
    let trace = lines("7 ", &CLIENT);
    assert_eq!(told_beside(&talk, &trace, &[rival]), Err(TraceError::Unclear));
    // With its port it is this one.
    let name = "getsockname(3, {sa_family=AF_INET, sin_port=htons(40000), sin_addr=inet_addr(\"10.0.0.1\")}, [16]) = 0";
    let named = lines("7 ", &[&CLIENT[..2], &[(10_500, name)], &CLIENT[2..]].concat());
    assert!(told_beside(&talk, &named, &[rival]).is_ok_and(|told| told.len() == 6));
    // Both traced, both alike.
    let twice = [lines("7 ", &CLIENT), lines("8 ", &CLIENT)].concat();
    assert_eq!(told_of(&talk, &twice), Err(TraceError::Unclear));
}

/// The server's calls: it waits for the request, and closes long after its FIN.
fn server(recv: &str) -> String {
    let accept = "accept4(3, {sa_family=AF_INET, sin_port=htons(40000), sin_addr=inet_addr(\"10.0.0.1\")}, [16], 0) = 4";
    let bind = "bind(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"0.0.0.0\")}, 16) = 0";
    let begin = lines("9 ", &[(-900_000, SOCKET), (-899_000, bind), (-898_000, "listen(3, 5) = 0"), (-897_000, accept)]);
    let end = lines(
        "9 ",
        &[
            (21_000, "sendto(4, \"welcome\", 7, 0, NULL, 0) = 7"),
            (21_050, "shutdown(4, SHUT_WR) = 0"),
            (21_060, "recvfrom(4, \"\", 9, 0, NULL, NULL) = 0"),
            (31_500, "close(4) = 0"),
            (31_600, "write(1, \"x\", 1) = 1"),
        ],
    );
    format!("{begin}{recv}{end}")
}

/// S hangs up first: its FIN comes with the answer, C's 10 ms later.
fn answered() -> Talk {
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "hello")).wait(10.0).s(data(1, 6, "welcome")).wait(0.05).s(seg("F.", 8, 6));
    talk.wait(0.05).c(seg(".", 6, 9)).wait(10.0).c(seg("F.", 6, 9)).wait(0.1).s(seg(".", 9, 7));
    talk
}

#[test]
fn a_call_that_waited_is_told_where_it_returned_and_the_last_close_is_told() {
    let call = "recvfrom(4, \"hello\", 100, 0, NULL, NULL) = 5";
    let broken = [
        line("9 ", 10_200, "recvfrom(4,  <unfinished ...>"),
        line("8 ", 10_300, "getpid() = 8"),
        line("9 ", 11_100, "<... recvfrom resumed>\"hello\", 100, 0, NULL, NULL) = 5"),
    ];
    let ways = [line("9 ", 10_200, call), line("9 ", 10_200, &format!("{call} <0.000900>")), broken.concat()];
    for recv in ways {
        let told = told_of(&answered(), &server(&recv)).expect("it is there");
        let after: Vec<_> = told.iter().map(|(number, name, ..)| (*number, name.as_str())).collect();
        let calls = [
            (0, "socket"),
            (0, "bind"),
            (0, "listen"),
            (3, "accept4"),
            (4, "recvfrom"),
            (5, "sendto"),
            (6, "shutdown"),
            (8, "recvfrom"),
            (9, "close"),
        ];
        assert_eq!(after, calls, "{recv}");
        assert_eq!(told.iter().filter(|(.., tied)| *tied).count(), 2, "{told:?}");
    }
}

#[test]
fn what_is_not_known_any_more_of_the_traced_host_is_not_asked() {
    let heard = answered().told();
    let steps: Vec<_> = heard.steps.iter().collect();
    let unseen = |story: &sockeye::story::Story| {
        let claims = story.scenes.iter().flat_map(|scene| &scene.steps).flat_map(|told| &told.claims);
        claims.filter(|claim| claim.host == Some(Host::Server) && matches!(claim.say, Say::CloseUnseen | Say::AcceptCan)).count()
    };
    let mut story = heard.story.clone();
    let trace = server(&line("9 ", 10_200, "recvfrom(4, \"hello\", 100, 0, NULL, NULL) = 5"));
    let trace = read_trace(&trace, &heard.record, &steps, &[]).expect("it is there");
    settle(&mut story, &steps, &trace);
    assert!(unseen(&heard.story) > 0);
    assert_eq!(unseen(&story), 0);
}

#[test]
fn bytes_that_no_traced_call_sent_are_not_given_to_another_call() {
    // The first of two answers was written by a call that was not traced.
    let mut talk = Talk::open();
    talk.wait(1.0).c(data(1, 1, "hello")).wait(10.0).s(data(1, 6, "welcome")).wait(0.05).c(seg(".", 6, 8));
    talk.wait(5.0).s(data(8, 6, "goodbye")).wait(0.05).c(seg(".", 6, 15));
    let recv = line("9 ", 10_200, "recvfrom(4, \"hello\", 100, 0, NULL, NULL) = 5");
    let trace = server(&recv);
    let trace: String = trace.split_inclusive('\n').filter(|line| !line.contains("shutdown") && !line.contains("\"\"")).collect();
    let trace = trace.replace(&format!("{START}.021000"), &format!("{START}.026000"));
    let told = told_of(&talk, &trace).expect("its address says so");
    let sends: Vec<_> = told.iter().filter(|(_, name, ..)| name == "sendto").collect();
    assert_eq!(sends.len(), 1);
    assert!(!sends[0].3, "{told:?}");
}

#[test]
fn a_trace_that_begins_in_the_middle_needs_all_sizes_to_fit() {
    let attached = lines("7 ", &CLIENT[2..]);
    let told = told_of(&talk(), &attached).expect("sizes and times fit");
    assert_eq!(told, expected()[2..]);
    let other = attached.replace("= 7", "= 6");
    assert_eq!(told_of(&talk(), &other), Err(TraceError::OtherSockets));
}

#[test]
fn numbers_that_no_call_returns_do_no_harm() {
    let name = "getsockname(3, {sa_family=AF_INET, sin_port=htons(40000), sin_addr=inet_addr(\"10.0.0.1\")}, [16]) = 0";
    let send = format!("sendto(3, \"x\", 1, 0, NULL, 0) = {}", i64::MAX);
    let recv = format!("recvfrom(3, \"x\", 1, 0, NULL, NULL) = {}", i64::MAX);
    let most = [(12_000, &send[..]), (12_100, &send), (12_200, &send), (12_300, &recv), (12_400, &recv), (12_500, &recv)];
    let trace = lines("7 ", &[&CLIENT[..2], &[(10_500, name)], &most].concat());
    let told = told_of(&talk(), &trace).expect("its port says so");
    assert!(told.iter().all(|(_, name, _, tied)| *tied == (name == "connect")), "{told:?}");
}
