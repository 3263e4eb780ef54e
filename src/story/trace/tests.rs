//! How lines of strace are read and sorted by socket.

use super::lines::read;
use super::sockets::{Socket, sort};
use crate::model::Timestamp;

const TRACE: &str = "\
16584 1795209080.519620 socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 5
16584 1795209080.519721 connect(5, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"10.98.0.2\")}, 16) = -1 EINPROGRESS (Operation now in progress)
16584 1795209080.542737 sendto(5, \"GET / HTTP/1.1\\r\\n\"..., 73, MSG_NOSIGNAL, NULL, 0) = 73
16584 1795209080.567729 recvfrom(5, \"HTTP/1.1 200 OK\\r\\n\"..., 102400, 0, NULL, NULL) = 92
16584 1795209080.567800 write(6, \"x\", 1)          = 1
16584 1795209080.567842 close(5)        = 0
16584 1795209080.567850 close(6)        = 0
";

fn names(socket: &Socket) -> Vec<&str> {
    socket.calls.iter().map(|call| call.name.as_str()).collect()
}

#[test]
fn the_calls_of_a_socket_are_found_among_others() {
    let sockets = sort(read(TRACE));
    assert_eq!(sockets.len(), 1);
    let calls = &sockets[0].calls;
    assert_eq!(names(&sockets[0]), ["socket", "connect", "sendto", "recvfrom", "close"]);
    assert_eq!(calls[1].error.as_deref(), Some("EINPROGRESS"));
    assert_eq!((calls[3].returned, calls[3].end), (92, None));
    assert_eq!(calls[3].until.map(Timestamp::subsec_nanos), Some(567_800_000));
}

#[test]
fn a_call_that_was_broken_off_is_joined_and_known_to_end() {
    let broken = TRACE.replace(
        "recvfrom(5, \"HTTP/1.1 200 OK\\r\\n\"..., 102400, 0, NULL, NULL) = 92",
        "recvfrom(5,  <unfinished ...>\n16585 1795209080.567735 getpid() = 1\n16584 1795209080.567740 <... recvfrom resumed>\"HTTP\"..., 102400, 0, NULL, NULL) = 92",
    );
    let sockets = sort(read(&broken));
    let call = sockets[0].calls.iter().find(|call| call.name == "recvfrom").expect("it is there");
    assert_eq!((call.returned, call.end.map(Timestamp::subsec_nanos)), (92, Some(567_740_000)));
}

#[test]
fn how_long_a_call_took_and_both_ends_are_read_where_strace_writes_them() {
    let text = "1.000100 recvfrom(3<TCP:[10.0.0.1:4000->10.0.0.2:80]>, \"hi\", 9, MSG_PEEK, NULL, NULL) = 2 <0.250000>\n";
    let sockets = sort(read(text));
    let call = &sockets[0].calls[0];
    assert_eq!((call.returned, call.peeks), (2, true));
    assert_eq!(call.end.map(Timestamp::subsec_nanos), Some(250_100_000));
    assert_eq!(sockets[0].peer, Some(([10, 0, 0, 2].into(), 80)));
}

#[test]
fn a_number_that_is_used_again_is_another_socket() {
    let twice = [TRACE, TRACE].concat();
    let sockets = sort(read(&twice));
    assert_eq!(sockets.len(), 2);
    assert_eq!(names(&sockets[1]), names(&sockets[0]));
}

#[test]
fn threads_share_what_they_use_and_processes_do_not() {
    let listens = "1 1.000001 socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 3\n1 1.000002 accept4(3, NULL, NULL, 0) = 4\n";
    let thread = format!("{listens}2 1.000003 recvfrom(4, \"x\", 9, 0, NULL, NULL) = 1\n2 1.000004 write(4, \"y\", 1) = 1\n");
    assert_eq!(names(&sort(read(&thread))[1]), ["socket", "accept4", "recvfrom", "write"]);
    // A child that reads a file has no socket, although its parent's has that number.
    let child = format!("{listens}2 1.000003 read(4, \"x\", 9) = 1\n2 1.000004 close(4) = 0\n");
    assert_eq!(names(&sort(read(&child))[1]), ["socket", "accept4"]);
    // Its own socket with that number is its own.
    let own =
        format!("{listens}2 1.000003 socket(AF_INET, SOCK_STREAM, 0) = 4\n2 1.000004 sendto(4, \"x\", 1, 0, NULL, 0) = 1\n");
    let sockets = sort(read(&own));
    assert_eq!((names(&sockets[1]), names(&sockets[2])), (vec!["socket", "accept4"], vec!["socket", "sendto"]));
    // A parent closes what its child goes on with, as a call for sockets shows; before that, it may be a file.
    let fork = format!("{listens}2 1.000003 getpid() = 2\n1 1.000004 close(4) = 0\n2 1.000005 read(4, \"x\", 9) = 1\n");
    let fork = format!("{fork}2 1.000006 shutdown(4, SHUT_WR) = 0\n2 1.000007 read(4, \"\", 9) = 0\n");
    let sockets = sort(read(&fork));
    assert_eq!(names(&sockets[1])[2..], ["close", "shutdown", "read"]);
    assert_eq!(sockets[1].perhaps.iter().map(|call| call.returned).collect::<Vec<_>>(), [1]);
}

#[test]
fn the_first_process_is_known_by_its_number_once_there_are_two() {
    let text = "\
1.000001 socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 3
strace: Process 8 attached
[pid     8] 1.000002 socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 3
[pid     7] 1.000003 sendto(3, \"xx\", 2, 0, NULL, 0) = 2
[pid     8] 1.000004 sendto(3, \"y\", 1, 0, NULL, 0) = 1
";
    let sockets = sort(read(text));
    let sent = |at: usize| sockets[at].calls.iter().map(|call| call.returned).collect::<Vec<_>>();
    assert_eq!((sent(0), sent(1)), (vec![3, 2], vec![3, 1]));
}

#[test]
fn names_that_no_error_has_are_not_kept() {
    let wild = "1 1.000001 recvfrom(5, \"x\", 1) = -1 \u{1b}[2J (x)\n1 1.000002 recvfrom(5, \"x\", 1) = -1 ECONNRESET (x)\n";
    let errors: Vec<_> = sort(read(wild))[0].calls.iter().map(|call| call.error.clone()).collect();
    assert_eq!(errors, [None, Some("ECONNRESET".to_owned())]);
}
