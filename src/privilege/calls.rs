//! The system calls that a run still makes when its rights are gone, each group with who needs it, and nothing else. What is
//! not here fails with EPERM; `clone3`, whose flags a filter cannot see, fails with ENOSYS, so that the C library takes `clone`.
//!
//! Not here on purpose: `socket`, `connect`, `bind`, `listen`, `accept`, `execve`, `fork`, `kill` of others, `ptrace`, `process_vm_*`,
//! `pidfd_*`, opening for writing, renaming, removing, linking, changing owners and modes, mounting, namespaces, `io_uring`,
//! `bpf`, `perf_event_open`, `dup`, pages that can be executed.
#![expect(unsafe_code, reason = "a socket's family and the own process's number are asked of the system")]

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter_all_threads,
};
use std::collections::BTreeMap;
use std::fs;
use std::mem;
use std::os::fd::RawFd;

/// Calls with no look at their arguments.
const FREE: &[c_long] = &[
    // Reading captures, stdin, pipes, the zone's rules.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_lseek,
    libc::SYS_fadvise64,
    libc::SYS_close,
    // Frames from sockets that are open: our own socket, the helper's answers with descriptors.
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_ppoll,
    // Output files that are open: cut after a failed write, made safe on the disk.
    libc::SYS_ftruncate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    // What files are (the zone's file is looked at every second).
    libc::SYS_fstat,
    libc::SYS_statx,
    libc::SYS_newfstatat,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
    // Memory: the allocator, thread stacks, maps of rings and files that end.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads, made by `clone` below, and locks between them.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_restart_syscall,
    // Signals: handlers, their stacks, their ends.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Clocks and waits.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    // Who and where we are; seeds of hash tables; figures of this process.
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_getrusage,
];

/// The same, of systems that still have the older forms.
#[cfg(target_arch = "x86_64")]
const FREE_OLD: &[c_long] = &[libc::SYS_poll, libc::SYS_stat, libc::SYS_lstat, libc::SYS_readlink, libc::SYS_getrlimit];
#[cfg(not(target_arch = "x86_64"))]
const FREE_OLD: &[c_long] = &[];

/// Calls that write to a descriptor: not to a socket that captures, which would send. Their first argument is the descriptor. Its
/// number stays forbidden when the socket is closed: see [`LowNumbers`](super::LowNumbers).
const WRITING: &[c_long] = &[libc::SYS_write, libc::SYS_writev, libc::SYS_pwrite64];

/// `fcntl(2)`: is it open, and how. Not `F_SETFL`, which would take `O_APPEND` off a log. A copy is made of standard output only.
const FCNTL: &[libc::c_int] = &[libc::F_GETFD, libc::F_SETFD, libc::F_GETFL];

/// `ioctl(2)`: is it a terminal and how wide; is an interface up and what is its name; may a socket wait.
#[allow(clippy::unnecessary_cast, reason = "the type of requests differs between C libraries")]
const IOCTL: &[u64] = &[
    libc::TCGETS as u64,
    libc::TIOCGWINSZ as u64,
    libc::SIOCGIFNAME as u64,
    libc::SIOCGIFFLAGS as u64,
    libc::SIOCGIFINDEX as u64,
    libc::FIONBIO as u64,
];

/// `prctl(2)`: names of threads, and the allocator's names for memory.
const PRCTL: &[libc::c_int] = &[libc::PR_SET_NAME, libc::PR_GET_NAME, PR_SET_VMA];
/// `PR_SET_VMA` of `linux/prctl.h`.
const PR_SET_VMA: libc::c_int = 0x5356_4d41;

/// Flags of `open(2)` that make, empty or write a file. Bits of `O_TMPFILE` that are not `O_DIRECTORY`.
const OPENS_FOR_WRITING: u64 =
    (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND | (libc::O_TMPFILE & !libc::O_DIRECTORY)) as u64;

/// Flags of `clone(2)` that give a process or a namespace of its own.
const NAMESPACES: libc::c_int = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

/// Descriptors that are looked through for sockets where `/proc` does not tell which there are.
const DESCRIPTORS: RawFd = 1024;

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// What the calls of the process for names are not: starting programs, looking into other processes, and what an intruder would
/// use to leave it. The C library's resolver and whatever it loads need most others.
const NOT_FOR_NAMES: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_io_uring_setup,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
];

/// The same, of systems that still have the older forms.
#[cfg(target_arch = "x86_64")]
const NOT_FOR_NAMES_OLD: &[c_long] = &[libc::SYS_fork, libc::SYS_vfork, libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown];
#[cfg(not(target_arch = "x86_64"))]
const NOT_FOR_NAMES_OLD: &[c_long] = &[];

/// What the run does with its sockets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sockets<'a> {
    /// Messages may be sent on these.
    pub(super) helpers: &'a [RawFd],
    /// These can only be read.
    pub(super) capturing: &'a [RawFd],
    /// Filters are attached to the end: libpcap's socket is closed by one that lets nothing in.
    pub(super) attach: bool,
}

/// Filters the calls of every thread.
pub(super) fn filter(sockets: Sockets<'_>) -> Result<(), Error> {
    // A filter that lets everything but one call through comes first; of two filters the stricter answer counts.
    let old_clone = Rules::from([(libc::SYS_clone3, Vec::new())]);
    apply(old_clone, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?;
    let rules = rules(sockets)?;
    apply(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)
}

/// Filters the calls of the process for names.
pub(super) fn filter_names() -> Result<(), Error> {
    let old_clone = Rules::from([(libc::SYS_clone3, Vec::new())]);
    apply(old_clone, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?;
    let mut rules: Rules = NOT_FOR_NAMES.iter().chain(NOT_FOR_NAMES_OLD).map(|call| (*call, Vec::new())).collect();
    let process = low(0, SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64), 0)?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![process])?]);
    apply(rules, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32))
}

fn apply(rules: Rules, others: SeccompAction, these: SeccompAction) -> Result<(), Error> {
    let architecture = std::env::consts::ARCH.try_into()?;
    let program: BpfProgram = SeccompFilter::new(rules, others, these, architecture)?.try_into()?;
    apply_filter_all_threads(&program)
}

/// The open sockets that capture: all but `helpers` and what the caller gave as standard input, output and errors, and packet
/// sockets even there. To be asked while `/proc` may still be read.
pub(super) fn capturing(helpers: &[RawFd]) -> Vec<RawFd> {
    let number = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let open: Vec<RawFd> =
        fs::read_dir("/proc/self/fd").map_or_else(|_| (0..DESCRIPTORS).collect(), |all| all.filter_map(number).collect());
    let captures = |fd: &RawFd| match family(*fd) {
        Some(libc::AF_PACKET) => true,
        Some(_) => *fd > libc::STDERR_FILENO && !helpers.contains(fd),
        None => false,
    };
    open.into_iter().filter(captures).collect()
}

fn family(fd: RawFd) -> Option<libc::c_int> {
    let mut family: libc::c_int = 0;
    let mut length = mem::size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: value and length live, and the length is that of the value; a descriptor that is none is an error.
    let done = unsafe {
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_DOMAIN, (&raw mut family).cast::<libc::c_void>(), &raw mut length)
    };
    (done == 0).then_some(family)
}

/// A condition on the low 32 bits of an argument.
fn low(argument: u8, operation: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operation, value)
}

/// All that is allowed.
fn rules(sockets: Sockets<'_>) -> Result<Rules, BackendError> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let mut rules: Rules = FREE.iter().chain(FREE_OLD).map(|call| (*call, Vec::new())).collect();
    let mut allow = |call: c_long, conditions: Vec<SeccompCondition>| -> Result<(), BackendError> {
        if conditions.is_empty() {
            rules.insert(call, Vec::new());
        } else {
            rules.entry(call).or_default().push(SeccompRule::new(conditions)?);
        }
        Ok(())
    };
    let not_capturing = || sockets.capturing.iter().map(|fd| low(0, Ne, *fd as u64)).collect::<Result<Vec<_>, _>>();
    for call in WRITING {
        allow(*call, not_capturing()?)?;
    }
    // To the helpers only; to no other address, and (unlike by sendmsg) without descriptors.
    for helper in sockets.helpers {
        let nowhere_else = SeccompCondition::new(4, SeccompCmpArgLen::Qword, Eq, 0)?;
        allow(libc::SYS_sendto, vec![low(0, Eq, *helper as u64)?, nowhere_else])?;
    }
    // Files for reading only; which ones is Landlock's to say.
    allow(libc::SYS_openat, vec![low(2, MaskedEq(OPENS_FOR_WRITING), libc::O_RDONLY as u64)?])?;
    #[cfg(target_arch = "x86_64")]
    allow(libc::SYS_open, vec![low(1, MaskedEq(OPENS_FOR_WRITING), libc::O_RDONLY as u64)?])?;
    for operation in FCNTL {
        allow(libc::SYS_fcntl, vec![low(1, Eq, *operation as u64)?])?;
    }
    let mut copy = vec![low(1, Eq, libc::F_DUPFD_CLOEXEC as u64)?, low(0, Eq, libc::STDOUT_FILENO as u64)?];
    copy.extend(not_capturing()?);
    allow(libc::SYS_fcntl, copy)?;
    for request in IOCTL {
        allow(libc::SYS_ioctl, vec![low(1, Eq, *request)?])?;
    }
    for operation in PRCTL {
        allow(libc::SYS_prctl, vec![low(0, Eq, *operation as u64)?])?;
    }
    // Counters and errors of sockets; for libpcap a filter that lets nothing more in, when the end is drained.
    allow(libc::SYS_getsockopt, vec![low(1, Eq, libc::SOL_SOCKET as u64)?])?;
    allow(libc::SYS_getsockopt, vec![low(1, Eq, libc::SOL_PACKET as u64)?])?;
    if sockets.attach {
        allow(libc::SYS_setsockopt, vec![low(1, Eq, libc::SOL_SOCKET as u64)?, low(2, Eq, libc::SO_ATTACH_FILTER as u64)?])?;
    }
    // Memory that cannot be executed.
    allow(libc::SYS_mmap, vec![low(2, MaskedEq(libc::PROT_EXEC as u64), 0)?])?;
    allow(libc::SYS_mprotect, vec![low(2, MaskedEq(libc::PROT_EXEC as u64), 0)?])?;
    // Threads, not processes. The first filter has an answer to clone3 already, the stricter one.
    allow(libc::SYS_clone3, Vec::new())?;
    let thread = (libc::CLONE_THREAD | libc::CLONE_VM | NAMESPACES) as u32;
    let flags = u64::from((libc::CLONE_THREAD | libc::CLONE_VM) as u32);
    allow(libc::SYS_clone, vec![low(0, MaskedEq(u64::from(thread)), flags)?])?;
    // Signals to this process itself: abort, and dying as SIGPIPE would have it.
    // SAFETY: takes nothing and gives a number.
    let own = unsafe { libc::getpid() } as u64;
    for call in [libc::SYS_kill, libc::SYS_tgkill] {
        allow(call, vec![low(0, Eq, own)?])?;
    }
    // Asking for limits, not setting them: the new limit is a null pointer.
    allow(libc::SYS_prlimit64, vec![SeccompCondition::new(2, SeccompCmpArgLen::Qword, Eq, 0)?])?;
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_a_filter_that_the_kernel_can_hold() {
        let architecture = std::env::consts::ARCH.try_into().expect("known");
        let capturing: Vec<RawFd> = (9..46).collect();
        let rules = rules(Sockets { helpers: &[7, 8], capturing: &capturing, attach: true }).expect("sound");
        for forbidden in [
            libc::SYS_socket,
            libc::SYS_connect,
            libc::SYS_execve,
            libc::SYS_ptrace,
            libc::SYS_bind,
            libc::SYS_fork,
            libc::SYS_sendmsg,
        ] {
            assert!(!rules.contains_key(&forbidden));
        }
        let filter = SeccompFilter::new(rules, SeccompAction::Errno(1), SeccompAction::Allow, architecture).expect("sound");
        let program: BpfProgram = filter.try_into().expect("fits");
        assert!(program.len() < 4096, "{}", program.len());
    }

    #[test]
    fn without_a_helper_nothing_is_sent_and_without_libpcap_no_filter_attached() {
        let rules = rules(Sockets { helpers: &[], capturing: &[], attach: false }).expect("sound");
        assert!(!rules.contains_key(&libc::SYS_sendto) && !rules.contains_key(&libc::SYS_setsockopt));
        assert!(rules[&libc::SYS_write].is_empty());
    }
}
