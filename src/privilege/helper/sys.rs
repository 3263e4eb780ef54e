//! System calls of the helper that have no safe binding. Every `unsafe` of it is here, behind functions that are safe to
//! call. Sources: fork(2), sigaction(2), `close_range(2)`, signal-safety(7).
#![expect(unsafe_code, reason = "system calls without a safe binding; each with its SAFETY note")]

use super::super::threads;
use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::os::raw::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `body` in a new process and gives its process id. It ends with the number that `body` returns, and never comes back
/// into the code of the caller: no destructor of the caller runs twice, no buffer of it is written twice.
///
/// # Errors
/// When this process has more than one thread, or none can be made.
pub(super) fn fork(body: impl FnOnce() -> u8) -> io::Result<i32> {
    if let Some(threads) = threads().filter(|threads| *threads != 1) {
        return Err(io::Error::other(format!("this process has {threads} threads already")));
    }
    keep_maps_of_sockets();
    // SAFETY: a child of fork(2) has one thread. Were there others in the parent, locks that they held (of the allocator,
    // of the standard library) would stay locked in the child for ever, and it could only make async-signal-safe calls.
    // There are none, as was just seen (without /proc: as the order of a run has it, where threads are made after the
    // helpers), and nobody but this thread can make one: so the child may run any code.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let code = catch_unwind(AssertUnwindSafe(body)).unwrap_or(101);
            // SAFETY: _exit(2) takes no pointers and does not return.
            unsafe { libc::_exit(i32::from(code)) }
        }
        pid => Ok(pid),
    }
}

/// Memory that is shared with a socket, as libpcap's ring of packets is, is not handed on by fork(2): who gets it could read
/// and forge packets, and would keep the socket alive. Our own ring sees to that itself, with or without `/proc`.
fn keep_maps_of_sockets() {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for (start, end) in maps.lines().filter_map(map_of_a_socket) {
        // SAFETY: nothing is changed in this process; what the advice says of the memory holds for children only.
        unsafe { libc::madvise(std::ptr::without_provenance_mut(start), end - start, libc::MADV_DONTFORK) };
    }
}

/// First address and end of a map of a socket, by its line (`proc_pid_maps(5)`).
fn map_of_a_socket(line: &str) -> Option<(usize, usize)> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    words.nth(4).filter(|name| name.starts_with("socket:["))?;
    let number = |hex| usize::from_str_radix(hex, 16).ok();
    number(start).zip(number(end)).filter(|(start, end)| start < end)
}

/// The groups of a user and `gid` among them; `gid` alone where the system knows no such user. Source: getgrouplist(3).
pub(super) fn groups_of(name: &str, gid: u32) -> Vec<u32> {
    /// More than any system allows (`NGROUPS_MAX`).
    const MOST: c_int = 65_536;
    let Ok(name) = CString::new(name) else { return vec![gid] };
    let mut groups = vec![gid; MOST as usize];
    let mut count = MOST;
    // SAFETY: the name ends with a zero; `groups` has room for `count` numbers, and `count` lives through the call.
    let found = unsafe { libc::getgrouplist(name.as_ptr(), gid, groups.as_mut_ptr(), &raw mut count) };
    groups.truncate(if found < 0 { 1 } else { usize::try_from(count).unwrap_or(1) });
    groups
}

extern "C" fn nothing(_: c_int) {}

/// These signals do nothing here from now on. A handler that does nothing, unlike ignoring, is not inherited by programs that
/// are started; a signal that whoever started us had ignored (`nohup`) stays ignored, for them, too. But for SIGCHLD: where
/// it is ignored, nobody can be told how a command ended.
pub(super) fn outlive_signals() {
    // SAFETY: sets what every process begins with; takes no pointers.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2] {
        // SAFETY: sigaction is plain data for which zero is a valid value; both pointers live through the calls; the handler
        // does nothing, which is allowed in the midst of anything.
        unsafe {
            let mut now: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, std::ptr::null(), &raw mut now);
            if now.sa_sigaction == libc::SIG_IGN {
                continue;
            }
            let mut quiet: libc::sigaction = std::mem::zeroed();
            quiet.sa_sigaction = nothing as extern "C" fn(c_int) as libc::sighandler_t;
            quiet.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &raw const quiet, std::ptr::null_mut());
        }
    }
}

/// Standard input is at its end from now on, and what is written to standard output is lost; with `errors`, so is what is written
/// to standard error. Without `/dev/null` pipes whose other ends are closed must do.
pub(super) fn no_terminal(errors: bool) -> io::Result<()> {
    let (input, output) = if let Ok(nowhere) = OpenOptions::new().read(true).write(true).open("/dev/null") {
        (OwnedFd::from(nowhere.try_clone()?), OwnedFd::from(nowhere))
    } else {
        let ((input, _), (_, output)) = (io::pipe()?, io::pipe()?);
        (input.into(), output.into())
    };
    rustix::stdio::dup2_stdin(&input)?;
    rustix::stdio::dup2_stdout(&output)?;
    if errors {
        rustix::stdio::dup2_stderr(&output)?;
    }
    Ok(())
}

/// Closes every descriptor of this process but these and the first three.
///
/// What is closed belongs to objects of the process that was forked, whose memory is still here. They must not be used any
/// more, nor dropped: [`fork`] sees to that for what its `body` cannot reach.
pub(super) fn close_all_but(keep: &[BorrowedFd<'_>]) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let mut keep: Vec<RawFd> = keep.iter().map(AsRawFd::as_raw_fd).collect();
    keep.sort_unstable();
    let mut first = 3;
    for next in keep {
        close_between(first, next - 1)?;
        first = next + 1;
    }
    close_between(first, RawFd::MAX)
}

pub(in crate::privilege) fn close_between(first: RawFd, last: RawFd) -> io::Result<()> {
    if first > last {
        return Ok(());
    }
    // SAFETY: close_range(2) takes no pointers. That the objects which own these descriptors are left alone is the promise of
    // `close_all_but`.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if done == 0 {
        return Ok(());
    }
    // Kernels before 5.9.
    let open: Vec<RawFd> = fs::read_dir("/proc/self/fd")?.filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok()).collect();
    for fd in open.into_iter().filter(|fd| (first..=last).contains(fd)) {
        // SAFETY: as above; the folder's own descriptor is closed already, which is an error without consequence.
        unsafe { libc::close(fd) };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_of_a_socket_is_known_by_its_line() {
        let ring = "7f2c00000000-7f2c04000000 rw-s 00000000 00:09 2885991                    socket:[2885991]";
        assert_eq!(map_of_a_socket(ring), Some((0x7f2c_0000_0000, 0x7f2c_0400_0000)));
        for other in ["7ffd1000-7ffd2000 rw-p 00000000 00:00 0", "1000-2000 r--p 00000000 08:01 77 /lib/socket:[1]", ""] {
            assert_eq!(map_of_a_socket(other), None, "{other}");
        }
    }
}
