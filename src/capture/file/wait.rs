//! The one system call that the standard library lacks for pipes: waiting for bytes only so long. (A thread that reads
//! ahead would do without, at the price of a copy of every byte and of a read that no signal ends.)
#![expect(unsafe_code, reason = "poll(2) has no safe binding here")]

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// Waits until there are bytes to read, the end, or an error, at most for `limit`. False: none of them, or a signal came.
pub(super) fn readable(fd: BorrowedFd<'_>, limit: Duration) -> io::Result<bool> {
    let mut about = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let limit = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the pointer leads to one live `pollfd`, which is the count given; the descriptor is open as long as it is
    // borrowed.
    let ready = unsafe { libc::poll(&raw mut about, 1, limit) };
    if ready >= 0 {
        return Ok(ready > 0);
    }
    match io::Error::last_os_error() {
        error if error.kind() == ErrorKind::Interrupted => Ok(false),
        error => Err(error),
    }
}
