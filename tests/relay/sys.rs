//! The system calls of these tests that no safe binding has.

use std::fs::File;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// This thread is woken in time, as far as the kernel allows: no timer slack, before others.
#[expect(unsafe_code, reason = "prctl(2) and sched_setscheduler(2) have no safe binding")]
pub(crate) fn punctual() {
    let first = libc::sched_param { sched_priority: 5 };
    // SAFETY: numbers, and a struct that lives; both change this thread only. Refusals do no harm.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64);
        libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const first);
    }
}

/// Which of the two has something to read, at the latest after this time.
#[expect(unsafe_code, reason = "ppoll(2) has no safe binding")]
pub(crate) fn readable(files: &[File; 2], at_most: Duration) -> [bool; 2] {
    let mut polls = [0, 1].map(|i| libc::pollfd { fd: files[i].as_raw_fd(), events: libc::POLLIN, revents: 0 });
    let time = libc::timespec { tv_sec: at_most.as_secs() as libc::time_t, tv_nsec: at_most.subsec_nanos().into() };
    // SAFETY: two `pollfd` of open files and a `timespec` that live; no signal mask.
    let ready = unsafe { libc::ppoll(polls.as_mut_ptr(), 2, &raw const time, std::ptr::null()) };
    polls.map(|poll| ready > 0 && poll.revents & libc::POLLIN != 0)
}

/// Keep-alives after a second of silence, and every second from then on.
pub(crate) fn keep_alive(socket: &TcpStream) {
    set(socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1);
    set(socket, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, 1);
    set(socket, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, 1);
}

/// How its congestion window is governed.
pub(crate) fn congestion_control(socket: &TcpStream, name: &str) {
    set_bytes(socket, libc::IPPROTO_TCP, libc::TCP_CONGESTION, name.as_bytes());
}

fn set(socket: &TcpStream, level: i32, option: i32, value: i32) {
    set_bytes(socket, level, option, &value.to_ne_bytes());
}

#[expect(unsafe_code, reason = "std sets few socket options")]
fn set_bytes(socket: &TcpStream, level: i32, option: i32, value: &[u8]) {
    let length = value.len() as libc::socklen_t;
    // SAFETY: an open socket, and bytes of that length that live; the kernel copies them.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, value.as_ptr().cast(), length) };
    assert_eq!(done, 0, "setsockopt: {}", std::io::Error::last_os_error());
}
