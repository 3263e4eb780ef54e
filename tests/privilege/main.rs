//! Rights are given up before anything that somebody else wrote is parsed: looked at from outside (`/proc/PID/status` of every
//! thread) and from inside (system calls made in the place of the running program). Started as root, through sudo, with
//! capabilities of the file, in a user namespace. Needs root; without it every test says SKIPPED and passes.

#![cfg(target_os = "linux")]

mod callers;
#[cfg(target_arch = "x86_64")]
mod inside;
mod live;
#[path = "../support/netns.rs"]
mod netns;
#[path = "../support/program.rs"]
mod program;
mod saved;
mod users;

use netns::Pair;
use program::{copy_of_the_program, wait};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest that anything awaited may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// A user without an entry in the list of users.
const SOMEBODY: &str = "4321";

/// The program, running; what it prints goes to files.
struct Running {
    child: Child,
    folder: TempDir,
}

/// A folder that everybody can look into and only root can write to.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    folder
}

/// Starts it with standard input from nowhere, in the near namespace of a pair if there is one.
fn start(pair: Option<&Pair>, mut command: Command) -> Running {
    let folder = folder();
    let file = |name: &str| Stdio::from(File::create(folder.path().join(name)).expect("created"));
    command.stdout(file("stdout")).stderr(file("stderr"));
    let child = match pair {
        Some(pair) => pair.near.run(|| command.spawn()),
        None => command.spawn(),
    };
    Running { child: child.expect("runs"), folder }
}

impl Running {
    fn stdout(&self) -> String {
        fs::read_to_string(self.folder.path().join("stdout")).expect("text")
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).expect("text")
    }

    #[track_caller]
    fn wait_until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !is(self) {
            assert!(start.elapsed() < PATIENCE, "waited for: {what}\n{}\n{}", self.stdout(), self.stderr());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it captures.
    #[track_caller]
    fn listens(self) -> Self {
        self.wait_until("it listens", |it| it.stderr().contains("listening on"));
        self
    }

    /// Its processes and threads: of itself only.
    fn threads(&self) -> Vec<i32> {
        threads_of(self.child.id())
    }

    /// The processes that it forked, and those that they forked.
    fn descendants(&self) -> Vec<u32> {
        let mut found = vec![self.child.id()];
        let mut looked = 0;
        while let Some(pid) = found.get(looked) {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            looked += 1;
        }
        found.split_off(1)
    }

    fn signal(&self, name: &str) {
        let done = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(done.expect("kill runs").success());
    }

    /// Waits until it has captured so many packets, by its own words.
    #[track_caller]
    fn captures(&self, count: usize) {
        let words = format!("sockeye: {count} packets captured,");
        self.wait_until(&words, |it| {
            it.signal("-USR1");
            thread::sleep(Duration::from_millis(50));
            it.stderr().contains(&words)
        });
    }

    /// Ctrl-C, and how it ended.
    #[track_caller]
    fn interrupt(&mut self) -> ExitStatus {
        self.signal("-INT");
        wait(&mut self.child, PATIENCE)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn threads_of(pid: u32) -> Vec<i32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().parse().expect("a number")).collect()
}

/// What `/proc` says of a thread, by name.
fn status(thread: i32) -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("/proc/{thread}/status")).expect("it runs");
    text.lines().filter_map(|line| line.split_once(":\t")).map(|(name, rest)| (name.to_owned(), rest.trim().to_owned())).collect()
}

/// How a process without rights looks.
struct Wanted<'a> {
    uid: &'a str,
    gid: &'a str,
    groups: Option<&'a str>,
    sandbox: bool,
}

impl Wanted<'_> {
    const NOBODY: Wanted<'static> = Wanted { uid: "65534", gid: "65534", groups: Some(""), sandbox: true };

    /// Every thread of the process looks so.
    #[track_caller]
    fn check(&self, pid: u32) {
        let threads = threads_of(pid);
        assert!(!threads.is_empty());
        for thread in threads {
            let status = status(thread);
            for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                assert_eq!(status[set], "0000000000000000", "{set} of {}", status["Name"]);
            }
            let all = |id: &str| [id; 4].join("\t");
            assert_eq!(
                (status["Uid"].as_str(), status["Gid"].as_str()),
                (&*all(self.uid), &*all(self.gid)),
                "{}",
                status["Name"]
            );
            if let Some(groups) = self.groups {
                assert_eq!(status["Groups"], groups);
            }
            assert_eq!(status["NoNewPrivs"], "1");
            assert_eq!(status["Seccomp"], if self.sandbox { "2" } else { "0" }, "{}", status["Name"]);
        }
    }
}

/// Are we root, with the means of this test?
fn is_root(programs: &[&str]) -> bool {
    if status(std::process::id() as i32)["Uid"].split('\t').nth(1) != Some("0") {
        netns::skipped("needs root");
        return false;
    }
    for needed in programs {
        if !program::has(needed) && Command::new(needed).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            netns::skipped(&format!("needs {needed}"));
            return false;
        }
    }
    true
}

/// What somebody who took over a thread of the program would try. Every call must fail, but for those that show that calls
/// are made at all.
#[cfg(target_arch = "x86_64")]
#[track_caller]
fn try_everything(pid: u32, outputs: &Path) {
    use inside::Arg::{Bytes, Number as N};
    use inside::Inside;
    let create = i64::from(libc::O_CREAT | libc::O_WRONLY);
    let here = i64::from(libc::AT_FDCWD);
    let path = |path: &Path| [path.as_os_str().as_encoded_bytes(), b"\0"].concat();
    let outside = folder();
    let (inner, outer) = (path(&outputs.join("planted")), path(&outside.path().join("planted")));
    let mut address = [0_u8; 16];
    address[..4].copy_from_slice(&[2, 0, 0, 53]);
    let clone_thread_less = i64::from(libc::SIGCHLD);
    let packet_sockets = packet_sockets_of(pid);
    let words = String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).expect("it runs")).into_owned();
    assert!(!packet_sockets.is_empty() || !words.contains("\0-i\0"), "a capture has a socket");
    for thread in threads_of(pid) {
        let inside = Inside::stop(thread);
        assert_eq!(inside.call(libc::SYS_getpid, &[]).expect("a call that is allowed"), i64::from(pid));
        assert_eq!(inside.call(libc::SYS_kill, &[N(i64::from(pid)), N(0)]).expect("itself"), 0);
        let denied = |what: &str, number, args: &[inside::Arg<'_>]| {
            let error = inside.call(number, args).map(|result| panic!("{what} gave {result}")).unwrap_err();
            let refused = [libc::EPERM, libc::EACCES];
            assert!(refused.contains(&error.raw_os_error().expect("the system's")), "{what}: {error}");
        };
        let file = |name: &'static [u8]| [N(here), Bytes(name), N(0), N(0)];
        denied("/etc/shadow", libc::SYS_openat, &file(b"/etc/shadow\0"));
        denied("/etc/passwd", libc::SYS_openat, &file(b"/etc/passwd\0"));
        denied("/etc/passwd by open", libc::SYS_open, &[Bytes(b"/etc/passwd\0"), N(0), N(0)]);
        denied("/proc/self/mem", libc::SYS_openat, &file(b"/proc/self/mem\0"));
        denied("openat2", libc::SYS_openat2, &[N(here), Bytes(b"/etc/passwd\0"), Bytes(&[0; 24]), N(24)]);
        denied("a file among outputs", libc::SYS_openat, &[N(here), Bytes(&inner), N(create), N(0o600)]);
        denied("a file elsewhere", libc::SYS_openat, &[N(here), Bytes(&outer), N(create), N(0o600)]);
        denied("a file elsewhere by creat", libc::SYS_creat, &[Bytes(&outer), N(0o600)]);
        denied("a file in /tmp", libc::SYS_openat, &[N(here), Bytes(b"/tmp/sockeye-planted\0"), N(create), N(0o600)]);
        denied("a folder", libc::SYS_mkdir, &[Bytes(&outer), N(0o700)]);
        denied("unlink", libc::SYS_unlink, &[Bytes(&outer)]);
        denied("an IPv4 socket", libc::SYS_socket, &[N(libc::AF_INET.into()), N(libc::SOCK_STREAM.into()), N(0)]);
        denied("a packet socket", libc::SYS_socket, &[N(libc::AF_PACKET.into()), N(libc::SOCK_RAW.into()), N(0)]);
        denied("a Unix socket", libc::SYS_socket, &[N(libc::AF_UNIX.into()), N(libc::SOCK_STREAM.into()), N(0)]);
        denied("connect", libc::SYS_connect, &[N(0), Bytes(&address), N(16)]);
        denied("bind", libc::SYS_bind, &[N(0), Bytes(&address), N(16)]);
        denied("sendmsg", libc::SYS_sendmsg, &[N(1), Bytes(&[0; 56]), N(0)]);
        denied("a log's O_APPEND", libc::SYS_fcntl, &[N(2), N(libc::F_SETFL.into()), N(0)]);
        denied("a copy of standard errors", libc::SYS_fcntl, &[N(2), N(libc::F_DUPFD_CLOEXEC.into()), N(100)]);
        denied("execve", libc::SYS_execve, &[Bytes(b"/bin/sh\0"), N(0), N(0)]);
        denied("execveat", libc::SYS_execveat, &[N(here), Bytes(b"/bin/sh\0"), N(0), N(0), N(0)]);
        denied("fork", libc::SYS_fork, &[]);
        denied("vfork", libc::SYS_vfork, &[]);
        denied("clone of a process", libc::SYS_clone, &[N(clone_thread_less), N(0), N(0), N(0), N(0)]);
        let unseen = inside.call(libc::SYS_clone3, &[Bytes(&[0; 88]), N(88)]).expect_err("its flags cannot be seen");
        assert_eq!(unseen.raw_os_error(), Some(libc::ENOSYS));
        denied("ptrace", libc::SYS_ptrace, &[N(libc::PTRACE_ATTACH.into()), N(i64::from(std::process::id())), N(0), N(0)]);
        denied("kill of others", libc::SYS_kill, &[N(i64::from(std::process::id())), N(0)]);
        denied("setuid", libc::SYS_setuid, &[N(0)]);
        denied("unshare", libc::SYS_unshare, &[N(libc::CLONE_NEWUSER.into())]);
        denied("memory to execute", libc::SYS_mmap, &[N(0), N(4096), N(7), N(0x22), N(-1), N(0)]);
        denied("io_uring", libc::SYS_io_uring_setup, &[N(1), Bytes(&[0; 120])]);
        denied("bpf", libc::SYS_bpf, &[N(0), Bytes(&[0; 64]), N(64)]);
        for socket in &packet_sockets {
            denied("sending by write", libc::SYS_write, &[N(*socket), Bytes(&[0xff; 60]), N(60)]);
            denied("sending", libc::SYS_sendto, &[N(*socket), Bytes(&[0xff; 60]), N(60), N(0), N(0), N(0)]);
            denied("a copy of the socket", libc::SYS_fcntl, &[N(*socket), N(libc::F_DUPFD_CLOEXEC.into()), N(100)]);
            denied("a copy by dup", libc::SYS_dup, &[N(*socket)]);
            if !words.contains("libpcap") {
                let (level, option) = (libc::SOL_SOCKET.into(), libc::SO_ATTACH_FILTER.into());
                denied("another filter", libc::SYS_setsockopt, &[N(*socket), N(level), N(option), Bytes(&[0; 16]), N(16)]);
            }
        }
    }
    assert!(fs::read_dir(outside.path()).expect("ours").next().is_none() && !outputs.join("planted").exists());
}

#[cfg(not(target_arch = "x86_64"))]
fn try_everything(_: u32, _: &Path) {
    netns::skipped("calls from inside are made on x86_64 only");
}

/// The descriptors of its packet sockets, by their inodes.
#[cfg(target_arch = "x86_64")]
fn packet_sockets_of(pid: u32) -> Vec<i64> {
    let table = fs::read_to_string(format!("/proc/{pid}/net/packet")).expect("readable");
    let inodes: Vec<String> =
        table.lines().filter_map(|line| Some(format!("socket:[{}]", line.split_whitespace().nth(8)?))).collect();
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).expect("root may");
    let sockets = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|link| fs::read_link(link).is_ok_and(|to| inodes.contains(&to.to_string_lossy().into_owned())));
    sockets.filter_map(|link| link.file_name()?.to_str()?.parse().ok()).collect()
}

/// What somebody who took over the process for names would try: every call must fail.
#[cfg(target_arch = "x86_64")]
#[track_caller]
fn try_to_leave(pid: u32, outputs: &Path) {
    use inside::Arg::{Bytes, Number as N};
    let (here, create) = (i64::from(libc::AT_FDCWD), i64::from(libc::O_CREAT | libc::O_WRONLY));
    let planted = [outputs.join("planted").as_os_str().as_encoded_bytes(), b"\0"].concat();
    for thread in threads_of(pid) {
        let inside = inside::Inside::stop(thread);
        let denied = |what: &str, number, args: &[inside::Arg<'_>]| {
            let error = inside.call(number, args).map(|result| panic!("{what} gave {result}")).unwrap_err();
            assert!([libc::EPERM, libc::EACCES].contains(&error.raw_os_error().expect("the system's")), "{what}: {error}");
        };
        denied("a file", libc::SYS_openat, &[N(here), Bytes(&planted), N(create), N(0o600)]);
        denied("a folder", libc::SYS_mkdir, &[Bytes(&planted), N(0o700)]);
        denied("execve", libc::SYS_execve, &[Bytes(b"/bin/sh\0"), N(0), N(0)]);
        denied("fork", libc::SYS_fork, &[]);
        denied("clone of a process", libc::SYS_clone, &[N(libc::SIGCHLD.into()), N(0), N(0), N(0), N(0)]);
        denied("kill of others", libc::SYS_kill, &[N(i64::from(std::process::id())), N(0)]);
        denied("/etc/shadow", libc::SYS_openat, &[N(here), Bytes(b"/etc/shadow\0"), N(0), N(0)]);
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn try_to_leave(_: u32, _: &Path) {
    netns::skipped("calls from inside are made on x86_64 only");
}

/// A FIFO.
#[expect(unsafe_code, reason = "mkfifo(3) has no safe binding here")]
fn fifo(path: &Path) {
    let name = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).expect("no zero");
    // SAFETY: the name ends with a zero.
    let made = unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
    assert_eq!(made, 0, "{}", io::Error::last_os_error());
}
